"""Constants of nft's JSON to and from numbers and names: `"10.0.0.0"`, `{"prefix": …}`, `{"range": …}`, `["syn", "ack"]`, `"eth*"`."""

from __future__ import annotations

from array import array

from portulan.model.address import format_address
from portulan.model.rule import Name, Range, Spans, Strange
from portulan.wire.nft_kinds import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_MOST_DIGITS = 40
_MOST = (1 << 128) - 1
_MANY = 256
"""More numbers than these are kept in arrays."""
NUMERIC = ("ipv4", "ipv6", "ether", "number", "label")
"""The forms of kinds whose constants are numbers."""


def parse_ipv4(text: str) -> int | None:
    """A dotted quad as a number; None for any other text."""
    parts = text.split(".")
    if len(parts) != 4:
        return None
    if len(text) > 15 or not text.isascii() or not "".join(parts).isdigit() or not all(parts):
        return None
    first, second, third, fourth = map(int, parts)
    return None if first > 255 or second > 255 or third > 255 or fourth > 255 else first << 24 | second << 16 | third << 8 | fourth


def parse_ipv6(text: str) -> int | None:
    """An IPv6 address (RFC 4291, section 2.2) as a number; None for any other text."""
    if not text.isascii():
        return None
    head, gap, tail = text.partition("::")
    left, right = _groups(head), _groups(tail)
    if left is None or right is None:
        return None
    missing = 8 - len(left) // 4 - len(right) // 4
    if missing < 0 or bool(missing) != bool(gap):
        return None
    return int(left + "0000" * missing + right, 16)


def _groups(text: str) -> str | None:
    """Groups with colons between as hexadecimal digits, four a group; a dotted tail is two groups."""
    if not text:
        return ""
    parts = text.split(":")
    if "." in parts[-1]:
        quad = parse_ipv4(parts.pop())
        if quad is None:
            return None
        parts += (f"{quad >> 16:x}", f"{quad & 0xFFFF:x}")
    digits = ""
    for part in parts:
        if not 0 < len(part) < 5 or part.strip("0123456789abcdefABCDEF"):
            return None
        digits += part.zfill(4)
    return digits


def parse_ether(text: str) -> int | None:
    """Six octets with colons between as a number; None for any other text."""
    parts = text.split(":")
    if len(parts) != 6 or not all(1 <= len(part) <= 2 and all(digit in "0123456789abcdefABCDEF" for digit in part) for part in parts):
        return None
    return int("".join(part.zfill(2) for part in parts), 16)


def parse_number(text: str) -> int | None:
    """A decimal or hexadecimal (0x…) number; None for any other text."""
    if len(text) > _MOST_DIGITS or not text.isascii():
        return None
    if text.isdigit():
        return int(text)
    digits = text.removeprefix("0x")
    if digits == text or not digits or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        return None
    return int(digits, 16)


_ADDRESSES = {"ipv4": parse_ipv4, "ipv6": parse_ipv6, "ether": parse_ether}


def number_of(value: object, kind: Kind) -> int | None:
    """One constant as one number; None where it is a name, several numbers, or not readable."""
    if isinstance(value, str):
        return _number_of_text(value, kind)
    if isinstance(value, int):
        return _number_of_number(int(value), kind)
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("|")
    return _joined(value, kind) if isinstance(value, list) else None  # flags, all of them together


def _number_of_number(number: int, kind: Kind) -> int | None:
    number = kind.swapped.get(number, number)
    if kind.form == "label":  # the number of a bit
        return 1 << number if 0 <= number < kind.bits else None
    return number if number >= 0 and (not kind.bits or not number >> kind.bits) else None


def _number_of_text(text: str, kind: Kind) -> int | None:
    form = kind.form
    parse = _ADDRESSES.get(form)
    if parse is not None:
        return parse(text)
    if form in ("name", "text"):
        return None
    if text in kind.words:
        return kind.words[text]
    number = parse_number(text)
    if form == "label" and number is not None:
        number = 1 << number if number < kind.bits else None
    return number if number is not None and (not kind.bits or not number >> kind.bits) else None


def _joined(values: Sequence[object], kind: Kind) -> int | None:
    bits = 0
    for value in values:
        number = number_of(value, kind)
        if number is None:
            return None
        bits |= number
    return bits if values else None


def parse_constant(value: object, kind: Kind) -> Range | Name | Strange:
    """One constant: numbers as a range of one or more, names as names; what cannot be read as it stands."""
    number = number_of(value, kind)
    if number is not None:
        if kind.form == "interface":
            return Name("", interface=number)
        return Range(number, number) if kind.form != "name" else Strange(_text(value))
    if isinstance(value, str):
        return _parse_name(value, kind)
    return _parse_spread(value, kind) or Strange(_text(value))


