"""A policy read with care: each kind of doubt, and that nothing else is doubted."""

from datetime import date

import pytest

from policies import policy_of
from portulan.guard.policy.check import Surroundings, find_doubts
from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.guard.policy.understood import implied, understood
from portulan.model.finding import Level
from portulan.model.guard_check import Caller, Danger, Loose
from portulan.model.network import Link, Network
from portulan.model.port import Transport
from portulan.model.ruleset import Ruleset
from portulan.text.guard_check import DOUBTS, KEPT, doubt_words
from portulan.text.voice import Voice
from rule_builders import DROP, chain, match, network, ruleset

TCP, UDP = Transport.TCP, Transport.UDP
TODAY = date(2026, 6, 1)
SOURCES = '[sources]\noffice = ["198.51.100.0/24", "2001:db8::/48"]\ndesk = "198.51.100.7"\nlan = "interface eth1"\n'


def doubts(text, around=None, *, named=SOURCES):
    """(code, line within [doors] or what it says) of all but sources that are not used."""
    policy = policy_of(f"{text}\n{named}")
    found = find_doubts(policy, TODAY, around or Surroundings())
    assert all(one.code in DOUBTS for one in found)
    return [
        (one.code, one.spot and one.spot.line)
        for one in found
        if not (one.code == "source.unused" and one.spot.line > text.count("\n") + 1)
    ]


@pytest.mark.parametrize(("lines", "found"), [
    (('ssh = "everyone"', 'https = "everyone"'), []),
    (('ssh = "everyone"', '"22/tcp" = "everyone"'), [("line.shadowed", 3)]),
    (('ssh = "office"', '"22/tcp" = "desk"'), [("line.contradicted", 3)]),
    (('"22/tcp" = "desk"', 'ssh = "office"'), [("line.contradicted", 2)]),
    (('ssh = "office"', '"22/tcp" = "lan"'), [("line.twice", 3)]),
    (('ssh = "office"', '22 = "lan"'), []),
    (('ssh = { from = "office", note = "a" }', '"22/tcp" = { from = "lan", note = "a" }'), [("line.twice", 3)]),
    (('ssh = { from = "office", note = "a" }', '"22/tcp" = "lan"'), []),
    (('ssh = "office"', '"22/tcp" = { from = "lan", until = 2027-01-01 }'), []),
    (('ssh = "office"', '"22/tcp" = { from = "lan", limit = "1/day" }'), []),
    (('ssh = "office"', '"22/tcp" = { from = "lan", log = true }'), []),
    (('ssh = { from = "office", until = 2027-01-01 }', '"22/tcp" = "office"'), [("line.shadowed", 2)]),
    (('ssh = { from = "everyone", until = 2027-01-01 }', '"22/tcp" = "office"'), []),
    (('ssh = { from = "everyone", until = 2027-01-01 }', '"22/tcp" = { from = "office", until = 2026-12-31 }'), [("line.contradicted", 3)]),
    (('1-1000 = "office"', 'https = "everyone"'), []),
    (('1-1000 = "everyone"', 'https = "office"'), [("line.contradicted", 3)]),
    (('1-1000 = "office"', 'https = "office"'), [("line.shadowed", 3)]),
    (('1-1000 = "office"', 'https = { from = "office", log = true }'), []),
    (('1-1000 = "office"', 'https = { from = "office", limit = "1/day" }'), [("line.limit-idle", 3)]),
    (('https = { from = "office", limit = "1/day" }', '1-1000 = "everyone"'), [("line.limit-idle", 2)]),
    (('https = { from = "everyone", limit = "1/day" }', '1-1000 = "office"'), []),
    (('1-500 = "office"', '501-1000 = "office"', '400-600 = "office"'), [("line.shadowed", 4)]),
    (('1-500 = "office"', '400-600 = "office"'), []),
    (('3000-4000 = "everyone"', '3306 = "this-host"'), [("line.contradicted", 3)]),
    (('3000-4000 = "this-host"', '3306 = "everyone"'), []),
    (('ssh = "everyone"', '22 = "this-host"'), [("line.contradicted", 3)]),
    (('ssh = "everyone"', '22 = "office"'), [("line.contradicted", 3)]),
    (('22 = "everyone"', 'ssh = "this-host"'), [("line.contradicted", 3)]),
    (('3306 = "nobody"', '"3306/tcp" = "this-host"'), [("line.shadowed", 3)]),
    (('ssh = { from = "everyone", until = 2026-05-31 }', '"22/tcp" = "office"'), [("line.over", 2)]),
    (('ssh = { from = "everyone", until = 2026-06-14 }',), [("line.soon", 2)]),
    (('ssh = { from = "everyone", until = 2026-06-16 }',), []),
    (('0-65535 = "everyone"',), [("line.wide", 2)]),
    (('0-65535 = "office"',), []),
    (('ssh = "0.0.0.0/0"',), [("source.one-version", 2)]),
    (('ssh = ["0.0.0.0/0", "::/0"]',), []),
])  # fmt: skip
def test_lines(lines, found):
    keyed = ['"' + line.replace(" = ", '" = ', 1) if line[0].isdigit() and "-" in line.split(" ")[0] else line for line in lines]
    assert doubts("[doors]\n" + "\n".join(keyed)) == found


