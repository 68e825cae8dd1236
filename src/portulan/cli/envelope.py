"""The JSON envelope that every command prints, and its rows. Encoded by msgspec, straight from the frozen values."""

from __future__ import annotations

from functools import cache
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Any

RENAMED = {"port_class": "class"}
"""Fields whose JSON name is a word that Python keeps for itself."""
VERSIONS = {"ls": 1, "who": 1, "lookup": 1, "map": 1, "registry": 1}
"""The schema number of each command's envelope: a new field is fine, a changed one is a new number."""


@cache
def _reader(kind: Any) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]]] | None:
    """JSON names and a getter of all fields, for a class with renamed fields; None for one that encodes as it is."""
    from dataclasses import fields

    names = tuple(field.name for field in fields(kind))
    if not any(name in RENAMED for name in names):
        return None
    return tuple(RENAMED.get(name, name) for name in names), attrgetter(*names)


def as_row(item: Any) -> object:
    """A value as it appears among the `items`."""
    reader = _reader(type(item)) if hasattr(item, "__dataclass_fields__") else None
    return item if reader is None else dict(zip(reader[0], reader[1](item), strict=True))


def encode(value: object) -> bytes:
    """JSON bytes. Text that no encoding knows (a lone surrogate in a process's name) becomes a visible escape."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(msgspec.json.decode(_tolerant(value)))


def _tolerant(value: object) -> bytes:
    import json

    import msgspec

    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


def envelope(
    command: str,
    items: Iterable[object],
    *,
    taken_at: datetime,
    missing: Iterable[str] = (),
    extra: Mapping[str, object] | None = None,
) -> bytes:
    """`{"schema", "taken_at", "complete", "missing", "items"}` and whatever else the command tells, as bytes with a newline."""
    reasons = list(missing)
    return encode(
        {
            "schema": f"portulan.{command}/{VERSIONS.get(command, 1)}",
            "taken_at": taken_at,
            "complete": not reasons,
            "missing": reasons,
            **(extra or {}),
            "items": [as_row(item) for item in items],
        }
    ) + b"\n"  # fmt: skip
