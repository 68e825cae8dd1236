"""systemd unit files, as far as sockets need: which addresses a .socket unit listens on (systemd.socket(5), systemd.syntax(7))."""

from __future__ import annotations

from portulan.model.port import PORTS, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_TRANSPORTS = {"ListenStream": Transport.TCP, "ListenDatagram": Transport.UDP}
_OTHERS = ("ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction")
_COMMENTS = ("#", ";")
_BIND_RULES = ("SocketBindAllow", "SocketBindDeny")


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


def parse_bind_rules(text: str, rules: tuple[tuple[str, str], ...] = ()) -> tuple[tuple[str, str], ...]:
    """("SocketBindAllow" or "SocketBindDeny", rule) of each such line of a unit, in their order (systemd.resource-control(5)).

    `rules` is what earlier files of the same unit said: an empty assignment takes those of its kind back.
    """
    found = list(rules)
    for line in _lines(text):
        key, equals, value = (part.strip() for part in line.partition("="))
        if equals and key in _BIND_RULES:
            found = [*found, *((key, word) for word in value.split())] if value else [rule for rule in found if rule[0] != key]
    return tuple(found)


def denies(rules: tuple[tuple[str, str], ...], transport: Transport, port: int, *, ipv6: bool) -> str | None:
    """The rule, as `SocketBindDeny=any`, that keeps a unit's processes from binding this; None where none does. What allows wins over what denies."""
    matching = [(key, rule) for key, rule in rules if _matches(rule, transport, port, ipv6=ipv6)]
    if any(key == "SocketBindAllow" for key, _ in matching):
        return None
    return next((f"{key}={rule}" for key, rule in matching), None)


def _matches(rule: str, transport: Transport, port: int, *, ipv6: bool) -> bool:
    """Whether a rule of the form `[ipv4|ipv6:][tcp|udp:][port|first-last|any]` means this."""
    for part in rule.split(":"):
        first, dash, last = part.partition("-")
        if part in ("ipv4", "ipv6"):
            wanted = (part == "ipv6") is ipv6
        elif part in ("tcp", "udp"):
            wanted = part == transport.value
        elif part == "any":
            wanted = True
        elif first.isdigit() and (last.isdigit() or not dash):
            wanted = int(first) <= port <= int(last or first)
        else:
            wanted = False
        if not wanted:
            return False
    return True


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
