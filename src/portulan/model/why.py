"""The answer to "can a server bind this port, and if not, why": codes and facts. Sentences are `portulan.text.why`'s."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.binding import Answer, Overlap
from portulan.model.chart import Endpoint, Gap
from portulan.model.port import Port
from portulan.model.record import Record

_NO_FACTS: Mapping[str, str | int] = {}


class Cause(StrEnum):
    """Why a port cannot be bound. The names are part of the JSON contract."""

    FREE = "free"
    """It can be bound."""
    LISTENER = "listener"
    """A server listens there."""
    MPTCP = "mptcp"
    """A server listens there by MPTCP, which takes TCP's ports."""
    BOUND = "bound"
    """A TCP socket holds the port without listening."""
    CONNECTION = "connection"
    """An outgoing connection uses the port as its own end."""
    LEFT_OVER = "left-over"
    """Connections that a server has accepted live on; the server itself no longer listens."""
    TIME_WAIT = "time-wait"
    """Connections of the last server are still closing."""
    UDP = "udp"
    """A UDP socket is bound there."""
    KERNEL = "kernel"
    """The kernel itself holds the port."""
    IN_FLIGHT = "in-flight"
    """The socket is in no process's file table: on its way between two processes, or hidden."""
    REUSE_PORT_USER = "reuse-port-user"
    """A group that shares the port by SO_REUSEPORT, of another user."""
    UNSEEN = "unseen"
    """The kernel says that the port is in use, and lists nothing that uses it."""
    PRIVILEGED = "privileged"
    """Ports this low take CAP_NET_BIND_SERVICE."""
    POLICY = "policy"
    """A security policy refuses; `suspects` says which, as far as the machine shows."""
    NOT_LOCAL = "not-local"
    """The address is none of this machine's (of this network namespace's)."""
    TENTATIVE = "tentative"
    """The IPv6 address is new: whether another machine has it is still being found out."""
    NO_FAMILY = "no-family"
    """This machine has no IPv6, or no such transport."""
    IMPOSSIBLE = "impossible"
    """No socket can be bound like that: the options or the address contradict each other."""
    REFUSED = "refused"
    """The kernel refused for another reason, which `error` names."""


HELD = (
    Cause.LISTENER, Cause.MPTCP, Cause.KERNEL, Cause.UDP, Cause.REUSE_PORT_USER, Cause.IN_FLIGHT, Cause.BOUND, Cause.CONNECTION, Cause.LEFT_OVER,
    Cause.TIME_WAIT, Cause.UNSEEN,
)  # fmt: skip
"""The causes that are another socket, the one that matters most first."""


class Trial(Record):
    """What the kernel said when it was really tried: bound, for TCP listening where that harms nobody, and closed at once."""

    error: str | None
    """`EADDRINUSE`, …; None: it worked."""
    listened: bool = False
    """Whether listening was tried too."""
    moved: str | None = None
    """Where the socket was bound instead, if something changed the address or port on its way into the kernel."""


class Suspect(Record):
    """A policy that refuses, or may."""

    code: str
    """`landlock`, `cgroup-bpf`, `systemd`, `selinux`, `apparmor`, `smack`, `tomoyo`, `seccomp`, `unknown`."""
    certain: bool
    detail: str = ""
    """What the machine calls it: a unit and its setting, a BPF program's name, a label."""


class Attempt(Record):
    """One address that the server would bind."""

    address: str
    v6_only: bool | None
    """None for IPv4."""
    answer: Answer
    cause: Cause
    error: str | None = None
    """The kernel's error name, where it was tried and failed."""
    overlap: Overlap | None = None
    """How the address meets that of the first holder, where there is one."""
    rule: Answer | None = None
    """What the rule alone says of the sockets that were seen; None where it was not applied."""
    tried: bool = False
    listened: bool = False
    untried: str | None = None
    """Why it was not tried: `other-user` (only root can be another), `takes-datagrams` (a bound socket would take them from who is there)."""
    disagreement: str | None = None
    """`kernel-lenient`: the rule says taken, the kernel lets it be bound. `kernel-stricter`: the other way round."""
    by_listeners: bool = False
    """Whether only listening sockets were looked at, because one of them is reason enough."""


class Holder(Record):
    """An endpoint that stands in the way, or that would share the port."""

    cause: Cause
    overlap: Overlap
    certain: bool
    """False where an option that nobody may see decides, and nothing was tried."""
    shares: bool
    """Whether it does not stand in the way: both would have the port together."""
    endpoint: Endpoint


class Way(Record):
    """A way out: a code for the sentence, and what to type where something can be typed."""

    code: str
    command: str | None = None
    facts: Mapping[str, str | int] = _NO_FACTS
    lasting: bool = False
    """Whether it helps the next time too."""


class Caution(Record):
    """What should be known of a port although it can be bound, or besides."""

    code: str
    """`ephemeral`, `reserved`, `privileged` (besides another cause), `needs-privilege` (for others than root), `moved`, `shared`, `takes-datagrams`,
    `published` and `published-unknown` (a firewall rule sends connections elsewhere), `other-address` (which is free)."""
    facts: Mapping[str, str | int] = _NO_FACTS


class Why(Record):
    """Whether a server can have a port, and why not."""

    port: Port
    """Number and transport."""
    host: str
    taken_at: datetime
    service: str | None
    answer: Answer
    cause: Cause
    items: tuple[Attempt, ...]
    """One for each address that was asked for."""
    uid: int | None
    """The user that the server was taken to run as."""
    user: str | None
    """That user's name."""
    reuse_address: bool
    reuse_port: bool
    device: str | None
    holders: tuple[Holder, ...] = ()
    remedies: tuple[Way, ...] = ()
    warnings: tuple[Caution, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    confirmed: bool = False
    """Whether the kernel was really asked for every address, and said so."""
    exact: bool = True
    """Whether the kernel's rule could be applied; not where sockets are read through psutil."""
    gaps: tuple[Gap, ...] = ()
    source: str = ""
    ephemeral: tuple[int, int] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing was kept from us."""
        return not self.gaps
