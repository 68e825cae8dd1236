"""Files that are whole at every moment."""

import os
import stat

import pytest

from portulan.errors import MachineFailed
from portulan.system.disk import replace_file


def test_a_file_is_made_with_its_folders_and_rights(tmp_path):
    path = tmp_path / "a/b/file"
    replace_file(str(path), b"one", mode=0o640)
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    replace_file(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]


def test_a_leftover_or_a_link_in_the_way_is_not_written_through(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    (tmp_path / "file.new").symlink_to(other)
    replace_file(str(tmp_path / "file"), b"ours")
    assert (other.read_bytes(), (tmp_path / "file").read_bytes()) == (b"somebody's", b"ours")


def test_what_fails_leaves_the_old_file_and_nothing_beside(tmp_path):
    (tmp_path / "file").mkdir()  # nothing can be renamed over it
    with pytest.raises(MachineFailed):
        replace_file(str(tmp_path / "file"), b"ours")
    assert os.listdir(tmp_path) == ["file"]
