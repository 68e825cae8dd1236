"""Host discovery: the ways of asking that this process may use, put together. ARP and neighbour discovery decide on our own links, waves of probes beyond."""

from __future__ import annotations

import time
from contextlib import ExitStack

import numpy as np

from portulan.errors import CannotTell, NotPermitted
from portulan.model.port import PORTS
from portulan.model.record import Record
from portulan.model.scan import REASONS, Reason
from portulan.scan.by_connect import ConnectProber
from portulan.scan.by_echo import EchoProber
from portulan.scan.by_syn import SynProber
from portulan.scan.by_udp import UdpProber
from portulan.scan.discover import RATE, WAIT_S, WAVES, Asker, Found, discover
from portulan.scan.ranges import count
from portulan.scan.space import Space
from portulan.scan.ways import Ways, find_ways, runs_of
from portulan.system.linux.route import find_way
from portulan.wire.udp_hello import PORTS_WITH_GREETING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.ways import Lane

    Range = tuple[int, int]

_DOORS = (22, 80, 443)
"""Sorted; 443 is asked first, since firewalls open it most."""
_DOOR_PLAN = ((2,), (1,), (0, 2))
_ECHO_PLAN = ((0,),) * WAVES
_CLOSED_PLAN = ((), (0,), (0,))
MOST_HOSTS = 1 << 24
_HIGH = 40_000
"""Some port above is probably closed: a host that is there says so."""


class HostsFound(Record):
    """Who is there, over the places of `space` (whose one port means nothing)."""

    space: Space
    found: Found
    skipped: tuple[str, ...]
    """Ways of asking that were not open to us: `ping`, `neighbours`."""

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The addresses that are up, as sorted and disjoint ranges."""
        return tuple(runs_of(self.space, self.found.up))


def find_hosts(
    version: int, ranges: Sequence[Range], key: Key, *, raw: bool, link: int = 0, rate: float = RATE, wait_s: float = WAIT_S,
    clock: Callable[[], float] = time.time,
) -> HostsFound:  # fmt: skip
    """Find out which addresses of some ranges (sorted, disjoint, of one family) are up.

    `raw`: whether CAP_NET_RAW is there; without it neighbours are not asked directly, and doors are tried by connections. `link` is the interface of link-local
    addresses. `rate` counts probes a second, `wait_s` is waited after each wave. Raises NotPermitted, CannotTell, MachineFailed.
    """
    if count(ranges) > MOST_HOSTS:
        raise CannotTell("scan.too-many-hosts", count=count(ranges), most=MOST_HOSTS)
    space = Space(version, ranges, (0,))
    found = Found(space.hosts)
    skipped: list[str] = []
    if raw:
        ways = find_ways(version, list(ranges), link=link)
        lanes = _enter_ways(space, found, ways, link)
    else:
        lanes = None
        skipped.append("neighbours")
    far = np.flatnonzero(found.far)
    if far.size:
        with ExitStack() as opened:
            beyond = Space(version, runs_of(space, found.far), (0,))
            heard = Found(beyond.hosts)
            askers = _askers(beyond, lanes, key, link, opened, skipped)
            discover(heard, np.arange(beyond.hosts), askers, clock, key, rate=rate, wait_s=wait_s)
            found.up[far], found.reason[far], found.rtt_s[far] = heard.up, heard.reason, heard.rtt_s
            found.probes += heard.probes
    return HostsFound(space, found, tuple(skipped))


def _askers(beyond: Space, lanes: tuple[Lane, ...] | None, key: Key, link: int, opened: ExitStack, skipped: list[str]) -> list[Asker]:
    """Every way of asking hosts beyond our own links; what is opened is closed with `opened`."""
    version, ranges = beyond.version, beyond.ranges
    askers = []
    try:
        echo = EchoProber(beyond, key, scope=link)
    except NotPermitted:
        skipped.append("ping")
    else:
        opened.callback(echo.close)
        askers.append(Asker(echo, 1, _ECHO_PLAN))
    doors = Space(version, ranges, _DOORS)
    knocker = ConnectProber(doors, scope=link) if lanes is None else SynProber(doors, lanes, key)
    opened.callback(knocker.close)
    askers.append(Asker(knocker, len(_DOORS), _DOOR_PLAN))
    shut = UdpProber(Space(version, ranges, (_closed_port(key),)), key, scope=link)
    opened.callback(shut.close)
    askers.append(Asker(shut, 1, _CLOSED_PLAN))
    return askers


def _closed_port(key: Key) -> int:
    port = _HIGH + key[1] % (PORTS - _HIGH)
    while port in PORTS_WITH_GREETING:
        port -= 1
    return port


def _enter_ways(space: Space, found: Found, ways: Ways, link: int) -> tuple[Lane, ...]:
    """Enter what the ways say: our own addresses, neighbours that answered, those that did not; returns the lanes to all others."""
    found.far[:] = False
    for each in ways.refused:
        found.reason[_places(space, [(each.first, each.last)])] = REASONS.index(each.reason)
    beyond = []
    heard = REASONS.index(Reason.ARP if space.version == 4 else Reason.NEIGHBOUR)
    for lane in ways.lanes:
        places = _places(space, lane.ranges)
        if lane.macs is None:
            found.up[places], found.reason[places] = True, REASONS.index(Reason.KERNEL)
        elif lane.macs.shape[1] and find_way(lane.ranges[0][0].to_bytes(space.size), link).on_link:
            found.up[places], found.reason[places] = True, heard
            found.macs.update(zip(places.tolist(), map(bytes, lane.macs), strict=True))
        else:
            found.far[places] = True
            beyond.append(lane)
    return tuple(beyond)


def _places(space: Space, ranges: Sequence[Range]) -> NDArray[np.int64]:
    """The places of ranges that each lie within one of the space's."""
    edges = b"".join(number.to_bytes(space.size) for part in ranges for number in part)
    rows = space.places(np.frombuffer(edges, np.uint8).reshape(-1, space.size)).reshape(-1, 2)
    return np.concatenate([np.arange(first, last + 1) for first, last in rows.tolist()])
