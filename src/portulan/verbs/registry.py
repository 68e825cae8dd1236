"""The registry itself: bring it up to date, or go back to the packaged one."""

from __future__ import annotations

from portulan.errors import BadInput, ParseError
from portulan.model.assignment import Update
from portulan.system.registry_file import IANA, fetch, open_packaged, open_registry, remove_own, write_own

__all__ = ["IANA", "reset_registry", "update_registry"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.assignment import Assignment
    from portulan.registry.table import Table

FEWEST = 5_000
"""Records below which a file is not believed to be the whole registry (it has had more than 10,000 since 2011)."""
LANDMARKS = (
    (22, "tcp", "ssh"),
    (25, "tcp", "smtp"),
    (53, "udp", "domain"),
    (80, "tcp", "http"),
    (123, "udp", "ntp"),
    (443, "tcp", "https"),
)
"""Assignments that no copy of the registry lacks."""


def update_registry(source: str | None = None, *, force: bool = False) -> Update:
    """Take IANA's XML or CSV from a file or an http(s) address (None: IANA's own), check it whole, and use its table from now on.

    The table in use stays as it is unless everything is well: a file that is damaged, too small, without the best-known ports, or older than
    what is in use is refused (`force` accepts the last three). Raises BadInput (also as ParseError), CannotTell where the address does not
    answer, MachineFailed where a file cannot be read or written.
    """
    from portulan.registry.build import build_table
    from portulan.registry.record import LARGEST
    from portulan.registry.source import parse_source
    from portulan.registry.table import Table

    published = parse_source(fetch(source or IANA, LARGEST))
    before = open_registry().table
    if not force:
        _believe(published.records, published.date, before.about().date)
    data = build_table(published.records, published.date)
    after = Table(data)
    assert after.intact()
    old, new = _subjects(_records(before)), _subjects(published.records)
    path = write_own(data)
    return Update(path=path, before=before.about(), after=after.about(), added=len(new - old), removed=len(old - new))


def reset_registry() -> bool:
    """Go back to the packaged table; False if it is in use already. Raises MachineFailed."""
    open_packaged()  # never throw away the only table that can be read
    return remove_own()


def _believe(records: tuple[Assignment, ...], date: str, in_use: str) -> None:
    """Raise BadInput for what cannot be the whole registry of today."""
    if len(records) < FEWEST:
        raise BadInput("registry.too-few", records=len(records), fewest=FEWEST)
    present = {(record.first, str(record.transport), record.name) for record in records}
    for port, transport, name in LANDMARKS:
        if (port, transport, name) not in present:
            raise BadInput("registry.no-landmark", port=f"{port}/{transport}", name=name)
    if date < in_use:
        raise BadInput("registry.older", date=date, in_use=in_use)


def _records(table: Table) -> tuple[Assignment, ...]:
    """What a table holds; the packaged one stands in for one whose lines are damaged, which must not keep a better one out."""
    try:
        return table.everything()
    except ParseError:
        return open_packaged().everything()


def _subjects(records: tuple[Assignment, ...]) -> set[tuple[object, ...]]:
    """What a table tells of, without the words it uses."""
    return {(record.first, record.last, record.transport, record.name, record.status) for record in records}
