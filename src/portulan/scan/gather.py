"""From what the engine decides, pair by pair and in any order, to hosts and rows: in bulk, and in bounded memory however many hosts there are.

While a scan is small enough, each pair's (state, reason) is one byte of a table, and what else is known of it stands beside. Beyond that only the rows that a
person looks for (open ports) are kept, up to a bound; the rest is counted, for each host, or in all where there are too many hosts.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.scan import REASONS, STATES, Others, PortSeen, Reason, State
from portulan.scan.written import addresses, port_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from portulan.model.scan import Decided
    from portulan.scan.space import Space

    Service = Callable[[int, Transport], str | None]
    OnRows = Callable[[Sequence[PortSeen]], None]

MANY = 25
"""More ports than this of one host in one (state, reason) are told together, but never open ones."""
MOST_HOSTS = 1 << 16
"""Hosts told one by one."""
MOST_DETAILS = 1 << 22
"""Pairs of which everything is held: 8 bytes each."""
MOST_PAIRS = 1 << 25
"""Pairs of which the state is held: a byte each."""
MOST_ROWS = 1 << 20
"""Rows kept of a larger scan; further ones are counted, and streamed where somebody takes them."""
_AT_ONCE = 1 << 20
_REASONS = len(REASONS)
_CODES = len(STATES) * _REASONS
_UNSEEN = 255
_OPEN = STATES.index(State.OPEN)
_SILENT = [REASONS.index(reason) for reason in (Reason.NONE, Reason.NO_ROUTE, Reason.HOST_DOWN, Reason.NOT_ASKED, Reason.RATE_LIMITED)]
_GONE = [REASONS.index(reason) for reason in (Reason.NO_ROUTE, Reason.HOST_DOWN)]


class Host(Record):
    """What one transport's ports of one address said."""

    address: str
    states: dict[str, int]
    others: tuple[Others, ...]
    up: bool | None


# As `_make` does, without the Python function around it: a /16 has 65,536 of each.
_host: Callable[[tuple[object, ...]], Host] = partial(tuple.__new__, Host)
_row: Callable[[tuple[object, ...]], PortSeen] = partial(tuple.__new__, PortSeen)


class _Details(Record):
    """What is known of pairs beside their states: columns of one length."""

    pair: NDArray[np.int64]
    code: NDArray[np.uint8]
    ttl: NDArray[np.uint8]
    rtt_s: NDArray[np.float32]
    by: NDArray[np.uint16]


