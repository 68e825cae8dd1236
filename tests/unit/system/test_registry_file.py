"""The registry's files: which table is used, how the user's own is written so that it is never half there, and where it comes from."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from portulan.errors import BadInput, CannotTell, MachineFailed
from portulan.model.port import Transport
from portulan.registry.build import build_table
from portulan.registry.source import parse_source
from portulan.registry.table import Table
from portulan.system.registry_file import (
    PACKAGED,
    fetch,
    open_registry,
    open_table,
    own_path,
    remove_own,
    write_own,
)
from registry_samples import ODDITIES, as_xml


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "portulan"


@pytest.fixture(scope="module")
def small():
    return build_table(parse_source(as_xml(ODDITIES)).records, "2026-08-17")


def test_the_packaged_table_is_used_where_there_is_no_own(folder):
    opened = open_registry()
    assert (opened.packaged, opened.path, opened.fault) == (True, PACKAGED, None)
    assert not folder.exists()


def test_ones_own_table_is_used_once_written(folder, small):
    path = write_own(small)
    assert path == own_path() == str(folder / "iana-ports.txt")
    opened = open_registry()
    assert (opened.packaged, opened.path) == (False, path)
    assert open_table().usual(80, Transport.TCP) == "webby"
    assert [entry.name for entry in folder.iterdir()] == ["iana-ports.txt"]


def test_removing_it_goes_back(small):
    write_own(small)
    assert remove_own()
    assert not remove_own()
    assert open_registry().packaged


def test_a_leftover_of_a_killed_writer_does_no_harm(folder, small):
    folder.mkdir()
    (folder / "iana-ports.txt.new").write_bytes(b"half a ta")
    assert open_registry().packaged
    write_own(small)
    assert not open_registry().packaged
    assert [entry.name for entry in folder.iterdir()] == ["iana-ports.txt"]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: b"", "registry.not-a-table"),
        (lambda data: os.urandom(5000), "registry.not-a-table"),
        (lambda data: data[:-1], "registry.damaged"),
        (lambda data: data.replace(b"webby", b"wabby", 1), "registry.damaged"),
    ],
    ids=["empty", "noise", "truncated", "changed"],
)
def test_a_damaged_own_table_is_set_aside_and_said(small, damage, code):
    Path(write_own(small)).write_bytes(damage(small))
    opened = open_registry()
    assert opened.packaged
    assert opened.fault.code == code
    assert opened.table.usual(80, Transport.TCP) == "http"


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "huge"])
def test_something_else_in_its_place_is_set_aside_without_waiting(folder, kind):
    path = folder / "iana-ports.txt"
    folder.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    opened = open_registry()
    assert opened.packaged
    assert opened.fault is not None


def test_a_folder_that_cannot_be_made_is_said(monkeypatch, tmp_path, small):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(MachineFailed) as caught:
        write_own(small)
    assert caught.value.facts["operation"] == "write"
    assert open_registry().packaged


WRITER = """
import sys
from portulan.system.registry_file import write_own
tables = [open(name, "rb").read() for name in sys.argv[1:]]
print("ready", flush=True)
for turn in range(1_000_000):
    write_own(tables[turn % len(tables)])
"""


def test_killed_at_any_moment_a_whole_table_remains(tmp_path, small, dice, samples):
    """Two versions are written in turn by a process that is killed; what is there afterwards is one of the two, whole."""
    other = small.replace(b"2026-08-17", b"2026-08-18", 1) + b""
    for name, data in (("one", small), ("two", other)):
        (tmp_path / name).write_bytes(data)
    write_own(small)
    for _ in range(samples(8, 100)):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "one"), str(tmp_path / "two")], stdout=subprocess.PIPE)
        try:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0, 0.03))
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        assert Path(own_path()).read_bytes() in (small, other)
        opened = open_registry()
        assert not opened.packaged


def test_two_writers_at_once_leave_one_whole_table(tmp_path, small):
    other = small.replace(b"2026-08-17", b"2026-08-18", 1)
    threads = [threading.Thread(target=lambda data=data: [write_own(data) for _ in range(20)]) for data in (small, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Path(own_path()).read_bytes() in (small, other)
    assert open_registry().fault is None


def test_a_file_is_fetched_up_to_a_limit(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"x" * 2_000_000)
    assert fetch(str(path), 2_000_000) == b"x" * 2_000_000
    with pytest.raises(BadInput) as caught:
        fetch(str(path), 1 << 20)
    assert caught.value.code == "registry.too-large"
    assert caught.value.facts["limit"] == 1  # MiB


@pytest.mark.parametrize(("name", "code"), [("missing", "registry.no-file"), (".", "registry.not-a-file")])
def test_what_is_no_file_is_said(tmp_path, name, code):
    with pytest.raises(BadInput) as caught:
        fetch(str(tmp_path / name), 100)
    assert caught.value.code == code


REDIRECTS = {"/moved": "/good", "/elsewhere": "file:///etc/hostname"}
LENGTHS = {"/good": "5", "/short": "9"}


class Handler(BaseHTTPRequestHandler):
    """/good, /missing, /short (less than promised), /moved, /elsewhere (a redirect to a file), /endless."""

    def do_GET(self):
        self.send_response(404 if self.path == "/missing" else 302 if self.path in REDIRECTS else 200)
        for header, values in (("Location", REDIRECTS), ("Content-Length", LENGTHS)):
            if self.path in values:
                self.send_header(header, values[self.path])
        self.end_headers()
        if self.path in LENGTHS:
            self.wfile.write(b"hello")
        with contextlib.suppress(OSError):
            while self.path == "/endless":
                self.wfile.write(b"x" * 65536)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    """An HTTP server on 127.0.0.1."""
    # A proxy of the surroundings must not be asked for our own server.
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with socket.socket() as probe:
        reached = probe.connect_ex(server.server_address) == 0
    if reached:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
    os.environ.update(before)
    if not reached:
        pytest.skip("the loopback interface is down here")


def test_an_address_is_fetched(server):
    assert fetch(f"{server}/good", 100) == b"hello"
    assert fetch(f"{server}/moved", 100) == b"hello"


@pytest.mark.parametrize(
    ("path", "error"), [("missing", CannotTell), ("short", CannotTell), ("elsewhere", CannotTell), ("endless", BadInput)]
)
def test_an_address_that_fails_is_said(server, path, error):
    with pytest.raises(error) as caught:
        fetch(f"{server}/{path}", 1 << 20)
    assert server in (caught.value.facts.get("url") or caught.value.facts["path"])


def test_nobody_listens(server):
    with pytest.raises(CannotTell) as caught:
        fetch("http://127.0.0.1:1/", 100)
    # The second where even the loopback interface is down.
    assert caught.value.facts["reason"] in (os.strerror(errno.ECONNREFUSED), os.strerror(errno.ENETUNREACH))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/hostname", "gopher://x/", "://x"])
def test_other_kinds_of_addresses_are_refused(url):
    with pytest.raises(BadInput) as caught:
        fetch(url, 100)
    assert caught.value.code == "registry.bad-address"


def test_a_table_read_from_its_bytes_is_the_same(small):
    write_own(small)
    assert open_table().everything() == Table(small).everything()
