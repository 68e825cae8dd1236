"""The JSON envelope that every command prints, and its rows. Encoded by msgspec."""

from __future__ import annotations

from functools import cache
from typing import get_type_hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from typing import Any

RENAMED = {"port_class": "class"}
"""Fields whose JSON name is a word that Python keeps for itself."""
VERSIONS = {"ls": 1, "who": 1, "conflicts": 1, "lookup": 1, "map": 1, "registry": 1}
"""The schema number of each command's envelope: a new field is fine, a changed one is a new number."""


def _shape_of(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None:
    """(field names, JSON names, the JSON names whose values hold more rows) of a class of rows; None for any other class."""
    if hasattr(kind, "_fields"):
        names: tuple[str, ...] = kind._fields
    elif hasattr(kind, "__dataclass_fields__"):
        names = tuple(kind.__dataclass_fields__)
    else:
        return None
    hints = get_type_hints(kind)
    shown = tuple(RENAMED.get(name, name) for name in names)
    return names, shown, tuple(show for name, show in zip(names, shown, strict=True) if _holds_rows(hints[name]))


_shape: Callable[[Any], tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None] = cache(_shape_of)


def _holds_rows(hint: Any) -> bool:
    """Whether a type is, or is made of, a class of rows."""
    if hasattr(hint, "_fields") or hasattr(hint, "__dataclass_fields__"):
        return True
    return any(_holds_rows(part) for part in getattr(hint, "__args__", ()))


def as_row(item: Any) -> Any:
    """A value as JSON shows it: a row as an object of its fields, a tuple of rows as a list of those, anything else as it is."""
    shape = _shape(type(item))
    if shape is None:
        return [as_row(part) for part in item] if isinstance(item, tuple | list) else item
    names, shown, nested = shape
    row = dict(zip(shown, item if isinstance(item, tuple) else [getattr(item, name) for name in names], strict=True))
    for name in nested:
        value = row[name]
        if value:
            row[name] = as_rows(value) if type(value) is tuple else as_row(value)
    return row


def as_rows(items: Iterable[Any]) -> list[Any]:
    """`as_row` of many."""
    rows: list[Any] = []
    kind: Any = None
    shape = None
    for item in items:
        if type(item) is not kind:
            kind = type(item)
            shape = _shape(kind)
        if shape is None or not isinstance(item, tuple):
            rows.append(as_row(item))
            continue
        row = dict(zip(shape[1], item))  # noqa: B905 - a named tuple is as long as its names, and strict costs a tenth
        for name in shape[2]:
            value = row[name]
            if value:
                row[name] = as_rows(value) if type(value) is tuple else as_row(value)
        rows.append(row)
    return rows


def encode(value: object) -> bytes:
    """JSON bytes. Text that no encoding knows (a lone surrogate in a process's name) becomes a visible escape."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(value))


def _encodable(value: Any) -> Any:
    """The same value with a visible escape for each lone surrogate."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(part) for part in value]
    return value


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
    head = {
        "schema": f"portulan.{command}/{VERSIONS.get(command, 1)}",
        "taken_at": taken_at,
        "complete": not reasons,
        "missing": reasons,
    }
    facts = {name: as_row(value) for name, value in (extra or {}).items()}
    return encode({**head, **facts, "items": as_rows(items)}) + b"\n"
