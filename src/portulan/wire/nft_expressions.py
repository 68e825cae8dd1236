"""Expressions of nft's JSON (libnftables-json(5), EXPRESSIONS) into the model: what a rule looks at, and the sets it compares with."""

from __future__ import annotations

from functools import lru_cache

from portulan.model.rule import Binary, Concat, Element, Field, Lookup, Members, Name, Named, Names, Number, Opaque, Range, Strange
from portulan.wire.nft_constants import NUMERIC, number_of, parse_constant, parse_spans
from portulan.wire.nft_kinds import N16, NUMBER, Kind, kind_of, kinds_of
from portulan.wire.nft_stateful import DECIDING, parse_stateful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from portulan.model.rule import Expression, Statement, Verdict

    Data: TypeAlias = Verdict | tuple[Range | Name | Strange, ...] | None

BINARY = ("&", "|", "^", "<<", ">>")
_GROUPS = {"exthdr": "name", "tcp option": "name", "ip option": "name", "sctp chunk": "name", "dccp option": "type"}
_SIDES = ("saddr", "daddr")


def as_text(value: object) -> str:
    """JSON that we have no word for, for a person."""
    import json

    return json.dumps(value)


def parse_expression(value: object, family: str, kind: Kind = NUMBER) -> Expression:
    """What stands on the left of a match, or is assigned; a constant is read as of `kind`. Never fails: what is not understood is `Strange`."""
    if not isinstance(value, dict) or len(value) != 1:
        return _constant(value, kind)
    ((name, inner),) = value.items()
    if name == "payload":
        return _payload(inner) or Strange(as_text(value))
    if name in BINARY:
        return _binary(name, inner, family, kind) or Strange(as_text(value))
    if name == "concat" and isinstance(inner, list):
        return Concat(tuple(parse_expression(each, family) for each in inner))
    if name == "map" and isinstance(inner, dict):
        return _lookup(inner, family, kind)
    return _field(name, inner, family) or _constant(value, kind)


def _constant(value: object, kind: Kind) -> Number | Name | Strange:
    found = parse_constant(value, kind)
    if isinstance(found, Range):
        return Number(found.first) if found.first == found.last else Strange(as_text(value))
    return found


@lru_cache(maxsize=1024)
def _plain_field(group: str, name: str) -> Field:
    """One value for a field that rules repeat a thousand times."""
    return Field(group, name)


def _payload(inner: object) -> Field | None:
    if not isinstance(inner, dict):
        return None
    if len(inner) == 2:
        group, name = inner.get("protocol"), inner.get("field")
        if isinstance(group, str) and isinstance(name, str):
            return _plain_field(group, name)
    place = [inner.get(part) for part in ("base", "offset", "len")]
    if len(inner) == 3 and isinstance(place[0], str) and all(each.__class__ is int for each in place[1:]):
        return Field("raw", ",".join(map(str, place)))
    return None


def _binary(operator: str, inner: object, family: str, kind: Kind) -> Binary | None:
    if not isinstance(inner, list) or len(inner) < 2:
        return None
    left = parse_expression(inner[0], family, kind)
    kind = kind_of(left) if not isinstance(left, Number) else kind
    if operator in ("<<", ">>"):
        kind = NUMBER
    for each in inner[1:]:
        number = number_of(each, kind)
        left = Binary(operator, left, parse_expression(each, family, kind) if number is None else Number(number))
    assert isinstance(left, Binary)
    return left


def _lookup(inner: dict[str, object], family: str, kind: Kind) -> Expression:
    if set(inner) != {"key", "data"}:
        return Strange(as_text({"map": inner}))
    key = parse_expression(inner["key"], family)

    kinds = (kind, N16) if kind.form in ("ipv4", "ipv6") else (kind,)

    def data(value: object) -> Data:
        return parse_data(value, kinds)

    return Lookup(key, parse_members(inner["data"], kinds_of(key), data))


def _field(group: str, inner: object, family: str) -> Field | Strange | None:
    """A field that is no payload; None for no field at all."""
    if not isinstance(inner, dict):
        return None
    if group in _GROUPS:
        return _option(group, inner)
    facts = {name: value for name, value in inner.items() if isinstance(value, str)}
    rest = {name: value for name, value in inner.items() if name not in facts}
    if group in ("meta", "ct", "socket", "osf"):
        return _simple(group, facts, rest, family)
    if group == "fib":
        return _fib(facts, rest) or Strange(as_text({group: inner}))
    if group in ("rt", "ipsec"):
        key = " ".join(facts[name] for name in ("family", "key") if name in facts)
        number = rest.pop("spnum", 0)
        return Field(group, key, facts.get("dir"), (f"spnum {number}",) if number else ())
    return Strange(_drawn(group, inner, family)) if group in ("numgen", "jhash", "symhash") else None


def _drawn(group: str, inner: dict[str, object], family: str) -> str:
    """numgen, jhash and symhash, as nft prints them: nobody can tell before."""
    text = group
    if group == "numgen":
        text += f" {inner.get('mode')}"
    if group == "jhash":
        from portulan.wire.nft_text import expression_text

        text += f" {expression_text(parse_expression(inner.get('expr'), family))}"
    text += f" mod {inner.get('mod')}"
    if inner.get("seed"):
        text += f" seed 0x{inner['seed']:x}" if inner["seed"].__class__ is int else f" seed {inner['seed']}"
    return text + (f" offset {inner['offset']}" if inner.get("offset") else "")


