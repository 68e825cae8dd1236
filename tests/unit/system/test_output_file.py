"""A file is written whole or not at all."""

import os
import stat
import threading

import pytest

from portulan.errors import BadInput, MachineFailed
from portulan.system.output_file import OutputFile


def test_nothing_stands_there_until_it_is_finished(tmp_path):
    place = tmp_path / "a.json"
    out = OutputFile(str(place))
    out.write(b"one")
    assert not place.exists()
    out.write(bytearray(b" two"))
    out.finish()
    assert place.read_bytes() == b"one two"
    assert os.listdir(tmp_path) == ["a.json"]
    assert not stat.S_IMODE(place.stat().st_mode) & 0o111


def test_given_up_it_leaves_what_was_there(tmp_path):
    place = tmp_path / "a.json"
    place.write_bytes(b"before")
    out = OutputFile(str(place))
    out.write(b"after")
    out.close()
    out.close()
    assert place.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("path", ["missing/a.json", ".", "\0", "a" * 5000])
def test_where_nothing_can_be_written_it_says_so_at_once(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as caught:
        OutputFile(path)
    assert caught.value.code == "output.cannot-write"
    assert os.listdir(tmp_path) == []


def test_a_pipe_is_written_as_it_comes(tmp_path):
    place = str(tmp_path / "pipe")
    os.mkfifo(place)
    read = []
    reader = threading.Thread(target=_read, args=(place, read))
    reader.start()
    out = OutputFile(place)
    out.write(b"text")
    out.finish()
    reader.join(10)
    assert read == [b"text"]
    assert stat.S_ISFIFO(os.stat(place).st_mode)


def _read(place, read):
    with open(place, "rb") as file:
        read.append(file.read())


def test_a_full_disk_is_the_machines_failure():
    out = OutputFile("/dev/full")
    with pytest.raises(MachineFailed):
        out.write(b"text")
    out.close()
