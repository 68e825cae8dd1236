"""Which ports of a namespace the kernel itself holds."""

from __future__ import annotations

from portulan.errors import ParseError
from portulan.model.port import Transport
from portulan.system.linux.netlink import GENERIC, Netlink
from portulan.system.linux.procfs import read_file
from portulan.wire.kernel_ports import (
    CONTROL_FAMILY,
    FOU,
    WIREGUARD,
    build_family_request,
    build_fou_request,
    build_wireguard_request,
    parse_family,
    parse_fou_port,
    parse_nfsd_ports,
    parse_wireguard_port,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.rtnetlink import Interface


def read_kernel_ports(links: list[Interface]) -> dict[tuple[Transport, int], str]:
    """(transport, port) -> `vxlan vx0`, `wireguard wg0`, `nfsd`, … of this thread's namespace. What may not be asked is left out."""
    held = {(Transport.UDP, port): f"{link.kind} {link.name}" for link in links for port in link.udp_ports}
    held |= {(Transport.UDP, port): f"{WIREGUARD} {name}" for name, port in _wireguard_ports(links)}
    if any(link.kind in ("ipip", "gre", "sit", "ip6tnl", "ip6gre") for link in links):  # foo-over-UDP carries only these
        held |= {(Transport.UDP, port): FOU for port in _fou_ports()}
    held |= dict.fromkeys(parse_nfsd_ports(read_file("/proc/fs/nfsd/portlist")), "nfsd")
    return held


def _wireguard_ports(links: list[Interface]) -> list[tuple[str, int]]:
    """Needs CAP_NET_ADMIN; without it, or without the module, nothing."""
    devices = [link for link in links if link.kind == WIREGUARD]
    found = []
    try:
        if devices:
            with Netlink(GENERIC) as generic:
                family = parse_family(*generic.get(CONTROL_FAMILY, build_family_request(WIREGUARD)))
                for link in devices:
                    ports = [parse_wireguard_port(*answer) for answer in generic.dump(family, build_wireguard_request(link.number))]
                    found += [(link.name, port) for port in ports if port]
    except (OSError, ParseError):
        return found
    return found


def _fou_ports() -> list[int]:
    try:
        with Netlink(GENERIC) as generic:
            family = parse_family(*generic.get(CONTROL_FAMILY, build_family_request(FOU)))
            return [port for answer in generic.dump(family, build_fou_request()) if (port := parse_fou_port(*answer))]
    except (OSError, ParseError):
        return []
