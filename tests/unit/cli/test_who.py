"""The answer to who on a terminal and as JSON; how it looks as a whole is in tests/golden/test_cli.py."""

import argparse
import io
import json
import os
import re
import sys
from importlib import import_module

import pytest

from chart_samples import GAPS, who
from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.parser import build_parser
from portulan.cli.table import width_of
from portulan.cli.who import plain, run
from portulan.model.chart import Gap
from portulan.text.voice import LANGUAGES, Voice

PORTS = (22, 80, 443, 631, 3389, 4789, 5000, 5353, 5432, 6666, 7000, 8000, 8080, 9999, 40000, 1)


@pytest.fixture
def told(monkeypatch):
    """told(answer, …) -> (exit status, stdout, stderr)."""

    def run_with(answer, *, width=80, colour=False, language="en", as_json=False, root=False):
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])
        monkeypatch.setattr(import_module("portulan.verbs.who"), "who", lambda port, source, reach: answer)
        face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
        status = run(argparse.Namespace(port="80", source="auto", no_reach=False, json=as_json), face)
        return status, face.out.getvalue(), face.err.getvalue()

    return run_with


def test_one_word_needs_no_parser():
    for words in (["80"], ["ssh"]):
        options = vars(build_parser(COMMANDS["who"], Voice()).parse_args(words))
        assert options == {**plain(words), "json": False, "lang": None, "color": "auto"}
    assert plain([]) is None
    assert plain(["80", "81"]) is None


def test_the_question_reaches_the_verb(monkeypatch):
    asked = []
    monkeypatch.setattr(import_module("portulan.verbs.who"), "who", lambda *words, **more: asked.append((words, more)) or who(80))
    run(argparse.Namespace(port="80/tcp", source="proc", no_reach=True, json=True), Face(Voice(), io.StringIO(), io.StringIO()))
    assert asked == [(("80/tcp",), {"source": "proc", "reach": False})]


@pytest.mark.parametrize(
    ("port", "gaps", "status"),
    [
        (80, (), 0),
        (9999, (), 0),
        (5000, (), 0),
        (80, GAPS, 0),
        (1, (), 1),
        # a socket is listed whoever holds it: only a namespace that was not read may hide one
        (1, (Gap("owners.forbidden", {"count": 1}),), 1),
        (1, (Gap("proc.unreadable"),), 1),
        (1, (Gap("namespace.forbidden", {"name": "x"}),), 3),
        (1, (Gap("namespace.unreachable", {"name": "x", "pid": 1}),), 3),
        (1, (Gap("psutil.forbidden"),), 3),
        (1, (Gap("proc.hidepid"), Gap("psutil.forbidden")), 3),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_status_is_the_answer(told, port, gaps, status, as_json):
    assert told(who(port, gaps=gaps), as_json=as_json)[0] == status


def test_nobody_is_said(told):
    assert told(who(1))[1] == "Nobody holds 1 on this machine.\n"
    _, out, err = told(who(1, gaps=GAPS))
    assert out == "Nobody that may be seen holds 1.\n"
    assert err.splitlines()[-1] == " See all:  sudo portulan 1"


def test_root_is_told_of_no_way_out(told):
    assert "sudo" not in told(who(80, gaps=GAPS), root=True)[2]


def test_a_whole_answer_needs_no_talk(told):
    assert told(who(80))[2] == ""


def test_two_answers_are_kept_apart(told):
    _, out, _ = told(who(80, one_namespace=False))
    first, second = out.split("\n\n80/tcp")
    assert "lives in" not in first
    assert re.search("lives in .*blue", second)
    assert (first.count("stop it"), second.count("stop it")) == (1, 1)


def test_what_is_held_in_another_namespace_only_is_said_first(told):
    answer = who(80, one_namespace=False)
    blue = answer._replace(items=tuple(item for item in answer.items if item.netns_name))
    _, out, _ = told(blue)
    assert out.startswith("Nobody holds 80 (http) in this network namespace; in others it is held:\n\n80/tcp")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("port", [80, 6666, 8080])
def test_facts_stand_under_one_another(told, port, language):
    lines = told(who(port), language=language)[1].splitlines()
    facts = [line for line in lines if re.search(r"\S   +\S", line) and "pid" not in line]
    assert len(facts) >= 4
    assert len({width_of(line[: re.match(r" .*?\S   +", line).end()]) for line in facts}) == 1


def test_several_ways_to_stop_it_have_one_label(told):
    answer = who(80)
    answer = answer._replace(remedies=(*answer.remedies, answer.remedies[0]._replace(command="kill 5")))
    assert told(answer)[1].splitlines()[-2:] == [" stop it       systemctl stop nginx.service", "               kill 5"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("port", PORTS)
def test_an_answer_fits_the_window(told, port, width, language):
    _, out, _ = told(who(port), width=width, language=language)
    assert [line for line in out.splitlines() if width_of(line) > width] == []


def test_colours_change_no_character(told):
    for port in PORTS:
        plain, painted = told(who(port))[1], told(who(port), colour=True)[1]
        assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", painted).splitlines()] == plain.splitlines()
    assert told(who(80), colour=True)[1].startswith("\x1b[1m80/tcp")
    assert "\x1b[2mwhy it runs\x1b[0m" in told(who(80), colour=True)[1]
    long = told(who(3389), colour=True, width=40)[1].splitlines()
    assert all(line.startswith("\x1b[1m") for line in long[:3])


def test_json_has_the_whole_answer(told):
    _, out, err = told(who(80, gaps=GAPS), as_json=True)
    answer = json.loads(out)
    assert err == ""
    assert list(answer) == [
        "schema", "taken_at", "complete", "missing", "host", "source", "port", "service", "remedies", "ephemeral", "items",
    ]  # fmt: skip
    assert answer["port"] == {"number": 80, "transport": None}
    assert (answer["schema"], answer["complete"], answer["service"]) == ("portulan.who/1", False, "http")
    assert answer["remedies"] == [
        {"code": "unit", "command": "systemctl stop nginx.service", "pids": [812, 815, 816, 817, 818], "netns": 4026531840}
    ]
    assert answer["items"][0]["owners"][1]["parents"] == [{"pid": 812, "name": "nginx"}, {"pid": 1, "name": "systemd"}]


def test_json_of_nobody(told):
    status, out, _ = told(who(1), as_json=True)
    assert (status, json.loads(out)["items"]) == (1, [])
