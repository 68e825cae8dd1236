#!/usr/bin/env python3
"""Every packet of every capture in a folder, as we tell it and as tshark does: addresses, ports, TCP flags, length of the payload.

.venv/bin/python tools/compare_tshark.py DIR [--all]

Prints each difference; those that `EXPLAINED` has a reason for are counted by reason (`--all` prints them too). Exits 1 if one is not explained. tshark comes from
the private root of programs that read packets (`make test` builds it); what it said is kept in .cache/tshark, by the capture's digest.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ROOT = REPOSITORY / ".cache" / "roots" / "watchers"
KEPT = REPOSITORY / ".cache" / "tshark"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portulan.system.sandbox.quarters import Quarters

FIELDS = (
    "frame.number", "frame.protocols", "frame.encap_type", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
    "sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport", "tcp.flags", "tcp.len", "udp.length", "frame.cap_len", "frame.len", "ip.opt.type", "ipv6.routing.type",
)  # fmt: skip
"""What is asked of tshark; several values of one packet (tunnels, quotes) in the order of its layers."""
SETTINGS = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "udp.check_checksum:FALSE",
)
TRANSPORTS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136}
_PORTS = {"udplite": "udp"}
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Told:
    """What one of both says of a packet. None: no ports."""

    source: str
    destination: str
    transport: int
    source_port: int
    destination_port: int
    flags: int | None = None
    payload: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one packet."""

    capture: str
    number: int
    protocols: str
    ours: Told | None
    theirs: Told | None
    fields: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.capture} {self.number} {self.protocols}\n    ours   {self.ours}\n    tshark {self.theirs}"


def told_by_tshark(fields: Mapping[str, str]) -> Told | None:
    """The outermost transport that stands directly in an IP packet."""
    seen: Counter[str] = Counter()
    network: tuple[str, int] | None = None
    for protocol in fields["frame.protocols"].split(":"):
        if protocol in {"ip", "ipv6"}:
            if network is not None:
                return None  # in a tunnel
            network = protocol, seen[protocol]
        elif protocol in {"icmp", "icmpv6", "gre", "esp"}:
            return None
        elif protocol in TRANSPORTS and network is not None:
            return _transport(fields, protocol, network)
        seen[protocol] += 1
    return None


def _transport(fields: Mapping[str, str], protocol: str, network: tuple[str, int]) -> Told | None:
    name, number = network
    prefix = _PORTS.get(protocol, protocol)
    try:
        source, destination = (fields[f"{name}.{end}"].split(",")[number] for end in ("src", "dst"))
        ports = [int(fields[f"{prefix}.{end}"].split(",")[0]) for end in ("srcport", "dstport")]
    except (IndexError, ValueError):
        return None
    flags = payload = None
    if protocol == "tcp":
        flags = int(fields["tcp.flags"].split(",")[0], 16) & 255 if fields["tcp.flags"] else None
        payload = int(fields["tcp.len"].split(",")[0]) if fields["tcp.len"] else None
    elif protocol == "udp":
        size = int(fields["udp.length"].split(",")[0]) if fields["udp.length"] else 0
        payload = size - 8 if size >= 8 else None
    return Told(str(ip_address(source)), str(ip_address(destination)), TRANSPORTS[protocol], ports[0], ports[1], flags, payload)


def read_tshark(here: Quarters, path: Path) -> list[dict[str, str]]:
    """Every packet's fields."""
    digest = hashlib.sha256(path.read_bytes() + "|".join((*FIELDS, *SETTINGS)).encode()).hexdigest()[:32]
    kept = KEPT / f"{digest}.json.gz"
    if kept.exists():
        rows: list[list[str]] = json.loads(gzip.decompress(kept.read_bytes()))
    else:
        command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a"]
        for setting in SETTINGS:
            command += ["-o", setting]
        for name in FIELDS:
            command += ["-e", name]
        done = here.run(command, timeout_s=_PATIENCE_S)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return [dict(zip(FIELDS, row, strict=True)) for row in rows if len(row) == len(FIELDS)]


def read_ours(path: Path) -> list[Told | None]:
    """Every packet, in order."""
    from portulan.traffic.decode import decode
    from portulan.traffic.keys import addresses_of, ends_of, ports_of, transports_of
    from portulan.traffic.reading import open_capture

    found: list[Told | None] = []
    with open_capture(str(path)) as capture:
        for batch in capture.batches():
            told: list[Told | None] = [None] * len(batch.start)
            decoded = decode(batch)
            for ported in (decoded.four, decoded.six):
                here, there = (addresses_of(end) for end in ends_of(ported.keys))
                sources, destinations = ports_of(ported.keys)
                columns = (ported.row, transports_of(ported.keys), sources, destinations, ported.marks, ported.payload)
                for one, other, row, transport, source, destination, marks, payload in zip(
                    here, there, *(column.tolist() for column in columns), strict=True
                ):
                    told[row] = Told(_text(one.tobytes()), _text(other.tobytes()), transport, source, destination, marks & 255, payload)
            found += told
    return found


