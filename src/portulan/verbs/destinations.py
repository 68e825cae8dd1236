"""Words for one port of one host: `web-01:443`, `192.0.2.1:53/udp`, `[2001:db8::1]:https`."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.model.path import Kind, Target
from portulan.model.port import parse_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.port import Transport

_KINDS = {"tcp": Kind.TCP, "udp": Kind.UDP}


def parse_destination(text: str, *, icmp: bool = False, tls: bool = False, version: int | None = None) -> Target:
    """A port of a host, the host's address looked up. With `icmp` a host is enough, and a port is left aside.

    Raises BadInput for what is no such thing or a name nobody knows, CannotTell where name servers do not answer.
    """
    from portulan.system.resolver import resolve

    host, port_text = _split(text, needs_port=not icmp)
    kind, port = (Kind.ICMP, None) if icmp else _port(text, port_text)
    if tls and kind is not Kind.TCP:
        raise BadInput("path.tls", text=text)
    address, scope = resolve(host, version)
    return Target(text, host, address, port, kind, tls, scope)


def _split(text: str, *, needs_port: bool) -> tuple[str, str]:
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not host or (rest and not rest.startswith(":")):
            raise BadInput("path.destination", text=text)
        port = rest[1:]
    elif text.count(":") > 1:
        if needs_port:
            raise BadInput("path.brackets", text=text)
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host or host.startswith("-") or (needs_port and not port):
        raise BadInput("path.destination", text=text)
    return host, port


def _port(text: str, port: str) -> tuple[Kind, int]:
    number, slash, transport = port.partition("/")
    if slash and transport.lower() not in _KINDS:
        raise BadInput("path.transport", text=text, transport=transport)
    kind = _KINDS[transport.lower()] if slash else Kind.TCP
    found = parse_number(number) if number[:1].isdigit() else _by_name(number, kind)
    if not found:
        raise BadInput("path.port-zero", text=text)
    return kind, found


def _by_name(name: str, kind: Kind) -> int:
    from portulan.model.port import Transport
    from portulan.verbs.ports import resolve_ports

    transport: Transport = Transport(kind.value)
    ports, _ = resolve_ports(f"{name}/{transport.value}")
    if len(ports) != 1:
        raise BadInput("path.several-ports", text=name, ports=str(ports))
    return next(iter(ports))
