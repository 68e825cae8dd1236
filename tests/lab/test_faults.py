"""Machines that are not as they should be: what is kept from us is said, and the rest is still shown."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from labs import (
    as_user,
    call_as,
    differences,
    facts_of,
    hold,
    inhabit,
    listen,
    look,
    only,
    pairs,
    port_of,
    wait_for,
)
from portulan.errors import CannotTell, MachineFailed
from portulan.system.linux import bpf
from portulan.system.linux.namespaces import inside, list_places
from portulan.verbs.chart import chart
from portulan.verbs.who import who

pytestmark = pytest.mark.lab
NO_PROC = "umount -l /proc"
EMPTY_PROC = "mount -t tmpfs none /proc"
HIDEPID = "mount -t proc -o hidepid=2 proc /proc"
HIDEPID_WORDS = "mount -t proc -o hidepid=invisible proc /proc"
HIDEPID_FOR_OTHERS = "mount -t proc -o hidepid=2,gid=65534 proc /proc"
NO_BTF = "mount --bind /dev/null /sys/kernel/btf/vmlinux"


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


def see(**more):
    """The chart, as far as it can be carried over: (source, [(port, ownership, owners, uid)], gap codes)."""
    found = chart(**more)
    own = [space.inode for space in found.namespaces if space.own]
    items = [item for item in found.items if not own or item.netns == own[0]]
    return found.source, [(item.port, item.ownership.value, pairs(item), item.uid) for item in items], {gap.code for gap in found.gaps}


def see_bpf():
    return see(source="bpf")


def refused(source="bpf"):
    try:
        chart(source=source)
    except CannotTell as error:
        return error.code
    return None


# /proc


@pytest.mark.parametrize("options", [HIDEPID, HIDEPID_WORDS])
def test_hidepid(host, options):
    """Other users' processes do not even appear."""
    with listen(host, "127.0.0.1") as server:
        source, rows, gaps = call_as(host, see, before=options)
        assert (source, rows) == ("proc", [(port_of(server), "forbidden", None, 0)])
        assert {"proc.hidepid", "owners.forbidden"} <= gaps


def test_hidepid_does_not_hide_from_its_group(host):
    with listen(host, "127.0.0.1"):
        _, _, gaps = call_as(host, see, before=HIDEPID_FOR_OTHERS)
        assert "proc.hidepid" not in gaps


def test_hidepid_does_not_hide_from_root(host):
    with listen(host, "127.0.0.1") as server:
        source, rows, gaps = call_as(host, see, uid=0, before=HIDEPID)
        assert (source, rows) == ("bpf", [(port_of(server), "process", {(os.getpid(), server.fileno())}, 0)])
        assert "proc.hidepid" not in gaps


@pytest.mark.parametrize("uid", [0, 65534])
@pytest.mark.parametrize("fault", [NO_PROC, EMPTY_PROC])
def test_no_proc(host, uid, fault):
    """The sockets are known all the same, from the kernel; their holders are not."""
    with listen(host, "127.0.0.1") as server:
        source, rows, gaps = call_as(host, see, uid=uid, before=fault)
        assert (source, len(rows)) == ("proc", 1)
        assert rows[0][0] == port_of(server)
        assert rows[0][2:] == (None, 0)
        assert "proc.unreadable" in gaps


# BPF


def test_without_types_of_the_kernel(host):
    """No BTF (CONFIG_DEBUG_INFO_BTF): the walk over /proc serves, and asking for BPF says why not."""
    with listen(host, "127.0.0.1") as server:
        source, rows, _ = call_as(host, see, uid=0, before=NO_BTF)
        assert (source, rows) == ("proc", [(port_of(server), "process", {(os.getpid(), server.fileno())}, 0)])
        assert call_as(host, refused, uid=0, before=NO_BTF) == "bpf.no-btf"


def test_in_a_pid_namespace(host):
    """The kernel would tell pids that mean nothing there: only the walk is right. Holders outside of it are not to be seen."""
    with listen(host, "127.0.0.1") as server:
        command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", IN_PID_NAMESPACE]
        answer = host.run(command)
        assert answer.returncode == 0, answer.stderr
        own, foreign, refusal, source = answer.stdout.splitlines()
        assert own.split() == ["process", "1", "1"]  # the chart's pid is that of the namespace: its first process
        assert foreign.split() == ["hidden", str(port_of(server))]
        assert (refusal, source) == ("bpf.pid-namespace", "proc")


