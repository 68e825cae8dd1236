"""The way to a port: what one probe found, what many say together, the hops between, and the verdict with its evidence.

Times are nanoseconds where they are measured and milliseconds where they are shown to programs. `None` means unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.record import Record
from portulan.model.scan import Reason, State

_NO_FACTS: Mapping[str, str | int | float] = {}


class Kind(StrEnum):
    """What is sent."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"

    __hash__ = str.__hash__


class Clock(StrEnum):
    """Who took the time of a round trip."""

    KERNEL = "kernel"
    """Both moments: TCP's own measurement, or the stamps of two packets."""
    HALF = "half"
    """The answer's arrival by the kernel; the departure lies between two looks at the clock."""
    PROCESS = "process"
    """By this process: it may have been woken later than the answer came, never earlier."""


class Secure(Record):
    """What a TLS handshake on the connection told."""

    handshake_ns: int | None
    """From the first byte sent to the end of the handshake; None where it failed."""
    version: str | None = None
    not_after: datetime | None = None
    """Until when the certificate is valid."""
    failure: str | None = None
    """Why there was none, in the words of the TLS library."""


class Answer(Record):
    """What came back for one probe, or why it did not go out."""

    key: int | None
    """Which probe; None: an answer that does not say which of several."""
    reason: Reason
    by: str | None
    """Who says so."""
    rtt_ns: int | None = None
    early_ns: int = 0
    """How much less the round trip may have been."""
    late_ns: int = 0
    """How much more."""
    clock: Clock = Clock.KERNEL
    icmp: tuple[int, int] | None = None
    """Type and code."""
    mtu: int | None = None
    resent: bool = False
    """The kernel had to send the probe twice: no time can be told."""
    secure: Secure | None = None


ARRIVED = frozenset({Reason.SYN_ACK, Reason.RESET, Reason.ANSWER, Reason.ECHO_REPLY})
"""What only the host itself says, or a box in its name."""
REJECTED = frozenset({
    Reason.PORT_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.NET_UNREACHABLE, Reason.PROTOCOL_UNREACHABLE, Reason.ADMIN_PROHIBITED, Reason.HOST_PROHIBITED,
    Reason.NET_PROHIBITED,
})  # fmt: skip
"""What says that a probe goes no further."""
NOT_SENT = frozenset({Reason.NO_ROUTE, Reason.LOCAL_FIREWALL, Reason.LINK_DOWN})
"""The probe never left this host."""


def state_of(kind: Kind, reason: Reason, *, by_host: bool) -> State:
    """The state of a port by what one probe found. `by_host`: the address that was asked says so itself."""
    if reason in (Reason.SYN_ACK, Reason.ANSWER, Reason.ECHO_REPLY):
        return State.OPEN
    if reason is Reason.RESET or (reason is Reason.PORT_UNREACHABLE and by_host and kind is Kind.UDP):
        return State.CLOSED
    if reason is Reason.NONE and kind is Kind.UDP:
        return State.OPEN_FILTERED
    return State.FILTERED


class Target(Record):
    """One port that is asked."""

    text: str
    """As it was written: `web-01:https`."""
    host: str
    address: str
    port: int | None
    """None for ICMP, which has no ports."""
    kind: Kind
    tls: bool = False
    scope: int = 0
    """Of a link-local IPv6 address: the number of the interface."""

    @property
    def version(self) -> int:
        """Of IP."""
        return 6 if ":" in self.address else 4

    @property
    def name(self) -> str:
        """`443/tcp`, or `icmp`."""
        return self.kind.value if self.port is None else f"{self.port}/{self.kind.value}"


class Probe(Record):
    """One probe of a ping: a line of the stream."""

    target: str
    address: str
    port: int | None
    transport: Kind
    sequence: int
    """From 1, of each target."""
    sent_at: datetime
    state: State
    reason: Reason
    by: str | None
    """Who says so, where it is not the address itself."""
    rtt_ms: float | None
    uncertain_ms: float | None
    """How far off it may be; for a time that a process took, how much less it may have been."""
    clock: Clock | None
    resent: bool = False
    tls_ms: float | None = None
    tls_version: str | None = None
    tls_failure: str | None = None
    certificate_days: float | None = None
    """Until the certificate ends; below zero: since it did."""


