"""Rules as text, as `nft list ruleset` prints them (nft 1.0): what a person compares with, and what errors and answers quote."""

from __future__ import annotations

from portulan.model.rule import (
    Assign,
    Binary,
    Choose,
    Concat,
    ConnectionLimit,
    Copy,
    Counter,
    Element,
    Field,
    Forward,
    Limit,
    Log,
    Lookup,
    Match,
    Members,
    Name,
    Named,
    NoTrack,
    Number,
    Offload,
    Opaque,
    Queue,
    Quota,
    Range,
    Reject,
    Strange,
    Synproxy,
    Translate,
    TransparentProxy,
    Update,
    Use,
    Verdict,
)
from portulan.wire.nft_constants import format_constant, format_duration, format_flags, format_number, format_range
from portulan.wire.nft_kinds import (
    ICMP_CODE,
    ICMPV6_CODE,
    ICMPX_CODE,
    IFNAME,
    IPV4,
    IPV6,
    N16,
    NUMBER,
    TEXT,
    TYPES,
    Kind,
    kind_of,
    kind_of_type,
    kinds_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from portulan.model.rule import Expression, Rule, Statement
    from portulan.model.ruleset import NamedSet

_BARE = ("iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup")
"""Of meta, written without the word."""
_OBJECTS = {
    "ct helper": "ct helper set",
    "ct timeout": "ct timeout set",
    "ct expectation": "ct expectation set",
    "secmark": "meta secmark set",
}
_BINDS = {"<<": 4, ">>": 4, "&": 3, "^": 2, "|": 1}
"""Which operators bind more closely."""
_NOT_SHOWN = ("netmap", "prefix", "concat", "interval")
_DEFAULT_REJECT = {"icmp": 3, "icmpv6": 4, "icmpx": 1}


def rule_text(rule: Rule, family: str = "inet") -> str:
    """A rule of a table of a family on one line; one that was written by another program as that wrote it."""
    if rule.quoted is not None:
        return rule.quoted
    text = " ".join(statement_text(each, family) for each in rule.statements)
    return f'{text} comment "{rule.comment}"' if rule.comment is not None else text


def statement_text(statement: Statement, family: str = "inet") -> str:
    """One statement."""
    if isinstance(statement, Reject):
        return _reject(statement, family)
    return _TEXTS[type(statement)](statement)


def members_text(known: NamedSet) -> str:
    """The elements of a named set or map that was read, in their braces."""
    assert known.members is not None
    texts = _texts(known.members, tuple(map(kind_of_type, known.types)), tuple(map(_kind_of_data, known.data_types)))
    return f"{{ {', '.join(texts)} }}" if texts else "{ }"


def _kind_of_data(name: str) -> Kind:
    return TYPES.get(name, TEXT)


# --- expressions ---


def expression_text(expression: Expression, kind: Kind = NUMBER) -> str:  # noqa: PLR0911 - a table
    """An expression; a constant as of `kind`."""
    if isinstance(expression, Field):
        return _field(expression)
    if isinstance(expression, Number):
        return format_number(expression.value, kind)
    if isinstance(expression, Name):
        return format_constant(expression, kind)
    if isinstance(expression, Strange):
        return expression.text
    if isinstance(expression, Concat):
        return " . ".join(map(expression_text, expression.parts))
    if isinstance(expression, Lookup):
        kinds = (kind, N16) if kind.form in ("ipv4", "ipv6") else (kind,)
        return f"{expression_text(expression.key)} map {_members(expression.map, kinds_of(expression.key), kinds)}"
    own = kind_of(expression.left) if not isinstance(expression.left, (Number, Lookup)) else kind
    right = NUMBER if expression.operator in ("<<", ">>") else own
    return f"{_operand_of(expression, expression.left, own)} {expression.operator} {_operand_of(expression, expression.right, right)}"


def _operand_of(whole: Binary, part: Expression, kind: Kind) -> str:
    if isinstance(part, Number) and kind.joined:
        text = format_flags(part.value, kind, " | ")
        return f"({text})" if " " in text else text
    text = expression_text(part, kind)
    return f"({text})" if isinstance(part, Binary) and _BINDS[part.operator] < _BINDS[whole.operator] else text


def _field(field: Field) -> str:
    group, name, more = field.group, field.name, "".join(f" {flag}" for flag in field.flags)
    if group == "meta":
        return name if name in _BARE else f"meta {name}"
    if group == "fib":
        return f"fib {' . '.join(field.flags)} {name}"
    if group == "raw":
        return f"@{name}"
    if group == "exthdr":
        return f"exthdr {name}" if field.exists else name
    if group == "tcp option" and name.endswith(",0,8"):
        name = name.removesuffix(",0,8")
    if group == "ipsec":
        return f"ipsec {field.direction}{more} {name}"
    return f"{group} {field.direction} {name}{more}" if field.direction else f"{group} {name}{more}"


def _members(members: Members | Named, kinds: tuple[Kind, ...], data: tuple[Kind, ...] | None = None) -> str:
    if isinstance(members, Named):
        return f"@{members.name}"
    texts = _texts(members, kinds, data)
    if len(texts) == 1 and data is None and len(kinds) == 1:
        return texts[0].replace(" | ", ",")
    return f"{{ {', '.join(texts)} }}"


def _texts(members: Members, kinds: tuple[Kind, ...], data: tuple[Kind, ...] | None) -> list[str]:
    if members.spans is not None:
        kind = kinds[0]
        if kind.joined:
            return [
                format_flags(first, kind, " | ") if first == last else format_range(first, last, kind)
                for first, last in zip(members.spans.first, members.spans.last, strict=True)
            ]
        return [format_range(first, last, kind) for first, last in zip(members.spans.first, members.spans.last, strict=True)]
    if members.names is not None:
        return [format_constant(name, kinds[0]) for name in members.names.names]
    return [_element(each, kinds, data) for each in members.elements or ()]


def _element(element: Element, kinds: tuple[Kind, ...], data: tuple[Kind, ...] | None) -> str:
    text = "*" if element.wildcard else _parts(element.key, kinds)
    for each in element.statements:
        text += f" {statement_text(each)}"
    if isinstance(element.data, Verdict):
        return f"{text} : {_verdict(element.data)}"
    return text if element.data is None else f"{text} : {_parts(element.data, data or ())}"


def _parts(parts: tuple[Range | Name | Strange, ...], kinds: tuple[Kind, ...]) -> str:
    texts = []
    for at, part in enumerate(parts):
        kind = kinds[at] if at < len(kinds) else NUMBER
        if isinstance(part, Range) and kind.joined and part.first == part.last:
            texts.append(format_flags(part.first, kind, " | "))
        else:
            texts.append(format_constant(part, kind))
    return " . ".join(texts)


# --- statements ---


def _match(match: Match) -> str:
    left, written, kinds = match.left, match.written, kinds_of(match.left)
    if isinstance(left, Binary) and written in ("in", "!") and isinstance(left.right, Number):
        sign = "" if written == "in" else "! "
        return f"{expression_text(left.left)} {sign}{format_flags(left.right.value, kinds[0], ',')}"
    if isinstance(left, Field) and left.exists:
        there = isinstance(match.right, Members) and match.right.spans is not None and match.right.spans.first == (1,)
        return f"{_field(left)} {'exists' if there != match.negated else 'missing'}"
    sign = f"{written} " if written != "==" else ""
    if isinstance(match.right, Members) and match.right.spans is not None and written in ("<", "<=", ">", ">="):
        return f"{expression_text(left)} {sign}{_bound(match.right, written, kinds[0])}"
    right = _members(match.right, kinds)
    single = not right.startswith(("{", "@"))
    if isinstance(left, Field) and kinds[0].joined and single and isinstance(match.right, Members) and match.right.spans is not None:
        right = format_range(match.right.spans.first[0], match.right.spans.last[0], kinds[0])
    if isinstance(left, Binary) and left.operator == "&" and isinstance(left.right, Number) and kinds[0].joined and single:
        return f"{expression_text(left.left)} {sign}{right} / {format_flags(left.right.value, kinds[0], ',')}"
    if not sign and (isinstance(left, Binary) or (single and kinds[0].joined)):
        sign = "== "
    return f"{expression_text(left)} {sign}{right}"


def _bound(members: Members, written: str, kind: Kind) -> str:
    """The number that an inequality was written with."""
    spans = members.spans
    assert spans is not None
    if not spans.first:
        return format_number(0 if written == "<" else (1 << kind.bits) - 1, kind)
    number = {"<": spans.last[0] + 1, "<=": spans.last[0], ">": spans.first[0] - 1, ">=": spans.first[0]}[written]
    return format_number(number, kind)


def _verdict(verdict: Verdict) -> str:
    return verdict.kind.value if verdict.target is None else f"{verdict.kind.value} {verdict.target}"


def _reject(reject: Reject, family: str) -> str:
    if reject.how == "tcp reset":
        return "reject with tcp reset"
    usual = {"ip": "icmp", "ip6": "icmpv6"}.get(family, "icmpx")
    if not reject.how or (reject.how == usual and reject.code in (None, _DEFAULT_REJECT[usual])):
        return "reject"
    kind = {"icmp": ICMP_CODE, "icmpv6": ICMPV6_CODE, "icmpx": ICMPX_CODE}[reject.how]
    return f"reject with {reject.how} {format_number(reject.code or 0, kind)}"


def _choose(choose: Choose) -> str:
    return f"{expression_text(choose.key)} vmap {_members(choose.map, kinds_of(choose.key), ())}"


def _limit(limit: Limit) -> str:
    rate = f"{limit.rate}" if limit.unit == "packets" else f"{limit.rate} {limit.unit}"
    text = f"limit rate {'over ' if limit.over else ''}{rate}/{limit.per}"
    return (
        text
        if limit.burst == (5 if limit.unit == "packets" else 0) or not limit.burst
        else f"{text} burst {limit.burst} {limit.burst_unit}"
    )


def _quota(quota: Quota) -> str:
    used = f" used {quota.used} {quota.used_unit}" if quota.used else ""
    return f"quota {'over ' if quota.over else ''}{quota.value} {quota.unit}{used}"


def _connection_limit(limit: ConnectionLimit) -> str:
    return f"ct count {'over ' if limit.over else ''}{limit.most}"


def _use(use: Use) -> str:
    name = f'"{use.object.text}"' if isinstance(use.object, Name) else expression_text(use.object, IFNAME)
    return f"{_OBJECTS.get(use.kind, f'{use.kind} name')} {name}"


def _place(address: Range | Expression | None, port: Range | Expression | None, kind: Kind) -> str:
    """`10.0.0.1:80`, `[fd00::1]:80`, `:80`."""
    text = ""
    if isinstance(address, (Range, Number)):
        text = format_range(address.first, address.last, kind) if isinstance(address, Range) else format_number(address.value, kind)
        text = f"[{text}]" if port is not None and kind is IPV6 else text
    elif address is not None:
        text = expression_text(address, kind)
    if port is None:
        return text
    return f"{text}:{format_range(port.first, port.last, N16) if isinstance(port, Range) else expression_text(port, N16)}"


def _kind_of_address(family: str | None, address: Range | Expression | None) -> Kind:
    number = address.last if isinstance(address, Range) else address.value if isinstance(address, Number) else 0
    return IPV6 if family == "ip6" or number >> 32 else IPV4


def _translate(nat: Translate) -> str:
    words = [nat.kind]
    if nat.address is not None or nat.port is not None:
        prefix = ["prefix"] if "prefix" in nat.flags else []
        words += [
            *([nat.family] if nat.family else []),
            *prefix,
            "to",
            _place(nat.address, nat.port, _kind_of_address(nat.family, nat.address)),
        ]
    shown = [flag for flag in nat.flags if flag not in _NOT_SHOWN]
    return " ".join([*words, *([",".join(shown)] if shown else [])])


def _transparent_proxy(proxy: TransparentProxy) -> str:
    family = f"{proxy.family} " if proxy.family else ""
    return f"tproxy {family}to {_place(proxy.address, proxy.port, _kind_of_address(proxy.family, proxy.address))}"


def _assign(assign: Assign) -> str:
    return f"{_field(assign.field)} set {expression_text(assign.value, kind_of(assign.field))}"


def _copy(copy: Copy) -> str:
    device = "" if copy.device is None else expression_text(copy.device, IFNAME)
    if copy.address is None:
        return f"dup to {device}"
    address = expression_text(copy.address, _kind_of_address(None, copy.address))
    return f"dup to {address} device {device}" if device else f"dup to {address}"


def _forward(forward: Forward) -> str:
    device = expression_text(forward.device, IFNAME)
    if forward.address is None:
        return f"fwd to {device}"
    address = expression_text(forward.address, _kind_of_address(forward.family, forward.address))
    return f"fwd {forward.family} to {address} device {device}"


def _queue(queue: Queue) -> str:
    flags = f" flags {','.join(queue.flags)}" if queue.flags else ""
    if queue.numbers is None:
        return f"queue{flags}"
    return f"queue{flags} to {_place(None, queue.numbers, IPV4)[1:]}"


def _update(update: Update) -> str:
    key = expression_text(update.key)
    if update.timeout_s is not None:
        key += f" timeout {format_duration(update.timeout_s)}"
    key += "".join(f" {statement_text(each)}" for each in update.statements)
    if update.data is not None:
        key += f" : {_verdict(update.data) if isinstance(update.data, Verdict) else expression_text(update.data)}"
    if update.meter:
        size = f" size {update.size}" if update.size is not None else ""
        return f"meter {update.set}{size} {{ {key} }}"
    return f"{update.operation} @{update.set} {{ {key} }}"


_TEXTS: dict[type, Callable[[Any], str]] = {
    Match: _match,
    Verdict: _verdict,
    Choose: _choose,
    Translate: _translate,
    Assign: _assign,
    NoTrack: lambda _: "notrack",
    Limit: _limit,
    Quota: _quota,
    ConnectionLimit: _connection_limit,
    Use: _use,
    Counter: lambda counter: "counter" if counter.packets is None else f"counter packets {counter.packets} bytes {counter.bytes}",
    Log: lambda log: log.options if log.options == "last" else f"log {log.options}".rstrip(" "),
    Update: _update,
    Queue: _queue,
    TransparentProxy: _transparent_proxy,
    Copy: _copy,
    Forward: _forward,
    Synproxy: lambda proxy: f"synproxy {proxy.options}".rstrip(" "),
    Offload: lambda offload: f"flow add @{offload.flowtable}",
    Opaque: lambda opaque: opaque.text,
}
