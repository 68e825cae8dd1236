"""Where a command speaks."""

import csv
import io
import json
import os
import pty
import re
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given

from portulan.cli import face as module
from portulan.cli.face import Face, program_name, wants_colour, window_width
from portulan.model.port import Transport
from portulan.text.voice import Voice
from strategies import acts, hostile_text, nasty


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def face():
    return Face(Voice(), io.StringIO(), io.StringIO(), width=40)


def printed(face):
    return face.out.getvalue()


def test_data_and_talk_go_different_ways(face):
    face.line("data")
    face.line()
    face.note("talk")
    assert (printed(face), face.err.getvalue()) == ("data\n\n", "talk\n")


def test_talk_comes_after_the_data_before_it(tmp_path):
    # Both streams lead to one place, and data is buffered: what was said first stands first.
    with (tmp_path / "both").open("w", encoding="utf-8") as out, (tmp_path / "both").open("a", buffering=1, encoding="utf-8") as err:
        both = Face(Voice(), out, err)
        both.line("data")
        both.note("talk")
    assert (tmp_path / "both").read_text() == "data\ntalk\n"


def test_styles_only_where_colours_are_seen(face):
    assert face.style("x", "bold", "red") == "x"
    face.colour = True
    assert face.style("x", "bold", "red") == "\x1b[1;31mx\x1b[0m"
    assert face.style("x", "dim") == "\x1b[2mx\x1b[0m"
    assert face.style("x") == "x"
    assert face.style("", "bold") == ""


def test_a_table_fits_the_window(face):
    face.table([["22/tcp", "x" * 60]], ["PORT", "HELD BY"], shrink=(1,))
    assert printed(face).splitlines() == [" PORT    HELD BY", " 22/tcp  " + "x" * 30 + "…"]


def test_a_table_in_colours_has_the_same_text(face):
    rows, headers = [["22/tcp", "sshd"], ["8080/tcp", "nginx"]], ["PORT", "HELD BY"]
    face.table(rows, headers, right=(0,))
    plain = printed(face)
    coloured = Face(Voice(), io.StringIO(), io.StringIO(), width=40, colour=True)
    coloured.table(rows, headers, right=(0,), styles=lambda row, column: ("bold",) if row == column else ())
    assert re.sub(r"\x1b\[[\d;]*m", "", printed(coloured)) == plain
    assert "\x1b[2m" in printed(coloured).splitlines()[0]
    assert "\x1b[1m  22/tcp\x1b[0m" in printed(coloured)
    coloured.table(rows)
    assert printed(coloured).splitlines()[-1] == " 8080/tcp  nginx"


def test_a_paragraph_is_wrapped_to_the_window(face):
    face.paragraph("one two three four five six seven eight nine ten")
    assert printed(face).splitlines() == ["one two three four five six seven eight", "nine ten"]


def test_every_line_of_an_indented_paragraph_is_indented(face):
    face.paragraph("one two three four five six seven eight nine ten", "    ")
    lines = printed(face).splitlines()
    assert len(lines) == 2
    assert all(re.match(r"    \S", line) and len(line) <= 40 for line in lines)


def test_no_line_is_better_than_a_hundred_columns_wide():
    wide = Face(Voice(), io.StringIO(), io.StringIO(), width=200)
    wide.paragraph("word " * 60)
    assert max(map(len, printed(wide).splitlines())) <= 100


# --- JSON ---


def test_an_envelope_is_bytes_where_the_stream_takes_them():
    raw = io.BytesIO()
    face = Face(Voice(), io.TextIOWrapper(raw, encoding="ascii"), io.StringIO())
    face.line("before")
    face.envelope("ls", [{"name": "日本"}], taken_at=datetime(2026, 1, 1, tzinfo=UTC), missing=["x"], extra={"host": "h"})
    first, second = raw.getvalue().splitlines()
    assert first == b"before"
    assert json.loads(second) == {
        "schema": "portulan.ls/1", "taken_at": "2026-01-01T00:00:00Z", "complete": False, "missing": ["x"], "host": "h", "items": [{"name": "日本"}],
    }  # fmt: skip


def test_an_envelope_is_text_where_it_does_not(face):
    before = datetime.now(UTC)
    face.envelope("ls", [])
    told = json.loads(printed(face))
    assert before <= datetime.fromisoformat(told["taken_at"]) <= datetime.now(UTC)
    assert (told["complete"], told["items"]) == (True, [])


