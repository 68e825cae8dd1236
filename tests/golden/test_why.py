"""What a person and a program see of `why`, cause by cause: change these only with open eyes."""

import argparse
import io
import json
import os
import sys
from importlib import import_module

import pytest

from portulan.cli.face import Face
from portulan.cli.why import plain, run
from portulan.model.why import Cause
from portulan.text.voice import LANGUAGES, Voice
from why_samples import samples

SAMPLES = samples()


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


def told(monkeypatch, answer, width, language="en", *, as_json=False):
    """What the command prints of an answer, and its exit status."""
    monkeypatch.setattr(import_module("portulan.verbs.why"), "why", lambda *_, **__: answer)
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width)
    status = run(argparse.Namespace(**plain(["80"]), json=as_json), face)
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else ""), status


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_why(snapshot, monkeypatch, width, language):
    texts = [f"## {name}\n{told(monkeypatch, answer, width, language)[0]}" for name, answer in SAMPLES.items()]
    assert "\n".join(texts) == snapshot


def test_every_cause_has_its_sample():
    assert {answer.cause for answer in SAMPLES.values()} == set(Cause)


@pytest.mark.parametrize("name", SAMPLES)
def test_lines_fit_and_the_status_says_it_too(monkeypatch, name):
    answer = SAMPLES[name]
    text, status = told(monkeypatch, answer, 80)
    assert status == {"yes": 0, "no": 1, "maybe": 3}[answer.answer]
    commands = {way.command for way in answer.remedies}
    assert all(len(line) <= 80 or any(command and command in line for command in commands) for line in text.splitlines())
    assert text.split(" ")[0] in ("Yes.", "No.", "Perhaps.")
    assert "{" not in text
    for command in commands - {None}:
        assert any(command in line for line in text.splitlines())  # whole, to be copied


def test_why_as_json(snapshot, monkeypatch):
    text, _ = told(monkeypatch, SAMPLES["connection"], 80, as_json=True)
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) == snapshot