def _parse_spread(value: object, kind: Kind) -> Range | Strange | None:
    """`{"range": [first, last]}`, `{"prefix": {"addr": …, "len": …}}`."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((form, inner),) = value.items()
    if form == "prefix":
        return _parse_prefix(inner, kind)
    if form != "range" or not isinstance(inner, list) or len(inner) != 2:
        return None
    if kind.form == "text":  # moments
        return Strange("-".join(format_constant(Name(str(each)), kind) for each in inner))
    return _parse_range(inner, kind)


def _parse_name(text: str, kind: Kind) -> Name | Strange:
    if kind.form not in ("name", "interface", "text"):
        return Strange(text)
    if kind.form != "name":
        return Name(text)
    if text.endswith("\\*"):
        return Name(text[:-2] + "*")
    return Name(text[:-1], prefix=True) if text.endswith("*") else Name(text)


def _parse_range(ends: list[object], kind: Kind) -> Range | None:
    first, last = number_of(ends[0], kind), number_of(ends[1], kind)
    return Range(first, last) if first is not None and last is not None and first <= last and kind.form != "name" else None


def _parse_prefix(prefix: object, kind: Kind) -> Range | None:
    if not isinstance(prefix, dict) or not kind.bits or kind.form == "name":
        return None
    first, length = number_of(prefix.get("addr"), kind), prefix.get("len")
    if first is None or length.__class__ is not int or not 0 <= length <= kind.bits:
        return None
    mask = (1 << kind.bits - length) - 1
    return Range(first & ~mask, first | mask)


def _text(value: object) -> str:
    """A constant that cannot be read, for a person: as JSON."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value)


def parse_spans(values: Sequence[object], kind: Kind) -> Spans | None:
    """Constants of a numeric kind as spans; None where one of them is anything but a number, a range or a prefix.

    Most of what rules compare with goes through here, so it looks at the commonest forms itself.
    """
    first: list[int] = []
    last: list[int] = []
    parse: Callable[[Any], int | None] = _ADDRESSES.get(kind.form) or kind.words.get
    most = (1 << kind.bits) - 1 if kind.bits else _MOST
    plain = kind.form == "number" and not kind.swapped
    for value in values:
        form = value.__class__
        number: Any = None
        if form is str:
            number = parse(value)
        elif form is int and plain and 0 <= value <= most:  # type: ignore[operator] # and this an int
            number = value
        if number is None:
            found = parse_constant(value, kind)
            if not isinstance(found, Range):
                return None
            first.append(found.first)
            last.append(found.last)
        else:
            first.append(number)
            last.append(number)
    if len(first) > _MANY and max(last) < 1 << 64:
        return Spans(array("Q", first), array("Q", last))
    return Spans(tuple(first), tuple(last))


# --- and back ---


def format_number(number: int, kind: Kind) -> str:
    """A number as nft prints it."""
    write = _WRITTEN.get(kind.form)
    if write is not None:
        return write(number)
    for word, value in kind.words.items():
        if value == number:
            return f'"{word}"' if kind.quoted else word
    if kind.seconds:
        return format_duration(number)
    return f"0x{number:0{kind.hexadecimal}x}" if kind.hexadecimal else str(number)


def _format_ether(number: int) -> str:
    return ":".join(f"{number >> shift & 255:02x}" for shift in range(40, -8, -8))


_WRITTEN: dict[str, Callable[[int], str]] = {
    "ipv4": lambda number: format_address(number.to_bytes(4)),
    "ipv6": lambda number: format_address(number.to_bytes(16)),
    "ether": _format_ether,
    "label": lambda number: str(number.bit_length() - 1),
}


def format_range(first: int, last: int, kind: Kind, *, prefix: bool = True) -> str:
    """A range as nft prints it: one number, a prefix of addresses, or first and last."""
    if first == last:
        return format_number(first, kind)
    size = last - first + 1
    if prefix and kind.form in ("ipv4", "ipv6", "ether") and not size & (size - 1) and not first % size:
        return f"{format_number(first, kind)}/{kind.bits - size.bit_length() + 1}"
    kind = kind._replace(words={})  # nft has no words in ranges
    return f"{format_number(first, kind)}-{format_number(last, kind)}"


def format_duration(seconds: int) -> str:
    """`1h5m`, `30s`."""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return "".join(f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if number) or "0s"


def format_constant(value: Range | Name | Strange, kind: Kind) -> str:
    """Any constant as nft prints it."""
    if isinstance(value, Range):
        return format_range(value.first, value.last, kind)
    if isinstance(value, Strange):
        return value.text
    if value.interface is not None:
        return str(value.interface)
    text = value.text.removesuffix("*") + "\\*" if value.text.endswith("*") and kind.form == "name" else value.text
    text += "*" if value.prefix else ""
    return f'"{text}"' if kind.quoted else text


def format_flags(number: int, kind: Kind, separator: str) -> str:
    """Bits as nft's words for them."""
    if kind.form == "label":
        return separator.join(str(bit) for bit in range(kind.bits) if number >> bit & 1)
    words = [word for word, bit in kind.words.items() if number & bit]
    return separator.join(words) if words and sum(kind.words[word] for word in words) == number else format_number(number, kind)
