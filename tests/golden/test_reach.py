"""What `portulan reach` shows, in both languages and three widths."""

import argparse
import io
import json
from datetime import UTC, datetime
from importlib import import_module

import jsonschema
import pytest

from portulan.cli.contract import schema_of
from portulan.cli.face import Face
from portulan.cli.reach import run
from portulan.model.chart import Gap
from portulan.model.doors import Asked, Door, MatrixAnswer, MatrixRow, ReachAnswer
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet, Passage, Place, Step, Way
from portulan.model.standing import Grant, Senders, Standing, UnreadSet
from portulan.text.voice import Voice

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SSH = Place("inet", "filter", "input", 12, "tcp dport 22 ip saddr 203.0.113.0/24 counter packets 7 bytes 420 accept", "input")
DROP = Place("inet", "filter", "input", None, "policy drop", "input", policy=True)
LIMIT = Place("inet", "filter", "input", 13, "tcp dport 2222 limit rate 3/minute accept", "input")
UFW = Place("ip", "filter", "ufw-user-input", 40, "-A ufw-user-input -p tcp -m tcp --dport 8080 -j DROP", "input", "ufw")
NAT = Place("ip", "nat", "DOCKER", 7, "tcp dport 8080 dnat to 172.17.0.2:80", "prerouting", "docker")
FORWARD = Place("ip", "filter", "DOCKER", 4, "ip daddr 172.17.0.2 tcp dport 80 accept", "forward", "docker")
WORLD, OFFICE = ("0.0.0.0/0", "::/0"), ("203.0.113.0/24",)
EVERYONE, HERE = Senders("everyone"), Senders("this-host")
LOCAL = Grant(Outcome.ACCEPT, ("127.0.0.1", "::1"), ("lo",), None, Way.LOCAL)


def grant(verdict, networks, rule, way=Way.INPUT, target=None, doubts=()):
    return Grant(verdict, networks, ("eth0",), rule, way, target, doubts, "203.0.113.9")


def door(port, standing, holder, *, transport=Transport.TCP, service=None, addresses=("0.0.0.0",), **more):
    return Door(transport, port, addresses, service, 1, None, holder, standing, **more)


DOORS = (
    door(22, Standing("networks", (Senders("networks", OFFICE),), (), (grant(Outcome.ACCEPT, OFFICE, SSH), grant(Outcome.DROP, WORLD, DROP), LOCAL)), "sshd ssh.service", service="ssh"),
    door(
        80,
        Standing("everyone", (EVERYONE,), (), (grant(Outcome.ACCEPT, WORLD, None), LOCAL), (UnreadSet("inet", "filter", "ban", 100_000, "shut"),)),
        "nginx",
        service="http",
    ),
    door(2222, Standing("maybe", (), (EVERYONE,), (grant(Outcome.MAYBE, WORLD, LIMIT, doubts=(LIMIT,)), LOCAL)), "sshd"),
    door(5432, Standing("this-host", (HERE,), (), (grant(Outcome.DROP, WORLD, DROP), LOCAL)), "postgres", service="postgresql", addresses=("127.0.0.1",)),
    door(
        8080,
        Standing("everyone", (Senders("everyone", version=4),), (), (grant(Outcome.ACCEPT, WORLD[:1], FORWARD, Way.FORWARD, "172.17.0.2:80"), grant(Outcome.DROP, WORLD[1:], DROP))),
        None,
        service="http-alt",
        addresses=(),
        published="172.17.0.2:80",
        behind="docker:shop-web",
        shut_here=UFW,
    ),
    door(9000, None, "evil\x1b[31m", addresses=("::",)),
)  # fmt: skip
ANSWER = ReachAnswer("web-01", NOW, DOORS, (Gap("reach.incomplete", {"why": "nft.changing", "text": ""}),))
PACKET = Packet(Transport.TCP, Address(4, 0xCB007109), Address(4, 0xC6120001), 8080, None, "eth0")
STEPS = (
    Step(NAT, "dnat", {"address": "172.17.0.2", "port": 80}, 1),
    Step(None, "routed", {"way": "forward", "address": "172.17.0.2", "link": "docker0"}),
    Step(FORWARD, "accept", {}, 1),
)
PASSAGE = Passage(PACKET, Outcome.ACCEPT, Way.FORWARD, STEPS, FORWARD, Address(4, 0xAC110002), 80)
INSIDE = PASSAGE._replace(
    packet=PACKET._replace(port=80), way=Way.INPUT, steps=(Step(None, "routed", {"way": "input"}),), rule=None, destination=None, port=None
)
MAYBE = PASSAGE._replace(
    outcome=Outcome.MAYBE, way=Way.INPUT, steps=(Step(LIMIT, "maybe", {"why": "limit"}, sure=False), Step(LIMIT, "accept", sure=False)), doubts=(Step(LIMIT, "maybe"),)
)  # fmt: skip
ASKED = Asked("web-01", NOW, PASSAGE, "http-alt", None, INSIDE)
MATRIX = MatrixAnswer(
    "web-01", NOW, (MatrixRow("22,80-90/tcp 53/udp", ("eth0", "wg0"), (EVERYONE,)), MatrixRow("5432/tcp", ("eth0",), (Senders("networks", OFFICE),), (EVERYONE,))), 3
)  # fmt: skip


