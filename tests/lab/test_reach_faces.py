"""Who can get to each port, on a host with a real ufw, rules as Docker writes them, and a container behind: told by every face, and true for real connections."""

import json
import socket
import sys

import jsonschema
import pytest

from firewalls import DOCKER, UFW, load, run_all
from labs import DUAL_STACK, as_user, call_as, datagrams, hold, listen
from portulan.cli.contract import schema_of
from portulan.model.reach import Outcome

pytestmark = [pytest.mark.lab, pytest.mark.peer]
PORTULAN = [sys.executable, "-m", "portulan"]


@pytest.fixture
def host(sandbox, peers):
    built = sandbox.host("web", root=peers)
    if built.run(["sh", "-c", "command -v nft && command -v ip"]).returncode:
        pytest.skip("no private root with peer programs: it lacks nftables or iproute2")
    return built


@pytest.fixture
def world(sandbox, host):
    """Everybody else: a router behind eth0, by which all ways lead."""
    made = sandbox.router("world")
    sandbox.link(host, made)
    run_all(host, "ip route add default via 198.18.0.2\nip -6 route add default via fd00::2")
    return made


@pytest.fixture
def shop(sandbox, host, world):
    """A container, behind docker0."""
    made = sandbox.host("shop")
    sandbox.link(host, made, "172.17.0.1/16", "172.17.0.2/16")
    run_all(host, "ip link set eth1 down\nip link set eth1 name docker0\nip link set docker0 up")
    made.route("198.18.0.0/24", "172.17.0.1")
    host.set("net.ipv4.ip_forward", 1)
    return made


def told(host, *words, status=0):
    """One command's JSON."""
    done = host.run([*PORTULAN, *words, "--json"])
    assert done.returncode == status, done.stderr
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, schema_of(answer["schema"].removeprefix("portulan.").removesuffix("/1")))
    return answer


def said(host, *words, status=0, language="en"):
    done = host.run([*PORTULAN, *words, "--lang", language])
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def connects(host, address, port, timeout=0.4):
    """Whether a connection really comes about."""
    with host.enter():
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.settimeout(timeout)
    try:
        one.connect((address, port))
    except OSError:
        return False
    else:
        return True
    finally:
        one.close()


def serve(host, shop):
    """The servers, kept by processes that live there."""
    here = [listen(host, "", port) for port in (22, 2222, 5433)]
    here += [
        listen(host, "::", 80, options=[DUAL_STACK]),
        listen(host, "127.0.0.1", 5432),
        datagrams(host, "", 6005),
        listen(host, "198.18.0.1", 9100),
    ]
    there = [listen(shop, "", 80)]
    give(host, *here)
    give(shop, *there)


def give(host, *sockets):
    """Servers that live there, and nobody else's any more."""
    hold(host, *sockets)
    for one in sockets:
        one.close()


def test_the_chart_tells_who_can_get_in_and_connections_agree(host, world, shop):
    serve(host, shop)
    run_all(host, UFW)
    run_all(host, DOCKER)
    answer = told(host, "ls", "--netns", "this")
    wide = {(item["port"], item["transport"]): item["reach"]["wide"] for item in answer["items"]}
    assert wide == {
        (22, "tcp"): "everyone", (80, "tcp"): "this-host", (2222, "tcp"): "maybe", (5432, "tcp"): "this-host", (5433, "tcp"): "this-host", (6005, "udp"): "everyone",
        (9100, "tcp"): wide[9100, "tcp"],
    }  # fmt: skip
    for port in (22, 80, 5432, 5433, 9100):
        reachable = connects(world, "198.18.0.1", port)
        assert reachable == (port in (22, 9100)), port
    table = said(host, "ls", "--netns", "this")
    assert "REACHED BY" in table
    assert "can be reached by everyone" in table.split("\n")[0]
    assert "REACHED BY" not in said(host, "ls", "--no-reach")
    assert "届く相手" in said(host, "ls", language="ja")


LED = """
table ip led { chain p { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport 7000 dnat to 172.17.0.2; iifname "eth0" tcp dport 7001 dnat to 172.17.0.2-172.17.0.3; }; }
"""
SHUT = "table inet shut {{ chain {hook} {{ type filter hook {hook} priority 0; policy drop; }}; }}\n"


