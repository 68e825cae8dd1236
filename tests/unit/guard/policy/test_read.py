"""A policy file read: what it says as values, and every mistake in it with its place."""

import re
from datetime import date
from pathlib import Path

import pytest

from policies import FILE, policy_of, problems_of, table
from portulan.guard.policy.read import read_policy
from portulan.model.policy import EVERYONE, Limit, Part, Per, Refusal, Spot
from portulan.model.port import Transport
from portulan.model.reach import Sources
from portulan.text.errors import sentences
from portulan.text.voice import Voice

TCP, UDP = Transport.TCP, Transport.UDP
OFFICE = Sources(((0xC6336400, 0xC63364FF),), ((0x20010DB8 << 96, (0x20010DB8 << 96) + (1 << 80) - 1),))
FULL = """
[settings]
refuse = "reject"
log = "10/minute"
[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
lan = "interface eth1"
partners = ["office", "203.0.113.5-203.0.113.9", "file partners.txt"]
vpn = { interface = "wg0", networks = ["10.8.0.0/24", "office"] }
[doors]
https = "everyone"
ping = ["office", "lan"]
ssh = { from = "office", limit = "10/minute burst 30", log = true, note = "for 管理", until = 2026-12-31 }
ftp = { from = "office", helper = "ftp" }
"5432/tcp" = ["office", "lan"]
"8000-8010/tcp" = "this-host"
25 = ["inside", "192.0.2.1", "interface tun*"]
[outgoing]
https = "everyone"
domain = { to = "office", until = "2026-12-31" }
[zones]
inside = ["eth1", "eth2"]
outside = "eth0"
[forward]
"inside -> outside" = ["smtp", "http", 443]
"outside->inside" = { doors = "everything", masquerade = true, limit = "1/day" }
"""


@pytest.fixture(scope="module")
def full():
    return policy_of(FULL, {"partners.txt": "192.0.2.0/25 # half\n\n# none\n192.0.2.128/25\n2001:db8:1::/48\n"})


def line(policy, text):
    return next(each for each in policy.doors if each.text == text)


def test_settings(full):
    assert (full.refusal, full.log) == (Refusal.REJECT, Limit(10, Per.MINUTE, 10))


def test_who_is_never_blocked():
    policy = policy_of(
        '[settings]\nnever-block = ["office", "203.0.113.7"]\n[sources]\noffice = "198.51.100.0/24"\n[doors]\n22 = "everyone"\n'
    )
    assert [each.parts[0].addresses for each in policy.never_block] == [
        Sources(((0xC6336400, 0xC63364FF),)), Sources(((0xCB007107, 0xCB007107),)),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ['"interface eth1"', '"everyone"', '["192.0.2.1", "lan"]'])
def test_never_block_takes_addresses_alone(word):
    found = problems_of(f'[settings]\nnever-block = {word}\n[sources]\nlan = "interface eth1"\n[doors]\n22 = "everyone"\n')
    assert [place[:2] for place in found] == [("policy.never-block", 2)]


def test_sources(full):
    office, lan, partners, vpn = full.sources
    assert (office.name, office.parts) == ("office", (Part(OFFICE),))
    assert lan.parts == (Part(None, ("eth1",)),)
    assert partners.files == ("partners.txt",)
    assert partners.parts[0].addresses.v4 == ((0xC0000200, 0xC00002FF), (0xC6336400, 0xC63364FF), (0xCB007105, 0xCB007109))
    assert len(partners.parts[0].addresses.v6) == 1  # two halves of one network touch
    assert vpn.parts[0].links == ("wg0",)
    assert office.spot == Spot(FILE, 6, 1)


def test_doors(full):
    assert [each.text for each in full.doors] == ["https", "ssh", "ftp", "5432/tcp", "8000-8010/tcp", "25"]
    ssh = line(full, "ssh")
    assert (ssh.limit, ssh.log, ssh.note, ssh.until) == (Limit(10, Per.MINUTE, 30), True, "for 管理", date(2026, 12, 31))
    assert line(full, "https").sources[0].name == EVERYONE
    assert line(full, "https").sources[0].everyone
    assert line(full, "ftp").helper == "ftp"
    assert line(full, "8000-8010/tcp").sources[0].parts == ()
    inside, one, tunnels = line(full, "25").sources
    assert inside.parts == (Part(None, ("eth1", "eth2")),)
    assert one.parts[0].addresses.v4 == ((0xC0000201, 0xC0000201),)
    assert tunnels.parts == (Part(None, ("tun*",)),)
    assert [kind for kind, _ in line(full, "25").ports] == [TCP, UDP]


