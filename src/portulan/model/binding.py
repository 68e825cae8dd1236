"""What a server wants to bind, what is held already, and the verdict of the rule that the kernel keeps between them (`host.binding`).

`None` means unknown: an option that our rights or the kernel do not tell. Addresses are packed, 4 or 16 bytes, network order.
"""

from __future__ import annotations

from enum import StrEnum

from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.record import Record

ANY_4, ANY_6 = bytes(4), bytes(16)
"""The wildcards."""


class Wish(Record):
    """One socket that is to be bound, and for TCP to listen."""

    transport: Transport
    address: bytes
    port: int
    uid: int = 0
    """The user whose process makes the socket."""
    reuse_address: bool = False
    reuse_port: bool = False
    v6_only: bool = False
    """Of an IPv6 socket (IPV6_V6ONLY); without meaning for IPv4."""
    device: int = 0
    """Index of the interface it is bound to (SO_BINDTODEVICE, or the scope of a link-local address), 0 for none."""


class Held(Record):
    """One socket that has a place in the kernel's table of bound ports."""

    transport: Transport
    address: bytes
    port: int
    state: State
    cookie: int = 0
    """The kernel's own number of the socket."""
    uid: int | None = None
    reuse_address: bool | None = None
    reuse_port: bool | None = None
    v6_only: bool | None = None
    """None for IPv4, too."""
    device: int = 0
    mptcp: bool = False


class Answer(StrEnum):
    """Whether something can be bound."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"
    """Something that is unknown decides."""


class Overlap(StrEnum):
    """How the address that is asked for meets the one that is held."""

    SAME = "same-address"
    HELD_WILDCARD = "held-wildcard"
    """The holder has all addresses of the family, the one asked for among them."""
    ASKED_WILDCARD = "asked-wildcard"
    """All addresses are asked for, and the holder has one of them."""
    HELD_DUAL_STACK = "held-dual-stack"
    """The holder's IPv6 wildcard takes IPv4 too, and IPv4 is asked for."""
    ASKED_DUAL_STACK = "asked-dual-stack"
    """An IPv6 wildcard that takes IPv4 too is asked for, and the holder has an IPv4 address."""
    PLACEHOLDER = "placeholder"
    """The holder is an IPv6 connection: in the kernel's IPv4 field stands 127.0.0.6 for it, which an IPv4 wildcard meets."""


class Obstacle(Record):
    """One held socket that stands in the way of a wish."""

    held: Held
    overlap: Overlap
    certain: bool
    """False where an unknown option of the holder decides."""


class Judgement(Record):
    """The rule's verdict on one wish."""

    answer: Answer
    obstacles: tuple[Obstacle, ...] = ()
    """Certain ones first."""
