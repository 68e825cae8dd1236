"""What the lab tests of the chart share: sockets on a sandbox host, processes that hold them, and two judges that know nothing of our code.

The judges are ss and a walk by hand over /proc/net and /proc/*/fd. What they and the chart say is brought into one form: a `Fact` for each
socket, and for each endpoint the (pid, descriptor) pairs that hold it.
"""

import base64
import os
import pickle
import re
import signal
import socket
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = ("bpf", "proc")
REUSE_ADDRESS = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
REUSE_PORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
V6_ONLY = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
DUAL_STACK = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
MPTCP, UDPLITE = 262, 136


# Sockets and their holders


def inhabit(host):
    """A process that does nothing there: /proc leads into the namespaces that somebody lives in, and only into those."""
    return host.start(["sleep", "600"])


def open_socket(host, address="", port=None, *, kind=socket.SOCK_STREAM, protocol=0, options=(), backlog=None):
    """A socket of this process on that host, bound if a port is given (0: any), listening if a backlog is."""
    with host.enter():
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, protocol)
    try:
        for option in options:
            one.setsockopt(*option)
        if port is not None:
            one.bind((address, port))
        if backlog is not None:
            one.listen(backlog)
    except OSError:
        one.close()
        raise
    return one


def listen(host, address="", port=0, *, backlog=16, **more):
    """A listening TCP socket."""
    return open_socket(host, address, port, backlog=backlog, **more)


def datagrams(host, address="", port=0, **more):
    """A bound UDP socket."""
    return open_socket(host, address, port, kind=socket.SOCK_DGRAM, **more)


def connect(host, address, port, **more):
    """A connected TCP socket."""
    one = open_socket(host, address, **more)
    try:
        one.connect((address, port))
    except OSError:
        one.close()
        raise
    return one


def hold(host, *sockets):
    """Another process that holds the sockets, at the same descriptors."""
    return host.start(["sleep", "600"], pass_fds=[one.fileno() for one in sockets])


def port_of(one):
    """The local port of a socket."""
    return one.getsockname()[1]


def inode_of(one):
    """The number that /proc shows for a socket."""
    return os.fstat(one.fileno()).st_ino


def pairs(item):
    """The (pid, descriptor) pairs of an endpoint; None where its owners are unknown."""
    return None if item.owners is None else {(owner.pid, owner.fd) for owner in item.owners}


def look(host, *ports, **more):
    """The chart's endpoints of one host."""
    from portulan.verbs.chart import chart

    return chart(ports, namespaces=[str(host.netns_inode)], **more).items


def ask(host, port, **more):
    """What `who` answers of a port, asked on this host and as far as it is about it: (endpoints, commands that stop them)."""
    from portulan.host.remedies import find_remedies
    from portulan.verbs.who import who

    with host.enter():
        items = tuple(item for item in who(port, **more).items if item.netns == host.netns_inode)
    return items, [remedy.command for remedy in find_remedies(items)]


def named_to_end(commands):
    """The processes that `kill` commands name."""
    assert all(command.startswith("kill ") for command in commands), commands
    return {int(pid) for command in commands for pid in command.split()[1:]}


def wait_for(question, wanted, timeout_s=10.0):
    """Ask until the answer is as wanted: the kernel does some things a moment later. Returns the last answer."""
    deadline = time.monotonic() + timeout_s
    while (answer := question()) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return answer


def only(items, **wanted):
    """The one endpoint whose fields are as wanted."""
    found = [item for item in items if all(getattr(item, name) == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, found or items)
    return found[0]


# Other people

ORDINARY = 65534
_OTHERS_ROOM = """
if [ -n "$1" ]; then  # what is needed lies in folders that are closed to others: open a way to it, for this program alone
    mount -t tmpfs -o mode=755 none /mnt
    at=0
    printf '%s\n' "$2" | while read -r tree; do at=$((at + 1)); mkdir /mnt/$at; mount --bind "$tree" /mnt/$at; done
    printf '%s\n' "$1" | while read -r closed; do mount -t tmpfs -o mode=755 none "$closed"; done
    printf '%s\n' "$2" | while read -r tree; do at=$((at + 1)); mkdir -p "$tree"; mount --bind /mnt/$at "$tree"; done
    umount -l /mnt
fi
eval "$3"
shift 3
exec "$@"
"""


def _closed_trees():
    """(folders closed to others, what we need below them): the interpreter, its environment, this project."""
    trees = dict.fromkeys(Path(each).resolve() for each in (sys.base_prefix, sys.prefix, Path(__file__).parents[1]))
    above = {tree: next((folder for folder in reversed(tree.parents) if not folder.stat().st_mode & 0o001), None) for tree in trees}
    needed = {tree: folder for tree, folder in above.items() if folder is not None and not any(other in tree.parents for other in trees)}
    return "\n".join(map(str, dict.fromkeys(needed.values()))), "\n".join(map(str, needed))


def as_user(command, *, uid=ORDINARY, capabilities=(), before=""):
    """A command line that runs the command as another user, with these capabilities and no others, after a piece of shell run by root."""
    closed, trees = _closed_trees()
    sets = [f"--{kind}-caps={','.join(f'+{name}' for name in capabilities)}" for kind in ("inh", "ambient")]
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *(sets if capabilities else ["--inh-caps=-all"]), "--"]
    environment = ["env", "-u", "XDG_CACHE_HOME", "-u", "XDG_DATA_HOME", "HOME=/proc/nonexistent"]
    prepare = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _OTHERS_ROOM, "sh", closed if uid else "", trees, before]
    return [*prepare, *(user if uid else []), *environment, *command]