class Times(Record):
    """Round trips that came back, in milliseconds."""

    least: float
    average: float
    median: float
    p95: float
    most: float
    jitter: float | None
    """Mean deviation as RFC 3550, section 6.4.1 smooths it; None of a single one."""
    last: float
    deviation: float
    """Standard deviation."""
    uncertain: float
    """The most that one of them may be off."""


class PingSummary(Record):
    """All probes of one target together."""

    target: str
    address: str
    port: int | None
    transport: Kind
    state: State
    """Open, if it ever was; else the last."""
    reason: Reason
    by: str | None
    sent: int
    answered: int
    loss: float
    """Share without any answer, 0 to 1."""
    states: dict[str, int]
    """How many probes found it so."""
    times: Times | None
    changes: int = 0
    """How often its state became another."""
    tls: Times | None = None
    """Of the TLS handshakes."""
    tls_version: str | None = None
    tls_failure: str | None = None
    certificate_days: float | None = None


class HopSeen(Record):
    """One address that answered at one distance."""

    address: str
    name: str | None
    system: str | None
    """The autonomous system, by the file that was given."""
    answers: int


class Hop(Record):
    """One distance from here."""

    hop: int
    seen: tuple[HopSeen, ...]
    """Empty: nobody answered. Several: the load is shared, or the route changed."""
    sent: int
    answered: int
    loss: float
    """Share of probes lost on the way up to here, 0 to 1: what later hops answer was not lost before them."""
    withheld: float
    """Share that this hop did not answer although its packets come through: it limits its answers, or gives none."""
    times: Times | None
    reasons: dict[str, int]
    history: tuple[float | None, ...] = ()
    """The latest round trips in milliseconds, None for no answer."""


class Sure(StrEnum):
    """How sure a verdict is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    """Losses could make it look so; the chance is told."""
    UNDECIDABLE = "undecidable"
    """From here, two causes look the same."""


class Finding(StrEnum):
    """What becomes of packets to the port."""

    OPEN = "open"
    CLOSED = "closed"
    """By the host itself, as far as can be told."""
    FORGED = "forged-reset"
    """A box before the host refuses in its name."""
    REJECTED = "rejected"
    """A router on the way, or the host's own firewall, says so."""
    UNREACHABLE = "unreachable"
    """A router knows no way on, or finds nobody there."""
    SILENT = "silent"
    """Packets vanish after a hop."""
    PORT_FILTERED = "port-filtered"
    """They vanish, while another port of the host answers."""
    LOOP = "loop"
    NOTHING = "no-reply"
    """No hop answers at all."""
    MUTE = "open-or-filtered"
    """UDP that gets as far as can be seen, and is not answered."""
    NOT_SENT = "not-sent"
    """It never left this host."""

    __hash__ = str.__hash__


class Evidence(Record):
    """One observation that a verdict rests on; text makes the sentence."""

    code: str
    facts: Mapping[str, str | int | float] = _NO_FACTS


class Compared(Record):
    """Another port of the same host, asked to compare with."""

    port: int | None
    transport: Kind
    state: State
    reason: Reason
    hop: int | None
    """How far away it answered."""
    hops: tuple[tuple[int, str], ...] = ()
    """(hop, address) of those that answered for it."""


class Verdict(Record):
    """The answer."""

    finding: Finding
    state: State
    reason: Reason
    sure: Sure
    hop: int | None = None
    """Where: the host's distance, or the hop that answers for, or the last one seen."""
    by: str | None = None
    """The address that goes with it."""
    chance: float | None = None
    """Of being wrong because packets were lost, at most, as far as loss is known."""
    evidence: tuple[Evidence, ...] = ()


class Flow(StrEnum):
    """Whether all probes look like one flow to routers that share load by ports."""

    ONE = "one"
    EACH = "each"
    """A source port for each probe: routers may send them different ways."""


class PathMtu(Record):
    """How big a packet may be."""

    bytes: int
    sure: bool
    """Whether a packet of that size was answered for by the host; else only: no router complained."""
    hop_address: str | None = None
    """The router that could not send on a bigger one."""


class Trace(Record):
    """The way to one port."""

    target: Target
    taken_at: datetime
    verdict: Verdict
    hops: tuple[Hop, ...]
    reached: int | None
    """The host's distance, by whatever port."""
    flow: Flow
    mtu: PathMtu | None
    compared: tuple[Compared, ...]
    rounds: int
    probes: int
    took_ms: float
    """Until the way to the port itself was known."""
