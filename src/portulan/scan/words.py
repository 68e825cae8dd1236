"""Targets as people write them: names, addresses, networks, ranges of either version, and octets with choices (`198.18.0-3.1-20`)."""

from __future__ import annotations

import re
from itertools import product

import numpy as np

from portulan.errors import BadInput
from portulan.model.address import MAPPED, parse_address
from portulan.model.record import Record
from portulan.scan.ranges import BITS, join, network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.scan.ranges import Ranges

    Resolve = Callable[[str], Sequence[str]]
    """A name -> its addresses as text, an IPv6 one of a link with `%interface`. Raises BadInput, CannotTell."""

MOST_PARTS = 1 << 16
"""Ranges that one word with choices of octets may stand for."""
LONGEST = 1000
"""Characters of a word: names have at most 253 (RFC 1035, section 2.3.4)."""
_OCTETS = frozenset("0123456789.-,*")
LINK_LOCAL = network(6, 0xFE80 << 112, 10)
"""fe80::/10 (RFC 4291, section 2.4)."""
_PLAIN_LIST = re.compile(r"\s*(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\s+)+", re.ASCII)
_LEADING_ZERO = re.compile(r"(?<!\d)0\d", re.ASCII)


class Part(Record):
    """What one word stands for, of one version."""

    version: int
    ranges: Ranges
    link: str | None = None
    """The interface, of link-local addresses of IPv6."""
    name: str | None = None
    """The name that was resolved to it."""


def read_word(word: str, resolve: Resolve) -> list[Part]:
    """The addresses of a word. Raises BadInput for what is none, and what `resolve` raises."""
    if not word or len(word) > LONGEST:
        raise BadInput("scan.not-a-target", text=word[:60])
    number = _plain(word)
    if number is not None:  # the commonest, quickly: lists may have a million
        return [Part(4, ((number, number),))]
    body, percent, link = word.partition("%")
    if percent:
        if "/" in link:
            link, slash, length = link.partition("/")
            body += slash + length
        if not link or link.isspace():
            raise BadInput("scan.empty-link", text=word)
    parts = _read(body, word, resolve)
    if not percent:
        return [part if part.name else _placed(part, None, word) for part in parts]
    if any(part.name for part in parts):
        raise BadInput("scan.not-a-target", text=word)
    return [_placed(part, link, word) for part in parts]


def _placed(part: Part, link: str | None, word: str) -> Part:
    """Only addresses of a link take an interface, and they all need one."""
    local = part.version == 6 and all(LINK_LOCAL[0] <= first and last <= LINK_LOCAL[1] for first, last in part.ranges)
    if local and link is None:
        raise BadInput("scan.needs-link", text=word)
    if link is not None and not local:
        raise BadInput("scan.no-link-wanted", text=word)
    return part._replace(link=link)


def plain_list(text: str) -> Ranges | None:
    """The addresses of a text that holds nothing but dotted quads, a hundred times as fast as word by word; None for any other text."""
    if not _PLAIN_LIST.fullmatch(text + "\n") or _LEADING_ZERO.search(text):
        return None
    octets = np.fromstring(text.replace(".", " "), np.int64, sep=" ").reshape(-1, 4)
    if octets.max() > 255:
        return None
    numbers = np.unique(octets @ np.array([1 << 24, 1 << 16, 1 << 8, 1]))
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts, lasts = numbers[np.r_[0, breaks + 1]], numbers[np.r_[breaks, len(numbers) - 1]]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _read(body: str, word: str, resolve: Resolve) -> list[Part]:
    if "/" in body:
        return [_network(body, word)]
    if set(body) <= _OCTETS and body.count(".") == 3:
        return [Part(4, _octets(body, word))]
    if "-" in body and (":" in body or body.count(".") == 6):
        return [_between(body, word)]
    if ":" in body:
        return [_one(body, word)]
    if set(body) <= _OCTETS:
        raise BadInput("scan.not-a-target", text=word)
    return _named(body, resolve)


def _one(body: str, word: str) -> Part:
    version, number = _address(body, word)
    return Part(version, ((number, number),))


