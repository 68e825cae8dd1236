"""Proofs of `guard apply`, `confirm` and `rollback`: killed at any moment, nobody is locked out, and the old rules come back by themselves."""

import random
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from guard_life_lab import MANAGEMENT, OPEN, Lab
from labs import connect, listen
from portulan.errors import ParseError
from portulan.guard.policy.compile_text import from_json
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import open_root
from portulan.wire.guard_notes import parse_notes, unsealed
from power_cuts import Disk, command, read_calls

PEERS = Path(__file__).resolve().parent.parent / ".cache/roots/peers"
KILLS = 10
TRIAL_S, BEFORE_S = 5, 3
LATE_S, EARLY_S = 0.2, 0.02
LONGEST_S = (0.7, 1.8)
"""Most of what a command does it does in the first half second; the first apply waits a second for flows to be seen."""
SHORTER = 0.6
"""What the other commands take of that."""


def kills(seed, count=KILLS):
    """Commands drawn by lot, each with its processes killed at a moment drawn by lot; a new connection after each. Returns (differences, figures)."""
    dice = random.Random(f"guard kills {seed}")
    found, figures = [], Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        names = lab.names()
        for number in range(count):
            action, words = _draw(dice, lab)
            case = f"{' '.join(map(str, words))}, number {number} of seed {seed}"
            before = lab.running(names)
            allowed = {before, lab.over(names)}
            if action == "apply":
                allowed.add(words[2].removesuffix(".toml"))
            elif action == "rollback" and lab.left_s() is None:
                allowed |= {"a", "b"}  # earlier rules, on trial
            process = lab.host.start(lab.command(*words), folder=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, dice.choice(LONGEST_S)) * (1 if action == "apply" else SHORTER))
            figures["killed while it worked" if process.poll() is None else "killed when it had ended"] += 1
            victims = _victims(dice, lab, process)
            lab.kill(victims)
            process.wait()
            # The very next thing is a new connection.
            if not lab.knock(MANAGEMENT, family=dice.choice((4, 6)), timeout_s=2.0):
                found.append(f"locked out: {case}")
            now = lab.in_force(dice.choice((4, 6)))
            if now not in allowed:
                told = f"{sorted(now)} are open" if isinstance(now, frozenset) else f"{now} is in force"
                found.append(f"{told}, allowed were {sorted(map(str, allowed))}: {case}")
            figures[action] += 1
            figures["processes killed"] += len(victims)
            found += [f"{each}: {case}" for each in _reverts(dice, lab, figures, names)]
        found += [f"{each}, seed {seed}" for each in _tidies(lab)]
    return found, figures


def _draw(dice, lab):
    action = dice.choice(("apply", "confirm", "rollback"))
    if action != "apply" and lab.left_s() is None and dice.random() < 0.8:  # they have little to do without a trial
        lab.guard("apply", *lab.policy(dice.choice("ab")), "--seconds", TRIAL_S + BEFORE_S)
    if action == "apply":
        return action, ("apply", *lab.policy(dice.choice("ab")), "--seconds", TRIAL_S)
    return action, ("confirm", "--vouch") if action == "confirm" else ("rollback", "--seconds", TRIAL_S)


def _victims(dice, lab, process):
    """All that runs there, or only one kind: we, nft, the tidier."""
    running = lab.processes()
    kind = dice.choice(("all", "all", "all", "ours", "nft", "tidier"))
    if kind == "all":
        return list(running)
    wanted = {"nft": "nft ", "tidier": "guard_tidy"}.get(kind)
    if wanted is None:
        return [process.pid]
    return [*(pid for pid, line in running.items() if wanted in line), *([process.pid] if dice.random() < 0.5 else [])]


def _reverts(dice, lab, figures, names):
    """Where a trial goes on and lot has it so, nobody touches anything until it ends by itself: no later than the kernel's timer and a fifth of a second."""
    if lab.left_s() is None or dice.random() < 0.6:
        return []
    lab.kill(lab.processes())  # no process of ours is alive: the kernel alone goes back
    tried, old = lab.running(names), lab.over(names)
    asked = time.monotonic()
    left_s = lab.left_s()
    if left_s is None or tried == old:
        return []
    # The kernel was asked at some moment between these; each connection was judged at one between its beginning and its end.
    soonest, latest = asked + left_s, time.monotonic() + left_s
    figures["trials that ended by themselves"] += 1
    probe = next(iter(OPEN[tried] ^ OPEN[old]))
    found = []
    while True:
        begun = time.monotonic()
        gone_back = lab.knock(probe) is (probe in OPEN[old])
        if gone_back and time.monotonic() < soonest - EARLY_S:
            found.append(f"the trial ended {soonest - time.monotonic():.3f} s and more before its time")
        if not gone_back and begun > latest + LATE_S:
            found.append(f"the trial goes on {begun - latest:.3f} s after its time")
        if gone_back or found:
            break
        time.sleep(0.01)
    if lab.in_force() != old or lab.left_s() is not None:
        found.append(f"it did not go back to {old}")
    return found


