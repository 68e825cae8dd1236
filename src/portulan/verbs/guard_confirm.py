"""Make the rules on trial last, asked by somebody who came in after the switch."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

from portulan.errors import CannotTell, PortulanError, Refused
from portulan.guard.life import check_confirmable, with_confirmed
from portulan.guard.policy.compile_text import permanent
from portulan.model.guard_life import BootState, Concern, Confirmed, Session
from portulan.system.firewall.boot import boot_concerns, enable, read_boot
from portulan.system.linux.login import digest, incoming, read_peer, tuple_of
from portulan.system.linux.tracked import find_tracked
from portulan.verbs.guard_trial import Life, write_confirmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
    ended: tuple[Session, ...] = ()
    if boot:
        with _told(concerns, "guard.boot-failed"):
            enable(life.store, read_boot(life.store).chosen)
    if cut:
        from portulan.verbs.guard_cut import cut_shut

        with _told(concerns, "guard.cut-failed"):
            ended = cut_shut(permanent(new))
    state = BootState(life.store.boot_file)
    with _told(concerns, "guard.boot-unknown"):
        state = read_boot(life.store)
        concerns += boot_concerns(life.store, state)
    return Confirmed(new.hash, by, state, notes.past[-1].number, ended, tuple(concerns))


@contextmanager
def _told(concerns: list[Concern], code: str) -> Iterator[None]:
    """What fails after the rules were confirmed is told beside that."""
    try:
        yield
    except PortulanError as error:
        concerns.append(Concern(code, "", str(error.facts.get("reason", error.code))))


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
        # Where this host itself turned the port into another one, only the answers' direction is as the server sees it.
        entry = find_tracked(connection) or find_tracked(connection.turned)
    except CannotTell as error:
        raise Refused("guard.connection-unseen", address=peer.address, port=peer.port) from error
    if entry is None or not entry.established:
        raise Refused("guard.connection-unseen", address=peer.address, port=peer.port)
    return "connection"
