"""What a person sees of a policy: mistakes, check, doors opened and closed, the first draft."""

import argparse
import io
from datetime import UTC, date, datetime
from importlib import import_module

import pytest

from policies import policy_of, reader_of, table
from portulan.cli.face import Face
from portulan.errors import NotPermitted
from portulan.guard.policy.check import Surroundings, find_doubts
from portulan.guard.policy.read import read_policy
from portulan.guard.policy.understood import implied, understood
from portulan.model.guard_check import Caller, Checked, Danger, Edited
from portulan.model.guard_draft import DraftDoor, Drafted, DraftSource, LeftOut
from portulan.model.network import Link, Network
from portulan.model.port import Transport
from portulan.text.errors import sentences
from portulan.text.guard_draft import draft_text
from portulan.text.voice import LANGUAGES, Voice

LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = date(2026, 6, 1)
POLICY = """[sources]
office = ["198.51.100.0/24", "2001:db8::/48"]
old = "192.0.2.1"
here = "127.0.0.0/8"
world = "0.0.0.0/0"

[doors]
https = "everyone"
ping = "everyone"
ssh = { from = "office", limit = "10/minute burst 30", log = true, note = "管理 only", until = 2026-06-10 }
22 = "office"
"443/tcp" = "office"
3306 = "this-host"
"3000-4000" = "everyone"
9000 = "here"
9001 = { from = "world", until = 2026-05-31 }
9002 = ["interface eth7", "office"]
9002-9002 = "old"
"10000-60000/udp" = "everyone"
ftp = { from = "office", helper = "ftp" }

[outgoing]
https = "everyone"

[zones]
inside = "eth1"
outside = "eth0"
spare = "wg0"

[forward]
"inside -> outside" = ["smtp", "http", "https"]
"outside -> inside" = { doors = "everything", masquerade = true }
"""
NETWORK = Network(links=(Link(1, "lo", type=772), Link(2, "eth0"), Link(3, "eth1", forwards4=True)))
AROUND = Surroundings(
    NETWORK, frozenset({(Transport.TCP, 443)}), (22,), (Caller(4, 0xCB007109, "203.0.113.9", 22, "eth0"),),
    (Danger("MySQL", (("tcp", 3306, 3306),)), Danger("a web proxy", (("tcp", 3128, 3128),))),
)  # fmt: skip
WRONG = """[settings]
refus = "drop"
[sources]
office = ["198.51.100.7/24", "2001:db8::/48x"]
a = ["b"]
b = "a"
mirror = "www.example.com"
[doors]
htpps = "everyone"
ssh = { from = "ofice", limit = "10/minutes" }
ftp = "everyone"
mail = "everyone"
70000 = "nobody"
"80/tpc" = "nobody"
[door]
"""


def checked(text, around=AROUND, unseen=()):
    policy = policy_of(text)
    return Checked("portulan.toml", NOW, understood(policy, TODAY), find_doubts(policy, TODAY, around), (), implied(policy), unseen)


def told(monkeypatch, command, verb, answer, language="en", width=80, *, colour=False, **options):
    module, name = verb
    monkeypatch.setattr(import_module(module), name, lambda *_, **__: answer)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    status = import_module(f"portulan.cli.guard_{command}").run(argparse.Namespace(**options), face)
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "") + f"= {status}\n"


def not_permitted(_):
    raise NotPermitted("nft.forbidden", needs="CAP_NET_ADMIN")


CHECK = ("portulan.verbs.guard_check", "guard_check")
OPTIONS = {"policy": None, "file_only": False, "show_implied": False, "json": False}


@LANGUAGE
@pytest.mark.parametrize("width", [80, 120])
def test_check(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, "check", CHECK, checked(POLICY), language, width, **OPTIONS) == snapshot


@LANGUAGE
def test_what_is_implied(snapshot, monkeypatch, language):
    answer = checked('[doors]\nhttps = "everyone"\n', Surroundings(), ("network", "listeners", "published"))
    assert told(monkeypatch, "check", CHECK, answer, language, **{**OPTIONS, "show_implied": True}) == snapshot


def test_what_is_implied_with_zones(snapshot, monkeypatch):
    assert told(monkeypatch, "check", CHECK, checked(POLICY, Surroundings()), **{**OPTIONS, "show_implied": True}) == snapshot


def test_check_in_colours(snapshot, monkeypatch):
    assert told(monkeypatch, "check", CHECK, checked(POLICY), colour=True, **OPTIONS).replace("\x1b", "␛") == snapshot


@LANGUAGE
def test_mistakes(snapshot, monkeypatch, language):
    from portulan.verbs.guard_check import _mistake

    reading = read_policy(WRONG, "portulan.toml", table(), reader_of({}))
    answer = Checked("portulan.toml", NOW, mistakes=tuple(map(_mistake, reading.problems)))
    assert told(monkeypatch, "check", CHECK, answer, language, **OPTIONS) == snapshot
    assert "\n".join(sentences(Voice(language), reading.problems[0])) == snapshot


@LANGUAGE
def test_doors_opened_and_closed(snapshot, monkeypatch, language):
    monkeypatch.setattr(import_module("portulan.verbs.guard_plan"), "guard_plan", not_permitted)
    shut = find_doubts(policy_of('[doors]\nhttp = "everyone"\n'), TODAY, AROUND)[:1]
    options = {"door": "22", "to": [], "policy": None, "json": False, "dry_run": False}
    more = {"limit": None, "log": False, "note": None, "until": None, "helper": None}
    opened, closed = ("portulan.verbs.guard_edit", "guard_open"), ("portulan.verbs.guard_edit", "guard_close")
    changed = Edited("portulan.toml", True, (), ('"5432/tcp" = "office"',), (), written=True)
    said = [
        told(monkeypatch, "open", opened, changed, language, **options, **more),
        told(monkeypatch, "open", opened, Edited("portulan.toml", changed=False), language, **options, **more),
        told(
            monkeypatch,
            "close",
            closed,
            Edited("portulan.toml", True, ('ssh = "office"',), ('"22/udp" = "office\x1b"',), shut),
            language,
            **options,
        ),
        told(monkeypatch, "close", closed, Edited("portulan.toml", changed=False), language, **options),
    ]
    assert "\n".join(said) == snapshot


@LANGUAGE
def test_draft(snapshot, language):
    doors = (
        DraftDoor("ssh", ("everyone",), ("sshd ssh.service",), ("0.0.0.0", "::")),
        DraftDoor("https", ("everyone",), ("nginx nginx.service",), ("0.0.0.0",), "but"),
        DraftDoor("5432/tcp", ("senders-1",), ("postgres",), ("192.0.2.7",)),
        DraftDoor("8080/tcp", ("10.0.0.0/8", "interface eth1"), ("shop-web",), (), "published"),
        DraftDoor("ftp", ("everyone",), ("vsftpd",), ("::",), "perhaps", "ftp"),
        DraftDoor("9999", ("everyone",), (), ("0.0.0.0",), "unknown"),
    )
    left_out = (
        LeftOut("68/udp", ("dhclient",), "dhcp"), LeftOut("3306/tcp", ("mysqld",), "this-host"), LeftOut("40123/udp", (), "client"),
        LeftOut("3389/tcp", ("xrdp",), "nobody"),
    )  # fmt: skip
    made = Drafted(
        "web-01", NOW, (DraftSource("senders-1", ("10.1.0.0/16", "2001:db8::/32"), ("eth1",)),), doors, left_out, ping=True, routes=True
    )
    text = draft_text(Voice(language), made)
    assert policy_of(text).doors
    assert text == snapshot
