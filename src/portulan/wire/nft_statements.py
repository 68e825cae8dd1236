"""Statements of nft's JSON (libnftables-json(5), STATEMENTS) into the model. What is not understood is `Opaque`, never left out."""

from __future__ import annotations

from portulan.model.rule import (
    Assign,
    Binary,
    Choose,
    Copy,
    Element,
    Field,
    Forward,
    Log,
    Lookup,
    Match,
    Members,
    Name,
    NoTrack,
    Number,
    Offload,
    Opaque,
    Queue,
    Range,
    Reject,
    Spans,
    Strange,
    Synproxy,
    Translate,
    TransparentProxy,
    Update,
    Use,
    Verdict,
    VerdictKind,
)
from portulan.wire.nft_constants import format_constant, number_of, parse_constant
from portulan.wire.nft_expressions import as_text, parse_expression, parse_members
from portulan.wire.nft_kinds import ICMP_CODE, ICMPV6_CODE, ICMPX_CODE, IFNAME, IPV4, IPV6, N16, TEXT, kind_of, kinds_of
from portulan.wire.nft_stateful import parse_stateful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.rule import Expression, Statement
    from portulan.wire.nft_kinds import Kind

_SIMPLE = {kind.value: Verdict(kind) for kind in (VerdictKind.ACCEPT, VerdictKind.DROP, VerdictKind.CONTINUE, VerdictKind.RETURN)}
_ALL = (1 << 128) - 1
_PARTS = {"op", "left", "right"}
_NAMED = ("counter", "limit", "quota", "ct helper", "ct timeout", "ct expectation", "synproxy", "secmark", "tunnel")
_LOG = ("prefix", "group", "snaplen", "queue-threshold", "level")


def parse_statement(value: object, family: str) -> Statement:
    """One statement of a rule in a table of a family. Never fails."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name == "match":
            found: Statement | None = _match(inner, family)
        elif inner is None and name in _SIMPLE:
            return _SIMPLE[name]
        else:
            found = _parse(name, inner, family)
        if found is not None:
            return found
        if name == "xt":
            kind = inner.get("type") if isinstance(inner, dict) else None
            return Opaque(_xt_text(inner), "xt-match" if kind == "match" else "xt")
    if isinstance(value, str):
        return _of_text(value)
    return Opaque(as_text(value))


def _of_text(text: str) -> Statement:
    """A statement that this nft has no JSON for: then its text is there as a string (1.0.6: of those that write into maps)."""
    words = text.split(" ")
    if len(words) > 4 and words[0] in ("add", "update", "delete") and words[1].startswith("@") and (words[2], words[-1]) == ("{", "}"):
        inner = " ".join(words[3:-1])
        if not any(word in inner for word in ("{", "limit", "quota", "count", "last")):
            return Update(words[0], words[1][1:], Strange(inner))
    return Opaque(text)


def _parse(name: str, inner: object, family: str) -> Statement | None:
    if name in ("jump", "goto"):
        return parse_verdict({name: inner})
    if name in _NAMED and (isinstance(inner, str) or (isinstance(inner, dict) and "map" in inner)):
        return Use(name, Name(inner) if isinstance(inner, str) else _object_of(inner, family))
    if (stateful := parse_stateful(name, inner)) is not None:
        return stateful
    work = _WORK.get(name)
    if work is None:
        return None
    return work(name, {} if inner is None else inner, family) if inner is None or isinstance(inner, dict) else _short(name, inner)


def _short(name: str, inner: object) -> Statement | None:
    """Statements whose JSON is no object."""
    return Offload(inner.removeprefix("@")) if name == "flow" and isinstance(inner, str) else None


def parse_verdict(value: object) -> Verdict | None:
    """`{"accept": null}`, `{"jump": {"target": …}}`; None for anything else."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((name, inner),) = value.items()
    if name in _SIMPLE:
        return _SIMPLE[name] if inner is None else None
    if name in ("jump", "goto") and isinstance(inner, dict) and isinstance(target := inner.get("target"), str) and len(inner) == 1:
        return Verdict(VerdictKind(name), target)
    return None


def parse_arm(value: object) -> Verdict | tuple[Strange]:
    """What a verdict map gives."""
    return parse_verdict(value) or (Strange(as_text(value)),)


# --- matches ---


def _match(inner: object, family: str) -> Match | None:
    if not isinstance(inner, dict) or inner.keys() != _PARTS:
        return None
    left, right, operator = parse_expression(inner["left"], family), inner["right"], inner["op"]
    if isinstance(left, Field) and isinstance(right, bool):
        left = left._replace(exists=True)
    kinds = kinds_of(left)
    named = _is_set(right)
    if operator in ("==", "!=") or (operator == "in" and named):
        return Match(left, parse_members(right, kinds), negated=operator == "!=", written="==" if operator == "in" else operator)
    if named or len(kinds) != 1 or not isinstance(operator, str):
        return None
    if operator in ("in", "!"):
        return _any_bit(left, operator, right, kinds[0])
    return _inequality(left, operator, right, kinds[0])


