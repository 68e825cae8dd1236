"""A number that was given to somebody else: whoever has it now is never hit, however late it was given away."""

import json
import os
import sys
from pathlib import Path

import pytest

from labs import inhabit

pytestmark = pytest.mark.lab
PORT = 10_000 + os.getpid() % 20_000
"""A number of this process's own: `stop` tells where else a port is held."""
REUSED = """
import json, os, signal, sys, time
sys.path[:0] = {path!r}
import pid_lottery
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.survey import Selection
from portulan.system.linux.grip import Grip
from portulan.system.source import open_source
from portulan.verbs.chart import look
import socket
PORT = {port}

def holder_at(number):
    one = socket.create_server(("127.0.0.1", PORT))
    read_end, write_end = os.pipe()
    pid = pid_lottery.fork_as(number, lambda: pid_lottery.serve(write_end))
    os.read(read_end, 1)
    one.close()
    [item] = look(open_source(), Selection(ports=PortSet.of([PortRange(PORT, PORT)])))[0]
    [owner] = item.owners
    return pid, owner, [item.sockets[0].inode]

def swap(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    read_end, write_end = os.pipe()
    other = pid_lottery.fork_as(pid, lambda: pid_lottery.innocent(write_end))
    os.read(read_end, 1)
    return other

def hits(pid):
    os.kill(pid, signal.SIGUSR1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

told = {{}}
with Grip() as grip:  # given away before it is held
    pid, owner, sockets = holder_at(3000)
    other = swap(pid)
    told["same number"] = pid == other
    told["taken"] = grip.take(owner, sockets, [owner.fd])
    told["hits before"] = hits(other)
with Grip() as grip:  # given away while it is held
    pid, owner, sockets = holder_at(3000)
    told["held"] = grip.take(owner, sockets, [owner.fd])
    other = swap(pid)
    told["same number again"] = pid == other
    told["may"] = grip.may_signal(pid)
    grip.signal(pid, signal.SIGTERM)
    told["alive"] = pid in grip.alive()
    told["hits after"] = hits(other)
with Grip() as grip:  # the same process, but another socket at its descriptor
    pid, owner, sockets = holder_at(3000)
    told["other socket"] = grip.take(owner, [sockets[0] + 1], [owner.fd])
    told["other start"] = grip.take(owner._replace(started_at=owner.started_at.replace(year=2000)), sockets, [owner.fd])
    told["itself"] = grip.take(owner, sockets, [owner.fd])
    grip.signal(pid, signal.SIGKILL)
    grip.wait(10)
    told["ended"] = pid not in grip.alive()
pid, owner, sockets = holder_at(3000)
other = swap(pid)
os.kill(pid, signal.SIGTERM)  # what every `kill PID` does
told["hits of a kill by number"] = hits(other)
print(json.dumps(told))
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def test_a_number_that_was_given_to_another_process_is_never_hit(host):
    code = REUSED.format(port=PORT, path=[str(Path(__file__).parents[1])])
    done = host.run(["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "same number": True, "taken": False, "hits before": 0,
        "held": True, "same number again": True, "may": True, "alive": False, "hits after": 0,
        "other socket": False, "other start": False, "itself": True, "ended": True,
        "hits of a kill by number": 1,
    }  # fmt: skip


def test_a_lottery_of_numbers(host, day_seed):
    import proofs

    found, figures = proofs.reused_numbers(day_seed)
    assert found == []
    assert figures["numbers given to an innocent"] == figures["rounds"]
