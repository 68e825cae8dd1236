"""Where things stand: the policy file, the rules in force, what a boot loads; and what would undo them."""

from __future__ import annotations

from datetime import datetime

from portulan.errors import PortulanError
from portulan.guard.policy.compile import compile_policy, terrain_of
from portulan.model.guard_life import BootState, Concern, GuardStatus, Phase
from portulan.system.firewall.boot import boot_concerns, disable, enable, read_boot
from portulan.system.firewall.running import has_warm
from portulan.system.linux.network import read_network
from portulan.verbs.guard_policy import find_policy, load_policy
from portulan.verbs.guard_trial import Life
from portulan.verbs.guard_ways_in import read_others

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_life import Notes, Past, Running


def guard_status(policy: str | None = None, *, root: str = "") -> GuardStatus:
    """Compare the policy's file, the rules in force, what is written down and what a boot loads. Changes nothing.

    Raises NotPermitted, CannotTell (no nft), MachineFailed; and for the policy's mistakes only where its file was named.
    """
    life = Life(root)
    phase, running, notes = life.look()
    boot = read_boot(life.store)
    file, wanted, doubts = _wanted(policy)
    concerns = [
        *doubts,
        *_drift(phase, running, notes, wanted, boot),
        *([Concern("guard.changed-by-hand")] if life.changed_by_hand(phase, running) else []),
        *boot_concerns(life.store, boot),
    ]
    if running.present:
        concerns += read_others()
        if file is None:
            concerns.append(Concern("guard.no-file"))
    if has_warm():
        concerns.append(Concern("guard.warm-left"))
    if life.store.set_aside is not None:
        concerns.append(Concern("guard.notes-set-aside", life.store.set_aside))
    if notes.trial is not None and notes.trial.met is not None:
        notes = notes._replace(trial=notes.trial._replace(met=()))  # thousands of digests that say nothing to anybody
    return GuardStatus(phase, running, notes, boot, file, wanted, tuple(concerns))


def _wanted(policy: str | None) -> tuple[str | None, str | None, list[Concern]]:
    """(the policy's file, the hash of what it says now, what is wrong with it)."""
    file = find_policy(policy)
    try:
        loaded = load_policy(policy)
    except PortulanError as error:
        if policy is not None:
            raise
        return None, None, [] if error.code == "policy.no-file" else [Concern("guard.policy-broken", file)]
    return file, compile_policy(loaded, datetime.now().astimezone().date(), terrain_of(read_network())).hash, []


def _drift(phase: Phase, running: Running, notes: Notes, wanted: str | None, boot: BootState) -> list[Concern]:
    found = []
    if phase is Phase.STRANGE:
        found.append(Concern("guard.strange"))
    if phase is Phase.WIPED:
        found.append(Concern("guard.wiped"))
    if wanted is not None and phase in (Phase.IN_FORCE, Phase.SETTLED, Phase.OVER) and running.effective != wanted:
        found.append(Concern("guard.file-differs"))
    lasting = notes.confirmed if phase is not Phase.SETTLED else running.hash
    if lasting is not None:
        if boot.written != lasting:
            found.append(Concern("guard.boot-differs", boot.file))
        if boot.by is None:
            found.append(Concern("guard.boot-loads-nothing", boot.file))
    return found


def guard_history(*, root: str = "") -> tuple[tuple[Past, ...], str | None]:
    """The rules that were confirmed, oldest first, ten at most; and the hash of those in force. Raises NotPermitted, CannotTell, MachineFailed."""
    life = Life(root)
    _, running, notes = life.look()
    return notes.past, running.effective


def guard_boot(*, enabled: bool | None = None, how: str | None = None, root: str = "") -> BootState:
    """What loads our rules at boot; `enabled`: let it be so, or not any more. Raises NotPermitted, CannotTell, MachineFailed."""
    life = Life(root)
    if enabled is not None:
        with life.locked():
            life.make_up()
            if enabled:
                enable(life.store, how or read_boot(life.store).chosen)
            else:
                disable(life.store)
    return read_boot(life.store)
