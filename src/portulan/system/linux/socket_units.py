"""Socket activation: systemd itself holds the socket until the service is needed. Which unit told it to, by the unit files."""

from __future__ import annotations

import os
from functools import cache

from portulan.wire.systemd import parse_listen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.port import Transport

# systemd.unit(5), "Unit File Load Path": what comes first hides files of the same name further down.
FOLDERS = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early", "/etc/systemd/system",
    "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    "/run/systemd/generator.late",
)  # fmt: skip
_LARGEST = 1 << 20


def find_socket_unit(transport: Transport, address: str, port: int) -> str | None:
    """The unit whose files name this endpoint: the address itself first, else one that listens on all. None when no unit does."""
    everywhere = None
    for (kind, where, number), unit in _listening():
        if kind is transport and number == port:
            if where == address:
                return unit
            if where in (None, "0.0.0.0", "::", "*"):  # noqa: S104 - compared, not bound
                everywhere = everywhere or unit
    return everywhere


@cache
def _listening() -> tuple[tuple[tuple[Transport, str | None, int], str], ...]:
    """What every socket unit of this machine listens on."""
    units: dict[str, str] = {}
    for folder in FOLDERS:
        for name in _names(folder):
            if name.endswith(".socket"):
                units.setdefault(name, os.path.join(folder, name))
    return tuple((place, name) for name, path in units.items() for place in _unit(name, path))


def _unit(name: str, path: str) -> tuple[tuple[Transport, str | None, int], ...]:
    """What one unit listens on."""
    found: tuple[tuple[Transport, str | None, int], ...] = ()
    for text in read_unit(name, path):
        found = parse_listen(text, found)
    return found


def read_unit(name: str, path: str | None = None) -> list[str]:
    """The texts that make a unit: its file (`path`, else the first of that name), then its drop-ins in the order of their names."""
    if path is None:
        path = next((os.path.join(folder, name) for folder in FOLDERS if os.path.exists(os.path.join(folder, name))), "")
    drop_ins: dict[str, str] = {}
    for folder in FOLDERS:
        inner = os.path.join(folder, name + ".d")
        for part in _names(inner):
            if part.endswith(".conf"):
                drop_ins.setdefault(part, os.path.join(inner, part))
    return [_read(path), *(_read(drop_ins[part]) for part in sorted(drop_ins))]


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""
