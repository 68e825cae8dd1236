"""The shape of a topic's text."""

from __future__ import annotations

from portulan.model.record import Record


class Page(Record):
    """What a topic says on every machine. All fields are messages of the catalogue."""

    title: str
    short: str
    """One line, for the list of topics."""
    body: tuple[str, ...]
    """Paragraphs."""
    like: str
    """A comparison to keep."""