def test_a_port_that_is_led_elsewhere_under_its_own_number(host, shop):
    give(shop, listen(shop, "", 7000))
    load(host, LED)
    answer = told(host, "reach", "--netns", "this")
    assert {row["port"]: row["target"] for row in answer["items"] if row["target"]} == {7000: "172.17.0.2", 7001: "172.17.0.2-172.17.0.3"}
    assert {row["behind"] is not None for row in answer["items"] if row["port"] == 7000} == {True}
    assert "7000/tcp" in said(host, "reach")
    assert "goes on to 172.17.0.2" in said(host, "reach", "7000", "--from", "203.0.113.9")
    load(host, SHUT.format(hook="input"))
    assert "7000/tcp: the firewall denies it, but the port is published" in " ".join(said(host, "reach", "7000").split())
    load(host, SHUT.format(hook="forward"))  # who judges what is led elsewhere too is asked after all
    assert "denies it" not in said(host, "reach", "7000")


def test_a_published_port_is_open_whatever_ufw_says(host, world, shop):
    serve(host, shop)
    run_all(host, UFW)
    run_all(host, DOCKER)
    assert connects(world, "198.18.0.1", 8080)
    rows = [row for row in told(host, "reach", "8080")["items"] if row["links"] == ["eth0"] and row["verdict"] == "accept"]
    everyone = next(row for row in rows if row["source"] == "everyone")
    assert (everyone["target"], everyone["path"], everyone["rule"]["author"], everyone["addresses"]) == (
        "172.17.0.2:80",
        "forward",
        "docker",
        [],
    )
    assert everyone["behind"]
    text = said(host, "reach")
    assert "8080/tcp: ufw denies it, but the port is published to 172.17.0.2:80 before" in text
    assert "-p 127.0.0.1:8080:80" in text
    steps = said(host, "reach", "8080", "--from", "203.0.113.9")
    assert steps.startswith("8080/tcp from 203.0.113.9, coming in by eth0: accepted.")
    assert "goes to 172.17.0.2:80, not to this host" in " ".join(steps.split())
    assert "There, in the network namespace behind it:" in steps
    assert "(The input rules are never asked" in steps


def test_one_packet_is_followed(host, world):
    rules = "table inet f {\nchain in { type filter hook input priority 0; policy drop;\niif lo accept\nip saddr 203.0.113.0/24 tcp dport 22 accept\ntcp dport 25 reject\n"
    load(host, rules + "tcp dport 80 limit rate 3/minute accept\n}\n}\n")
    for words, status, verdict in (
        (["22", "--from", "203.0.113.9"], 0, "accepted"),
        (["22", "--from", "198.18.0.2"], 1, "dropped"),
        (["25", "--from", "everyone"], 1, "rejected"),
        (["80", "--from", "8.8.8.8", "--via", "eth0"], 3, "perhaps accepted"),
        (["22", "--from", "this-host"], 0, "accepted"),
        (["22", "--from", "eth0", "--to", "198.18.0.1"], 1, "dropped"),
        (["22/udp", "--from", "fd00::77"], 1, "dropped"),
    ):
        assert f": {verdict}." in said(host, "reach", *words, status=status), words
        answer = told(host, "reach", *words, status=status)
        assert answer["schema"] == "portulan.reach-packet/1"
        assert answer["verdict"] in {outcome.value for outcome in Outcome}
    for words in (
        ["22", "--from", "nowhere"],
        ["22", "--from", "8.8.8.8", "--via", "eth9"],
        ["22", "80", "--from", "8.8.8.8"],
        ["--to", "8.8.8.8"],
        ["--matrix", "80"],
    ):
        assert host.run([*PORTULAN, "reach", *words]).returncode == 2, words


def test_all_ports_in_few_lines(host, world):
    load(
        host,
        "table inet f {\nchain in { type filter hook input priority 0; policy drop;\ntcp dport { 22, 80-90 } accept\nip saddr 10.0.0.0/8 udp dport 53 accept\n}\n}\n",
    )
    rows = {row["ports"]: row["sure"] for row in told(host, "reach", "--matrix")["items"]}
    assert [one["kind"] for one in rows["22,80-90/tcp"]] == ["everyone"]
    assert rows["53/udp"][0]["networks"] == ["10.0.0.0/8"]
    text = said(host, "reach", "--matrix")
    assert "22, 80-90/tcp" in text
    assert "10.0.0.0/8" in text


