"""IANA's XML form, read as a stream: no tree is built, no entity is expanded, nothing outside the file is opened."""

from __future__ import annotations

from xml.etree.ElementTree import ParseError as XmlError
from xml.etree.ElementTree import XMLParser

from portulan.errors import ParseError
from portulan.registry.record import CONTACT, Raw

NAMESPACE = "{http://www.iana.org/assignments}"
REGISTRY = "service-names-port-numbers"
DEEPEST = 32
"""Elements inside one another; IANA's file has six."""
_FIELDS = {
    "name": "name",
    "number": "number",
    "protocol": "transport",
    "description": "description",
    "note": "note",
    "unauthorized": "unauthorized",
    "sc": "service_code",
}


def parse_xml(data: bytes) -> tuple[str, list[Raw]]:
    """The registry's date and its records. Raises ParseError."""
    target = _Reader()
    parser = XMLParser(target=target)  # noqa: S314 - no tree, no entity: `doctype` refuses what could define one
    try:
        # In pieces, so that what the reader refuses ends the parsing at once.
        for start in range(0, len(data), 1 << 16):
            parser.feed(data[start : start + (1 << 16)])
        parser.close()
    except (XmlError, LookupError, ValueError) as error:
        # LookupError and ValueError: an encoding that Python does not know or that expat cannot use.
        raise ParseError("registry.bad-xml", reason=str(error)) from None
    if not target.is_registry:
        raise ParseError("registry.not-a-source")
    return target.date, target.finished()


class _Reader:
    """Gets the parser's events. In running text, references to documents stay, those to people become `[contact]`."""

    def __init__(self) -> None:
        self.is_registry = False
        self.date = ""
        self._path: list[str] = []
        self._raw: Raw | None = None
        self._records: list[tuple[Raw, list[str]]] = []
        self._text: list[str] = []
        self._kept: list[list[str]] = []
        self._reference: tuple[str, str] = ("", "")
        self._references: list[str] = []
        self._anchors: list[str] = []
        self._footnotes: dict[str, str] = {}
        self._anchor = ""

    def doctype(self, *_: object) -> None:
        """Refuse: a document type may define entities, and IANA's file has none."""
        raise ParseError("registry.bad-xml", reason="DOCTYPE")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        tag = tag.removeprefix(NAMESPACE)
        self._path.append(tag)
        if len(self._path) > DEEPEST:
            raise ParseError("registry.bad-xml", reason="depth")
        if self._path == ["registry"]:
            self.is_registry = attributes.get("id") == REGISTRY
        elif self._path == ["registry", "record"]:
            self._raw = Raw(where=len(self._records) + 1, registered=attributes.get("date", ""), modified=attributes.get("updated", ""))
            self._references, self._anchors = [], []
        if tag == "xref":
            self._reference = attributes.get("type", ""), attributes.get("data", "")
        if tag == "footnote":
            self._anchor = attributes.get("anchor", "")
        self._kept.append(self._text)
        self._text = []

    def data(self, text: str) -> None:
        """Characters inside an element."""
        self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        tag = tag.removeprefix(NAMESPACE)
        text, self._text = "".join(self._text), self._kept.pop()
        path = self._path[:]
        self._path.pop()
        if path == ["registry", "updated"]:
            self.date = text.strip()
        elif path == ["registry", "footnote"]:
            self._footnotes[self._anchor] = text
        elif path == ["registry", "record"] and self._raw is not None:
            self._raw.references = tuple(self._references)
            self._records.append((self._raw, self._anchors))
            self._raw = None
        elif self._raw is not None and len(path) == 3 and tag in _FIELDS:
            setattr(self._raw, _FIELDS[tag], text)
        elif tag == "xref":
            self._end_reference(text, path)

    def _end_reference(self, text: str, path: list[str]) -> None:
        kind, target = self._reference
        if kind == "note":
            self._anchors.append(target)
        elif len(path) == 3 and self._raw is not None:
            if kind != "person":
                self._references.append(_named(kind, target, text))
        elif kind == "person":
            self._text.append(CONTACT)
        else:
            self._text.append(f"[{_named(kind, target, text)}]")

    def close(self) -> None:
        """The end of the document."""

    def finished(self) -> list[Raw]:
        """The records, each with the footnotes it points to at the end of its note."""
        for raw, anchors in self._records:
            for anchor in anchors:
                raw.note = f"{raw.note} {self._footnotes.get(anchor, '')}"
        return [raw for raw, _ in self._records]


def _named(kind: str, target: str, text: str) -> str:
    """How a document is called: its own words where the file has some, as in the CSV form; an address stays beside them."""
    text = " ".join(text.split())
    if kind == "rfc":
        target = target.upper()
    if not text:
        return target
    return f"{text} {target}" if kind == "uri" else text
