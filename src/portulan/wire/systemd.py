"""systemd unit files, as far as sockets need: which addresses a .socket unit listens on (systemd.socket(5), systemd.syntax(7))."""

from __future__ import annotations

from portulan.model.port import PORTS, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_TRANSPORTS = {"ListenStream": Transport.TCP, "ListenDatagram": Transport.UDP}
_OTHERS = ("ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction")
_COMMENTS = ("#", ";")


def parse_listen(text: str, listening: tuple[tuple[Transport, str | None, int], ...] = ()) -> tuple[tuple[Transport, str | None, int], ...]:
    """(transport, address or None for all, port) of each ListenStream= and ListenDatagram= that is an internet address.

    `listening` is what earlier files of the same unit said: an empty assignment, of whatever kind of address, takes it all back. Paths, abstract
    names and vsock are passed over.
    """
    found = list(listening)
    section = ""
    for line in _lines(text):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == "Socket":
            key, equals, value = (part.strip() for part in line.partition("="))
            transport = _TRANSPORTS.get(key)
            if equals and not value and (transport or key in _OTHERS):
                found = []
            elif transport and (place := _address(value)) is not None:
                found.append((transport, *place))
    return tuple(found)


def _lines(text: str) -> Iterator[str]:
    """Lines without comments; one that ends with a backslash goes on in the next that is no comment."""
    begun = ""
    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith(_COMMENTS):
            continue
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        yield (begun + line).strip()
        begun = ""
    yield begun.strip()


def _address(value: str) -> tuple[str | None, int] | None:
    host, colon, port = value.rpartition(":")
    number = port.lstrip("0")
    if not (number.isascii() and number.isdigit()) or len(number) > 5 or int(number) >= PORTS or value.startswith(("/", "@", "vsock")):
        return None
    return (host.strip("[]") if colon else None), int(number)
