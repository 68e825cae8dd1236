"""Answers of scans read again: JSON, JSON lines, CSV, grepable lines, and nmap's XML, ours or nmap's own. Any bytes in, a `Snapshot` or a ParseError out."""

from __future__ import annotations

from portulan.errors import BadInput, ParseError
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet, parse_portset
from portulan.model.scan import State
from portulan.scan.reports.collected import Collected, read_port
from portulan.scan.reports.read_json import read_json
from portulan.scan.reports.read_xml import read_xml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.scan import ScanReport
    from portulan.model.scan_diff import Snapshot


def read_scan(data: bytes, source: str) -> Snapshot:
    """A scan's answer in any form that we write; which one, its first characters say. Raises ParseError with file and line."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
    if start.startswith(b"<"):
        return read_xml(data, source)
    if start.startswith(b"{"):
        return read_json(data, source)
    text = data.decode("utf-8-sig", "backslashreplace")
    if start.startswith((b"# Nmap", b"# Portulan", b"Host: ")):
        return _read_grepable(text, source)
    if start.startswith(b"address,"):
        return _read_csv(text, source)
    raise ParseError("diff.form", file=source)


def snapshot_of(report: ScanReport) -> Snapshot:
    """A report as what it says of each address."""
    found = Collected(", ".join(report.targets))
    for host in report.hosts:
        found.address(host.address)
        if host.name is not None:
            found.names[host.address] = host.name
        for each in host.others:
            if each.ports:
                found.add(host.address, each.transport, each.state, parse_portset(each.ports).ranges)
    for row in report.rows:
        found.add(found.address(row.address), row.transport, row.state, (PortRange(row.port, row.port),))
    return found.snapshot()


def _read_csv(text: str, source: str) -> Snapshot:
    import csv

    found = Collected(source)
    reader = csv.reader(text.splitlines())
    try:
        headers = next(reader)
        columns = [headers.index(name) for name in ("address", "transport", "port", "state")]
        named = headers.index("name") if "name" in headers else None
        for row in reader:
            if not row:
                continue
            address, transport, ports, state = (row[at] for at in columns)
            address = found.address(address)
            found.add(address, transport, state, parse_portset(ports).ranges)
            if named is not None and row[named]:
                found.names[address] = row[named]
    except (ValueError, IndexError, StopIteration, BadInput, csv.Error):
        raise ParseError("diff.row", file=source, line=max(1, reader.line_num)) from None
    return found.snapshot()


def _read_grepable(text: str, source: str) -> Snapshot:
    found = Collected(source)
    scanned: dict[Transport, PortSet] = {}
    ignored: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("# Ports scanned: "):
                scanned.update(_scanned(line.removeprefix("# Ports scanned: ")))
            elif line.startswith("Host: "):
                fields = line.removeprefix("Host: ").split("\t")
                place, _, name = fields[0].partition(" ")
                address = found.address(place)
                if name.strip("() "):
                    found.names[address] = name.strip("() ")
                _host_fields(found, address, fields[1:], ignored)
        except (ValueError, IndexError, BadInput):
            raise ParseError("diff.row", file=source, line=number) from None
    for address, state in ignored:  # only the ports of a scan by one transport can be told by what is not listed
        if len(scanned) == 1:
            ((transport, ports),) = scanned.items()
            found.add(address, transport, state, (ports - found.known(address, transport)).ranges)
    return found.snapshot()


def _scanned(text: str) -> Iterable[tuple[Transport, PortSet]]:
    """`TCP(0-65535)`, and nmap's own `TCP(3;22,80,443) UDP(0;) …`."""
    for part in text.split():
        name, _, inside = part.partition("(")
        ports = inside.rstrip(")").rpartition(";")[2]
        if ports and name.lower() in (Transport.TCP.value, Transport.UDP.value):
            yield Transport(name.lower()), parse_portset(ports)


def _host_fields(found: Collected, address: str, fields: list[str], ignored: list[tuple[str, str]]) -> None:
    for field in fields:
        kind, _, value = field.partition(": ")
        if kind == "Ports":
            for entry in value.split(", "):
                port, state, transport = entry.split("/")[:3]
                found.add(address, transport, state, (read_port(port),))
        elif kind == "Ignored State":
            states = [part.partition(" (")[0] for part in value.split(", ")]
            if len(states) == 1:
                ignored.append((address, State(states[0]).value))
