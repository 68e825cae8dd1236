"""The chart on a terminal, as JSON and as comma-separated values; how it looks as a whole is in tests/golden/test_cli.py."""

import argparse
import csv
import io
import json
import os
import re
import sys
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chart_samples import CONNECTIONS, GAPS, NOW, SOCKETS, chart, endpoints, owner, row, survey
from portulan.cli.commands import COMMANDS
from portulan.cli.face import Face
from portulan.cli.ls import plain, run, show
from portulan.cli.parser import build_parser
from portulan.cli.table import width_of
from portulan.errors import BadInput
from portulan.model.chart import Chart, Gap
from portulan.text.voice import LANGUAGES, Voice
from strategies import acts, hostile_text, surveys


def options(**more):
    usual = {
        "ports": [], "service": [], "name": [], "pid": [], "user": [], "netns": [], "tcp": False, "udp": False, "exposed": False, "all": False, "connections": False, "no_reach": False, "csv": False,
        "no_header": False, "watch": None, "source": "auto", "json": False,
    }  # fmt: skip
    return argparse.Namespace(**{**usual, **more})


def shown(drawn, *, width=80, colour=False, language="en", **more):
    """(stdout, stderr) of a chart."""
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    show(options(**more), face, drawn)
    return face.out.getvalue(), face.err.getvalue()


def headers(drawn, **more):
    return re.split(r"  +", shown(drawn, **more)[0].splitlines()[2].strip())


@pytest.fixture
def asked(monkeypatch):
    """What the verb was asked."""
    calls = []

    def answer(*words, **more):
        calls.append((words, more))
        return chart()

    monkeypatch.setattr(import_module("portulan.verbs.chart"), "chart", answer)
    return calls


