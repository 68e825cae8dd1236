"""The journal of a scan: what was asked, and all that was found, so that a process killed at any moment leaves what another can go on with.

Records follow one another in a file. While a block is under way: where the engine stands, and which rows have answered since the record before. When it is
decided: its columns. So at most what happened since the last record is lost, and what is asked again because of that counts once.
"""

from __future__ import annotations

import numpy as np

from portulan.errors import BadInput
from portulan.model.record import Record
from portulan.model.scan import HostSeen
from portulan.scan.columns import Packed, pack_answered, pack_decided, unpack_answered, unpack_decided
from portulan.scan.job import Job, JobEnd
from portulan.scan.order import Permutation
from portulan.scan.standing import Answered, Standing
from portulan.system.journal_file import JournalFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from portulan.model.scan import Decided

    T = TypeVar("T")

_MAGIC = b"portulan scan journal 1\n"
_HEADER, _JOB, _NAMES, _ROWS, _DONE, _END, _SHARD, _PRESENT = range(8)


class Header(Record):
    """What the scan is."""

    asked: dict[str, str]
    """By the option or word that asks it."""
    key: tuple[int, int]
    begun: float


class Found(Record):
    """Who is there, by host discovery."""

    v4: tuple[tuple[int, int], ...]
    v6: tuple[tuple[int, int], ...]
    links: tuple[tuple[int, int, str], ...]
    hosts: tuple[HostSeen, ...]
    missing: tuple[str, ...]


class Noted(Record):
    """One job as it was decided to be, and what could not be asked."""

    number: int
    job: Job
    shards: int
    """Into how many parts it was cut; 0: it was not."""
    refused: tuple[tuple[int, int, str], ...]
    """(first, last, reason) of addresses that cannot be asked."""


class Spent(Record):
    """What the engine does not count."""

    took_s: float = 0.0
    forged: int = 0
    overflowed: int = 0


class _Noted(Record):
    """The same with addresses as bytes: they have more bits than numbers have here."""

    number: int
    job: Job
    shards: int
    ranges: tuple[tuple[bytes, bytes], ...]
    links: tuple[tuple[bytes, bytes, str], ...]
    refused: tuple[tuple[bytes, bytes, str], ...]


class _Found(Record):
    v4: tuple[tuple[bytes, bytes], ...]
    v6: tuple[tuple[bytes, bytes], ...]
    links: tuple[tuple[bytes, bytes, str], ...]
    hosts: tuple[HostSeen, ...]
    missing: tuple[str, ...]


