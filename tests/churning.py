"""Workers that open, close, fork and hand sockets over, each step logged; and the judge of what a look at them said.

Run as a program it is the workers. Every step stands in a log with the time before and after it (CLOCK_MONOTONIC, the same for all processes),
so of every moment is known who held which socket for certain, and who may have.
"""

import ctypes
import os
import random
import select
import socket
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FOREVER = 1 << 62
MOST_SOCKETS = 30
CLONE_NEWNET = 0x4000_0000


# The workers


class Worker:
    """One process of the churn. `held` is descriptor -> (socket, inode, kind), and a kind `tcp@4026531840` tells the namespace too."""

    def __init__(self, number, seed, inboxes, folder):
        self.dice = random.Random(f"{seed} {number}")
        self.pause_s = random.Random(seed).choice((0.002, 0.003, 0.005))
        self.inbox = inboxes[number][0]
        self.others = [writer for at, (_, writer) in enumerate(inboxes) if at != number]
        self.number = number
        self.folder = folder
        self.log = os.open(Path(folder, f"log.{os.getpid()}"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.place = os.stat("/proc/self/ns/net").st_ino
        self.held = {}
        self.children = []
        self.messages = 0

    def run(self, stop):
        steps = ((self.open_tcp, 4), (self.open_udp, 3), (self.close, 6), (self.copy, 1), (self.connect, 2), (self.fork, 2), (self.send, 6))
        actions, weights = zip(*steps, strict=True)
        while not select.select([stop], [], [], self.dice.random() * self.pause_s)[0]:
            self.receive()
            self.reap()
            if len(self.held) > MOST_SOCKETS:
                self.close()
            else:
                self.dice.choices(actions, weights)[0]()
        for pid in self.children:
            os.waitpid(pid, 0)

    def write(self, *words):
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def keep(self, one, kind, began):
        """A socket is ours since `began` at the earliest and now at the latest."""
        now = time.monotonic_ns()
        inode = os.fstat(one.fileno()).st_ino
        self.held[one.fileno()] = one, inode, kind
        self.write("+", os.getpid(), one.fileno(), inode, began, now, kind, one.getsockname()[1])

    def open_tcp(self):
        began = time.monotonic_ns()
        one = socket.socket(self.dice.choice((socket.AF_INET, socket.AF_INET6)))
        self.serve(one, began, f"tcp@{self.place}")

    def open_udp(self):
        began = time.monotonic_ns()
        self.serve(socket.socket(self.dice.choice((socket.AF_INET, socket.AF_INET6)), socket.SOCK_DGRAM), began, f"udp@{self.place}")

    def serve(self, one, began, kind):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:  # few ports: they are used again and again, and shared
            one.bind(("::1" if one.family == socket.AF_INET6 else "127.0.0.1", 9_000 + self.dice.randrange(60)))
            if kind.startswith("tcp"):
                one.listen(4)
        except OSError:
            one.close()
        else:
            self.keep(one, kind, began)

    def connect(self):
        """A connection to ourselves, both ends ours, by a listener that is closed again: no end is ever reset."""
        began = time.monotonic_ns()
        server = socket.create_server(("127.0.0.1", 0))
        self.keep(server, f"tcp@{self.place}", began)
        began = time.monotonic_ns()
        client = socket.create_connection(server.getsockname())
        self.keep(client, f"connection@{self.place}", began)
        began = time.monotonic_ns()
        self.keep(server.accept()[0], f"connection@{self.place}", began)
        self.drop(server.fileno())

    def copy(self):
        if self.held:
            one, _, kind = self.dice.choice(list(self.held.values()))
            began = time.monotonic_ns()
            self.keep(one.dup(), kind, began)

    def close(self):
        if self.held:
            self.drop(self.dice.choice(list(self.held)))

    def drop(self, descriptor):
        one, inode, _ = self.held.pop(descriptor)
        began = time.monotonic_ns()
        one.close()
        self.write("-", os.getpid(), descriptor, inode, began, time.monotonic_ns())

    def fork(self):
        if len(self.children) > 3:
            return
        began = time.monotonic_ns()
        pid = os.fork()
        if pid:
            self.children.append(pid)
            return
        now = time.monotonic_ns()
        lines = [
            f"+ {os.getpid()} {fd} {inode} {began} {now} {kind} {one.getsockname()[1]}" for fd, (one, inode, kind) in self.held.items()
        ]
        self.write("\n".join(lines))
        time.sleep(self.dice.choice((0, 0.001, 0.02, 0.1)))
        if self.dice.random() < 0.3 and self.held:
            self.drop(self.dice.choice(list(self.held)))
        self.write("e", os.getpid(), time.monotonic_ns())
        os._exit(0)

    def reap(self):
        for pid in list(self.children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.write("x", pid, time.monotonic_ns())
                self.children.remove(pid)

    def send(self):
        """Hand a socket over: and let go of it at once, or when the other says that it has it, or never."""
        if not self.held:
            return
        descriptor, (_, inode, kind) = self.dice.choice(list(self.held.items()))
        how = self.dice.choice(("at-once", "when-told", "when-told", "never"))
        self.messages += 1
        name = f"{os.getpid()}.{self.messages}"
        answer_to = self.number if how == "when-told" else -1
        began = time.monotonic_ns()
        try:
            socket.send_fds(self.dice.choice(self.others), [f"take {name} {kind} {answer_to} {descriptor}".encode()], [descriptor])
        except OSError:
            return  # its letter box is full
        self.write(">", name, inode, began, time.monotonic_ns())
        if how == "at-once":
            self.drop(descriptor)

    def receive(self):
        began = time.monotonic_ns()
        with suppress(BlockingIOError):
            while True:
                data, descriptors, _, _ = socket.recv_fds(self.inbox, 1 << 10, 1)
                word, name, kind, answer_to, theirs = data.decode().split()
                if word == "taken":
                    if int(theirs) in self.held and str(self.held[int(theirs)][1]) == kind:
                        self.drop(int(theirs))
                else:
                    one = socket.socket(fileno=descriptors[0])
                    self.keep(one, kind, began)
                    inode = self.held[one.fileno()][1]
                    self.write("<", name, inode, time.monotonic_ns())
                    if int(answer_to) >= 0:
                        with suppress(OSError):
                            self.everyone[int(answer_to)].send(f"taken {name} {inode} -1 {theirs}".encode())
                began = time.monotonic_ns()


def main(seed, number, folder, *places):
    """Workers in turn in the network namespaces behind the paths, until standard input ends."""
    inboxes = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(int(number))]
    for reader, writer in inboxes:
        reader.setblocking(False)
        writer.setblocking(False)
    stop, told = os.pipe()
    pids = []
    for at in range(int(number)):
        pid = os.fork()
        if not pid:
            os.close(told)
            if places:
                enter(places[at % len(places)])
            worker = Worker(at, seed, inboxes, folder)
            worker.everyone = [writer for _, writer in inboxes]
            worker.run(stop)
            os._exit(0)
        pids.append(pid)
    print("ready", flush=True)
    sys.stdin.read()
    os.close(told)
    os.close(stop)
    for pid in pids:
        os.waitpid(pid, 0)


def enter(path):
    place = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    assert ctypes.CDLL(None).setns(place, CLONE_NEWNET) == 0
    os.close(place)


# The judge


@dataclass
class Span:
    """Surely between the inner two moments, perhaps between the outer two."""

    perhaps_from: int
    surely_from: int
    surely_to: int = FOREVER
    perhaps_to: int = FOREVER

    def perhaps_within(self, begin, end):
        return self.perhaps_from <= end and begin <= self.perhaps_to

    def surely_throughout(self, begin, end):
        return self.surely_from <= begin and end <= self.surely_to


@dataclass
class Ledger:
    """What the logs say of every socket, by inode."""

    holds: dict = field(default_factory=lambda: defaultdict(list))
    """(pid, descriptor, Span)"""
    flights: dict = field(default_factory=lambda: defaultdict(list))
    kinds: dict = field(default_factory=dict)
    """kind, namespace and port"""
    lives: dict = field(default_factory=dict)

    def lived(self, inode, begin, end):
        """Whether the socket may have had a holder in that time: most are long gone, or not yet there."""
        if inode not in self.lives:
            spans = [span for _, _, span in self.holds[inode]]
            self.lives[inode] = min(span.perhaps_from for span in spans), max(span.perhaps_to for span in spans)
        first, last = self.lives[inode]
        return first <= end and begin <= last


def read_ledger(folder):
    """The logs of all workers and their children."""
    lines = [line.split() for path in Path(folder).glob("log.*") for line in path.read_text("ascii").splitlines()]
    ended = {int(words[1]): int(words[2]) for words in lines if words and words[0] == "e"}
    reaped = {int(words[1]): int(words[2]) for words in lines if words and words[0] == "x"}
    received = {words[1]: int(words[3]) for words in lines if words and words[0] == "<"}
    ledger = Ledger()
    releases = defaultdict(list)
    for words in lines:
        if words and words[0] == "-":
            pid, descriptor, inode, began, done = map(int, words[1:])
            releases[pid, descriptor, inode].append((began, done))
    for words in lines:
        if words and words[0] == "+":
            pid, descriptor, inode, began, done = map(int, words[1:6])
            kind, _, place = words[6].partition("@")
            ledger.kinds[inode] = kind, int(place), int(words[7])
            later = [release for release in releases[pid, descriptor, inode] if release[0] >= done]
            let_go = min(later, default=(ended.get(pid, FOREVER), reaped.get(pid, FOREVER)))
            ledger.holds[inode].append((pid, descriptor, Span(began, done, *let_go)))
        elif words and words[0] == ">":
            arrived = received.get(words[1], FOREVER)
            ledger.flights[int(words[2])].append(Span(int(words[3]), int(words[4]), arrived, arrived))
    return ledger


def covered(spans, begin, end):
    """Whether the sure parts of the spans leave no moment out."""
    point = begin
    for span in sorted(spans, key=lambda span: span.surely_from):
        if span.surely_from > point:
            break
        point = max(point, span.surely_to)
    return point >= end


@dataclass(frozen=True)
class Report:
    """What one look said: inode -> the (pid, descriptor) pairs of its endpoint, None where unknown; and inodes that share endpoints."""

    begin: int
    end: int
    owners: dict | frozenset
    """By inode; of a tool that tells no inodes all pairs together."""
    together: dict
    """inode -> all inodes of its endpoint"""
    name: str = ""
    kinds: tuple = ("tcp", "udp")
    places: tuple | None = None
    """The namespaces that were looked at; None for all."""


def report_of(items, begin, end, name, **more):
    """A chart's endpoints as a report, and what is wrong whatever the logs say: a socket that is listed twice."""
    from labs import pairs

    owners, together, twice = {}, {}, []
    for item in items:
        inodes = {one.inode for one in item.sockets if one.inode}
        for one in item.sockets:
            if one.inode:
                twice += [f"{name}: socket {one.inode} listed twice"] if one.inode in owners else []
                owners[one.inode] = pairs(item)
                together[one.inode] = inodes
    return Report(begin, end, owners, together, name, **more), twice


def judge(ledger, report):
    """(differences, sockets judged): what was missed, and what was said falsely."""
    found, judged = [], 0
    begin, end = report.begin, report.end
    for inode, holds in ledger.holds.items():
        if not ledger.lived(inode, begin, end):
            continue
        kind, place, _ = ledger.kinds[inode]
        if kind not in report.kinds or (report.places is not None and place not in report.places):
            continue
        spans = [span for _, _, span in holds]
        what = f"{report.name}: socket {inode} ({ledger.kinds[inode]})"
        if not covered([*spans, *ledger.flights[inode]], begin, end):
            continue
        judged += 1
        if inode not in report.owners:
            found.append(f"{what}: open all the time, not reported")
            continue
        owners = report.owners[inode]
        if covered(spans, begin, end) and not owners:
            found.append(f"{what}: held all the time, reported without holder")
        stayed = {(pid, descriptor) for pid, descriptor, span in holds if span.surely_throughout(begin, end)}
        found += [f"{what}: {holder} held it all the time, not reported" for holder in stayed - (owners or set()) if owners]
    for inode, owners in report.owners.items():
        what = f"{report.name}: socket {inode} ({ledger.kinds.get(inode)})"
        spans = [*(span for _, _, span in ledger.holds[inode]), *ledger.flights[inode]]
        if not any(span.perhaps_within(begin, end) for span in spans):
            found.append(f"{what}: reported, but closed before or opened after")
        possible = {
            (pid, descriptor)
            for other in report.together[inode]
            for pid, descriptor, span in ledger.holds[other]
            if span.perhaps_within(begin, end)
        }
        found += [f"{what}: {holder} reported, but never held it then" for holder in (owners or set()) - possible]
    return found, judged


def count_missed(ledger, report):
    """(how many sockets that were held all the time another tool shows without any of their holders, of how many)."""
    missed = judged = 0
    for inode, holds in ledger.holds.items():
        kind, place, _ = ledger.kinds[inode]
        if (
            kind in report.kinds
            and place in report.places
            and ledger.lived(inode, report.begin, report.end)
            and covered([span for _, _, span in holds], report.begin, report.end)
        ):
            judged += 1
            holders = {(pid, descriptor) for pid, descriptor, span in holds if span.perhaps_within(report.begin, report.end)}
            shown = report.owners if isinstance(report.owners, frozenset) else report.owners.get(inode) or set()
            missed += not shown & holders
    return missed, judged


if __name__ == "__main__":
    main(*sys.argv[1:])
