"""The words of a scan: states and reasons as nmap names them, what was seen at each port, and how sure the whole is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Method(StrEnum):
    """How ports are asked."""

    SYN = "syn"
    """Raw SYNs, never a connection; needs CAP_NET_RAW."""
    CONNECT = "connect"
    """Ordinary connections, closed at once; needs no right."""
    UDP = "udp"
    """Datagrams that the usual service of the port answers."""
    LOCAL = "local"
    """The kernel of this host is asked what is bound: no packet at all."""


class State(StrEnum):
    """The six states of a port, by nmap's names."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    """Something between us and the host keeps the port from answering."""
    UNFILTERED = "unfiltered"
    """Packets get through, but whether a service is there cannot be told: somebody else answers in its place."""
    OPEN_FILTERED = "open|filtered"
    """No answer where a service is free not to answer (UDP)."""
    CLOSED_FILTERED = "closed|filtered"
    """Not open; the target answers too slowly to tell which."""


STATES = tuple(State)
"""Code -> state, in columns."""


class Reason(StrEnum):
    """Why a port has its state, by nmap's names where it has one."""

    NONE = "no-response"
    SYN_ACK = "syn-ack"
    RESET = "reset"
    REFUSED = "conn-refused"
    ANSWER = "udp-response"
    PORT_UNREACHABLE = "port-unreach"
    HOST_UNREACHABLE = "host-unreach"
    NET_UNREACHABLE = "net-unreach"
    PROTOCOL_UNREACHABLE = "proto-unreach"
    ADMIN_PROHIBITED = "admin-prohibited"
    HOST_PROHIBITED = "host-prohibited"
    NET_PROHIBITED = "net-prohibited"
    TIME_EXCEEDED = "time-exceeded"
    NO_ROUTE = "no-route"
    HOST_DOWN = "host-down"
    """Its link-layer address was asked for, and nobody answered."""
    FORGED_RESET = "forged-reset"
    """A reset from another distance than the host's own answers."""
    SYN_PROXY = "syn-proxy"
    """A SYN-ACK without a window: a box answers before it knows whether the service is there."""
    TARPIT = "tarpit"
    """A SYN-ACK with a window of a few bytes."""
    RATE_LIMITED = "rate-limited"
    """The target limits how many refusals it sends: this one did not come yet."""
    KERNEL = "kernel"
    """The kernel of this host said so."""
    NOT_ASKED = "not-asked"
    """The scan was ended before."""
    ECHO_REPLY = "echo-reply"
    """An answer to an ICMP echo."""
    TOO_BIG = "too-big"
    """A router cannot send on a packet of that size."""
    LOCAL_FIREWALL = "local-firewall"
    """This host's own rules did not let the packet out."""
    LINK_DOWN = "link-down"
    """The interface it would leave by is down or gone."""
    ARP = "arp-response"
    NEIGHBOUR = "nd-response"
    """It answered to IPv6's neighbour discovery."""


REASONS = tuple(Reason)
"""Code -> reason, in columns."""


class Verdict:
    """What one answer says, as codes in columns. A higher one outranks: a SYN-ACK before a reset, a reset before an ICMP error."""

    NONE, UNREACHABLE, CLOSED, PROXIED, OPEN = range(5)


class Answers(Record):
    """Answers that came in together: columns of one length."""

    pair: NDArray[np.int64]
    """Which address-port pair, as `scan.space.Space` numbers them."""
    tag: NDArray[np.uint8]
    """To which probe: each time a pair is asked, it is with another tag."""
    verdict: NDArray[np.uint8]
    """Codes of `Verdict`."""
    reason: NDArray[np.uint8]
    """Places in `REASONS`."""
    ttl: NDArray[np.uint8]
    """Time to live (hop limit) on arrival; 0: unknown."""
    at: NDArray[np.float64]
    """When it arrived, seconds since the epoch."""
    by: NDArray[np.uint16]
    """Who said so: 0 the address itself, else a place in the prober's `responders` (routers that sent ICMP errors)."""


class Decided(Record):
    """Pairs that are decided, columns of one length: what the engine hands to whoever reports."""

    pair: NDArray[np.int64]
    state: NDArray[np.uint8]
    """Places in `STATES`."""
    reason: NDArray[np.uint8]
    """Places in `REASONS`."""
    ttl: NDArray[np.uint8]
    rtt_s: NDArray[np.float32]
    """NaN: unknown."""
    by: NDArray[np.uint16]


class PortSeen(Record):
    """One port of one address, as seen from outside: a row of the answer."""

    address: str
    port: int
    transport: Transport
    state: State
    reason: Reason
    service: str | None = None
    """The registry's usual name of the port: what it is for, not what was found there."""
    rtt_ms: float | None = None
    """Good to about a tenth of a millisecond: many probes leave by one call."""
    ttl: int | None = None
    by: str | None = None
    """Who answered, where it was not the address itself."""


class Others(Record):
    """Ports of one address that are told together: the many of one state."""

    transport: Transport
    state: State
    reason: Reason
    amount: int
    ports: str
    """As a port set: `1-21,23-79`."""


