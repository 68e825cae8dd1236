"""Processes that keep leases."""

import os
import signal
import subprocess
import sys

import pytest

from labs import wait_for
from portulan.errors import MachineFailed
from portulan.system.keepers import Detached, end, keeper_of, lives
from portulan.wire.procfs import parse_life


@pytest.fixture
def process():
    with subprocess.Popen(["sleep", "600"]) as started:
        yield started
        started.kill()


def test_a_process_lives_until_it_is_killed(process):
    keeper = keeper_of(process.pid)
    assert lives(keeper)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lives(keeper) is False, "a zombie holds nothing"
    process.wait()
    assert lives(keeper) is False


def test_the_number_alone_does_not_make_a_process(process):
    keeper = keeper_of(process.pid)
    assert lives(keeper._replace(start_ticks=keeper.start_ticks + 1)) is False
    assert lives(keeper._replace(boot="another")) is False
    assert lives(keeper._replace(pid_namespace=1)) is None


def test_nobody_is_no_keeper():
    with pytest.raises(MachineFailed):
        keeper_of(1 << 22)


def test_a_program_stays_the_same_process_through_exec():
    code = "import os, sys\nfrom portulan.system.keepers import keeper_of\nprint(*keeper_of(os.getpid())[:2], flush=True)\nos.execvp('cat', ['cat'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        pid, start = map(int, program.stdout.readline().split())
        program.stdin.write("now\n")
        program.stdin.flush()
        assert program.stdout.readline() == "now\n"
        assert (pid, start) == keeper_of(program.pid)[:2]
        program.stdin.close()


def test_it_is_ended_and_nobody_else(process):
    keeper = keeper_of(process.pid)
    assert end(keeper._replace(start_ticks=keeper.start_ticks + 1))
    assert process.poll() is None
    assert end(keeper)
    assert process.wait(timeout=5) == -signal.SIGTERM
    assert end(keeper)


def test_a_holder_lives_only_if_it_is_let():
    reader, writer = os.pipe()
    holder = Detached([reader])
    keeper = keeper_of(holder.pid, detached=True)
    assert lives(keeper)
    holder.give_up()
    assert not lives(keeper)
    second = Detached([writer])
    second.let_live()
    os.close(writer)
    keeper = keeper_of(second.pid, detached=True)
    assert lives(keeper)
    # It closes what it was not given; the pipe it is told by comes last.
    assert wait_for(lambda: set(os.listdir(f"/proc/{second.pid}/fd")), {"0", "1", "2", str(writer)}) == {"0", "1", "2", str(writer)}
    assert end(keeper)
    os.waitpid(second.pid, 0)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"42 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1 0 777 9", 777),
        (b"42 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1 0 777 9", None),
        (b"42 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 2 0 777 9", 777),  # other threads live
        (b"42 (a) X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1 0 777 9", None),
        (b"", None),
        (b"42 (a) S 1", None),
    ],
)
def test_life(data, start):
    assert parse_life(data) == start
