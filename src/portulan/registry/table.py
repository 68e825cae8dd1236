"""The compact table of the registry, read where it lies: a lookup looks at the few bytes it needs, nothing is parsed at start-up.

The file is text, so that a change of the registry is a readable difference. A header of `key: value` lines ends with an empty line;
then come four sections of lines, whose sizes the header tells:

    numbered   one name on one port     80<TAB>tcp udp sctp<TAB>http<TAB>World Wide Web HTTP…
    ranges     one name on many ports   6000-6063<TAB>tcp udp<TAB>x11…
    nameless   reserved and unassigned  7748-7776<TAB><TAB><TAB>Unassigned
    portless   names without a number   <TAB>tcp<TAB>rfb…

The columns are number, transports, name, description, references (two blanks between them), note, unauthorized use, DCCP service code,
date of registration, date of change; empty ones at the end are left out. Records that differ only in the transport share a line. Lines
are in the order of their numbers and, on one number, the usual name first (`portulan.registry.usual`). The header's `index` holds where
in `numbered` each 256th port begins, so that one port is found by a search through a few kilobytes.
"""

from __future__ import annotations

from portulan.errors import ParseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.model.assignment import About, Assignment
    from portulan.model.port import Transport
    from portulan.model.portset import PortSet

MAGIC = b"portulan registry 1\n"
LONGEST_HEADER = 1 << 14
SECTIONS = ("numbered", "ranges", "nameless", "portless")
COLUMNS = 10
BLOCK = 256
BLOCKS = 65_536 // BLOCK
_OFTEN = 4
"""Questions after which reading a whole block is cheaper than searching it."""
_Named = tuple[bytes, tuple[bytes, ...], bytes]
"""A line's number, transports and name."""


