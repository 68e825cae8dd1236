"""Who holds a port, why it runs and how it is stopped: judged by the processes themselves."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from labs import (
    REUSE_PORT,
    SOURCES,
    ask,
    connect,
    control_groups,
    hold,
    inhabit,
    listen,
    named_to_end,
    only,
    open_socket,
    pairs,
    port_of,
    portulan,
    wait_for,
)
from portulan.errors import BadInput
from portulan.model.chart import State
from portulan.verbs.who import who

pytestmark = pytest.mark.lab
# Master and workers, each in the control group it was told to go to first.
FAMILY = """
import os, socket, sys
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
one = socket.create_server(("127.0.0.1", 0))
pids = []
for _ in range(3):
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    pids.append(pid)
print(one.getsockname()[1], one.fileno(), *pids, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


@pytest.fixture
def cgroup():
    """Makes control groups of our own, removed afterwards."""
    with control_groups() as make:
        yield make


@contextmanager
def family(host, *arguments):
    """(process, port, descriptor, pids of the workers)"""
    process = host.start([sys.executable, "-c", FAMILY, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port, descriptor, *workers = map(int, process.stdout.readline().split())
    yield process, port, descriptor, workers
    process.stdin.close()
    process.wait()


@pytest.mark.parametrize("source", SOURCES)
def test_a_master_and_its_workers(host, source):
    with family(host) as (process, port, descriptor, workers):
        [item], commands = ask(host, port, source=source)
        assert pairs(item) == {(pid, descriptor) for pid in (process.pid, *workers)}
        for owner in item.owners:
            chain = [ancestor.pid for ancestor in owner.parents]
            assert chain[0] == (os.getpid() if owner.pid == process.pid else process.pid)
            assert chain[-1] == 1
            assert len(chain) == len(set(chain))
        # One command, and it frees the port: a worker that outlived its master would keep it.
        [command] = commands
        assert named_to_end(commands) == {process.pid, *workers}
        assert host.run(command.split()).returncode == 0
        process.wait()
        assert wait_for(lambda: ask(host, port, source=source)[0], ()) == ()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("system.slice/shop.service", "systemctl stop shop.service"),
        ("system.slice/system-getty.slice/getty@tty1.service", "systemctl stop getty@tty1.service"),
        ("user.slice/user-1000.slice/user@1000.service/app.slice/notes.service", "systemctl --user stop notes.service"),
        ("system.slice/docker-" + "ab" * 32 + ".scope", "docker stop abababababab"),
        ("machine.slice/libpod-" + "ab" * 32 + ".scope", "podman stop abababababab"),
        ("lxc.payload.shop", "lxc-stop -n shop"),
        ("user.slice/user-1000.slice/session-3.scope", None),
    ],
    ids=["unit", "instance", "user-unit", "docker", "podman", "lxc", "session"],
)
def test_what_runs_it_is_what_stops_it(host, cgroup, path, command):
    folder = cgroup(path)
    with family(host, str(folder / "cgroup.procs")) as (process, port, _, workers):
        [item], commands = ask(host, port)
        assert {owner.pid for owner in item.owners} == {process.pid, *workers}
        if command is None:
            assert named_to_end(commands) == {process.pid, *workers}
        else:
            assert commands == [command]


@pytest.mark.parametrize("source", SOURCES)
def test_strangers_that_share_a_port_are_each_named(host, source):
    one = listen(host, "127.0.0.1", 4_000, options=[REUSE_PORT])
    other = listen(host, "127.0.0.1", 4_000, options=[REUSE_PORT])
    first, second = hold(host, one), hold(host, other)
    one.close()
    other.close()
    [item], commands = ask(host, 4_000, source=source)
    assert {owner.pid for owner in item.owners} == {first.pid, second.pid}
    assert named_to_end(commands) == {first.pid, second.pid}


@pytest.mark.parametrize("source", SOURCES)
def test_what_else_sits_on_a_port_is_told_only_when_nobody_serves(host, source):
    with listen(host, "127.0.0.1") as server, connect(host, "127.0.0.1", port_of(server)) as client, server.accept()[0] as accepted:
        port = port_of(server)
        assert [item.state for item in ask(host, port, source=source)[0]] == [State.LISTENING]
        assert only(ask(host, port, source=source)[0]).connections == 1
        assert [item.state for item in ask(host, port_of(client), source=source)[0]] == [State.ESTABLISHED]
        server.close()
        item = only(ask(host, port, source=source)[0])
        assert (item.state, pairs(item)) == (State.ESTABLISHED, {(os.getpid(), accepted.fileno())})
        accepted.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("source", SOURCES)
def test_a_listener_elsewhere_does_not_hide_what_sits_on_the_port_here(sandbox, host, source):
    elsewhere = sandbox.host("b")
    inhabit(elsewhere)
    with open_socket(host, "127.0.0.1", 0) as here, listen(elsewhere, port=port_of(here)):
        with host.enter():
            found = [item for item in who(port_of(here), source=source).items if item.netns in (host.netns_inode, elsewhere.netns_inode)]
        ours, theirs = found
        assert (ours.netns, ours.state, pairs(ours)) == (host.netns_inode, State.BOUND, {(os.getpid(), here.fileno())})
        assert (theirs.netns, theirs.state) == (elsewhere.netns_inode, State.LISTENING)


def test_one_port_at_a_time(host):
    for text in ("80,443", "8000-8010", "no-such-service", "70000", ""):
        with pytest.raises(BadInput):
            who(text)


def test_a_stopped_server_is_told_like_any_other(host):
    with family(host) as (process, port, _, _workers):
        process.send_signal(signal.SIGSTOP)
        answer = portulan(host, port)
        assert answer.returncode == 0
        assert f"pid {process.pid}" in answer.stdout
        process.send_signal(signal.SIGCONT)
