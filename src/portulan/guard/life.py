"""The states of docs/guard-life.md, computed from what the kernel says and what is written down. Pure."""

from __future__ import annotations

from portulan.errors import Refused
from portulan.model.guard_life import KEPT, Notes, Past, Phase, Running, Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime


def phase_of(running: Running, notes: Notes, known: Collection[str], boot: str) -> Phase:
    """What is the case. `known`: hashes of rules that are kept; `boot`: the boot that it is now."""
    trial = notes.trial if notes.trial is not None and notes.trial.boot == boot else None
    if not running.present:
        return Phase.WIPED if notes.confirmed is not None else Phase.NOTHING
    if running.hash is None or any(each is not None and each not in known for each in (running.hash, running.over)):
        return Phase.STRANGE
    if running.trial:
        return Phase.OVER if running.left_s is None else Phase.TRIAL
    if trial is not None and running.hash == trial.new != notes.confirmed:
        return Phase.SETTLED
    return Phase.IN_FORCE


def check_startable(phase: Phase, running: Running) -> None:
    """Make sure that a trial may begin. Raises Refused."""
    if phase is Phase.TRIAL:
        raise Refused("guard.trial-running", seconds=round(running.left_s or 0))
    if phase is Phase.STRANGE:
        raise Refused("guard.strange-table")


def check_namespace(notes: Notes, boot: str, netns: int) -> None:
    """Make sure that the notes are about the rules of this network namespace. Raises Refused."""
    if notes.boot == boot and notes.netns not in (None, netns):
        raise Refused("guard.other-namespace")


def check_confirmable(running: Running, notes: Notes, boot: str) -> Trial:
    """The trial that may be confirmed. Raises Refused: there is none, it is over, it is not the one that was noted."""
    trial = notes.trial
    if trial is None:
        raise Refused("guard.no-trial")
    if trial.boot != boot:
        raise Refused("guard.trial-before-boot")
    if running.present and not running.trial and running.hash == trial.new:
        raise Refused("guard.confirmed-already")
    if not running.trial or (running.hash, running.over) != (trial.new, trial.old):
        raise Refused("guard.trial-gone")
    if running.left_s is None:
        raise Refused("guard.too-late")
    return trial


def with_confirmed(notes: Notes, hash_: str, file: str, now: datetime, by: str) -> Notes:
    """The notes when rules have been confirmed; confirmed again, they are the newest."""
    if notes.past and notes.past[-1].hash == hash_ == notes.confirmed:
        return notes._replace(trial=None)
    number = notes.past[-1].number + 1 if notes.past else 1
    return notes._replace(confirmed=hash_, trial=None, past=(*notes.past, Past(number, hash_, file, now, by))[-KEPT:])


def settled(phase: Phase, running: Running, notes: Notes, now: datetime) -> Notes:
    """The notes as they should be: what somebody was kept from writing is made up for."""
    if phase is Phase.SETTLED and notes.trial is not None and running.hash is not None:
        return with_confirmed(notes, running.hash, notes.trial.file, now, "connection")
    if notes.trial is not None and phase is not Phase.TRIAL:
        return notes._replace(trial=None)
    return notes


def needed(notes: Notes, running: Running) -> frozenset[str]:
    """Hashes of the rules that must be kept."""
    trial = () if notes.trial is None else (notes.trial.new, notes.trial.old)
    return frozenset(filter(None, (notes.confirmed, running.hash, running.over, *trial, *(past.hash for past in notes.past))))


def choose_past(notes: Notes, effective: str | None, number: int | None) -> Past:
    """Which rules to go back to: those with this number, else the newest that are not in force. Raises Refused."""
    if number is not None:
        found = next((past for past in notes.past if past.number == number), None)
    else:
        found = next((past for past in reversed(notes.past) if past.hash != effective), None)
    if found is None:
        raise Refused("guard.nothing-before" if number is None else "guard.no-such-number", number=number)
    return found
