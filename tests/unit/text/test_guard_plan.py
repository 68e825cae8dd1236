"""What a policy would change, in words."""

from datetime import UTC, datetime

import pytest

from portulan.errors import BadInput, ParseError
from portulan.model.guard_life import Peer, Session
from portulan.model.guard_plan import Plan, PlanRemark, PlanRow, WayRow
from portulan.model.port import Transport
from portulan.model.standing import Senders
from portulan.text.errors import sentences
from portulan.text.guard_plan import REMARKS, headline, line_of, remarks, sessions, way_of
from portulan.text.voice import Voice

VOICE = Voice("en")
EVERYONE, OFFICE = (Senders("everyone"),), (Senders("networks", ("198.51.100.0/24", "2001:db8::/48")),)
SHUT = PlanRow("3389/tcp", 1, "rdp", EVERYONE, (), (), (), heard=True)
ROWS = (SHUT, PlanRow("22/tcp", 1, "ssh", EVERYONE, (), OFFICE, (), ("office",)))
PLAN = Plan("web", datetime(2026, 11, 22, tzinfo=UTC), "portulan.toml", "a" * 64, None, ROWS)


def session(port, peer, transport=Transport.TCP):
    return Session(transport, port, peer, 40_000)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (SHUT, ("3389/tcp", "rdp", "everyone", "nobody")),
        (ROWS[1], ("22/tcp", "ssh", "everyone", "office")),
        (ROWS[1]._replace(senders=()), ("22/tcp", "ssh", "everyone", "198.51.100.0/24, 2001:db8::/48")),
        (ROWS[1]._replace(before=OFFICE), ("22/tcp", "ssh", "office", "office")),
        (ROWS[1]._replace(after=(), after_perhaps=OFFICE), ("22/tcp", "ssh", "everyone", "office, to a limit")),
        (SHUT._replace(after=EVERYONE, senders=("everyone", "office")), ("3389/tcp", "rdp", "everyone", "everyone")),
        (SHUT._replace(senders=("office",)), ("3389/tcp", "rdp", "everyone", "nobody")),
        (SHUT._replace(name=None, number=131_000, others=True), ("131,000 others", "-", "everyone", "nobody")),
        (SHUT._replace(ports=",".join(map(str, range(1000, 1020))) + "/tcp", number=20), ("20 ports", "rdp", "everyone", "nobody")),
        (SHUT._replace(name="evil\x1b[2J"), ("3389/tcp", "evil\\x1b[2J", "everyone", "nobody")),
    ],
)
def test_a_row(row, told):
    assert line_of(VOICE, row) == told


def test_the_headline():
    assert headline(VOICE, PLAN) == "web: what portulan.toml would change"
    assert "in force" in headline(VOICE, PLAN._replace(running=PLAN.hash))
    assert "trial" in headline(VOICE, PLAN._replace(running=PLAN.hash, trial=True))
    assert "the rules themselves" in headline(VOICE, PLAN._replace(rows=(ROWS[1]._replace(before=OFFICE),)))


def test_sessions_that_stay():
    several = tuple(session(3389, f"203.0.113.{number}") for number in (1, 2, 3, 4, 4))
    told = sessions(
        VOICE,
        PLAN._replace(sessions=(*several, session(9, "fd00::1", Transport.UDP)), peer=Peer("198.51.100.4", 40_000, "198.51.100.1", 22)),
    )
    assert told == [
        "3389/tcp: 5 sessions open now (203.0.113.1, 203.0.113.2, 203.0.113.3 …). They stay, unless you end them with  confirm --cut",
        "9/udp: 1 session open now (fd00::1). It stays, unless you end it with  confirm --cut",
        "22/tcp: you are connected from 198.51.100.4.",
    ]
    assert sessions(VOICE, PLAN) == []


def test_sessions_on_other_ways():
    out = session(443, "203.0.113.9")._replace(way="out")
    through = session(25, "10.0.0.7")._replace(way="through", to="203.0.113.8")
    told = sessions(VOICE, PLAN._replace(sessions=(out, through)))
    assert [each.partition(" It ")[0] for each in told] == [
        "out to 443/tcp: 1 session open now (203.0.113.9).",
        "through to 203.0.113.8 25/tcp: 1 session open now (10.0.0.7).",
    ]


WAY = WayRow("out", (), ("eth0",), Senders("everyone"), "25/tcp", 1, "smtp", EVERYONE, (), (), ())
THROUGH = WAY._replace(way="through", comes=("eth1", "vlan7"), before=OFFICE, after=(), after_perhaps=EVERYONE)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (WAY, ("this host -> eth0", "25/tcp smtp", "everyone", "nobody")),
        (WAY._replace(after=OFFICE, name=None), ("this host -> eth0", "25/tcp", "everyone", "198.51.100.0/24, 2001:db8::/48")),
        (THROUGH, ("eth1, vlan7 -> eth0", "25/tcp smtp", "198.51.100.0/24, 2001:db8::/48", "perhaps everyone")),
        (THROUGH._replace(to=OFFICE[0])[:4], "eth1, vlan7 -> eth0, to 198.51.100.0/24, 2001:db8::/48"),
        (WAY._replace(ports="1-2,4-5,7-8,10-11,13-14,16-17,19-20,22-23/tcp", number=16)[:5], "16 ports"),
        (WAY._replace(leaves=("evil\x1b[2J",))[:3], "this host -> evil\\x1b[2J"),
    ],
)
def test_a_way(row, told):
    full = row if isinstance(row, WayRow) else (THROUGH if row[0] == "through" else WAY)._replace(
        **dict(zip(WayRow._fields, row, strict=False)), **({"number": 16} if len(row) == 5 else {})
    )  # fmt: skip
    said = way_of(VOICE, full)
    assert said == told if isinstance(told, tuple) else told in said


def test_what_only_goes_out_otherwise_is_a_change_too():
    assert headline(VOICE, PLAN._replace(rows=(), ways=(WAY,))) == "web: what portulan.toml would change"
    assert way_of(Voice("ja"), WAY)[0] == "このホスト -> eth0"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_remarks_and_errors(language):
    voice = Voice(language)
    told = remarks(voice, PLAN._replace(remarks=tuple(PlanRemark(code, "eth0") for code in REMARKS)))
    assert len(set(told)) == len(REMARKS)
    assert all("eth0" in text for text in told)
    assert remarks(voice, PLAN._replace(remarks=(PlanRemark("outgoing"),)))[0].count("{") == 0
    assert "a b" in sentences(voice, BadInput("guard.interface", text="a b"))[0]
    assert "guard.history" not in sentences(voice, ParseError("guard.history"))[0]
