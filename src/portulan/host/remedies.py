"""How a holder is ended: the command of whatever runs it, politest first. Pure."""

from __future__ import annotations

from portulan.model.chart import Endpoint, Owner
from portulan.model.who import Remedy

_STOPS = {"docker": "docker stop {}", "podman": "podman stop {}", "lxc": "lxc-stop -n {}", "nspawn": "machinectl poweroff {}"}


def quote(text: str) -> str:
    """The text as one word of a shell."""
    from shlex import quote as shell_quote

    return shell_quote(text)


_MOST_PIDS = 16
"""Processes named in one command; of more only those that no other holder started."""


def find_remedies(items: tuple[Endpoint, ...]) -> tuple[Remedy, ...]:
    """One remedy for each thing that runs a holder: container, unit, or process; each once."""
    found: dict[tuple[str, int | None], Remedy] = {}
    for item in items:
        remedies = [remedy] if item.held_by_kernel and (remedy := _kernel(item.held_by_kernel)) else []
        remedies += _of_processes(item.owners or ())
        for one in remedies:
            found.setdefault((one.command, item.netns), one._replace(netns=item.netns))
    return tuple(found.values())


def _of_processes(owners: tuple[Owner, ...]) -> list[Remedy]:
    """What ends these holders. Plain processes are ended together: a child that shares the socket keeps the port when only its parent goes."""
    remedies: dict[str, Remedy] = {}
    plain: list[int] = []
    for owner in [*_leaders(owners), *owners]:
        remedy = _process(owner)
        if remedy is None:
            continue
        if remedy.code != "process":
            known = remedies.get(remedy.command, remedy)
            remedies[remedy.command] = known._replace(pids=tuple(dict.fromkeys((*known.pids, owner.pid))))
        elif owner.pid not in plain:
            plain.append(owner.pid)
    if plain:
        shown = plain if len(plain) <= _MOST_PIDS else [owner.pid for owner in _leaders(owners) if owner.pid in plain]
        command = "kill " + " ".join(map(str, shown))
        remedies[command] = Remedy(code="process", command=command, pids=tuple(plain))
    return list(remedies.values())


def _leaders(owners: tuple[Owner, ...]) -> list[Owner]:
    """The holders that no other holder started: a master ends its workers."""
    pids = {owner.pid for owner in owners}
    leaders: dict[int, Owner] = {}
    for owner in owners:
        if not any(parent.pid in pids for parent in owner.parents or ()):
            leaders.setdefault(owner.pid, owner)
    return list(leaders.values())


def _process(owner: Owner) -> Remedy | None:
    """None for systemd itself, of the machine or of a user, where the socket unit is not known: to end it would end everything."""
    return _container(owner) or _unit(owner)


def _container(owner: Owner) -> Remedy | None:
    """None where no container is known, or no command for it."""
    runtime, _, name = (owner.container or "").partition(":")
    if runtime in _STOPS:
        return Remedy(code="container", command=_STOPS[runtime].format(quote(name)))
    if runtime == "kubernetes" and name.count("/") == 2:
        namespace, pod, _ = name.split("/")
        return Remedy(code="container", command=f"kubectl --namespace {quote(namespace)} delete pod {quote(pod)}")
    published = _published(owner)
    if published:
        return Remedy(code="container", command=f"docker stop $(docker ps --quiet --filter publish={published})")
    return None


def _unit(owner: Owner) -> Remedy | None:
    unit = owner.unit or ""
    if unit == "init.scope":
        return None
    if unit.endswith((".service", ".socket")) and not unit.startswith("user@"):
        if owner.user_unit:
            return Remedy(code="user-unit", command=f"systemctl --user stop {quote(unit)}")
        return Remedy(code="unit", command=f"systemctl stop {quote(unit)}")
    return Remedy(code="process", command=f"kill {owner.pid}")


def _published(owner: Owner) -> str:
    """The port that docker's forwarder holds for a container: it runs in docker's own unit, and to stop that would stop every container."""
    words = owner.command or ()
    if owner.name != "docker-proxy" or "-host-port" not in words[:-1]:
        return ""
    port = words[words.index("-host-port") + 1]
    return port if port.isascii() and port.isdigit() else ""


def _kernel(holder: str) -> Remedy | None:
    """Interfaces can be taken down by their name."""
    kind, _, interface = holder.partition(" ")
    if interface:
        return Remedy(code="kernel", command=f"ip link delete {quote(interface)}")
    return Remedy(code="kernel", command="systemctl stop nfs-server") if kind == "nfsd" else None
