"""Our own JSON and JSON lines, checked by type as they are read."""

from __future__ import annotations

import msgspec

from portulan.errors import BadInput, ParseError
from portulan.model.portset import PortRange, parse_portset
from portulan.scan.reports.collected import Collected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.scan_diff import Snapshot

SCHEMA = "portulan.scan/"


class _Others(msgspec.Struct):
    transport: str
    state: str
    ports: str


class _Host(msgspec.Struct):
    address: str
    name: str | None = None
    others: list[_Others] = []


class _Row(msgspec.Struct):
    address: str
    transport: str
    port: int
    state: str


class _Whole(msgspec.Struct):
    schema: str
    hosts: list[_Host]
    items: list[_Row] = []


class _Line(msgspec.Struct):
    """A row, or (with a schema) the summary."""

    schema: str | None = None
    hosts: list[_Host] = []
    address: str = ""
    transport: str = ""
    port: int = -1
    state: str = ""


def read_json(data: bytes, source: str) -> Snapshot:
    """An envelope, or rows line by line with the summary last. Raises ParseError."""
    found = Collected(source)
    line = 1
    ended = False
    try:
        if not _is_whole(data.strip().partition(b"\n")[0]) or b"\n" not in data.strip():
            whole = msgspec.json.decode(data, type=_Whole)
            _check(whole.schema, source)
            _hosts(found, whole.hosts)
            for row in whole.items:
                _row(found, row.address, row.transport, row.port, row.state)
            return found.snapshot()
        decoder = msgspec.json.Decoder(_Line)
        for text in data.splitlines():
            ended = _take(found, decoder.decode(text), source) or ended
            line += 1
    except ParseError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError, BadInput):
        raise ParseError("diff.row", file=source, line=line) from None
    if not ended:
        raise ParseError("diff.cut", file=source)
    return found.snapshot()


def _take(found: Collected, one: _Line, source: str) -> bool:
    """A line; whether it was the summary."""
    if one.schema is None:
        _row(found, one.address, one.transport, one.port, one.state)
        return False
    _check(one.schema, source)
    _hosts(found, one.hosts)
    return True


def _is_whole(first: bytes) -> bool:
    """Whether a first line is an object of its own, so that the file may be one of lines."""
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _check(schema: str, source: str) -> None:
    if not schema.startswith(SCHEMA):
        raise ParseError("diff.schema", file=source, text=schema[:60])


def _hosts(found: Collected, hosts: list[_Host]) -> None:
    for host in hosts:
        address = found.address(host.address)
        if host.name:
            found.names[address] = host.name
        for each in host.others:
            if each.ports:
                found.add(address, each.transport, each.state, parse_portset(each.ports).ranges)


def _row(found: Collected, address: str, transport: str, port: int, state: str) -> None:
    found.add(found.address(address), transport, state, (PortRange(port, port),))
