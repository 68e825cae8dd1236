"""nmap's XML, as a stranger may have written it: no entities, no external parts, bounded depth (expat bounds the rest)."""

from __future__ import annotations

from xml.parsers import expat

from portulan.errors import BadInput, ParseError
from portulan.model.port import Transport
from portulan.model.portset import PortSet, parse_portset
from portulan.scan.reports.collected import Collected, read_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.scan_diff import Snapshot

_DEEPEST = 64


class _Refused(Exception):
    """What no scan's answer has."""


class _Reader:
    """Handlers that collect hosts while expat goes through the document."""

    def __init__(self, found: Collected) -> None:
        self.found = found
        self.depth = 0
        self.root = ""
        self.services: dict[Transport, PortSet] = {}
        self.begin()

    def begin(self) -> None:
        """A new host."""
        self.inside = False
        self.address: str | None = None
        self.name: str | None = None
        self.port: tuple[str, str] | None = None
        self.extra: str | None = None
        self.rest: list[str] = []
        """States of ports that are told by their number only."""
        self.told: list[tuple[str, str, PortSet]] = []

    def start(self, tag: str, facts: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Refused
        self.root = self.root or tag
        if tag == "host":
            self.begin()
            self.inside = True
        elif tag == "scaninfo":
            if facts.get("services") and facts["protocol"] in (Transport.TCP.value, Transport.UDP.value):
                transport = Transport(facts["protocol"])
                self.services[transport] = self.services.get(transport, PortSet()) | parse_portset(facts["services"])
        elif self.inside:
            self.part(tag, facts)

    def part(self, tag: str, facts: dict[str, str]) -> None:
        """A part of a host."""
        if tag == "address":
            if facts.get("addrtype", "ipv4") != "mac" and self.address is None:
                self.address = self.found.address(facts["addr"])
        elif tag == "hostname":
            self.name = self.name or facts.get("name")
        elif tag == "extraports":
            self.extra = facts["state"]
            self.rest.append(self.extra)
        elif tag == "extrareasons":
            self.reason(facts)
        elif tag == "port":
            self.port = facts["protocol"], facts["portid"]
        elif tag == "state":
            self.state(facts)

    def reason(self, facts: dict[str, str]) -> None:
        """Why ports that are told together are as they are; newer ones name the ports too."""
        if self.extra is not None and facts.get("ports"):
            self.told.append((facts.get("proto", "tcp"), self.extra, parse_portset(facts["ports"])))
            if self.extra in self.rest:
                self.rest.remove(self.extra)

    def state(self, facts: dict[str, str]) -> None:
        """The state of the port whose element is open."""
        if self.port is not None and self.port[0] in (Transport.TCP.value, Transport.UDP.value):
            self.told.append((self.port[0], facts["state"], PortSet.of((read_port(self.port[1]),))))
        self.port = None

    def end(self, tag: str) -> None:
        self.depth -= 1
        if tag == "host":
            self.finish()
            self.begin()
        elif tag == "extraports":
            self.extra = None

    def finish(self) -> None:
        """A host is complete."""
        if self.address is None:
            raise _Refused
        for transport, state, ports in self.told:
            self.found.add(self.address, transport, state, ports.ranges)
        if self.name:
            self.found.names[self.address] = self.name
        if len(self.rest) == 1 and len(self.services) == 1:
            ((on, asked),) = self.services.items()
            self.found.add(self.address, on, self.rest[0], (asked - self.found.known(self.address, on)).ranges)


def read_xml(data: bytes, source: str) -> Snapshot:
    """Raises ParseError with file and line."""
    found = Collected(source)
    reader = _Reader(found)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _doctype
    parser.EntityDeclHandler = parser.ExternalEntityRefHandler = parser.UnparsedEntityDeclHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(data, True)
    except _Refused:
        raise ParseError("diff.xml", file=source, line=parser.CurrentLineNumber) from None
    except (expat.ExpatError, ValueError, KeyError, BadInput):
        raise ParseError("diff.row", file=source, line=max(1, parser.CurrentLineNumber)) from None
    if reader.root != "nmaprun":
        raise ParseError("diff.form", file=source)
    return found.snapshot()


def _doctype(name: str, system: str | None, public: str | None, has_subset: int) -> None:
    """nmap's own documents name their type and declare nothing."""
    del name, system, public
    if has_subset:
        raise _Refused


def _refuse(*_: object) -> int:
    raise _Refused
