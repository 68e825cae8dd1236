"""Named sets of plain addresses and ports, their elements asked of the kernel itself: no program is started for each, and of a large one only the beginning is read.

The kernel walks a set anew for each 32 KiB of its listing (net/netfilter/nf_tables_api.c), so that 100,000 addresses take it 0.2 s: no reader can be quicker than that.
"""

from __future__ import annotations

from errno import EINVAL, ENOENT, EOPNOTSUPP

from portulan.model.record import Record
from portulan.model.rule import Members
from portulan.system.firewall.present import NETFILTER
from portulan.system.linux.netlink import Netlink
from portulan.wire.nf_sets import GET_ELEMENTS, GET_SET, WIDTHS, build_query, join_spans, known_family, parse_elements, parse_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.ruleset import NamedSet
    from portulan.wire.nf_sets import Key

_ODD = ("timeout", "dynamic")


class Found(Record):
    """What came of reading one set: its members, or that it is `large` (and how large, where the kernel tells); neither: it is no plain set, nft has to read it."""

    members: Members | None = None
    large: bool = False
    element_count: int | None = None


def read_elements(asked: NamedSet, most: int | None = None) -> Found:
    """The elements of one set of this thread's namespace; no more than about `most`. Raises OSError, ParseError, FileNotFoundError where it is gone."""
    if not known_family(asked.family):
        return Found()
    query = build_query(asked.family, asked.table, asked.name)
    with Netlink(NETFILTER) as netlink:  # one for each: a listing that is left in its middle would still be coming in
        count = None if most is None else _count(netlink, query)
        if most is not None and count is not None and count > 2 * most:  # the kernel keeps a span as two
            return Found(large=True, element_count=count)
        width = _width(asked)
        return Found() if width is None else _read(netlink, query, width, most, intervals="interval" in asked.flags)


def _width(asked: NamedSet) -> int | None:
    """Bytes of its keys; None where it is no plain set."""
    plain = len(asked.types) == 1 and not asked.data_types and asked.timeout_s is None and not any(flag in _ODD for flag in asked.flags)
    return WIDTHS.get(asked.types[0]) if plain else None


def _count(netlink: Netlink, query: bytes) -> int | None:
    """How many elements it has; None from a kernel that does not tell."""
    try:
        return parse_set(*netlink.get(GET_SET, query)).element_count
    except OSError as error:
        if error.errno in (EINVAL, EOPNOTSUPP):
            return None
        raise


def _read(netlink: Netlink, query: bytes, width: int, most: int | None, *, intervals: bool) -> Found:
    keys: list[Key] = []
    for answer in netlink.dump(GET_ELEMENTS, query):
        more = parse_elements(*answer, width)
        if more is None:
            return Found()
        keys += more
        if most is not None and len(keys) > 2 * most:
            return Found(large=True)
    if netlink.interrupted:
        raise FileNotFoundError(ENOENT, "the set changed while it was read")
    spans = join_spans(keys, width, intervals=intervals)
    return Found() if spans is None else Found(Members(spans=spans))
