"""JSON lines: the rows of an answer, one object a line, and at the end its envelope without them: a file that ends before was cut off."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.cli.envelope import as_rows, encode, envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portulan.cli.face import Face


def rows(face: Face, items: Iterable[object]) -> None:
    """A line for each."""
    data = bytearray()
    for row in as_rows(items):
        data += encode(row)
    face.bytes(data)


def last(face: Face, command: str, *, missing: Iterable[str], extra: Mapping[str, object]) -> None:
    """The end."""
    import msgspec

    whole = msgspec.json.decode(bytes(envelope(command, (), taken_at=datetime.now(UTC), missing=missing, extra=extra)))
    del whole["items"]
    face.bytes(encode(whole))
