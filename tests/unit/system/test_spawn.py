"""Other programs, run to their end."""

import os
import sys

import pytest

from portulan.errors import CannotTell, MachineFailed
from portulan.system.linux.spawn import find_program, run_program


def test_output_errors_and_status():
    done = run_program("/bin/sh", ("-c", "cat; echo oops >&2; exit 3"), b"given\0")
    assert (done.status, done.out, done.err, done.reason) == (3, b"given\0", b"oops\n", "oops")
    assert run_program("/bin/sh", ("-c", "kill -9 $$")).status == -9
    assert run_program("/bin/sh", ("-c", "exit 4")).reason == "exit status 4"


def test_much_goes_both_ways():
    data = os.urandom(3_000_000)
    assert run_program("/bin/cat", (), data).out == data


def test_programs_speak_english():
    assert run_program("/bin/sh", ("-c", "echo $LC_ALL")).out == b"C\n"


def test_one_that_does_not_end_is_ended():
    with pytest.raises(CannotTell, match=r"program\.timeout"):
        run_program("/bin/sleep", ("60",), timeout_s=0.05)


def test_one_that_is_not_there():
    with pytest.raises(MachineFailed):
        run_program("/no/such/program", ())


def test_programs_are_found(tmp_path, monkeypatch):
    assert find_program("no-such-program-at-all") is None
    own = tmp_path / "mine"
    own.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"relative:{tmp_path}")
    assert find_program("mine") is None
    own.chmod(0o755)
    assert find_program("mine") == str(own)
    monkeypatch.setenv("PATH", "")
    assert find_program("sh") in ("/usr/bin/sh", "/bin/sh")
    assert find_program(os.path.basename(sys.executable) + "-no-such") is None
