"""A story is told step by step in a house of its own, and the house is gone with it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from daemons import has_ended
from labs import ORDINARY, call_as
from portulan.errors import BadInput, CannotTell
from portulan.model.port import Port, Transport
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.stage import Stage

pytestmark = pytest.mark.lab


def told(story, **how):
    with Stage(story, **how) as stage:
        return list(stage)


def test_each_step_comes_when_it_is_asked_for(tmp_path):
    def story():
        for number in range(3):
            (tmp_path / str(number)).touch()
            yield Port(number, Transport.TCP)

    with Stage(story) as stage:
        assert not list(tmp_path.iterdir())
        assert next(stage) == Port(0, Transport.TCP)
        assert [path.name for path in tmp_path.iterdir()] == ["0"]
        assert [port.number for port in stage] == [1, 2]


def test_what_it_raises_is_raised():
    def story():
        yield 1
        raise BadInput("sandbox.name", name="x")

    with Stage(story) as stage:
        assert next(stage) == 1
        with pytest.raises(BadInput) as raised:
            next(stage)
    assert raised.value.facts == {"name": "x"}
    assert "in story" in raised.value.__notes__[0]


def test_a_story_that_falls_dead_is_said_to(tmp_path):
    def story():
        yield os.getpid()
        os._exit(3)

    with Stage(story) as stage:
        assert next(stage) == 1  # the first process there
        with pytest.raises(CannotTell) as raised:
            next(stage)
    assert raised.value.code == "stage.died"


def house():
    """What can be seen, and done, from inside."""
    os.mkdir("/etc/fresh-here")
    Path("/etc/fresh-here/file").write_text("mine")
    subprocess.run(["sleep", "0"], check=True)
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    with Sandbox() as sandbox:
        a, b = sandbox.host("a"), sandbox.host("b")
        sandbox.link(a, b)
        name = a.run(["sh", "-c", "uname -n; cat /etc/fresh-here/file"]).stdout.split()
        links = sorted(os.listdir("/proc/self/task"))
    yield pids, name, len(links), os.getuid(), Path("/etc/os-release").read_text(), Path("/etc/hostname").exists()


@pytest.mark.parametrize("uid", [0, ORDINARY])
def test_it_has_processes_files_and_networks_of_its_own(sandbox, uid):
    desk = sandbox.host("desk")
    before = sorted(os.listdir("/etc"))
    [(pids, name, threads, user, release, hostname)] = call_as(desk, play_house, uid=uid)
    assert pids[0] == 1
    assert len(pids) <= 3
    assert (name, threads, user) == (["a", "mine"], 1, 0)
    assert (release, hostname) == (Path("/etc/os-release").read_text(), False)
    assert sorted(os.listdir("/etc")) == before


def play_house():
    return told(house, fresh={"/etc": ("fresh-here", "hostname")})


def test_everything_ends_with_it(tmp_path):
    def story():
        # A daemon that does all it can to get away.
        code = f"import os, time; os.setsid(); os.fork() and os._exit(0); open({str(tmp_path / 'up')!r}, 'w').close(); time.sleep(600)"
        daemon = subprocess.Popen(["python3", "-c", code])
        daemon.wait()
        while not (tmp_path / "up").exists():
            pass
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        yield 1
        yield 2

    with Stage(story) as stage:
        assert next(stage) == 1
        [player] = Path(f"/proc/{stage._keeper}/task/{stage._keeper}/children").read_text().split()
        children = Path(f"/proc/{player}/task/{player}/children").read_text().split()
        ends = [os.pidfd_open(int(pid)) for pid in (player, *children)]
    assert len(ends) == 2
    assert all(has_ended(end) for end in ends)
    for end in ends:
        os.close(end)
