"""Proofs of `guard` beside other people's firewalls, which write their own rules at the same time; and of the boot's files, whose writer is killed."""

import json
import random
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from difflib import unified_diff
from itertools import cycle
from pathlib import Path

from guard_life_lab import MANAGEMENT, OPEN, OTHER, PORTS, Lab
from other_firewalls import KINDS, their_rules
from portulan.errors import ParseError
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import open_root
from portulan.wire.guard_notes import unsealed

PEERS = Path(__file__).resolve().parent.parent / ".cache/roots/peers"
TRIAL_S = 5
ONE_SYN_S = 0.8
"""Less than the second after which a SYN is sent again: each knock is one packet."""
PAUSE_S = 0.02
STEPS = 20


# Beside others


def beside(seed, steps=STEPS, kind=None):
    """Commands of guard while another firewall writes its rules without end. Returns (differences, figures)."""
    dice = random.Random(f"guard beside {seed}")
    kind = kind or list(KINDS)[seed % len(KINDS)]
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        other = KINDS[kind](lab.host, random.Random(f"guard others {seed}"))
        other.start()
        try:
            found, figures = _side_by_side(lab, other, dice, steps)
        finally:
            other.stop()
    return [f"{each} ({kind}, seed {seed})" for each in found], figures


def _side_by_side(lab, other, dice, steps):
    found, figures = [], Counter()
    names = lab.names()
    lab.done("apply", *lab.policy("a"))
    lab.done("confirm", "--vouch")
    with Writer(other, dice.random()) as writer, Knocker(lab) as knocker:
        for number in range(steps):
            words = _draw(dice, lab)
            case = f"{' '.join(map(str, words))}, number {number}"
            found += [f"{each}: {case}" for each in _command(lab, words, names)]
            figures[f"guard {words[0]}"] += 1
            if dice.random() < 0.5:
                with writer.held():
                    found += [f"{each}: {case}" for each in _quiet(lab, other, names, dice.choice((4, 6)), figures)]
        if lab.left_s() is not None:
            lab.guard("rollback")
        lab.done("apply", *lab.policy("b" if lab.running(names) == "a" else "a"))
        lab.done("confirm", "--vouch")
        writer.finish()
    found += writer.failed
    found += knocker.judge(writer.spans)
    figures.update(knocker.figures)
    figures["their commands"] = len(writer.spans)
    return found + _afterwards(lab, other, names), figures


def _draw(dice, lab):
    if lab.left_s() is not None and dice.random() < 0.6:
        return dice.choice((("confirm", "--vouch"), ("rollback",)))
    if lab.left_s() is not None:
        return ("status",)
    apply = ("apply", *lab.policy(dice.choice("ab")), "--seconds", TRIAL_S)
    return dice.choice((apply, apply, apply, ("status",), ("rollback", "--seconds", TRIAL_S)))


def _command(lab, words, names):
    """What one command of guard does wrong, whatever others do meanwhile."""
    answer = lab.guard(*words)
    fitting = (0,) if words[0] == "apply" or (words[0] == "rollback" and "no earlier rules" not in answer.stderr) else (0, 1)
    if answer.returncode not in fitting:
        return [f"ended with {answer.returncode}: {answer.stdout[-200:]}{answer.stderr[-300:]}"]
    if words[0] == "apply":
        now = lab.running(names)
        if now != words[2].removesuffix(".toml") and lab.left_s() is not None:
            return [f"{now} is in force"]
    return []


def _quiet(lab, other, names, family, figures):
    """While they do nothing: each port is open if, and only if, both let it in; and who stands in the way is named."""
    found = []
    for _ in range(3):  # a trial may end by itself meanwhile
        before = lab.running(names)
        wanted = OPEN[before] & other.lets_in()
        seen = frozenset(port for port in PORTS if lab.knock(port, family=family))
        if lab.running(names) == before:
            break
    figures["verdicts compared"] += len(PORTS)
    if seen != wanted:
        found.append(f"open are {sorted(seen)}, {sorted(wanted)} should be by {before} and {sorted(other.lets_in())}")
    named = _named(lab)
    if named != other.refuses():
        found.append(f"status names {sorted(named)}, {sorted(other.refuses())} refuse")
    return found


