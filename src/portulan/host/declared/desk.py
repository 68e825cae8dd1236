"""The desk at which files are read: it fetches texts, follows includes within bounds, and gathers what was declared and what was not understood."""

from __future__ import annotations

from posixpath import dirname, join, normpath

from portulan.errors import PortulanError
from portulan.host.declared.places import Around, Spot, find_spots
from portulan.model.declared import Claim, Declared, Kind, Problem
from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Files(Protocol):
        """The machine's files."""

        def read(self, path: str) -> str:
            """The text of a regular file. Raises CannotTell: `file.missing`, `file.unreadable`, `file.too-large`, `file.not-regular`."""

        def find(self, pattern: str) -> list[str]:
            """Paths that match a shell pattern, sorted; a hidden file needs its dot."""

        def names(self, folder: str) -> list[str]:
            """The names in a folder, sorted; empty where there is none or it may not be read."""

        def target(self, path: str) -> str:
            """The path with every link followed."""


DEEPEST = 16
"""Files that include each other in a chain: nginx knows no limit, sshd 16, lighttpd 16, MySQL 10."""
MOST_FILES = 4096
"""Files read in all, a file that is included a hundred times counted as often, and so are patterns."""
MOST_TEXT = 32 << 20
"""Characters read in all, counted in the same way."""
MOST_DECLARED = 70_000
"""A whole range of ports and a little more."""
_MOST_ALIKE = 200
"""Problems of one code that are told."""
_LONGEST_WORD = 120


class Server(Record):
    """Who declares: what all declarations of one server have alike."""

    kind: Kind
    service: str
    main: str
    programs: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    user: str | None = None
    privileged: bool | None = None
    starts: bool | None = None
    claim: Claim = Claim.LISTENS


class Desk:
    """Everything that one reading found."""

    def __init__(self, files: Files, around: Around, *, most_files: int = MOST_FILES) -> None:
        self.files = files
        self.around = around
        self.declared: list[Declared] = []
        self.problems: list[Problem] = []
        self.opened: dict[str, None] = {}
        """Every file that was read, in order."""
        self.failed = 0
        """Files that could not be read."""
        self._chain: list[str] = []
        self._most_files = most_files
        self._count = self._size = 0
        self._told: set[tuple[object, ...]] = set()

    def read(self, path: str, *, asked_by: tuple[str, int] | None = None, optional: bool = False) -> str | None:
        """A file's text; None, and a problem noted, where it cannot be read. `optional`: a missing file is no problem."""
        if self.full:
            self.problem("too-many-files", path, most=self._most_files)
            return None
        self._count += 1
        try:
            text = self.files.read(path)
        except PortulanError as error:
            if optional and error.code == "file.missing":
                return None
            self.failed += 1
            place, line = asked_by or (path, None)
            self.problem(error.code, place, line, file=path, reason=str(error.facts.get("reason", "")))
            return None
        self.opened[path] = None
        self._size += len(text)
        return text

    @property
    def full(self) -> bool:
        """Whether enough was read: files that include each other again and again must end somewhere."""
        return self._count >= self._most_files or self._size >= MOST_TEXT

    def enter(self, path: str, *, asked_by: tuple[str, int] | None = None, optional: bool = False) -> str | None:
        """As `read`, for a file that another includes: loops and endless chains end here. Pair with `leave`."""
        if path in self._chain:
            self._count += 1
            place, line = asked_by or (path, None)
            self.problem("include-loop", place, line, file=path)
            return None
        if len(self._chain) >= DEEPEST:
            place, line = asked_by or (path, None)
            self.problem("include-deep", place, line, file=path, most=DEEPEST)
            return None
        text = self.read(path, asked_by=asked_by, optional=optional)
        if text is not None:
            self._chain.append(path)
        return text

    def leave(self) -> None:
        """The file that was entered last has been read."""
        self._chain.pop()

    def matches(self, base: str, pattern: str, *, asked_by: tuple[str, int]) -> list[str]:
        """The files an include means, seen from a folder: a pattern may match none, a plain name stands for itself. Bounded by `MOST_FILES`."""
        whole = resolve(base, pattern)
        if self.full:
            self.problem("too-many-files", *asked_by, most=self._most_files)
            return []
        if not any(mark in pattern for mark in "*?["):
            return [whole]
        self._count += 1
        found = self.files.find(whole)
        if len(found) > MOST_FILES:
            self.problem("too-many-files", *asked_by, most=MOST_FILES)
        return found[:MOST_FILES]

    def problem(self, code: str, path: str, line: int | None = None, /, **facts: str | int) -> None:
        """Note what was not understood; words of the file are cut to a readable length."""
        key = (code, path, line, *facts.values())
        if key not in self._told and sum(told[0] == code for told in self._told) < _MOST_ALIKE:
            self._told.add(key)
            short = {name: value if isinstance(value, int) else value[:_LONGEST_WORD] for name, value in facts.items()}
            self.problems.append(Problem(code, path, line, short))

    def declare(
        self,
        server: Server,
        at: tuple[str, int | None, int | None],
        spots: Iterable[Spot],
        port: int,
        transport: Transport = Transport.TCP,
        *,
        reuse_port: bool = False,
        device: str | None = None,
    ) -> None:
        """Note a port at (path, line, column), once for each socket that will be opened for it."""
        path, line, column = at
        for spot in spots:
            if len(self.declared) >= MOST_DECLARED:
                self.problem("too-many-ports", path, line, most=MOST_DECLARED)
                return
            self.declared.append(
                Declared(
                    kind=server.kind, service=server.service, path=path, line=line, column=column, transport=transport, address=spot.address,
                    port=port, main=server.main, v6_only=spot.v6_only, reuse_port=reuse_port, device=device or spot.device, user=server.user,
                    privileged=server.privileged, starts=server.starts, units=server.units, programs=server.programs, claim=server.claim,
                )
            )  # fmt: skip

    def spots(self, host: str, at: tuple[str, int | None], *, v6_only: bool = True) -> tuple[Spot, ...]:
        """The addresses a word stands for; none, and a problem noted, for a name that the machine's files do not tell."""
        found = find_spots(host, self.around, v6_only=v6_only)
        if not found:
            self.problem("address", *at, text=host)
        return found


def resolve(base: str, path: str) -> str:
    """A path seen from a folder."""
    return normpath(join(base, path))


def folder_of(path: str) -> str:
    """The folder a file lies in."""
    return dirname(path) or "."
