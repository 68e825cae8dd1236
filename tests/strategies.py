"""What hypothesis draws from: ports, addresses, answers of the kernel, hostile text, whole surveys."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TypeVar

from hypothesis import example
from hypothesis import strategies as st

from builders import AF_INET, AF_INET6, CGROUP, MEMINFO, V6_ONLY, attribute, cgroup, diag, memory_info, v6_only
from portulan.model.chart import Namespace, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.portset import PortRange
from portulan.model.survey import Row, Survey

F = TypeVar("F")
MAPPED = bytes(10) + b"\xff\xff"

ports = st.integers(0, 65_535)
port_ranges = st.tuples(ports, ports).map(lambda pair: PortRange(min(pair), max(pair)))
small_ranges = st.tuples(st.integers(0, 40), st.integers(0, 6)).map(lambda pair: PortRange(pair[0], pair[0] + pair[1]))
edge_ranges = st.tuples(st.integers(65_500, 65_535), st.integers(0, 6)).map(lambda pair: PortRange(pair[0], min(pair[0] + pair[1], 65_535)))
range_lists = st.lists(port_ranges | small_ranges | edge_ranges, max_size=12)
"""Ranges that overlap and touch often, at both ends of the numbers too."""

addresses_4 = st.binary(min_size=4, max_size=4) | st.sampled_from(
    [bytes(4), b"\x7f\0\0\1", b"\x0a\0\0\1", b"\xc0\xa8\1\1", b"\xa9\xfe\0\1", b"\xe0\0\0\1", b"\xff\xff\xff\xff", b"\x08\x08\x08\x08"]
)
_groups = st.lists(st.sampled_from([0, 0, 0, 1, 0xFE80, 0x2001, 0xDB8, 0xFFFF]) | st.integers(0, 0xFFFF), min_size=8, max_size=8)
addresses_6 = (
    st.binary(min_size=16, max_size=16)
    | _groups.map(lambda groups: b"".join(group.to_bytes(2, "big") for group in groups))
    | addresses_4.map(lambda four: MAPPED + four)
    | addresses_4.map(lambda four: bytes(12) + four)
)
addresses = addresses_4 | addresses_6

# --- sock_diag ---

KNOWN = (MEMINFO, V6_ONLY, CGROUP)
_u32 = st.integers(0, 2**32 - 1)
_few_ports = st.sampled_from([22, 80, 443, 5000]) | st.integers(1, 65_535)

foreign_attributes = st.builds(
    attribute, st.integers(0, 40).filter(lambda kind: kind not in KNOWN), st.binary(max_size=24)
)  # e.g. INET_DIAG_SHUTDOWN, _TOS, _CLASS_ID, _SOCKOPT, _CONG, and what later kernels add
good_attributes = st.one_of(
    _u32.map(memory_info),
    st.integers(0, 1).map(v6_only),
    st.integers(1, 2**64 - 1).map(cgroup),
)
short_attributes = st.one_of(
    st.builds(memory_info, _u32, st.integers(0, 8)),  # an old kernel's list of numbers is shorter
    st.builds(attribute, st.sampled_from(KNOWN), st.binary(max_size=8)),
)
attribute_lists = st.lists(good_attributes | foreign_attributes | short_attributes, max_size=6).map(b"".join)
usual_attributes = st.builds(
    lambda drops, only, group: memory_info(drops) + v6_only(only) + cgroup(group), _u32, st.integers(0, 1), st.integers(0, 9999)
)


_tcp_states = st.sampled_from([1, 6, 7, 10, 13])


@st.composite
def diag_answers(draw, family=None, states=_tcp_states, attributes=attribute_lists):
    """The payload of one answer."""
    family = draw(st.sampled_from([AF_INET, AF_INET6])) if family is None else family
    address = addresses_4 if family == AF_INET else addresses_6
    return diag(
        family,
        draw(states),
        draw(_few_ports),
        draw(st.just(0) | ports),
        draw(address),
        draw(address),
        draw(st.integers(0, 3)),
        draw(st.integers(0, 2**64 - 1)),
        *(draw(_u32) for _ in range(5)),
        timer=draw(st.integers(0, 4)),
        retransmits=draw(st.integers(0, 255)),
        attributes=draw(attributes),
    )


# --- hostile text ---

NASTY = (
    "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x9b31m", "\u202egpj.exe", "\u2066\u2069", "\u200b", "\ufeff", "\udc80\udcff", "\ud83d", "日本語のサーバー",
    "ｗｉｄｅ", "e\u0301\u0302", "👩‍👩‍👧", "\u2028\u2029", "a\r\nb\tc", "\0", "\x7f", "\u00ad", "𝕌", "\U000e0041", "{port} %s \\x1b", "=1+1", "x" * 300,
)  # fmt: skip
"""Pieces that a name, a command line or a host name may hold and that must not act."""
EVERYTHING_NASTY = "".join(NASTY)


def nasty(argument: str, **others: object) -> Callable[[F], F]:
    """Try every nasty piece alone, and all together, before what is drawn; `others` are the test's other arguments."""

    def decorate(test: F) -> F:
        for text in (*NASTY, EVERYTHING_NASTY):
            test = example(**{argument: text, **others})(test)
        return test

    return decorate


