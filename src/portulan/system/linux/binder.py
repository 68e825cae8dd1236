"""Binding on Linux: what the machine says about it, and what the kernel says when it is really tried.

A trial changes nothing that lasts. A bound TCP socket that does not listen gets nothing from the network. Where listening is tried, the socket takes only
packets that no router has touched and that were sent with the highest hop count there is (IP_MINTTL, IPV6_MINHOPCOUNT 255, RFC 5082): nobody's first
packet is, so it is dropped, and sent again a second later to whoever listens then. A client is neither let in nor turned away. A group that shares the
port by SO_REUSEPORT is never joined as a listener, and a UDP socket never bound beside another: it would take datagrams. The caller sees to both.
"""

from __future__ import annotations

import os
from _socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, socket
from errno import errorcode

from portulan.errors import BadInput, CannotTell, failed
from portulan.model.address import format_address, format_endpoint
from portulan.model.ground import Addresses, Ground
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.survey import Selection
from portulan.model.why import Trial
from portulan.system.linux.dumps import parse_dumps, read_dumps
from portulan.system.linux.namespaces import OWN
from portulan.system.linux.procfs import effective_capabilities, read_file, user_name
from portulan.system.linux.syscall import syscall
from portulan.wire.procfs import parse_port_list, parse_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.binding import Wish
    from portulan.model.ground import Confinement
    from portulan.model.survey import Row
    from portulan.wire.nat import Redirect

CAP_NET_BIND_SERVICE = 10
_SETTINGS = "/proc/sys/net/ipv4/"
_SETTINGS_6 = "/proc/sys/net/ipv6/"
_SO_REUSEADDR, _SO_REUSEPORT, _SO_BINDTODEVICE = 2, 15, 25
_IPPROTO_IP, _IP_MINTTL, _IPPROTO_IPV6, _IPV6_V6ONLY, _IPV6_MINHOPCOUNT = 0, 21, 41, 26, 73
_UDPLITE = 136
_HIGHEST_HOP_COUNT = 255


class LinuxBinder:
    """This machine, asked through the kernel."""

    exact = True

    def host_name(self) -> str:
        """What this machine calls itself."""
        return os.uname().nodename

    def user_name(self, uid: int) -> str | None:
        """The name of a user."""
        return user_name(uid)

    def ground(self) -> Ground:
        """The settings of this namespace, and our rights."""
        start = _number(_SETTINGS + "ip_unprivileged_port_start")
        return Ground(
            uid=os.geteuid(),
            capable=bool(effective_capabilities() >> CAP_NET_BIND_SERVICE & 1),
            unprivileged_start=start,
            ephemeral=parse_range(read_file(_SETTINGS + "ip_local_port_range")),
            reserved=parse_port_list(read_file(_SETTINGS + "ip_local_reserved_ports")),
            v6_only=bool(_number(_SETTINGS_6 + "bindv6only")),
            ipv6=os.path.exists(_SETTINGS_6 + "bindv6only"),
        )

    def addresses(self) -> Addresses | None:
        """The kernel's local table: 127.0.0.0/8, every address, what a route of kind `local` adds."""
        from portulan.errors import MachineFailed
        from portulan.system.linux.links import read_addresses, read_routes
        from portulan.system.linux.netlink import ROUTE, Netlink
        from portulan.wire.rtnetlink import LOCAL

        try:
            with Netlink(ROUTE) as route:
                networks = tuple((one.destination, one.prefix) for one in read_routes(route) if one.kind == LOCAL)
                tentative = tuple(one.address for one in read_addresses(route) if one.tentative)
        except (OSError, MachineFailed):
            return None
        return Addresses(
            networks, tentative, bool(_number(_SETTINGS + "ip_nonlocal_bind")), bool(_number(_SETTINGS_6 + "ip_nonlocal_bind"))
        )

    def device(self, name: str) -> int:
        """Index of an interface. Raises BadInput for one that is not there."""
        from _socket import if_nametoindex

        try:
            return if_nametoindex(name)
        except (OSError, ValueError):
            raise BadInput("why.device", text=name) from None

    def servers(self, port: int, transport: Transport) -> tuple[Row, ...]:
        """Listening TCP or unconnected UDP sockets on the port in this namespace. Raises CannotTell, MachineFailed."""
        selection = Selection(ports=PortSet.of([PortRange(port, port)]), transports=(transport,))
        try:
            inode: int | None = os.stat(OWN).st_ino
        except OSError:
            inode = None
        try:
            dumps, known = read_dumps(inode, selection)
        except OSError as error:
            raise failed("sock_diag", "this network namespace", error) from error
        if not known:
            raise CannotTell("sock_diag.missing")
        return tuple(parse_dumps(dumps, selection.ports))

    def attempt(self, wish: Wish, device: str | None, *, listen: bool) -> Trial:
        """Bind, with `listen` listen, and close. Another user is played by root only. Raises CannotTell."""
        if wish.uid == os.geteuid():
            return _try(wish, device, listen=listen)
        if os.geteuid():
            raise CannotTell("why.other-user")
        return _as_user(wish, device, listen=listen)

    def redirects(self, port: int, transport: Transport) -> tuple[Redirect, ...] | None:
        """What the firewall sends elsewhere; None where that may not be known."""
        from portulan.system.linux.published import find_redirects

        return find_redirects(port, transport.value)

    def confinement(self, wish: Wish) -> Confinement:
        """What may have refused."""
        from portulan.system.linux.confinement import read_confinement

        tcp = wish.transport is Transport.TCP
        any_port = _try(wish._replace(port=0), None, listen=False).error
        plain = wish._replace(reuse_address=False, reuse_port=False)  # beside nobody
        other = _try(plain._replace(transport=Transport.UDP if tcp else Transport.TCP), None, listen=False).error
        return read_confinement(wish, any_port=any_port, other_transport=other)