class HostSeen(Record):
    """One address and what its ports said."""

    address: str
    name: str | None
    """As it was asked for, when it was by name."""
    up: bool | None
    """Whether anything at all answered; None: nothing did, and nothing had to."""
    states: dict[str, int]
    """How many ports are in each state (`State` -> count), the ones with rows of their own too."""
    others: tuple[Others, ...] = ()
    """What has no row of its own."""
    mac: str | None = None
    reason: Reason | None = None
    """By what host discovery found it, where that was asked."""
    rtt_ms: float | None = None


class Basis(StrEnum):
    """From what the loss of packets was learnt."""

    ANSWERED = "answered"
    """Every port answered: nothing can have been missed."""
    OPEN = "open"
    """From open ports that were asked again."""
    CLOSED = "closed"
    """From closed ports that were asked again."""
    ASSUMED = "assumed"
    """Nothing answers, so loss cannot be known: a share was assumed."""
    KERNEL = "kernel"
    """Nothing was sent."""


class Loss(Record):
    """Answers of one class that did not come."""

    lost: int
    asked: int
    upper: float
    """An upper bound of the share (Wilson, three sigma)."""


class Doubt(StrEnum):
    """Why a scan may not be exact, or what a person must know to read it."""

    LIMITED = "limited"
    """The target limits its refusals: open ports are complete, the undecided ones counted."""
    ASSUMED = "assumed"
    """Loss is not known: a share was assumed."""
    CONGESTED = "congested"
    """The path lost more when asked faster; the rate was lowered."""
    SLOW = "slow"
    """Answers are lost so often and take so long that silent ports were not told closed from filtered: open ports are complete."""
    ROUNDS = "rounds"
    """Loss was so high that the rounds ended before the bound was reached."""
    SYN_PROXY = "syn-proxy"
    TARPIT = "tarpit"
    FORGED_RESETS = "forged-resets"
    EVERYTHING_OPEN = "everything-open"
    """More ports are open than a host serves: something answers in their place."""
    OVERFLOW = "overflow"
    """This host lost answers itself before they were read."""
    INTERRUPTED = "interrupted"
    LINK_GONE = "link-gone"
    """The interface vanished or went down in the middle."""
    TABLE_FULL = "table-full"
    """The connection tracking of this host has little room: the rate was kept below it."""
    DESCRIPTORS = "descriptors"
    """Few descriptors may be open: fewer connections at once."""
    SILENT_SERVICES = "silent-services"
    """UDP services that do not answer to what was sent look like filtered ones."""


class Certainty(Record):
    """How sure a scan is."""

    exact: bool
    """Whether every state is certain, but for a chance below `goal` of a missed open port."""
    goal: float
    """The expected number of missed open ports that was allowed."""
    missed: float
    """The expected number of open ports that were missed, at most; 0 when every port answered."""
    basis: Basis
    loss_open: Loss
    loss_closed: Loss
    assumed_loss: float | None = None
    undecided: int = 0
    """Pairs left at closed|filtered."""
    undecided_s: float | None = None
    """How long the rest would take at the target's pace."""
    doubts: tuple[Doubt, ...] = ()


class Effort(Record):
    """What it took."""

    probes: int
    answers: int
    rounds: int
    duplicates: int
    """Answers to a probe that had its answer."""
    late: int
    """Answers to a probe of an earlier round."""
    forged: int
    """Packets that looked like answers and did not carry our cookie."""
    overflowed: int
    """Answers this host lost before they were read."""
    slowed: int
    """How often the rate was lowered."""
    rate: float
    """Probes a second while sending, all in all."""
    took_s: float


class Pass(Record):
    """One transport asked by one method."""

    transport: Transport
    method: Method
    ports: str
    """As a port set."""
    certainty: Certainty
    effort: Effort


class Shard(Record):
    """One part of a scan: every `of`-th pair of its order, beginning with `number` (from 0)."""

    number: int
    of: int


class ScanReport(Record):
    """A whole scan."""

    targets: tuple[str, ...]
    """As they were asked for."""
    addresses: int
    begun_at: datetime
    took_s: float
    passes: tuple[Pass, ...]
    hosts: tuple[HostSeen, ...]
    rows: tuple[PortSeen, ...]
    """By address, transport and port; all states but the ones told in `hosts[].others`."""
    states: dict[str, int]
    """How many ports are in each state, of all hosts together: also where hosts or rows are too many to be told one by one."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Networks that were not asked, and why (a code: multicast, broadcast, reserved, documentation, excluded)."""
    shard: Shard | None = None
    complete: bool = True
    missing: tuple[str, ...] = ()
    """What kept something from us, as codes of sentences in `text.scan`."""


class Progress(Record):
    """How far a scan is, for a bar."""

    done: int
    """Pairs decided."""
    of: int
    sent: int
    found: int
    """Open ones."""
    rate: float
    """Probes a second now."""
    left_s: float | None
    round: int
