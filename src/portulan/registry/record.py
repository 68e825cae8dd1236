"""One record as a file has it, checked and cleaned.

People's names and addresses are left out: contacts and assignees are not read, a name in the middle of a note becomes `[contact]`, e-mail
addresses vanish. Everything else is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from portulan.errors import ParseError
from portulan.model.assignment import Assignment, Status
from portulan.model.port import PORTS, Transport
from portulan.registry.table import nameless_status

LARGEST = 64 << 20
"""Bytes of a source that we are willing to read: IANA's XML has four million."""
LONGEST_NAME, LONGEST_TEXT = 100, 16_384
"""Characters of a name and of any other text; the longest of IANA's have 30 and 1,400."""
CONTACT = "[contact]"
# Linear in the length of the text: every part ends where the next begins.
_ADDRESS = re.compile(r"<[^<>\s&@]*[&@][^<>\s]*>|(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+")
_NUMBER = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d(-\d\d)?", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Raw:
    """One record as the file has it: texts, nothing checked yet."""

    where: int
    """The line it begins in."""
    name: str = ""
    number: str = ""
    transport: str = ""
    description: str = ""
    references: tuple[str, ...] = ()
    note: str = ""
    unauthorized: str = ""
    service_code: str = ""
    registered: str = ""
    modified: str = ""


def tidy(text: str) -> str:
    """Whitespace normalised, addresses of people left out."""
    return " ".join(_ADDRESS.sub("", text).split())


def check_record(raw: Raw) -> Assignment:
    """Check one record. Raises ParseError."""
    for field, text in (("name", raw.name), ("description", raw.description), ("note", raw.note), ("unauthorized", raw.unauthorized)):
        if len(text) > (LONGEST_NAME if field == "name" else LONGEST_TEXT):
            raise ParseError("registry.bad-record", where=raw.where, field=field, text=text[:60])
    name, description = tidy(raw.name), tidy(raw.description)
    first, last = _bounds(raw)
    return Assignment(
        first=first,
        last=last,
        transport=_transport(raw),
        name=name or None,
        description=description,
        status=Status.ASSIGNED if name else Status(nameless_status(description)),
        references=tuple(filter(None, (_reference(text) for text in raw.references if len(text) <= LONGEST_TEXT))),
        note=tidy(raw.note),
        unauthorized=tidy(raw.unauthorized),
        service_code=_service_code(raw),
        registered=_date(raw, raw.registered),
        modified=_date(raw, raw.modified),
    )


def _bounds(raw: Raw) -> tuple[int | None, int | None]:
    text = "".join(raw.number.split())
    if not text:
        return None, None
    match = _NUMBER.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, PORTS)
    if not first <= last < PORTS:
        raise ParseError("registry.bad-record", where=raw.where, field="number", text=raw.number[:60])
    return first, last


def _transport(raw: Raw) -> Transport | None:
    text = raw.transport.strip().lower()
    try:
        return Transport(text) if text else None
    except ValueError:
        raise ParseError("registry.bad-record", where=raw.where, field="protocol", text=raw.transport[:60]) from None


def _service_code(raw: Raw) -> int | None:
    text = raw.service_code.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise ParseError("registry.bad-record", where=raw.where, field="service code", text=raw.service_code[:60])
    return int(text)


def _date(raw: Raw, text: str) -> str:
    text = text.strip()
    if text and not DATE.fullmatch(text):
        raise ParseError("registry.bad-record", where=raw.where, field="date", text=text[:60])
    return text


def _reference(text: str) -> str:
    # One reference is a person's name beside the address, not a document.
    return "" if _ADDRESS.search(text) else tidy(text)