def _as_user(wish: Wish, device: str | None, *, listen: bool) -> Trial:
    """In a thread of its own, which the raw system call alone makes another user: the rest of the process stays who it is. The thread ends with it.

    By losing uid 0 the thread loses its capabilities too (capabilities(7), "Effect of user ID changes on capabilities").
    """
    from threading import Thread

    results: list[Trial | OSError] = []

    def work() -> None:
        try:
            syscall("setresuid", wish.uid, wish.uid, wish.uid)
            results.append(_try(wish, device, listen=listen))
        except OSError as error:
            results.append(error)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    (result,) = results
    if isinstance(result, OSError):
        raise CannotTell("why.other-user") from result
    return result


def _try(wish: Wish, device: str | None, *, listen: bool) -> Trial:
    """The trial itself, as whoever this thread is."""
    four, tcp = len(wish.address) == 4, wish.transport is Transport.TCP
    try:
        one = socket(
            AF_INET if four else AF_INET6, SOCK_STREAM if tcp else SOCK_DGRAM, _UDPLITE if wish.transport is Transport.UDPLITE else 0
        )
    except OSError as error:
        return Trial(_name(error))
    try:
        return _bind(one, wish, device, listen=listen and tcp)
    except OSError as error:
        return Trial(_name(error))
    finally:
        one.close()


def _bind(one: socket, wish: Wish, device: str | None, *, listen: bool) -> Trial:
    """Raises OSError where the bind is refused."""
    four = len(wish.address) == 4
    if not four:
        one.setsockopt(_IPPROTO_IPV6, _IPV6_V6ONLY, wish.v6_only)
    for option, wanted in ((_SO_REUSEADDR, wish.reuse_address), (_SO_REUSEPORT, wish.reuse_port)):
        if wanted:
            one.setsockopt(SOL_SOCKET, option, 1)
    if device is not None:
        one.setsockopt(SOL_SOCKET, _SO_BINDTODEVICE, device.encode())
    text = format_address(wish.address)
    one.bind((text, wish.port) if four else (text, wish.port, 0, wish.device if _is_link_local(wish.address) else 0))
    where = one.getsockname()
    asked = (text, wish.port or where[1])
    moved = None if where[:2] == asked else format_endpoint(where[0], where[1])
    if not listen:
        return Trial(None, listened=False, moved=moved)
    try:
        _deafen(one, four=four)
    except OSError:
        return Trial(None, listened=False, moved=moved)  # better not, then
    one.listen(0)
    return Trial(None, listened=True, moved=moved)


def _deafen(one: socket, *, four: bool) -> None:
    """Let the kernel drop whatever comes to this socket, on its way and unanswered. Raises OSError."""
    one.setsockopt(_IPPROTO_IP, _IP_MINTTL, _HIGHEST_HOP_COUNT)
    if not four:
        one.setsockopt(_IPPROTO_IPV6, _IPV6_MINHOPCOUNT, _HIGHEST_HOP_COUNT)


def _is_link_local(address: bytes) -> bool:
    return address[0] in (0xFE, 0xFF) and (address[0] == 0xFF or address[1] & 0xC0 == 0x80)


def _name(error: OSError) -> str:
    return errorcode.get(error.errno or 0, str(error.errno))


def _number(path: str) -> int | None:
    """One number from a small file."""
    text = read_file(path, 32).strip()
    return int(text) if text.isdigit() else None
