"""Who is meant: `[sources]`, `[zones]` and the senders that a line names, as parts (addresses and interfaces)."""

from __future__ import annotations

import re

from portulan.errors import BadInput, PortulanError
from portulan.guard.policy.networks import parse_network
from portulan.guard.policy.problems import nearest
from portulan.guard.routes import merge
from portulan.model.policy import EVERYONE, NOBODY, THIS_HOST, Part, Source, Zone
from portulan.model.reach import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portulan.guard.policy.networks import Span
    from portulan.guard.policy.problems import Problems

    ReadFile = Callable[[str], str]

OURS = {
    EVERYONE: Source(EVERYONE, (Part(),)),
    THIS_HOST: Source(THIS_HOST, ()),
    NOBODY: Source(NOBODY, ()),
}
"""The names that every policy knows."""
_WHOLE = Sources(((0, (1 << 32) - 1),), ((0, (1 << 128) - 1),))
_NAME = re.compile(r"[^\W\d_][\w-]{0,59}")
_LINK = re.compile(r"(?!\.{1,2}$)[!#-&(-)+-.0-9;-\[\]-~]{1,15}\*?")
"""As the kernel names interfaces (net/core/dev.c: dev_valid_name), without what ends a text of nft's."""
_HOST_NAME = re.compile(r"(?=.*[A-Za-z])[\w-]+(\.[\w-]+)+\.?")
_LONGEST = 1000
_KEYS = ("interface", "networks")


