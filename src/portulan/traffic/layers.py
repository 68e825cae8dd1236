"""The slow lane: packets of any stack of headers, layer by layer, all packets that stand before the same layer at once.

A packet is at a place, before a layer of some kind; a step looks at that layer and moves it on. Ethertypes are kinds, as they are; the others are
numbered beyond them. No length is believed: a step moves a packet only past bytes that are there, every step moves forward (or ends), and the
number of layers is limited.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from portulan.traffic.gather import distinct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portulan.traffic.gather import I8, Bytes

    Step = Callable[["Frames", I8], None]

MOST_LAYERS = 40
"""Of one packet: tags, labels, extension headers and tunnels together."""


class Kind(IntEnum):
    """What stands next, beyond the ethertypes (0 to 0xFFFF)."""

    ETHERNET = 0x1_0000
    LOOPBACK = 0x1_0001
    """A family in the byte order of whatever machine wrote it."""
    COOKED = 0x1_0002
    COOKED2 = 0x1_0003
    EITHER = 0x1_0004
    """IPv4 or IPv6, as the first half byte says."""
    PPP = 0x1_0005
    PPPOE = 0x1_0006
    CISCO_HDLC = 0x1_0007
    LLC = 0x1_0008
    SNAP = 0x1_0009
    UNDER_LABELS = 0x1_000A
    """Whatever stands below the last MPLS label, which does not say."""
    VXLAN = 0x1_000B
    ENCAPSULATED = 0x1_000C
    """OpenBSD's enc(4)."""
    PROTOCOL = 0x2_0000
    """And an IP protocol number: what stands after an IP header and its extensions."""
    PORTS = 0x3_0000
    ICMP = 0x3_0001
    """Looked at by who asked for this: it may quote a packet."""
    ASIDE = 0x4_0000
    """And a Reason."""


class Reason(IntEnum):
    """Why no ports are told of a packet."""

    NOT_IP = 0
    ICMP = 1
    LATER_FRAGMENT = 2
    NO_PORTS = 3
    TUNNEL = 4
    CUT_SHORT = 5
    MALFORMED = 6
    UNKNOWN_LINK = 7
    TOO_DEEP = 8


CODES_OF_REASONS: tuple[str, ...] = (
    "not-ip", "icmp", "later-fragment", "no-ports", "tunnel", "cut-short", "malformed", "unknown-link", "too-deep",
)  # fmt: skip
"""As `model.traffic.Aside` has them.

not-ip: ARP, LLDP, spanning tree and all that is no IP packet. icmp: ICMP and ICMPv6 (errors among them also mark the flow that they quote).
later-fragment: the ports of a fragmented packet stand in its first fragment only. no-ports: an IP protocol without ports (ESP, OSPF, IGMP…).
tunnel: a packet inside GRE, IP or MPLS, which is looked into when asked. cut-short: the capture ends before the ports. malformed: headers that
contradict themselves. unknown-link: a link type that is not read. too-deep: more layers than anybody stacks."""


class Frames:
    """Packets on their way through their layers; all columns have the same length."""

    __slots__ = ("at", "buffer", "destination", "end", "inner", "kind", "network", "protocol", "stated", "version")

    def __init__(self, buffer: Bytes, at: I8, end: I8, stated: I8, kind: I8, *, inner: bool) -> None:
        """Packets at `at`, of which bytes are there until `end`, and were on the wire until `stated`."""
        self.buffer = buffer
        self.at, self.end, self.stated, self.kind = at, end, stated, kind
        self.inner = inner
        self.network = np.zeros_like(at)
        """Where the header with the addresses begins."""
        self.destination = np.zeros_like(at)
        """Where the last destination's address stands, which routing headers know."""
        self.version = np.zeros_like(at)
        """4 or 6; 0: no IP header was met."""
        self.protocol = np.zeros_like(at)
        """The transport, for those at PORTS."""

    def aside(self, rows: I8, reason: Reason) -> None:
        """These are done."""
        self.kind[rows] = Kind.ASIDE | reason

    def there(self, rows: I8, need: I8 | int) -> I8:
        """Those of the rows that have so many more bytes; the others are set aside: cut short, or too short by what they say themselves."""
        until = self.at[rows] + need
        enough = until <= self.end[rows]
        if enough.all():
            return rows
        less = rows[~enough]
        self.aside(less, Reason.CUT_SHORT)
        self.aside(less[until[~enough] > self.stated[less]], Reason.MALFORMED)
        return rows[enough]

    def bound(self, rows: I8, stated: I8) -> None:
        """What a header says of its packet's end holds where it is nearer than what held before (a link may pad, a snapshot may cut)."""
        self.stated[rows] = np.minimum(self.stated[rows], stated)
        self.end[rows] = np.minimum(self.end[rows], stated)

    def move(self, rows: I8, by: I8 | int, kind: I8 | int) -> None:
        """Past so many bytes, to what stands next."""
        self.at[rows] += by
        self.kind[rows] = kind


def walk(frames: Frames, steps: Mapping[int, Step]) -> None:
    """Move all packets on until each is at its ports, at ICMP, or aside."""
    live = np.flatnonzero(frames.kind < Kind.PORTS)
    for _ in range(MOST_LAYERS):
        if not len(live):
            return
        kinds = frames.kind[live]
        first = int(kinds[0])
        alike = kinds == first
        if alike.all():
            groups = [(first, live)]
        else:
            groups = [(kind, live[kinds == kind]) for kind in distinct(kinds).tolist()]
        for kind, rows in groups:
            step = steps.get(kind)
            if step is not None:
                step(frames, rows)
            elif kind >= Kind.PROTOCOL:
                frames.aside(rows, Reason.NO_PORTS)
            else:
                frames.aside(rows, Reason.NOT_IP)
        live = live[frames.kind[live] < Kind.PORTS]
    frames.aside(live, Reason.TOO_DEEP)