def _any_bit(left: Expression, operator: str, right: object, kind: Kind) -> Match | None:
    """`ct state new,related`, `tcp flags ! syn`."""
    number = number_of(right, kind)
    if number is None:
        return Match(left, _unreadable(right, kind), negated=operator == "!", written=operator)
    mask = Binary("&", left, Number(number))
    return Match(mask, Members(spans=Spans((0,), (0,))), negated=operator == "in", written=operator)


def _inequality(left: Expression, operator: str, right: object, kind: Kind) -> Match | None:
    most = (1 << kind.bits) - 1 if kind.bits else _ALL
    if operator not in ("<", "<=", ">", ">="):
        return None
    number = number_of(right, kind)
    if number is None or kind.form in ("name", "interface", "text"):
        return Match(left, _unreadable(right, kind), written=operator)
    spans = {"<": (0, number - 1), "<=": (0, number), ">": (number + 1, most), ">=": (number, most)}
    first, last = spans[operator]
    return Match(left, Members(spans=Spans((first,), (last,)) if first <= last else Spans((), ())), written=operator)


def _unreadable(right: object, kind: Kind) -> Members:
    """A constant that no number is known of."""
    return Members(elements=(Element((Strange(format_constant(parse_constant(right, kind), kind)),)),))


def _is_set(right: object) -> bool:
    return (isinstance(right, str) and right.startswith("@")) or (isinstance(right, dict) and "set" in right)


# --- the others ---


def _choose(_: str, inner: dict[str, object], family: str) -> Statement | None:
    if set(inner) != {"key", "data"}:
        return None
    key = parse_expression(inner["key"], family)
    return Choose(key, parse_members(inner["data"], kinds_of(key), parse_arm))


def _assign(_: str, inner: dict[str, object], family: str) -> Statement | None:
    if set(inner) != {"key", "value"}:
        return None
    field = parse_expression(inner["key"], family)
    return Assign(field, parse_expression(inner["value"], family, kind_of(field))) if isinstance(field, Field) else None


def _reject(_: str, inner: dict[str, object], __: str) -> Statement | None:
    how, code = inner.get("type"), inner.get("expr")
    kind = {"icmp": ICMP_CODE, "icmpv6": ICMPV6_CODE, "icmpx": ICMPX_CODE}.get(how) if isinstance(how, str) else None
    if kind is not None and set(inner) <= {"type", "expr"}:
        number = number_of(code, kind) if code is not None else None
        return Reject(str(how), number) if number is not None or code is None else None
    if not inner:
        return Reject("")
    return Reject("tcp reset") if inner == {"type": "tcp reset"} else None


def _flags(inner: dict[str, object], name: str = "flags") -> tuple[str, ...] | None:
    flags = inner.get(name, [])
    flags = [flags] if isinstance(flags, str) else flags
    return tuple(map(str, flags)) if isinstance(flags, list) and all(isinstance(flag, str) for flag in flags) else None


def _operand(value: object, family: str, *, port: bool, ip: object) -> Range | Expression | None:
    """An address or a port of NAT: constant, range, or looked up."""
    if value is None:
        return None
    kind = N16
    if not port:
        kind = IPV6 if ip == "ip6" or (ip is None and (family == "ip6" or (isinstance(value, str) and ":" in value))) else IPV4
    found = parse_constant(value, kind)
    if isinstance(found, Range):
        return found
    return parse_expression(value, family, kind)


def _translate(name: str, inner: dict[str, object], family: str) -> Statement | None:
    flags, ip = _flags(inner), inner.get("family")
    if set(inner) - {"family", "addr", "port", "flags", "type_flags"} or flags is None or ip not in (None, "ip", "ip6"):
        return None
    more = _flags(inner, "type_flags") or ()
    address = _operand(inner.get("addr"), family, port=False, ip=ip)
    return Translate(name, None if ip is None else str(ip), address, _operand(inner.get("port"), family, port=True, ip=ip), (*flags, *more))


def _transparent_proxy(_: str, inner: dict[str, object], family: str) -> Statement | None:
    ip = inner.get("family")
    if set(inner) - {"family", "addr", "port"} or ip not in (None, "ip", "ip6"):
        return None
    address = _operand(inner.get("addr"), family, port=False, ip=ip)
    return TransparentProxy(None if ip is None else str(ip), address, _operand(inner.get("port"), family, port=True, ip=ip))


def _device(value: object, family: str) -> Expression | None:
    if value is None:
        return None
    return Name(value) if isinstance(value, str) else parse_expression(value, family, IFNAME)


def _copy(_: str, inner: dict[str, object], family: str) -> Statement | None:
    if set(inner) - {"addr", "dev"} or "addr" not in inner:
        return None
    if family == "netdev":  # there `dup to` names a device
        return Copy(None, _device(inner["addr"], family))
    address = _operand(inner["addr"], family, port=False, ip=None)
    return Copy(Number(address.first) if isinstance(address, Range) else address, _device(inner.get("dev"), family))


