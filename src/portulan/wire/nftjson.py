"""`nft -j list ruleset` (libnftables-json(5)) into a Ruleset.

What nft says is taken as it stands: an object or a statement that is not known is kept as text, so that an answer can say "maybe" and quote it. What cannot be
a rule set at all is a ParseError: truncated or foreign JSON, a rule without its chain, a jump to nowhere, or in a circle (the kernel takes none).
"""

from __future__ import annotations

import gc

from portulan.errors import ParseError
from portulan.model.rule import Members, Named, Rule, VerdictKind
from portulan.model.ruleset import Base, Chain, Flowtable, NamedObject, NamedSet, Ruleset, Table
from portulan.wire.nft_circle import check_jumps
from portulan.wire.nft_expressions import as_text, parse_data, parse_elements, parse_expression
from portulan.wire.nft_kinds import Kind, kind_of_type, kinds_of, type_of_kind
from portulan.wire.nft_stateful import parse_stateful
from portulan.wire.nft_statements import parse_arm, parse_statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from portulan.model.rule import Name, Range, Statement, Strange, Verdict

    Object: TypeAlias = dict[str, object]
    Data: TypeAlias = Verdict | tuple[Range | Name | Strange, ...] | None

_OBJECTS = ("counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "synproxy", "secmark", "tunnel")
_IDENTITY = ("family", "table", "name", "handle", "comment")
_TABLE_FLAGS = ("dormant", "owner", "persist")
_GIVES_OBJECTS = ("counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "synproxy", "secmark", "tunnel")


def parse_ruleset(data: bytes, *, terse: bool = False) -> Ruleset:
    """Everything that `nft -j list ruleset`, or `list table` and the like, printed. `terse` (nft -t): the elements of named sets were left out.

    Raises ParseError.
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing here refers to itself, and walking over a million new tuples again and again takes a third of the time
    try:
        return _Reading(terse=terse).read(_decode(data))
    except RecursionError:
        raise ParseError("nft.damaged", what="rule set") from None
    finally:
        if collecting:
            gc.enable()


def _decode(data: bytes) -> list[object]:
    import json

    try:
        document = json.loads(data.decode())
    except ValueError as error:
        raise ParseError("nft.not-json", offset=getattr(error, "pos", getattr(error, "start", 0)), size=len(data)) from None
    items = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise ParseError("nft.foreign")
    return items


class _Reading:
    """One rule set on its way in."""

    def __init__(self, *, terse: bool) -> None:
        self.terse = terse
        self.version: str | None = None
        self.tables: list[Table] = []
        self.chains: dict[tuple[str, str, str], Chain] = {}
        self.rules: dict[tuple[str, str, str], list[Rule]] = {}
        self.sets: dict[tuple[str, str, str], NamedSet] = {}
        self.objects: dict[tuple[str, str, str, str], NamedObject] = {}
        self.flowtables: list[Flowtable] = []
        self.opaque: list[str] = []
        self._readers: dict[str, Callable[[Object], None]] = {
            "metainfo": self._metainfo, "table": self._table, "chain": self._chain, "rule": self._rule, "set": self._set, "map": self._set,
            "flowtable": self._flowtable,
        }  # fmt: skip

    def read(self, items: list[object]) -> Ruleset:
        for item in items:
            kind, inner = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else ("", None)
            reader = self._readers.get(kind)
            if reader is not None and isinstance(inner, dict):
                reader(inner)
            elif kind in _OBJECTS and isinstance(inner, dict):
                self._object(kind, inner)
            else:
                self.opaque.append(as_text(item))
        chains = tuple(chain._replace(rules=tuple(self.rules[key])) for key, chain in self.chains.items())
        check_jumps(chains, self.sets)
        return Ruleset(tuple(self.tables), chains, self.sets, self.objects, tuple(self.flowtables), self.version, tuple(self.opaque))

    def _metainfo(self, inner: Object) -> None:
        version = inner.get("version")
        self.version = version if isinstance(version, str) else None

    def _table(self, inner: Object) -> None:
        flags = inner.get("flags", [])
        flags = [flags] if isinstance(flags, str) else flags
        # nft up to 1.0.6 prints freed memory where a table has one flag (json.c, table_flags_json): then nobody knows which.
        known = isinstance(flags, list) and all(isinstance(flag, str) and flag in _TABLE_FLAGS for flag in flags)
        dormant, owned = ("dormant" in flags, "owner" in flags) if known and isinstance(flags, list) else (None, None)
        comment = inner.get("comment")
        table = Table(
            _name(inner, "family"), _name(inner, "name"), _handle(inner), dormant, owned, comment if isinstance(comment, str) else None
        )
        self.tables.append(table)

    def _chain(self, inner: Object) -> None:
        family, table, name = key = _name(inner, "family"), _name(inner, "table"), _name(inner, "name")
        if key in self.chains:
            raise ParseError("nft.damaged", what=f"chain {name}")
        self.chains[key] = Chain(family, table, name, (), _base(inner) if "hook" in inner else None, _handle(inner))
        self.rules[key] = []

    def _rule(self, inner: Object) -> None:
        family, chain = _name(inner, "family"), _name(inner, "chain")
        rules = self.rules.get((family, _name(inner, "table"), chain))
        # A rule without a single word is one that this nft has no words for (seen: 1.0.6, ct zone set ct original zone).
        statements, comment = inner.get("expr", [""]), inner.get("comment")
        if rules is None or not isinstance(statements, list) or not isinstance(comment, (str, type(None))):
            raise ParseError("nft.damaged", what=f"rule of chain {chain}")
        rules.append(Rule(_handle(inner), tuple([parse_statement(each, family) for each in statements]), comment))

    def _set(self, inner: Object) -> None:
        family, table, name = key = _name(inner, "family"), _name(inner, "table"), _name(inner, "name")
        types, kinds = _types(inner.get("type"), family)
        flags = inner.get("flags", [])
        flags = [flags] if isinstance(flags, str) else flags
        elements, given = inner.get("elem"), inner.get("stmt", [])
        if not isinstance(flags, list) or not isinstance(elements, (list, type(None))) or not isinstance(given, list):
            raise ParseError("nft.damaged", what=f"set {name}")
        data_types: tuple[str, ...] = ()
        data: Callable[[object], Data] | None = None
        if "map" in inner:
            data_types, data_kinds = _types(inner["map"], family)
            data = _reader_of_data(data_types, data_kinds)
        members: Members | None = None
        if elements is not None or not self.terse:
            found = parse_elements(elements or [], kinds, data)
            assert not isinstance(found, Named)
            members = found
        timeout, size, comment = inner.get("timeout"), inner.get("size"), inner.get("comment")
        self.sets[key] = NamedSet(
            family, table, name, types, members, data_types, tuple(map(str, flags)), _count(timeout), _count(size), _handle(inner),
            comment if isinstance(comment, str) else None, tuple(parse_statement(each, family) for each in given),
        )  # fmt: skip

    def _object(self, kind: str, inner: Object) -> None:
        family, table, name = _name(inner, "family"), _name(inner, "table"), _name(inner, "name")
        facts = {key: value for key, value in inner.items() if key not in _IDENTITY}
        self.objects[family, table, kind, name] = NamedObject(family, table, name, kind, _stateful(kind, facts), facts)

    def _flowtable(self, inner: Object) -> None:
        self.flowtables.append(Flowtable(_name(inner, "family"), _name(inner, "table"), _name(inner, "name"), _devices(inner) or ()))


def _name(inner: Object, key: str) -> str:
    name = inner.get(key)
    if not isinstance(name, str):
        raise ParseError("nft.damaged", what=f"object without its {key}")
    return name


def _handle(inner: Object) -> int | None:
    handle = inner.get("handle")
    if handle is not None and (not isinstance(handle, int) or isinstance(handle, bool)):
        raise ParseError("nft.damaged", what="handle")
    return handle


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _devices(inner: Object) -> tuple[str, ...] | None:
    devices = inner.get("dev")
    if isinstance(devices, str):
        return (devices,)
    return tuple(devices) if isinstance(devices, list) and all(isinstance(device, str) for device in devices) else None


def _base(inner: Object) -> Base:
    hook, kind, priority, policy = _name(inner, "hook"), _name(inner, "type"), inner.get("prio"), inner.get("policy", "accept")
    if not isinstance(priority, int) or isinstance(priority, bool) or policy not in ("accept", "drop"):
        raise ParseError("nft.damaged", what=f"base chain {inner.get('name')}")
    on_devices = hook in ("ingress", "egress")
    return Base(kind, hook, priority, VerdictKind(str(policy)), _devices(inner) if on_devices else ())


def _types(value: object, family: str) -> tuple[tuple[str, ...], tuple[Kind, ...]]:
    """Names and kinds of the fields of a set: by type names, or by the expression it was declared with (typeof)."""
    if isinstance(value, dict) and set(value) == {"typeof"}:
        kinds = kinds_of(parse_expression(value["typeof"], family))
        return tuple(map(type_of_kind, kinds)), kinds
    if isinstance(value, str):
        value = value.split(" . ")
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ParseError("nft.damaged", what="type of a set")
    return tuple(value), tuple(map(kind_of_type, value))


def _reader_of_data(types: tuple[str, ...], kinds: tuple[Kind, ...]) -> Callable[[object], Data]:
    if types == ("verdict",):
        return parse_arm
    if types[0] in _GIVES_OBJECTS:
        from portulan.wire.nft_kinds import TEXT

        kinds = (TEXT,)
    return lambda value: parse_data(value, kinds)


def _stateful(kind: str, facts: Object) -> Statement | None:
    """A named limit, quota or counter as the statement it stands for."""
    if kind == "quota" and "bytes" in facts:
        facts = {"val": facts["bytes"], **{key: facts[key] for key in ("used", "inv") if key in facts}}
    return parse_stateful(kind, dict(facts))