class Senders:
    """All names of one file."""

    def __init__(self, problems: Problems, read_file: ReadFile) -> None:
        """`read_file` gives the text of a file of networks; it raises PortulanError where it cannot."""
        self._problems = problems
        self._read_file = read_file
        self._written: dict[str, object] = {}
        self._resolved: dict[str, Source] = {}
        self._open: list[str] = []
        self._files: dict[str, Sources] = {}
        self.zones: dict[str, Zone] = {}

    def read_zones(self, table: dict[str, object]) -> None:
        """`[zones]`."""
        for name, value in table.items():
            with self._problems.at("zones", name):
                _check_name(name)
                links = []
                for at, text in enumerate(value if isinstance(value, list) else [value]):
                    path = ("zones", name, at) if isinstance(value, list) else ("zones", name)
                    with self._problems.at(*path, value=True):
                        links.append(_link(text))
                taken = {link: zone.name for zone in self.zones.values() for link in zone.links}
                for link in links:
                    if link in taken:
                        raise BadInput("policy.two-zones", text=link, zone=taken[link])
                if not links:
                    raise BadInput("policy.no-interface", text=name)
                self.zones[name] = Zone(name, tuple(dict.fromkeys(links)), self._problems.file.spot("zones", name))

    def read_sources(self, table: dict[str, object]) -> tuple[Source, ...]:
        """`[sources]`."""
        for name, value in table.items():
            with self._problems.at("sources", name):
                _check_name(name)
                if name in self.zones:
                    raise BadInput("policy.name-twice", text=name)
                self._written[name] = value
        return tuple(self._named(name) for name in self._written)

    def of(self, value: object, *path: str | int) -> tuple[Source, ...]:
        """The senders of a line: a name, a network, or a list of them. Raises BadInput for what is neither."""
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) for name in names):
            raise BadInput("policy.senders", text=_shown(value), known=self._known())
        if not names:
            raise BadInput("policy.empty")
        found = []
        for at, name in enumerate(names):
            where = (*path, at) if isinstance(value, list) else path
            with self._problems.at(*where, value=True):
                found.append(self._one(name))
        return tuple({source.name: source for source in found}.values())

    def zone(self, name: str) -> Zone:
        """A zone by its name. Raises BadInput."""
        if name not in self.zones:
            raise BadInput("policy.zone", text=name, known=", ".join(self.zones) or "-", near=nearest(name, self.zones))
        return self.zones[name]

    def _known(self) -> str:
        return ", ".join((*OURS, *self._written, *self.zones))

    def _one(self, text: str) -> Source:
        """One word of a line."""
        text = text.strip()
        if text in OURS:
            return OURS[text]
        if text in self.zones:
            zone = self.zones[text]
            return Source(text, (Part(None, zone.links),), zone.spot)
        if text in self._written:
            return self._named(text)
        parts, files = self._entries([text], "")
        return Source(text, parts, None, files)

    def _named(self, name: str) -> Source:
        """A name of `[sources]`; whatever is wrong with it is told once."""
        if name in self._resolved:
            return self._resolved[name]
        if name in self._open:
            raise BadInput("policy.circle", text=" -> ".join((*self._open[self._open.index(name) :], name)))
        self._open.append(name)
        parts: tuple[Part, ...] = ()
        files: tuple[str, ...] = ()
        with self._problems.at("sources", name, value=True):
            parts, files = self._source(name, self._written[name])
        self._open.pop()
        found = Source(name, parts, self._problems.file.spot("sources", name), files)
        self._resolved[name] = found
        return found

    def _source(self, name: str, value: object) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        if isinstance(value, str):
            return self._entries([value], name)
        if isinstance(value, list):
            return self._entries(value, name, "sources", name)
        if not isinstance(value, dict):
            raise BadInput("policy.source-shape", text=name)
        for key in value:
            if key not in _KEYS:
                raise BadInput("policy.key", text=key, known=", ".join(_KEYS), near=nearest(key, _KEYS))
        by = value.get("interface")
        links = tuple(_link(each) for each in (by if isinstance(by, list) else [by])) if by is not None else ()
        networks = value.get("networks")
        if by is None and networks is None:
            raise BadInput("policy.source-shape", text=name)
        if networks is None:
            return (Part(None, links),), ()
        listed = networks if isinstance(networks, list) else [networks]
        parts, files = self._entries(listed, name, "sources", name, "networks")
        if not links:
            return parts, files
        if any(part.links for part in parts):
            raise BadInput("policy.interface-twice", text=name)
        return tuple(part._replace(links=links) for part in parts), files

    def _entries(self, entries: list[object], name: str, *path: str | int) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        """Networks, names, interfaces and files as parts: all that is addresses alone in one."""
        spans: dict[int, list[Span]] = {4: [], 6: []}
        others: list[Part] = []
        files: list[str] = []
        for at, entry in enumerate(entries):
            if not path:
                self._entry(entry, name, spans, others, files)
                continue
            with self._problems.at(*path, at, value=True):
                self._entry(entry, name, spans, others, files)
        sources = Sources(merge(spans[4]), merge(spans[6]))
        first = (Part(None if sources == _WHOLE else sources),) if sources else ()
        return (*first, *{(id(part.addresses), part.links): part for part in others}.values()), tuple(dict.fromkeys(files))

    def _entry(self, entry: object, name: str, spans: dict[int, list[Span]], others: list[Part], files: list[str]) -> None:
        if not isinstance(entry, str):
            raise BadInput("policy.senders", text=_shown(entry), known=self._known())
        text = entry.strip()
        word, _, rest = text.partition(" ")
        if text in OURS:
            parts: Iterable[Part] = OURS[text].parts
        elif text in self._written and text != name:
            source = self._named(text)
            parts, files[:] = source.parts, [*files, *source.files]
        elif text in self.zones:
            parts = (Part(None, self.zones[text].links),)
        elif word == "interface":
            parts = (Part(None, (_link(rest.strip()),)),)
        elif word == "file":
            files.append(rest.strip())
            parts = (Part(self._file(rest.strip())),)
        else:
            version, span = self._network(text, name)
            spans[version].append(span)
            return
        for part in parts:
            if part.addresses is None or part.links:
                others.append(part)
            else:
                spans[4] += part.addresses.v4
                spans[6] += part.addresses.v6

    def _network(self, text: str, name: str) -> tuple[int, Span]:
        found = parse_network(text)
        if found is not None:
            return found
        if name and text == name:
            raise BadInput("policy.circle", text=f"{name} -> {name}")
        if ":" not in text and _HOST_NAME.fullmatch(text):
            raise BadInput("policy.host-name", text=text)
        if ":" in text or "/" in text or text[:1].isdigit():
            raise BadInput("policy.network", text=text)
        known = (*OURS, *self._written, *self.zones)
        raise BadInput("policy.source", text=text, known=self._known(), near=nearest(text, known))

    def _file(self, path: str) -> Sources:
        """The networks of a file, one a line; what stands behind # is a comment."""
        if not path or len(path) > _LONGEST or "\0" in path:
            raise BadInput("policy.file-name", text=path)
        if path in self._files:
            return self._files[path]
        self._files[path] = Sources()
        try:
            text = self._read_file(path)
        except BadInput:
            raise
        except PortulanError as error:
            raise BadInput("policy.file", text=path, reason=str(error.facts.get("reason", "?"))) from error
        spans: dict[int, list[Span]] = {4: [], 6: []}
        for number, line in enumerate(text.split("\n"), 1):
            entry = (line.partition("#")[0] if "#" in line else line).strip()
            if not entry:
                continue
            try:
                found = _listed(entry)
            except BadInput as error:
                column = len(line) - len(line.lstrip()) + 1
                error.facts.update(file=path, line=number, column=column, quote=line.rstrip("\r")[:200])
                self._problems.note(error, self._problems.file.spot())
                continue
            spans[found[0]].append(found[1])
        self._files[path] = Sources(merge(spans[4]), merge(spans[6]))
        return self._files[path]


def _listed(entry: str) -> tuple[int, Span]:
    """A line of a file of networks. Raises BadInput."""
    found = parse_network(entry)
    if found is None:
        raise BadInput("policy.network", text=entry)
    return found


def _check_name(name: str) -> None:
    """Raises BadInput for what is no name, or one that is taken."""
    if name in OURS:
        raise BadInput("policy.name-ours", text=name)
    if not _NAME.fullmatch(name) or name in ("interface", "file"):
        raise BadInput("policy.name", text=name)


def _link(text: object) -> str:
    """An interface's name. Raises BadInput."""
    if not isinstance(text, str) or not _LINK.fullmatch(text) or len(text.rstrip("*")) > 15:
        raise BadInput("policy.interface", text=_shown(text))
    if text == "lo":
        raise BadInput("policy.loopback", text=text)
    return text


def _shown(value: object) -> str:
    return value if isinstance(value, str) else "true" if value is True else "false" if value is False else str(value)
