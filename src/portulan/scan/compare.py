"""What changed between two views of the same addresses. Pure set arithmetic: a million ports that stayed closed cost nothing."""

from __future__ import annotations

from portulan.model.address import pack_address
from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.scan import State
from portulan.model.scan_diff import Difference, OneSided, Side

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portulan.model.scan_diff import Snapshot, Told

    Service = Callable[[int, Transport], str | None]

MANY = 25
"""More ports than this of one change are told as a set."""
_PERHAPS = (State.OPEN_FILTERED, State.UNFILTERED)
"""States that may be open."""


def differences(before: Snapshot, after: Snapshot, service: Service) -> Iterator[Difference]:
    """Every port whose state changed, by address, and those open in one view of which the other does not speak."""
    nothing: Told = {}
    for address in sorted(before.hosts.keys() | after.hosts.keys(), key=pack_address):
        old, new = before.hosts.get(address, nothing), after.hosts.get(address, nothing)
        if old == new:
            continue
        name = after.names.get(address) or before.names.get(address)
        for transport in sorted({transport for transport, _ in (*old, *new)}):
            for was, now, ports in _changes(_of(old, transport), _of(new, transport)):
                yield from _told(address, name, transport, was, now, ports, service)


def _of(told: Told, transport: Transport) -> dict[State, PortSet]:
    return {state: ports for (on, state), ports in told.items() if on is transport and ports.ranges}


def _changes(old: dict[State, PortSet], new: dict[State, PortSet]) -> Iterator[tuple[State | None, State | None, PortSet]]:
    """(before, after, ports) of each change, the open ones first."""
    found: list[tuple[State | None, State | None, PortSet]] = []
    for was, some in old.items():
        rest = some - new.get(was, PortSet())
        for now, others in new.items():
            both = rest & others if now is not was and rest.ranges else PortSet()
            if both.ranges:
                found.append((was, now, both))
    gone, come = _unspoken(old, new), _unspoken(new, old)
    if gone.ranges:
        found.append((State.OPEN, None, gone))
    if come.ranges:
        found.append((None, State.OPEN, come))
    found.sort(key=lambda each: (State.OPEN not in each[:2], each[2].ranges[0]))
    yield from found


def _unspoken(some: dict[State, PortSet], others: dict[State, PortSet]) -> PortSet:
    """Open ports of one view of which the other does not speak."""
    rest = some.get(State.OPEN, PortSet())
    for ports in others.values():
        rest -= ports
    return rest


def _told(
    address: str, name: str | None, transport: Transport, was: State | None, now: State | None, ports: PortSet, service: Service
) -> Iterator[Difference]:
    amount = len(ports)
    if amount > MANY or State.OPEN not in (was, now):
        single = ports.ranges[0].first if amount == 1 else None
        yield Difference(address, name, transport, str(ports), amount, was, now, None if single is None else service(single, transport))
        return
    for port in ports:
        yield Difference(address, name, transport, str(port), 1, was, now, service(port, transport))


def one_sided(
    address: str,
    outside: Told,
    inside: Mapping[tuple[Transport, int], tuple[str | None, tuple[str, ...]]],
    service: Service,
    *,
    blind: Mapping[Transport, PortSet] | None = None,
) -> tuple[list[OneSided], int]:
    """(open ports that one side alone knows of, how many both know of) of one address.

    `inside`: (transport, port) -> (holder, addresses it is bound to) of who listens there; `blind`: ports of which the inside cannot speak. A port that may
    be open from outside (open|filtered) agrees with either.
    """
    found: list[OneSided] = []
    agreed = 0
    for transport in (Transport.TCP, Transport.UDP):
        seen = _of(outside, transport)
        unknown = (blind or {}).get(transport, PortSet())
        listening = {port for on, port in inside if on is transport}
        opened = seen.get(State.OPEN, PortSet())
        for port in opened - unknown:
            if port in listening:
                agreed += 1
            else:
                found.append(OneSided(address, transport, port, Side.OUTSIDE, State.OPEN, service(port, transport)))
        for port in sorted(listening):
            state = next((state for state, ports in seen.items() if port in ports), None)
            if state is not None and state is not State.OPEN and state not in _PERHAPS:
                holder, bound = inside[transport, port]
                found.append(OneSided(address, transport, port, Side.INSIDE, state, service(port, transport), holder, bound))
    return found, agreed