hostile_text = st.lists(
    st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=()), max_size=12) | st.text("abc -.é漢", max_size=12), max_size=6
).map("".join)

VISIBLE_FORMATS = {0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD, *range(0x0600, 0x0606), *range(0x13430, 0x13440)}
"""Format characters that have a shape of their own: Arabic, Syriac and Kaithi signs, the joiners of hieroglyphs."""


def acts(character):
    """Whether a character does something to a terminal, or hides, instead of being seen."""
    category = unicodedata.category(character)
    if category == "Cf":
        return ord(character) not in VISIBLE_FORMATS
    return category in ("Cc", "Cs", "Zl", "Zp")


# --- surveys ---

_SPACES = (Namespace(4026531840, None, True), Namespace(4026532001, "blue", False), Namespace(4026532002, None, False))
_ADDRESSES = (bytes(4), b"\x7f\0\0\1", b"\x0a\0\0\5", bytes(16), bytes(15) + b"\1", MAPPED + b"\x7f\0\0\1")


@st.composite
def places(draw):
    """What makes an endpoint: namespace, transport, state, port, addresses, interface."""
    transport = draw(st.sampled_from([Transport.TCP, Transport.TCP, Transport.UDP]))
    states = [State.LISTENING, State.LISTENING, State.ESTABLISHED, State.TIME_WAIT, State.BOUND]
    state = draw(st.sampled_from(states)) if transport is Transport.TCP else State.BOUND
    source = draw(st.sampled_from(_ADDRESSES))
    connected = state in (State.ESTABLISHED, State.TIME_WAIT)
    return {
        "netns": draw(st.sampled_from(_SPACES)).inode,
        "transport": transport,
        "state": state,
        "port": draw(st.sampled_from([22, 80, 443])),
        "peer_port": 40_000 if connected else 0,
        "source": source,
        "destination": source if connected else bytes(len(source)),
        "device": draw(st.sampled_from([0, 0, 0, 2])),
    }


@st.composite
def rows(draw, cookie, place):
    """One socket at such a place."""
    return Row(
        **place,
        cookie=cookie,
        expires_ms=draw(st.integers(0, 60_000)),
        rqueue=draw(st.integers(0, 9)),
        wqueue=draw(st.integers(0, 4096)),
        uid=draw(st.sampled_from([None, 0, 1000])),
        inode=cookie + 100,
        v6_only=draw(st.booleans()) if len(place["source"]) == 16 else None,
        cgroup=draw(st.sampled_from([0, 7, 8])),
        drops=draw(st.none() | st.integers(0, 3)),
        mptcp=False,
    )


@st.composite
def surveys(draw):
    """A whole survey: few endpoints that many sockets share, several holders, sockets that nobody holds, counted connections."""
    choice = draw(st.lists(places(), min_size=1, max_size=4))
    found = [draw(rows(cookie, draw(st.sampled_from(choice)))) for cookie in range(1, draw(st.integers(0, 8)) + 1)]
    holders, unheld = {}, {}
    for row in found:
        held = draw(st.lists(st.tuples(st.sampled_from([1, 10, 11, 12]), st.sampled_from([None, 3, 4])), max_size=3, unique=True))
        if held:
            holders[row.cookie] = tuple(held)
        else:
            unheld[row.cookie] = draw(st.sampled_from([*Ownership][1:])).value
    counted = {(row.netns, row.port, row.source): draw(st.integers(1, 5)) for row in found if row.transport is Transport.TCP}
    return Survey(
        source="bpf",
        rows=tuple(found),
        holders=holders,
        sharing={row.cookie: (draw(st.booleans()), draw(st.booleans())) for row in found[::2]},
        unheld=unheld,
        suspects=dict.fromkeys(list(unheld)[:2], (11, 12)),
        processes={pid: Owner(pid=pid, fd=None, name=f"p{pid}") for pid in (1, 10, 11)},
        kernel={(_SPACES[0].inode, Transport.TCP, 22): "nfsd"},
        cgroups={7: "/system.slice/web.service"},
        devices={(_SPACES[0].inode, 2): "eth0"},
        connections=draw(st.sampled_from([None, counted])),
        namespaces=_SPACES,
    )