def call_as(host, function, *arguments, **how):
    """What a function of a test module returns in a process of its own on that host, of another user."""
    task = base64.b64encode(pickle.dumps((function, arguments))).decode()
    code = _RUN.format(path=[path for path in sys.path if path])
    answer = host.run(as_user([sys.executable, "-c", code], **how), text=task)
    assert answer.returncode == 0, answer.stderr
    return pickle.loads(base64.b64decode(answer.stdout))


_RUN = """
import base64, pickle, sys
sys.path[:0] = {path!r}
function, arguments = pickle.loads(base64.b64decode(sys.stdin.read()))
print(base64.b64encode(pickle.dumps(function(*arguments))).decode())
"""


PORTULAN = str(Path(sys.executable).parent / "portulan")


def portulan(host, *words, user=None, **more):
    """The real program on that host: its answer with both outputs and the exit status."""
    return host.run([PORTULAN, *map(str, words)] if user is None else as_user([PORTULAN, *map(str, words)], uid=user), **more)


def own(host):
    """The words that keep other hosts of this machine out of the chart."""
    return "--netns", str(host.netns_inode)


class ControlGroups:
    """Control groups of our own below the unified hierarchy; `close` ends who is in them and removes them."""

    def __init__(self):
        """Raises OSError where none can be made."""
        from portulan.system.linux.cgroups import find_mount

        mount = find_mount()
        if mount is None:
            raise FileNotFoundError("no unified control-group hierarchy is mounted")
        self.mount = Path(mount)
        self.top = Path(tempfile.mkdtemp(prefix="portulan-test-", dir=mount))
        self.top.chmod(0o755)

    def make(self, path):
        """The folder of a new group, below one that no other test has."""
        folder = Path(self.top, path)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self):
        """Deepest first: a group with groups in it cannot be removed."""
        for folder in [*sorted((each for each in self.top.rglob("*") if each.is_dir()), reverse=True), self.top]:
            for pid in (folder / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            wait_for((folder / "cgroup.procs").read_text, "")
            folder.rmdir()


@contextmanager
def control_groups():
    """The `make` of control groups that are gone afterwards; skips where none can be made."""
    try:
        groups = ControlGroups()
    except OSError as error:
        pytest.skip(f"control groups may not be made here: {error}")
    try:
        yield groups.make
    finally:
        groups.close()


# The common form


@dataclass(frozen=True)
class Fact:
    """One socket. None: this judge cannot tell."""

    transport: str
    state: str
    address: str
    port: int
    peer: str | None
    inode: int
    uid: int | None = None
    v6_only: bool | None = None
    device: str | None = None
    queue: tuple | None = None
    """Of a listener: waiting and limit."""
    drops: int | None = None

    @property
    def endpoint(self):
        return self.transport, self.state, self.address, self.port, self.peer


def facts_of(items):
    """The chart in the common form."""
    facts, owners = [], defaultdict(set)
    for item in items:
        assert item.owners is None or all(owner.name for owner in item.owners)
        for one in item.sockets:
            queue = None if one.backlog is None else (one.backlog, one.backlog_limit)
            fact = Fact(
                str(item.transport), str(item.state), item.address, item.port, item.peer, one.inode, item.uid, one.v6_only, one.device, queue,
                one.drops,
            )  # fmt: skip
            facts.append(fact)
            owners[fact.endpoint] |= pairs(item) or set()
    return facts, dict(owners)


COLUMNS = ("uid", "v6_only", "device", "queue", "drops")


def differences(chart, judge, *, every_owner=True, columns=COLUMNS):
    """What the judge says otherwise, in words; what it cannot tell is not compared. Without `every_owner` the judge names one of several."""
    ours, our_owners = chart
    theirs, their_owners = judge
    found = [f"not in the chart: {key}" for key in their_owners.keys() - our_owners.keys()]
    found += [f"only in the chart: {key}" for key in our_owners.keys() - their_owners.keys()]
    known = defaultdict(list)
    for fact in ours:
        known[fact.endpoint, fact.inode].append(fact)
    for fact in theirs:
        same = known.get((fact.endpoint, fact.inode), [])
        if not same:
            found.append(f"socket not in the chart: {fact}")
            continue
        mine = same.pop()
        for name in columns:
            if getattr(fact, name) not in (None, getattr(mine, name)):
                found.append(f"{name}: {mine} but {fact}")
    found += [f"socket only in the chart: {fact}" for rest in known.values() for fact in rest]
    for key in our_owners.keys() & their_owners.keys():
        same = our_owners[key] == their_owners[key] if every_owner else bool(our_owners[key]) == bool(their_owners[key])
        if not same or not their_owners[key] <= our_owners[key]:
            found.append(f"owners of {key}: {sorted(our_owners[key])} but {sorted(their_owners[key])}")
    return found


# Judge one: a walk by hand

_TCP = (
    "", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait", "bound", "close-wait", "last-ack", "listening",
    "closing", "syn-received",
)  # fmt: skip
_UDP = {1: "connected", 7: "bound"}
_SERVING = ("listening", "bound")


def brute_force(host, *, every_state=False, held=None):
    """Every socket that the host's /proc/net lists, with everybody whose /proc/PID/fd has it."""
    held = walk_descriptors() if held is None else held
    facts, owners = [], {}
    with host.enter():
        tables = [(name, Path(f"/proc/thread-self/net/{name}").read_text("ascii").splitlines()[1:]) for name in _TABLES if _exists(name)]
    for name, lines in tables:
        for fact in map(_parse_line, [name] * len(lines), lines):
            if every_state or fact.state in _SERVING:
                facts.append(fact)
                owners.setdefault(fact.endpoint, set()).update(held.get(fact.inode, ()) if fact.inode else ())
    return facts, owners


_TABLES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6")


def _exists(name):
    return Path(f"/proc/thread-self/net/{name}").exists()


def walk_descriptors():
    """Socket inode -> {(pid, descriptor)}, of the whole machine."""
    held = defaultdict(set)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{number}")
                    if target.startswith("socket:["):
                        held[int(target[8:-1])].add((int(pid), int(number)))
    return held


def _parse_line(table, line):
    fields = line.split()
    transport = table.removesuffix("6")
    code = int(fields[3], 16)
    state = _TCP[code] if transport == "tcp" else _UDP[code]
    (address, port), (peer, peer_port) = _endpoint(fields[1]), _endpoint(fields[2])
    far = (f"[{peer}]:{peer_port}" if ":" in peer else f"{peer}:{peer_port}") if peer_port else None
    drops = int(fields[12]) if transport != "tcp" else None
    gone = state == "time-wait" or not int(fields[9])
    return Fact(transport, state, address, port, far, int(fields[9]), None if gone else int(fields[7]), drops=drops)


def _endpoint(text):
    """Addresses stand there as 32-bit words in the machine's own order."""
    words, _, port = text.partition(":")
    packed = b"".join(int(words[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(words), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed), int(port, 16)


# Judge two: ss

_SS_STATES = {"LISTEN": "listening", "ESTAB": "established", "SYN-RECV": "syn-received"}
_HOLDER = re.compile(r"pid=(\d+),fd=(\d+)")
SS = ("ss", "-H", "-O", "-n", "-p", "-e", "-m", "-t", "-u")


def ask_ss(host, peers, *, every_state=False):
    """What ss says on that host. It leaves out bound TCP sockets that do not listen."""
    answer = host.run([*SS, "-a"], root=peers)
    assert answer.returncode == 0, answer.stderr
    facts, owners = [], {}
    for line in answer.stdout.splitlines():
        fact = _parse_ss(line)
        if every_state or fact.state in _SERVING:
            facts.append(fact)
            owners.setdefault(fact.endpoint, set()).update((int(pid), int(fd)) for pid, fd in _HOLDER.findall(line))
    return facts, owners


def _parse_ss(line):
    transport, word, waiting, limit, local, far, *rest = line.split()
    tail = " ".join(rest)
    if word in ("UNCONN", "ESTAB") and transport == "udp":
        state = "bound" if word == "UNCONN" else "connected"
    else:
        state = _SS_STATES.get(word, word.lower())
    address, device, port = _ss_endpoint(local)
    peer, _, peer_port = _ss_endpoint(far)
    number = re.search(r"\bino:(\d+)", tail)
    uid = re.search(r"\buid:(\d+)", tail)
    drops = re.search(r"skmem:\([^)]*\bd(\d+)\)", tail)
    v6_only = re.search(r"\bv6only:(\d)", tail)
    return Fact(
        transport, state, address, int(port), None if peer_port == "*" else f"[{peer}]:{peer_port}" if ":" in peer else f"{peer}:{peer_port}",
        int(number[1]) if number else 0,
        (int(uid[1]) if uid else 0) if state != "time-wait" else None,
        bool(int(v6_only[1])) if v6_only else None,
        device,
        (int(waiting), int(limit)) if state == "listening" else None,
        int(drops[1]) if drops and state != "time-wait" else None,
    )  # fmt: skip


def _ss_endpoint(text):
    """`*` is an IPv6 wildcard that takes IPv4 too."""
    address, _, port = text.rpartition(":")
    address, _, device = address.partition("%")
    address = address.strip("[]")
    return "::" if address == "*" else address, device.strip("[]") or None, port