# --- CSV ---


def rows_of(face):
    return list(csv.reader(io.StringIO(printed(face), newline="")))


def test_comma_separated_values(face):
    face.csv(["port", "name"], [[80, 'nginx, "master"'], [None, True], [Transport.TCP, 1.5]])
    assert printed(face) == 'port,name\n80,"nginx, ""master"""\n,True\ntcp,1.5\n'


def test_without_headers(face):
    face.csv(None, [[1, 2]])
    assert printed(face) == "1,2\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_is_a_formula(face, text):
    face.csv(None, [[text]])
    assert rows_of(face) == [["'" + text]]


def test_a_negative_number_is_a_number(face):
    face.csv(None, [[-1]])
    assert rows_of(face) == [["-1"]]


@nasty("text")
@given(text=hostile_text)
def test_any_text_is_one_cell_that_does_nothing(text):
    face = Face(Voice(), io.StringIO(), io.StringIO())
    face.csv(["a", "b"], [[text, "x"]])
    header, row = rows_of(face)
    assert (header, len(row), row[1]) == (["a", "b"], 2, "x")
    assert not any(map(acts, row[0]))
    assert not row[0].startswith(("=", "+", "-", "@"))
    row[0].encode()


# --- the window ---


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("120", 120), ("200", 200), ("1000", 200), ("20", 20), ("5", 20), ("-5", 20)])
def test_columns_of_the_environment(columns, width):
    assert window_width({"COLUMNS": columns}) == width


@pytest.fixture
def no_terminal(monkeypatch):
    monkeypatch.setattr(module.sys, "__stdout__", None)
    monkeypatch.setattr(module.sys, "__stderr__", None)


@pytest.mark.usefixtures("no_terminal")
@pytest.mark.parametrize("environment", [{}, {"COLUMNS": ""}, {"COLUMNS": "wide"}])
def test_eighty_where_nothing_is_known(environment):
    assert window_width(environment) == 80


def test_a_stream_without_a_file_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(module.sys, "__stdout__", io.StringIO())
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(module.sys, "__stderr__", file)
        assert window_width({}) == 80


@pytest.mark.parametrize(("columns", "width"), [(132, 132), (3, 20), (500, 200), (0, 80)])
def test_columns_of_a_terminal(monkeypatch, columns, width):
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with os.fdopen(theirs, "w", closefd=False) as terminal:
            monkeypatch.setattr(module.sys, "__stdout__", None)
            monkeypatch.setattr(module.sys, "__stderr__", terminal)
            assert window_width({}) == width
    finally:
        os.close(ours)
        os.close(theirs)


# --- the program ---


@pytest.mark.parametrize(
    ("started", "name"),
    [
        ("/usr/bin/portulan", "portulan"),
        ("/usr/local/bin/portulan", "portulan"),
        ("/home/ann/.local/bin/portulan", "/home/ann/.local/bin/portulan"),
        ("/srv/x/../bin/portulan", "/srv/bin/portulan"),
        ("/srv/portulan/__main__.py", f"{sys.executable} -m portulan"),
        ("/usr/bin/some-other-program", "portulan"),
        ("/srv/my apps/portulan", "'/srv/my apps/portulan'"),
        ("", "portulan"),
    ],
)
def test_how_another_user_starts_it(monkeypatch, started, name):
    monkeypatch.setattr(sys, "argv", [started])
    assert program_name() == name


def test_from_the_folder_it_lies_in(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["./portulan"])
    assert program_name() == str(tmp_path / "portulan")


def test_without_a_command_line_it_has_its_usual_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    assert program_name() == "portulan"


# --- colours ---


@pytest.mark.parametrize(
    ("asked", "stream", "environment", "colours"),
    [
        ("always", io.StringIO(), {"NO_COLOR": "1"}, True),
        ("never", Terminal(), {}, False),
        ("auto", Terminal(), {}, True),
        ("auto", Terminal(), {"TERM": "xterm-256color"}, True),
        ("auto", Terminal(), {"NO_COLOR": ""}, True),
        ("auto", Terminal(), {"NO_COLOR": "1"}, False),
        ("auto", Terminal(), {"TERM": "dumb"}, False),
        ("auto", io.StringIO(), {}, False),
    ],
)
def test_who_sees_colours(asked, stream, environment, colours):
    assert wants_colour(asked, stream, environment) is colours
