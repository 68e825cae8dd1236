"""The table of flows while packets come in: bounded, whatever comes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from portulan.model.record import Record
from portulan.traffic.decode import Ported, Quoted, decode
from portulan.traffic.fold import LATEST, REFUSED_AT, Rows, chosen, fold_packets, fold_rows, found, no_rows, with_stretch, without_stretch
from portulan.traffic.hearsay import First, Hearsay
from portulan.traffic.join import Pairs, flows_of, paired
from portulan.traffic.keys import WIDTHS, transports_of
from portulan.traffic.stretches import MOST_ASKED, MOST_AUTO, MOST_ROWS, NARROWEST_NS, Spread, add_up, next_width, no_spread, widen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.traffic.batch import Batch
    from portulan.traffic.flows import Flows
    from portulan.traffic.gather import I8

CAP = 400_000
"""Distinct flows, where nothing else is asked for: what 600 MB of memory hold in any case."""
PAST_THE_CAP = "past-the-cap"
_SLICE = 1 << 17
"""Packets that are worked on at a time: their columns fit into the processor's caches."""
_FEW = 3 << 17
"""Rows that the table and those that wait to be folded in may come to; then as many may wait as a quarter of the table, so that each row moves but some times."""
_MANY = 1 << 20
"""The same for rows of other tables: they come seldom, and many at a time."""
_NO_TIME = MOST_ASKED + 1


class Times(Record):
    """What flows did when: in all stretches together as much as in all."""

    width_ns: int
    flow: I8
    """Number of the flow in `Flows`."""
    begin_ns: I8
    """Of the stretch."""
    packets: I8
    bytes: I8


