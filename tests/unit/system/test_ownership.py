"""Who else may change a file: owners, modes, folders above, links, sticky folders."""

import os

import pytest

from portulan.system.ownership import find_loose, trusted_users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
STRANGER = 54_321


@pytest.fixture
def file(tmp_path):
    tmp_path.chmod(0o755)
    folder = tmp_path / "policies"
    folder.mkdir(0o755)
    path = folder / "portulan.toml"
    path.write_text("[doors]\n")
    path.chmod(0o644)
    return path


def told(path, trusted=(0,)):
    return [(one.why, one.path, one.who) for one in find_loose((str(path),), trusted)]


def test_a_file_of_roots_alone(file):
    assert told(file) == []
    file.chmod(0o666)
    assert told(file) == [("others", str(file), "")]
    file.chmod(0o664)
    assert told(file) == [("group", str(file), "root")]
    os.chown(file, STRANGER, 0)
    assert told(file) == [("owner", str(file), str(STRANGER))]
    file.chmod(0o644)
    assert told(file, (0, STRANGER)) == []


def test_a_folder_above(file):
    file.parent.chmod(0o775)
    assert told(file) == [("group", str(file.parent), "root")]
    file.parent.chmod(0o1777)  # nobody may replace there what is not theirs
    assert told(file) == []
    os.chown(file.parent, STRANGER, 0)
    assert [one[:2] for one in told(file)] == [("owner", str(file.parent))]


def test_a_link_is_as_safe_as_what_it_leads_to(file, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    assert told(link) == []
    file.parent.chmod(0o777)
    assert told(link) == [("others", str(file.parent), "")]
    file.parent.chmod(0o755)
    os.lchown(link, STRANGER, 0)
    assert [one[:2] for one in told(link)] == [("owner", str(link))]


def test_what_is_not_there_is_passed_over(file):
    assert told(file.parent / "gone.txt") == []
    file.parent.chmod(0o777)
    assert told(file.parent / "gone.txt") == [("others", str(file.parent), "")]
    assert len(find_loose((str(file), str(file.parent / "gone.txt")), (0,))) == 1


def test_whom_we_trust(monkeypatch):
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert trusted_users() == {0, STRANGER}
    monkeypatch.setenv("SUDO_UID", "x")
    assert trusted_users() == {0}