def _fib(facts: dict[str, str], rest: dict[str, object]) -> Field | None:
    flags = rest.pop("flags", facts.pop("flags", []))
    flags = [flags] if isinstance(flags, str) else flags
    if rest or set(facts) != {"result"} or not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        return None
    return Field("fib", facts["result"], None, tuple(flags))


def _simple(group: str, facts: dict[str, str], rest: dict[str, object], family: str) -> Field:
    name = facts.pop("key", "")
    direction = facts.pop("dir", None)
    if group == "ct" and name in _SIDES and family in ("ip", "ip6"):
        name = f"{family} {name}"  # in these tables nft leaves the family out
    flags = tuple(f"{key} {value}" for key, value in (*facts.items(), *rest.items()))
    return Field(group, name, direction, flags) if direction or flags else _plain_field(group, name)


def _option(group: str, inner: dict[str, object]) -> Field:
    """Extension headers and options: `exists` where no field of it is named."""
    name = inner.get(_GROUPS[group])
    if name is None:
        name = ",".join(str(inner.get(part)) for part in ("base", "offset", "len"))
    flags = tuple(f"{key} {value}" for key, value in inner.items() if key not in ("name", "type", "field", "base", "offset", "len"))
    field = inner.get("field")
    return Field(group, f"{name} {field}" if field is not None else f"{name}", None, flags, exists=field is None)


def parse_data(value: object, kinds: Sequence[Kind]) -> tuple[Range | Name | Strange, ...]:
    """What a map gives: one constant, or several side by side. Kinds that are missing are told from the constant itself."""
    parts = value.get("concat") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(parts, list):
        parts = [value]
    return tuple(parse_constant(part, kinds[at] if at < len(kinds) else NUMBER) for at, part in enumerate(parts))


def parse_members(value: object, kinds: tuple[Kind, ...], data: Callable[[object], Data] | None = None) -> Members | Named:
    """The right side of a match or the arms of a map: `"@name"`, `{"set": […]}`, or one constant."""
    if isinstance(value, str) and value.startswith("@"):
        return Named(value[1:])
    if isinstance(value, dict) and len(value) == 1 and isinstance(elements := value.get("set"), list):
        return parse_elements(elements, kinds, data)
    return parse_elements([value], kinds, data)


def parse_elements(values: Sequence[object], kinds: tuple[Kind, ...], data: Callable[[object], Data] | None = None) -> Members:
    """What stands between the braces of a set (or, with `data`, of a map)."""
    if len(kinds) == 1 and data is None:
        constants = _bare(values)
        if constants is not None:
            kind = kinds[0]
            plain = _spans(constants, kind) if kind.form in NUMERIC else _names(constants, kind)
            if plain is not None:
                return plain
    return Members(elements=tuple(_element(value, kinds, data) for value in values))


def _bare(values: Sequence[object]) -> Sequence[object] | None:
    """The constants alone; None where an element carries what decides."""
    for value in values:
        if isinstance(value, dict) and "elem" in value:
            break
    else:
        return values
    constants = []
    for value in values:
        if isinstance(value, dict) and "elem" in value:
            inner = value["elem"]
            if not isinstance(inner, dict) or "val" not in inner or any(each in inner for each in DECIDING):
                return None
            value = inner["val"]  # noqa: PLW2901 - what the element is about
        constants.append(value)
    return constants


def _spans(constants: Sequence[object], kind: Kind) -> Members | None:
    spans = parse_spans(constants, kind)
    return None if spans is None else Members(spans)


def _names(constants: Sequence[object], kind: Kind) -> Members | None:
    names = [parse_constant(constant, kind) for constant in constants]
    found = tuple(name for name in names if isinstance(name, Name))
    return Members(names=Names(found)) if len(found) == len(names) else None


def _element(value: object, kinds: tuple[Kind, ...], data: Callable[[object], Data] | None) -> Element:
    given: Data = None
    if data is not None and isinstance(value, list) and len(value) == 2:
        value, outcome = value
        given = data(outcome)
    elif data is not None:
        given = (Strange(as_text(value)),)
    inner: dict[str, object] = {}
    if isinstance(value, dict) and isinstance(carried := value.get("elem"), dict):
        inner, value = carried, carried.get("val")
    statements: tuple[Statement, ...] = ()
    if any(each in inner for each in DECIDING):
        statements = tuple(parse_stateful(name, inner[name]) or Opaque(as_text({name: inner[name]})) for name in DECIDING if name in inner)
    if value == "*" and (data is not None or kinds[0].form != "name"):
        return Element((), given, wildcard=True, statements=statements, changing=_changes(inner))
    parts = value.get("concat") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(parts, list):
        parts = [value]
    key = tuple(parse_constant(part, kinds[at] if at < len(kinds) else NUMBER) for at, part in enumerate(parts))
    if len(key) != len(kinds):
        key = (Strange(as_text(value)),)
    return Element(key, given, statements=statements, changing=_changes(inner))


def _changes(inner: dict[str, object]) -> bool:
    return "timeout" in inner or "expires" in inner
