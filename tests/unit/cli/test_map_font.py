"""Finding a font that has the characters of a language."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import ImageFont

from portulan.cli import map_font
from portulan.cli.map_font import PROBE, FontFile, find_font, load


@pytest.fixture
def latin():
    """A real font's file, without Japanese: Pillow's own."""
    own = ImageFont.load_default(12)
    assert isinstance(own.path, BytesIO)
    return own.path.getvalue()


def put(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return FontFile(folder / name)


def test_no_folder_no_font(tmp_path):
    assert find_font([tmp_path, tmp_path / "gone"]) is None


def test_a_known_name_is_not_enough(tmp_path, latin):
    put(tmp_path, "NotoSansCJK-Regular.ttc", b"not a font")
    put(tmp_path / "deep", "ipag.ttf", latin)
    put(tmp_path, "My-Gothic.ttf", latin)
    assert find_font([tmp_path]) is None


def test_known_names_come_before_names_that_sound_right(tmp_path, latin):
    put(tmp_path, "A-Gothic.ttf", latin)
    put(tmp_path, "Comic.ttf", latin)
    known = put(tmp_path / "deep", "ipag.ttf", latin)
    assert find_font([tmp_path], "Ag") == known


def test_a_name_that_sounds_right_is_tried(tmp_path, latin):
    put(tmp_path, "Comic.ttf", latin)
    put(tmp_path, "B-Mincho.ttf", b"broken")
    stranger = put(tmp_path, "C-Gothic.otf", latin)
    assert find_font([tmp_path], "Ag") == stranger


def test_the_first_folder_wins(tmp_path, latin):
    put(tmp_path / "system", "ipag.ttf", latin)
    own = put(tmp_path / "own", "ipag.ttf", latin)
    assert find_font([tmp_path / "own", tmp_path / "system"], "Ag") == own


def test_folders_may_lie_in_the_home(tmp_path, latin, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(map_font, "FOLDERS", ("~/.fonts",))
    own = put(tmp_path / ".fonts", "ipag.ttf", latin)
    assert find_font(probe="Ag") == own
    assert Path("~/.fonts").expanduser() == own.path.parent


def test_pillows_own_font_has_latin_only():
    own = load(None, 20)
    assert bytes(own.getmask(PROBE)) == bytes(own.getmask("\uffff"))
    assert bytes(own.getmask("A")) != bytes(own.getmask("\uffff"))
