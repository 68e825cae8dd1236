"""systemd unit files, as far as sockets need: which addresses a .socket unit listens on (systemd.socket(5), systemd.syntax(7))."""

from __future__ import annotations

from portulan.model.port import Transport

_TRANSPORTS = {"listenstream": Transport.TCP, "listendatagram": Transport.UDP}


def parse_listen(text: str, listening: tuple[tuple[Transport, str | None, int], ...] = ()) -> tuple[tuple[Transport, str | None, int], ...]:
    """(transport, address or None for all, port) of each ListenStream= and ListenDatagram= that is an internet address.

    `listening` is what earlier files of the same unit said: an empty assignment takes it all back. Paths, abstract names and vsock are passed over.
    """
    found = list(listening)
    section = ""
    for raw in text.replace("\\\n", " ").splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == "Socket" and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            transport = _TRANSPORTS.get(key.strip().lower())
            if transport is None:
                continue
            value = value.strip()
            if not value:
                found = [one for one in found if one[0] is not transport]
            elif (place := _address(value)) is not None:
                found.append((transport, *place))
    return tuple(found)


def _address(value: str) -> tuple[str | None, int] | None:
    host, colon, port = value.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65_536 or value.startswith(("/", "@", "vsock:")):
        return None
    return (host.strip("[]") if colon else None), int(port)
