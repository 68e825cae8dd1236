"""A small registry with every oddity of the real one, in IANA's two forms, and a writer of such forms for any records."""

from __future__ import annotations

import csv
import io
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "http://www.iana.org/assignments"
COLUMNS = (
    "Service Name", "Port Number", "Transport Protocol", "Description", "Assignee", "Contact", "Registration Date", "Modification Date",
    "Reference", "Service Code", "Unauthorized Use Reported", "Assignment Notes",
)  # fmt: skip

ODDITIES = (
    {"number": "0", "protocol": "tcp", "description": "Reserved", "updated": "2024-12-20", "references": [("rfc", "rfc6335", "")]},
    {"number": "2", "protocol": "udp", "description": "Reserved", "note": [("", "given back, before that of "), ("person", "Ada_Example")]},
    {"number": "4", "protocol": "tcp", "description": "Unassigned"},
    {"number": "15", "protocol": "tcp", "description": "Unassigned [was oldnet]"},
    {"number": "24", "protocol": "udp", "description": "any private mail system"},
    {"number": "585", "description": "De-registered"},
    # Several names on one key, one of them a duplicate by the registry's own words; the transports differ in order and in description.
    {"name": "webby", "number": "80", "protocol": "tcp", "description": "Web  of\n      pages", "references": [("rfc", "rfc9110", "")]},
    {"name": "webby", "number": "80", "protocol": "udp", "description": "Web of pages", "references": [("rfc", "rfc9110", "")]},
    {"name": "www", "number": "80", "protocol": "tcp", "note": [("", 'This is a duplicate of the "webby" service.')]},
    {"name": "webby", "number": "80", "protocol": "sctp", "description": "WEBBY"},
    {"name": "rendezvous", "number": "465", "protocol": "tcp", "description": "Once meant for meeting"},
    {"name": "submissions", "number": "465", "protocol": "tcp", "description": "Mail over TLS"},
    {"name": "old_name", "number": "774", "protocol": "udp", "note": [("", 'This entry is an alias to "old-name".\nIt is historic.')]},
    {"name": "old-name", "number": "774", "protocol": "udp"},
    {"name": "widespread", "number": "888", "protocol": "tcp", "note": [("", "This entry records an unassigned but widespread use")]},
    {"name": "assigned", "number": "888", "protocol": "tcp"},
    # Names that break RFC 6335: a dot, a star, a slash, a digit first, capitals.
    {"name": "z39.50", "number": "210", "protocol": "tcp"},
    {"name": "sql*net", "number": "66", "protocol": "tcp"},
    {"name": "cl/1", "number": "172", "protocol": "tcp"},
    {"name": "914c/g", "number": "211", "protocol": "tcp"},
    {"name": "XmlThing", "number": "9092", "protocol": "tcp"},
    # A port for all transports; a service code; an unauthorized use; footnotes, documents, addresses; dates long and short.
    {"name": "everywhere", "number": "6400", "description": "Any transport"},
    {
        "name": "coded", "number": "9", "protocol": "dccp", "sc": "1145656131", "date": "2005-06", "updated": "2011-11-17",
        "unauthorized": "Used by others (see [RFC4146])",
        "references": [("person", "Ada_Example", ""), ("rfc", "rfc4340", ""), ("draft", "draft-x-y-00", "draft-x-y-00, Section 4")],
    },
    {"name": "linked", "number": "10809", "protocol": "tcp", "references": [("uri", "https://example.org/proto.md", ""), ("text", "", "ISO 1")]},
    {"name": "written", "number": "9105", "protocol": "tcp", "references": [("text", "", "Ada Example <ada&example.org> 15 June")]},
    {"name": "addressed", "number": "126", "protocol": "tcp", "note": [("", "before:\n<ada&example.org>\nafter ada@example.org too")]},
    # Ranges, named and nameless, one of a single number; a number inside an unassigned range that was given away since.
    {"name": "x12", "number": "6000-6063", "protocol": "tcp", "description": "Windows"},
    {"name": "x12", "number": "6000-6063", "protocol": "udp", "description": "Windows"},
    {"name": "swap", "number": "7300-7359", "description": "Exchange"},
    {"number": "7748-7776", "description": "Unassigned"},
    {"name": "inside", "number": "7775", "protocol": "tcp"},
    {"number": "4748-4748", "description": "Unassigned"},
    # Names without a port: with a transport, without; twice the same name for two things; and one exact duplicate.
    {"name": "announced", "protocol": "udp", "description": "Found by discovery", "note": [("", "Defined TXT keys: u=<username>")]},
    {"name": "rdp", "description": "Reliable Data"},
    {"name": "rdp", "description": "Remote Desktop"},
    {"name": "twice", "description": "Said twice"},
    {"name": "twice", "description": "Said twice"},
    {"name": "accents", "description": "A swÿp FORTÉ 名前"},
)  # fmt: skip


def as_xml(records, updated="2026-08-17", identifier="service-names-port-numbers", footnotes=()):
    """IANA's XML form."""
    text = [f"<?xml version='1.0' encoding='UTF-8'?>\n<registry xmlns={quoteattr(NAMESPACE)} id={quoteattr(identifier)}>"]
    text.append(
        "<title>T</title>"
        + (f"<updated>{updated}</updated>" if updated else "")
        + "<note>records below: <xref type='rfc' data='rfc6335'/></note>"
    )
    text += map(_xml_record, records)
    text += [f"<footnote anchor={quoteattr(anchor)}>{escape(words)}</footnote>" for anchor, words in footnotes]
    text.append(
        '<people><person id="Ada_Example"><name>Ada Example</name><uri>mailto:ada&amp;example.org</uri></person></people></registry>'
    )
    return "\n".join(text).encode()


def _xml_record(record):
    attributes = "".join(f" {key}={quoteattr(record[key])}" for key in ("date", "updated") if key in record)
    parts = [f"<record{attributes}>"]
    parts += [f"<{key}>{escape(record[key])}</{key}>" for key in ("name", "protocol") if key in record]
    parts.append("<assignee><xref type='person' data='Ada_Example'/></assignee>")
    parts += [_xref(*reference) for reference in record.get("references", ())]
    parts.append(f"<description>{escape(record.get('description', ''))}</description>")
    parts += [f"<{key}>{escape(record[key])}</{key}>" for key in ("number", "unauthorized", "sc") if key in record]
    if "note" in record:
        parts.append("<note>" + "".join(_xref(kind, words, "") if kind else escape(words) for kind, words in record["note"]) + "</note>")
    return "".join(parts) + "</record>"


def _xref(kind, target, text):
    return f"<xref type={quoteattr(kind)} data={quoteattr(target)}>{escape(text)}</xref>"


def as_csv(records):
    """IANA's CSV form of the same."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        references = "".join(f"[{_named(*reference)}]" for reference in record.get("references", ()) if reference[0] != "person")
        note = "".join(f"[{_named(kind, words, '')}]" if kind else words for kind, words in record.get("note", ()))
        writer.writerow((
            record.get("name", ""), record.get("number", ""), record.get("protocol", ""), record.get("description", ""), "[Ada_Example]",
            "[Ada_Example]", record.get("date", ""), record.get("updated", ""), references, record.get("sc", ""),
            record.get("unauthorized", ""), note,
        ))  # fmt: skip
    return out.getvalue().encode()


def _named(kind, target, text):
    return text or (target.upper() if kind == "rfc" else target)