class FlowTable:
    """Flows of all batches that were added, in any order and to whichever of several tables that are merged: the same flows.

    Past the cap, the earliest flows are kept; what belongs to others is counted in `aside`.
    """

    def __init__(self, cap: int = CAP, *, inner: bool = False, bucket_s: float | None = None) -> None:
        """`inner`: look into tunnels. `bucket_s`: the width of stretches of time; None: as fits the capture."""
        self.cap = max(1, cap)
        self.inner = inner
        self.packets = self.bytes = 0
        self.began_ns: int | None = None
        self.ended_ns: int | None = None
        self._aside: Counter[str] = Counter()
        self._aside_bytes: Counter[str] = Counter()
        self._asked = bucket_s is not None
        self.width_ns = NARROWEST_NS if bucket_s is None else max(1, round(bucket_s * 1e9))
        self._rows = [no_rows(words) for words in WIDTHS]
        self._waiting: list[list[Rows]] = [[] for _ in WIDTHS]
        self._waits = 0
        self._settled = True
        self._spread = [no_spread(words) for words in WIDTHS]
        self._hearsay = Hearsay()

    @property
    def aside(self) -> dict[str, tuple[int, int]]:
        """Packets and bytes without ports, or past the cap, by code (`layers.CODES_OF_REASONS`)."""
        return {code: (self._aside[code], self._aside_bytes[code]) for code in sorted(self._aside)}

    def add(self, batch: Batch) -> None:
        """Count these."""
        count = len(batch.start)
        slices = max(round(count / _SLICE), 1)  # about as large as that, and all alike
        for number in range(slices if count else 0):
            part = slice(count * number // slices, count * (number + 1) // slices)
            link = batch.link[part] if isinstance(batch.link, np.ndarray) else batch.link
            self._add(
                batch._replace(
                    start=batch.start[part], captured=batch.captured[part], length=np.maximum(batch.length[part], batch.captured[part]),
                    time_ns=np.maximum(batch.time_ns[part], 0), link=link, place=batch.place[part],
                )
            )  # fmt: skip

    def _add(self, batch: Batch) -> None:
        self.packets += len(batch.start)
        self.bytes += int(batch.length.sum())
        apart = self._look_at_time(batch.time_ns)
        decoded = decode(batch, inner=self.inner)
        for code, (packets, bytes_) in decoded.aside.items():
            self._aside[code] += packets
            self._aside_bytes[code] += bytes_
        heard = []
        for family, (ported, refused) in enumerate(zip((decoded.four, decoded.six), decoded.refused, strict=True)):
            if len(ported.row):
                rows, first, index = self._folded(family, batch, ported, apart=apart)
                self._wait(family, rows)
                if len(index):
                    heard.append((rows, first, index))
            if len(refused.row):
                self._wait(family, _said_by_icmp(refused))
        if heard:
            said = self._hearsay.listen(batch.buffer, [(tuple(word[index] for word in rows.keys), first) for rows, first, index in heard])
            for (rows, _, index), codes in zip(heard, said, strict=True):
                rows.protocol[index] = codes
        self._fold_beyond(_FEW)

    def _look_at_time(self, time_ns: I8) -> bool:
        """Take note of the span; whether these packets are in more than one stretch of time."""
        first, last = int(time_ns.min()), int(time_ns.max())
        if last == 0:
            return False
        untimed = first == 0
        if untimed:
            first = int(time_ns[time_ns > 0].min())
        self._span(first, last)
        return untimed or first // self.width_ns != last // self.width_ns

    def _span(self, first: int, last: int) -> None:
        """Make stretches so wide that the capture has few enough of them."""
        self.began_ns = first if self.began_ns is None else min(first, self.began_ns)
        self.ended_ns = last if self.ended_ns is None else max(last, self.ended_ns)
        most, width = MOST_ASKED if self._asked else MOST_AUTO, self.width_ns
        while self.ended_ns // width - self.began_ns // width >= most:
            width = next_width(width)
        self._widen(width)

    def _widen(self, width_ns: int) -> None:
        if width_ns == self.width_ns:
            return
        if self._waits and any(len(spread.stretch) for spread in self._spread):
            self._fold()  # rows of other tables that wait must know which of these are in their first stretch then
            if width_ns <= self.width_ns:
                return
        for family in range(len(WIDTHS)):
            self._rows[family], self._spread[family] = widen(self._rows[family], self._spread[family], self.width_ns, width_ns)
        self.width_ns = width_ns

    def _folded(self, family: int, batch: Batch, ported: Ported, *, apart: bool) -> tuple[Rows, First, I8]:
        """Packets -> rows, each within one stretch of time; and first payloads that are to be looked at, with the rows that they belong to."""
        whole = len(ported.row) == len(batch.start)
        time_ns, place, length = (column if whole else column[ported.row] for column in (batch.time_ns, batch.place, batch.length))
        keys = ported.keys
        if apart:
            stretch = time_ns // self.width_ns - (self.began_ns or 0) // self.width_ns
            keys = with_stretch(keys, np.where(time_ns > 0, stretch, _NO_TIME))
        rows, speaker = fold_packets(keys, length, ported.payload, time_ns, place, ported.marks)
        if apart:
            rows = rows._replace(keys=without_stretch(rows.keys))
        spoke = np.flatnonzero(speaker >= 0)
        speaker = speaker[spoke]
        at, row = ported.payload_at[speaker], ported.row[speaker]
        there = np.maximum(np.minimum(batch.start[row] + batch.captured[row] - at, ported.payload[speaker]), 0)
        own = tuple(word[spoke] for word in rows.keys)
        first = First(at, there, transports_of(own), rows.said_ns[spoke], rows.said_place[spoke])
        new = self._hearsay.news(family, own, first)
        return rows, First(first.at[new], first.there[new], first.transport[new], first.when[new], first.place[new]), spoke[new]

    def _wait(self, family: int, rows: Rows) -> None:
        self._waiting[family].append(rows)
        self._waits += len(rows.place)
        self._settled = False

    def _fold_beyond(self, few: int) -> None:
        held = sum(len(rows.place) for rows in self._rows)
        if self._waits > max(few - held, held // 4):
            self._fold()

    def _fold(self) -> None:
        """Put together what waits."""
        for family, waiting in enumerate(self._waiting):
            if waiting:
                parts = [self._rows[family], *waiting]
                waiting.clear()
                self._rows[family] = no_rows(WIDTHS[family])
                self._rows[family], later = fold_rows(parts, self.width_ns)
                if later is not None:
                    self._spread[family] = add_up([self._spread[family], later])
        self._waits = 0
        while sum(len(spread.stretch) for spread in self._spread) > MOST_ROWS:
            self._widen(next_width(self.width_ns))
        if sum(len(rows.place) for rows in self._rows) > self.cap * 5 // 4:
            self._prune()

    def _prune(self) -> list[Pairs]:
        """Keep the earliest flows, as many as the cap allows. What is left, as flows."""
        self._settled = True
        pairs = [paired(rows) for rows in self._rows]
        if sum(len(pair.forward) for pair in pairs) <= self.cap:
            return pairs
        when = np.concatenate([rows.first_ns[pair.forward] for rows, pair in zip(self._rows, pairs, strict=True)])
        place = np.concatenate([rows.place[pair.forward] for rows, pair in zip(self._rows, pairs, strict=True)])
        keep = np.zeros(len(when), bool)
        keep[np.lexsort((place, when))[: self.cap]] = True
        del when, place
        begin = 0
        for family, pair in enumerate(pairs):
            mine = keep[begin : begin + len(pair.forward)]
            begin += len(pair.forward)
            ends = np.concatenate((pair.forward[mine], pair.reverse[mine]))
            self._keep(family, ends[ends >= 0])
        return [paired(rows) for rows in self._rows]

    def _keep(self, family: int, index: I8) -> None:
        """These rows; what the others counted is past the cap."""
        held = [self._rows[family]]
        kept = np.zeros(len(held[0].place), bool)
        kept[index] = True
        self._aside[PAST_THE_CAP] += int(held[0].packets[~kept].sum())
        self._aside_bytes[PAST_THE_CAP] += int(held[0].bytes[~kept].sum())
        self._rows[family] = no_rows(WIDTHS[family])
        self._rows[family] = chosen(held, kept)
        self._spread[family] = _spread_of(self._rows[family], self._spread[family])[0]

    def rows(self) -> tuple[Rows, ...]:
        """Directions of flows, of IPv4 and of IPv6, as few as may be."""
        self._fold()
        if not self._settled and sum(len(rows.place) for rows in self._rows) > self.cap:
            self._prune()
        return tuple(self._rows)

    def merge(self, other: FlowTable) -> None:
        """Count what another table has counted; that one is used up."""
        other._fold()
        if other.began_ns is not None and other.ended_ns is not None:
            self._span(other.began_ns, other.ended_ns)
        width = max(self.width_ns, other.width_ns)
        self._widen(width)
        other._widen(width)
        self.packets += other.packets
        self.bytes += other.bytes
        self._aside.update(other._aside)
        self._aside_bytes.update(other._aside_bytes)
        self._hearsay.kept.add(other._hearsay.kept)
        for family, rows in enumerate(other._rows):
            if len(rows.place):
                self._wait(family, rows)
                other._rows[family] = no_rows(WIDTHS[family])
            self._spread[family] = add_up([self._spread[family], other._spread[family]])
        self._fold_beyond(_MANY)

    def flows(self) -> Flows:
        """Flows of both directions, the earliest first."""
        return self.finish()[0]

    def finish(self) -> tuple[Flows, Times]:
        """The flows, and what they did when."""
        self._fold()
        pairs = self._prune()
        flows, order = flows_of(self._rows, pairs)
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(len(order))
        parts, begin = [], 0
        for rows, spread, pair in zip(self._rows, self._spread, pairs, strict=True):
            mine = number[begin : begin + len(pair.forward)]
            begin += len(pair.forward)
            parts.append(self._times(rows, spread, pair, mine))
        return flows, Times(self.width_ns, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _times(self, rows: Rows, spread: Spread, pair: Pairs, number: I8) -> tuple[I8, I8, I8, I8]:
        """Number of the flow, begin, packets, bytes."""
        flow = np.full(len(rows.place), -1, np.int64)
        flow[pair.forward] = number
        flow[pair.reverse[pair.reverse >= 0]] = number[pair.reverse >= 0]
        spread, row = _spread_of(rows, spread)
        own = np.flatnonzero(flow >= 0)
        begin = np.concatenate((rows.first_ns[own] // self.width_ns, spread.stretch)) * self.width_ns
        return (
            np.concatenate((flow[own], flow[row])), begin,
            np.concatenate((rows.head_packets[own], spread.packets)), np.concatenate((rows.head_bytes[own], spread.bytes)),
        )  # fmt: skip

    def first_words(self) -> dict[bytes, tuple[int, bytes]]:
        """By `hearsay.name_key` of a direction: the protocol and first payload of clients that name a server. The earliest flows' only."""
        self._fold()
        found: dict[bytes, tuple[int, bytes]] = {}
        for rows in self._rows:
            found.update(self._hearsay.kept.of(rows.keys, rows.said_ns, rows.said_place))
        return found


def _said_by_icmp(refused: Quoted) -> Rows:
    """Rows that count nothing, and come after all others."""
    count = len(refused.row)
    none, latest = np.zeros(count, np.int64), np.full(count, LATEST)
    marks = (refused.says << REFUSED_AT).astype(np.uint32)
    return Rows(refused.keys, none, none, none, latest, none, latest, marks, latest, latest, np.zeros(count, np.uint8), none, none)


def _spread_of(rows: Rows, spread: Spread) -> tuple[Spread, I8]:
    """What belongs to these rows, and to which."""
    if not len(spread.stretch) or not len(rows.place):
        return no_spread(len(rows.keys)), np.zeros(0, np.int64)
    row = found(rows.keys, spread.keys)
    known = np.flatnonzero(row >= 0)
    index = slice(None) if len(known) == len(row) else known
    return Spread(tuple(word[index] for word in spread.keys), spread.stretch[index], spread.packets[index], spread.bytes[index]), row[index]
