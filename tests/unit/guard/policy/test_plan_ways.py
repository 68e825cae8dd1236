"""What changes for packets that do not end at this host: who gets where, now and then."""

from datetime import date

from policies import policy_of
from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.guard.policy.plan_ways import forwards, sends_matter, way_rows
from portulan.guard.policy.supposed import with_ours
from portulan.model.port import Transport
from portulan.model.ruleset import Ruleset
from portulan.model.standing import Senders
from rule_builders import DROP, chain, match, network, ruleset

TODAY = date(2026, 6, 15)
NETWORK = network()
TCP, UDP, SCTP = Transport.TCP, Transport.UDP, Transport.SCTP
EVERYONE = (Senders("everyone"),)
ZONES = """
[zones]
inside = "eth2"
outside = "eth0"
[doors]
[forward]
"inside -> outside" = ["smtp", "https"]
"""


def changed(before, text, *, transports=(TCP, UDP), out=True, through=True):
    ours = compiled_rules(policy_of(text), TODAY, terrain_of(NETWORK))
    rows, whole = way_rows(before, with_ours(before, ours), NETWORK, transports, lambda port, _: f"s{port}", out=out, through=through)
    assert whole
    return rows


def test_what_this_host_sends():
    """Port 67 is left out: DHCP servers may be asked whatever the lines say."""
    rows = {
        row.ports: row for row in changed(Ruleset(), '[doors]\n[outgoing]\nhttps = "everyone"\n"53/udp" = "192.0.2.0/24"\n', through=False)
    }
    dns = rows["53/udp"]
    assert (dns.way, dns.comes, dns.number, dns.name) == ("out", (), 1, "s53")
    assert dns.before == EVERYONE
    assert dns.after == (Senders("networks", ("192.0.2.0/24",)),)
    rest = rows["0-442,444-65535/tcp 0-52,54-66,68-442,444-65535/udp"]
    assert (rest.before, rest.after, rest.number) == (EVERYONE, (), 2 * 65_536 - 4)
    assert len(rows) == 2


def test_a_limit_is_perhaps():
    (row,) = changed(
        compiled_rules(policy_of("[doors]\n[outgoing]\n"), TODAY, terrain_of(NETWORK)),
        '[doors]\n[outgoing]\nssh = { to = "everyone", limit = "1/minute" }\n',
        through=False,
    )
    assert (row.ports, row.before, row.before_perhaps, row.after, row.after_perhaps) == ("22/tcp", (), (), (), EVERYONE)


def test_what_passes_between_zones():
    rows = changed(Ruleset(), ZONES, out=False)
    assert {(row.comes, row.leaves, row.before, row.after) for row in rows} == {
        (("eth2",), ("eth0",), EVERYONE, ()),
        (("eth0",), ("eth2",), EVERYONE, ()),
    }
    kept = next(row for row in rows if row.comes == ("eth2",))
    assert kept.ports == "0-24,26-442,444-65535/tcp 0-442,444-65535/udp"
    assert kept.to == Senders("everyone")


def test_strangers_go_through_to_nobody():
    (row,) = changed(Ruleset(), '[doors]\nssh = "everyone"\n', out=False)
    assert (row.comes, row.leaves, row.before, row.after, row.number) == (("eth0",), ("eth2",), EVERYONE, (), 2 * 65_536)


def test_what_another_table_refuses_does_not_change():
    other = ruleset(
        chain("f", (match("meta iifname", "eth0"), DROP), hook="forward"), chain("o", (match("tcp dport", 25), DROP), hook="output")
    )
    assert changed(other, '[doors]\nssh = "everyone"\n', out=False) == ()
    rows = changed(other, '[doors]\n[outgoing]\n"1-24/tcp" = "everyone"\n', through=False)
    assert not any(row.ports == "25/tcp" or row.ports.startswith("0,25") for row in rows)
    assert {row.ports for row in rows} == {"0,26-65535/tcp 0-66,68-65535/udp"}


def test_receivers_are_named_where_they_fare_otherwise():
    narrow = ruleset(chain("f", (match("ip daddr", "198.18.2.2"), match("tcp dport", 80), DROP), hook="forward"))
    rows = changed(narrow, ZONES, out=False)
    told = {(row.comes, row.to.networks, row.to.but) for row in rows}
    assert (("eth0",), ("198.18.2.2",), ()) in told


def test_receivers_who_fare_alike_are_told_once():
    """The policy's own line of [outgoing] tells one of them apart, which makes no difference to what goes through."""
    rows = changed(Ruleset(), ZONES + '[outgoing]\ndomain = "192.0.2.53"\n')
    assert [(row.comes, row.leaves, row.to) for row in rows if row.way == "through"] == [
        (("eth0",), ("eth2",), Senders("everyone")),
        (("eth2",), ("eth0",), Senders("everyone")),
    ]
    # Of one IP version only, and the version is told.
    narrow = ruleset(chain("f", (match("meta nfproto", 2), DROP), hook="forward"))
    rows = changed(narrow, ZONES, out=False)
    assert {row.to for row in rows} == {Senders("everyone", version=6)}


def test_sctp_where_it_is_asked_for():
    rows = changed(Ruleset(), '[doors]\n[outgoing]\n"5000/sctp" = "everyone"\n', transports=(TCP, UDP, SCTP), through=False)
    (row,) = rows
    assert row.ports == "0-65535/tcp 0-66,68-65535/udp 0-4999,5001-65535/sctp"


def test_when_there_is_something_to_compare():
    free, ruled = (compiled_rules(policy_of(text), TODAY, terrain_of(NETWORK)) for text in ("[doors]\n", "[doors]\n[outgoing]\n"))
    assert not sends_matter((Ruleset(), free))
    assert sends_matter((free, ruled))
    assert forwards(NETWORK)
    shut = NETWORK._replace(links=tuple(link._replace(forwards4=False, forwards6=False) for link in NETWORK.links))
    assert not forwards(shut)
    assert way_rows(Ruleset(), ruled, NETWORK, (TCP,), lambda port, kind: None, out=False, through=False) == ((), True)