class Table:
    """The registry. Raises ParseError for bytes that are not a table; damage inside a line raises ParseError when that line is read."""

    def __init__(self, data: bytes) -> None:
        """Read the header only."""
        end = data.find(b"\n\n", 0, LONGEST_HEADER)
        if end < 0 or not data.startswith(MAGIC):
            raise ParseError("registry.not-a-table")
        self._data = data
        self._body = end + 2
        self._header = dict(line.partition(b": ")[::2] for line in data[len(MAGIC) : end].split(b"\n"))
        sizes = self._numbers("sections", len(SECTIONS))
        self._index = self._numbers("index", BLOCKS + 1)
        self._sections: dict[str, tuple[int, int]] = {}
        place = self._body
        for name, size in zip(SECTIONS, sizes, strict=True):
            self._sections[name] = (place, place + size)
            place += size
        if place != len(data) or self._index[0] != 0 or self._index[-1] != sizes[0]:
            raise ParseError("registry.damaged")
        self._lower: bytes | None = None
        self._ranges: list[tuple[int, int, tuple[bytes, bytes, bytes]]] | None = None
        self._asked: dict[int, int] = {}
        self._blocks: dict[int, dict[bytes, list[_Named]]] = {}

    def intact(self) -> bool:
        """Whether the bytes are those that were once written, by the header's checksum. Takes a millisecond or so."""
        from binascii import crc32

        return self._text("crc32") == f"{crc32(memoryview(self._data)[self._body :]):08x}"

    def usual(self, number: int, transport: Transport) -> str | None:
        """The usual name of a port, or None where the registry has none."""
        wanted = _wanted(transport)
        for _, transports, name in self._named(number):
            if not transports or wanted in transports:
                return name.decode("utf-8", "replace")
        if self._ranges is None:
            self._ranges = [(first, last, _three(line)) for first, last, line in self._spans("ranges")]
        for first, last, (_, on, rest) in self._ranges:
            if first <= number <= last and (not on or wanted in on.split(b" ")):
                return rest.partition(b"\t")[0].decode("utf-8", "replace")
        return None

    def _named(self, number: int) -> Iterable[_Named]:
        """The names of one number. A block that is asked again and again is read whole, once."""
        block = number // BLOCK
        asked = self._asked[block] = self._asked.get(block, 0) + 1
        if asked < _OFTEN:
            return map(_name_of, self._lines_of(number))
        if block not in self._blocks:
            start = self._sections["numbered"][0]
            names: dict[bytes, list[_Named]] = {}
            for line in self._split(start + self._index[block], start + self._index[block + 1]):
                one = _name_of(line)
                names.setdefault(one[0], []).append(one)
            self._blocks[block] = names
        return self._blocks[block].get(b"%d" % number, ())

    def assignments(self, number: int, transport: Transport | None = None, *, named: bool = False) -> tuple[Assignment, ...]:
        """Every record that covers a port, on one transport or on all: the usual name first, names before reserved and unassigned; or names alone."""
        lines = [*self._lines_of(number)]
        for section in ("ranges",) if named else ("ranges", "nameless"):
            lines += [line for first, last, line in self._spans(section) if first <= number <= last]
        return tuple(_on(transport, lines))

    def between(self, first: int, last: int, transport: Transport | None = None) -> tuple[Assignment, ...]:
        """Every record that covers a port of `first` to `last`, sorted by number, the usual first on each."""
        start, end = (
            self._sections["numbered"][0] + self._index[first // BLOCK],
            self._sections["numbered"][0] + self._index[last // BLOCK + 1],
        )
        found = [(number, line) for number, _, line in map(_span, self._split(start, end)) if first <= number <= last]
        for section in ("ranges", "nameless"):
            found += [(low, line) for low, high, line in self._spans(section) if low <= last and high >= first]
        found.sort(key=lambda pair: pair[0])
        return tuple(_on(transport, (line for _, line in found)))

    def by_name(self, name: str) -> tuple[Assignment, ...]:
        """Every record of a service name, in small or capital letters (ASCII): by number, names without a port last."""
        wanted = name.encode("utf-8", "replace").lower()
        if not wanted or b"\t" in wanted or b"\n" in wanted:
            return ()
        lines = [line for line in self._containing(b"\t" + wanted) if line.split(b"\t", 3)[2].lower() == wanted]
        return tuple(_on(None, sorted(lines, key=_number_key)))

    def search(self, words: Iterable[str]) -> tuple[Assignment, ...]:
        """Every named record whose name or description has all the words, in any case, anywhere; in the table's order."""
        wanted = [word.lower() for word in words if word.strip()]
        if not wanted:
            return ()
        # The longest word is likely the rarest; bytes know small letters only within ASCII.
        longest = max(filter(str.isascii, wanted), key=len, default="").encode()
        lines = []
        for line in self._containing(longest) if longest else self._split(self._body, len(self._data)):
            columns = line.split(b"\t", 4)
            text = b" ".join(columns[2:4]).decode("utf-8", "replace").lower()
            if len(columns) > 2 and columns[2] and all(word in text for word in wanted):
                lines.append(line)
        return tuple(_on(None, lines))

    def names(self) -> Iterator[tuple[str, int | None]]:
        """Every service name with its port number, as the table has them; a name may come again."""
        for section in ("numbered", "ranges", "portless"):
            for line in self._split(*self._sections[section]):
                number, _, rest = line.partition(b"\t")
                name = rest.partition(b"\t")[2].partition(b"\t")[0].decode("utf-8", "replace")
                if name:
                    yield name, _port(number.partition(b"-")[0]) if number else None

    def assigned(self, transport: Transport | None = None) -> PortSet:
        """The ports that are assigned on a transport (None: on any)."""
        from portulan.model.portset import PortRange, PortSet

        wanted, numbers = _wanted(transport) if transport else b"", set()
        for line in self._split(*self._sections["numbered"]):
            number, transports, _ = _three(line)
            if not wanted or not transports or wanted in transports.split(b" "):
                numbers.add(_port(number))
        runs = [PortRange(number, number) for number in numbers]
        for section in ("ranges", "nameless"):
            for first, last, line in self._spans(section):
                _, transports, rest = _three(line)
                on = not wanted or not transports or wanted in transports.split(b" ")
                if on and (section == "ranges" or _nameless_status(rest) == "assigned"):
                    runs.append(PortRange(first, last))
        return PortSet.of(runs)

    def everything(self) -> tuple[Assignment, ...]:
        """Every record that is kept, section by section. Raises ParseError unless all lines are sound."""
        return tuple(_on(None, self._split(self._body, len(self._data))))

    def about(self) -> About:
        """Date, source, licence and figures, as the header has them."""
        from portulan.model.assignment import About, Counts

        names = ("records", "names", "portless", "transportless", "nameless", "ranges", "repeated")
        counts = Counts(**{name: self._numbers(name, 1)[0] for name in names})
        return About(self._text("date"), self._text("source"), self._text("licence"), counts)

    def _text(self, key: str) -> str:
        return self._header.get(key.encode(), b"").decode("utf-8", "replace")

    def _numbers(self, key: str, count: int) -> list[int]:
        """A header line of whole numbers."""
        fields = self._header.get(key.encode(), b"").split()
        if len(fields) != count:
            raise ParseError("registry.damaged")
        return list(map(_whole, fields))

    def _lines_of(self, number: int) -> Iterator[bytes]:
        """The lines of one number in `numbered`."""
        block = number // BLOCK
        start = self._sections["numbered"][0]
        # The line end before the block belongs to the search: a number is known by the line end before it.
        place, end = start + self._index[block] - 1, start + self._index[block + 1]
        mark = b"\n%d\t" % number
        place = self._data.find(mark, place, end)
        while place >= 0 and self._data.startswith(mark, place):
            after = self._data.find(b"\n", place + 1, end)
            if after < 0:
                raise ParseError("registry.damaged")
            yield self._data[place + 1 : after]
            place = after

    def _spans(self, section: str) -> Iterator[tuple[int, int, bytes]]:
        return map(_span, self._split(*self._sections[section]))

    def _split(self, start: int, end: int) -> Iterator[bytes]:
        """The lines between two places."""
        if start < end:
            if self._data[end - 1] != 10:
                raise ParseError("registry.damaged")
            yield from self._data[start : end - 1].split(b"\n")

    def _containing(self, text: bytes) -> Iterator[bytes]:
        """Every line with `text` (in small letters) in it, each once."""
        if self._lower is None:
            self._lower = self._data.lower()
        place = self._lower.find(text, self._body)
        while place >= 0:
            start = self._data.rfind(b"\n", 0, place) + 1
            end = self._data.find(b"\n", place)
            end = len(self._data) if end < 0 else end
            line = self._data[start:end]
            if line.count(b"\t") > 1:  # else it has no name
                yield line
            place = self._lower.find(text, end)


def _name_of(line: bytes) -> _Named:
    columns = line.split(b"\t", 3)
    if len(columns) < 3:
        raise ParseError("registry.damaged")
    return columns[0], tuple(columns[1].split(b" ")) if columns[1] else (), columns[2]


def parse_line(line: bytes) -> Iterator[Assignment]:
    """The records of one line: one per transport. Raises ParseError."""
    from portulan.model.assignment import Assignment, Status
    from portulan.model.port import Transport

    try:
        number, transports, name, description, references, note, unauthorized, code, registered, modified = (
            line.decode().split("\t") + [""] * COLUMNS
        )[:COLUMNS]
        first, last = _bounds(number.encode()) if number else (None, None)
        kinds = [Transport(kind) for kind in transports.split(" ")] if transports else [None]
    except ValueError:
        raise ParseError("registry.damaged") from None
    status = Status.ASSIGNED if name else Status(nameless_status(description))
    for kind in kinds:
        yield Assignment(
            first=first,
            last=last,
            transport=kind,
            name=name or None,
            description=description,
            status=status,
            references=tuple(references.split("  ")) if references else (),
            note=note,
            unauthorized=unauthorized,
            service_code=_whole(code.encode()) if code else None,
            registered=registered,
            modified=modified,
        )


def nameless_status(description: str) -> str:
    """The status of a row without a name, by its words: `Unassigned [was netstat]`, `De-registered`, `any private mail system`."""
    word = description.lower().lstrip("(").replace("-", "")
    if word.startswith("unassigned"):
        return "unassigned"
    # The registry's newer rows say "Reserved" of numbers it took back; the older ones had a word each, one of them misspelt.
    return "reserved" if word.startswith(("reserved", "removed", "deregistered", "deprecated", "decom")) else "assigned"


def _nameless_status(rest: bytes) -> str:
    return nameless_status(rest.lstrip(b"\t").partition(b"\t")[0].decode("utf-8", "replace"))


def _on(transport: Transport | None, lines: Iterable[bytes]) -> Iterator[Assignment]:
    wanted = _wanted(transport).decode() if transport else None
    for line in lines:
        for record in parse_line(line):
            if wanted is None or record.transport is None or record.transport == wanted:
                yield record


def _wanted(transport: Transport) -> bytes:
    # RFC 3828, section 6: UDP-Lite has no ports of its own in the registry, UDP's hold for it.
    return b"udp" if transport == "udplite" else transport.encode()


def _whole(field: bytes) -> int:
    if not field.isdigit() or len(field) > 12:
        raise ParseError("registry.damaged")
    return int(field)


def _port(field: bytes) -> int:
    number = _whole(field)
    if number > 65_535:
        raise ParseError("registry.damaged")
    return number


def _three(line: bytes) -> tuple[bytes, bytes, bytes]:
    """The first two columns and the rest; what is missing at the end is empty."""
    number, _, rest = line.partition(b"\t")
    transports, _, rest = rest.partition(b"\t")
    return number, transports, rest


def _bounds(field: bytes) -> tuple[int, int]:
    low, dash, high = field.partition(b"-")
    first = _port(low)
    last = _port(high) if dash else first
    if last < first:
        raise ParseError("registry.damaged")
    return first, last


def _span(line: bytes) -> tuple[int, int, bytes]:
    return (*_bounds(line.partition(b"\t")[0]), line)


def _number_key(line: bytes) -> int:
    number = line.partition(b"\t")[0].partition(b"-")[0]
    return _port(number) if number else 65_536
