"""The ways out of a collision, as commands to type. Pure."""

from __future__ import annotations

from portulan.host.declared.kinds import PROJECT
from portulan.host.remedies import find_remedies, quote
from portulan.model.declared import Kind
from portulan.model.who import Remedy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.host.occupants import Occupant
    from portulan.model.declared import Declared

_CHECKS = {
    Kind.NGINX: "nginx -t", Kind.APACHE: "apachectl configtest", Kind.SSHD: "sshd -t",
}  # fmt: skip
_MOST = 6
_SETTINGS_FILE = "/etc/sysctl.d/60-ports.conf"


def for_collision(group: list[Declared]) -> tuple[Remedy, ...]:
    """Another port for one of them, or one of them switched off."""
    free = [Remedy("free", "portulan free")]
    return _short([*free, *_edits(group), *_switched_off(group)])


def for_own(group: list[Declared]) -> tuple[Remedy, ...]:
    """One of the lines has to go."""
    return _short(_edits(group))


def for_taken(group: list[Declared], occupants: list[Occupant]) -> tuple[Remedy, ...]:
    """End the holder, or take another port."""
    ends = list(find_remedies(tuple(occupant.endpoint for occupant in occupants)))
    return _short([*ends, Remedy("free", "portulan free"), *_edits(group)])


def for_restart(group: list[Declared]) -> tuple[Remedy, ...]:
    """Start it anew, after its own check of the file."""
    first = group[0]
    unit = next((unit for unit in first.units), None)
    if unit is None:
        return ()
    check = _CHECKS.get(first.kind)
    command = f"systemctl restart {quote(unit)}"
    return (Remedy("restart", f"{check} && {command}" if check else command),)


def for_ephemeral(group: list[Declared], reserved: tuple[tuple[int, int], ...]) -> tuple[Remedy, ...]:
    """Keep the port out of automatic choice, for good; or take another."""
    ports = ",".join([*(f"{first}-{last}" if last > first else str(first) for first, last in reserved), str(group[0].port)])
    line = f"net.ipv4.ip_local_reserved_ports = {ports}"
    return _short([
        Remedy("reserve", f"echo {quote(line)} | sudo tee {_SETTINGS_FILE} && sudo sysctl -p {_SETTINGS_FILE}"),
        Remedy("free", "portulan free"),
        *_edits(group),
    ])  # fmt: skip


def for_privileged(group: list[Declared]) -> tuple[Remedy, ...]:
    """Give the right to the service, or take a port that needs none."""
    first = group[0]
    remedies = []
    unit = next((unit for unit in first.units if unit.endswith(".service")), None)
    if unit is not None:
        text = "[Service]\\nAmbientCapabilities=CAP_NET_BIND_SERVICE\\n"
        remedies.append(Remedy("allow", f"printf '{text}' | sudo systemctl edit --stdin {quote(unit)}"))
    return _short([*remedies, Remedy("free", "portulan free"), *_edits(group)])


def _edits(group: list[Declared]) -> list[Remedy]:
    """The lines, each as a command that opens it."""
    found = dict.fromkeys(f"${{EDITOR:-vi}} +{one.line or 1} {quote(one.path)}" for one in group)
    return [Remedy("edit", command) for command in found]


def _switched_off(group: list[Declared]) -> list[Remedy]:
    """`systemctl disable` for what is no part of a project."""
    found: dict[str, None] = {}
    for one in group:
        if one.kind not in PROJECT and one.units and one.starts is not False:
            unit = one.service if one.service.endswith((".socket", ".service")) else one.units[0]
            found[f"systemctl disable --now {quote(unit)}"] = None
    return [Remedy("disable", command) for command in found]


def _short(remedies: list[Remedy]) -> tuple[Remedy, ...]:
    return tuple(remedies[:_MOST])