def _forward(_: str, inner: dict[str, object], family: str) -> Statement | None:
    device, ip = _device(inner.get("dev"), family), inner.get("family")
    if device is None or set(inner) - {"dev", "family", "addr"} or ip not in (None, "ip", "ip6"):
        return None
    address = _operand(inner.get("addr"), family, port=False, ip=ip)
    return Forward(device, None if ip is None else str(ip), Number(address.first) if isinstance(address, Range) else address)


def _queue(_: str, inner: dict[str, object], family: str) -> Statement | None:
    flags = _flags(inner)
    if flags is None or set(inner) - {"num", "flags"}:
        return None
    return Queue(_operand(inner.get("num"), family, port=True, ip=None), flags)


def _log(_: str, inner: dict[str, object], __: str) -> Statement | None:
    words = []
    for name, value in inner.items():
        if name == "flags" and (flags := _flags(inner)) is not None:
            tcp = ",".join(flag.removeprefix("tcp ") for flag in flags if flag.startswith("tcp "))
            words += [f"flags tcp {tcp}"] if tcp else []
            words += [f"flags {flag}" for flag in flags if not flag.startswith("tcp ")]
        elif name in _LOG and isinstance(value, (str, int)):
            words.append(f'{name} "{value}"' if name == "prefix" else f"{name} {value}")
        else:
            return None
    return Log(" ".join(words))


def _update(name: str, inner: dict[str, object], family: str) -> Statement | None:
    """`add @s { … }` and, with data, `add @m { … : … }`."""
    operation, target, element = inner.get("op"), inner.get(name), inner.get("elem")
    if not isinstance(operation, str) or not isinstance(target, str) or set(inner) - {"op", "elem", name, "stmt", "data"}:
        return None
    timeout: int | None = None
    if isinstance(element, dict) and isinstance(carried := element.get("elem"), dict):
        given = carried.get("timeout")
        if set(carried) - {"val", "timeout", "comment", "expires"} or (given is not None and given.__class__ is not int):
            return None
        timeout, element = given, carried.get("val")
    statements = inner.get("stmt", [])
    if not isinstance(statements, list):
        return None
    data: Expression | Verdict | None = None
    if "data" in inner:
        data = parse_verdict(inner["data"]) or parse_expression(inner["data"], family)
    key = parse_expression(element, family)
    return Update(operation, target.removeprefix("@"), key, data, timeout, tuple(parse_statement(each, family) for each in statements))


def _meter(_: str, inner: dict[str, object], family: str) -> Statement | None:
    name, size, key, timeout = inner.get("name"), inner.get("size"), inner.get("key"), None
    if not isinstance(name, str) or set(inner) - {"name", "size", "key", "stmt"} or "stmt" not in inner:
        return None
    if isinstance(key, dict) and isinstance(carried := key.get("elem"), dict):
        timeout, key = carried.get("timeout"), carried.get("val")
    if (size is not None and size.__class__ is not int) or (timeout is not None and timeout.__class__ is not int):
        return None
    statements = (parse_statement(inner["stmt"], family),)
    return Update("update", name, parse_expression(key, family), None, timeout, statements, meter=True, size=size)


def _synproxy(_: str, inner: dict[str, object], __: str) -> Statement | None:
    flags = _flags(inner)
    if flags is None or set(inner) - {"mss", "wscale", "flags"}:
        return None
    words = [f"{name} {inner[name]}" for name in ("mss", "wscale") if name in inner]
    return Synproxy(" ".join([*words, *flags]))


def _flow(_: str, inner: dict[str, object], __: str) -> Statement | None:
    target = inner.get("flowtable")
    return Offload(target.removeprefix("@")) if isinstance(target, str) and inner.get("op") == "add" and len(inner) == 2 else None


def _no_track(_: str, inner: dict[str, object], __: str) -> Statement | None:
    return NoTrack() if not inner else None


def _last(_: str, inner: dict[str, object], __: str) -> Statement | None:
    """`last`: notes when it was last met."""
    return Log("last") if set(inner) <= {"used"} else None


def _object_of(inner: dict[str, object], family: str) -> Lookup | Strange:
    found = parse_expression(inner, family, TEXT)
    return found if isinstance(found, Lookup) else Strange(as_text(inner))


def _xt_text(inner: object) -> str:
    if isinstance(inner, dict) and set(inner) == {"type", "name"}:
        return f'xt {inner["type"]} "{inner["name"]}"'
    return "xt" if inner is None else as_text({"xt": inner})


_WORK: dict[str, Callable[[str, dict[str, object], str], Statement | None]] = {
    "vmap": _choose, "mangle": _assign, "reject": _reject, "dnat": _translate, "snat": _translate, "masquerade": _translate, "redirect": _translate,
    "tproxy": _transparent_proxy, "dup": _copy, "fwd": _forward, "queue": _queue, "log": _log, "set": _update, "map": _update, "meter": _meter,
    "synproxy": _synproxy, "flow": _flow, "notrack": _no_track, "last": _last,
}  # fmt: skip