def test_a_large_list_stays_unread_and_what_is_said_is_true(host, world):
    banned = ", ".join(f"198.51.{at // 250}.{at % 250}" for at in range(6000))
    load(
        host,
        f"table inet f {{\nset ban {{ type ipv4_addr; elements = {{ {banned} }};\n}}\n"
        "chain in { type filter hook input priority 0; policy drop;\niif lo accept\nip saddr @ban drop\ntcp dport 22 accept\n}\n}\n",
    )
    give(host, listen(host, "", 22))
    (item,) = told(host, "ls", "22", "--netns", "this")["items"]
    assert item["reach"]["wide"] == "everyone"
    (unread,) = item["reach"]["unread"]
    assert (unread["name"], unread["effect"]) == ("ban", "shut")
    assert unread["element_count"] in (6000, None)
    assert "everyone, except those in @ban" in " ".join(said(host, "22").split())
    rows = told(host, "reach", "22", "--netns", "this")["items"]  # which reads it all
    assert {row["verdict"] for row in rows if row["source"] == "networks"} == {"accept", "drop"}
    assert not any(row["unread"] for row in rows)


def chart_as_another():
    from portulan.verbs.chart import chart

    found = chart(reach=True)
    return [(item.port, item.reach) for item in found.items if item.netns_name is None], [gap.code for gap in found.gaps]


def test_without_the_right_nothing_is_guessed(host, world):
    give(host, listen(host, "", 7777))
    items, gaps = call_as(host, chart_as_another)
    assert items == [(7777, None)]
    assert "reach.forbidden" in gaps
    done = host.run(as_user([*PORTULAN, "ls"]))
    assert "REACHED BY" not in done.stdout
    assert "reading the firewall rules needs CAP_NET_ADMIN" in done.stderr
    assert "sudo" in done.stderr
    assert host.run(as_user([*PORTULAN, "reach", "7777"])).returncode == 3


def test_no_rules_at_all(host, world):
    give(host, listen(host, "", 7001), listen(host, "127.0.0.1", 7002), listen(host, "::1", 7003), listen(host, "198.18.0.1", 7004))
    items = told(host, "ls", "--netns", "this")["items"]
    assert {item["port"]: item["reach"]["wide"] for item in items} == {
        7001: "everyone",
        7002: "this-host",
        7003: "this-host",
        7004: "everyone",
    }
    assert "(no rule is against it)" in said(host, "reach", "7001")


def test_what_is_let_in_may_find_nobody(host, world):
    """The rules let it in; whether somebody is there is told beside, and a real connection says the same."""
    with listen(host, "127.0.0.1", 7000), listen(host, "::", 7001, options=[DUAL_STACK]), listen(host, host.address, 7002):
        for port, listener in ((7000, False), (7001, True), (7002, True), (7003, False)):
            answer = told(host, "reach", str(port), "--from", world.address)
            assert (answer["verdict"], answer["listener"]) == ("accept", listener), port
            assert connects(world, host.address, port) is listener
        assert "Nobody listens for it there" in said(host, "reach", "7000", "--from", world.address)
        assert "Nobody listens" not in said(host, "reach", "7000", "--from", "this-host")
        assert told(host, "reach", "7001/udp", "--from", world.address)["listener"] is False
    load(host, "table inet t { chain in { type filter hook input priority 0; tcp dport 7000 drop;\n}\n}\n")
    assert told(host, "reach", "7000", "--from", world.address, status=1)["listener"] is None


@pytest.mark.parametrize(("words", "sentence"), [
    (("22/dccp", "--from", "198.18.0.9"), "22/dccp: the rules are followed for TCP, UDP and SCTP only."),
    (("8080-8090", "--from", "everyone"), "--from is about one packet"),
    (("22", "--from", "fd00::9", "--to", "198.18.0.1"), "are of two IP versions"),
    (("22", "--from", "this-host", "--to", "198.18.0.9"), "198.18.0.9 is no address of this host"),
])  # fmt: skip
def test_a_packet_that_cannot_be_is_not_answered_for(host, world, words, sentence):
    done = host.run([*PORTULAN, "reach", *words])
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in " ".join(done.stderr.split())
