"""The command line of free; what it gives is judged in tests/lab/test_free.py."""

import io
from importlib import import_module

import pytest

from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.free import plain, run
from portulan.cli.parser import build_parser
from portulan.errors import BadInput
from portulan.model.free import FreePort
from portulan.model.port import PortClass, Transport
from portulan.model.portset import parse_portset
from portulan.text.voice import Voice

FOUND = tuple(FreePort(port, (Transport.TCP,), PortClass.DYNAMIC, ephemeral=False, assigned=False) for port in (64_480, 61_819))


def asked_with(monkeypatch, *words):
    """(what reaches the verb, stdout, stderr)"""
    heard = []
    monkeypatch.setattr(import_module("portulan.verbs.free"), "free", lambda *count, **more: heard.append((count, more)) or FOUND)
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert run(build_parser(COMMANDS["free"], Voice()).parse_args(words), face) == 0
    return heard, face.out.getvalue(), face.err.getvalue()


def test_no_words_need_no_parser():
    options = vars(build_parser(COMMANDS["free"], Voice()).parse_args([]))
    assert options == {**plain([]), "json": False, "lang": None, "color": "auto"}
    assert plain(["80"]) is None


def test_the_question_reaches_the_verb_and_numbers_alone_come_out(monkeypatch):
    heard, out, err = asked_with(monkeypatch)
    assert heard == [((1,), {"name": None, "contiguous": False, "within": None, "transport": "tcp", "assigned": False, "project": "."})]
    assert (out, err) == ("64480\n61819\n", "")
    words = [
        "-n",
        "3",
        "--for",
        "shop",
        "--contiguous",
        "--range",
        "8000-9000",
        "--transport",
        "both",
        "--assigned",
        "--declared",
        "--except",
        "8000-8010,9000",
    ]
    heard, _, _ = asked_with(monkeypatch, *words)
    assert heard == [
        (
            (3,),
            {
                "name": "shop", "contiguous": True, "within": "8000-9000", "transport": "both", "assigned": True, "project": None,
                "excluded": parse_portset("8000-8010,9000"),
            },
        )
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1" * 400, "٣"])
def test_a_count_that_is_none(monkeypatch, text):
    with pytest.raises(BadInput) as caught:
        asked_with(monkeypatch, f"-n{text}" if text else "-n=")
    assert caught.value.code == "free.count"
