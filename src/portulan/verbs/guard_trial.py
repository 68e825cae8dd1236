"""Rules put on trial, ended, confirmed and taken back: the steps of docs/guard-life.md, each done under the lock, in that order."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from portulan.errors import CannotTell, MachineFailed, ParseError, PortulanError, Refused
from portulan.guard.life import check_namespace, check_startable, needed, phase_of, settled
from portulan.guard.policy.compile_text import from_json, permanent, to_json, trial
from portulan.model.guard_compiled import FAMILY, TABLE, TRIAL
from portulan.model.guard_life import Applied, Phase, Trial
from portulan.system.firewall import ended
from portulan.system.firewall.guard_store import Store, boot_id
from portulan.system.firewall.load import check_script, load_script
from portulan.system.firewall.running import read_running
from portulan.system.firewall.warm import REMOVAL, SEEN_S, warm_up
from portulan.system.linux.login import digest, incoming
from portulan.system.linux.namespaces import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.guard_compiled import Compiled
    from portulan.model.guard_life import Notes, Running

SECONDS = 60
NO_TABLE = f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
STILL_ON = f"delete element {FAMILY} {TABLE} {TRIAL} {{ ipv4, ipv6 }}\n"
"""Fails, and what follows it too, when the trial has ended."""
IS_OVER = f"create element {FAMILY} {TABLE} {TRIAL} {{ ipv4 timeout 1s }}\n"
"""Fails, and what follows it too, while the trial goes on."""


class Life:
    """What is the case, and what may be done. Everything that changes something is to be called within `locked`."""

    def __init__(self, root: str = "") -> None:
        """`root`: below which our files lie; empty: this machine's own. Raises CannotTell."""
        self.store = Store(root)
        self.boot = boot_id()
        self.netns = os.stat(OWN).st_ino

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile. Raises NotPermitted, CannotTell, MachineFailed, and Refused in a namespace that the notes are not about."""
        with self.store.locked():
            check_namespace(self.store.read(), self.boot, self.netns)
            yield

    def look(self) -> tuple[Phase, Running, Notes]:
        """What is the case now. Raises CannotTell, NotPermitted, MachineFailed."""
        running, notes = read_running(), self.store.read()
        return phase_of(running, notes, self.store.known(), self.boot), running, notes

    def make_up(self) -> tuple[Phase, Running, Notes]:
        """What is the case, and what a command that was ended could not write any more, written now. Raises as `look`, MachineFailed."""
        phase, running, notes = self.look()
        fresh = settled(phase, running, notes, datetime.now(UTC))
        if fresh != notes:
            self.write(fresh)
        lasting = fresh.confirmed
        if lasting is not None and lasting != self._boot_hash() and (rules := self.rules(lasting)) is not None:
            self.store.write_boot(lasting, permanent(rules))
        return phase, running, fresh

    def _boot_hash(self) -> str | None:
        try:
            return self.store.boot_hash()
        except ParseError:
            return None

    def write(self, notes: Notes) -> None:
        """Write down, as of this boot and namespace. Raises MachineFailed."""
        self.store.write(notes._replace(boot=self.boot, netns=self.netns))

    def rules(self, hash_: str | None) -> Compiled | None:
        """Rules that are kept; None for none. Raises Refused where they are not kept any more."""
        if hash_ is None:
            return None
        data = self.store.rules(hash_)
        if data is None:
            raise Refused("guard.rules-lost", hash=hash_[:12])
        return from_json(data)

    def changed_by_hand(self, phase: Phase, running: Running) -> bool:
        """Whether somebody changed our table: the kernel is asked what it has, and what it has of the same rules in a namespace of their own."""
        from portulan.system.firewall.scratch import same_table

        if phase not in (Phase.IN_FORCE, Phase.SETTLED):
            return False
        try:
            rules = self.rules(running.hash)
            return rules is not None and not same_table(permanent(rules))
        except CannotTell:
            return False  # no right to make a namespace: nothing can be compared

    def restore(self, phase: Phase, running: Running) -> bool:
        """Load rules that were confirmed anew, in one go, where somebody changed them by hand. Raises Refused, CannotTell, NotPermitted, MachineFailed."""
        if not self.changed_by_hand(phase, running):
            return False
        rules = self.rules(running.hash)
        assert rules is not None
        load_script(permanent(rules))
        return True

    # A trial

    def begin(self, new: Compiled, seconds: int, *, warm_s: float = SEEN_S) -> Applied:
        """Put rules on trial. Raises Refused (a trial runs, a strange table, not loadable), CannotTell, NotPermitted, MachineFailed: then the old rules are in force."""
        phase, running, notes = self.make_up()
        check_startable(phase, running)
        if running.effective == new.hash:
            if phase is Phase.OVER:
                self.end(running)
            return Applied("restored" if self.restore(phase, running) else "unchanged", new.hash, new.hash)
        old = self.rules(running.effective)
        script = trial(new, old, seconds) + REMOVAL
        for each in (script, permanent(new)):
            check_script(each)
        note = Trial(os.urandom(8).hex(), new.hash, running.effective, float(seconds), self.boot, datetime.now(UTC), new.file)
        self.store.keep_rules(new.hash, to_json(new).encode())
        self.write(notes._replace(trial=note))
        start_tidier(self.store.root, note)
        entered = self._switch(script, notes, warm_s)
        try:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            met = tuple(sorted({digest(each) for each in incoming()}))
            self.write(notes._replace(trial=note._replace(met=met)))
        except BaseException:
            # Nobody could confirm it, so nobody is to be kept waiting. Where not even this is possible, the timer ends it.
            with suppress(PortulanError):
                load_script(back(old))
            raise
        return Applied("trial", new.hash, running.effective, float(seconds), until, entered=entered)

    def _switch(self, script: str, notes: Notes, warm_s: float) -> int:
        try:
            entered = warm_up(warm_s)
            load_script(script)
        except BaseException as error:
            if isinstance(error, CannotTell) and error.code == "guard.nft-killed" and read_running().left_s is not None:
                return 0  # nft had done its work before it was killed
            with suppress(PortulanError):
                load_script(REMOVAL)
            with suppress(PortulanError):
                self.write(notes)
            raise
        return entered

    def end(self, running: Running) -> None:
        """The rules in force before a trial, alone: at once in a trial, else only the table gets smaller. Raises as `load_script`, Refused."""
        self._replace(back(self.rules(running.over)) + REMOVAL, running.over)

    def _replace(self, script: str, hash_: str | None) -> None:
        """Load; where nft is killed, the kernel tells whether it had done it."""
        try:
            load_script(script)
        except CannotTell as error:
            if error.code != "guard.nft-killed" or read_running() != running_of(hash_):
                raise

    def settle(self, new: Compiled) -> None:
        """Make the rules on trial those in force for good. Raises Refused where the trial has ended before the kernel came to it."""
        try:
            self._replace(STILL_ON + permanent(new) + REMOVAL, new.hash)
        except Refused as error:
            if read_running().left_s is None:
                raise Refused("guard.too-late") from error
            raise

    def off(self) -> None:
        """No rules of ours. Raises as `load_script`."""
        self._replace(NO_TABLE + REMOVAL + ended.REMOVAL, None)

    def tidy(self, notes: Notes, running: Running) -> None:
        """Forget rules that nobody needs."""
        self.store.prune(needed(notes, running))


def back(old: Compiled | None) -> str:
    """The script that makes old rules, or none, be in force."""
    return NO_TABLE if old is None else permanent(old)


def running_of(hash_: str | None) -> Running:
    """What the kernel says when these rules are loaded for good."""
    from portulan.model.guard_life import Running

    return Running(present=hash_ is not None, hash=hash_)


def start_tidier(root: str, note: Trial) -> None:
    """Let a process outlive us that tidies up when the trial has ended by itself. Nothing depends on it."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    # The lock is not for it: whatever else it might inherit is closed when it starts.
    shut = [(os.POSIX_SPAWN_CLOSE, number) for number in _inheritable()]
    words = [sys.executable, "-P", "-m", "portulan.verbs.guard_tidy", root, note.token, str(note.seconds)]
    with suppress(OSError, NotImplementedError):
        os.posix_spawn(sys.executable, words, os.environ, file_actions=[*nowhere, *shut], setsid=True)


def _inheritable() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def write_confirmed(life: Life, notes: Notes, new: Compiled) -> list[MachineFailed]:
    """Write down what the kernel has for good: the notes, then what a boot loads. What could not be written is returned."""
    faults = []

    def write_boot() -> None:
        life.store.write_boot(new.hash, permanent(new))

    def write_notes() -> None:
        life.write(notes)

    for work in (write_notes, write_boot):
        try:
            work()
        except MachineFailed as error:
            faults.append(error)
    return faults