def told(monkeypatch, *, width=80, language="en", as_json=False, matrix=False, sender=None, ports=(), **answers):
    verbs = import_module("portulan.verbs.reach")
    for name, answer in {"reach": ANSWER, "passage": ASKED, "matrix": MATRIX, **answers}.items():
        monkeypatch.setattr(verbs, name, lambda *_, answer=answer, **__: answer)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width)
    options = argparse.Namespace(
        ports=list(ports),
        matrix=matrix,
        sender=sender,
        via=None,
        to=None,
        every_step=False,
        netns=[],
        source="auto",
        json=as_json,
        policy=None,
    )
    status = run(options, face)
    return f"{face.out.getvalue()}--- {status}\n{face.err.getvalue()}"


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [80, 120])
def test_all_doors(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, width=width, language=language) == snapshot


@pytest.mark.parametrize("language", ["en", "ja"])
def test_some_doors(snapshot, monkeypatch, language):
    assert told(monkeypatch, ports=["22"], language=language) == snapshot


def test_doors_for_programs(snapshot, monkeypatch):
    assert told(monkeypatch, as_json=True) == snapshot


@pytest.mark.parametrize("language", ["en", "ja"])
def test_one_packet(snapshot, monkeypatch, language):
    first = told(monkeypatch, ports=["8080"], sender="203.0.113.9", language=language)
    second = told(monkeypatch, ports=["2222"], sender="203.0.113.9", language=language, passage=ASKED._replace(passage=MAYBE, beyond=None))
    assert [first, second] == snapshot


def test_one_packet_for_programs(snapshot, monkeypatch):
    assert told(monkeypatch, ports=["8080"], sender="203.0.113.9", as_json=True) == snapshot


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_matrix(snapshot, monkeypatch, language):
    assert told(monkeypatch, matrix=True, language=language) == snapshot


def test_the_matrix_for_programs(snapshot, monkeypatch):
    assert told(monkeypatch, matrix=True, as_json=True) == snapshot


@pytest.mark.parametrize(
    ("command", "more"), [("reach", {}), ("reach-packet", {"ports": ["8080"], "sender": "203.0.113.9"}), ("reach-matrix", {"matrix": True})]
)
def test_what_programs_get_is_what_the_schema_says(monkeypatch, command, more):
    answer = json.loads(told(monkeypatch, as_json=True, **more).partition("--- ")[0])
    assert answer["items"]
    jsonschema.validate(answer, schema_of(command), format_checker=jsonschema.FormatChecker())


def test_nothing_there(snapshot, monkeypatch):
    assert told(monkeypatch, reach=ANSWER._replace(doors=(), gaps=())) == snapshot


def test_without_rights_nothing_is_known(monkeypatch):
    unknown = ANSWER._replace(doors=(DOORS[-1],), gaps=(Gap("reach.forbidden", {"needs": "CAP_NET_ADMIN"}),))
    assert "--- 3\n" in told(monkeypatch, reach=unknown)
    assert "--- 3\n" in told(monkeypatch, reach=unknown._replace(doors=()))