IN_PID_NAMESPACE = """
import os, socket
from portulan.errors import CannotTell, MachineFailed
from portulan.verbs.chart import chart
one = socket.create_server(("127.0.0.1", 0))
found = chart()
own = next(space.inode for space in found.namespaces if space.own)
for item in sorted((item for item in found.items if item.netns == own), key=lambda item: item.port != one.getsockname()[1]):
    if item.port == one.getsockname()[1]:
        print(item.ownership, item.owners[0].pid, os.getpid())
    else:
        print(item.ownership, item.port)
try:
    chart(source="bpf")
except CannotTell as error:
    print(error.code)
print(found.source)
"""


@pytest.mark.parametrize(
    "damage",
    [
        "mkdir -p {cache} && echo nonsense > {cache}/btf",
        "mkdir -p {cache} && head -c 3000 /dev/urandom > {cache}/btf",
        "mkdir -p {cache} && cp {good} {cache}/btf && sed -i '$d' {cache}/btf",
        "mkdir -p {cache} && cp {good} {cache}/btf && sed -i 3d {cache}/btf",
        "mkdir -p {cache} && cp {good} {cache}/btf && sed -i '1s/^../00/' {cache}/btf",
        "mkdir -p {cache} && cp {good} {cache}/btf && sed -i '3s/ .*/ -1/' {cache}/btf",
        "mkdir -p {cache} && cp {good} {cache}/btf && chown 65534 {cache}/btf",
        "mkdir -p {cache}/btf {cache}/hidden-bpf {cache}/hidden-proc",
        "touch {cache}",
        "mkdir -p {cache} && mount -t tmpfs -o ro none {cache}",
        "mkdir -p {cache} && head -c 3000 /dev/urandom > {cache}/hidden-bpf",
        "mkdir -p {cache} && ln -s /dev/zero {cache}/btf && ln -s /dev/full {cache}/hidden-bpf",
    ],
)
def test_a_damaged_cache_is_not_believed(host, tmp_path, good_cache, damage):
    """The kernel's offsets and the sockets known to be hidden are remembered in files; whatever is in them, the chart is the same."""
    cache = tmp_path / "cache"
    cache.mkdir()
    before = damage.format(cache=cache / "portulan", good=good_cache)
    with listen(host, "127.0.0.1") as server:
        source, rows, _ = call_as(host, see_with_cache, str(cache), uid=0, before=before)
        assert (source, rows) == ("bpf", [(port_of(server), "process", {(os.getpid(), server.fileno())}, 0)])


@pytest.fixture(scope="module")
def good_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        bpf.kernel_offsets()
    assert (folder / "portulan/btf").exists()
    return folder / "portulan/btf"


def see_with_cache(folder):
    os.environ["XDG_CACHE_HOME"] = folder
    return see(source="bpf")


@pytest.mark.parametrize("home", ["", "relative", "/proc/nonexistent", None])
def test_no_home(host, home):
    with listen(host, "127.0.0.1") as server:
        source, rows, _ = call_as(host, see_at_home, home, uid=0)
        assert (source, rows) == ("bpf", [(port_of(server), "process", {(os.getpid(), server.fileno())}, 0)])


def see_at_home(home):
    os.environ.pop("HOME", None)
    if home is not None:
        os.environ["HOME"] = home
    return see_bpf()


# Things that vanish


def test_a_namespace_whose_known_process_ends_is_entered_through_another(sandbox):
    host = sandbox.host("a")
    first, _second = inhabit(host), inhabit(host)
    place = next(place for place in list_places()[0] if place.inode == host.netns_inode)
    assert place.path == f"/proc/{first.pid}/ns/net"
    first.kill()
    first.wait()
    with inside(place):
        assert os.stat("/proc/thread-self/ns/net").st_ino == host.netns_inode


def test_a_process_that_moved_does_not_lead_us_astray(sandbox):
    """It was in the namespace when we noted its path, and is elsewhere when we take it."""
    host, other = sandbox.host("a"), sandbox.host("b")
    mover = host.start([sys.executable, "-c", MOVER, other.netns_path], stdin=-1, stdout=-1)
    assert mover.stdout.readline() == "here\n"
    place = next(place for place in list_places()[0] if place.inode == host.netns_inode)
    mover.stdin.write("go\n")
    mover.stdin.flush()
    assert mover.stdout.readline() == "there\n"
    with pytest.raises(FileNotFoundError), inside(place):
        pass
    assert os.stat("/proc/thread-self/ns/net").st_ino not in (host.netns_inode, other.netns_inode)


MOVER = """
import os, sys
from portulan.system.linux.syscall import CLONE_NEWNET, setns
place = os.open(sys.argv[1], os.O_RDONLY)
print("here", flush=True)
sys.stdin.readline()
setns(place, CLONE_NEWNET)
print("there", flush=True)
sys.stdin.readline()
"""


