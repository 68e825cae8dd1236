"""What reading a policy with care brings up: how each line was understood, and what is doubtful about it. These names are the JSON contract of `portulan guard check`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from portulan.model.finding import Level
from portulan.model.policy import Spot
from portulan.model.record import Record

_NO_FACTS: Mapping[str, str | int] = {}


class Understood(Record):
    """One line of a policy, as it was understood."""

    section: str
    """doors, outgoing, forward."""
    text: str
    """As it stands in the file: `https`, `inside -> outside`."""
    line: int
    opens: tuple[str, ...]
    """`443/tcp`, `8000-8010/udp`, `everything`, `ping`."""
    senders: tuple[str, ...]
    """Names, as they stand there; of `outgoing` those whom it may be sent to; of `forward` none."""
    limit: str | None = None
    """`10/minute burst 10`."""
    log: bool = False
    note: str | None = None
    until: date | None = None
    helper: str | None = None
    over: bool = False
    """Its last day is past: rules that are made from now on do not have it."""


class Doubtful(Record):
    """Something to look at."""

    code: str
    level: Level
    spot: Spot | None
    """None: the whole file."""
    facts: Mapping[str, str | int] = _NO_FACTS


class Mistake(Record):
    """Something that cannot be read."""

    code: str
    spot: Spot
    facts: Mapping[str, str | int] = _NO_FACTS


class Kept(Record):
    """Something that every policy keeps, whatever its lines say."""

    code: str
    what: str
    """In the words of packets: `icmp type 3, 11, 12`."""
    source: str
    """Why it must be: an RFC's section."""


class Checked(Record):
    """The whole answer."""

    file: str
    taken_at: datetime
    lines: tuple[Understood, ...] = ()
    doubts: tuple[Doubtful, ...] = ()
    """The worst first."""
    mistakes: tuple[Mistake, ...] = ()
    """With one of these nothing else is said of the file."""
    kept: tuple[Kept, ...] = ()
    unseen: tuple[str, ...] = ()
    """Codes of what could not be looked at on this machine: listeners, network."""


class Loose(Record):
    """A file, or a folder above it, that others than root and ourselves may change."""

    why: str
    """`owner`: it is somebody else's; `group`, `others`: they may write there."""
    path: str
    who: str = ""
    """The owner or the group."""


class Danger(Record):
    """A service that should not be open to everyone."""

    name: str
    ports: tuple[tuple[str, int, int], ...]
    """(transport, first, last)."""


class Caller(Record):
    """Somebody who is logged in here over the network."""

    version: int
    number: int
    address: str
    port: int
    """Of this host: where he came in."""
    link: str
    """The interface by which his packets come."""
    own: int | None = None
    """This host's address that he came to, as a number; None: not known."""


class Edited(Record):
    """A policy's text before and after a door was opened or closed in it."""

    file: str
    changed: bool
    removed: tuple[str, ...] = ()
    """Lines of the file that are no more, and below those that are new, as they stand there."""
    added: tuple[str, ...] = ()
    doubts: tuple[Doubtful, ...] = ()
    """What is doubtful about the new text and was not about the old one: a lock-out, a line that does nothing."""
    written: bool = False
    """False too where it was only to be shown."""
    why: str | None = None
    """Why nothing is changed where a door was to be opened: `open`, they come in as was asked; `wider`, so do others, by a line that does not name them; `idle`, a line
    by which they come in already has other terms, so that one more would do nothing; `other-terms`, they have a line, with terms, and none were asked for."""
    by: Understood | None = None
    """The line by which they come in."""
    senders: tuple[str, ...] = ()
    """Who does; with `idle` and `other-terms` not always all who were asked for."""
    named: bool = False
    """Whether that line names each of them: `close --to` shuts them alone."""
