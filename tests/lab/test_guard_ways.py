"""What a policy does beyond its doors, on a running kernel: sessions planned and ended on every way, ways in that other tables shut, files that others may change, and packets of ping and SCTP."""

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from firewalls import load, run_all
from guard_life_lab import Lab
from labs import PORTULAN, connect, listen
from logins import start_sshd
from proofs_guard_prove import there

pytestmark = [pytest.mark.lab, pytest.mark.peer]
LOGIN = "ssh -q -i {folder}/me -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@{address} {line}"
BESIDE = "table ip beside {{ chain in {{ type filter hook input priority 5; policy accept; ct state established accept; tcp dport {port} drop; }}; }}"


@pytest.fixture
def lab(sandbox, peers, tmp_path):
    tmp_path.chmod(0o755)
    with Lab(sandbox, peers, tmp_path) as built:
        yield built


def planned(lab, file):
    answer = lab.guard("plan", "--policy", file, "--json")
    assert answer.returncode == 1, answer.stderr
    return json.loads(answer.stdout)


# What runs


def hears(one, other):
    """Whether what one side says still comes to the other."""
    other.settimeout(0.3)
    try:
        one.sendall(b"x")
        return other.recv(1) == b"x"
    except OSError:
        return False


@pytest.fixture
def middle(sandbox, lab):
    """The host stands between the client and a server elsewhere, and tracks connections already."""
    elsewhere = sandbox.host("elsewhere")
    sandbox.link(lab.host, elsewhere)
    for family in (4, 6):
        lab.host.set(f"net.ipv{family}.{'ip_forward' if family == 4 else 'conf.all.forwarding'}", 1)
    lab.client.route("198.18.1.0/24", lab.host.address)
    elsewhere.route("198.18.0.0/24", "198.18.1.1")
    load(
        lab.host,
        "table inet watch { chain f { type filter hook prerouting priority 0; ct state new counter; }; chain o { type filter hook output priority 0; ct state new counter; }; }",
    )
    return elsewhere


def test_the_sessions_that_plan_lists_are_those_that_cut_ends(lab, middle):
    Path(lab.folder, "narrow.toml").write_text(
        '[doors]\nssh = "everyone"\n9101 = "everyone"\n[outgoing]\n"9201/tcp" = "everyone"\n[zones]\ninside = "eth0"\noutside = "eth1"\n'
        '[forward]\n"inside -> outside" = ["9301/tcp"]\n'
    )
    address = middle.address
    servers = {port: listen(where, "", port) for where, port in (
        (lab.host, 9100), (lab.host, 9101), (middle, 9200), (middle, 9201), (middle, 9300), (middle, 9301),
    )}  # fmt: skip
    pairs = {}
    for opener, port in (
        (lab.client, 9100),
        (lab.client, 9101),
        (lab.host, 9200),
        (lab.host, 9201),
        (lab.client, 9300),
        (lab.client, 9301),
    ):
        one = connect(opener, lab.host.address if port < 9200 else address, port)
        pairs[port] = one, servers[port].accept()[0]
    answering = planned(lab, "narrow.toml")
    listed = {(each["way"], each["port"], each["peer"], each["to"]) for each in answering["sessions"]}
    assert listed == {("in", 9100, lab.client.address, ""), ("out", 9200, address, ""), ("through", 9300, lab.client.address, address)}
    ways = {(row["way"], tuple(row["comes"]), tuple(row["leaves"])) for row in answering["ways"]}
    assert {("through", ("eth0",), ("eth1",)), ("through", ("eth1",), ("eth0",))} <= ways
    assert any(way == "out" for way, _, _ in ways)
    said = lab.guard("plan", "--policy", "narrow.toml")
    assert f"through to {address} 9300/tcp: 1 session open now" in " ".join(said.stdout.split())
    assert "this host -> eth0, eth1" in said.stdout or "this host -> eth1, eth0" in said.stdout
    japanese = lab.guard("plan", "--policy", "narrow.toml", "--lang", "ja").stdout
    assert "このホスト ->" in japanese
    lab.done("apply", "--policy", "narrow.toml")
    confirmed = json.loads(lab.done("confirm", "--console", "--cut", "--json"))["items"][0]
    assert [each for each in confirmed["cut"] if each not in answering["sessions"]] == []
    assert len(confirmed["cut"]) == len(answering["sessions"])
    assert {port for port, pair in pairs.items() if hears(*pair)} == {9101, 9201, 9301}
    for one in (*servers.values(), *(one for pair in pairs.values() for one in pair)):
        one.close()
    assert lab.guard("plan", "--policy", "narrow.toml").returncode == 0


# Ways in