@pytest.fixture
def ordinary(monkeypatch):
    """Not root, and with the program installed for all."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/portulan"])


# --- the words ---


def parsed(*words):
    return vars(build_parser(COMMANDS["ls"], Voice()).parse_args(words))


def test_words_without_options_need_no_parser():
    for words in ([], ["80"], ["80", "ssh"]):
        assert parsed(*words) == {**plain(words), "json": False, "lang": None, "color": "auto"}


def test_every_option_is_understood():
    words = "80 53/udp --service http --name nginx* --name sshd --pid 5 --user ann --netns blue --tcp --exposed --all --connections --no-reach --csv --no-header --watch 2 --source proc --json"
    assert parsed(*words.split()) == {
        "ports": ["80", "53/udp"], "service": ["http"], "name": ["nginx*", "sshd"], "pid": ["5"], "user": ["ann"], "netns": ["blue"], "tcp": True, "udp": False, "exposed": True, "all": True,
        "connections": True, "no_reach": True, "csv": True, "no_header": True, "watch": "2", "source": "proc", "json": True, "lang": None, "color": "auto",
    }  # fmt: skip


# --- the question ---


def ran(width=80, **more):
    face = Face(Voice(), io.StringIO(), io.StringIO(), width=width)
    assert run(options(**more), face) == 0
    return face.out.getvalue()


def test_every_option_reaches_the_verb(asked):
    ran(
        ports=["80", "ssh"], service=["http"], name=["nginx*"], pid=["812", "007"], user=["root"], netns=["blue"], tcp=True, exposed=True, all=True, connections=True, source="proc"
    )  # fmt: skip
    ((words, more),) = asked
    meanwhile = more.pop("meanwhile")
    assert words == (["80", "ssh"],)
    assert more == {
        "services": ["http"], "names": ["nginx*"], "pids": [812, 7], "users": ["root"], "namespaces": ["blue"], "transports": ["tcp"], "exposed": True, "every_state": True,
        "connections": True, "source": "proc", "reach": True,
    }  # fmt: skip
    meanwhile()


@pytest.mark.parametrize(
    ("more", "counting"),
    [
        ({}, False),
        ({"width": 129}, False),
        ({"width": 130}, True),
        ({"width": 200, "json": True}, False),
        ({"width": 200, "csv": True}, False),
        ({"connections": True, "json": True}, True),
    ],
)
def test_connections_are_counted_where_they_are_shown(asked, more, counting):
    ran(**more)
    assert asked[0][1]["connections"] is counting


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1 2"])
def test_a_process_number_is_a_number(asked, text):
    with pytest.raises(BadInput) as raised:
        ran(pid=["1", text])
    assert (raised.value.code, raised.value.facts) == ("filter.pid", {"text": text})
    assert asked == []


def test_the_answer_is_shown(asked):
    assert ran().startswith("web-01   12 ports")


def test_watching_asks_again_and_again(asked, monkeypatch):
    looks = []

    def stop_after_three(_seconds):
        looks.append(len(asked))
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(import_module("portulan.cli.watch").time, "sleep", stop_after_three)
    face = Face(Voice(), io.StringIO(), io.StringIO())
    assert run(options(watch="0.1", json=True), face) == 130
    assert looks == [1, 2, 3]
    assert [json.loads(line)["schema"] for line in face.out.getvalue().splitlines()] == ["portulan.ls/1"] * 3


# --- the table ---


def test_the_columns_of_a_narrow_window():
    assert headers(chart(one_namespace=True)) == ["PORT", "SERVICE", "HELD BY", "BOUND TO"]


@pytest.mark.parametrize(
    ("more", "titles"),
    [
        ({"width": 40}, ["PORT", "HELD BY", "BOUND TO"]),
        ({"width": 59}, ["PORT", "HELD BY", "BOUND TO"]),
        ({"width": 60}, ["PORT", "SERVICE", "HELD BY", "BOUND TO"]),
        ({"width": 99}, ["PORT", "SERVICE", "HELD BY", "BOUND TO"]),
        ({"width": 100}, ["PORT", "SERVICE", "HELD BY", "BOUND TO", "USER", "RUNNING"]),
        ({"width": 130}, ["PORT", "SERVICE", "HELD BY", "BOUND TO", "USER", "RUNNING", "QUEUE", "CONNECTIONS"]),
        ({"all": True}, ["PORT", "SERVICE", "HELD BY", "STATE", "BOUND TO"]),
    ],
)
def test_a_wider_window_shows_more(more, titles):
    assert headers(chart(one_namespace=True), **more) == titles


def test_counted_connections_are_shown_however_narrow_the_window():
    assert headers(chart(one_namespace=True, counted=True)) == ["PORT", "SERVICE", "HELD BY", "BOUND TO", "QUEUE", "CONNECTIONS"]


def test_peers_are_shown_where_there_are_some():
    assert headers(chart(SOCKETS + CONNECTIONS, one_namespace=True)) == ["PORT", "SERVICE", "HELD BY", "BOUND TO", "PEER"]


def test_namespaces_are_shown_where_there_is_more_than_ours():
    assert headers(chart())[-1] == "NETNS"
    blue = chart(SOCKETS[-1:])
    assert headers(blue)[-1] == "NETNS"
    assert headers(chart(SOCKETS[:2]))[-1] == "BOUND TO"


def test_without_its_first_lines_every_line_is_a_port():
    out, _ = shown(chart(), no_header=True)
    assert all(re.match(r" \d+/(tcp|udp) ", line) for line in out.splitlines())
    assert len(out.splitlines()) == len(shown(chart())[0].splitlines()) - 3


@pytest.mark.parametrize(
    ("more", "gaps", "words"),
    [
        ({}, (), "Nothing listens here, and no UDP port is bound."),
        ({"ports": ["80"]}, (), "Nothing matches."),
        ({"service": ["http"]}, (), "Nothing matches."),
        ({"name": ["x"]}, (), "Nothing matches."),
        ({"pid": ["1"]}, (), "Nothing matches."),
        ({"user": ["x"]}, (), "Nothing matches."),
        ({"netns": ["x"]}, (), "Nothing matches."),
        ({}, (Gap("proc.unreadable"),), "Nothing matches."),
    ],
)
def test_never_a_silent_nothing(more, gaps, words):
    out, err = shown(chart((), gaps=gaps), **more)
    assert out.startswith("web-01   0 ports")
    assert err.splitlines()[0] == words


@pytest.mark.usefixtures("ordinary")
@pytest.mark.parametrize("more", [{}, {"csv": True}, {"no_header": True}])
def test_what_is_missing_is_told_beside_the_data(more):
    out, err = shown(chart(gaps=GAPS), **more)
    assert err.splitlines() == [
        " 1 port is held by a process that may not be looked into: its program is not shown.",
        " The network namespace vault may not be entered: its ports are not shown.",
        " See all:  sudo portulan",
    ]
    assert "vault may not" not in out


def test_root_is_told_of_no_way_out(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "sudo" not in shown(chart(gaps=GAPS))[1]


def test_a_whole_chart_needs_no_talk():
    assert shown(chart())[1] == ""


# --- colours ---


def test_colours_say_class_and_exposure():
    lines = shown(chart(SOCKETS + CONNECTIONS), colour=True, width=200, all=True)[0].splitlines()
    found = {re.sub(r"\x1b\[[\d;]*m", "", line).split()[0]: line for line in lines[3:]}
    assert lines[0].startswith("\x1b[1mweb-01")
    assert "\x1b[2mPORT" in lines[2]
    assert "\x1b[1m22/tcp" in found["22/tcp"], "a system port"
    assert "\x1b[2m40000" not in found["40000/tcp"], "a user port"
    assert "\x1b[31mall 4+6" in found["22/tcp"], "open to all"
    assert "\x1b[32m127.0.0.1" in found["5432/tcp"], "this host only"
    assert "\x1b[33m10.0.0.5" in found["9999/tcp"], "a private network"
    assert "\x1b[2m(nobody seen)" in found["9999/tcp"]
    assert "\x1b[2mkernel" not in found["4789/udp"]


def test_dynamic_ports_are_dim_and_public_addresses_red():
    found = chart((row(50_000, "203.0.113.7", "812:3"),))
    assert "\x1b[2m50000/tcp" in shown(found, colour=True)[0]
    assert "\x1b[31m203.0.113.7" in shown(found, colour=True)[0]


def test_colours_change_no_character():
    for width in (60, 80, 200):
        plain, _ = shown(chart(SOCKETS + CONNECTIONS), width=width)
        painted, _ = shown(chart(SOCKETS + CONNECTIONS), width=width, colour=True)
        bare = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in painted.splitlines()]
        assert bare == plain.splitlines()


# --- the width ---


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", range(46, 200, 7))
def test_the_chart_fits_every_window(language, width):
    out, _ = shown(chart(one_namespace=True), width=width, language=language)
    for line in out.splitlines()[2:]:
        assert width_of(line) <= width


@settings(max_examples=40)
@given(name=hostile_text, width=st.integers(60, 200), language=st.sampled_from(LANGUAGES))
def test_no_name_breaks_the_table_or_the_terminal(name, width, language):
    found = survey((row(80, "::", "5:1"), row(81, "::1", "?forbidden 5"), row(82, "::", "?hidden")))._replace(
        processes={5: owner(5, name, name, unit=f"{name}.service", user=name)}
    )
    items = tuple(item._replace(service=name, netns_name=name or None) for item in endpoints(found))
    drawn = Chart(host=name, taken_at=NOW, items=items, gaps=(Gap("namespace.forbidden", {"name": name}),), source="bpf")
    out, err = shown(drawn, width=width, language=language)
    lines = (out + err).split("\n")
    assert not any(acts(character) for line in lines for character in line)
    assert len(lines) == len(shown(drawn._replace(host="h"), width=width)[0].split("\n")) + len(err.split("\n")) - 1
    (out + err).encode()
    for line in out.split("\n")[3:]:
        assert width_of(line) <= max(width, 60 + 4 * 6 + 30), "user and since keep their width"


# --- JSON ---


def test_json_is_the_envelope_of_the_chart():
    out, err = shown(chart(SOCKETS + CONNECTIONS, gaps=GAPS), json=True)
    told = json.loads(out)
    assert err == ""
    assert list(told) == ["schema", "taken_at", "complete", "missing", "host", "source", "ephemeral", "namespaces", "items"]
    assert (told["schema"], told["complete"], told["host"], told["source"], told["ephemeral"]) == (
        "portulan.ls/1",
        False,
        "web-01",
        "bpf",
        [32768, 60999],
    )
    assert len(told["missing"]) == 2
    assert told["namespaces"][1] == {"inode": 4026532208, "name": "blue", "own": False}
    assert len(told["items"]) == len(chart(SOCKETS + CONNECTIONS).items)


# --- CSV ---


def table_of(drawn, **more):
    return list(csv.DictReader(io.StringIO(shown(drawn, csv=True, **more)[0], newline="")))


def test_a_line_for_each_endpoint_and_holder():
    rows = table_of(chart(SOCKETS + CONNECTIONS))
    assert len(rows) == sum(max(1, len(item.owners or ())) for item in chart(SOCKETS + CONNECTIONS).items)
    workers = [line for line in rows if line["port"] == "80" and line["address"] == "0.0.0.0" and line["netns"] == "4026531840"]
    assert [line["pid"] for line in workers] == ["812", "815", "816", "817", "818"]
    assert workers[0] == {
        "transport": "tcp", "port": "80", "address": "0.0.0.0", "class": "system", "service": "http", "state": "listening", "peer": "",
        "netns": "4026531840", "user": "root", "pid": "812", "fd": "6", "name": "nginx", "unit": "nginx.service", "container": "",
        "command": "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
    }  # fmt: skip


def test_without_holders_what_is_known():
    rows = {line["port"]: line for line in table_of(chart(SOCKETS + CONNECTIONS))}
    assert (rows["4789"]["name"], rows["4789"]["pid"]) == ("vxlan vx0", "")
    assert (rows["3389"]["unit"], rows["3389"]["name"], rows["3389"]["command"]) == ("xrdp.service", "", "")
    assert rows["5000"]["peer"] == "127.0.0.1:40000"


def test_without_the_line_of_names():
    assert shown(chart(), csv=True, no_header=True)[0].splitlines() == shown(chart(), csv=True)[0].splitlines()[1:]


@settings(max_examples=40)
@given(found=surveys())
def test_any_chart_is_shown_in_every_form(found):
    drawn = Chart(host="h", taken_at=NOW, items=endpoints(found), namespaces=found.namespaces, source=found.source)
    for more in ({}, {"json": True}, {"csv": True}, {"all": True, "width": 200}):
        out, _ = shown(drawn, **more)
        assert out
