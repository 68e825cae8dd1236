"""Proofs by real packets: of a policy that holds, of rules that do not hold, of a machine's own rules, and of exports; policies drawn by lot besides."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

import proofs_guard_export
from firewalls import load, run_all
from portulan.cli.contract import schema_of
from proofs_guard_prove import there

pytestmark = [pytest.mark.lab, pytest.mark.peer]
PORTULAN = [sys.executable, "-m", "portulan"]
POLICY = """
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
[doors]
https = "everyone"
ssh = { from = "office", limit = "10/minute" }
"5432/tcp" = "office"
"8000-8010/tcp" = "this-host"
"""
LIVE = """
iptables -P INPUT DROP
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -s 203.0.113.0/24 -p tcp --dport 5432 -m comment --comment office -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT
iptables -A INPUT -p udp --dport 6000:6010 -j ACCEPT
ip6tables -P INPUT DROP
ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT
"""
BESIDE = "table inet beside { chain in { type filter hook input priority 5; tcp dport 80 drop; udp dport 6005 drop; }; }"


@pytest.fixture
def host(sandbox, peers):
    built = sandbox.host("web", root=peers)
    if built.run(["sh", "-c", "command -v nft && command -v ip"]).returncode:
        pytest.skip("no private root with peer programs: it lacks nftables or iproute2")
    sandbox.link(built, sandbox.router("world"))
    run_all(built, "ip route add default via 198.18.0.2\nip -6 route add default via fd00::2")
    return built


def prove(host, *words, status=0):
    done = host.run([*PORTULAN, "guard", "prove", "--json", *words])
    assert done.returncode == status, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of("guard-prove"))
    return answer


def let_in(answer, transport="tcp", sender=None, road="input"):
    rows = [row for row in answer["items"] if row["road"] == road and row["transport"] == transport]
    return {row["ports"] for row in rows if sender is None or row["sender"] == sender}


def test_a_policy_is_proved(host, samples):
    host.run(["sh", "-c", "cat > /portulan.toml"], text=POLICY)
    answer = prove(host, "--policy", "/portulan.toml", *samples(["--quick"], []))
    assert answer["proved"]
    assert answer["differences"] == []
    assert answer["packets"] > samples(4, 14) * 65_536
    assert let_in(answer, sender="1.0.0.9") == {"443"}
    assert let_in(answer, sender="198.51.100.9") == {"22,443,5432"}
    assert let_in(answer, road="published") == {"443", "22,443,5432"}
    assert {row["through"] == row["sent"] for row in answer["items"] if row["road"] == "local"} == {True}
    assert {row["link"] for row in answer["items"]} == {"eth0", "lo", "container0"}
    strangers = {
        row["version"]: (row["through"], row["near"]) for row in answer["messages"] if row["names"] == ["everyone"] and row["sent"] > 1
    }
    assert strangers == {4: ("3,11-12", ""), 6: ("1-4,128-129", "1-4,128-129,133-136,141-142,148-149")}, "what every policy keeps"
    neighbour = next(row for row in answer["messages"] if row["sender"] == "fe80::9")
    assert neighbour["through"] == "1-4,128-132,143,151-153"
    assert host.run(["nft", "list", "ruleset"]).stdout == "", "nothing of the machine's own is touched"


def test_a_machine_is_proved_with_all_its_rules(host):
    run_all(host, LIVE)
    load(host, BESIDE)
    host.run(["sh", "-c", "cat > /portulan.toml"], text='[doors]\n"22/tcp" = "everyone"\n"6000-6010/udp" = "everyone"\n')
    answer = prove(host, "--live-rules", "--quick", "--policy", "/portulan.toml", status=1)
    assert answer["live"]
    rows = [row for row in answer["items"] if row["road"] == "input" and row["transport"] == "tcp" and not row["whole"]]
    assert any("5432" in row["ports"].split(",") for row in rows if row["sender"].startswith("203.0.113."))
    assert not any("80" in row["ports"].split(",") for row in rows), "another table has the last word"
    assert any("6000-6004" in row["ports"] for row in answer["items"] if row["transport"] == "udp" and row["whole"])
    wrong = {(row["port"], row["transport"], row["kernel"]) for row in answer["differences"]}
    assert {(6005, "udp", False), (5432, "tcp", True)} <= wrong
    assert {row["simulation"] == row["kernel"] for row in answer["differences"] if row["road"] == "input"} == {True}


def test_the_zones_of_the_documentation_are_proved(samples):
    """Employees go out to mail and web servers, and nothing comes in."""
    text = (Path(__file__).parents[2] / "docs/guard-prove.md").read_text("utf-8")
    policy = text.split("```toml\n")[1].split("```")[0]
    rows = there("prove_tallies", policy, samples(False, True))
    let = {(row["link"], row["beyond"], row["transport"]): row for row in rows if row["road"] == "forward"}
    assert all(row["through"] == row["expected"] for row in rows)
    assert let["eth1", "eth0", "tcp"]["ports"] == "25,80,443"
    assert let["eth1", "eth0", "udp"]["ports"] == "443"
    assert all(row["through"] == 0 for (link, beyond, _), row in let.items() if (link, beyond) != ("eth1", "eth0"))
    assert all(row["through"] == 0 for row in rows if row["road"] in ("input", "published") and row["link"] == "eth0")
    shown = {(link, beyond): told for link, beyond, told in re.findall(r"^ (\w+) to (\w+)  .*  (\S.*)$", text, re.MULTILINE)}
    assert len(shown) == 6
    for way, told in shown.items():
        passed = [f"{let[*way, transport]['ports']}/{transport}" for transport in ("tcp", "udp") if let[*way, transport]["through"]]
        assert told == (" ".join(passed) or "nothing")


def test_without_rules_there_is_nothing_to_prove(host):
    done = host.run([*PORTULAN, "guard", "prove", "--live-rules"])
    assert done.returncode == 3
    assert "no rules" in done.stderr


FLAWS = (
    (("443 comment", "444 comment"), {(443, "tcp"), (443, "udp"), (444, "tcp"), (444, "udp")}),
    (("198.51.100.0/24", "198.51.100.0/25"), {(22, "tcp"), (5432, "tcp")}),
    (("ct original proto-dst vmap @tcp_doors", "tcp dport vmap @tcp_doors"), {(port, "tcp") for port in (22, 443, 5432)}),
    (("time-exceeded, parameter-problem }", "time-exceeded }"), {(12, "icmp")}),
)


def test_rules_that_do_other_than_the_policy_says_are_found_out():
    for (_, wrong), found in zip(FLAWS, there("prove_flawed", POLICY, [flaw for flaw, _ in FLAWS]), strict=True):
        assert {(port, transport) for port, transport in found} == wrong


@pytest.mark.prove
def test_policies_drawn_by_lot(day_seed, samples):
    for seed in range(day_seed, day_seed + samples(1, 30)):
        found, _ = there("prove_drawn", seed, False)
        assert not found, "\n".join(found)


@pytest.mark.prove
def test_exports_do_the_same(day_seed, samples):
    targets = ["iptables", "ufw", "firewalld"]
    for target in samples([targets[day_seed % 3]], targets):
        for seed in range(day_seed, day_seed + samples(1, 10)):
            found, _ = proofs_guard_export.to(target, seed, whole=False)
            assert not found, "\n".join(found)
