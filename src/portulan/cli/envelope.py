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
VERSIONS = {
    "ls": 1, "who": 1, "why": 1, "conflicts": 1, "audit": 1, "free": 1, "lease": 1, "release": 1, "stop": 1, "lookup": 1, "lookup-common": 1, "lookup-about": 1, "map": 1, "registry": 1, "reach": 1,
    "reach-packet": 1, "reach-matrix": 1, "scan": 1, "scan-host": 1, "diff": 1, "ping": 1, "trace": 1, "traffic": 1, "traffic-hosts": 1, "traffic-flows": 1,
    "traffic-time": 1, "scanners": 1, "guard-apply": 1, "guard-boot": 1, "guard-check": 1, "guard-confirm": 1, "guard-edit": 1, "guard-export": 1,
    "guard-history": 1, "guard-init": 1, "guard-plan": 1, "guard-prove": 1, "guard-rollback": 1, "guard-status": 1,
    "explain": 1, "explain-topics": 1, "completion": 1, "completion-words": 1, "demo": 1,
}  # fmt: skip
"""The schema number of each command's envelope: a new field is fine, a changed one is a new number."""


class _Shape:
    """How a class of rows is written: a msgspec class of the same fields, and the fields whose values hold more rows. A tenth of the time that dicts take."""

    def __init__(self, kind: Any, names: tuple[str, ...]) -> None:
        import msgspec

        hints = get_type_hints(kind)
        self.names = names
        self.make = msgspec.defstruct(kind.__name__, names, rename=RENAMED, gc=False)
        self.nested = tuple((name, at) for at, name in enumerate(names) if _holds_rows(hints[name]))
        self.is_tuple = issubclass(kind, tuple)


def _shape_of(kind: Any) -> _Shape | None:
    """The shape of a class of rows; None for any other class."""
    if hasattr(kind, "_fields"):
        return _Shape(kind, kind._fields)
    if hasattr(kind, "__dataclass_fields__"):
        return _Shape(kind, tuple(kind.__dataclass_fields__))
    return None


_shape: Callable[[Any], _Shape | None] = cache(_shape_of)


def _holds_rows(hint: Any) -> bool:
    """Whether a type is, or is made of, a class of rows."""
    if hasattr(hint, "_fields") or hasattr(hint, "__dataclass_fields__"):
        return True
    return any(_holds_rows(part) for part in getattr(hint, "__args__", ()))


def as_row(item: Any) -> Any:
    """A value as msgspec writes it in JSON: a row as an object of its fields, a tuple of rows as a list of those, anything else as it is."""
    shape = _shape(type(item))
    if shape is None:
        return [as_row(part) for part in item] if isinstance(item, tuple | list) else item
    values = item if shape.is_tuple else [getattr(item, name) for name in shape.names]
    row: Any = shape.make(*values)
    for name, at in shape.nested:
        if values[at]:
            setattr(row, name, as_rows(values[at]) if type(values[at]) is tuple else as_row(values[at]))
    return row


def as_rows(items: Iterable[Any]) -> list[Any]:
    """`as_row` of many."""
    rows: list[Any] = []
    kind: Any = None
    for item in items:
        if type(item) is not kind:
            kind = type(item)
            shape = _shape(kind)
            if shape is not None and shape.is_tuple:
                make, nested = shape.make, shape.nested
            else:
                make = None
        if make is None:
            rows.append(as_row(item))
            continue
        row: Any = make(*item)
        for name, at in nested:
            value = item[at]
            if value:
                setattr(row, name, as_rows(value) if type(value) is tuple else as_row(value))
        rows.append(row)
    return rows


def prepare(*kinds: type) -> None:
    """Get ready to write rows of these classes."""
    import msgspec  # noqa: F401 - to have it

    for kind in kinds:
        _shape(kind)


def encode(value: object) -> bytearray:
    """JSON bytes with a newline. Text that no encoding knows (a lone surrogate in a process's name) becomes a visible escape."""
    import msgspec

    data = bytearray()
    encoder = msgspec.json.Encoder()
    try:
        encoder.encode_into(value, data)
    except UnicodeEncodeError:
        encoder.encode_into(_encodable(msgspec.to_builtins(value)), data)
    data += b"\n"  # in place: a copy of two megabytes is 2 ms
    return data


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
) -> bytearray:
    """`{"schema", "taken_at", "complete", "missing", "items"}` and whatever else the command tells, as bytes with a newline."""
    reasons = list(missing)
    head = {
        "schema": f"portulan.{command}/{VERSIONS.get(command, 1)}",
        "taken_at": taken_at,
        "complete": not reasons,
        "missing": reasons,
    }
    facts = {name: as_row(value) for name, value in (extra or {}).items()}
    return encode({**head, **facts, "items": as_rows(items)})