def test_ping_is_no_door(full):
    assert [source.name for source in full.ping] == ["office", "lan"]
    assert full.ping_spot.line == 12


def test_outgoing_zones_and_forward(full):
    assert [(each.text, each.sources[0].name, each.until) for each in full.outgoing] == [
        ("https", "everyone", None),
        ("domain", "office", date(2026, 12, 31)),
    ]
    assert [(zone.name, zone.links) for zone in full.zones] == [("inside", ("eth1", "eth2")), ("outside", ("eth0",))]
    first, second = full.crossings
    assert (first.source.name, first.target.name, first.everything, first.masquerade) == ("inside", "outside", False, False)
    assert {kind.value: str(ports) for kind, ports in first.ports} == {"tcp": "25,80,443", "udp": "443"}
    assert (second.everything, second.masquerade, second.ports, second.limit) == (True, True, (), Limit(1, Per.DAY, 1))


def test_without_outgoing_it_is_free():
    assert policy_of('[doors]\nssh = "everyone"\n').outgoing is None
    assert policy_of('[doors]\nssh = "everyone"\n[outgoing]\n').outgoing == ()


def test_both_whole_versions_are_everyone():
    policy = policy_of('[sources]\nall = ["0.0.0.0/0", "::/0"]\nfour = "0.0.0.0/0"\n[doors]\nssh = "all"\n')
    assert [source.everyone for source in policy.sources] == [True, False]


def test_sources_are_made_of_many_things():
    policy = policy_of(
        '[zones]\ninside = "eth1"\n[sources]\na = ["everyone"]\nb = ["inside", "192.0.2.1"]\nc = { interface = ["wg0", "wg1"] }\nd = { networks = "192.0.2.1" }\n'
        'e = ["nobody", "this-host"]\nf = ["c", "d"]\ng = { interface = "eth0", networks = ["everyone"] }\n[doors]\n22 = ["inside", "a"]\n'
    )
    one = Sources(((0xC0000201, 0xC0000201),), ())
    assert {source.name: source.parts for source in policy.sources} == {
        "a": (Part(),), "b": (Part(one), Part(None, ("eth1",))), "c": (Part(None, ("wg0", "wg1")),), "d": (Part(one),), "e": (),
        "f": (Part(one), Part(None, ("wg0", "wg1"))), "g": (Part(None, ("eth0",)),),
    }  # fmt: skip
    assert policy.sources[0].everyone


def test_sources_may_be_named_before_they_are_written():
    policy = policy_of('[doors]\nssh = "a"\n[sources]\na = ["b"]\nb = "192.0.2.1"\n')
    assert policy.doors[0].sources[0].parts == policy.sources[1].parts


def test_tables_with_headers_are_lines_too():
    policy = policy_of('[doors.ssh]\nfrom = "everyone"\nlimit = "1/second"\n')
    assert (policy.doors[0].text, policy.doors[0].spot.line, policy.doors[0].limit.per) == ("ssh", 1, Per.SECOND)


D = '[doors]\nssh = "everyone"\n'