def _text(packed: bytes) -> str:
    address = ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def alike(ours: Told | None, theirs: Told | None) -> bool:
    """Whether both say the same, as far as tshark says anything."""
    if ours is None or theirs is None:
        return ours is theirs
    if (ours.source, ours.destination, ours.transport, ours.source_port, ours.destination_port) != (
        theirs.source, theirs.destination, theirs.transport, theirs.source_port, theirs.destination_port,
    ):  # fmt: skip
        return False
    return (theirs.flags is None or theirs.flags == ours.flags) and (theirs.payload is None or theirs.payload == ours.payload)


_READ = {"eth", "sll", "raw", "null", "ppp", "pppoes", "chdlc", "enc", "loop", "ip", "ipv6", "pkt_comment", "lapd", "data", "arp"}
"""What tshark calls the beginnings of the link types that are read."""


def _same_flow(difference: Difference) -> bool:
    ours, theirs = difference.ours, difference.theirs
    return ours is not None and theirs is not None and replace(ours, flags=None, payload=None) == replace(theirs, flags=None, payload=None)


def _beyond_the_packet(difference: Difference) -> bool:
    ours, theirs = difference.ours, difference.theirs
    return (
        ours is not None and theirs is not None and _same_flow(difference) and ours.transport == 17 and (ours.payload or 0) < (theirs.payload or 0)
    )  # fmt: skip


def _next_hop(difference: Difference) -> bool:
    ours, theirs = difference.ours, difference.theirs
    routed = bool(difference.fields["ipv6.routing.type"])
    return routed and ours is not None and theirs is not None and alike(replace(ours, destination=theirs.destination), theirs)


def _no_ports_printed(difference: Difference) -> bool:
    layers = difference.protocols.split(":")
    named = any(name in layers and not difference.fields[f"{_PORTS.get(name, name)}.srcport"] for name in TRANSPORTS)
    return difference.theirs is None and named and int(difference.fields["frame.len"]) > 65_535


def _link_not_read(difference: Difference) -> bool:
    return difference.ours is None and difference.protocols.split(":")[0] not in _READ


def _last_bytes(difference: Difference) -> bool:
    if "cfp" not in difference.protocols.split(":") or difference.ours is None:
        return False
    theirs = difference.theirs
    return theirs is None or (_same_flow(difference) and 0 < (difference.ours.payload or 0) - (theirs.payload or 0) <= 4)


def _linux_loopback(difference: Difference) -> bool:
    return difference.protocols == "null:data" and difference.ours is not None and ":" in difference.ours.source


EXPLAINED: dict[str, Callable[[Difference], bool]] = {
    "UDP lengths beyond the IP packet (RFC 768: the datagram's): tshark prints the field, we count what the packet can hold": _beyond_the_packet,
    "packets with a routing header: tshark prints the next hop, we the last one, which the checksum covers (RFC 8200 8.1) and answers come from": _next_hop,
    "packets of more than 65,535 bytes of which tshark names the transport, but prints no ports": _no_ports_printed,
    "FabricPath: tshark takes the last 4 bytes of the frame inside for its checksum, which the outer frame has": _last_bytes,
    "loopback packets of Linux's family for IPv6 (10), which tshark does not know": _linux_loopback,
    "packets of link types that are not read (counted as unknown-link)": _link_not_read,
}
"""Reasons, and what they hold for."""


def compare(here: Quarters, path: Path) -> tuple[int, list[Difference], str | None]:
    """(packets compared, differences, why it cannot be compared)."""
    from portulan.errors import PortulanError

    theirs = read_tshark(here, path)
    try:
        ours = read_ours(path)
    except PortulanError as error:
        return 0, [], f"{type(error).__name__} {error}" if theirs else None
    found = [
        Difference(path.name, number, fields["frame.protocols"], mine, told_by_tshark(fields), fields)
        for number, (mine, fields) in enumerate(zip(ours, theirs, strict=False), 1)
        if not alike(mine, told_by_tshark(fields))
    ]
    counts = None if len(ours) == len(theirs) or not theirs else f"{len(ours)} packets; tshark: {len(theirs)}"
    return min(len(ours), len(theirs)), found, counts


def captures_in(folder: Path) -> Iterator[Path]:
    """All files that may be one."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in {".txt", ".md", ""})


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no difference that is not explained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="print explained differences too")
    options = parser.parse_args(arguments)
    from portulan.system.sandbox.root import open_root

    captures = packets = unexplained = silent = 0
    reasons: Counter[str] = Counter()
    with open_root(ROOT).open() as here:
        for path in captures_in(options.folder):
            compared, found, counts = compare(here, path)
            captures += 1
            packets += compared
            silent += not compared and counts is None
            if counts is not None:
                print(f"{path.name}: {counts}")
                unexplained += 1
            for difference in found:
                reason = next((name for name, holds in EXPLAINED.items() if holds(difference)), None)
                if reason is None:
                    unexplained += 1
                    print(difference)
                else:
                    reasons[reason] += 1
                    if options.all:
                        print(f"[{reason}] {difference}")
    for reason, count in reasons.most_common():
        print(f"explained: {count} {reason}")
    print(
        f"{captures} captures, {packets} packets compared, {silent} captures of which tshark prints nothing, {unexplained} differences not explained"
    )
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
