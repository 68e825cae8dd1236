"""Owners that die without a word. Nothing of theirs may stay, and nothing of others may go."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from daemons import DAEMON, has_ended, open_daemon, start_daemon, traces
from portulan.system.sandbox import Sandbox

pytestmark = pytest.mark.lab

OWNER = """
import sys, time
from pathlib import Path
from portulan.system.sandbox import Sandbox
folder, daemon = Path(sys.argv[1]), sys.argv[2]
with Sandbox() as sandbox:
    a, b = sandbox.host("a"), sandbox.host("b")
    sandbox.link(a, b)
    child = a.start(["sleep", "600"])
    a.run([sys.executable, "-c", daemon, folder / "daemon"])
    while not (folder / "daemon").exists():
        time.sleep(0.01)
    (folder / "child").write_text(str(child.pid))
    print(a.netns_inode, b.netns_inode, flush=True)
    if len(sys.argv) > 3:
        {deed}
    time.sleep(600)
"""


class Owner:
    """A process with a sandbox, a direct child and a daemon in it."""

    def __init__(self, folder, deed="pass"):
        command = [sys.executable, "-c", OWNER.format(deed=deed), folder, DAEMON.format(more=""), *(["do"] if deed != "pass" else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.inodes = [int(number) for number in self.process.stdout.readline().split()]
        self.left = [open_daemon(folder / "daemon"), open_daemon(folder / "child")]

    def watcher(self):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"portulan.system.sandbox.watch\0{self.process.pid}\0" in (process / "cmdline").read_text("utf-8", "replace"):
                    return int(process.name)
            except OSError:
                pass
        return None

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait()

    def all_gone(self, timeout_s):
        return all(has_ended(process, timeout_s) for process in self.left)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.left:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_watcher_ends_what_a_dead_owner_left(tmp_path, number):
    with Owner(tmp_path) as owner:
        watcher = os.pidfd_open(owner.watcher())
        owner.kill(number)
        assert owner.all_gone(20)
        assert has_ended(watcher, 20)
        os.close(watcher)
        assert [traces(inode) for inode in owner.inodes] == [[], []]


def test_an_interrupted_owner_cleans_up_itself(tmp_path):
    with Owner(tmp_path) as owner:
        owner.kill(signal.SIGINT)
        assert owner.all_gone(20)


def kill_with_watcher(owner):
    watcher = os.pidfd_open(owner.watcher())
    signal.pidfd_send_signal(watcher, signal.SIGKILL)
    assert has_ended(watcher, 20)
    os.close(watcher)
    owner.kill()


def alone(scenario, folder):
    """Play a scenario in a PID namespace of its own: other sweepers, such as other workers of this test run, keep out of it."""
    code = f"import test_sandbox_crash, pathlib; test_sandbox_crash.{scenario.__name__}(pathlib.Path({str(folder)!r}))"
    here = Path(__file__).parent
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", code]
    answer = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": f"{here}:{here.parent}"}, capture_output=True, text=True, timeout=100, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_the_next_sandbox_ends_what_a_dead_owner_and_its_dead_watcher_left(tmp_path):
    alone(next_sandbox, tmp_path)


def next_sandbox(folder):
    with Owner(folder) as owner:
        kill_with_watcher(owner)
        assert not owner.all_gone(0.3)
        assert traces(owner.inodes[0])
        with Sandbox():
            assert owner.all_gone(0)
        assert [traces(inode) for inode in owner.inodes] == [[], []]


def test_a_sweep_counts_and_leaves_the_living_alone(tmp_path):
    alone(counted_sweep, tmp_path)


def counted_sweep(folder):
    for name in ("dead", "alive"):
        (folder / name).mkdir()
    with Owner(folder / "dead") as dead, Owner(folder / "alive") as alive, Sandbox() as own:
        process = own.host("a").start(["sleep", "600"])
        daemon = start_daemon(own.host("b"), folder / "own")
        kill_with_watcher(dead)
        assert Sandbox.sweep() == 2
        assert dead.all_gone(0)
        assert Sandbox.sweep() == 0
        assert not any(has_ended(each) for each in alive.left)
        assert process.poll() is None
        assert not has_ended(daemon)
        os.close(daemon)


def test_a_sweep_does_not_judge_owners_of_another_pid_namespace(tmp_path):
    """Inside a container its pids mean other processes: to us they look dead."""
    go = tmp_path / "go"
    code = "import sys, time, pathlib; from portulan.system.sandbox import Sandbox\nwith Sandbox() as s:\n"
    code += " print(s.host('a').netns_inode, flush=True); s.hosts[0].start(['sleep', '600'])\n"
    code += f" while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n sys.exit(s.hosts[0]._processes[0].poll() is not None)"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as container:
        inode = int(container.stdout.readline())
        deadline = time.monotonic() + 20
        while not traces(inode):
            assert time.monotonic() < deadline
        Sandbox.sweep()
        go.touch()
    assert container.returncode == 0


def test_an_owner_that_nobody_has_buried_is_dead(tmp_path):
    """A killed process stays in the table until its parent asks; its pid and start time are still to be read."""
    with Owner(tmp_path) as owner:
        os.kill(owner.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, owner.process.pid, os.WEXITED | os.WNOWAIT)
        assert owner.all_gone(20)
        assert Path(f"/proc/{owner.process.pid}/stat").exists()


def test_a_sandbox_in_a_sandbox_ends_with_it(tmp_path):
    code = f"import sys; sys.argv = ['-c', {str(tmp_path)!r}, {DAEMON.format(more='')!r}]\n" + OWNER.format(deed="pass")
    with Sandbox() as sandbox:
        process = sandbox.host("outer").start([sys.executable, "-c", code], stdout=subprocess.PIPE)
        process.stdout.readline()
        left = [open_daemon(tmp_path / name) for name in ("daemon", "child")]
        assert not any(has_ended(each) for each in left)
    assert all(has_ended(each) for each in left)
    for each in left:
        os.close(each)


def test_an_owner_that_becomes_another_program_still_owns(tmp_path):
    """exec keeps the pid and the start time; only its end counts."""
    with Owner(tmp_path, deed="import os; os.execvp('sleep', ['sleep', '600'])") as owner:
        deadline = time.monotonic() + 20
        while Path(f"/proc/{owner.process.pid}/comm").read_text() != "sleep\n":
            assert time.monotonic() < deadline
        Sandbox.sweep()
        assert not owner.all_gone(0.2)
        owner.kill()
        assert owner.all_gone(20)