@pytest.mark.parametrize(("text", "code", "line", "column"), [
    ("", "policy.no-doors", 1, 1),
    ("[settings]\nrefuse = 'drop'\n", "policy.no-doors", 1, 1),
    ("[door]\n" + D, "policy.table", 1, 2),
    ("doors = 5\n", "policy.not-a-table", 1, 9),
    ("sources = 5\n" + D, "policy.not-a-table", 1, 11),
    (D + "[settings]\nrefus = 'drop'\n", "policy.key", 4, 1),
    (D + "[settings]\nrefuse = 'deny'\n", "policy.refuse", 4, 10),
    (D + "[settings]\nlog = true\n", "policy.limit", 4, 7),
    (D + "[settings]\nlog = '0/minute'\n", "policy.limit", 4, 7),
    (D + "[sources]\n1a = '192.0.2.1'\n", "policy.name", 4, 1),
    (D + "[sources]\neveryone = '192.0.2.1'\n", "policy.name-ours", 4, 1),
    (D + "[sources]\nfile = '192.0.2.1'\n", "policy.name", 4, 1),
    (D + "[sources]\na = 5\n", "policy.source-shape", 4, 5),
    (D + "[sources]\na = {}\n", "policy.source-shape", 4, 5),
    (D + "[sources]\na = ['192.0.2.1', 5]\n", "policy.senders", 4, 19),
    (D + "[sources]\na = 'web.example.com'\n", "policy.host-name", 4, 5),
    (D + "[sources]\na = ['192.0.2.1', '192.0.2.1/24']\n", "policy.host-bits", 4, 19),
    (D + "[sources]\na = '192.0.2.300'\n", "policy.network", 4, 5),
    (D + "[sources]\na = 'a'\n", "policy.circle", 4, 5),
    (D + "[sources]\na = 'b'\nb = ['a']\n", "policy.circle", 5, 6),
    (D + "[sources]\na = { interface = 'x y' }\n", "policy.interface", 4, 5),
    (D + "[sources]\na = 'interface \"'\n", "policy.interface", 4, 5),
    (D + "[sources]\na = 'interface lo'\n", "policy.loopback", 4, 5),
    (D + "[sources]\na = { interfaces = 'eth0' }\n", "policy.key", 4, 5),
    (D + "[sources]\nb = 'interface eth1'\na = { interface = 'eth0', networks = 'b' }\n", "policy.interface-twice", 5, 5),
    (D + "[sources]\na = 'file gone.txt'\n", "policy.list-missing", 4, 5),
    (D + "[sources]\na = 'file '\n", "policy.file-name", 4, 5),
    (D + "[zones]\nssh = []\n", "policy.no-interface", 4, 1),
    (D + "[zones]\na = 'eth0'\nb = ['eth1', 'eth0']\n", "policy.two-zones", 5, 1),
    (D + "[zones]\na = 'eth0'\n[sources]\na = '192.0.2.1'\n", "policy.name-twice", 6, 1),
    ("[doors]\nhtpps = 'everyone'\n", "policy.port", 2, 1),
    ("[doors]\n70000 = 'everyone'\n", "policy.number", 2, 1),
    ("[doors]\n'80/tpc' = 'everyone'\n", "transport.unknown", 2, 1),
    ("[doors]\nmail = 'everyone'\n", "policy.several", 2, 1),
    ("[doors]\nssh = 5\n", "policy.senders", 2, 7),
    ("[doors]\nssh = []\n", "policy.empty", 2, 7),
    ("[doors]\nssh = 'evryone'\n", "policy.source", 2, 7),
    ("[doors]\nssh = ['everyone', 'ofice']\n", "policy.source", 2, 20),
    ("[doors]\nssh = { to = 'everyone' }\n", "policy.key", 2, 9),
    ("[doors]\nssh = { limit = '1/day' }\n", "policy.no-from", 2, 1),
    ("[doors]\nssh = { from = 'everyone', limit = '10/minutes' }\n", "policy.limit", 2, 36),
    ("[doors]\nssh = { from = 'everyone', limit = '10/minute burst 0' }\n", "policy.limit", 2, 36),
    ("[doors]\nssh = { from = 'everyone', limit = '1/day burst 366' }\n", "policy.limit-slow", 2, 36),
    ("[doors]\nssh = { from = 'everyone', log = 'yes' }\n", "policy.truth", 2, 34),
    ("[doors]\nssh = { from = 'everyone', note = \"a\\nb\" }\n", "policy.note", 2, 35),
    ("[doors]\nssh = { from = 'everyone', note = '" + "x" * 201 + "' }\n", "policy.note", 2, 35),
    ("[doors]\nssh = { from = 'everyone', until = 'soon' }\n", "policy.until", 2, 36),
    ("[doors]\nssh = { from = 'everyone', until = 2026-01-01T00:00:00 }\n", "policy.until", 2, 36),
    ("[doors]\nftp = 'everyone'\n", "policy.helper-needed", 2, 1),
    ("[doors]\n5060 = 'everyone'\n", "policy.helper-needed", 2, 1),
    ("[doors]\nftp = { from = 'everyone', helper = 'fpt' }\n", "policy.helper", 2, 28),
    ("[doors]\n'53/udp' = { from = 'everyone', helper = 'ftp' }\n", "policy.helper-transport", 2, 33),
    ("[doors]\nping = { from = 'everyone', limit = '1/day' }\n", "policy.ping", 2, 29),
    ("[doors]\nping = { note = 'x' }\n", "policy.no-from", 2, 1),
    (D + "[outgoing]\nping = { to = 'everyone', limit = '1/day' }\n", "policy.ping", 4, 27),
    (D + "[outgoing]\nping = { from = 'everyone' }\n", "policy.ping", 4, 10),
    (D + "[outgoing]\nping = { note = 'x' }\n", "policy.no-from", 4, 1),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = ['ping']\n", "policy.ping-elsewhere", 7, 13),
    (D + "[outgoing]\nssh = { from = 'everyone' }\n", "policy.key", 4, 9),
    (D + "[outgoing]\ntftp = 'everyone'\n", "policy.helper-needed", 4, 1),
    (D + "[forward]\n'a -> b' = 'everything'\n", "policy.no-zones", 3, 2),
    (D + "[zones]\na = 'eth0'\n[forward]\n'a' = 'everything'\n", "policy.crossing", 6, 1),
    (D + "[zones]\na = 'eth0'\n[forward]\n'a -> c' = 'everything'\n", "policy.zone", 6, 1),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = { note = 'x' }\n", "policy.no-from", 7, 1),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = []\n", "policy.empty-doors", 7, 1),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = ['ssh', 'htpp']\n", "policy.port", 7, 20),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = 'ssh'\n'a->b' = 'http'\n", "policy.crossing-twice", 8, 1),
    ("a = 1\n[doors\n", "toml.syntax", 2, 7),
    ("a = " + "9" * 5000, "toml.syntax", 1, 1),
    ("[doors]\nftp = { from = 'everyone', helper = 5 }\n", "policy.helper", 2, 37),
    (D + "[zones]\na = 'eth0'\nb = 'eth1'\n[forward]\n'a -> b' = [true]\n", "policy.port", 7, 13),
    (D + "[sources]\na = 'b'\n" + "b" * 300 + " = '192.0.2.1'\n", "policy.name", 5, 1),
])  # fmt: skip
def test_a_mistake_has_its_place(text, code, line, column):
    assert (code, line, column) in problems_of(text)


