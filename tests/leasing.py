"""Leases under fire: who takes, holds and gives back is killed at random moments, and strangers bind and connect without end.

The judges know nothing of Portulan's code: what a process was told stands in a ledger that it writes itself; who lives is asked of /proc; whether a port
is held, of the kernel, by trying to bind it.
"""

import os
import random
import signal
import socket
import struct
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from labs import DUAL_STACK, REUSE_ADDRESS, listen, open_socket

NAMES = ("web", "db", "api", "mail", "a b", "日本語")
KILLS = 20
_MOMENTS_S = 0.012
"""A lease is taken in some milliseconds: a kill falls into this time, or some time after it."""
_SOON_S = 20.0


@contextmanager
def list_in(folder):
    """The list of leases lies in this folder, for this process and its children."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


# Kills


class Town:
    """Processes that take leases on one host, and what they say of themselves."""

    def __init__(self, host, folder, dice):
        self.host = host
        self.ledger = Path(folder, "ledger")
        self.ledger.touch()
        self.dice = dice
        self.actors = {}
        """pid -> deed, of those that were not waited for."""
        self.figures = Counter()
        self.notes = {}
        """Name -> the number that it was told to keep."""

    def start(self, deed, name):
        pid = os.fork()
        if not pid:
            try:
                with self.host.enter():
                    DEEDS[deed](name, self.say)
            finally:
                os._exit(0)
        self.actors[pid] = deed, name
        return pid

    def say(self, word, name, port, pid):
        """Short lines appended to a file are whole."""
        with self.ledger.open("a") as file:
            file.write(f"{word}\t{name}\t{port}\t{pid}\n")

    def kill(self, pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def claims(self):
        """[(name, port, pid)] of all that anybody was told."""
        lines = [line.split("\t") for line in self.ledger.read_text("utf-8").splitlines()]
        return [(word, name, int(port), int(pid)) for word, name, port, pid in lines]

    def inhabitants(self):
        """Every process in the host's network namespace that is not a zombie."""
        wanted = f"net:[{self.host.netns_inode}]"
        found = set()
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/ns/net") == wanted and not is_dead(pid):
                    found.add(pid)
        return found


def is_dead(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _program(name, say):
    from portulan.verbs.lease import lease_for

    port = lease_for(["sleep", "600"], name)
    say("has", name, port.number, os.getpid())
    port.become(["sleep", "600"])


def _here(name, say):
    from portulan.verbs.lease import lease

    with lease(name, transport="both", guarantee="absolute") as port:
        say("has", name, port, os.getpid())
        while True:
            signal.pause()


def _hold(name, say):
    from portulan.verbs.lease import hold

    made, _ = hold(name)
    say("has", name, made.port, made.keeper.pid)


def _note(name, say):
    from portulan.verbs.lease import note

    made, _ = note(name)
    say("notes", name, made.port, os.getpid())


def _release(name, say):
    from portulan.verbs.lease import release

    given, _ = release(name)
    say("gives", name, given.port, os.getpid())


def _list(_name, _say):
    from portulan.verbs.lease import leases

    leases()


DEEDS = {"program": _program, "here": _here, "hold": _hold, "note": _note, "release": _release, "list": _list}
STAYS = ("program", "here")


def lease_kill(seed, kills=KILLS):
    """Whoever takes, holds or gives back is killed at random moments: no lease stays without a keeper, no port has two, every name can go on."""
    from portulan.system.sandbox import Sandbox

    dice = random.Random(seed)
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder, list_in(folder):
        host = sandbox.host("a")
        town = Town(host, folder, dice)
        found = []
        try:
            while town.figures["kills"] < kills and not found:
                act(town)
                found += settled_judgement(town)
        finally:
            for pid in town.inhabitants() | town.actors.keys():
                town.kill(pid)
            for pid in town.actors:
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        return found, town.figures


def act(town):
    """Some do something at the same time, and some of them, or of those who stayed from before, are killed."""
    from portulan.verbs.lease import leases

    dice = town.dice
    holders = [one.keeper.pid for one in leases().items if one.keeper is not None]
    fresh = [town.start(dice.choice(tuple(DEEDS)), dice.choice(NAMES)) for _ in range(dice.randint(1, 5))]
    victims = [pid for pid in fresh if dice.random() < 0.6] + [pid for pid in holders if dice.random() < 0.3]
    dice.shuffle(victims)
    for pid in victims:
        time.sleep(dice.random() * _MOMENTS_S if dice.random() < 0.9 else 0.1)
        kind = "lessor at work" if pid in fresh and not any(claim[3] == pid for claim in town.claims()) else "keeper"
        if not is_dead(pid):
            town.figures[f"kills of a {kind}"] += 1
            town.figures["kills"] += 1
        town.kill(pid)
    # Whoever is not killed and does not stay comes to an end by itself: nothing may hang on what the killed have left.
    for pid in list(town.actors):
        deed, _ = town.actors[pid]
        if pid in victims or deed not in STAYS:
            deadline = time.monotonic() + _SOON_S
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    town.figures["stuck"] += 1
                    town.kill(pid)
                    os.waitpid(pid, 0)
                    break
                time.sleep(0.001)
            del town.actors[pid]
        else:
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0]:  # refused: the name was in use
                    del town.actors[pid]


