"""Who is there at all, before ports are asked: host discovery of all targets."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.scan import REASONS, HostSeen, Reason
from portulan.scan.ranges import common, join, without
from portulan.scan.written import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.scan.find_hosts import HostsFound
    from portulan.scan.order import Key
    from portulan.scan.ranges import Ranges
    from portulan.scan.targets import Targets

WORTH_IT = 8
"""With fewer ports than this to ask, asking who is there takes longer than asking them."""
_TOLD = 65_536
_FEW = 256


class Present(Record):
    """What discovery found."""

    targets: Targets
    """Narrowed to the addresses that are there."""
    hosts: tuple[HostSeen, ...]
    """Who is there, and who is not where they are few."""
    skipped: tuple[str, ...]
    """Ways of asking that were not open to us, as codes of sentences in `text.scan`."""


def worth_it(targets: Targets, ports: int) -> bool:
    """Whether to find out who is there before asking so many ports."""
    return targets.addresses > 1 and ports > WORTH_IT


def find_present(targets: Targets, key: Key, *, raw: bool, rate: float | None) -> Present:
    """Ask all addresses whether they are there. Raises what `find_hosts` raises."""
    from portulan.scan.discover import RATE
    from portulan.scan.find_hosts import find_hosts

    kept: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    hosts: list[HostSeen] = []
    skipped: set[str] = set()
    for version, ranges, link in _parts(targets):
        found = find_hosts(version, ranges, key, raw=raw, link=link, rate=min(rate or RATE, RATE))
        kept[version] += found.ranges
        skipped |= {f"hosts-no-{name}" for name in found.skipped}
        hosts += _told(found, targets.names, everyone=targets.addresses <= _FEW)
    v4, v6 = join(kept[4]), join(kept[6])
    links = tuple((first, last, link) for begin, end, link in targets.links for first, last in common(v6, ((begin, end),)))
    return Present(targets._replace(v4=v4, v6=v6, links=links), tuple(hosts[:_TOLD]), tuple(sorted(skipped)))


def _parts(targets: Targets) -> Iterator[tuple[int, Ranges, int]]:
    """(version, ranges, interface) of what is asked in one go."""
    from portulan.scan.links import link_number

    linked = tuple((first, last) for first, last, _ in targets.links)
    for version, ranges in ((4, targets.v4), (6, without(targets.v6, linked))):
        if ranges:
            yield version, ranges, 0
    for first, last, name in targets.links:
        yield 6, ((first, last),), link_number(name)


def _told(found: HostsFound, names: dict[str, str], *, everyone: bool) -> Iterator[HostSeen]:
    import numpy as np

    places = np.arange(found.space.hosts) if everyone else np.flatnonzero(found.found.up)[:_TOLD]
    for place, address in zip(places.tolist(), addresses(found.space, places), strict=True):
        up, reason, rtt = bool(found.found.up[place]), REASONS[found.found.reason[place]], float(found.found.rtt_s[place])
        mac = found.found.macs.get(place)
        yield HostSeen(
            address,
            names.get(address),
            up=True if up else False if reason in (Reason.HOST_DOWN, Reason.NO_ROUTE) else None,
            states={},
            mac=mac.hex(":") if mac else None,
            reason=reason,
            rtt_ms=None if rtt != rtt else round(rtt * 1000, 3),  # noqa: PLR0124 - NaN is unknown
        )