def _tidies(lab):
    """Whatever was left behind, one command makes an end of it, and nothing of ours runs on."""
    lab.kill(lab.processes())
    done = lab.guard("rollback", "--off")
    if done.returncode:
        return [f"rollback --off says {done.stderr.strip()}"]
    found = [] if lab.in_force() is None else ["not everything is open after --off"]
    rules = lab.nft("list", "ruleset").stdout
    return found + ([f"left behind: {rules[:200]}"] if "portulan" in rules else [])


# At the last moment


def late(seed):
    """A confirmation that comes when the trial ends, give or take: it lasts, or it changes nothing. Returns (differences, figures)."""
    dice = random.Random(f"guard late {seed}")
    found, figures = [], Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        names = lab.names()
        old, new = dice.choice((None, "a")), "b"
        if old is not None:
            lab.done("apply", *lab.policy(old))
            lab.done("confirm", "--vouch")
        lab.done("apply", *lab.policy(new), "--seconds", TRIAL_S)
        if dice.random() < 0.5:
            lab.kill(lab.processes())
        # It takes a quarter of a second and more until the kernel hears of it.
        time.sleep(max(0.0, (lab.left_s() or 0) - dice.uniform(0.0, 0.9)))
        answer = lab.guard("confirm", "--vouch")
        wanted = new if answer.returncode == 0 else old
        figures["confirmed" if answer.returncode == 0 else "too late"] += 1
        for wait_s in (0, 1.0):
            time.sleep(wait_s)
            now = lab.in_force()
            if now != wanted or (lab.running(names) != wanted):
                found.append(f"{now} is in force, {wanted} was told ({answer.stderr.strip()}), seed {seed}")
        if answer.returncode not in (0, 1):
            found.append(f"{answer.stderr}, seed {seed}")
    return found, figures


# Streams

SENDER_PORT = 7000
PIECE, PAUSE_S = b"x" * 200, 0.01


def streams(seed):
    """Connections that run while rules are applied, go back, are confirmed and taken away: one-way in each direction, and idle ones. Returns (differences, figures)."""
    dice = random.Random(f"guard streams {seed}")
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        with Running(lab) as running:
            time.sleep(dice.uniform(0.2, 0.5))
            lost = [lost_packets(lab)]
            for words in (
                ("apply", *lab.policy("a"), "--seconds", TRIAL_S), None, ("apply", *lab.policy("b"), "--seconds", 60), ("confirm", "--vouch"),
                ("apply", *lab.policy("a"), "--seconds", TRIAL_S), dice.choice((None, ("rollback",))), ("rollback", "--off"),
            ):  # fmt: skip
                if words is None:
                    lab.wait_until(lambda: lab.left_s() is None, TRIAL_S + 2)
                else:
                    lab.done(*words)
                time.sleep(dice.uniform(0.3, 0.8))
                running.speak()
                running.speak()
                lost.append(lost_packets(lab))
        found = [f"{number} packets were sent again, seed {seed}" for number in [lost[-1] - lost[0]] if number]
        found += [f"{each}, seed {seed}" for each in running.broken]
    figures = {"streams": len(running.pairs), "bytes": running.received, "idle connections": len(running.idle)}
    return found, Counter(figures)


def lost_packets(lab):
    """TCP segments that had to be sent again, on both hosts."""
    total = 0
    for host in (lab.host, lab.client):
        lines = [line.split() for line in host.run(["cat", "/proc/net/snmp"]).stdout.splitlines() if line.startswith("Tcp:")]
        total += int(dict(zip(*lines, strict=True))["RetransSegs"])
    return total


