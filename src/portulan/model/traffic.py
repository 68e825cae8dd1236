"""What went through which port: of a capture, or as it passes. Counts are of packets, bytes on the wire, and flows (RFC 5103)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.record import Record

_NOTHING: Mapping[str, int] = {}
PROTOCOLS: tuple[str, ...] = (
    "unknown", "http", "tls", "ssh", "dns", "quic", "smtp", "ftp", "imap", "pop3", "mysql", "postgresql", "redis", "mqtt", "ntp", "stun", "rdp", "smb",
    "bittorrent", "dhcp", "snmp", "sip", "rtp", "wireguard", "openvpn", "ldap", "kerberos", "dtls", "ssdp", "rtsp", "tftp", "rpc", "radius", "ike", "syslog",
    "vnc", "xmpp", "amqp", "mongodb", "mssql", "telnet", "bgp", "git", "rsync", "netbios", "irc", "memcached",
)  # fmt: skip
"""What first bytes can tell. The order is that of the codes in columns: new ones come at the end."""


class Ended(StrEnum):
    """How a capture ends."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """In the middle of a record, as when its writer was stopped."""
    DAMAGED = "damaged"
    """At a record that can not be one."""
    STOPPED = "stopped"
    """By whoever watched, or did not wait for the end of a file."""

    __hash__ = str.__hash__


class Skipped(Record):
    """What `--resync` passed over."""

    first: int
    """Offset in the uncompressed file of the first byte that was not read as a record."""
    last: int


class Passed(Record):
    """What came by one interface."""

    name: str
    packets: int
    bytes: int


class Origin(Record):
    """A file, or what was heard live."""

    name: str
    format: str
    """`pcap`, `pcapng`, or `live`."""
    packets: int
    bytes: int
    """Of the file, read as records; live: on the wire."""
    ended: Ended
    at: int | None = None
    """Where it is truncated or damaged: the offset in the uncompressed file."""
    skipped: tuple[Skipped, ...] = ()
    dropped: int = 0
    """Live: packets that the kernel could not hand over."""
    sampled: int = 1
    """Live: one packet of so many was looked at."""
    interfaces: tuple[Passed, ...] = ()
    """Live: each that was heard."""
    merged: int = 0
    """Live: packets that the kernel or the network card had put together of several, and that were counted as one."""


class Aside(Record):
    """Packets that carry no ports, or whose ports are not told, by reason."""

    code: str
    """`not-ip`, `icmp`, `later-fragment`, `no-ports`, `cut-short`, `unknown-link`, `past-the-cap`, …"""
    packets: int
    bytes: int


class Mark(Record):
    """A flow whose payload is not what its port promises."""

    protocol: str
    """What the payload is."""
    source: str
    destination: str
    flows: int
    """Like it: of the same protocol on the same port."""
    bytes: int
    name: str | None = None
    """The server's name that the client gave (TLS SNI, HTTP Host)."""


class Held(Record):
    """A process that held a local end of flows of a port."""

    pid: int
    name: str | None
    flows: int
    bytes: int


class PortTraffic(Record):
    """Of one port of the answering side, or of one service."""

    transport: str
    port: int | None
    """None: of several ports (by service)."""
    service: str | None
    packets: int
    bytes: int
    flows: int
    forward_bytes: int
    """From initiators."""
    reverse_bytes: int
    share: float
    """Of all bytes, 0 to 1."""
    protocols: Mapping[str, int]
    """What the payload of its flows said they are, in flows; unknown ones not counted."""
    marks: tuple[Mark, ...] = ()
    processes: tuple[Held, ...] | None = None
    """None: not known (a file)."""
    untold: Mapping[str, int] = _NOTHING
    """Live: flows of which no process is named, by reason: `not-local`, `nobody`, `forbidden`, `kernel`, `hidden`, `not-seen`, `not-asked`."""
    packets_per_s: float | None = None
    """Live: of late."""
    bytes_per_s: float | None = None


class HostTraffic(Record):
    """Of one address, as either end."""

    address: str
    packets: int
    bytes: int
    sent_bytes: int
    flows: int
    ports: int
    """Different ports of answering sides that it took part in."""


class FlowRow(Record):
    """One flow."""

    transport: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    service: str | None
    packets: int
    bytes: int
    reverse_packets: int
    reverse_bytes: int
    first_at: datetime
    last_at: datetime
    protocol: str | None
    name: str | None = None
    processes: tuple[str, ...] | None = None


class Bucket(Record):
    """So much of a service in a stretch of time."""

    begins_at: datetime
    seconds: float
    transport: str
    port: int | None
    service: str | None
    packets: int
    bytes: int


class Traffic(Record):
    """The answer of `traffic`."""

    origins: tuple[Origin, ...]
    packets: int
    bytes: int
    """On the wire, of all packets."""
    flows: int
    began_at: datetime | None
    """Of the earliest packet."""
    ended_at: datetime | None
    ports: tuple[PortTraffic, ...]
    """Most bytes first."""
    hosts: tuple[HostTraffic, ...]
    rows: tuple[FlowRow, ...]
    """The largest flows, or those that were asked for."""
    buckets: tuple[Bucket, ...]
    aside: tuple[Aside, ...]
    cap: int
    """How many distinct flows are told apart at most; `past-the-cap` in `aside` counts the rest."""
    packets_per_s: float | None = None
    """Live: of late."""
    bytes_per_s: float | None = None
    missing: tuple[str, ...] = ()
    """Live: codes of what could not be had: `short-lived` (the processes of connections that were over in a moment), `sock_diag.missing`, …"""
