"""Fuzz BTF: offsets of members and ids of functions in a damaged description of types."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = {"sock": ("deep", "tail", "missing"), "s": ("m",), "sk": ("a", "b")}


def load() -> Callable[[bytes], None]:
    """What is found is asked for, and no offset is negative."""
    from portulan.errors import ParseError
    from portulan.wire.btf import parse_btf

    def target(data: bytes) -> None:
        try:
            found = parse_btf(data, WANTED, ("iterate",))
        except ParseError:
            return
        assert found.keys() <= {"iterate", *(f"{struct}.{member}" for struct, members in WANTED.items() for member in members)}
        assert all(value >= 0 for value in found.values())

    return target


def seeds() -> list[bytes]:
    """Structs within unions behind names, one of every kind of type, functions."""
    from builders import CONST, FUNCTION, PROTOTYPE, TYPEDEF, UNION, Btf  # type: ignore[import-not-found, unused-ignore]

    whole = Btf()
    whole.one_of_each()
    base = whole.integer()
    inner = whole.composite("", [("deep", base, 0), ("", base, 32)])
    union = whole.composite("", [("", inner, 0), ("a", base, 0)], kind=UNION)
    whole.composite(
        "sock", [("", whole.add(TYPEDEF, "either", whole.add(CONST, "", union)), 64), ("tail", base, 3 << 24 | 160)], bit_fields=True
    )
    whole.add(FUNCTION, "iterate", whole.add(PROTOTYPE, ""), count=1)
    small = Btf()
    small.composite("s", [("", small.composite("", [("m", small.integer(), 0)]), 8)])
    small.composite("sk", [("a", 1, 0), ("b", 1, 32)])
    chain = Btf()
    inside = chain.composite("", [("m", 1, 0)])
    chain.composite("s", [("", chain.add(TYPEDEF, "t", chain.add(CONST, "", inside)), 0)])
    return [whole.blob(), chain.blob(), small.blob(), small.blob(header=32, gap=bytes(4)), Btf().blob()]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [b"\0\0\0\4", b"\2\0\0\4", b"\1\0\0\5", b"\0\0\0\x08", b"\0\0\0\x0a", b"\1\0\0\x84", b"\0s\0", b"\0m\0", b"\0iterate\0"],
        )
    )
