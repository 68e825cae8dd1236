"""How a holder is ended: the command of whatever runs it, politest first. Pure."""

from __future__ import annotations

from portulan.model.chart import Endpoint, Owner
from portulan.model.who import Remedy

_STOPS = {"docker": "docker stop {}", "podman": "podman stop {}", "lxc": "lxc-stop -n {}", "nspawn": "machinectl poweroff {}"}


def quote(text: str) -> str:
    """The text as one word of a shell."""
    from shlex import quote as shell_quote

    return shell_quote(text)


def find_remedies(items: tuple[Endpoint, ...]) -> tuple[Remedy, ...]:
    """One remedy for each thing that runs a holder: container, unit, or process; each once."""
    found: dict[str, Remedy] = {}
    for item in items:
        if item.held_by_kernel:
            remedy = _kernel(item.held_by_kernel)
            if remedy:
                found.setdefault(remedy.command, remedy)
        for owner in _leaders(item.owners or ()):
            remedy = _process(owner)
            if remedy:
                found.setdefault(remedy.command, remedy)
    return tuple(found.values())


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
    runtime, _, name = (owner.container or "").partition(":")
    if runtime in _STOPS:
        return Remedy(code="container", command=_STOPS[runtime].format(quote(name)))
    if runtime == "kubernetes" and name.count("/") == 2:
        namespace, pod, _ = name.split("/")
        return Remedy(code="container", command=f"kubectl --namespace {quote(namespace)} delete pod {quote(pod)}")
    unit = owner.unit or ""
    if unit == "init.scope":
        return None
    if unit.endswith((".service", ".socket")) and not unit.startswith("user@"):
        if owner.user_unit:
            return Remedy(code="user-unit", command=f"systemctl --user stop {quote(unit)}")
        return Remedy(code="unit", command=f"systemctl stop {quote(unit)}")
    return Remedy(code="process", command=f"kill {owner.pid}")


def _kernel(holder: str) -> Remedy | None:
    """Interfaces can be taken down by their name."""
    kind, _, interface = holder.partition(" ")
    if interface:
        return Remedy(code="kernel", command=f"ip link delete {quote(interface)}")
    return Remedy(code="kernel", command="systemctl stop nfs-server") if kind == "nfsd" else None
