"""From a question to its answer: the registry's records and our own words, joined into rows, the usual one first."""

from __future__ import annotations

import re

from portulan.model.assignment import Answer, Assignment, Entry, Kind, Status
from portulan.model.port import PORTS, Transport, port_class
from portulan.registry.ours import Alias, Use, aliases_of, meant_by, uses_of, words
from portulan.registry.suggest import suggest
from portulan.registry.well_known import known_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.portset import PortRange
    from portulan.registry.question import Question
    from portulan.registry.table import Table

MOST_SENTENCES = 8
"""A word like `mail` leads to seven ports; a wider answer explains itself by its rows."""


def answer(question: Question, table: Table, *, only_words: bool = False, ephemeral: PortRange | None = None) -> Answer:
    """Everything known about a question. With `only_words` a text is searched in names and descriptions even if it is a name.

    Raises ParseError where the table is damaged.
    """
    if question.ports is not None:
        return _by_number(question, table, ephemeral)
    if not only_words:
        found = _by_name(question, table, ephemeral)
        if found is not None:
            return found
    entries = _by_words(question, table)
    near = () if entries else suggest(question.text, words(), table.names())
    return _answer(question, Kind.WORDS, entries, suggestions=near, ephemeral=ephemeral)


def leads_to_port(text: str, table: Table) -> bool:
    """Whether a text by itself is the name of something that has a port."""
    return bool(meant_by(text)) or any(record.first is not None for record in table.by_name(text))


def _by_number(question: Question, table: Table, ephemeral: PortRange | None) -> Answer:
    ports = question.ports
    assert ports is not None
    alone = ports.first if ports.first == ports.last else None
    if alone is None:
        entries = [_entry(record) for record in table.between(ports.first, ports.last, question.transport)]
    else:
        records = table.assignments(alone, question.transport)
        # "Unassigned" of a whole range is stale on a number that was given away since.
        settled = [record for record in records if record.status != Status.UNASSIGNED] or records
        entries = [_entry(record, alone) for record in settled]
    entries += _entries_of(uses_of(ports.first, ports.last), question.transport)
    if alone is None:
        entries.sort(key=lambda entry: entry.first or 0)
    elif not entries:
        entries.append(_nobody(alone, question.transport))
    elif entries[-1].ours:
        # What is found there tells more than that nobody was given the number.
        entries = [entry for entry in entries if entry.status != Status.UNASSIGNED]
    return _answer(question, Kind.RANGE if alone is None else Kind.PORT, entries, ephemeral=ephemeral)


def _by_name(question: Question, table: Table, ephemeral: PortRange | None) -> Answer | None:
    """The answer if the text is a name of the registry or a word of ours."""
    meant = meant_by(question.text)
    entries: list[Entry] = []
    for one in meant:
        if isinstance(one, Use):
            entries += _entries_of((one,), question.transport)
        else:
            entries += _entries_of_alias(one, table, question.transport)
    named = [_entry(record) for record in table.by_name(question.text) if _fits(record.transport, question.transport)]
    # A word of ours stands in our list because people mean something else by it than the registry does (sftp, rdp, oracle): it comes first.
    entries = list(dict.fromkeys((*entries, *named)))
    if not entries:
        return None
    said = (question.text.lower(),) if meant else ()
    return _answer(question, Kind.NAME, entries, said=said, ephemeral=ephemeral)


def _by_words(question: Question, table: Table) -> list[Entry]:
    """Rows with all the words in name, description or our own words, whole words before parts of words, names with a port first."""
    wanted = question.text.lower().split()
    records = [record for record in table.search(wanted) if _fits(record.transport, question.transport)]
    ours: list[Entry] = []
    for phrase in words():
        if all(word in phrase.split() for word in wanted):
            for one in meant_by(phrase):
                found = (
                    _entries_of((one,), question.transport) if isinstance(one, Use) else _entries_of_alias(one, table, question.transport)
                )
                ours += found
    rows = [_entry(record) for record in sorted(records, key=lambda record: _distance(record, wanted))]
    return list(dict.fromkeys((*ours, *rows)))


def _distance(record: Assignment, wanted: list[str]) -> tuple[bool, bool, bool, int]:
    """How far a row is from the words: smaller is nearer."""
    name = set(re.split(r"[^\w]+", (record.name or "").lower()))
    tokens = name | set(re.split(r"[^\w]+", record.description.lower()))
    return (
        not all(word in tokens for word in wanted),
        record.first is None,
        not any(word in name for word in wanted),
        PORTS if record.first is None else record.first,
    )


def _fits(transport: Transport | None, asked: Transport | None) -> bool:
    return asked is None or transport is None or transport == asked or (asked == Transport.UDPLITE and transport == Transport.UDP)


def _entry(record: Assignment, port: int | None = None) -> Entry:
    """A record as a row; `port` is the number asked for."""
    number = record.first if port is None else port
    return Entry(
        port=number,
        transport=record.transport,
        service=record.name,
        port_class=None if number is None else port_class(number),
        description=record.description or None,
        aliases=aliases_of(record.first, record.name),
        first=record.first,
        last=record.last,
        status=record.status,
        ours=False,
        references=record.references,
        note=record.note,
        unauthorized=record.unauthorized,
    )


def _entries_of(uses: Iterable[Use], transport: Transport | None) -> list[Entry]:
    """What is found on a port in spite of the registry, one row a transport."""
    return [
        Entry(
            port=use.port,
            transport=kind,
            service=use.service,
            port_class=port_class(use.port),
            description=use.description,
            aliases=use.words,
            first=use.port,
            last=use.port,
            status=None,
            ours=True,
        )
        for use in uses
        for kind in use.transports
        if transport is None or _fits(kind, transport)
    ]


def _entries_of_alias(alias: Alias, table: Table, transport: Transport | None) -> list[Entry]:
    return [_entry(record) for record in table.assignments(alias.port, transport) if record.name == alias.service]


def _nobody(number: int, transport: Transport | None) -> Entry:
    """A number that the registry does not mention: dynamic ports are never assigned (RFC 6335, section 6)."""
    return Entry(
        port=number,
        transport=transport,
        service=None,
        port_class=port_class(number),
        description=None,
        aliases=(),
        first=number,
        last=number,
        status=Status.UNASSIGNED,
        ours=False,
    )


def _answer(
    question: Question,
    kind: Kind,
    entries: list[Entry],
    *,
    said: tuple[str, ...] = (),
    suggestions: tuple[str, ...] = (),
    ephemeral: PortRange | None,
) -> Answer:
    ports = dict.fromkeys((entry.port, entry.transport) for entry in entries if entry.port is not None and entry.service)
    known = known_of(ports) if kind in (Kind.PORT, Kind.NAME) else ()
    return Answer(
        query=question.query,
        kind=kind,
        ports=question.ports,
        transport=question.transport,
        entries=tuple(entries),
        well_known=known if len(known) <= MOST_SENTENCES else (),
        words=said,
        suggestions=suggestions,
        ephemeral=ephemeral,
    )
