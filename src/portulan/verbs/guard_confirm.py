"""Make the rules on trial last, asked by somebody who came in after the switch."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import CannotTell, PortulanError, Refused
from portulan.guard.life import check_confirmable, with_confirmed
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_life import Concern, Confirmed, Session
from portulan.system.firewall.boot import boot_concerns, enable, read_boot
from portulan.system.linux.login import digest, incoming, read_peer, tuple_of
from portulan.system.linux.tracked import find_tracked
from portulan.verbs.guard_trial import Life, write_confirmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.guard_life import Trial


def guard_confirm(*, console: bool = False, vouch: bool = False, cut: bool = False, boot: bool = False, root: str = "") -> Confirmed:
    """Make the rules on trial last: in the kernel and, only then, on disk.

    Whoever asks must be logged in by an ssh connection that was made after the switch; or be at the machine (`console`), or have made sure in another way that there is still
    a way in (`vouch`, for configuration management). `cut`: end connections through doors that are shut now. `boot`: let these rules be loaded at boot from now on.

    Raises Refused (no trial, too late, an older connection, …: nothing is changed), CannotTell, NotPermitted, MachineFailed.
    """
    life = Life(root)
    with life.locked():
        _, running, notes = life.look()
        trial = check_confirmable(running, notes, life.boot)
        by = _who_asks(trial, console=console, vouch=vouch)
        new = life.rules(trial.new)
        if new is None:
            raise Refused("guard.rules-lost", hash=trial.new[:12])
        life.settle(new)
        # From here on the rules last, whatever else fails.
        notes = with_confirmed(notes, new.hash, trial.file, datetime.now(UTC), by)
        concerns = [
            Concern("guard.not-written", str(fault.facts["subject"]), str(fault.facts["reason"]))
            for fault in write_confirmed(life, notes, new)
        ]
        life.tidy(notes, running._replace(over=None))
    if boot:
        try:
            enable(life.store, read_boot(life.store).chosen)
        except PortulanError as error:
            concerns.append(Concern("guard.boot-failed", "", str(error.facts.get("reason", error.code))))
    ended: tuple[Session, ...] = ()
    if cut:
        from portulan.verbs.guard_cut import cut_shut

        try:
            ended = cut_shut(permanent(new))
        except PortulanError as error:
            concerns.append(Concern("guard.cut-failed", "", str(error.facts.get("reason", error.code))))
    state = read_boot(life.store)
    return Confirmed(new.hash, by, state, notes.past[-1].number, ended, (*concerns, *boot_concerns(life.store, state)))


def _who_asks(trial: Trial, *, console: bool, vouch: bool) -> str:
    """How it is known that there is a way in. Raises Refused."""
    peer = read_peer()
    if vouch:
        return "vouch"
    if console:
        if peer is not None:
            raise Refused("guard.console-by-ssh", address=peer.address, port=peer.port)
        return "console"
    if peer is None:
        raise Refused("guard.no-connection")
    connection = tuple_of(peer)
    if trial.met is None:
        raise Refused("guard.trial-unlisted")
    if digest(connection) in trial.met:
        raise Refused("guard.old-connection", address=peer.address, port=peer.port)
    if connection not in incoming():
        raise Refused("guard.connection-gone", address=peer.address, port=peer.port)
    try:
        entry = find_tracked(connection)
    except CannotTell as error:
        raise Refused("guard.connection-unseen", address=peer.address, port=peer.port) from error
    if entry is None or not entry.established:
        raise Refused("guard.connection-unseen", address=peer.address, port=peer.port)
    return "connection"
