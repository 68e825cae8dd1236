"""The command line of stop; what it says as a whole is in tests/golden/test_stop.py, what it does in tests/lab/test_stop.py."""

import io
import sys
from importlib import import_module

import pytest

from chart_samples import who
from portulan.cli.ask import ask, can_ask
from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.parser import build_parser
from portulan.cli.stop import run
from portulan.errors import BadInput
from portulan.host.stopping import plan_stop
from portulan.model.stop import Me
from portulan.text.voice import Voice

PLAN = plan_stop(who(8000), Me(pid=9_000, uid=0), wait_s=10)


def asked_with(monkeypatch, *words):
    """What reaches the verb."""
    heard = {}
    monkeypatch.setattr(import_module("portulan.verbs.stop"), "stop", lambda port, **more: heard.update(more, port=port) or PLAN)
    run(build_parser(COMMANDS["stop"], Voice()).parse_args(words), Face(Voice(), io.StringIO(), io.StringIO()))
    return heard


def test_the_question_reaches_the_verb(monkeypatch):
    heard = asked_with(monkeypatch, "80/tcp")
    assert callable(heard.pop("confirm"))
    assert callable(heard.pop("told"))
    assert heard == {
        "port": "80/tcp", "netns": None, "wait_s": 10.0, "kill": True, "direct": False, "connections": False, "dry_run": False, "source": "auto",
    }  # fmt: skip
    heard = asked_with(
        monkeypatch, "80", "-y", "--wait", "0.5", "--no-kill", "--direct", "--connections", "--netns", "blue", "--source", "proc", "--json"
    )
    assert heard == {
        "port": "80", "netns": "blue", "wait_s": 0.5, "kill": False, "direct": True, "connections": True, "dry_run": False, "source": "proc",
        "confirm": None, "told": None,
    }  # fmt: skip
    assert asked_with(monkeypatch, "80", "--dry-run")["confirm"] is None


@pytest.mark.parametrize("text", ["", "soon", "-1", "3601", "nan", "inf", "1e9"])
def test_a_time_to_wait_that_is_none(monkeypatch, text):
    with pytest.raises(BadInput) as caught:
        asked_with(monkeypatch, "80", f"--wait={text}")
    assert caught.value.code == "stop.wait"


class Typed(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("typed", "yes"),
    [
        ("y\n", True),
        ("Yes\n", True),
        (" y \n", True),
        ("はい\n", True),
        ("n\n", False),
        ("\n", False),
        ("", False),
        ("yy\n", False),
        ("no y\n", False),
    ],
)
def test_yes_is_typed_out(monkeypatch, typed, yes):
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert ask(face, "End it?") is yes
    assert face.err.getvalue() == "End it? [y/N] " + ("" if typed else "\n")
    assert face.out.getvalue() == ""


def test_a_person_needs_both_streams(monkeypatch):
    for typed, said, both in (
        (Typed(), Typed(), True),
        (io.StringIO(), Typed(), False),
        (Typed(), io.StringIO(), False),
        (None, Typed(), False),
    ):
        monkeypatch.setattr(sys, "stdin", typed)
        monkeypatch.setattr(sys, "stderr", said)
        assert can_ask() is both