def test_sources_and_zones_that_nobody_needs():
    text = '[doors]\nssh = "b"\n[sources]\na = ["192.0.2.1"]\nb = ["a"]\nc = []\nd = "127.0.0.1"\ne = "::/0"\n[zones]\nz = "eth9"\n'
    found = doubts(text, named="")
    assert set(found) == {
        ("source.nobody", 6), ("source.never", 7), ("source.one-version", 8), ("source.unused", 6), ("source.unused", 7), ("source.unused", 8), ("zone.unused", 10),
    }  # fmt: skip


def test_a_large_source_in_every_line_is_compared_once():
    networks = "\n".join(f"10.{high}.{low}.{host}" for high in range(10) for low in range(250) for host in range(1, 9, 2))
    text = "[doors]\n" + "".join(f'{port} = "big"\n' for port in range(1000, 1100)) + '1000-1100 = "big"\n[sources]\nbig = "file n"\n'
    found = find_doubts(policy_of(text, {"n": networks}), TODAY, Surroundings())
    assert [one.code for one in found] == ["line.shadowed"] * 100


def test_outgoing_lines_overlap_too():
    assert doubts('[doors]\n[outgoing]\nhttps = "everyone"\n443 = "everyone"') == [("line.shadowed", 4)]


LINKS = Network(links=(Link(1, "lo", type=772), Link(2, "eth0"), Link(3, "eth1", forwards4=True)))


def test_interfaces_that_are_not_here():
    around = Surroundings(network=LINKS)
    text = '[doors]\nssh = ["interface eth1", "interface eth2"]\nhttp = "interface tun*"\nhttps = "interface eth*"'
    assert doubts(text, around) == [("link.missing", 2), ("link.missing", 3)]


def test_forwarding_that_is_off():
    text = '[doors]\n[zones]\na = "eth0"\nb = "eth1"\n[forward]\n"a -> b" = "everything"\n"b -> a" = "everything"\n'
    assert doubts(text, Surroundings(network=LINKS)) == [("forward.off", 6)]


def test_services_that_pass_only_in_part():
    text = '[doors]\n[zones]\na = "eth0"\nb = "eth1"\n[forward]\n"a -> b" = ["http", "ftp"]\n"b -> a" = "everything"\n'
    assert doubts(text) == [("forward.helper", 6)]


def test_ports_on_which_nobody_listens():
    around = Surroundings(listening=frozenset({(TCP, 443), (UDP, 53)}))
    text = '[doors]\nhttps = "everyone"\ndomain = "everyone"\nssh = "everyone"\n"53/tcp" = "office"\n9000 = "this-host"\n9001 = { from = "office", until = 2026-05-31 }'
    assert ("line.nobody-listens", 4) in doubts(text, around)
    assert [line for code, line in doubts(text, around) if code == "line.nobody-listens"] == [4, 5]


def test_what_should_not_be_open_to_everyone():
    around = Surroundings(dangers=(Danger("Redis", (("tcp", 6379, 6379),)), Danger("a debugger", (("tcp", 6000, 7000), ("udp", 1, 9)))))
    assert doubts('[doors]\n"6379/tcp" = "everyone"\n"6379/udp" = "everyone"\n"6380/tcp" = "office"', around) == [("line.dangerous", 2)]


def test_who_is_locked_out():
    caller = Caller(4, 0xC6336404, "198.51.100.4", 22, "eth0")
    around = Surroundings(logins=(22, 2222), callers=(caller,))
    assert doubts('[doors]\nssh = { from = "office", limit = "1/minute" }', around) == []
    assert doubts('[doors]\nssh = "desk"', around) == [("lock-out.caller", None)]
    assert doubts('[doors]\nssh = { from = "office", until = 2026-01-01 }', around)[0] == ("lock-out.caller", None)
    assert doubts('[doors]\n2222 = "office"', around._replace(callers=())) == []
    assert doubts('[doors]\nhttp = "office"\n22 = "this-host"', around._replace(callers=())) == [("lock-out.no-way-in", None)]
    assert doubts('[doors]\nhttp = "office"', Surroundings()) == []


def test_each_doubt_that_has_words_is_found_somewhere():
    from inspect import getsource

    from portulan.guard.policy import check, overlap

    text = getsource(check) + getsource(overlap)
    assert [code for code in DOUBTS if f'"{code}"' not in text] == []