def settled_judgement(town, patience_s=3.0):
    """Who was refused, or held a port for a lessor that was killed, ends a moment later: what is found must stay."""
    deadline = time.monotonic() + patience_s
    while (found := judge_town(town)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def judge_town(town):
    from portulan.verbs.lease import leases

    found = []
    if town.figures["stuck"]:
        found.append("somebody waited for ever")
    listed = leases().items
    town.figures["leases judged"] += len(listed)
    found += [f"process {pid} ({town.actors.get(pid)}) lives, but no lease names it: {listed}" for pid in strangers(town)]
    kept = [one for one in listed if one.keeper is not None]
    for one in kept:
        if is_dead(one.keeper.pid):
            found.append(f"listed, but its keeper is dead: {one}")
        elif can_bind(town.host, one.port):
            found.append(f"listed as held, but the port is free: {one}")
    ports = Counter((one.port, transport) for one in listed for transport in one.transports)
    found += [f"{port} is leased {count} times" for port, count in ports.items() if count > 1]
    living = {(pid, name, port) for word, name, port, pid in town.claims() if word == "has" and not is_dead(pid)}
    told = Counter(port for _, _, port in living)
    found += [f"{port} was given to {count} who live: {living}" for port, count in told.items() if count > 1]
    found += [
        f"{one} lives and was given a port, but is not listed" for one in living - {(one.keeper.pid, one.name, one.port) for one in kept}
    ]
    return found + judge_names(town, listed)


def strangers(town):
    """Who lives there and has no lease. Those who were refused end a moment later; so does a holder whose lessor was killed."""
    from portulan.verbs.lease import leases

    kept = {one.keeper.pid for one in leases().items if one.keeper is not None}
    return town.inhabitants() - kept - {os.getpid()}


def judge_names(town, listed):
    """Every name that nobody uses can be used at once, and a noted one has its number still."""
    from portulan.errors import PortulanError
    from portulan.verbs.lease import lease

    busy = {one.name for one in listed if one.keeper is not None}
    noted = {one.name: one.port for one in listed if one.noted}
    found = []
    for name in NAMES:
        if name in busy:
            continue
        try:
            with town.host.enter(), lease(name, transport="both" if transports_of(listed, name) == 2 else "tcp") as port:
                if noted.get(name, port) != port:
                    found.append(f"{name} had {noted[name]}, and got {port}")
        except PortulanError as error:
            found.append(f"{name} is stuck: {error}")
    return found


def transports_of(listed, name):
    return max((len(one.transports) for one in listed if one.name == name), default=1)


def can_bind(host, port):
    try:
        open_socket(host, "::", port, options=[DUAL_STACK]).close()
    except OSError:
        return False
    return True


# The storm

FIRST, LAST = 20_000, 24_999
AT_ONCE = 1_000
STRANGERS = 3
_OPEN = 150
"""Sockets that one stranger keeps open at a time."""


def lease_storm(seed, number=AT_ONCE):
    """Leases out of the very range that the kernel hands out, while strangers bind any port and connect from any: none is stolen."""
    from portulan.system.sandbox import Sandbox

    dice = random.Random(seed)
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder, list_in(folder), ExitStack() as stack:
        host = sandbox.host("a")
        host.set("net.ipv4.ip_local_port_range", f"{FIRST} {LAST}")
        called = stack.enter_context(listen(host, "127.0.0.1", 9, backlog=4096))
        storm = [stack.enter_context(stranger(host, folder, f"{seed} {at}", called)) for at in range(STRANGERS)]
        found, figures = [], Counter()
        spans = take_all(host, number, dice, found, figures)
        for one in storm:
            got = one()
            figures["sockets of strangers"] += len(got)
            found += [
                f"{port} went to a stranger while it was leased" for port, begin, end in got if within(spans.get(port, ()), begin, end)
            ]
        return found, figures


def within(spans, begin, end):
    return any(start <= begin and end <= stop for start, stop in spans)


def take_all(host, number, dice, found, figures):
    """Take so many leases, all held at once; servers come up over them in another order; then all are given back. Port -> when it was ours."""
    from portulan.verbs.lease import lease

    ports, spans, servers = [], {}, []
    with host.enter():
        for at in range(number):
            absolute = at % 4 == 0
            port = lease(f"lease {at}", within=f"{FIRST}-{LAST}", guarantee="absolute" if absolute else "cooperative")
            ports.append((port, time.monotonic_ns()))
            if absolute:
                figures["clients before the server was up"] += 1
                found += ahead_of_server(port, servers)
    figures["leases"] += number
    numbers = Counter(port.number for port, _ in ports)
    found += [f"{port} was leased {count} times at once" for port, count in numbers.items() if count > 1]
    dice.shuffle(ports)
    for port, _ in ports:
        if port.lease.guarantee == "cooperative":
            try:
                servers.append(listen(host, dice.choice(("", "::", "127.0.0.1", "::1")), port.number, options=[REUSE_ADDRESS]))
            except OSError as error:
                found.append(f"a server could not bind its leased port {port.number}: {error}")
    for port, since in ports:
        spans.setdefault(port.number, []).append((since, time.monotonic_ns()))
        port.close()
    for server in servers:
        server.close()
    return spans


def ahead_of_server(port, servers):
    """A client that comes before the server is served by it. Returns what went wrong."""
    try:
        with socket.create_connection(("127.0.0.1", port.number), timeout=10) as client:
            server = port.socket()
            servers.append(server)
            served, _ = server.accept()
            with served:
                served.sendall(b"hello")
            return [] if client.recv(5) == b"hello" else [f"the client of {port.number} was served by somebody else"]
    except OSError as error:
        return [f"a client of {port.number} was refused: {error}"]


@contextmanager
def stranger(host, folder, seed, called):
    """A process that opens sockets without end. Gives a function that ends it and returns [(port, begin, end)] of all that the kernel gave it."""
    log = Path(folder, f"stranger {seed}")
    pid = os.fork()
    if not pid:
        try:
            with host.enter():
                rage(log, random.Random(seed), called)
        finally:
            os._exit(0)

    def end():
        nonlocal pid
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        pid = None
        return list(struct.iter_unpack("<qqq", log.read_bytes()))

    try:
        yield end
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def rage(log, dice, called):
    """bind(0) of all kinds and connect(), until it is told to end."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    kept, got = [], []
    while not ended:
        begin = time.monotonic_ns()
        try:
            one = attack(dice, called)
        except OSError:
            continue
        kept.append(one)
        if one.type == socket.SOCK_STREAM:  # the leases are of TCP: UDP's numbers are others
            got.append((one.getsockname()[1], begin, time.monotonic_ns()))
        if len(kept) > _OPEN:
            kept.pop(dice.randrange(len(kept))).close()
    log.write_bytes(b"".join(struct.pack("<qqq", *each) for each in got))


def attack(dice, called):
    kind = dice.choice((socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM))
    address = dice.choice(("", "127.0.0.1", "::", "::1"))
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    try:
        if dice.random() < 0.5:
            one.setsockopt(*REUSE_ADDRESS)
        if kind == socket.SOCK_STREAM and address == "127.0.0.1" and dice.random() < 0.8:
            # Reset at its end: what closes politely would keep its number for a minute, and soon none were left.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.connect(called.getsockname())
            with suppress(BlockingIOError):
                called.setblocking(False)
                called.accept()[0].close()
        else:
            one.bind((address, 0))
            if kind == socket.SOCK_STREAM and dice.random() < 0.5:
                one.listen(1)
    except OSError:
        one.close()
        raise
    return one
