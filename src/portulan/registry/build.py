"""From the registry's records to the compact table (`portulan.registry.table` tells the format)."""

from __future__ import annotations

from portulan.model.assignment import Assignment, Counts
from portulan.model.port import TRANSPORTS
from portulan.registry.table import BLOCK, BLOCKS, MAGIC, SECTIONS
from portulan.registry.usual import rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LICENCE = "CC0-1.0"
SOURCE = "IANA Service Name and Transport Protocol Port Number Registry, https://www.iana.org/assignments/service-names-port-numbers"


def build_table(records: Sequence[Assignment], date: str, source: str = SOURCE) -> bytes:
    """The bytes of a table, from records in the registry's order and its date."""
    from binascii import crc32

    sections = {name: b"".join(lines) for name, lines in _lines(records).items()}
    body = b"".join(sections.values())
    counts = count(records)
    header = {
        "date": date,
        "source": source,
        "licence": LICENCE,
        **{name: str(getattr(counts, name)) for name in counts._fields},
        "crc32": f"{crc32(body):08x}",
        "sections": " ".join(str(len(section)) for section in sections.values()),
        "index": " ".join(map(str, _index(sections["numbered"]))),
    }
    return MAGIC + "".join(f"{key}: {value}\n" for key, value in header.items()).encode() + b"\n" + body


def count(records: Sequence[Assignment]) -> Counts:
    """The figures of a registry."""
    return Counts(
        records=len(records),
        names=len({record.name for record in records if record.name}),
        portless=sum(record.first is None for record in records),
        transportless=sum(record.first is not None and record.transport is None for record in records),
        nameless=sum(record.name is None for record in records),
        ranges=sum(record.first != record.last for record in records),
        repeated=len(records) - len(set(records)),
    )


def _section(record: Assignment) -> str:
    if record.first is None:
        return "portless"
    if record.name is None:
        return "nameless"
    return "numbered" if record.first == record.last else "ranges"


def _lines(records: Sequence[Assignment]) -> dict[str, list[bytes]]:
    """The lines of each section: records that differ in the transport only are joined, numbers sorted, the usual name first."""
    # A record for all transports says more than one for some: it keeps a line of its own.
    groups: dict[tuple[bool, Assignment], list[Assignment]] = {}
    for record in dict.fromkeys(records):
        groups.setdefault((record.transport is None, record._replace(transport=None)), []).append(record)
    lines: dict[str, list[bytes]] = {name: [] for name in SECTIONS}
    for group in sorted(groups.values(), key=lambda group: _order(group[0])):
        lines[_section(group[0])].append(_line(group))
    return lines


def _order(record: Assignment) -> tuple[int, int, int, str]:
    if record.first is None or record.last is None:
        return 0, 0, 0, record.name or ""
    return record.first, record.last, rank(record), ""


def _line(group: list[Assignment]) -> bytes:
    """One line for records that differ only in the transport."""
    record = group[0]
    number = "" if record.first is None else str(record.first) if record.first == record.last else f"{record.first}-{record.last}"
    columns = (
        number,
        " ".join(sorted((one.transport for one in group if one.transport), key=TRANSPORTS.index)),
        record.name or "",
        record.description,
        "  ".join(record.references),
        record.note,
        record.unauthorized,
        "" if record.service_code is None else str(record.service_code),
        record.registered,
        record.modified,
    )
    return "\t".join(columns).rstrip("\t").encode() + b"\n"


def _index(numbered: bytes) -> list[int]:
    """Where each 256th port begins in the section, and its end."""
    places, place = [0] * (BLOCKS + 1), 0
    sizes = [0] * BLOCKS
    for line in numbered.split(b"\n")[:-1]:
        sizes[int(line.partition(b"\t")[0]) // BLOCK] += len(line) + 1
    for block, size in enumerate(sizes):
        place += size
        places[block + 1] = place
    return places
