"""Throw-away networks: hosts, routers and links in network namespaces, for tests and for proofs by real packets."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from ipaddress import ip_interface
from typing import TYPE_CHECKING

from portulan.errors import BadInput, CannotTell, NotPermitted, PortulanError
from portulan.system.linux.links import read_interfaces, read_routes
from portulan.system.linux.procfs import effective_capabilities
from portulan.system.sandbox.delay import INTERFACES, PACKETS, Relay, check_delay, prepare
from portulan.system.sandbox.host import Host
from portulan.system.sandbox.link import Link, connect, join
from portulan.system.sandbox.mark import new_mark
from portulan.system.sandbox.routes import shortest_routes
from portulan.system.sandbox.sweep import end_processes, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from portulan.system.sandbox.link import Pair
    from portulan.system.sandbox.mark import Mark
    from portulan.system.sandbox.quarters import Root
    from portulan.system.sandbox.routes import AddressOnLink

    Texts = str | Sequence[str]

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21
_SETTINGS = "/proc/sys"
_MOST_LINKS = 512
"""Networks 198.18.0.0/24 to 198.19.255.0/24 (RFC 2544), one a link."""


def check_rights() -> None:
    """Make sure that a sandbox can be built here. Raises NotPermitted, CannotTell."""
    if sys.platform != "linux":
        raise CannotTell("sandbox.not-linux", platform=sys.platform)
    held = effective_capabilities()
    if not (held >> _CAP_NET_ADMIN & 1 and held >> _CAP_SYS_ADMIN & 1):
        raise NotPermitted("sandbox.forbidden", needs="CAP_SYS_ADMIN, CAP_NET_ADMIN")
    if not all(os.path.exists(f"/proc/self/ns/{kind}") for kind in ("net", "uts")):
        raise CannotTell("link.kernel-lacks", operation="make", subject="namespaces")
    if os.statvfs(_SETTINGS).f_flag & os.ST_RDONLY:  # containers may have the rights and yet a /proc/sys that cannot be written
        raise NotPermitted("sandbox.read-only", path=_SETTINGS)


class Sandbox:
    """A context manager: `with Sandbox() as sandbox: a, b = sandbox.host("a"), sandbox.host("b"); sandbox.link(a, b)`.

    It is closed: no link leads out of it and no host has a default route. When it ends, so does everything that was started in it; when its
    owner is killed, a watcher ends it, and where that is killed too, the next sandbox.
    """

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.links: list[Link] = []
        self._between: list[Host] = []
        """Namespaces of relays: nobody's hosts."""
        self._mark: Mark | None = None

    def __enter__(self) -> Self:
        """Begin; sweeps first. Raises NotPermitted, CannotTell."""
        check_rights()
        with suppress(PortulanError):  # a stale sandbox that resists is no reason to have no new one
            sweep()
        self._mark = new_mark()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @staticmethod
    def sweep() -> int:
        """End what sandboxes of dead owners left behind; returns how many processes that were. Raises MachineFailed."""
        return sweep()

    def host(self, name: str, *, root: Root | None = None) -> Host:
        """Make a host, its loopback up, with a private root for its programs if given. Raises BadInput, MachineFailed."""
        return self._add(name, forwards=False, root=root)

    def router(self, name: str, *, root: Root | None = None) -> Host:
        """Make a host that forwards, IPv4 and IPv6. Raises BadInput, MachineFailed."""
        return self._add(name, forwards=True, root=root)

    def _add(self, name: str, *, forwards: bool, root: Root | None) -> Host:
        assert self._mark is not None, "a sandbox lives in a with statement"
        if any(host.name == name for host in self.hosts):
            raise BadInput("sandbox.name-taken", name=name)
        host = Host(name, self._mark, forwards=forwards, root=root)
        self.hosts.append(host)
        return host

    def link(self, first: Host, second: Host, first_addresses: Texts = (), second_addresses: Texts = (), *, mtu: int = 1500) -> Link:
        """Lay a cable between two hosts, ready for packets; laid twice, there are two paths.

        Each end's addresses as `"198.18.1.1/24"` or several of them. Without any, link number n gets 198.18.n.0/24 and fd00:0:0:n::/64, .1 and
        ::1 at the first end, .2 and ::2 at the second. Raises BadInput, CannotTell, MachineFailed.
        """
        names, addresses = self._plan(first, second, first_addresses, second_addresses)
        link = connect((first, second), names, addresses, mtu)
        self.links.append(link)
        return link

    def delayed_link(
        self, first: Host, second: Host, first_addresses: Texts = (), second_addresses: Texts = (), *,
        delay_ms: float, mtu: int = 1500, packets: int = PACKETS,
    ) -> Link:  # fmt: skip
        """Lay a cable on which every frame takes `delay_ms` each way; `Link.delay` changes that, for each way alone too.

        It is full when `packets` frames are on their way in one direction: later ones are lost then. Otherwise as `link`; needs numpy. Raises BadInput, CannotTell, MachineFailed.
        """
        check_delay(delay_ms)
        names, addresses = self._plan(first, second, first_addresses, second_addresses)
        assert self._mark is not None
        middle = Host(f"relay{len(self._between)}", self._mark, forwards=False, root=None)
        self._between.append(middle)
        prepare(middle)
        near = connect((first, middle), (names[0], INTERFACES[0]), (addresses[0], ()), mtu)
        far = connect((middle, second), (INTERFACES[1], names[1]), ((), addresses[1]), mtu)
        link = join(near, far, Relay(middle, mtu, packets))
        link.delay(delay_ms)
        self.links.append(link)
        return link

    def _plan(self, first: Host, second: Host, first_addresses: Texts, second_addresses: Texts) -> tuple[tuple[str, str], Pair]:
        """Names and addresses of both ends."""
        assert first in self.hosts and second in self.hosts, "a link stays inside its sandbox"  # noqa: PT018 - one statement, one meaning
        addresses = _addresses(first_addresses), _addresses(second_addresses)
        if not any(addresses):
            addresses = self._next_addresses(ipv6=first.has_ipv6 and second.has_ipv6)
        if any(each.version == 6 for each in (*addresses[0], *addresses[1])) and not (first.has_ipv6 and second.has_ipv6):
            raise CannotTell("sandbox.no-ipv6")
        return (self._next_name(first), self._next_name(second) if second is not first else self._next_name(first, 1)), addresses

    def _next_name(self, host: Host, more: int = 0) -> str:
        used = sum(end.host is host for link in self.links for end in (link.first, link.second))
        return f"eth{used + more}"

    def _next_addresses(self, *, ipv6: bool) -> tuple[tuple[AddressOnLink, ...], tuple[AddressOnLink, ...]]:
        number = len(self.links)
        if number >= _MOST_LINKS:
            raise BadInput("sandbox.too-many-links", most=_MOST_LINKS)
        first, second = (
            (f"198.{18 + number // 256}.{number % 256}.{end}/24", *([f"fd00:0:0:{number:x}::{end}/64"] if ipv6 else [])) for end in (1, 2)
        )
        return _addresses(first), _addresses(second)

    def route_all(self, *, every_path: bool = False) -> None:
        """Let every host reach every network of the sandbox by a shortest path, or share the load between all shortest paths."""
        routers = {host.name for host in self.hosts if host.forwards}
        routes = shortest_routes([link.wire for link in self.links], routers)
        for host in self.hosts:
            for network, gateways in routes.get(host.name, {}).items():
                host.route(str(network), [str(gateway) for gateway in (gateways if every_path else gateways[:1])])

    def openings(self) -> list[str]:
        """List what leads out of the sandbox, as `host: interface or route`; empty, unless somebody opened it by hand."""
        found = []
        own = {(end.host.name, end.index) for link in self.links for end in (link.first, link.second)}
        for host in self.hosts:
            foreign = [each for each in read_interfaces(host.netlink) if each.peer_namespace is not None]
            found += [f"{host.name}: {each.name}" for each in foreign if (host.name, each.number) not in own]
            away = [each for each in read_routes(host.netlink) if not each.prefix and any(hop.gateway for hop in each.hops)]
            found += [f"{host.name}: default route" for _ in away]
        return found

    def close(self) -> None:
        """End everything. In a forked child, nothing: the sandbox is the parent's. Raises MachineFailed when a process would not end."""
        if self._mark is None or self._mark.pid != os.getpid():
            return
        mark, self._mark = self._mark, None
        try:
            if any(host.used for host in (*self.hosts, *self._between)):
                end_processes(lambda found: found == mark)
                sweep()  # sandboxes built inside this one have lost their owner now
        finally:
            for host in (*self.hosts, *self._between):
                host.close()
            self.hosts.clear()
            self._between.clear()
            self.links.clear()


def _addresses(text: Texts) -> tuple[AddressOnLink, ...]:
    try:
        return tuple(ip_interface(each) for each in ([text] if isinstance(text, str) else text))
    except ValueError as error:
        raise BadInput("sandbox.address", text=str(text), reason=str(error)) from error
