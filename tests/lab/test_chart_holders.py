"""Who holds a socket: one process or many, at one descriptor or several, by thread, in flight, or nobody that /proc leads to."""

import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack
from subprocess import PIPE

import pytest

from labs import (
    REUSE_PORT,
    SOURCES,
    ask,
    brute_force,
    connect,
    datagrams,
    differences,
    facts_of,
    hold,
    inhabit,
    inode_of,
    listen,
    look,
    named_to_end,
    only,
    pairs,
    port_of,
)
from portulan.model.chart import Ownership, State
from portulan.system.linux.namespaces import list_places
from portulan.verbs.chart import chart

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("source", SOURCES)]
WITH_OWN_FILES = """
import ctypes, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def work():
    {first}
    one = socket.create_server(("127.0.0.1", 0))
    print(one.fileno(), one.getsockname()[1], flush=True)
    {then}
    time.sleep(600)
thread = threading.Thread(target=work)
thread.start()
{last}
thread.join()
"""
UNSHARE_FILES = "assert libc.unshare(0x400) == 0"
EXIT_THIS_THREAD = "libc.syscall({'x86_64': 60}.get(__import__('os').uname().machine, 93), 0)"


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def threaded(host, *, first="pass", then="pass", last="pass"):
    """A program whose second thread makes a listener: (process, descriptor, port)."""
    process = host.start([sys.executable, "-I", "-c", WITH_OWN_FILES.format(first=first, then=then, last=last)], stdout=PIPE)
    descriptor, port = map(int, process.stdout.readline().split())
    return process, descriptor, port


def test_workers_that_inherited_their_socket_are_all_named(host, source):
    with listen(host, "127.0.0.1") as server:
        workers = [hold(host, server) for _ in range(4)]
        item = only(look(host, source=source))
        assert pairs(item) == {(pid, server.fileno()) for pid in (os.getpid(), *(worker.pid for worker in workers))}
        assert {owner.name for owner in item.owners} == {"sleep", item.owners[0].name, *(own.name for own in item.owners)}
        assert len(item.sockets) == 1
        assert differences(facts_of(look(host, source=source)), brute_force(host)) == []
        workers[0].kill()
        workers[0].wait()
        assert len(pairs(only(look(host, source=source)))) == 4


def test_the_master_may_go_and_its_workers_stay(host, source):
    server = listen(host, "127.0.0.1")
    workers = [hold(host, server) for _ in range(3)]
    descriptor = server.fileno()
    server.close()
    assert pairs(only(look(host, source=source))) == {(worker.pid, descriptor) for worker in workers}
    items, commands = ask(host, only(look(host)).port, source=source)
    assert len(items[0].owners) == 3
    assert named_to_end(commands) == {worker.pid for worker in workers}


def test_every_descriptor_of_a_process_is_named(host, source):
    with ExitStack() as stack:
        server = stack.enter_context(listen(host, "127.0.0.1"))
        copies = [stack.enter_context(server.dup()) for _ in range(5)]
        item = only(look(host, source=source))
        assert pairs(item) == {(os.getpid(), one.fileno()) for one in (server, *copies)}
        assert [owner.fd for owner in item.owners] == sorted(one.fileno() for one in (server, *copies))
        _, commands = ask(host, port_of(server), source=source)
        assert commands == [f"kill {os.getpid()}"]


def test_a_group_whose_sockets_are_in_different_processes(host, source):
    group = [listen(host, "127.0.0.1", 4_321, options=[REUSE_PORT]) for _ in range(3)]
    workers = [hold(host, one) for one in group]
    expected = {(worker.pid, one.fileno()) for worker, one in zip(workers, group, strict=True)}
    inodes = sorted(map(inode_of, group))
    for one in group:
        one.close()
    item = only(look(host, source=source))
    assert (pairs(item), sorted(one.inode for one in item.sockets)) == (expected, inodes)


def test_a_socket_that_a_thread_made_is_its_process_s(host, source):
    process, descriptor, port = threaded(host)
    assert pairs(only(look(host, source=source), port=port)) == {(process.pid, descriptor)}


def test_a_thread_with_descriptors_of_its_own(host, source):
    """unshare(CLONE_FILES): what such a thread opens is in no /proc/PID/fd, only in that of the thread."""
    process, descriptor, port = threaded(host, first=UNSHARE_FILES)
    assert pairs(only(look(host, source=source), port=port)) == {(process.pid, descriptor)}


def test_a_process_whose_first_thread_has_ended(host, source):
    """Its /proc/PID/fd is empty from then on, though the process lives and holds."""
    process, descriptor, port = threaded(host, last=EXIT_THIS_THREAD)
    while os.listdir(f"/proc/{process.pid}/fd"):
        pass
    item = only(look(host, source=source), port=port)
    assert pairs(item) == {(process.pid, descriptor)}
    assert item.owners[0].name.startswith("python")