def test_a_way_in_that_another_table_shuts_is_none(lab, peers, tmp_path):
    if "openssh-server" not in peers.packages:
        pytest.skip("no private root with peer programs: openssh-server is not in it")
    lab.listeners[0].shutdown(socket.SHUT_RDWR)  # of port 22, while a thread waits there
    lab.listeners[0].close()
    start_sshd(lab.host, tmp_path, 2222, stderr=subprocess.DEVNULL)
    lab.host.wait_for_port(2222)
    Path(tmp_path, "open.toml").write_text('[doors]\n2222 = "everyone"\n')
    Path(tmp_path, "beside.nft").write_text(BESIDE.format(port=2222))

    def typed(line):
        inner = shlex.quote(f"cd {tmp_path}; {line}")
        return lab.client.run(["sh", "-c", LOGIN.format(folder=tmp_path, address=lab.host.address, line=inner)])

    # Nothing is in the way: then it is let in.
    assert typed(f"{PORTULAN} guard check --policy open.toml").returncode == 0
    answer = typed(f"nft -f beside.nft; {PORTULAN} guard check --policy open.toml; {PORTULAN} guard apply --policy open.toml")
    assert answer.returncode == 1
    assert "the table ip beside does not" in " ".join(answer.stdout.split())
    assert "but the table ip beside would not: no new login could confirm" in " ".join(answer.stderr.split())
    assert "portulan" not in lab.nft("list", "tables").stdout
    # By IPv6 that table refuses nothing: there is still a way in. Where it is of both, there is none.
    assert "lets in nobody" not in answer.stderr
    lab.nft("delete", "table", "ip", "beside")
    load(lab.host, BESIDE.format(port=2222).replace("table ip", "table inet"))
    checked = lab.guard("check", "--policy", "open.toml", "--json")
    assert (checked.returncode, [each["code"] for each in json.loads(checked.stdout)["doubts"]]) == (1, ["lock-out.others"])
    # Nobody gets in as it is: our rules take nothing away.
    lab.done("apply", "--policy", "open.toml")
    lab.done("rollback")
    # Another server is a way in until our rules shut it.
    other = tmp_path / "other"
    other.mkdir()
    start_sshd(lab.host, other, 2223, stderr=subprocess.DEVNULL)
    lab.host.wait_for_port(2223)
    assert "lets in nobody" in " ".join(lab.refused("apply", "--policy", "open.toml").split())
    lab.done("apply", "--policy", "open.toml", "--shut-me-out", "--shut-me-out")
    lab.done("rollback")


# Whose file


def test_a_file_that_others_may_change_is_not_applied_by_root(lab):
    Path(lab.folder, "list.txt").write_text("198.18.0.0/16\n")
    policy = Path(lab.folder, "p.toml")
    policy.write_text('[sources]\nnear = "file list.txt"\n[doors]\nssh = "everyone"\n8001 = "near"\n')
    for path, mode, sentence in ((policy, 0o664, "the group root may write"), (Path(lab.folder, "list.txt"), 0o666, "everybody may write")):
        path.chmod(mode)
        told = " ".join(lab.refused("apply", "--policy", "p.toml").split())
        assert sentence in told
        assert str(path) in told.replace(" ", "")
        assert "--trust-file" in told
        assert "portulan" not in lab.nft("list", "tables").stdout
        checked = lab.guard("check", "--policy", "p.toml")
        assert checked.returncode == 1
        assert "as root, apply will refuse" in " ".join(checked.stdout.split())
        assert [each for each in planned(lab, "p.toml")["remarks"] if each["code"] == "loose"] == [{"code": "loose", "subject": str(path)}]
        path.chmod(0o644)
    os.chown(policy, 54_321, 0)
    assert "belongs to 54321" in lab.refused("apply", "--policy", "p.toml")
    lab.done("apply", "--policy", "p.toml", "--trust-file")
    lab.done("rollback")
    os.chown(policy, 0, 0)
    assert lab.guard("check", "--policy", "p.toml").returncode == 0
    lab.done("apply", "--policy", "p.toml")


# Packets

PACKETS = """
[sources]
far = ["198.51.100.0/24", "2001:db8::/48"]
[doors]
"5000-5009/sctp" = "far"
"6000/sctp" = "everyone"
[outgoing]
https = "everyone"
"7000/sctp" = "far"
ping = "far"
"""
FLAWS = (
    (("icmp type echo-request accept", "icmp type echo-request drop"), {(8, "icmp")}),
    (("7000 comment", "7001 comment"), {(7000, "sctp"), (7001, "sctp")}),
)


def test_pings_and_inits_are_proved():
    rows = there("prove_tallies", PACKETS, False)
    assert all(row["through"] == row["expected"] for row in rows)
    sctp = {
        (row["road"], row["target"] if row["road"] == "output" else row["sender"]): row["ports"]
        for row in rows
        if row["transport"] == "sctp"
    }
    assert sctp["input", "198.51.100.9"] == "5000,5009,6000"
    assert sctp["input", "1.0.0.9"] == sctp["published", "1.0.0.9"] == "6000"
    assert sctp["output", "198.51.100.9"] == "7000"
    for (_, wrong), found in zip(FLAWS, there("prove_flawed", PACKETS, [flaw for flaw, _ in FLAWS]), strict=True):
        assert {(port, transport) for port, transport in found} == wrong


def test_reach_follows_sctp(sandbox, peers, tmp_path):
    host = sandbox.host("web", root=peers)
    sandbox.link(host, sandbox.host("world"))
    run_all(host, "ip route add default via 198.18.0.2")
    load(
        host,
        'table inet t { chain c { type filter hook input priority 0; iif "lo" accept; sctp dport 5000 accept; meta l4proto sctp drop; }; }',
    )
    for port, status in (("5000/sctp", 0), ("5001/sctp", 1)):
        done = host.run([sys.executable, "-m", "portulan", "reach", port, "--from", "198.18.0.2", "--json"])
        assert done.returncode == status, done.stdout + done.stderr
    matrix = json.loads(host.run([sys.executable, "-m", "portulan", "reach", "--matrix", "--json"]).stdout)
    assert [row["ports"] for row in matrix["items"] if "sctp" in row["ports"]] == ["0-65535/tcp 0-65535/udp 5000/sctp"]
    policy = tmp_path / "portulan.toml"
    policy.write_text('[doors]\n"5000/sctp" = "everyone"\n"6000/sctp" = "198.18.0.0/24"\n')
    answer = json.loads(host.run([sys.executable, "-m", "portulan", "guard", "plan", "--policy", str(policy), "--json"]).stdout)
    rows = {row["ports"]: row for row in answer["items"]}
    assert rows["5000/sctp"]["before"] == rows["5000/sctp"]["after"] != []
    assert (rows["6000/sctp"]["before"], rows["6000/sctp"]["after"]) == ([], [])  # the other table has the last word
