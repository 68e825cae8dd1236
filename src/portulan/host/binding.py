"""May a server bind here? The rule that the kernel keeps, as a pure decision over the sockets that are held already.

bind(2), and listen(2) once more, fail with EADDRINUSE if, and for one or two sockets only if, some *held* socket overlaps the *new* one and the two
may not share. (With three and more on a port the kernel may be more lenient, never stricter: it remembers of a TCP port whether all who came could share,
and of a UDP port it takes the first socket that shares by SO_REUSEPORT for the last word.)

Overlap: same transport (MPTCP is TCP), same port, not bound to two different interfaces, and the addresses meet: they are equal, or one of them is a
wildcard of the other's family. `::ffff:a.b.c.d` counts as the IPv4 address in it. `::` meets IPv4 unless it is v6-only. (inet_rcv_saddr_equal in
net/ipv4/inet_connection_sock.c, which TCP asks for wildcards and UDP always; inet_bhash2_conflict and inet_bhash2_addr_any_conflict, which TCP asks for
one address.) The kernel makes every socket *bound* to one IPv6 address v6-only; one that got its address by connecting or by being accepted is not,
and has 127.0.0.6 (LOOPBACK4_IPV6) in the field for IPv4: an IPv4 wildcard meets it, and for UDP so does the IPv4 address 127.0.0.6.

Share, UDP (udp_lib_lport_inuse in net/ipv4/udp.c): both have SO_REUSEADDR; or both have SO_REUSEPORT and the same user.
Share, TCP (inet_bind_conflict): both have SO_REUSEADDR and the held one does not listen; or both have SO_REUSEPORT, and the same user or the held one is in
TIME_WAIT. Options are those of now, not those at the time of its bind.

Not in the table at all: connections that are still being opened by a client (SYN_RECEIVED behind a listener).
"""

from __future__ import annotations

from portulan.model.address import MAPPED
from portulan.model.binding import ANY_4, ANY_6, Answer, Held, Judgement, Obstacle, Overlap
from portulan.model.chart import Ownership, State
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.binding import Wish
    from portulan.model.survey import Row, Survey

_Known = bool | None
"""True, False, or not known."""
_PLACEHOLDER = bytes((127, 0, 0, 6))


def judge(wish: Wish, held: Iterable[Held]) -> Judgement:
    """The rule's verdict. `held` are the sockets of one network namespace; those of other ports and transports do not matter."""
    sure: list[Obstacle] = []
    unsure: list[Obstacle] = []
    for one in held:
        conflict = collides(wish, one)
        if conflict is not False:
            (sure if conflict else unsure).append(Obstacle(one, overlap_of(wish, one), conflict is True))
    answer = Answer.NO if sure else Answer.MAYBE if unsure else Answer.YES
    return Judgement(answer, (*sure, *unsure))


def collides(wish: Wish, held: Held) -> bool | None:
    """Whether the held socket alone keeps the new one from being bound; None where an unknown option decides."""
    if wish.port != held.port or wish.transport is not held.transport:
        return False
    if wish.device and held.device and wish.device != held.device:
        return False
    return _both(_meets(wish, held), _not(may_share(wish, held)))


def may_share(wish: Wish, held: Held) -> bool | None:
    """Whether the two may have one address and port together; None where unknown."""
    tcp = wish.transport is Transport.TCP
    by_address: bool | None = wish.reuse_address and not (tcp and held.state is State.LISTENING)
    by_port: bool | None = wish.reuse_port
    same_user: bool | None = None if held.uid is None else held.uid == wish.uid
    if tcp and held.state is State.TIME_WAIT:
        same_user = True
    return _either(_both(by_address, held.reuse_address), _both(_both(by_port, held.reuse_port), same_user))


def overlap_of(wish: Wish, held: Held) -> Overlap:
    """How the two addresses meet, given that they do."""
    asked, theirs = _plain(wish.address), _plain(held.address)
    if asked == theirs:
        return Overlap.SAME
    if len(asked) == len(theirs):
        return Overlap.HELD_WILDCARD if not any(theirs) else Overlap.ASKED_WILDCARD
    if theirs == ANY_6:
        return Overlap.HELD_DUAL_STACK
    return Overlap.ASKED_DUAL_STACK if asked == ANY_6 else Overlap.PLACEHOLDER