def _address(text: str, word: str) -> tuple[int, int]:
    """(version, number); an IPv4 address written as an IPv6 one is the IPv4 one."""
    number = _plain(text)
    if number is not None:
        return 4, number
    try:
        packed = parse_address(text)
    except BadInput:
        if text.count(":") == 1 and text.partition(":")[2].isdigit():
            raise BadInput("scan.target-port", text=word, target=text.partition(":")[0], port=text.partition(":")[2]) from None
        if text.count(".") == 3 and set(text) <= _OCTETS:
            raise BadInput("scan.bad-octet", text=word) from None
        raise BadInput("scan.not-a-target", text=word) from None
    if packed[:12] == MAPPED and len(packed) == 16:
        packed = packed[12:]
    return (4 if len(packed) == 4 else 6), int.from_bytes(packed)


def _plain(text: str) -> int | None:
    """A dotted quad as a number; None for anything else."""
    octets = text.split(".")
    if len(octets) != 4:
        return None
    number = 0
    for octet in octets:
        if not (octet.isascii() and octet.isdigit()) or len(octet) > 3 or (len(octet) > 1 and octet[0] == "0"):
            return None
        value = int(octet)
        if value > 255:
            return None
        number = number << 8 | value
    return number


def _network(body: str, word: str) -> Part:
    text, _, length = body.partition("/")
    if "//" in body:  # a URL
        raise BadInput("scan.not-a-target", text=word)
    try:
        version, number = _address(text, word)
    except BadInput as error:
        if error.code == "scan.target-port" or not (set(text) <= _OCTETS or ":" in text):
            raise BadInput("scan.not-a-target", text=word) from None
        raise
    if not length:
        raise BadInput("scan.empty-network", text=word, bits=BITS[version])
    if not (length.isascii() and length.isdigit()) or len(length) > 3 or int(length) > BITS[version]:
        raise BadInput("scan.bad-prefix", text=word, length=length, bits=BITS[version])
    return Part(version, (network(version, number, int(length)),))


def _between(body: str, word: str) -> Part:
    low, _, high = body.partition("-")
    (version, first), (other, last) = _address(low, word), _address(high, word)
    if version != other:
        raise BadInput("scan.two-versions", text=word)
    if first > last:
        raise BadInput("scan.backwards", text=word)
    return Part(version, ((first, last),))


def _octets(body: str, word: str) -> Ranges:
    """`198.18.0-3.1-20`, `198.18.0.1,5,9`, `198.18.*.1`."""
    choices = [_choices(octet, word) for octet in body.split(".")]
    tail = 0
    while tail < 3 and choices[3 - tail] == [(0, 255)]:  # whole octets at the end make one range
        tail += 1
    head = choices[: 4 - tail]
    amount = len(head[-1])
    for each in head[:-1]:
        amount *= sum(last - first + 1 for first, last in each)
    if amount > MOST_PARTS:
        raise BadInput("scan.too-many-ranges", text=word, count=amount)
    numbers = ([value for first, last in each for value in range(first, last + 1)] for each in head[:-1])
    found = []
    for values in product(*numbers):
        base = int.from_bytes(bytes(values))
        found += [(((base << 8 | first) << 8 * tail), ((base << 8 | last) << 8 * tail) | (1 << 8 * tail) - 1) for first, last in head[-1]]
    return join(found)


def _choices(octet: str, word: str) -> list[tuple[int, int]]:
    found = []
    for part in octet.split(","):
        low, dash, high = part.partition("-")
        if part == "*":
            found.append((0, 255))
            continue
        ends = (low or "0", high or "255") if dash else (low, low)
        if not all(_plain_octet(end) for end in ends):
            raise BadInput("scan.bad-octet", text=word)
        if int(ends[0]) > int(ends[1]):
            raise BadInput("scan.backwards", text=word)
        found.append((int(ends[0]), int(ends[1])))
    return list(join(found))


def _plain_octet(text: str) -> bool:
    """0 to 255 without leading zeros, which some read as octal."""
    return text.isdigit() and len(text) <= 3 and int(text) <= 255 and (text[0] != "0" or text == "0")


def _named(name: str, resolve: Resolve) -> list[Part]:
    parts = []
    for text in resolve(name):
        address, _, link = text.partition("%")
        version, number = _address(address, name)
        parts.append(Part(version, ((number, number),), link or None, name))
    if not parts:
        raise BadInput("scan.unknown-host", text=name)
    return parts
