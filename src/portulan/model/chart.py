"""The chart: one row per endpoint (transport, address, port, network namespace), who holds it, and what could not be seen.

`None` means unknown, an empty tuple means none. These names are the JSON contract of `portulan ls` and `portulan who`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.address import Exposure
from portulan.model.port import PortClass, Transport
from portulan.model.record import Record
from portulan.model.standing import Standing

_NO_FACTS: Mapping[str, str | int] = {}


class State(StrEnum):
    """What a socket does with its port. TCP's states by RFC 9293, section 3.3.2; a UDP socket is bound or connected, it does not listen."""

    LISTENING = "listening"
    BOUND = "bound"
    """UDP: receives from anyone. TCP: holds the port without listening."""
    CONNECTED = "connected"
    """UDP with a fixed peer."""
    ESTABLISHED = "established"
    SYN_SENT = "syn-sent"
    SYN_RECEIVED = "syn-received"
    FIN_WAIT_1 = "fin-wait-1"
    FIN_WAIT_2 = "fin-wait-2"
    TIME_WAIT = "time-wait"
    CLOSE_WAIT = "close-wait"
    LAST_ACK = "last-ack"
    CLOSING = "closing"

    __hash__ = str.__hash__  # Enum's own is a Python function, called for every key of a table


class Ownership(StrEnum):
    """How much is known of who holds an endpoint's sockets."""

    PROCESS = "process"
    """Processes hold it: `owners` names them all."""
    KERNEL = "kernel"
    """No process holds it; the kernel itself does (`held_by_kernel` says what for)."""
    FORBIDDEN = "forbidden"
    """A process that we may not look into holds it; `candidates` are those of its control group."""
    HIDDEN = "hidden"
    """Open, yet in no file table: in flight between two processes (SCM_RIGHTS), registered with io_uring, or in a process that hides."""
    GONE = "gone"
    """It was closed while we looked."""
    NONE = "none"
    """Nobody any more: the kernel finishes a connection whose process has let go."""
    UNKNOWN = "unknown"
    """This source cannot tell."""


class Ancestor(Record):
    """One step of a parent chain."""

    pid: int
    name: str


class Owner(Record):
    """One process that holds the socket, at one descriptor. Text fields are as the process wrote them: clean them before showing."""

    pid: int
    fd: int | None
    """None where the process is only a candidate."""
    name: str
    """The kernel's name of the process (15 bytes)."""
    command: tuple[str, ...] | None = None
    """Its arguments, 4 KiB of them at most; empty for a kernel thread or a zombie."""
    executable: str | None = None
    cwd: str | None = None
    uid: int | None = None
    user: str | None = None
    unit: str | None = None
    """The systemd unit that its control group belongs to; for what systemd holds itself, the socket unit that made it do so."""
    user_unit: bool = False
    """Whether the unit is one of the user's own manager."""
    container: str | None = None
    """`docker:shop-web`: the runtime and the container's name, or the first 12 digits of its id."""
    started_at: datetime | None = None
    """UTC."""
    parents: tuple[Ancestor, ...] | None = None
    """From the parent to the first process; filled by `who`."""


class Socket(Record):
    """One kernel socket behind an endpoint."""

    inode: int
    cookie: int
    """The kernel's own number of the socket, never reused."""
    reuse_address: bool | None = None
    reuse_port: bool | None = None
    v6_only: bool | None = None
    """None for IPv4."""
    device: str | None = None
    """The interface it is bound to, if to one (SO_BINDTODEVICE)."""
    backlog: int | None = None
    """Connections that wait to be accepted now; listening TCP only."""
    backlog_limit: int | None = None
    drops: int | None = None
    """Connections (TCP) or datagrams (UDP) dropped because a queue was full, since the socket was made."""
    mptcp: bool = False
    expires_ms: int | None = None
    """Milliseconds until TIME_WAIT ends."""


class Endpoint(Record):
    """One row of the chart."""

    transport: Transport
    port: int
    address: str
    """Where it is bound: `0.0.0.0`, `::`, `127.0.0.1`, … An IPv6 wildcard whose sockets are not v6-only takes IPv4 too."""
    port_class: PortClass
    """`class` in JSON."""
    service: str | None
    """The usual name of the port, by the registry."""
    state: State
    exposure: Exposure
    peer: str | None = None
    """`203.0.113.7:443`, for connected sockets."""
    netns: int | None = None
    """Inode of the network namespace."""
    netns_name: str | None = None
    """The name `ip netns` or a runtime gave it, else `net:[inode]`; None for our own."""
    uid: int | None = None
    user: str | None = None
    """The user whose process made the socket."""
    unit: str | None = None
    """The unit whose process made the socket, from the socket's own control group: known even without rights over the process."""
    container: str | None = None
    ownership: Ownership = Ownership.PROCESS
    owners: tuple[Owner, ...] | None = None
    candidates: tuple[Owner, ...] = ()
    """Processes of the socket's control group, where the owner may not be seen."""
    held_by_kernel: str | None = None
    """What the kernel holds it for: `vxlan vx0`, `wireguard wg0`, `nfsd`."""
    sockets: tuple[Socket, ...] = ()
    connections: int | None = None
    """Established connections behind a listening endpoint."""
    reach: Standing | None = None
    """Who can get to it, by addresses, rules and routes together; null where that is unknown."""


class Namespace(Record):
    """A network namespace that was read."""

    inode: int
    name: str | None = None
    own: bool = False


class Gap(Record):
    """Something that could not be seen: a code and its facts. `portulan.text.gaps` makes the sentence."""

    code: str
    facts: Mapping[str, str | int] = _NO_FACTS


class Chart(Record):
    """Every endpoint that was seen, sorted by namespace, port, transport and address."""

    host: str
    taken_at: datetime
    items: tuple[Endpoint, ...]
    source: str
    """Which way was taken to the owners: `bpf`, `proc` or `psutil`."""
    gaps: tuple[Gap, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    ephemeral: tuple[int, int] | None = None
    """First and last port that the kernel hands to clients by itself."""

    @property
    def complete(self) -> bool:
        """Whether nothing was kept from us."""
        return not self.gaps
