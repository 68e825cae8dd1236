"""The table of flows: what all sources end in, and all questions begin with."""

from __future__ import annotations

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    I8 = NDArray[np.int64]


class Way(Record):
    """One direction of each flow, as columns: zeros where nothing went that way."""

    packets: I8
    bytes: I8
    """On the wire, the frame's own headers included."""
    first_ns: I8
    last_ns: I8
    payload: I8
    """Bytes after the transport's header, by the lengths the headers state."""
    flags: NDArray[np.uint8]
    """TCP: all that were seen, joined by or (RFC 9293 3.1: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128). Of a SYN with ACK both; see `opened`."""
    opened: NDArray[np.uint8]
    """TCP: 1 a SYN without ACK was seen, 2 a SYN with ACK, 4 a reset; joined by or."""
    protocol: NDArray[np.uint8]
    """What the first payload says it is: an index into `model.traffic.PROTOCOLS`; 0: it does not say, or there was none."""


class Flows(Record):
    """Flows as RFC 5103 has them: forward is the direction of the earliest packet. Sorted by that packet's time, then its place, then its addresses and ports.

    An address is 16 bytes; an IPv4 one is written as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
    """

    source: NDArray[np.void]
    """The initiator, V16."""
    destination: NDArray[np.void]
    transport: NDArray[np.uint8]
    """IP protocol number: 6, 17, 132, …"""
    source_port: NDArray[np.uint16]
    destination_port: NDArray[np.uint16]
    place: I8
    """Of the earliest packet."""
    forward: Way
    reverse: Way
    refused: NDArray[np.uint8]
    """What ICMP errors about the forward direction said, joined by or: 1 port unreachable, 2 host or network unreachable, 4 prohibited, 8 another."""