def test_all_mistakes_are_told_at_once():
    text = "[doors]\nhtpps = 'everyone'\nssh = { from = 'ofice', limit = 'x' }\nmail = 'evryone'\n"
    assert [(code, line) for code, line, _ in problems_of(text)] == [
        ("policy.port", 2),
        ("policy.source", 3),
        ("policy.limit", 3),
        ("policy.several", 4),
    ]


def test_a_mistake_in_a_file_of_networks_stands_there():
    problems = problems_of("[sources]\na = 'file n'\n[doors]\n22 = 'a'\n", {"n": "192.0.2.1\n  192.0.2.1/24 # x\nhost.example.com\n"})
    assert problems == [("policy.host-bits", 2, 3), ("policy.network", 3, 1)]


def test_one_wrong_source_is_told_once():
    text = "[sources]\na = '192.0.2.300'\n[doors]\n22 = 'a'\n23 = 'a'\n"
    assert [code for code, _, _ in problems_of(text)] == ["policy.network"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_sentence_says_file_line_column_and_shows_the_line(language):
    (problem,) = read_policy("[doors]\n  htpps = 'everyone'\n", "p.toml", table(), None).problems
    first, line, mark, way = sentences(Voice(language), problem)
    assert "p.toml" in first
    assert "https" in first
    assert line == " 2 |   htpps = 'everyone'"
    assert mark == "   |   ^"
    assert "portulan lookup htpps" in way


def test_a_long_line_is_shown_around_the_place():
    text = "[doors]\nssh = [" + ", ".join(["'192.0.2.1'"] * 40) + ", 'x y z']\n"
    (problem,) = read_policy(text, "p.toml", table(), None).problems
    _, line, mark = sentences(Voice(), problem)[:3]
    assert len(line) < 120
    assert line[mark.index("^") :].startswith("'x y z'")


def test_hostile_text_does_nothing_on_a_terminal():
    (problem,) = read_policy("[doors]\n\"a\\u001b[2Jb\" = 'everyone'\n", "p.toml", table(), None).problems
    assert all("\x1b" not in line for line in sentences(Voice(), problem))


def test_what_is_very_long_is_told_in_short():
    (problem,) = read_policy("[doors]\nssh = 'x" + "y" * 5000 + "'\n", "p.toml", table(), None).problems
    assert max(map(len, sentences(Voice(), problem))) < 300


def test_a_line_may_say_that_it_does_without_a_helper():
    assert policy_of("[doors]\nftp = { from = 'everyone', helper = 'none' }\n").doors[0].helper is None


def test_many_mistakes_are_not_told_without_end():
    assert len(problems_of("[doors]\n" + "".join(f"{port} = 'x'\n" for port in range(70_000, 70_200)))) == 50


def test_the_policies_of_the_manual_are_policies():
    text = (Path(__file__).resolve().parents[4] / "docs" / "guard.md").read_text("utf-8")
    found = [block for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if "[doors]" in block]
    assert len(found) == 2
    for block in found:
        policy = policy_of(block, {"partners.txt": "192.0.2.1\n"})
        assert policy.doors
        assert policy.crossings
