"""Configuration files as the machine has them: regular, bounded, found."""

import os

import pytest

from portulan.errors import CannotTell, NotPermitted
from portulan.system import config_files
from portulan.system.config_files import (
    LARGEST,
    ConfigFiles,
    current_user,
    has_ipv6,
    read_hosts,
    whole_path,
    working_folder,
)

FILES = ConfigFiles()


def code(path):
    with pytest.raises(CannotTell) as caught:
        FILES.read(str(path))
    return caught.value.code


def test_text_is_read_whatever_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfa\xff\r\n")
    assert FILES.read(str(path)) == "a\ufffd\r\n"


def test_what_is_no_readable_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "loop").symlink_to("loop")
    assert code(tmp_path / "gone") == "file.missing"
    assert code(tmp_path / "large" / "x") == "file.missing"
    assert code(tmp_path / "pipe") == "file.not-regular"
    assert code(tmp_path) == "file.not-regular"
    assert code("/dev/zero") == "file.not-regular"
    assert code(tmp_path / "large") == "file.too-large"
    assert code(tmp_path / "loop") == "file.failed"
    assert code("a\0b") == "file.failed"


def test_a_file_of_others_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(config_files.os, "open", refuse)
    with pytest.raises(NotPermitted) as caught:
        FILES.read(str(tmp_path / "a"))
    assert caught.value.facts["reason"] == "Permission denied"


def test_a_kernel_file_without_a_size_is_read_to_a_bound():
    assert "TcpExt" in FILES.read("/proc/self/net/netstat")


def test_finding(tmp_path):
    for name in ("b.conf", "a.conf", ".h.conf", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a.conf")
    assert FILES.find(f"{tmp_path}/*.conf") == [f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"]
    assert FILES.names(str(tmp_path)) == [".h.conf", "a.conf", "b.conf", "c.txt", "link"]
    assert FILES.names(str(tmp_path / "none")) == []
    assert FILES.target(str(tmp_path / "link")) == os.path.realpath(tmp_path / "a.conf")
    assert (FILES.is_folder(str(tmp_path)), FILES.exists(str(tmp_path / "none"))) == (True, False)


def test_walking_leaves_out_what_is_other_peoples(tmp_path):
    for name in ("x/.env", "x/node_modules/.env", ".git/config", "a/b/.env", "/".join("abcdefghijklmnop") + "/.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [path.removeprefix(f"{tmp_path}/") for path in FILES.walk(str(tmp_path))] == ["a/b/.env", "x/.env"]


def test_names_of_addresses(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost Web # x\n\n::1 localhost\n# no\n")
    assert read_hosts(str(path)) == {"localhost": ("127.0.0.1", "::1"), "web": ("127.0.0.1",)}
    assert read_hosts(str(tmp_path / "none")) == {}


def test_whether_there_is_ipv6():
    assert has_ipv6() is os.path.exists("/proc/net/if_inet6")


def test_who_and_where_we_are(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert working_folder() == os.getcwd()
    assert whole_path("a/../b") == f"{os.getcwd()}/b"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert current_user() is None
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    assert current_user() == "4000000000"
