"""This host's own ports, answered from its kernel's list of sockets: complete and exact, without a packet. Pure: the list comes in."""

from __future__ import annotations

import numpy as np

from portulan.model.address import MAPPED, pack_address
from portulan.model.chart import State as SocketState
from portulan.model.port import PORTS, Transport
from portulan.model.scan import REASONS, STATES, Decided, Reason, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from portulan.model.chart import Endpoint
    from portulan.scan.space import Space

    Mask = NDArray[np.bool_]

_OPEN, _CLOSED = STATES.index(State.OPEN), STATES.index(State.CLOSED)
_KERNEL = REASONS.index(Reason.KERNEL)
_SERVES = {Transport.TCP: SocketState.LISTENING, Transport.UDP: SocketState.BOUND}
_HOSTS_AT_ONCE = 64
_LOOPBACK = "lo"


def decide(space: Space, transport: Transport, endpoints: Iterable[Endpoint]) -> Iterator[Decided]:
    """Every pair of a space whose addresses are all this host's own, some addresses at a time.

    A port is open where a socket listens (TCP) or is bound without a peer (UDP), on the address or on all addresses of its family. What a firewall lets through is
    another question: `reach` answers it.
    """
    everywhere = np.zeros(PORTS, np.bool_)
    there: dict[bytes, list[tuple[int, bool]]] = {}
    for each in endpoints:
        if each.transport is not transport or each.state is not _SERVES.get(transport):
            continue
        device = _device(each)
        for address in _addresses(each, space.version):
            if address or device is not None:
                there.setdefault(address, []).append((each.port, device not in (None, _LOOPBACK)))
            else:
                everywhere[each.port] = True
    count = len(space.ports)
    for first in range(0, space.hosts, _HOSTS_AT_ONCE):
        hosts = np.arange(first, min(first + _HOSTS_AT_ONCE, space.hosts))
        opened = np.stack([_ports_of(row.tobytes(), everywhere, there)[space.ports] for row in space.packed(hosts)])
        size = opened.size
        yield Decided(
            pair=np.arange(first * count, first * count + size), state=np.where(opened.reshape(-1), _OPEN, _CLOSED).astype(np.uint8),
            reason=np.full(size, _KERNEL, np.uint8), ttl=np.zeros(size, np.uint8), rtt_s=np.full(size, np.nan, np.float32), by=np.zeros(size, np.uint16),
        )  # fmt: skip


def _ports_of(address: bytes, everywhere: Mask, there: dict[bytes, list[tuple[int, bool]]]) -> Mask:
    """The open ports of one address."""
    loopback = address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"
    mask = everywhere.copy()
    for port, elsewhere in (*there.get(address, ()), *there.get(b"", ())):
        mask[port] |= not (loopback and elsewhere)  # what is bound to a card hears nothing that comes over the loopback
    return mask


def _device(endpoint: Endpoint) -> str | None:
    """The interface that all its sockets are bound to; None: at least one is bound to none, or nothing is known."""
    devices = {one.device for one in endpoint.sockets}
    return devices.pop() if len(devices) == 1 else None


def _addresses(endpoint: Endpoint, version: int) -> list[bytes]:
    """The packed address of this family at which an endpoint takes packets; empty bytes: all. None at all: an empty list."""
    packed = pack_address(endpoint.address.partition("%")[0])
    if len(packed) == 16 and packed[:12] == MAPPED:
        packed = packed[12:]
    size = 4 if version == 4 else 16
    if len(packed) == size:
        return [packed if any(packed) else b""]
    if version == 4 and not any(packed) and not (endpoint.sockets and all(one.v6_only for one in endpoint.sockets)):
        return [b""]  # an IPv6 wildcard takes IPv4 too
    return []