def test_namespaces_and_processes_that_vanish_while_we_look(sandbox):
    """Hosts come and go as fast as they can; the one that stays is shown in full at every look."""
    stays = sandbox.host("stays")
    stop = threading.Event()

    def come_and_go():
        from portulan.system.linux.syscall import unshare

        while not stop.is_set():
            read_end, write_end = os.pipe()
            pid = os.fork()
            if not pid:
                unshare(0x4000_0000)
                os.write(write_end, b".")
                os._exit(0)
            os.read(read_end, 1)
            os.waitpid(pid, 0)
            os.close(read_end)
            os.close(write_end)

    vanishing = threading.Thread(target=come_and_go)
    with listen(stays, "127.0.0.1") as server:
        worker = hold(stays, server)
        vanishing.start()
        try:
            for at in range(12):
                found = chart(source=("bpf", "proc")[at % 2])
                item = only(found.items, netns=stays.netns_inode)
                assert pairs(item) >= {(os.getpid(), server.fileno()), (worker.pid, server.fileno())}
                # A namespace that has gone is not one that may not be entered.
                assert not {"namespace.forbidden", "namespace.unreachable"} & {gap.code for gap in found.gaps}
        finally:
            stop.set()
            vanishing.join()


def test_a_holder_that_ends_before_it_is_described(host, monkeypatch):
    """Its name was learnt with the socket; what is only in /proc is lost. Done by ending it when the holders are known."""
    from portulan.system.linux import look as linux

    server = listen(host, "127.0.0.1")
    worker = hold(host, server)
    port, descriptor = port_of(server), server.fileno()
    server.close()
    real = linux.read_owner

    def read_owner(pid, seen=None):
        if pid == worker.pid and worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        return real(pid, seen)

    monkeypatch.setattr(linux, "read_owner", read_owner)
    for source in ("bpf", "proc"):
        items = chart([port], namespaces=[str(host.netns_inode)], source=source).items
        if source == "proc":
            assert items == ()  # by now it is closed
            continue
        [owner] = only(items).owners
        assert (owner.pid, owner.fd, owner.name, owner.uid) == (worker.pid, descriptor, "sleep", 0)
        assert (owner.executable, owner.command) == (None, ())


def test_pid_reuse_is_beyond_the_kernel_s_word(host):
    """A pid and its start name a process: what BPF tells is what /proc tells."""
    with listen(host, "127.0.0.1") as server:
        worker = hold(host, server)
        by_bpf, by_proc = (only(look(host, source=source)) for source in ("bpf", "proc"))
        assert differences(facts_of([by_bpf]), facts_of([by_proc])) == []
        for one, other in zip(by_bpf.owners, by_proc.owners, strict=True):
            assert one == other
        assert {owner.pid for owner in by_bpf.owners} == {os.getpid(), worker.pid}


def test_the_kernel_s_offsets_are_those_of_the_types(monkeypatch, tmp_path):
    """From the cache or from BTF: the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fresh = bpf.kernel_offsets()
    assert Path(tmp_path, "portulan/btf").exists()
    assert bpf.kernel_offsets() == fresh


def test_nobody_is_said_only_when_it_is_so(host):
    """The same question of a port that nobody holds and of one whose holder may not be seen."""
    assert who(1, source="proc").items == ()
    with listen(host, "127.0.0.1") as server:
        command = as_user([sys.executable, "-m", "portulan", "who", str(port_of(server))])
        answer = host.run(command)
        assert answer.returncode == 0
        assert "may not be looked into" in " ".join(answer.stdout.split())
        assert "See all:  sudo " in answer.stderr
        # Another test's process of the same user, in a namespace that this user may not enter, makes the answer another: then it is asked again.
        nobody = as_user([sys.executable, "-m", "portulan", "who", "1"])
        assert wait_for(lambda: host.run(nobody).returncode, 1) == 1


@pytest.mark.parametrize("cut", [3, 40])
def test_an_answer_that_the_kernel_cut_is_the_machine_s_failure(host, monkeypatch, cut):
    """Real answers, damaged on their way: no mistake of the user's, so not the exit status of one."""
    from portulan.system.linux.netlink import Netlink

    real = Netlink.collect
    monkeypatch.setattr(Netlink, "collect", lambda *words: [data[:-cut] for data in real(*words)])
    with listen(host, "127.0.0.1"), pytest.raises(MachineFailed) as caught:
        look(host)
    assert caught.value.exit_status == 4
