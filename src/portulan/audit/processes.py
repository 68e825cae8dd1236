"""Findings about the programs that listen: started by hand with all rights, or running from a file that is there no more."""

from __future__ import annotations

from portulan.audit.facts import holder_evidence, subject
from portulan.host.remedies import find_remedies, quote
from portulan.model.address import Exposure
from portulan.model.finding import Evidence, Finding, Fix, Level
from portulan.model.port import LAST_SYSTEM

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
_LONGEST_COMMAND = 300
_SERVICES = (".service", ".socket")


def find_by_hand(facts: Facts) -> Iterator[Finding]:
    """Programs with root's rights that listen to the network and that a person started: nobody restarts them, limits them, or updates them. One a program."""
    found: dict[int, tuple[Owner, tuple[str, str], list[Door]]] = {}
    for door in facts.doors:
        if door.exposure is Exposure.LOOPBACK:
            continue
        for owner in _masters(door):
            how = _by_hand(owner, door.parents.get(owner.pid, owner.parents or ()))
            if owner.uid == 0 and owner.container is None and how is not None:
                found.setdefault(owner.pid, (owner, how, []))[2].append(door)
                break
    for owner, (code, told), doors in found.values():
        evidence = Evidence(code, {"above": told} if told else {"unit": owner.unit or ""})
        more: dict[str, str | int] = {"port": _ports(doors), "name": owner.name, "pid": owner.pid}
        fixes = (Fix("as-a-unit", _as_a_unit(owner, doors)), Fix("stop", f"kill {owner.pid}"))
        yield Finding("process.by-hand", Level.WARNING, subject(doors[0]), (*holder_evidence(doors[0]), evidence), fixes, more)


def _ports(doors: list[Door]) -> str:
    return ", ".join(f"{door.port}/{door.transport.value}" for door in doors[:8]) + ("…" if len(doors) > 8 else "")


def _as_a_unit(owner: Owner, doors: list[Door]) -> str:
    """The same command, run by systemd as a user of its own; low ports take a right that such a user lacks."""
    right = "-p AmbientCapabilities=CAP_NET_BIND_SERVICE " if any(door.port <= LAST_SYSTEM for door in doors) else ""
    command = " ".join(quote(word) for word in owner.command or ())
    if not command or len(command) > _LONGEST_COMMAND or not command.isprintable():
        command = quote((owner.executable or owner.name).removesuffix(DELETED)) + " …"
    return f"systemd-run --unit={quote(owner.name)} -p DynamicUser=yes {right}{command}"


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
    """Listeners whose program's file was deleted or replaced: what was mended in the new one is not mended in them. One a program."""
    found: dict[tuple[int, ...], tuple[list[Owner], list[Door]]] = {}
    for door in facts.doors:
        gone = [owner for owner in door.owners if (owner.executable or "").endswith(DELETED)]
        if gone:
            found.setdefault(tuple(sorted(owner.pid for owner in gone)), (gone, []))[1].append(door)
    for gone, doors in found.values():
        first = gone[0]
        path = (first.executable or "").removesuffix(DELETED)
        pids = ", ".join(str(owner.pid) for owner in gone[:3])
        told: dict[str, str | int] = {"port": _ports(doors), "name": first.name, "pids": pids, "path": path}
        if path.startswith("/memfd:"):
            evidence = Evidence("program.memory", {"path": path, "pids": pids})
            yield Finding("process.no-file", Level.WARNING, subject(doors[0]), (evidence,), _stops(doors[0]), told)
            continue
        replaced = doors[0].replaced.get(first.pid)
        code = "program.replaced" if replaced else "program.deleted" if replaced is False else "program.gone"
        evidence = Evidence(code, {"path": path, "pids": pids})
        yield Finding("process.old-program", Level.WARNING, subject(doors[0]), (evidence,), _restarts(doors[0], gone), told)


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