def _named(lab):
    """Who refuses packets too, by `guard status`."""
    concerns = json.loads(lab.guard("status", "--json").stdout)["items"][0]["concerns"]
    return {who for each in concerns if each["code"] == "guard.other-table" for who in each["detail"].split(", ")}


def _afterwards(lab, other, names):
    """Our table is whole; theirs are what they write where we are not."""
    status = json.loads(lab.guard("status", "--json").stdout)["items"][0]
    codes = {each["code"] for each in status["concerns"]}
    found = [f"afterwards: {code}" for code in codes & {"guard.changed-by-hand", "guard.wiped", "guard.strange", "guard.warm-left"}]
    if status["phase"] != "in-force":
        found.append(f"afterwards: {status['phase']}")
    if _named(lab) != other.refuses():
        found.append(f"afterwards status names {sorted(_named(lab))}")
    beside_us = their_rules(lab.host, in_order=other.in_order)
    lab.done("rollback", "--off")
    other.rewrite()
    alone = their_rules(lab.host, in_order=other.in_order)
    if alone != beside_us:
        found.append(
            "their rules are not what they write alone:\n"
            + "\n".join(unified_diff(alone.split("\n"), beside_us.split("\n"), "alone", "beside us"))
        )
    if not alone.strip():
        found.append("they have no rules at all")
    if lab.running(names) is not None:
        found.append("rules of ours are left")
    return found


class Writer:
    """Somebody who has the other firewall write its rules, without end."""

    def __init__(self, other, salt):
        self.other, self.dice = other, random.Random(f"writer {salt}")
        self.spans, self.failed = [], []
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def held(self):
        """It does nothing meanwhile."""
        return self._lock

    def finish(self):
        """The last thing it does is to write all anew."""
        self._over.set()
        self._thread.join()
        self._do(self.other.rewrite)

    def _write(self):
        while not self._over.is_set():
            with self._lock:
                self._do(self.other.act)
            self._over.wait(self.dice.choice((0.001, 0.05, 0.3)))

    def _do(self, work):
        begun = time.monotonic()
        try:
            work()
        except AssertionError as error:
            self.failed.append(f"their command failed: {error}")
        self.spans.append((begun, time.monotonic()))


class Knocker:
    """A client who asks for new connections without end: to the port that all let in, and to one that no policy of ours does."""

    def __init__(self, lab):
        self.lab, self.seen = lab, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._knock, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _knock(self):
        for port, family in cycle(((MANAGEMENT, 4), (OTHER, 4), (MANAGEMENT, 6), (OTHER, 6))):
            if self._over.is_set():
                return
            begun = time.monotonic()
            self.seen.append((port, family, begun, *self._once(port, family)))
            time.sleep(PAUSE_S)

    def _once(self, port, family):
        """(what became of one SYN, when it was known at the latest that it had been judged)"""
        with self.lab.client.enter():
            one = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        with one:
            one.settimeout(ONE_SYN_S)
            begun = time.monotonic()
            try:
                one.connect((self.lab.host.address if family == 4 else self.lab.host.address6, port))
            except ConnectionRefusedError:
                return "reset", time.monotonic()
            except OSError:
                return "lost", begun + PAUSE_S
            return "in", time.monotonic()

    @property
    def figures(self):
        return Counter(f"{'management' if port == MANAGEMENT else 'other'} port: {what}" for port, _, _, what, _ in self.seen)

    def judge(self, spans):
        """Our rules refuse by a reset, and somebody listens on each port: a reset is ours, what is lost is theirs, and may be so only while they write."""
        found = []
        for port, family, begun, what, known in self.seen:
            if port == OTHER and what == "in":
                found.append(f"port {OTHER} let somebody in by IPv{family}: our rules were not there")
            if port == MANAGEMENT and what == "reset":
                found.append(f"locked out by our rules (IPv{family})")
            if port == MANAGEMENT and what == "lost" and not any(start <= known and begun <= end for start, end in spans):
                found.append(f"locked out (IPv{family}) while they did nothing")
        return found


# A boot's files, whose writer is killed

CONF = "#!/usr/sbin/nft -f\n# of somebody\nflush ruleset\n"
INCLUDE = 'include "/etc/portulan/boot.nft"\n'
BOOT_KILLS = 10
SHARES = (0.3, 1.1)
"""Of the time that a command takes: until then it only starts."""


