"""The list of wanted ports: the `[doors]` of a policy file, as far as an audit needs them (which ports everyone may get to, and which only some)."""

from __future__ import annotations

from datetime import date

from portulan.model.policy import Ports
from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.policy import Line, Part, Policy

_WHOLE_4, _WHOLE_6 = ((0, (1 << 32) - 1),), ((0, (1 << 128) - 1),)


class Wish(Record):
    """One line of [doors]."""

    name: str
    """As it is written there: `https`, `8000-8010/tcp`."""
    ports: Ports
    everyone: bool
    sources: str
    """Who may come, as it is written."""
    line: int | None = None


class Wanted(Record):
    """All of them."""

    path: str
    wishes: tuple[Wish, ...]

    def of(self, transport: Transport, port: int) -> Wish | None:
        """The line that a port falls under; where there are several, the one that lets most in."""
        found = [wish for wish in self.wishes if any(one is transport and port in ports for one, ports in wish.ports)]
        return max(found, key=lambda wish: wish.everyone, default=None)


def wanted_of(policy: Policy, today: date | None = None) -> Wanted:
    """The doors of a policy. A line whose last day has passed wants nothing."""
    return Wanted(policy.file, tuple(_wish(line) for line in policy.doors if today is None or not line.is_over(today)))


def _wish(line: Line) -> Wish:
    everyone = any(_is_wide(part) for source in line.sources for part in source.parts)
    return Wish(line.text, line.ports, everyone, ", ".join(source.name for source in line.sources), line.spot.line)


def _is_wide(part: Part) -> bool:
    """Whether some senders are the whole internet, by one IP version at least."""
    return not part.links and (part.addresses is None or part.addresses.v4 == _WHOLE_4 or part.addresses.v6 == _WHOLE_6)
