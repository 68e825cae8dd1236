"""IANA's CSV form: the same records, without the registry's date and footnotes, and with less said of a few references."""

from __future__ import annotations

import csv
import re
from io import StringIO

from portulan.errors import ParseError
from portulan.registry.record import CONTACT, LARGEST, Raw

COLUMNS = {
    "Service Name": "name",
    "Port Number": "number",
    "Transport Protocol": "transport",
    "Description": "description",
    "Registration Date": "registered",
    "Modification Date": "modified",
    "Reference": "references",
    "Service Code": "service_code",
    "Unauthorized Use Reported": "unauthorized",
    "Assignment Notes": "note",
}
"""IANA's header; assignees and contacts are not read."""
_PERSON = re.compile(r"\[(?!RFC\b)[^\W_][^\[\]\s/]*_[^\[\]\s/]*\]")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def parse_csv(data: bytes) -> list[Raw]:
    """The records. Raises ParseError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError("registry.bad-csv", where=data.count(b"\n", 0, error.start) + 1, reason=error.reason) from None
    csv.field_size_limit(LARGEST)
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ParseError("registry.bad-csv", where=1, reason=", ".join(missing))
        fields = [COLUMNS.get(name) for name in header]
        return [_raw(reader.line_num, fields, row) for row in reader if row]
    except csv.Error as error:
        raise ParseError("registry.bad-csv", where=reader.line_num, reason=str(error)) from None


def _raw(where: int, fields: list[str | None], row: list[str]) -> Raw:
    if len(row) != len(fields):
        raise ParseError("registry.bad-csv", where=where, reason=f"{len(row)} / {len(fields)}")
    raw = Raw(where=where)
    for field, text in zip(fields, row, strict=True):
        if field == "references":
            # `[RFC6335][RFC9110]`; a bare `[1]` points to a footnote that this form lacks.
            raw.references = tuple(name for name in _BRACKETS.findall(text) if not name.isdigit())
        elif field == "note":
            raw.note = _PERSON.sub(CONTACT, text)
        elif field:
            setattr(raw, field, text)
    return raw