class Gather:
    """What one transport's ports of one version's addresses said."""

    def __init__(
        self,
        space: Space,
        transport: Transport,
        *,
        service: Service,
        responders: Sequence[str] = ("",),
        every: bool = False,
        on_rows: OnRows | None = None,
    ) -> None:
        """`responders` tells who is meant by `Decided.by` (0: the address itself) and may grow. `every`: no port is told together with others.

        `on_rows` takes rows as soon as they are sure to be rows of their own; those are not kept.
        """
        self.space, self.transport, self.every = space, transport, every
        self._service, self._responders, self._on_rows = service, responders, on_rows
        self._services: dict[int, str | None] = {}
        self.states = np.zeros(len(STATES), np.int64)
        """Pairs decided, by state."""
        self.unkept = 0
        """Rows that were counted only."""
        self._whole = space.pairs <= MOST_PAIRS and space.hosts <= MOST_HOSTS
        self._detailed = space.pairs <= MOST_DETAILS and self._whole
        held = space.pairs if self._detailed else 0
        self._codes = np.full(space.pairs if self._whole else 0, _UNSEEN, np.uint8)
        self._ttl, self._rtt_s, self._by = np.zeros(held, np.uint8), np.full(held, np.nan, np.float32), np.zeros(held, np.uint16)
        self._counting = not self._whole and space.hosts <= MOST_HOSTS
        self._counts = np.zeros((space.hosts if self._counting else 0, _CODES), np.uint32)
        self._kept: list[_Details] = []
        self._room = MOST_ROWS

    def add(self, decided: Decided) -> None:
        """Take in a batch; a pair comes once."""
        if not len(decided.pair):
            return
        code = decided.state * np.uint8(_REASONS) + decided.reason
        self.states += np.bincount(decided.state, minlength=len(STATES))
        if self._whole:
            self._codes[decided.pair] = code
        elif self._counting:
            np.add.at(self._counts, (decided.pair // len(self.space.ports), code), 1)
        if self._detailed:
            self._ttl[decided.pair], self._rtt_s[decided.pair], self._by[decided.pair] = decided.ttl, decided.rtt_s, decided.by
        if self._detailed and self._on_rows is None:
            return
        sure = np.flatnonzero(decided.state == _OPEN) if not self.every else np.arange(len(code))
        if self._on_rows is None:
            self.unkept += 0 if self._whole else max(0, len(sure) - self._room)
            sure = sure[: self._room]
            self._room -= len(sure)
        if not len(sure):
            return
        columns = _Details(decided.pair[sure], code[sure], decided.ttl[sure], decided.rtt_s[sure], decided.by[sure])
        if self._on_rows is not None:
            self._on_rows(self._rows(columns))
        else:
            self._kept.append(columns)

    def finish(self) -> tuple[list[PortSeen], list[Host]]:
        """Rows by address and port, and the hosts of which anything was decided. Rows that go to `on_rows` are not among them."""
        rows: list[PortSeen] = []
        for columns in self._rest():
            made = self._rows(columns)
            if self._on_rows is None:
                rows += made
            elif made:
                self._on_rows(made)
        return rows, list(self._hosts())

    def _rest(self) -> Iterator[_Details]:
        """What has not become rows yet, in order, in pieces."""
        kept = _joined(self._kept)
        if not self._whole:
            yield kept
            return
        width = max(1, len(self.space.ports))
        step = max(1, _AT_ONCE // width)
        for first in range(0, self.space.hosts, step):
            codes = self._codes[first * width : (first + step) * width]
            counts = _count(codes, width)
            wanted = codes != _UNSEEN
            if not self.every:
                alone = counts <= MANY
                alone[:, _OPEN * _REASONS : (_OPEN + 1) * _REASONS] = True
                alone = np.concatenate((alone, np.zeros((len(alone), _UNSEEN + 1 - _CODES), bool)), axis=1)
                wanted = np.take_along_axis(alone, codes.reshape(-1, width).astype(np.int64), axis=1).reshape(-1)
            if self._on_rows is not None:  # these were told when they came
                wanted &= False if self.every else codes // _REASONS != _OPEN
            pair = np.flatnonzero(wanted) + first * width
            yield self._details(pair, kept)

    def _details(self, pair: NDArray[np.int64], kept: _Details) -> _Details:
        code = self._codes[pair]
        if self._detailed:
            return _Details(pair, code, self._ttl[pair], self._rtt_s[pair], self._by[pair])
        ttl, rtt_s, by = np.zeros(len(pair), np.uint8), np.full(len(pair), np.nan, np.float32), np.zeros(len(pair), np.uint16)
        if len(kept.pair):
            place = np.minimum(np.searchsorted(kept.pair, pair), len(kept.pair) - 1)
            known = np.flatnonzero(kept.pair[place] == pair)
            ttl[known], rtt_s[known], by[known] = kept.ttl[place[known]], kept.rtt_s[place[known]], kept.by[place[known]]
        return _Details(pair, code, ttl, rtt_s, by)

    def _hosts(self) -> Iterator[Host]:
        if self._counting:
            yield from self._hosts_of(0, self._counts.astype(np.int64), None)
        elif self._whole:
            width = max(1, len(self.space.ports))
            step = max(1, _AT_ONCE // width)
            for first in range(0, self.space.hosts, step):
                codes = self._codes[first * width : (first + step) * width]
                yield from self._hosts_of(first, _count(codes, width), codes.reshape(-1, width))

    def _hosts_of(self, first: int, counts: NDArray[np.int64], codes: NDArray[np.uint8] | None) -> Iterator[Host]:
        total = counts.sum(axis=1)
        places = np.flatnonzero(total)
        cells = counts.reshape(len(counts), len(STATES), _REASONS)
        states, reasons = cells.sum(axis=2), cells.sum(axis=1)
        heard = total - reasons[:, _SILENT].sum(axis=1)
        gone = reasons[:, _GONE].sum(axis=1) == total
        many = counts > MANY
        many[:, _OPEN * _REASONS : (_OPEN + 1) * _REASONS] = False
        grouped: NDArray[np.bool_] = np.zeros(len(many), bool) if self.every else np.asarray(many.any(axis=1))
        ups = [True if some else False if none else None for some, none in zip(heard[places].tolist(), gone[places].tolist(), strict=True)]
        told = _told(states[places])
        others: list[tuple[Others, ...]] = [()] * len(places)
        for at in np.flatnonzero(grouped[places]).tolist():
            place = int(places[at])
            own = None if codes is None else codes[place]
            others[at] = self._others(counts[place], np.flatnonzero(many[place]).tolist(), own)
        yield from map(_host, zip(addresses(self.space, places + first), told, others, ups, strict=True))

    def _others(self, counts: NDArray[np.int64], many: list[int], codes: NDArray[np.uint8] | None) -> tuple[Others, ...]:
        found = [
            Others(
                self.transport,
                STATES[code // _REASONS],
                REASONS[code % _REASONS],
                int(counts[code]),
                "" if codes is None else port_text(self.space.ports[codes == code]),
            )
            for code in many
        ]
        return tuple(sorted(found, key=lambda each: -each.amount))

    def _rows(self, columns: _Details) -> list[PortSeen]:
        host, port = self.space.split(columns.pair)
        ports = port.tolist()
        for number in set(ports) - self._services.keys():
            self._services[number] = self._service(number, self.transport)
        times = np.round(columns.rtt_s.astype(np.float64) * 1000, 3)
        known = [None if unknown else time for time, unknown in zip(times.tolist(), np.isnan(times).tolist(), strict=True)]
        kinds = [(STATES[code // _REASONS], REASONS[code % _REASONS]) for code in range(_CODES)]
        codes = columns.code.tolist()
        columns_of_rows = (
            addresses(self.space, host),
            ports,
            [self.transport] * len(ports),
            [kinds[code][0] for code in codes],
            [kinds[code][1] for code in codes],
            [self._services[number] for number in ports],
            known,
            [ttl or None for ttl in columns.ttl.tolist()],
            [self._responders[by] if by else None for by in columns.by.tolist()],
        )
        return list(map(_row, zip(*columns_of_rows, strict=True)))


def _told(states: NDArray[np.int64]) -> list[dict[str, int]]:
    """For each host how many ports are in each state. Hosts that fare alike, as most do, share the answer."""
    if not len(states):
        return []
    rows = np.ascontiguousarray(states).view(f"V{states.itemsize * states.shape[1]}")[:, 0]
    _, where, which = np.unique(rows, return_index=True, return_inverse=True)
    alike = [{state.value: amount for state, amount in zip(STATES, row, strict=True) if amount} for row in states[where].tolist()]
    return [alike[at] for at in which.tolist()]


def _count(codes: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """(hosts, codes): how many pairs of each host have each code."""
    hosts = len(codes) // width
    if hosts == 1:
        return np.bincount(codes, minlength=_UNSEEN + 1)[None, :_CODES]
    seen = np.flatnonzero(codes != _UNSEEN)
    return np.bincount(seen // width * _CODES + codes[seen], minlength=hosts * _CODES).reshape(hosts, _CODES)


def _joined(parts: Sequence[_Details]) -> _Details:
    """All parts, by their pairs."""
    if not parts:
        return _Details(
            np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.float32), np.zeros(0, np.uint16)
        )
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return _Details(*(column[order] for column in columns))
