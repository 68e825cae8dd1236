"""BTF, the kernel's description of its own types (Documentation/bpf/btf.rst).

Read for what our BPF programs need: where in a struct a member lies, and under which id a function stands.
"""

from __future__ import annotations

from struct import Struct, error, unpack_from

from portulan.errors import ParseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAGIC = 0xEB9F
_STRUCT, _UNION, _TYPEDEF, _FUNCTION = 4, 5, 8, 12
TRACEPOINT = "btf_trace_"
"""How the type begins that stands for a tracepoint."""
# Bytes behind the 12-byte type record, by kind: fixed, or (negative) for each of the `vlen` members.
_EXTRA = (0, 4, 0, 12, -12, -12, -8, 0, 0, 0, 0, 0, 0, -8, 4, -12, 0, 4, 0, -12)
_SEE_THROUGH = (8, 9, 10, 11, 18)
"""typedef, volatile, const, restrict, type tag: names for another type."""
_TRIPLE = Struct("<III").unpack_from


def parse_btf(blob: bytes, structs: Mapping[str, Sequence[str]], functions: Sequence[str]) -> dict[str, int]:
    """`struct.member` -> byte offset (members of anonymous inner structs and unions included) and `function` -> BTF id.

    `btf_trace_` and a tracepoint's name stand for its type. What the kernel does not have is left out. Raises ParseError for anything that is not little-endian BTF.
    """
    try:
        magic, _, _, header, types_at, types_length, text_at, text_length = unpack_from("<HBBIIIII", blob)
        if magic != _MAGIC:
            raise ParseError("btf.damaged", offset=0)
        text = blob[header + text_at :][:text_length]
        types = blob[header + types_at :][:types_length]
        return _search(types, text, structs, functions)
    except (error, IndexError, ValueError, RecursionError):
        raise ParseError("btf.damaged", offset=0) from None


def _search(types: bytes, text: bytes, structs: Mapping[str, Sequence[str]], functions: Sequence[str]) -> dict[str, int]:
    def name_offset(name: str) -> int:
        return text.find(b"\0" + name.encode() + b"\0") + 1

    struct_names = {at: name for name in structs if (at := name_offset(name))}
    function_names = {at: name for name in functions if (at := name_offset(name))}
    starts = [0]
    found: dict[str, int] = {}
    places: dict[str, int] = {}
    at, length, triple, extra = 0, len(types), _TRIPLE, _EXTRA
    while at < length:
        name, info, _ = triple(types, at)
        kind = info >> 24 & 31
        starts.append(at)
        if kind == _STRUCT and name in struct_names:
            places.setdefault(struct_names[name], at)
        elif name in function_names and kind == (_TYPEDEF if function_names[name].startswith(TRACEPOINT) else _FUNCTION):
            found[function_names[name]] = len(starts) - 1
        more = extra[kind]
        at += 12 + (more if more >= 0 else -more * (info & 0xFFFF))
    for struct, place in places.items():
        for member in structs[struct]:
            offset = _member(types, text, starts, place, member, 0, set())
            if offset is not None:
                found[f"{struct}.{member}"] = offset
    return found


def _member(types: bytes, text: bytes, starts: list[int], struct: int, member: str, base: int, searched: set[int]) -> int | None:
    """Byte offset of a member, looking into anonymous inner structs and unions. `searched` are those that were in vain: each is looked into once."""
    _, info, _ = _TRIPLE(types, struct)
    has_bit_fields = info >> 31
    for index in range(info & 0xFFFF):
        name, target, bits = _TRIPLE(types, struct + 12 + 12 * index)
        offset: int = base + (bits & 0xFFFFFF if has_bit_fields else bits) // 8
        label = text[name : text.index(b"\0", name)].decode("ascii", "replace")
        if label == member:
            return offset
        if not label and (inner := _behind_names(types, starts, target)) not in searched:
            searched.add(inner)
            if _kind(types, inner) in (_STRUCT, _UNION):
                inside = _member(types, text, starts, inner, member, offset, searched)
                if inside is not None:
                    return inside
    return None


def _behind_names(types: bytes, starts: list[int], target: int) -> int:
    """Where the type stands that a chain of names is for. Raises ValueError for names that only stand for one another."""
    for _ in starts:
        if _kind(types, starts[target]) not in _SEE_THROUGH:
            return starts[target]
        target = _TRIPLE(types, starts[target])[2]
    raise ValueError(target)


def _kind(types: bytes, at: int) -> int:
    return int(_TRIPLE(types, at)[1] >> 24 & 31)
