"""The list of leases as bytes: a text file that a person can read, a line a lease.

    portulan leases 1
    64480 <TAB> tcp <TAB> cooperative <TAB> - <TAB> - <TAB> 4026531840 <TAB> 1763777542 <TAB> 4242 19730 4026531836 b2c5… - <TAB> shop
    end 1

Port, transports, guarantee, `noted` or -, address or -, network namespace, seconds since 1970, keeper (pid, start, PID namespace, boot,
`detached` or -) or -, name. The last line counts the leases: a file that was cut short is known by it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput, ParseError
from portulan.model.lease import Guarantee, Keeper, Lease
from portulan.model.port import Transport, parse_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = "portulan leases 1"
_COLUMNS = 9
_NONE = "-"


def format_leases(leases: Iterable[Lease]) -> bytes:
    """The whole file."""
    lines = [_format(lease) for lease in leases]
    return "\n".join([_HEAD, *lines, f"end {len(lines)}", ""]).encode("utf-8", "surrogateescape")


def _format(lease: Lease) -> str:
    keeper = _NONE
    if lease.keeper is not None:
        pid, start, namespace, boot, detached = lease.keeper
        keeper = f"{pid} {start} {namespace} {boot or _NONE} {'detached' if detached else _NONE}"
    noted = "noted" if lease.noted else _NONE
    columns = (
        lease.port, " ".join(lease.transports), lease.guarantee.value, noted, lease.address or _NONE, lease.netns, int(lease.taken_at.timestamp()),
        keeper, lease.name,
    )  # fmt: skip
    return "\t".join(map(str, columns))


def parse_leases(data: bytes) -> tuple[Lease, ...]:
    """The leases of a file; none of an empty one. Raises ParseError for anything that was not written whole by `format_leases`."""
    if not data:
        return ()
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if len(lines) < 3 or lines[0] != _HEAD or lines[-1] or lines[-2] != f"end {len(lines) - 3}":
        raise ParseError("leases.damaged")
    try:
        return tuple(map(_parse, lines[1:-2]))
    except (ValueError, OverflowError, OSError, BadInput):
        raise ParseError("leases.damaged") from None


def _parse(line: str) -> Lease:
    port, transports, guarantee, noted, address, netns, taken_at, keeper, name = line.split("\t", _COLUMNS - 1)
    return Lease(
        name=name,
        port=parse_number(port),
        transports=tuple(map(Transport, transports.split(" "))),
        guarantee=Guarantee(guarantee),
        noted=noted == "noted",
        taken_at=datetime.fromtimestamp(int(taken_at), UTC),
        netns=int(netns),
        address=None if address == _NONE else address,
        keeper=None if keeper == _NONE else _keeper(keeper),
    )


def _keeper(text: str) -> Keeper:
    pid, start, namespace, boot, detached = text.split(" ")
    return Keeper(int(pid), int(start), int(namespace), "" if boot == _NONE else boot, detached == "detached")
