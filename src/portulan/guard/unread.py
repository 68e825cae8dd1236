"""What can be said of a door without reading a large set of senders: all who are not in it fare as if it were empty, all who are in it as if everybody were.

That is exact, since of the set a packet meets nothing but the question whether its sender is in it (`wire.nft_sets.sender_sets`). Only who they are stays unsaid.
"""

from __future__ import annotations

from portulan.guard.routes import merge
from portulan.guard.senders import LOOPBACK, stand
from portulan.model.reach import Outcome
from portulan.model.rule import Members, Spans
from portulan.model.standing import UnreadSet
from portulan.wire.nft_sets import sender_sets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from portulan.model.network import Address
    from portulan.model.port import Transport
    from portulan.model.reach import Reached
    from portulan.model.ruleset import Key, Ruleset
    from portulan.model.standing import Standing

    class Engine(Protocol):
        """What `guard.reach.simulate` gives."""

        def door(
            self, transport: Transport, port: int, addresses: Sequence[Address] | None = None, *, v4: bool = True, v6: bool = True
        ) -> Reached:
            """Who can get to a port."""
            ...


MOST_UNREAD = 3
"""Each set that is left unread takes a simulation of its own."""
_SIZES = {"ipv4_addr": 32, "ipv6_addr": 128}
_NOBODY = Members(spans=Spans((), ()))


def may_stay_unread(ruleset: Ruleset) -> tuple[Key, ...]:
    """The sets that may stay unread if they are large: what `read_ruleset` asks for."""
    return sender_sets(ruleset)[:MOST_UNREAD]


class Readings:
    """The rules simulated with every set that was not read taken for empty, and for each such set once more with everybody in it."""

    def __init__(self, ruleset: Ruleset, simulate: Callable[[Ruleset], Engine]) -> None:
        """`simulate` is called at once, as often as needed."""
        self.unread = tuple(key for key in may_stay_unread(ruleset) if ruleset.sets[key].members is None)
        self.ruleset = ruleset
        self.empty = simulate(_with(ruleset, dict.fromkeys(self.unread, _NOBODY)))
        self.full = {
            key: simulate(_with(ruleset, dict.fromkeys(self.unread, _NOBODY) | {key: _everybody(ruleset, key)})) for key in self.unread
        }

    def door(
        self, transport: Transport, port: int, addresses: Sequence[Address] | None = None, *, v4: bool = True, v6: bool = True
    ) -> Standing:
        """How a door stands."""
        reached = self.empty.door(transport, port, addresses, v4=v4, v6=v6)
        unread = []
        for key, engine in self.full.items():
            effect = _effect(reached, engine.door(transport, port, addresses, v4=v4, v6=v6))
            if effect is not None:
                unread.append(UnreadSet(*key, self.ruleset.sets[key].element_count, effect))
        return stand(reached)._replace(unread=tuple(unread))


def _with(ruleset: Ruleset, members: Mapping[Key, Members]) -> Ruleset:
    if not members:
        return ruleset
    return ruleset._replace(sets={key: known._replace(members=members.get(key, known.members)) for key, known in ruleset.sets.items()})


def _everybody(ruleset: Ruleset, key: Key) -> Members:
    return Members(spans=Spans((0,), ((1 << _SIZES.get(ruleset.sets[key].types[0], 128)) - 1,)))


def _effect(outside: Reached, inside: Reached) -> str | None:
    """What being in the set changes for somebody; None: nothing for anybody."""
    before, after = _outcomes(outside), _outcomes(inside)
    if before == after:
        return None
    if not any(after[version, outcome] for version in (4, 6) for outcome in (Outcome.ACCEPT, Outcome.MAYBE)):
        return "shut"
    less, more = (
        all(_covers(one[version, Outcome.ACCEPT], other[version, Outcome.ACCEPT]) for version in (4, 6))
        for one, other in ((before, after), (after, before))
    )
    return "other" if less == more else "less" if less else "more"


def _outcomes(reached: Reached) -> dict[tuple[int, Outcome], tuple[tuple[int, int], ...]]:
    """Who gets what, of all from outside."""
    found = {}
    for outcome in (Outcome.ACCEPT, Outcome.MAYBE):
        for version in (4, 6):
            found[version, outcome] = merge(
                span
                for access in reached.accesses
                if access.outcome is outcome and access.links != LOOPBACK
                for span in (access.sources.v4 if version == 4 else access.sources.v6)
            )
    return found


def _covers(wide: tuple[tuple[int, int], ...], narrow: tuple[tuple[int, int], ...]) -> bool:
    return merge((*wide, *narrow)) == wide
