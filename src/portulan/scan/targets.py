"""Which addresses are scanned: what was asked for, without what is excluded, what is nobody's host, and what one has no right to ask.

The special networks are those of IANA's registries of special-purpose addresses (RFC 6890 and what updated it).
"""

from __future__ import annotations

from itertools import pairwise

from portulan.errors import BadInput, NotPermitted, PortulanError
from portulan.model.record import Record
from portulan.scan.ranges import common, count, join, without, write
from portulan.scan.words import LINK_LOCAL, Part, plain_list, read_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from portulan.scan.ranges import Ranges
    from portulan.scan.words import Resolve

VERSIONS = (4, 6)


def _networks(*texts: str) -> dict[int, Ranges]:
    parts = [part for text in texts for part in read_word(text, lambda _: ())]
    return {version: join(each for part in parts if part.version == version for each in part.ranges) for version in VERSIONS}


UNASKED = {
    "broadcast": _networks("255.255.255.255"),  # RFC 919
    "multicast": _networks("224.0.0.0/4", "ff00::/8"),  # RFC 1112, RFC 4291
    "documentation": _networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),  # RFC 5737, 3849, 9637
    "unspecified": _networks("0.0.0.0/8", "::"),  # RFC 1122, RFC 4291
    # RFC 1112; of IPv6 all but global, unique local, link-local and site-local unicast, loopback, and translated IPv4 (RFC 4291, 6052, 8215)
    "reserved": _networks("240.0.0.0/4", "::2-64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::-1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                          "4000::-fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::/9"),
}  # fmt: skip
"""Why -> networks that are left out, the first that holds an address says why."""
PRIVATE = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "::1", "fc00::/7", "fe80::%x/10", "fec0::/10",
)  # fmt: skip
"""What needs no word of its owner: loopback, private, link-local, shared (RFC 6598) and benchmarking (RFC 2544) addresses."""
_PRIVATE = _networks(*PRIVATE)


class Targets(Record):
    """The addresses to scan, as sorted, disjoint ranges of numbers."""

    asked: tuple[str, ...]
    """The words of the command line; of a file its name."""
    v4: Ranges
    v6: Ranges
    names: dict[str, str]
    """Written address -> the name it was asked by."""
    links: tuple[tuple[int, int, str], ...]
    """(first, last, interface) of link-local addresses of IPv6, sorted and disjoint."""
    left_out: tuple[tuple[str, str], ...]
    """(network, why): broadcast, multicast, documentation, unspecified, reserved, excluded, and link-local where a network holds some and no interface was said."""

    @property
    def public(self) -> bool:
        """Whether addresses that the whole internet may route to are among them."""
        return any(without(ranges, _PRIVATE[version]) for version, ranges in ((4, self.v4), (6, self.v6)))

    @property
    def addresses(self) -> int:
        """How many."""
        return count(self.v4) + count(self.v6)


class _Taken:
    """What words stand for, together."""

    def __init__(self) -> None:
        self.ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        self.links: dict[str, list[tuple[int, int]]] = {}
        self.names: dict[str, str] = {}

    def take(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self.ranges[part.version].extend(part.ranges)
            if part.link is not None:
                self.links.setdefault(part.link, []).extend(part.ranges)
            if part.name is not None:
                self.names.setdefault(write(part.version, part.ranges[0]), part.name)


def choose(
    words: Sequence[str],
    *,
    resolve: Resolve,
    files: Iterable[tuple[str, str]] = (),
    exclude: Iterable[str] = (),
    exclude_files: Iterable[tuple[str, str]] = (),
    authorized: bool = False,
    allowed: Iterable[str] = (),
    own: Iterable[str] = (),
    broadcasts: Iterable[str] = (),
    config: str = "",
) -> Targets:
    """The addresses that words and files (name, text) ask for.

    `allowed`: networks that the user's configuration (a file `config`) names as theirs to scan, documentation networks too; `own`: addresses of this host;
    `broadcasts`: those of its links. Raises BadInput (with file and line for what stands in a file), NotPermitted for public addresses without
    `authorized`, and what `resolve` raises.
    """
    files = list(files)
    wanted, unwanted = _take(words, files, resolve), _take(exclude, exclude_files, resolve)
    given = _networks(*allowed)
    if not (wanted.ranges[4] or wanted.ranges[6]):
        raise BadInput("scan.no-targets")
    left_out: list[tuple[str, str]] = []
    kept: dict[int, Ranges] = {}
    excluded = {version: join(unwanted.ranges[version]) for version in VERSIONS}
    linked = join(part for ranges in wanted.links.values() for part in ranges)
    classes = [("excluded", excluded), *_classes(given, broadcasts), ("link-local", {4: (), 6: without((LINK_LOCAL,), linked)})]
    for version in VERSIONS:
        rest = join(wanted.ranges[version])
        for why, networks in classes:
            left_out += [(write(version, part), why) for part in common(rest, networks[version])]
            rest = without(rest, networks[version])
        kept[version] = rest
    if not (kept[4] or kept[6]):
        raise BadInput("scan.nothing-left", text=left_out[0][0], why=left_out[0][1], count=len(left_out))
    if not authorized:
        mine = _networks(*own)
        for version in VERSIONS:
            foreign = without(without(without(kept[version], _PRIVATE[version]), given[version]), mine[version])
            if foreign:
                raise NotPermitted("scan.public", text=write(version, foreign[0]), count=count(foreign), config=config)
    links = _links(wanted.links, kept[6])
    return Targets((*words, *(name for name, _ in files)), kept[4], kept[6], wanted.names, links, tuple(left_out))


def _classes(given: dict[int, Ranges], broadcasts: Iterable[str]) -> Iterator[tuple[str, dict[int, Ranges]]]:
    """What is left out, and why. Networks for documentation are hosts where somebody says that they are theirs."""
    here = _networks(*broadcasts)
    for why, networks in UNASKED.items():
        if why == "broadcast":
            yield why, {version: join((*networks[version], *here[version])) for version in VERSIONS}
        elif why == "documentation":
            yield why, {version: without(networks[version], given[version]) for version in VERSIONS}
        else:
            yield why, networks


def _links(links: dict[str, list[tuple[int, int]]], kept: Ranges) -> tuple[tuple[int, int, str], ...]:
    found = sorted((first, last, link) for link, ranges in links.items() for first, last in common(join(ranges), kept))
    for (_, last, link), (first, _, other) in pairwise(found):
        if first <= last:
            raise BadInput("scan.two-links", text=write(6, (first, first)), first=link, second=other)
    return tuple(found)


def _take(words: Iterable[str], files: Iterable[tuple[str, str]], resolve: Resolve) -> _Taken:
    taken = _Taken()
    for word in words:
        taken.take(read_word(word, resolve))
    for file, text in files:
        plain = plain_list(text)
        if plain is not None:
            taken.ranges[4].extend(plain)
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for word in line.partition("#")[0].split():
                try:
                    taken.take(read_word(word, resolve))
                except PortulanError as error:
                    error.facts.update(file=file, line=number)
                    raise
    return taken


def check_networks(networks: Iterable[str]) -> None:
    """Whether each is an address, a network or a range. Raises BadInput."""
    for text in networks:
        read_word(text, _refuse)


def _refuse(name: str) -> Sequence[str]:
    raise BadInput("scan.not-a-network", text=name)