def in_flight(one):
    """Send a socket to nobody who takes it, and close our own descriptor: it lives on in the message alone."""
    here, there = socket.socketpair()
    socket.send_fds(here, [b"x"], [one.fileno()])
    one.close()
    return here, there


def test_a_socket_on_its_way_is_said_to_be_hidden(host, source):
    server = listen(host, "127.0.0.1")
    port = port_of(server)
    here, there = in_flight(server)
    with here, there:
        found = chart([port], namespaces=[str(host.netns_inode)], source=source)
        # Where some process may not be looked into at all, it may be that one which holds it: "forbidden" says just that.
        closed = bool(list_places()[1])
        item = only(found.items)
        assert (item.ownership, item.owners) == (Ownership.FORBIDDEN if closed else Ownership.HIDDEN, None)
        assert ("owners.forbidden" if closed else "owners.hidden") in {gap.code for gap in found.gaps}
        assert (item.uid, item.state, len(item.sockets)) == (0, State.LISTENING, 1)
        _, [arrived], _, _ = socket.recv_fds(there, 1, 1)
        assert pairs(only(look(host, port, source=source))) == {(os.getpid(), arrived)}
        os.close(arrived)
    assert look(host, port, source=source) == ()


def test_a_socket_that_came_by_message_is_its_receiver_s_too(host, source):
    with listen(host, "127.0.0.1") as server:
        here, there = socket.socketpair()
        with here, there:
            socket.send_fds(here, [b"x"], [server.fileno()])
            _, [arrived], _, _ = socket.recv_fds(there, 1, 1)
            assert pairs(only(look(host, source=source))) == {(os.getpid(), server.fileno()), (os.getpid(), arrived)}
            os.close(arrived)


def test_connections_are_held_by_both_ends(host, source):
    with listen(host, "::1") as server, connect(host, "::1", port_of(server)) as client, server.accept()[0] as accepted:
        taken = hold(host, accepted)
        every = look(host, every_state=True, source=source)
        assert pairs(only(every, port=port_of(client))) == {(os.getpid(), client.fileno())}
        assert pairs(only(every, state=State.ESTABLISHED, port=port_of(server))) == {
            (os.getpid(), accepted.fileno()), (taken.pid, accepted.fileno()),
        }  # fmt: skip


def test_a_stopped_process_holds(host, source):
    with datagrams(host, "127.0.0.1") as one:
        worker = hold(host, one)
        worker.send_signal(signal.SIGSTOP)
        assert pairs(only(look(host, source=source))) == {(os.getpid(), one.fileno()), (worker.pid, one.fileno())}


def test_a_zombie_holds_nothing(host, source):
    with listen(host, "127.0.0.1") as server:
        worker = hold(host, server)
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        assert pairs(only(look(host, source=source))) == {(os.getpid(), server.fileno())}
        worker.wait()


def test_a_socket_of_this_namespace_in_a_process_of_another(sandbox, host, source):
    """The holder was moved elsewhere; the socket stays where it was made."""
    other = sandbox.host("b")
    with listen(host, "127.0.0.1") as server:
        worker = hold(other, server)
        assert pairs(only(look(host, source=source))) == {(os.getpid(), server.fileno()), (worker.pid, server.fileno())}
        assert [item for item in look(other, source=source) if item.port == port_of(server)] == []


def test_a_namespace_that_only_a_socket_keeps(source):
    """No process is in it, no mount and no descriptor keeps it: the kernel tells its number, and the socket leads there."""
    made = []

    def work():
        libc_unshare(0x4000_0000)
        made.append((os.stat("/proc/thread-self/ns/net").st_ino, socket.create_server(("0.0.0.0", 4_322)), set_loopback_up()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    [(inode, server, _)] = made
    with server:
        assert inode not in {place.inode for place in list_places()[0]}
        if source == "bpf":
            item = only(chart([4_322], namespaces=[str(inode)], source=source, connections=True).items)
            assert (item.netns, item.connections, pairs(item)) == (inode, 0, {(os.getpid(), server.fileno())})
        else:  # nothing in /proc leads there
            assert inode not in {item.netns for item in chart([4_322], source=source).items}
    assert inode not in {item.netns for item in chart([4_322], source=source).items}


def libc_unshare(flags):
    from portulan.system.linux.syscall import unshare

    unshare(flags)


def set_loopback_up():
    from portulan.system.linux.links import set_up
    from portulan.system.linux.netlink import ROUTE, Netlink

    with Netlink(ROUTE) as netlink:
        set_up(netlink, 1)
