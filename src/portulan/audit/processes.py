"""Findings about the programs that listen: started by hand with all rights, or running from a file that is there no more."""

from __future__ import annotations

from portulan.audit.facts import subject
from portulan.host.remedies import find_remedies
from portulan.model.address import Exposure
from portulan.model.finding import Evidence, Finding, Fix, Level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Door, Facts
    from portulan.model.chart import Ancestor, Owner

DELETED = " (deleted)"
"""What the kernel writes behind the name of a file that is gone (proc(5), /proc/PID/exe)."""
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "tcsh", "csh", "ash", "nu", "xonsh"))
_SESSIONS = frozenset(
    (
        "sshd",
        "sshd-session",
        "dropbear",
        "login",
        "su",
        "sudo",
        "doas",
        "screen",
        "tmux: server",
        "tmux",
        "xterm",
        "konsole",
        "gnome-terminal-",
    )
)
_SERVICES = (".service", ".socket")


def find_by_hand(facts: Facts) -> Iterator[Finding]:
    """Programs with root's rights that listen to the network and that a person started: nobody restarts them, limits them, or updates them."""
    for door in facts.doors:
        if door.exposure is Exposure.LOOPBACK:
            continue
        for owner in _masters(door):
            how = _by_hand(owner, door.parents.get(owner.pid, owner.parents or ()))
            if owner.uid == 0 and owner.container is None and how is not None:
                evidence = (Evidence(how[0], {"chain": how[1]} if how[1] else {"unit": owner.unit or ""}),)
                fixes = (
                    Fix("as-a-unit", f"systemd-run --unit={owner.name} --property=DynamicUser=yes …"),
                    Fix("stop", f"kill {owner.pid}"),
                )
                told: dict[str, str | int] = {"port": f"{door.port}/{door.transport.value}", "name": owner.name, "pid": owner.pid}
                yield Finding("process.by-hand", Level.WARNING, subject(door), evidence, fixes, told)
                break


def _masters(door: Door) -> list[Owner]:
    """The holders that no other holder started."""
    pids = {owner.pid for owner in door.owners}
    return [owner for owner in door.owners if not any(parent.pid in pids for parent in door.parents.get(owner.pid, ()))]


def _by_hand(owner: Owner, parents: tuple[Ancestor, ...]) -> tuple[str, str] | None:
    """How it is known that a person started it: a shell or a login among its ancestors (the first process aside: a container's may be a shell), or the unit of a session."""
    if owner.unit is not None and owner.unit.endswith(_SERVICES) and not owner.unit.startswith("user@") and not owner.user_unit:
        return None
    above = [one for one in parents if one.pid != 1]
    for at, one in enumerate(above):
        if one.name in _SHELLS or one.name in _SESSIONS:
            return "by-hand.chain", " < ".join(each.name for each in above[: at + 2])
    if owner.unit is not None and owner.unit.startswith("session-") and owner.unit.endswith(".scope"):
        return "by-hand.session", ""
    return None


def find_old_programs(facts: Facts) -> Iterator[Finding]:
    """Listeners whose program's file was deleted or replaced: what was mended in the new one is not mended in them."""
    for door in facts.doors:
        gone = [owner for owner in door.owners if (owner.executable or "").endswith(DELETED)]
        if not gone:
            continue
        first = gone[0]
        path = (first.executable or "").removesuffix(DELETED)
        pids = ", ".join(str(owner.pid) for owner in gone[:3])
        told: dict[str, str | int] = {"port": f"{door.port}/{door.transport.value}", "name": first.name, "pids": pids, "path": path}
        if path.startswith("/memfd:"):
            evidence = (Evidence("program.memory", {"path": path, "pids": pids}),)
            yield Finding("process.no-file", Level.WARNING, subject(door), evidence, _stops(door), told)
            continue
        replaced = door.replaced.get(first.pid)
        code = "program.replaced" if replaced else "program.deleted" if replaced is False else "program.gone"
        yield Finding(
            "process.old-program",
            Level.WARNING,
            subject(door),
            (Evidence(code, {"path": path, "pids": pids}),),
            _restarts(door, gone),
            told,
        )


def _restarts(door: Door, gone: list[Owner]) -> tuple[Fix, ...]:
    """Start it anew: the command of whatever runs it."""
    found: dict[str, Fix] = {}
    pids = {owner.pid for owner in gone}
    for remedy in find_remedies(door.items):
        if remedy.pids and not pids & set(remedy.pids):
            continue
        if remedy.code in ("unit", "user-unit", "container"):
            found.setdefault(remedy.command, Fix("restart", remedy.command.replace(" stop ", " restart ", 1)))
        elif remedy.code == "process":
            found.setdefault(remedy.command, Fix("stop-and-start", remedy.command))
    return tuple(found.values())


def _stops(door: Door) -> tuple[Fix, ...]:
    return tuple(Fix("stop", remedy.command) for remedy in find_remedies(door.items))