def test_a_way_in_that_another_table_shuts():
    machine = network()
    around = Surroundings(network=machine, logins=(22,), callers=(Caller(4, 0xCB007109, "203.0.113.9", 22, "eth0"),), rules=Ruleset())
    text = '[doors]\nssh = "everyone"\n'
    assert doubts(text, around, named="") == []
    shut = ruleset(chain("c", (match("tcp dport", 22), DROP), hook="input", table="beside"))
    found = find_doubts(policy_of(text), TODAY, around._replace(rules=shut))
    assert [(one.code, one.level, one.facts["table"]) for one in found] == [
        ("lock-out.caller-others", Level.ERROR, "inet beside"),
        ("lock-out.others", Level.WARNING, "inet beside"),
    ]
    # Somebody else may come in, but not he who is logged in.
    narrow = ruleset(chain("c", (match("ip saddr", "203.0.113.9"), match("tcp dport", 22), DROP), hook="input"))
    assert [code for code, _ in doubts(text, around._replace(rules=narrow), named="")] == ["lock-out.caller-others"]
    # Where our own lines shut it, that is what is told.
    assert [code for code, _ in doubts('[doors]\nssh = "nobody"\n', around._replace(rules=shut), named="")] == ["lock-out.caller"]
    # One way in is enough.
    two = around._replace(rules=shut, logins=(22, 2222), callers=())
    assert doubts('[doors]\nssh = "everyone"\n2222 = "everyone"\n', two, named="") == []
    # Rules of ours that run already are no others.
    ours = compiled_rules(policy_of('[doors]\n80 = "everyone"\n'), TODAY, terrain_of(machine))
    assert doubts(text, around._replace(rules=ours), named="") == []


def test_files_that_others_may_change():
    loose = (Loose("owner", "/a/p.toml", "ann"), Loose("group", "/a", "staff"), Loose("others", "/b"))
    found = find_doubts(policy_of('[doors]\nssh = "everyone"\n'), TODAY, Surroundings(loose=loose))
    assert [(one.code, one.level, one.spot) for one in found] == [
        (code, Level.WARNING, None) for code in ("file.owner", "file.group", "file.others")
    ]
    assert [doubt_words(Voice("en"), [one]) for one in found][:2] == [
        "/a/p.toml belongs to ann, who could change these rules: as root, apply will refuse.",
        "the group staff may write /a, and could change these rules: as root, apply will refuse.",
    ]


def test_of_sctp_nobody_knows_who_listens():
    around = Surroundings(listening=frozenset())
    assert doubts('[doors]\n"5000/sctp" = "everyone"\n', around) == []
    assert doubts('[doors]\n"5000/tcp" = "everyone"\n', around) == [("line.nobody-listens", 2)]


def test_the_worst_comes_first():
    caller = Caller(4, 1, "0.0.0.1", 22, "eth0")
    policy = policy_of('[doors]\nssh = { from = "192.0.2.1", until = 2026-06-02 }\n22 = "192.0.2.1"\n')
    levels = [one.level for one in find_doubts(policy, TODAY, Surroundings(callers=(caller,)))]
    assert levels == sorted(levels, key=[Level.ERROR, Level.WARNING, Level.INFO].index)
    assert set(levels) == set(Level)


def test_lines_are_told_as_they_were_understood():
    text = (
        '[doors]\nhttps = "everyone"\nping = "office"\nssh = { from = ["office", "lan"], limit = "3/hour burst 9", note = "n", until = 2026-01-01 }\n'
        '[outgoing]\nhttps = "everyone"\nping = "lan"\n[zones]\na = "eth0"\nb = "eth1"\n[forward]\n"a -> b" = "everything"\n' + SOURCES
    )
    found = understood(policy_of(text), TODAY)
    assert [(one.section, one.text, one.line, one.opens, one.senders) for one in found] == [
        ("doors", "https", 2, ("443/tcp", "443/udp"), ("everyone",)),
        ("doors", "ping", 3, ("ping",), ("office",)),
        ("doors", "ssh", 4, ("22/tcp",), ("office", "lan")),
        ("outgoing", "https", 6, ("443/tcp", "443/udp"), ("everyone",)),
        ("outgoing", "ping", 7, ("ping",), ("lan",)),
        ("forward", "a -> b", 12, ("everything",), ()),
    ]
    assert (found[2].limit, found[2].note, found[2].over) == ("3/hour burst 9", "n", True)


def test_what_is_implied_depends_on_what_the_policy_speaks_of():
    plain = [one.code for one in implied(policy_of('[doors]\nssh = "everyone"\n'))]
    ruled = [one.code for one in implied(policy_of('[doors]\n[outgoing]\n[zones]\na = "eth0"\n'))]
    assert {"kept.outgoing", "kept.forward", "refused.forward-uplink"} <= set(plain)
    assert {"refused.outgoing", "refused.forward-zones"} <= set(ruled)
    assert set(plain) | set(ruled) == set(KEPT)
