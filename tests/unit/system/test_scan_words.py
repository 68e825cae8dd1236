"""What a scan reads of this machine: lists, the user's settings, names."""

import os
import tempfile
import threading
from pathlib import Path

import pytest

from portulan.errors import BadInput, CannotTell, NotPermitted, PortulanError
from portulan.system.names import resolve
from portulan.system.user_config import config_path, read_config
from portulan.system.word_files import read_words
from portulan.verbs.scan_asked import asked_ports, asked_targets


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/portulan").mkdir(parents=True)
    return tmp_path


def settings(home, text):
    (home / "config/portulan/config.toml").write_text(text)


def test_no_settings_are_the_defaults():
    assert read_config().authorized == ()


def test_networks_that_somebody_lets_us_scan(home):
    settings(home, '[other]\nx = 1\n[scan]\nauthorized = ["5.5.0.0/16"]\n')
    assert asked_targets(["5.5.5.5"]).addresses == 1
    with pytest.raises(NotPermitted) as caught:
        asked_targets(["5.6.5.5"])
    assert caught.value.facts["config"] == config_path() == str(home / "config/portulan/config.toml")
    assert asked_targets(["5.6.5.5"], authorized=True).addresses == 1


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("[scan]\nauthorized = [\n", "config.no-toml", 2),
        ("[scan\n", "config.no-toml", 1),
        ("scan = 3\n", "config.no-table", 1),
        ('\n[scan]\nauthorised = ["5.5.0.0/16"]\n', "config.unknown", 3),
        ('\n[scan]\nauthorized = "5.5.0.0/16"\n', "config.no-texts", 3),
        ("[scan]\nauthorized = [1]\n", "config.no-texts", 2),
        ('[scan]\nauthorized = [\n "5.5.0.0/16",\n "5.6.0.0/99",\n]\n', "scan.bad-prefix", 4),
        ('[scan]\nauthorized = ["example.org"]\n', "scan.not-a-network", 2),
    ],
)
def test_settings_that_mean_nothing_name_file_and_line(home, text, code, line):
    settings(home, text)
    with pytest.raises(BadInput) as caught:
        asked_targets(["127.0.0.1"])
    assert (caught.value.code, caught.value.facts["line"], caught.value.facts["file"]) == (code, line, config_path())


def test_settings_that_are_no_file(home):
    (home / "config/portulan/config.toml").mkdir()
    with pytest.raises(PortulanError, match=r"file\."):
        read_config()


def told_to_an_ordinary_user():
    """The code of what `read_config` raises in a process without root's rights; "" where it raises nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if not os.geteuid():
                os.setgroups([])
                os.setresuid(65534, 65534, 65534)
            code = ""
            try:
                read_config()
            except PortulanError as error:
                code = error.code
            os.write(writing, code.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


def test_settings_that_may_not_be_read_are_said_and_those_of_another_user_are_none(monkeypatch):
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "portulan").mkdir()
        path = home / "portulan/config.toml"
        path.write_text("[scan]\nauthorised = []\n")
        for each in (home, home / "portulan"):
            each.chmod(0o755)
        monkeypatch.setenv("XDG_CONFIG_HOME", folder)
        assert told_to_an_ordinary_user() == "config.unknown"
        path.chmod(0o200)
        assert told_to_an_ordinary_user() == "config.unreadable"
        path.parent.chmod(0o000)
        assert told_to_an_ordinary_user() == ""
        path.parent.chmod(0o755)


def test_lists_are_files_and_pipes(home):
    (home / "list").write_text("\ufeff127.0.0.1\n# no\n127.0.0.3\n", encoding="utf-8")
    assert asked_targets([], target_files=[str(home / "list")]).addresses == 2
    reading, writing = os.pipe()
    threading.Thread(target=lambda: (os.write(writing, b"127.0.0.0/30"), os.close(writing))).start()
    assert asked_targets([], target_files=[f"/dev/fd/{reading}"], exclude_files=[str(home / "list")]).addresses == 2
    os.close(reading)


def test_lists_that_cannot_be_read(home):
    with pytest.raises(BadInput) as caught:
        read_words(str(home / "missing"))
    assert caught.value.code == "list.unreadable"
    with pytest.raises(BadInput, match=r"list\.unreadable"):
        read_words(str(home))
    (home / "image").write_bytes(b"127.0.0.1\n\xff\xfe")
    with pytest.raises(BadInput) as caught:
        read_words(str(home / "image"))
    assert (caught.value.code, caught.value.facts["line"]) == ("list.no-text", 2)
    with pytest.raises(BadInput, match=r"scan\.stdin-twice"):
        asked_targets([], target_files=["-"], exclude_files=["-"])


def test_names_are_the_machines():
    assert "127.0.0.1" in resolve("localhost")
    for name in ("a" * 64 + ".example", "no\0name"):
        with pytest.raises((BadInput, CannotTell)):
            resolve(name)


def test_ports_by_the_registry():
    assert str(asked_ports("ssh,U:domain", None, None).udp) == "53"