def _pack(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((first.to_bytes(16), last.to_bytes(16)) for first, last in ranges)


def _unpack(ranges: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[int, int], ...]:
    return tuple((int.from_bytes(first), int.from_bytes(last)) for first, last in ranges)


def _pack_named(ranges: Iterable[tuple[int, int, str]]) -> tuple[tuple[bytes, bytes, str], ...]:
    return tuple((first.to_bytes(16), last.to_bytes(16), name) for first, last, name in ranges)


def _unpack_named(ranges: Iterable[tuple[bytes, bytes, str]]) -> tuple[tuple[int, int, str], ...]:
    return tuple((int.from_bytes(first), int.from_bytes(last), name) for first, last, name in ranges)


def _to_bytes(noted: Noted) -> _Noted:
    job = noted.job._replace(ranges=(), links=())
    return _Noted(noted.number, job, noted.shards, _pack(noted.job.ranges), _pack_named(noted.job.links), _pack_named(noted.refused))


def _from_bytes(noted: _Noted) -> Noted:
    job = noted.job._replace(ranges=_unpack(noted.ranges), links=_unpack_named(noted.links))
    return Noted(noted.number, job, noted.shards, _unpack_named(noted.refused))


class _Names(Record):
    number: int
    names: tuple[str, ...]


class _Rows(Record):
    number: int
    standing: Standing
    spent: Spent
    rows: Packed


class _Done(Record):
    number: int
    begin: int
    size: int
    standing: Standing
    """Behind the block."""
    spent: Spent
    columns: Packed


class _End(Record):
    number: int
    end: JobEnd


class Shard(Record):
    """One part of a job, whole."""

    number: int
    place: int
    columns: Packed
    end: JobEnd
    took_s: float
    """Since the job was begun, less the time in which nobody did it."""


class _Index:
    """Where the records of one job lie: only of the block under way all are needed."""

    def __init__(self, noted: Noted) -> None:
        self.noted = noted
        self.names: list[str] = []
        self.done: list[tuple[int, int]] = []
        self.rows: list[tuple[int, int]] = []
        self.shards: dict[int, tuple[int, int]] = {}
        self.end: JobEnd | None = None


class Journal:
    """A journal that is read, and written on."""

    def __init__(self, path: str, asked: Mapping[str, str], key: tuple[int, int], begun: float) -> None:
        """Opens or makes it. `asked`, what is to be scanned now, must be what was asked then.

        Raises BadInput (no journal, one of another scan, one that cannot be written), CannotTell (another process uses it).
        """
        self.path = path
        self._file = JournalFile(path, _MAGIC)
        self._index: dict[int, _Index] = {}
        self.found: Found | None = None
        try:
            header = self._read()
            if header is None:
                header = Header(dict(asked), key, begun)
                self._write(_HEADER, header)
            self._compare(asked, header.asked)
        except BaseException:
            self.close()
            raise
        self.header = header

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def _compare(self, asked: Mapping[str, str], then: Mapping[str, str]) -> None:
        different = [name for name in {**asked, **then} if asked.get(name) != then.get(name)]
        if different:
            raise BadInput("journal.other", path=self.path, what=", ".join(different))

    # --- what it holds ---

    def _read(self) -> Header | None:
        try:
            return self._read_all()
        except KeyError as error:  # records of a job that was never noted
            raise BadInput("journal.strange", path=self.path) from error

    def _read_all(self) -> Header | None:
        header = None
        for kind, offset, length in self._file.records():
            place = offset, length
            if kind == _HEADER:
                header = self._get(place, Header)
            elif kind == _JOB:
                noted = _from_bytes(self._get(place, _Noted))
                self._index[noted.number] = _Index(noted)
            elif kind == _PRESENT:
                found = self._get(place, _Found)
                self.found = Found(_unpack(found.v4), _unpack(found.v6), _unpack_named(found.links), found.hosts, found.missing)
            elif kind == _NAMES:
                names = self._get(place, _Names)
                self._index[names.number].names += names.names
            elif kind == _END:
                end = self._get(place, _End)
                self._index[end.number].end = end.end
            else:
                self._note(kind, place)
        return header

    def _note(self, kind: int, place: tuple[int, int]) -> None:
        if kind == _SHARD:
            shard = self._get(place, Shard)
            self._index[shard.number].shards[shard.place] = place
        elif kind == _DONE:
            index = self._index[self._get(place, _Done).number]
            index.done.append(place)
            index.rows.clear()
        elif kind == _ROWS:
            self._index[self._get(place, _Rows).number].rows.append(place)

    def _get(self, place: tuple[int, int], shape: type[T]) -> T:
        import msgspec

        try:
            return msgspec.msgpack.decode(self._file.read(*place), type=shape)
        except (msgspec.DecodeError, ValueError) as error:
            raise BadInput("journal.strange", path=self.path) from error

    def job(self, number: int) -> Noted | None:
        """A job as it was noted."""
        index = self._index.get(number)
        return index.noted if index else None

    def names(self, number: int) -> list[str]:
        """Who sent ICMP errors: what columns of this job name by number."""
        return list(self._index[number].names)

    def end(self, number: int) -> JobEnd | None:
        """What is known of a job that is done."""
        return self._index[number].end

    def blocks(self, number: int, order: Permutation) -> Iterator[Decided]:
        """The blocks that were decided, in order."""
        index = self._index[number]
        which, of = index.noted.job.shard
        for place in index.done:
            done = self._get(place, _Done)
            yield self._unpacked(done.columns, order, np.arange(done.begin, done.begin + done.size) * of + which)

    def shards(self, number: int, order: Permutation) -> Iterator[tuple[Shard, Decided]]:
        """The parts that were done elsewhere, and their pairs."""
        index = self._index[number]
        for place, at in index.shards.items():
            shard = self._get(at, Shard)
            yield shard, self._unpacked(shard.columns, order, places_of(index.noted.job, place, index.noted.shards))

    def _unpacked(self, columns: Packed, order: Permutation, places: NDArray[np.int64]) -> Decided:
        try:
            return unpack_decided(columns, order.forward(places))
        except ValueError as error:
            raise BadInput("journal.strange", path=self.path) from error

    def standing(self, number: int) -> tuple[Standing, Answered, Spent] | None:
        """Where the engine stood last, and what its block had answered; None at the very beginning."""
        index = self._index[number]
        if not index.rows:
            if not index.done:
                return None
            done = self._get(index.done[-1], _Done)
            return done.standing, _joined([]), done.spent
        records = [self._get(place, _Rows) for place in index.rows]
        try:
            return records[-1].standing, _joined([unpack_answered(each.rows) for each in records]), records[-1].spent
        except ValueError as error:
            raise BadInput("journal.strange", path=self.path) from error

    # --- what is added ---

    def add_job(self, noted: Noted) -> None:
        """A job, before anything is asked."""
        self._index[noted.number] = _Index(noted)
        self._write(_JOB, _to_bytes(noted))

    def add_found(self, found: Found) -> None:
        """Who is there, before there are jobs."""
        self.found = found
        self._write(_PRESENT, _Found(_pack(found.v4), _pack(found.v6), _pack_named(found.links), found.hosts, found.missing))

    def add_names(self, number: int, names: Sequence[str]) -> None:
        """Take note of `names`, all there are by now."""
        known = self._index[number].names
        if len(names) > len(known):
            new = tuple(names[len(known) :])
            known += new
            self._write(_NAMES, _Names(number, new))

    def add_rows(self, number: int, standing: Standing, spent: Spent, answered: Answered) -> None:
        """What has changed since the record before."""
        self._write(_ROWS, _Rows(number, standing, spent, pack_answered(answered)))

    def add_block(self, number: int, begin: int, decided: Decided, standing: Standing, spent: Spent) -> None:
        """A block that was decided, and where the engine stands behind it."""
        self._write(_DONE, _Done(number, begin, len(decided.pair), standing, spent, pack_decided(decided)))

    def add_shard(self, shard: Shard) -> None:
        """A part that was done elsewhere."""
        self._write(_SHARD, shard)

    def add_end(self, number: int, end: JobEnd) -> None:
        """A job is done."""
        self._index[number].end = end
        self._write(_END, _End(number, end))

    def _write(self, kind: int, record: object) -> None:
        import msgspec

        self._file.append(kind, msgspec.msgpack.encode(record))


def places_of(job: Job, place: int, shards: int) -> NDArray[np.int64]:
    """The places in the order of part `place` of a job that was cut into so many."""
    from portulan.scan.space import Space

    number, of = shard_of(job, place, shards)
    return np.arange(number, Space(job.version, job.ranges, job.ports).pairs, of)


def shard_of(job: Job, place: int, shards: int) -> tuple[int, int]:
    """Which shard of all pairs that part is."""
    number, of = job.shard
    return number + of * place, of * shards


def _joined(parts: Sequence[Answered]) -> Answered:
    """All of them, one after the other: where a row stands twice, what comes later counts."""
    if not parts:
        none = np.zeros(0, np.uint8)
        return Answered(none.astype(np.int64), none, none, none, none, none.astype(np.float32), none.astype(np.uint16))
    return Answered(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
