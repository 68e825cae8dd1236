"""What a person and a program see of the chart and of who: change these only with open eyes."""

import argparse
import io
import json
import os
import sys
from importlib import import_module

import pytest

from chart_samples import CONNECTIONS, GAPS, SOCKETS, chart, who
from portulan.cli.face import Face
from portulan.cli.ls import show
from portulan.cli.parser import overview
from portulan.cli.who import run
from portulan.text.voice import LANGUAGES, Voice

PORTS = (80, 631, 3389, 4789, 5000, 6666, 8000, 8080, 9999, 40000, 1)


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch):
    """What could be seen with more rights is told to those who have fewer."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


def a_face(width, language="en", *, colour=False):
    return Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)


def said(face):
    """Both streams, so that neither changes unseen."""
    talk = face.err.getvalue()
    return face.out.getvalue() + ("--- talk ---\n" + talk if talk else "")


def ls(drawn, width, language="en", *, colour=False, **more):
    options = argparse.Namespace(**{
        "ports": [], "service": [], "name": [], "pid": [], "user": [], "netns": [], "tcp": False, "udp": False, "exposed": False, "all": False, "csv": False, "no_header": False, "json": False,
        **more,
    })  # fmt: skip
    face = a_face(width, language, colour=colour)
    show(options, face, drawn)
    return said(face)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_ls(snapshot, width, language):
    assert ls(chart(gaps=GAPS, counted=width == 200), width, language) == snapshot


@pytest.mark.parametrize("width", [80, 120, 200])
def test_ls_all(snapshot, width):
    assert ls(chart(SOCKETS + CONNECTIONS, one_namespace=True), width, all=True) == snapshot


def test_ls_in_colours(snapshot):
    assert ls(chart(one_namespace=True), 80, colour=True).replace("\x1b", "␛") == snapshot


def test_ls_of_nothing(snapshot):
    assert ls(chart(()), 80) == snapshot


def test_ls_as_json(snapshot):
    told = json.loads(ls(chart(SOCKETS + CONNECTIONS, gaps=GAPS, counted=True), 80, json=True))
    assert json.dumps(told, indent=1, ensure_ascii=False) == snapshot


def test_ls_as_csv(snapshot):
    assert ls(chart(SOCKETS + CONNECTIONS), 80, csv=True) == snapshot


def told_who(monkeypatch, answer, width, language="en", *, as_json=False):
    monkeypatch.setattr(import_module("portulan.verbs.who"), "who", lambda port, source, reach: answer)
    face = a_face(width, language)
    run(argparse.Namespace(port="80", source="auto", no_reach=False, json=as_json), face)
    return said(face)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_who(snapshot, monkeypatch, width, language):
    answers = [told_who(monkeypatch, who(port, gaps=GAPS if port in (3389, 1) else ()), width, language) for port in PORTS]
    answers.append(told_who(monkeypatch, who(80, one_namespace=False), width, language))
    assert "\n".join(answers) == snapshot


def test_who_as_json(snapshot, monkeypatch):
    told = json.loads(told_who(monkeypatch, who(80, gaps=GAPS), 80, as_json=True))
    assert json.dumps(told, indent=1, ensure_ascii=False) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_overview(snapshot, language):
    assert overview(Voice(language)) == snapshot