def boot_kills(seed, count=BOOT_KILLS):
    """`guard boot --enable`, `--disable` and `rollback --off`, killed at moments drawn by lot: each file is whole, and the old one or the new one. Returns (differences, figures)."""
    dice = random.Random(f"guard boot kills {seed}")
    found, figures = [], Counter()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, Lab(sandbox, open_root(PEERS), folder) as lab:
        root = Path(folder, "root")
        Path(root, "etc").mkdir(parents=True)
        Path(root, "etc/nftables.conf").write_text(CONF)
        Path(root, "etc/nftables.conf").chmod(0o755)
        confirmed = _confirmed(lab, root)
        unit, whole_s = None, {}
        for number in range(count):
            words = dice.choice(
                (("boot", "--enable", "nftables"), ("boot", "--enable", "systemd"), ("boot", "--disable"), ("rollback", "--off"))
            )
            if not lab.table().present:
                confirmed = _confirmed(lab, root)
            case = f"{' '.join(words)}, number {number} of seed {seed}"
            command = lab.command(*words, "--root", root)
            if words not in whole_s:  # how long it takes when nobody kills it
                begun = time.monotonic()
                lab.host.run(command, folder=folder)
                whole_s[words] = time.monotonic() - begun
                confirmed = lab.table().hash or _confirmed(lab, root)
            process = lab.host.start(command, folder=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(*SHARES) * whole_s[words])
            figures["killed while it worked" if process.poll() is None else "killed when it had ended"] += 1
            lab.kill([process.pid, *lab.processes()])
            process.wait()
            found += [f"{each}: {case}" for each in _boot_files(root, {confirmed, None} if words[0] == "rollback" else {confirmed})]
            text = Path(root, UNIT).read_text() if Path(root, UNIT).exists() else None
            unit = unit or text
            if text not in (None, unit):
                found.append(f"{UNIT} is not whole: {case}")
            # The next command finds its way from whatever is there.
            again = lab.guard(*words, "--root", root)
            if again.returncode not in (0, 1) or "Traceback" in again.stderr:
                found.append(f"the same again ends with {again.returncode}, {again.stderr.strip()}: {case}")
            found += [f"{each}: {case}, again" for each in _boot_files(root, {confirmed, None} if words[0] == "rollback" else {confirmed})]
            found += [f"{each}: {case}, again" for each in _enabled(root, words)]
            figures[" ".join(words)] += 1
    return found, figures


UNIT = "etc/systemd/system/portulan-guard.service"
WANTED = (
    "etc/systemd/system/sysinit.target.wants/portulan-guard.service",
    "etc/systemd/system/nftables.service.wants/portulan-guard.service",
)


def _confirmed(lab, root):
    """The hash of rules that are confirmed now."""
    lab.done("apply", *lab.policy("a"), "--root", root)
    lab.done("confirm", "--vouch", "--root", root)
    return lab.table().hash


def _boot_files(root, hashes):
    found = []
    conf = Path(root, "etc/nftables.conf").read_text()
    if conf not in (CONF, CONF + INCLUDE):
        found.append(f"/etc/nftables.conf is {conf!r}")
    if Path(root, "etc/nftables.conf").stat().st_mode & 0o777 != 0o755:
        found.append("/etc/nftables.conf has other rights")
    try:
        text = unsealed(Path(root, "etc/portulan/boot.nft").read_bytes()).decode()
    except (OSError, ParseError) as error:
        return [*found, f"boot.nft: {error!r}"]
    first = text.partition("\n")[0]
    written = None if "no rules" in first else first.removeprefix("# rules ")
    if written not in hashes:
        found.append(f"boot.nft has {written}, not one of {hashes}")
    return found


def _enabled(root, words):
    """What is enabled after a command that was not killed."""
    included, linked = INCLUDE in Path(root, "etc/nftables.conf").read_text(), [Path(root, each).is_symlink() for each in WANTED]
    if words == ("boot", "--enable", "nftables") and not included:
        return ["the line is not there"]
    if words == ("boot", "--enable", "systemd") and not (all(linked) and Path(root, UNIT).exists()):
        return ["the unit is not enabled"]
    if words == ("boot", "--disable") and (included or any(linked) or Path(root, UNIT).exists()):
        return ["something is still enabled"]
    return []
