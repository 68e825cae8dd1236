"""What IANA publishes, in its XML or its CSV form, read as records. Both forms are checked whole; either gives the same table."""

from portulan.errors import ParseError
from portulan.model.assignment import Assignment
from portulan.model.record import Record
from portulan.registry.record import DATE, LARGEST, check_record


class Source(Record):
    """A whole registry as it was published."""

    date: str
    records: tuple[Assignment, ...]


def parse_source(data: bytes) -> Source:
    """IANA's XML or CSV. Raises ParseError for anything else, for a damaged file, and for one without a record."""
    if len(data) > LARGEST:
        raise ParseError("registry.too-large", limit=LARGEST >> 20)
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<"):
        from portulan.registry.iana_xml import parse_xml

        date, rows = parse_xml(data)
    elif head.lower().startswith(b"service name,"):
        from portulan.registry.iana_csv import parse_csv

        date, rows = "", parse_csv(data)
    else:
        raise ParseError("registry.not-a-source")
    records = tuple(check_record(raw) for raw in rows)
    if not records:
        raise ParseError("registry.empty")
    # The CSV form has no date of its own.
    date = date or max(max(record.registered, record.modified) for record in records)
    if date and not DATE.fullmatch(date):
        raise ParseError("registry.bad-record", where=0, field="updated", text=date[:60])
    return Source(date, records)