def _meets(wish: Wish, held: Held) -> bool | None:
    """Whether the addresses meet; None where that depends on an unknown IPV6_V6ONLY."""
    if len(held.address) == 4 or held.v6_only is not None:
        return _addresses_meet(wish, held, held_v6_only=bool(held.v6_only))
    open_, closed = (_addresses_meet(wish, held, held_v6_only=only) for only in (False, True))
    return open_ if open_ is closed else None


def _addresses_meet(wish: Wish, held: Held, *, held_v6_only: bool) -> bool:
    asked, theirs = _plain(wish.address), _plain(held.address)
    if asked == theirs:
        return True
    if len(asked) == len(theirs):  # one family
        return not any(asked) or not any(theirs)
    if len(asked) == 4:
        if theirs == ANY_6:
            return not held_v6_only
        # One IPv6 address: met through the placeholder, by a plain IPv4 socket only.
        by_placeholder = asked == ANY_4 or (asked == _PLACEHOLDER and wish.transport is not Transport.TCP)
        return by_placeholder and len(wish.address) == 4 and not held_v6_only
    return asked == ANY_6 and not wish.v6_only


def _plain(address: bytes) -> bytes:
    """The address; the IPv4 one in a mapped one."""
    return address[12:] if len(address) == 16 and address[:12] == MAPPED else address


def _not(one: _Known) -> _Known:
    return None if one is None else not one


def _both(one: _Known, other: _Known) -> _Known:
    """And, of three values."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _either(one: _Known, other: _Known) -> _Known:
    """Or, of three values."""
    return _not(_both(_not(one), _not(other)))


def find_held(survey: Survey, netns: int | None) -> tuple[Held, ...]:
    """The sockets of a survey that have a place in the table of bound ports of one namespace (its inode, as the rows have it).

    The survey must have been asked for every state; one of listeners only tells of those.
    """
    return tuple(
        _held(row, survey)
        for row in survey.rows
        if row.netns == netns
        and survey.unheld.get(row.cookie) != Ownership.GONE
        and not (row.state is State.SYN_RECEIVED and not row.inode)
    )


def _held(row: Row, survey: Survey) -> Held:
    """One row. Of a socket that no process has, the kernel tells no user; the kernel's own UDP sockets share with nobody (net/ipv4/udp_tunnel_core.c)."""
    by_address, by_port = survey.sharing.get(row.cookie, (None, None))
    if by_port is None and row.transport is not Transport.TCP and survey.unheld.get(row.cookie) == Ownership.KERNEL:
        by_address = by_port = False
    uid = row.uid if row.inode else None
    return Held(row.transport, row.source, row.port, row.state, row.cookie, uid, by_address, by_port, row.v6_only, row.device, row.mptcp)


def needs_privilege(port: int, unprivileged_start: int) -> bool:
    """Whether binding this port takes CAP_NET_BIND_SERVICE (ip-sysctl: ip_unprivileged_port_start). Port 0 asks for any and takes none."""
    return 0 < port < unprivileged_start


def is_ephemeral(port: int, ephemeral: tuple[int, int] | None, reserved: Iterable[tuple[int, int]] = ()) -> bool:
    """Whether the kernel may hand this port to a client by itself: in its range, and not in one of the reserved ones (first and last, both inside)."""
    if ephemeral is None or not ephemeral[0] <= port <= ephemeral[1]:
        return False
    return not any(first <= port <= last for first, last in reserved)


def is_local(address: bytes, networks: Iterable[tuple[bytes, int]], transport: Transport, *, nonlocal_bind: bool = False) -> bool:
    """Whether a socket may be bound to this address: a wildcard, one of this machine's own, or for datagrams a group.

    `networks` are what the kernel routes to itself, as (packed prefix, bits): 127.0.0.0/8 and each address of an interface. With `nonlocal_bind` (ip-sysctl:
    ip_nonlocal_bind) any address will do. IPv4 takes groups and broadcast addresses of all sockets (inet_addr_valid_or_nonlocal), IPv6 groups of
    datagrams only (__inet6_bind, RFC 4291).
    """
    plain = _plain(address)
    if nonlocal_bind or not any(plain):
        return True
    if len(plain) == 4:
        if plain[0] & 0xF0 == 0xE0 or plain == b"\xff\xff\xff\xff":
            return True
    elif plain[0] == 0xFF:
        return transport is not Transport.TCP
    number = int.from_bytes(plain)
    for prefix, bits in networks:
        shift = len(plain) * 8 - bits
        if len(prefix) == len(plain) and number >> shift == int.from_bytes(prefix) >> shift:
            return True
    return False
