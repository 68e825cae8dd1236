"""What a person and a program see of `explain`: change these only with open eyes."""

import argparse
import io
import json
from importlib import import_module

import pytest

from explain_samples import FACTS, OF_A_PORT, packets, port, topics
from portulan.cli.explain import run
from portulan.cli.face import Face
from portulan.cli.table import width_of
from portulan.model.explain import Lesson
from portulan.text.explain_facts import FACTS as SENTENCES
from portulan.text.explain_facts import SAME
from portulan.text.voice import LANGUAGES, Voice

TOPICS = topics()


def told(monkeypatch, lesson, width, language="en", *, as_json=False, colour=False):
    """What the command prints of a lesson."""
    monkeypatch.setattr(import_module("portulan.verbs.explain"), "explain", lambda *_, **__: lesson)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    words = [] if lesson is None else ["any"]
    assert run(argparse.Namespace(topic=words, packet=None, source="auto", json=as_json), face) == 0
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_topics(snapshot, monkeypatch, width, language):
    assert "\n".join(told(monkeypatch, lesson, width, language) for lesson in TOPICS.values()) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_a_port(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, port(), width, language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_the_list_of_topics(snapshot, monkeypatch, width, language):
    assert told(monkeypatch, None, width, language) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_packets_on_a_narrow_screen(snapshot, monkeypatch, language):
    lesson = Lesson(None, None, "web-01", port().taken_at, (), packets())
    assert told(monkeypatch, lesson, 44, language) == snapshot


def test_the_ports_are_marked_in_colour(snapshot, monkeypatch):
    lesson = Lesson(None, None, "web-01", port().taken_at, (), packets()[:1])
    assert told(monkeypatch, lesson, 80, colour=True).replace("\x1b", "␛") == snapshot


@pytest.mark.parametrize("name", ["layers", None])
def test_as_json(snapshot, monkeypatch, name):
    text = told(monkeypatch, TOPICS[name] if name else port(), 80, as_json=True)
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [44, 80, 120])
def test_lines_fit_whatever_the_language(monkeypatch, width, language):
    for name, lesson in [*TOPICS.items(), ("port", port()), ("list", None)]:
        text = told(monkeypatch, lesson, width, language).partition("--- talk ---")[0]
        assert "{" not in text
        wide = [line for line in text.splitlines() if width_of(line) > width and "portulan " not in line]  # a command is never cut
        assert not wide or (name, width) == ("map", 44), wide  # the picture needs more than that


def test_every_fact_has_its_sample():
    assert set(FACTS) | set(OF_A_PORT) == set(SENTENCES) | set(SAME)
