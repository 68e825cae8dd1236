"""What cannot be: a cluster that is not there, a file that is no journal, a journal of another scan. Each is one sentence, told at once."""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.lab


def portulan(host, *words, environment=None):
    command = [sys.executable, "-m", "portulan", "scan", *map(str, words)]
    return host.run(command, environment={"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}, timeout_s=60)


def test_wrong_journals(sandbox, tmp_path):
    host = sandbox.host("here")
    notes = tmp_path / "notes.txt"
    notes.write_text("a letter\n")
    done = portulan(host, "127.0.0.1", "-p", "1-9", "--resume", notes)
    assert (done.returncode, done.stderr) == (2, f"portulan: {notes} is no journal of a scan, or one of another version.\n")
    assert notes.read_text() == "a letter\n"
    done = portulan(host, "127.0.0.1", "-p", "1-9", "--resume", tmp_path)
    assert done.returncode == 2
    assert "Is a directory" in done.stderr
    journal = tmp_path / "journal"
    assert portulan(host, "127.0.0.1", "-p", "1-9", "--resume", journal).returncode == 0
    for words, what in (
        (["-p", "1-10"], "-p"),
        (["-p", "1-9", "--shard", "1/2"], "--shard"),
        (["127.0.0.2", "-p", "1-9"], "TARGET"),
    ):
        done = portulan(host, "127.0.0.1", *words, "--resume", journal)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0].endswith(f"is the journal of another scan: it was asked with other {what}.")
    assert portulan(host, "127.0.0.1", "-p", "1-9", "--resume", journal, "--rate", "99").returncode == 0


def test_no_scheduler_and_no_package(sandbox, tmp_path):
    host = sandbox.host("here")
    begun = time.monotonic()
    done = portulan(host, "127.0.0.1", "-p", "1-9", "--cluster", "tcp://127.0.0.1:8786")
    assert (done.returncode, done.stderr) == (3, "portulan: no Dask scheduler answers at tcp://127.0.0.1:8786.\n")
    assert time.monotonic() - begun < 40
    done = portulan(host, "127.0.0.1", "-p", "1-9", "--cluster", "nonsense://:")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    (tmp_path / "distributed.py").write_text("raise ImportError\n")
    done = portulan(host, "127.0.0.1", "-p", "1-9", "--cluster", "tcp://127.0.0.1:8786", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 3
    assert "pip install 'portulan[fleet]'" in done.stderr


def test_two_scans_do_not_share_a_journal(sandbox, tmp_path):
    here, there = sandbox.host("here"), sandbox.host("there")
    sandbox.link(here, there)
    journal = tmp_path / "journal"
    words = [there.address, "-p", "1-2000", "--rate", "500", "--resume", journal]
    first = here.start([sys.executable, "-m", "portulan", "scan", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not journal.exists() or journal.stat().st_size < 200:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done = portulan(here, *words)
    assert (done.returncode, done.stderr) == (3, f"portulan: the journal {journal} is being written by another scan.\n")
