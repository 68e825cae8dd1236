"""What runs in a sandbox: started, called, waited for, and ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemons import has_ended, start_daemon, traces
from portulan.errors import BadInput, CannotTell
from portulan.system.sandbox import Sandbox

pytestmark = pytest.mark.lab


def test_a_program_runs_to_its_end(sandbox, tmp_path):
    host = sandbox.host("a")
    answer = host.run(["sh", "-c", "cat; echo out; echo err >&2; exit 7"], text="in\n")
    assert (answer.stdout, answer.stderr, answer.returncode) == ("in\nout\n", "err\n", 7)
    answer = host.run(["sh", "-c", "echo $COLOUR; pwd"], environment={"COLOUR": "blue"}, folder=tmp_path)
    assert answer.stdout == f"blue\n{tmp_path}\n"
    assert len(host.run(["head", "-c", "3000000", "/dev/zero"]).stdout) == 3_000_000
    assert host.run(["printf", r"\377"]).stdout == "\ufffd"


def test_a_program_that_is_not_there(sandbox, tmp_path):
    host = sandbox.host("a")
    with pytest.raises(BadInput, match=r"sandbox\.no-program"):
        host.run(["no-such-program"])
    with pytest.raises(BadInput, match=r"sandbox\.no-program"):
        host.run(["true"], folder=tmp_path / "nowhere")
    with pytest.raises(CannotTell, match=r"sandbox\.not-started"):
        host.run([tmp_path])
    with pytest.raises(BadInput, match=r"user\.unknown"):
        host.run(["true"], user="nobody-of-this-name")


def test_a_program_that_takes_too_long_is_ended(sandbox):
    host = sandbox.host("a")
    with pytest.raises(CannotTell, match=r"sandbox\.timeout"):
        host.run(["sleep", "600"], timeout_s=0.05)


def test_a_daemon_does_not_hold_up_its_parent(sandbox):
    """It keeps the outputs of its parent open; with pipes, run would wait for it."""
    answer = sandbox.host("a").run(["sh", "-c", "sleep 600 & echo $!"], timeout_s=20)
    assert Path(f"/proc/{answer.stdout.strip()}").exists()


def test_another_user_has_no_rights(sandbox):
    host = sandbox.host("a")
    status = "cat /proc/self/status"
    for user, uid in (("nobody", 65534), (12345, 12345)):
        told = dict(line.split(":\t") for line in host.run(["sh", "-c", status], user=user).stdout.splitlines() if ":\t" in line)
        assert told["Uid"].split() == [str(uid)] * 4
        assert set(told["Gid"].split()) | set(told["Groups"].split()) == {told["Gid"].split()[0]} != {"0"}
        assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0
        assert told["NoNewPrivs"] == "1"
    assert "NoNewPrivs:\t0" in host.run(["sh", "-c", status]).stdout


def test_a_started_program_ends_with_the_sandbox(tmp_path):
    with Sandbox() as sandbox:
        host = sandbox.host("a")
        inode = host.netns_inode
        process = host.start(["sleep", "600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        deaf = host.start(["sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"])
        daemon = start_daemon(host, tmp_path / "pid")
        process.stdin.write("never read")
        assert not has_ended(daemon)
        assert traces(inode)
    assert process.returncode == deaf.returncode == -signal.SIGKILL
    assert has_ended(daemon)
    os.close(daemon)
    assert traces(inode) == []


@pytest.mark.parametrize("more", [
    "",
    "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)",
    "assert not ctypes.CDLL(None).unshare(0x40000000)",  # a network of its own
    "assert not ctypes.CDLL(None).unshare(0x04000000)",  # another host name
    "assert not ctypes.CDLL(None).unshare(0x40000000 | 0x04000000 | 0x20000000 | 0x00020000)",
], ids=["plain", "nobody", "net", "uts", "all"])  # fmt: skip
def test_no_daemon_slips_away(tmp_path, more):
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:3]:
        folder.chmod(0o755)
    with Sandbox() as sandbox:
        daemon = start_daemon(sandbox.host("a"), tmp_path / "pid", more)
    assert has_ended(daemon)
    os.close(daemon)


def test_a_crowd_that_keeps_forking_is_ended():
    code = "import os, time\nfor _ in range(7): os.fork()\nend = time.time() + 30\nwhile time.time() < end:\n    if not os.fork(): time.sleep(.05); os._exit(0)\n    time.sleep(.02); os.waitpid(-1, os.WNOHANG)"
    with Sandbox() as sandbox:
        host = sandbox.host("a")
        inode = host.netns_inode
        host.start([sys.executable, "-c", code])
        deadline = time.monotonic() + 20
        while len(traces(inode)) < 100:
            assert time.monotonic() < deadline
    assert traces(inode) == []


def test_a_child_that_left_is_ended_too():
    with Sandbox() as sandbox:
        process = sandbox.host("a").start(["nsenter", "-t", str(os.getpid()), "--uts", "--net", "sleep", "600"])
    assert process.returncode == -signal.SIGKILL


def test_a_visitor_is_not_touched(sandbox, tmp_path):
    """A process that only entered the network, as a chart of all namespaces does, was not started here."""
    with Sandbox() as other:
        host = other.host("a")
        with host.enter():
            visitor = subprocess.Popen(["sleep", "600"])
        assert str(Path("/proc", str(visitor.pid))) in traces(host.netns_inode)
    try:
        assert visitor.poll() is None
    finally:
        visitor.kill()
        visitor.wait()


def test_an_error_inside_ends_everything(tmp_path):
    daemons = []

    def fail():
        with Sandbox() as sandbox:
            daemons.append(start_daemon(sandbox.host("a"), tmp_path / "pid"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (daemon,) = daemons
    assert has_ended(daemon)
    os.close(daemon)


def test_a_function_is_called_elsewhere(sandbox):
    host = sandbox.host("a")
    base = 40
    assert host.call(lambda more, twice=1: (base + more) * twice, 2, twice=2) == 84
    assert host.call(os.getpid) != os.getpid()
    assert len(host.call(lambda: b"x" * 5_000_000)) == 5_000_000
    with pytest.raises(FileNotFoundError) as raised:
        host.call(Path("/no/such/file").read_text)
    assert "Traceback" in raised.value.__notes__[0]
    with pytest.raises(BadInput) as told:
        host.call(refuse)
    assert told.value.code == "port.out-of-range"
    with pytest.raises(CannotTell, match=r"sandbox\.call-lost") as told:
        host.call(lambda: [lambda: None] * 10_000)
    assert len(str(told.value)) < 1000
    with pytest.raises(CannotTell, match=r"sandbox\.call-died"):
        host.call(os._exit, 3)
    host.patience_s = 0.05
    with pytest.raises(CannotTell, match=r"sandbox\.timeout"):
        host.call(time.sleep, 600)


def refuse():
    raise BadInput("port.out-of-range", text="70000")


def test_a_forked_child_does_not_end_the_sandbox(sandbox):
    host = sandbox.host("a")
    sleeper = host.start(["sleep", "600"])
    assert host.call(sandbox.close) is None
    assert sleeper.poll() is None
    assert host.run(["true"]).returncode == 0
