"""What the registry says: assignments of service names and port numbers, and what a person learns by looking one up.

Words after RFC 6335 (service name, assigned, unassigned, reserved). `None` means unknown or not given, an empty tuple means none.
"""

from enum import StrEnum

from portulan.model.port import PortClass, Transport
from portulan.model.portset import PortRange
from portulan.model.record import Record


class Status(StrEnum):
    """RFC 6335, section 6: what the registry does with a number."""

    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    RESERVED = "reserved"
    """Not handed out: kept back, or taken back from somebody."""


class Assignment(Record):
    """One record of the registry. Texts are the registry's own words, whitespace normalised, without people's names and addresses."""

    first: int | None
    """The first port number; None for a service name without a port."""
    last: int | None
    """The last one, inside; equal to `first` unless the record covers a range."""
    transport: Transport | None
    """None where the record names none: it then holds for all."""
    name: str | None
    """The service name; None in rows that only say `Reserved`, `Unassigned` and the like."""
    description: str
    status: Status
    references: tuple[str, ...] = ()
    """`RFC9110`, a draft, an address, a standard's name."""
    note: str = ""
    unauthorized: str = ""
    """Uses by others that the registry has heard of."""
    service_code: int | None = None
    """DCCP's 32-bit service code (RFC 4340, section 8.1.2)."""
    registered: str = ""
    """`2007-01` or `2011-11-17`, as the registry has it."""
    modified: str = ""


class Counts(Record):
    """Figures of a whole registry; every figure but `names` counts records."""

    records: int
    names: int
    """Distinct service names."""
    portless: int
    """Names without a port number."""
    transportless: int
    """Port numbers without a transport."""
    nameless: int
    ranges: int
    """Records that cover a range of numbers."""
    repeated: int
    """Records that say what another one says already, word for word; they are counted, not kept."""


class About(Record):
    """Where a table comes from."""

    date: str
    """`2026-08-17`: the registry's own date, or its newest record's where the form it came in has none."""
    source: str
    licence: str
    counts: Counts


class Kind(StrEnum):
    """What a question turned out to be."""

    PORT = "port"
    RANGE = "range"
    NAME = "name"
    WORDS = "words"


class Entry(Record):
    """One row of an answer. These names are the JSON contract of `portulan lookup`, with `class` for `port_class`."""

    port: int | None
    """The number asked for, else the first of the row's own; None for a name without a port."""
    transport: Transport | None
    """None: on all."""
    service: str | None
    port_class: PortClass | None
    description: str | None
    aliases: tuple[str, ...]
    """People's words for it, ours and not IANA's."""
    first: int | None
    last: int | None
    status: Status | None
    """The registry's; None where it does not know the service (`ours`)."""
    ours: bool
    """True where Portulan says so and not IANA: what is often found on a port that was never assigned to it."""
    references: tuple[str, ...] = ()
    note: str = ""
    unauthorized: str = ""


class WellKnown(Record):
    """Ports that everyone should know, explained together by one plain sentence (its key here, its words in `portulan.text.well_known`)."""

    key: str
    ports: tuple[PortRange, ...]
    transports: tuple[Transport, ...]
    service: str
    """The word people say."""


class CommonRow(Record):
    """A row of the ports that everyone should know."""

    ports: str
    """`80`, `137-139`, several with commas."""
    transports: tuple[Transport, ...]
    service: str
    description: str
    """A plain sentence, in the reader's language."""


class Answer(Record):
    """What one question brought."""

    query: str
    kind: Kind
    ports: PortRange | None
    """The numbers asked for, when it was numbers."""
    transport: Transport | None
    """The transport asked for, when one was."""
    entries: tuple[Entry, ...]
    """The usual one first."""
    well_known: tuple[WellKnown, ...] = ()
    """Those of these ports that have a plain sentence."""
    words: tuple[str, ...] = ()
    """People's words that the question was taken for: `dns` for domain."""
    suggestions: tuple[str, ...] = ()
    """What may have been meant, the likeliest first; only for an unknown word."""
    ephemeral: PortRange | None = None
    """What this host's kernel hands to clients by itself, where known."""

    @property
    def known(self) -> bool:
        """Whether anything was found beyond "unassigned"."""
        return any(entry.status is not Status.UNASSIGNED for entry in self.entries)


class InUse(Record):
    """The table that lookups use."""

    about: About
    path: str
    packaged: bool
    """False: the user's own, brought by `registry update`."""
    own: str
    """Where the user's own lies or would lie."""
    fault: str | None = None
    """The code of what is wrong with the user's own table, for which the packaged one stands in."""


class Update(Record):
    """What a registry update did."""

    path: str
    """Where the table lies now."""
    before: About
    after: About
    added: int
    """Names on ports, names alone and reservations that are new; a changed description is no addition."""
    removed: int
