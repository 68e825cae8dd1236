"""What a person and a program see of `demo`: change these only with open eyes. The commands' own outputs are cut short here: they have tests of their own."""

import argparse
import io
import json
from importlib import import_module

import pytest

from portulan.cli.demo import run
from portulan.cli.face import Face
from portulan.cli.table import width_of
from portulan.model.demo import SCENES, DemoHost, DemoStep, Drawn, Opened, SceneBegins, Typed
from portulan.text.demo import STEPS
from portulan.text.voice import LANGUAGES, Voice

HOSTS = (
    DemoHost("laptop", ("198.18.0.2",), ()), DemoHost("server", ("198.18.0.1", "198.18.1.1"), ("21 ftp", "25 smtp", "80 http")),
    DemoHost("stranger", ("198.18.1.2",), ()),
)  # fmt: skip
SENT = {"song": 564_524, "data_port": 41_359, "page": 29_252, "mail": 213}
HEARD = {"open": "25, 80", "refused": "443", "silent": "21"}
FACTS = {
    "traffic.visit": SENT, "traffic.apart": SENT, "firewall.scan-before": {"open": "21, 25, 80", "refused": "443", "silent": ""},
    "firewall.scan-after": HEARD, "firewall.scan-after-otherwise": {**HEARD, "refused": ""},
}  # fmt: skip
WORDS = {"traffic.visit": "python3 -P -m portulan.system.demo.visit server 0", "conflict.second": "python3 -m http.server 80"}
HOST = {"traffic.visit": "laptop", "scanners.tries": "stranger", "firewall.scan-before": "stranger", "firewall.scan-after": "stranger"}
FACTS |= {f"{scene}.otherwise": {"status": 3} for scene in SCENES}
SILENT = ("firewall.no-nft",)
TALK = {"conflict.second": "Traceback (most recent call last):\n  …\nOSError: [Errno 98] Address already in use\n"}
OUTPUT = "\n A table\n   with two lines\n\n"
PAGE = "\x1b[?1049h\x1b[?25l\x1b[H \x1b[1mall\x1b[0m\x1b[K\n row\x1b[K\n\x1b[K\nq quit\x1b[K\x1b[J"


def step(code, *, as_json=False):
    command = None if code in SILENT else WORDS.get(code, "portulan " + code.replace(".", " "))
    beside = code in ("traffic.visit", "scanners.tries")
    answer = {"schema": "portulan.why/1"} if as_json and command and command.startswith("portulan") else None
    return DemoStep(
        code.partition(".")[0], code, None if command is None else HOST.get(code, "server"), command, None if command is None else 0,
        None if answer or command is None else TALK.get(code, OUTPUT), answer, FACTS.get(code, {}), beside=beside,
    )  # fmt: skip


def events(*, as_json=False):
    """The whole play, with everything that may be said in it."""
    yield Opened(HOSTS, "root")
    for number, scene in enumerate(SCENES, 1):
        yield SceneBegins(scene, number, len(SCENES))
        for code in STEPS:
            if code.startswith(scene + "."):
                one = step(code, as_json=as_json)
                if one.command is not None:
                    yield Typed(scene, code, one.host, one.command, beside=one.beside)
                if code == "traffic.apart":
                    yield Drawn(PAGE)
                yield one


def told(monkeypatch, width=80, language="en", *, as_json=False, colour=False, play=None):
    """What the command prints of it."""

    def demo(*_, **__):
        yield from play or events(as_json=as_json)

    monkeypatch.setattr(import_module("portulan.verbs.demo"), "demo", demo)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    assert run(argparse.Namespace(scene="all", fast=True, json=as_json), face) == 0
    assert not face.err.getvalue()
    return face.out.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_all_that_may_be_said(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, width, language).replace("\x1b", "␛") == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [44, 80, 120])
def test_lines_fit_whatever_the_language(monkeypatch, width, language):
    lines = told(monkeypatch, width, language).splitlines()
    wide = [line for line in lines if width_of(line) > width and "$ " not in line and "apt install" not in line and "──" not in line]
    assert not [line for line in wide if not line.startswith("   198.") and "ftp ·" not in line]


def test_in_colour(snapshot, monkeypatch):
    play = [Opened(HOSTS, "user"), SceneBegins("conflict", 1, 1), Typed("conflict", "conflict.why", "server", "portulan why 80")]
    play += [step("conflict.why")._replace(output="\x1b[1mNo.\x1b[0m\x1b[2J\r\n"), step("firewall.no-nft")]
    assert told(monkeypatch, colour=True, play=play).replace("\x1b", "␛") == snapshot


def test_as_json(snapshot, monkeypatch):
    said = json.loads(told(monkeypatch, as_json=True))
    assert said.pop("taken_at")
    assert said.pop("took_s") >= 0
    assert json.dumps(said, indent=1, ensure_ascii=False) == snapshot
