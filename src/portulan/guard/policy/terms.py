"""On what terms a line lets its senders in, and whether those are the ones that somebody asked for."""

from __future__ import annotations

from datetime import date

from portulan.guard.policy.read import day_of, limit_of
from portulan.guard.policy.tracking_helpers import NONE, needed_helper
from portulan.model.policy import Limit
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from portulan.model.policy import Line, Ports


class Terms(Record):
    """What a line says besides its ports and its senders."""

    limit: Limit | None = None
    log: bool = False
    note: str | None = None
    until: date | None = None
    helper: str | None = None


def terms_of(options: Mapping[str, Any]) -> Terms:
    """Those of a line's value, or of words of a command line. Raises BadInput for what is no limit and no day."""
    limit, until, helper = options.get("limit"), options.get("until"), options.get("helper")
    return Terms(
        None if limit is None else limit_of(limit), options.get("log") is True, options.get("note"), None if until is None else day_of(until),
        None if helper == NONE else helper,
    )  # fmt: skip


def terms_of_line(line: Line) -> Terms:
    """Those of a line that was read."""
    return Terms(line.limit, line.log, line.note, line.until, line.helper)


def agree(held: Terms, asked: Terms, ports: Ports) -> bool:
    """Whether whoever is let in on the first terms is let in as was asked. A note counts where one was asked for; a helper without which the service does not work belongs to its port."""
    helper = held.helper == asked.helper or (asked.helper is None and _needed(ports))
    note = asked.note is None or held.note == asked.note
    return note and helper and (held.limit, held.log, held.until) == (asked.limit, asked.log, asked.until)


def _needed(ports: Ports) -> bool:
    return any(needed_helper(kind, number) for kind, numbers in ports if len(numbers) == 1 for number in numbers)
