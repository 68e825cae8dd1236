"""In which order port numbers are tried when somebody needs one for a server. Pure: what is known of the numbers and the name come in.

The order belongs to a name: the same name meets the same numbers first, today and tomorrow, on this machine and on a colleague's. It is one
walk through all 65,536 numbers, rank -> (step * rank + start) mod 2^16 with an odd step, both made of the name; numbers that may not be
chosen are passed over. So a number that gets taken, or free, changes nothing in the order of the others.

What is passed over unless it is asked for: the range that the kernel hands to clients by itself (a server there may find its number gone at
any moment), numbers that IANA assigned to somebody, numbers that the administrator reserved (ip_local_reserved_ports: whoever wrote them
there meant them for something), numbers that need a privilege. First come the dynamic ports, which RFC 6335 (section 6) leaves to private use.
"""

from __future__ import annotations

from binascii import crc32

from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS
from portulan.model.portset import PortRange, PortSet
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

NOBODY = PortSet()
DYNAMIC = PortSet((PortRange(LAST_USER + 1, PORTS - 1),))
USER = PortSet((PortRange(LAST_SYSTEM + 1, LAST_USER),))
USUAL = (DYNAMIC, USER)
"""Where a number is looked for, first to last, when no range is asked for."""
_FEW = 256
"""Up to so many numbers, ranking them all is quicker than walking until each was met."""


class Known(Record):
    """What is known of the numbers before any is tried."""

    assigned: Container[int] = NOBODY
    """Assigned by IANA. Asked for single numbers only: it may look them up as it goes."""
    ephemeral: PortRange | None = None
    """What the kernel hands to clients by itself."""
    reserved: PortSet = NOBODY
    """What the administrator keeps from that (ip_local_reserved_ports)."""
    taken: Container[int] = NOBODY
    """In use, leased, or declared by somebody's files."""
    first_unprivileged: int = LAST_SYSTEM + 1
    """From here on no privilege is needed (ip_unprivileged_port_start)."""


class Wish(Record):
    """Which numbers will do."""

    within: tuple[PortSet, ...] = USUAL
    """Where to look; what stands first is used up first."""
    length: int = 1
    """How many in a row."""
    assigned: bool = False
    """Whether numbers assigned by IANA will do too."""
    ephemeral: bool = False
    """Whether numbers of the ephemeral range will do too."""
    reserved: bool = False
    """Whether numbers that the administrator reserved will do too."""
    privileged: bool = False
    """Whether numbers that need a privilege will do too."""


def candidates(name: str, known: Known, wish: Wish | None = None) -> Iterator[int]:
    """The numbers to try, in the order of this name; of several in a row, the first of each row. Each comes once.

    None of them is known to be unusable; whether one can be bound, only the kernel says. Where any number will do, the name is thrown by dice.
    """
    wish = wish or Wish()
    for ground in wish.within:
        for first in order(name, starts(ground - _passed_over(known, wish), wish.length)):
            if _may(first, known, wish) and all(_may(number, known, wish) for number in range(first + 1, first + wish.length)):
                yield first


def order(name: str, ports: PortSet) -> Iterator[int]:
    """The numbers of a set in the order of a name."""
    step, start = _walk_of(name)
    if len(ports) <= _FEW:
        back = pow(step, -1, PORTS)
        yield from sorted(ports, key=lambda number: (number - start) * back % PORTS)
        return
    left, number = len(ports), start
    while left:
        if number in ports:
            left -= 1
            yield number
        number = (number + step) % PORTS


def starts(ports: PortSet, length: int) -> PortSet:
    """The numbers from which on `length` in a row lie in the set."""
    if length == 1:
        return ports
    return PortSet(tuple(PortRange(part.first, part.last - length + 1) for part in ports.ranges if len(part) >= length))


def _passed_over(known: Known, wish: Wish) -> PortSet:
    """Whole ranges that will not do. Port 0 never does: to the kernel it means any."""
    ranges = [PortRange(0, 0 if wish.privileged else max(0, known.first_unprivileged - 1))]
    if known.ephemeral is not None and not wish.ephemeral:
        ranges.append(known.ephemeral)
    if not wish.reserved:
        ranges += known.reserved.ranges
    return PortSet.of(ranges)


def _may(number: int, known: Known, wish: Wish) -> bool:
    return number not in known.taken and (wish.assigned or number not in known.assigned)


def _walk_of(name: str) -> tuple[int, int]:
    """(step, start) of a name. The checksum is stirred (the finaliser of MurmurHash3, public domain): of `web1` and `web2` it differs in few bits."""
    mixed = crc32(name.encode("utf-8", "surrogateescape"))
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ mixed >> shift) * factor & 0xFFFFFFFF
    mixed ^= mixed >> 16
    return mixed >> 16 | 1, mixed & 0xFFFF
