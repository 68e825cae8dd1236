"""The same machine seen with fewer rights: what may be known is the same, what may not is said."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from labs import (
    ORDINARY,
    SOURCES,
    as_user,
    call_as,
    control_groups,
    datagrams,
    differences,
    facts_of,
    hold,
    inhabit,
    listen,
    look,
    pairs,
    port_of,
)
from portulan.model.chart import Ownership

pytestmark = pytest.mark.lab
OWN_SERVER = """
import socket, sys
one = socket.create_server(("127.0.0.1", 0))
print(one.fileno(), one.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def see(**more):
    """In a process of another user, on the host: the chart in a form that can be carried over."""
    from portulan.verbs.chart import chart

    found = chart(**more)
    own = next(space.inode for space in found.namespaces if space.own)
    items = [item for item in found.items if item.netns == own]
    told = [
        (item.port, item.ownership.value, pairs(item), item.uid, item.unit, sorted(one.pid for one in item.candidates)) for item in items
    ]
    described = {owner.pid: owner for item in items for owner in item.owners or ()}
    return found.source, facts_of(items), told, {gap.code: dict(gap.facts) for gap in found.gaps}, described


def refuse(**more):
    """The code of the error that a chart raises."""
    from portulan.errors import PortulanError
    from portulan.verbs.chart import chart

    try:
        chart(**more)
    except PortulanError as error:
        return error.code
    return None


@contextmanager
def own_server(host, **how):
    """A listener of an ordinary user: (pid, descriptor, port)."""
    process = host.start(as_user([sys.executable, "-c", OWN_SERVER], **how), stdin=PIPE, stdout=PIPE)
    descriptor, port = map(int, process.stdout.readline().split())
    yield process.pid, descriptor, port
    process.stdin.close()
    process.wait()


@pytest.mark.parametrize("every_state", [False, True], ids=["servers", "all"])
@pytest.mark.parametrize("capabilities", [(), ("net_admin",), ("net_raw", "net_bind_service")], ids=" ".join)
def test_an_ordinary_user(host, capabilities, every_state):
    with (
        listen(host, "127.0.0.1", backlog=3) as first,
        listen(host, "::"),
        datagrams(host, ""),
        listen(host, "127.0.0.1", protocol=262),
        own_server(host) as (pid, descriptor, port),
    ):
        whole = facts_of(look(host, every_state=every_state))
        with first.dup():
            source, facts, told, gaps, described = call_as(host, see_all if every_state else see, capabilities=capabilities)
        assert source == "proc"
        # The sockets are the same to the last column, only who holds them is not known.
        assert (
            differences(
                facts,
                (
                    whole[0],
                    {key: set() for key in whole[1] if key[3] != port}
                    | {("tcp", "listening", "127.0.0.1", port, None): {(pid, descriptor)}},
                ),
            )
            == []
        )
        for number, ownership, owners, uid, _, candidates in told:
            if number == port:
                assert (ownership, owners, uid) == (Ownership.PROCESS, {(pid, descriptor)}, ORDINARY)
            else:
                assert (ownership, owners, uid) == (Ownership.FORBIDDEN, None, 0)
                assert pid not in candidates
        assert gaps["owners.forbidden"] == {"count": 4}
        assert "processes.closed" in gaps
        assert (described[pid].uid, described[pid].name, described[pid].user) == (ORDINARY, described[pid].name, "nobody")
        assert described[pid].command[-1] == OWN_SERVER
        assert described[pid].executable is not None


def see_all():
    return see(every_state=True)


def test_bpf_is_not_for_ordinary_users(host):
    assert call_as(host, refuse_bpf) == "bpf.forbidden"


def refuse_bpf():
    return refuse(source="bpf")


def test_the_rights_to_look_into_processes_show_the_holders(host):
    """CAP_SYS_PTRACE alone does not open /proc/PID/fd, which is the holder's own folder; with CAP_DAC_READ_SEARCH it does."""
    with listen(host, "127.0.0.1") as server, own_server(host) as (pid, descriptor, port):
        worker = hold(host, server)
        both = {(os.getpid(), server.fileno()), (worker.pid, server.fileno())}
        for capabilities in (("sys_ptrace",), ("sys_ptrace", "dac_read_search")):
            source, _, told, gaps, described = call_as(host, see, capabilities=capabilities)
            assert source == "proc"
            told = {number: (ownership, owners) for number, ownership, owners, *_ in told}
            assert told[port] == (Ownership.PROCESS, {(pid, descriptor)})
            assert "namespace.forbidden" in gaps  # the machine's own namespace is known now, but may not be entered
            if len(capabilities) == 1:
                assert told[port_of(server)] == (Ownership.FORBIDDEN, None)
                assert gaps["owners.forbidden"] == {"count": 1}
            else:
                assert told[port_of(server)] == (Ownership.PROCESS, both)
                assert "owners.forbidden" not in gaps
                assert described[worker.pid].executable.endswith("sleep")


def test_the_rights_of_bpf_show_the_holders(host):
    """CAP_BPF and CAP_PERFMON: the holders' names and users come from the kernel, their files stay closed."""
    with listen(host, "127.0.0.1") as server, own_server(host) as (pid, descriptor, port):
        worker = hold(host, server)
        source, _, told, gaps, described = call_as(host, see, capabilities=("bpf", "perfmon"))
        assert source == "bpf"
        assert {number: owners for number, _, owners, *_ in told} == {
            port_of(server): {(os.getpid(), server.fileno()), (worker.pid, server.fileno())}, port: {(pid, descriptor)},
        }  # fmt: skip
        assert "owners.forbidden" not in gaps
        mine = described[worker.pid]
        assert (mine.name, mine.uid, mine.user, mine.executable, mine.cwd) == ("sleep", 0, "root", None, None)
        assert mine.command[0] == "sleep"


@pytest.fixture
def cgroup():
    """Makes control groups of our own, removed afterwards."""
    with control_groups() as make:
        yield make


IN_GROUP = """
import os, sys
with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))
import socket
one = socket.create_server((sys.argv[2], int(sys.argv[3])))
print(one.fileno(), one.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def server_in(host, folder, address="127.0.0.1", port=0):
    """A listener whose process is in a control group: (process, descriptor, port)."""
    process = host.start([sys.executable, "-c", IN_GROUP, folder / "cgroup.procs", address, str(port)], stdin=PIPE, stdout=PIPE)
    descriptor, number = map(int, process.stdout.readline().split())
    yield process, descriptor, number
    process.stdin.close()
    process.wait()


def test_a_user_learns_the_unit_and_the_candidates_of_others_sockets(host, cgroup):
    """The socket tells its control group to everybody; who is in the group may be read by everybody."""
    folder = cgroup("system.slice/shop.service")
    with server_in(host, folder) as (process, descriptor, port), listen(host, "127.0.0.1"):
        source, _, told, gaps, _ = call_as(host, see)
        assert source == "proc"
        told = {number: (ownership, owners, unit, candidates) for number, ownership, owners, _, unit, candidates in told}
        assert told.pop(port) == (Ownership.FORBIDDEN, None, "shop.service", [process.pid])
        assert {unit for _, _, unit, _ in told.values()} == {None}
        assert gaps["owners.forbidden"] == {"count": 2}
        # Root sees the holder itself, with the same unit.
        item = next(item for item in look(host) if item.port == port)
        assert (pairs(item), item.unit, item.owners[0].unit, item.candidates) == (
            {(process.pid, descriptor)},
            "shop.service",
            "shop.service",
            (),
        )


def test_the_group_of_a_user_s_own_manager(host, cgroup):
    folder = cgroup("user.slice/user-1000.slice/user@1000.service/app.slice/notes.service")
    with server_in(host, folder) as (process, _, port):
        item = next(item for item in look(host) if item.port == port)
        assert (item.owners[0].unit, item.owners[0].user_unit, item.owners[0].pid) == ("notes.service", True, process.pid)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("system.slice/docker-{id}.scope", "docker:{short}"),
        ("docker/{id}", "docker:{short}"),
        ("machine.slice/libpod-{id}.scope", "podman:{short}"),
        ("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podaa.slice/cri-containerd-{id}.scope", "kubernetes:{short}"),
        ("lxc.payload.shop/inner", "lxc:shop"),
        ("machine.slice/systemd-nspawn@shop.service/payload", "nspawn:shop"),
    ],
    ids=["docker", "docker-cgroupfs", "podman", "kubernetes", "lxc", "nspawn"],
)
def test_containers_by_their_control_groups(host, cgroup, path, expected):
    identity = "0123456789abcdef" * 4
    folder = cgroup(path.format(id=identity))
    with server_in(host, folder) as (process, _, port):
        item = next(item for item in look(host) if item.port == port)
        wanted = expected.format(short=identity[:12])
        assert (item.container, item.owners[0].container, item.owners[0].pid) == (wanted, wanted, process.pid)
        _, _, told, _, _ = call_as(host, see)
        [(_, ownership, owners, _, _, candidates)] = told
        assert (ownership, owners, candidates) == (Ownership.FORBIDDEN, None, [process.pid])


def test_a_group_that_was_removed_since(host, cgroup):
    """The socket outlives its group: nothing is known of that, and nothing breaks."""
    folder = cgroup("gone.service")
    with server_in(host, folder) as (process, descriptor, port):
        Path(folder.parent, "cgroup.procs").write_text(str(process.pid))
        folder.rmdir()
        for source in SOURCES:
            item = next(item for item in look(host, source=source) if item.port == port)
            assert (pairs(item), item.unit) == ({(process.pid, descriptor)}, None)
