"""The command: where the picture goes, and what happens when it cannot go there."""

import json
import os
import pty
import stat
from argparse import Namespace
from dataclasses import replace
from fcntl import ioctl
from io import BytesIO, StringIO, TextIOWrapper
from struct import pack
from termios import TIOCSWINSZ
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from map_samples import sample
from portulan.cli import map as command
from portulan.cli import map_font
from portulan.cli.face import Face
from portulan.cli.main import main
from portulan.errors import BadInput
from portulan.model.chart import Gap
from portulan.text.voice import Voice


@pytest.fixture
def face():
    return Face(Voice("en"), StringIO(), StringIO(), width=80)


GAPPED = replace(sample(), gaps=(Gap("namespace.forbidden", {"name": "blue"}),))


def test_the_terminal_is_where_it_goes_by_itself(face):
    command.show(sample(), face, None, json=False)
    assert face.out.getvalue().startswith(" web-01: 16 open ports")
    assert face.err.getvalue() == ""


def test_what_is_missing_is_said_on_stderr(face):
    command.show(GAPPED, face, None, json=False)
    assert "blue" in face.err.getvalue()
    assert "blue" not in face.out.getvalue()


def test_json_has_every_port_in_stretches(face):
    command.show(GAPPED, face, None, json=True)
    answer = json.loads(face.out.getvalue())
    assert (answer["schema"], answer["complete"], len(answer["missing"])) == ("portulan.map/1", False, 1)
    assert (answer["host"], answer["transport"], answer["ephemeral"]) == ("web-01", None, [32768, 60999])
    assert answer["taken_at"] == "2026-03-01T12:00:00Z"
    assert sum(answer["counts"].values()) == sum(row["last"] - row["first"] + 1 for row in answer["items"]) == 65536
    door = next(row for row in answer["items"] if row["first"] == 443)
    assert door == {
        "first": 443, "last": 443, "class": "system", "assigned": True, "in_use": False,
        "open": [{"transport": "tcp", "exposure": "all"}, {"transport": "udp", "exposure": "private"}],
    }  # fmt: skip
    assert face.err.getvalue() == ""


@pytest.mark.parametrize("name", ["ports.png", "PORTS.PNG", "ポート.png"])
def test_a_png_file(face, tmp_path, name):
    command.show(sample(), face, tmp_path / name, json=False)
    with Image.open(tmp_path / name) as image:
        assert image.format == "PNG"
    assert face.out.getvalue() == ""
    assert str(tmp_path) in face.err.getvalue()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_an_svg_file_has_the_rights_that_any_new_file_has(face, tmp_path):
    command.show(sample(), face, tmp_path / "ports.svg", json=False)
    ET.parse(tmp_path / "ports.svg")
    (tmp_path / "other").touch()
    assert stat.S_IMODE((tmp_path / "ports.svg").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_a_file_and_json_at_once(face, tmp_path):
    command.show(sample(), face, tmp_path / "ports.svg", json=True)
    assert json.loads(face.out.getvalue())["complete"] is True
    assert (tmp_path / "ports.svg").exists()


def test_an_old_file_is_replaced_whole_through_its_link(face, tmp_path):
    (tmp_path / "real.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to("real.svg")
    command.show(sample(), face, command.target_of(str(tmp_path / "link.svg")), json=False)
    assert (tmp_path / "link.svg").is_symlink()
    ET.parse(tmp_path / "real.svg")


@pytest.mark.parametrize("name", ["ports", "ports.gif", "ports.png.gz", "", ".png", "a/"])
def test_an_unknown_format_is_said_before_the_machine_is_asked(face, name):
    with pytest.raises(BadInput) as caught:
        command.run(Namespace(output=name, transport=None, source="no such source", json=False), face)
    assert caught.value.code == "picture.unknown-format"
    assert caught.value.exit_status == 2


def test_a_folder_that_is_not_there(face, tmp_path):
    with pytest.raises(BadInput) as caught:
        command.show(sample(), face, tmp_path / "gone" / "ports.svg", json=False)
    assert (caught.value.code, caught.value.exit_status) == ("picture.cannot-write", 2)
    assert caught.value.facts["path"].endswith("gone/ports.svg")


def test_a_folder_in_the_place_of_the_file_leaves_nothing_behind(face, tmp_path):
    (tmp_path / "ports.svg").mkdir()
    with pytest.raises(BadInput):
        command.show(sample(), face, tmp_path / "ports.svg", json=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ports.svg"]


def test_a_full_disk_leaves_the_old_picture(face, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    # The temporary file's name is known: in its place stands a device that is always full.
    (tmp_path / "ports.svg").write_text("old")
    (tmp_path / f".ports.svg.{os.getpid()}.new").symlink_to("/dev/full")
    with pytest.raises(BadInput):
        command.show(sample(), face, tmp_path / "ports.svg", json=False)
    assert (tmp_path / "ports.svg").read_text() == "old"


def test_japanese_without_a_font_is_english_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(map_font, "FOLDERS", (str(tmp_path / "none"),))
    face = Face(Voice("ja"), StringIO(), StringIO())
    command.show(sample(), face, tmp_path / "ports.png", json=False)
    with Image.open(tmp_path / "ports.png") as image:
        assert image.text["Title"] == "web-01: 16 open ports, 2026-03-01 12:00 UTC"
    assert len(face.err.getvalue().splitlines()) == 2


def test_a_terminal_without_the_block_characters_gets_plain_ones():
    out = TextIOWrapper(BytesIO(), "ascii", errors="backslashreplace")
    face = Face(Voice("en"), out, StringIO(), width=80, colour=True)
    command.show(sample(), face, None, json=False)
    out.flush()
    text = out.buffer.getvalue()
    assert b"\x1b" not in text
    assert b"\\u2580" not in text


@pytest.mark.parametrize("drawn", [sample(), GAPPED])
def test_a_window_is_filled_but_not_overrun(drawn):
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, pack("HHHH", 30, 132, 0, 0))
    out, err = os.fdopen(theirs, "w", encoding="utf-8"), StringIO()
    face = Face(Voice("en"), out, err, width=80)
    assert command._window(face) == (132, 30)
    said = []
    face.line = said.append
    command.show(drawn, face, None, json=False)
    out.close()
    os.close(ours)
    assert 20 < len(said) + len(err.getvalue().splitlines()) < 30
    assert any(len(line) > 80 for line in said)


def test_the_whole_command_on_this_machine(capfd):
    assert main(["map", "--json", "--transport", "udp", "--source", "proc"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["transport"] == "udp"
    assert {door["transport"] for row in answer["items"] for door in row["open"]} <= {"udp"}
    assert main(["map", "--source", "proc", "--color", "never"]) == 0
    assert " system ports 0-1023, enlarged" in capfd.readouterr().out
