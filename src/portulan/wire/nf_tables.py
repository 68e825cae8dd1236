"""What nft's JSON does not tell, or tells wrongly, asked of the kernel itself (Linux include/uapi/linux/netfilter/nf_tables.h, numbers in network order).

The generation, which counts every change of the rules; which tables there are and their flags; the devices of ingress and egress chains.
"""

from __future__ import annotations

from portulan.model.record import Record
from portulan.wire.netlink import iterate_attributes, parse_attributes

_SUBSYSTEM = 10 << 8
GET_TABLE, GET_CHAIN, GET_GENERATION = _SUBSYSTEM | 1, _SUBSYSTEM | 4, _SUBSYSTEM | 16
_HEADER = 4
"""struct nfgenmsg: family, version, resource."""
_FAMILIES = {0: "unspec", 1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_DORMANT, _OWNER = 1, 2
_BEGINNING = 2
"""NFTA_DEVICE_PREFIX: every device whose name begins so."""


class TableFacts(Record):
    """A table as the kernel lists it."""

    family: str
    name: str
    dormant: bool
    owned: bool


class ChainFacts(Record):
    """A chain as the kernel lists it."""

    family: str
    table: str
    name: str
    devices: tuple[str, ...]


def build_query() -> bytes:
    """The payload of a question about every family."""
    return bytes(_HEADER)


def parse_generation(data: bytes, start: int, end: int) -> int:
    """The number of the rules' generation, which every change raises. Raises ParseError."""
    return int.from_bytes(parse_attributes(data, start + _HEADER, end).get(1, b""))


def parse_table(data: bytes, start: int, end: int) -> TableFacts:
    """One table. Raises ParseError."""
    facts = parse_attributes(data, start + _HEADER, end)
    flags = int.from_bytes(facts.get(2, b""))
    return TableFacts(_family(data, start), _text(facts.get(1, b"")), bool(flags & _DORMANT), bool(flags & _OWNER))


def parse_chain(data: bytes, start: int, end: int) -> ChainFacts:
    """One chain and the devices it is at. Raises ParseError."""
    facts = parse_attributes(data, start + _HEADER, end)
    devices = []
    hook = facts.get(4, b"")
    for kind, first, last in iterate_attributes(hook, 0, len(hook)):
        if kind == 3:
            devices.append(_text(hook[first:last]))
        elif kind == 4:
            names = iterate_attributes(hook, first, last)
            devices += [_text(hook[begin:stop]) + ("*" if form == _BEGINNING else "") for form, begin, stop in names]
    return ChainFacts(_family(data, start), _text(facts.get(1, b"")), _text(facts.get(3, b"")), tuple(dict.fromkeys(devices)))


def _family(data: bytes, start: int) -> str:
    number = data[start] if start < len(data) else 0
    return _FAMILIES.get(number, str(number))


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode(errors="replace")