class Running:
    """Streams that never stop, each in one direction only, and connections on which nobody has spoken yet."""

    def __init__(self, lab):
        self.lab = lab
        self.pairs, self.idle, self.broken = [], [], []
        self.received = 0
        self.over = threading.Event()
        self.threads = []

    def __enter__(self):
        lab = self.lab
        for family in (4, 6):
            for opener, other in ((lab.client, lab.host), (lab.host, lab.client)):
                with listen(other, "::" if family == 6 else "", SENDER_PORT + family) as server:
                    address = other.address if family == 4 else other.address6
                    for kind in ("to the opener", "from the opener", "idle, to the opener", "idle, from the opener"):
                        one = connect(opener, address, SENDER_PORT + family)
                        two, _ = server.accept()
                        pair = (one, two) if kind.endswith("from the opener") else (two, one)
                        (self.idle if kind.startswith("idle") else self.pairs).append((*pair, f"IPv{family} {kind} {opener.name}"))
        for sender, receiver, name in self.pairs:
            for work in (self._send, self._receive):
                thread = threading.Thread(target=work, args=(sender if work == self._send else receiver, name), daemon=True)
                thread.start()
                self.threads.append(thread)
        return self

    def __exit__(self, *_):
        self.over.set()
        for sender, _, _ in self.pairs:
            with suppress(OSError):
                sender.shutdown(socket.SHUT_WR)
        for thread in self.threads:
            thread.join(5)
        for one, two, _ in (*self.pairs, *self.idle):
            one.close()
            two.close()

    def _send(self, one, name):
        while not self.over.is_set():
            try:
                one.sendall(PIECE)
            except OSError as error:
                self.broken.append(f"{name}: {error}")
                return
            time.sleep(PAUSE_S)

    def _receive(self, one, name):
        one.settimeout(20)
        while True:
            try:
                data = one.recv(65536)
            except OSError as error:
                self.broken.append(f"{name}: {error}")
                return
            if not data:
                return
            self.received += len(data)

    def speak(self):
        """One of the idle connections is used for the first time; another one the next time."""
        if not self.idle:
            return
        one, two, name = self.idle[0]
        self.idle.append(self.idle.pop(0))
        two.settimeout(3)
        try:
            one.sendall(b"still there?")
            if two.recv(100) != b"still there?":
                self.broken.append(f"{name}: something else came")
        except OSError as error:
            self.broken.append(f"{name}: {error}")


# Power cuts

CONF = "#!/usr/sbin/nft -f\nflush ruleset\n"
INCLUDE = 'include "/etc/portulan/boot.nft"\n'


def power_cuts(seed, commands=9):
    """Every state in which a disk may be found when the power is cut at any moment of apply, confirm and rollback. Returns (differences, figures)."""
    dice = random.Random(f"guard power {seed}")
    found, figures = [], Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        root, trace = Path(folder, "root"), Path(folder, "trace")
        root.mkdir()
        disk, lasting = Disk(), {None}
        Path(root, "etc").mkdir()
        Path(root, "etc/nftables.conf").write_text(CONF)
        for call in (("create", f"{root}/etc/nftables.conf", ""), ("write", f"{root}/etc/nftables.conf", CONF.encode())):
            disk.do(*call)
        disk.settle()
        first, second = dice.sample("ab", 2)
        again = dice.choice(((("confirm", "--vouch"), ("rollback", "--to", 1)), (("rollback",), ("apply", *lab.policy(second)))))
        for words in (
            ("apply", *lab.policy(first)), ("confirm", "--vouch", *dice.choice(((), ("--boot",)))), ("boot", "--enable", "nftables"), ("apply", *lab.policy(second)), *again,
            ("confirm", "--vouch"), ("rollback", "--off"), ("boot", "--disable"),
        )[:commands]:  # fmt: skip
            done = lab.host.run(command(trace, lab.command(*words, "--root", root)), folder=folder)
            if done.returncode:
                return [f"{words}: {done.stderr}, seed {seed}"], figures
            after = lab.table().hash
            lasting |= {after} if words[0] == "confirm" or "--off" in words else set()
            for call in read_calls(trace, root):
                disk.do(*call)
                figures["calls"] += 1
                for image in disk.images():
                    figures["images"] += 1
                    found += [f"{each}: {' '.join(map(str, words))} after {call[:2]}, seed {seed}" for each in _judge(image, root, lasting)]
            figures["commands"] += 1
            disk.settle()
    return list(dict.fromkeys(found))[:20], figures


def _judge(image, root, lasting):
    """What is wrong with a disk: a boot file that is not whole or holds what was never confirmed, notes that cannot be read or name rules that are not there."""
    found = []
    conf = image.get(f"{root}/etc/nftables.conf", b"").decode()
    if conf not in (CONF, CONF + INCLUDE):
        found.append(f"/etc/nftables.conf is {conf!r}")
    elif conf != CONF and f"{root}/etc/portulan/boot.nft" not in image:
        found.append("/etc/nftables.conf includes what is not there")
    boot = image.get(f"{root}/etc/portulan/boot.nft")
    if boot is not None:
        try:
            text = unsealed(boot).decode()
        except ParseError:
            return ["a boot file that is not whole"]
        first = text.partition("\n")[0].removeprefix("# rules ")
        if "trial" in text or not (first in lasting or "no rules" in first):
            found.append(f"a boot file with rules that were never confirmed ({first[:20]})")
    notes = image.get(f"{root}/var/lib/portulan/guard/state.json")
    if notes is None:
        return found
    try:
        read = parse_notes(notes)
    except ParseError:
        return [*found, "notes that are not whole"]
    trial = () if read.trial is None else (read.trial.new, read.trial.old)
    for hash_ in filter(None, (read.confirmed, *trial, *(past.hash for past in read.past))):
        try:
            from_json(unsealed(image[f"{root}/var/lib/portulan/guard/rules/{hash_}.json"]))
        except (KeyError, ParseError):
            found.append("notes that name rules which are not there")
    return found
