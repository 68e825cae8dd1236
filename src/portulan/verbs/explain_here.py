"""This machine as a lesson looks at it: asked once, whatever it is asked for, and only when that is wanted."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from portulan.errors import PortulanError
from portulan.model.address import Exposure, exposure_of, pack_address
from portulan.model.chart import State
from portulan.model.record import Record
from portulan.system.source import open_source
from portulan.verbs.chart import chart
from portulan.verbs.reach import reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Chart, Gap
    from portulan.model.doors import Door
    from portulan.model.explain import Dissected, Fact
    from portulan.model.picture import PortMap
    from portulan.model.why import Why

SERVING = (State.LISTENING, State.BOUND)
WIDEST = ("everyone", "maybe", "networks", "unknown", "this-host", "nobody")
"""How far doors can be reached, the farthest first."""
_FEW = 3
_OF_OTHERS = ("processes.closed", "namespaces.unknown")
"""Gaps that hide nothing of this network namespace."""


class Open(Record):
    """One port that somebody serves here, on one transport."""

    transport: str
    port: int
    service: str
    """Empty: the registry has no name for it."""
    holder: str
    """Empty: not known."""
    addresses: tuple[str, ...]
    wide: str
    """One of WIDEST."""
    networks: tuple[str, ...]
    """Who gets in, where that is not everyone."""
    published: str = ""
    """Where rules send what comes for it, if elsewhere: `172.17.0.2:80`."""

    @property
    def name(self) -> str:
        """`80/tcp`."""
        return f"{self.port}/{self.transport}"

    def facts(self) -> dict[str, str | int]:
        """As a sentence needs it."""
        more = len(self.networks) - _FEW
        named = ", ".join(self.networks[:_FEW]) + (f" +{more}" if more > 0 else "")
        return {
            "port": self.name, "service": self.service, "holder": self.holder, "addresses": " ".join(self.addresses),
            "wide": self.wide, "networks": named,
            **({"published": self.published} if self.published else {}),
        }  # fmt: skip


class Here:
    """One look at this network namespace."""

    def __init__(self, source: str = "auto") -> None:
        """Nothing is asked yet."""
        self.source = source
        self.taken_at = datetime.now(UTC)
        self.packets: tuple[Dissected, ...] = ()
        self.why: Why | None = None
        self.picture: PortMap | None = None
        self._looked: list[Gap] = []

    @cached_property
    def host(self) -> str:
        """What this machine calls itself."""
        return open_source(self.source).host_name()

    @cached_property
    def everywhere(self) -> Chart:
        """The chart, of all network namespaces. Raises CannotTell, MachineFailed."""
        found = chart(source=self.source)
        # What is missing of other namespaces is missing from no sentence here.
        self.missing(gap for gap in found.gaps if not gap.facts.get("name") and gap.code not in _OF_OTHERS)
        return found

    @cached_property
    def doors(self) -> tuple[Door, ...]:
        """Each port of this namespace on which somebody listens, or that rules send elsewhere, and who gets to it. Raises CannotTell, MachineFailed."""
        found = reach(namespaces=["this"], source=self.source)
        self.missing(gap for gap in found.gaps if not gap.facts.get("name") and gap.code not in _OF_OTHERS)
        return found.doors

    @cached_property
    def opened(self) -> tuple[Open, ...]:
        """The open ports of this namespace: those that the most can reach first, then by number."""
        found: dict[tuple[str, int], list[Door]] = {}
        for door in self.doors:
            found.setdefault((door.transport.value, door.port), []).append(door)
        return tuple(sorted(map(_open, found.values()), key=lambda one: (WIDEST.index(one.wide), one.port, one.transport)))

    @property
    def rules_unread(self) -> bool:
        """Whether the firewall's rules, as far as they were asked for, may not be read: what they open is not known then."""
        return any(gap.code.startswith("reach.") and gap.code != "reach.group" for gap in self._looked)

    def gaps_of(self, facts: Iterable[Fact]) -> tuple[Gap, ...]:
        """What could not be seen of what these facts tell: who holds a port matters only to those that say so."""
        holders = any("holder" in fact.facts for fact in facts)
        reached = any(
            "wide" in fact.facts or fact.code.startswith(("access.", "attacker.", "firewall.", "number.", "containers.")) for fact in facts
        )
        return tuple(
            gap
            for gap in self._looked
            if not (gap.code.startswith("owners.") and not holders) and not (gap.code.startswith("reach.") and not reached)
        )

    def missing(self, gaps: Iterable[Gap]) -> None:
        """Something more that could not be seen."""
        self._looked += [gap for gap in gaps if gap not in self._looked]


def _open(doors: list[Door]) -> Open:
    first = doors[0]
    known = [door.standing for door in doors]
    addresses = tuple(dict.fromkeys(address for door in doors for address in door.addresses))
    wide = min(("unknown" if standing is None else standing.wide for standing in known), key=WIDEST.index)
    if wide == "unknown" and addresses and all(exposure_of(pack_address(address)) is Exposure.LOOPBACK for address in addresses):
        wide = "this-host"  # whatever the rules are
    published = next((door.published for door in doors if door.published), None) or ""
    holder = next((name for door in doors for name in (door.holder, door.behind) if name), None) or (published and f"-> {published}")
    networks = dict.fromkeys(name for standing in known if standing is not None for senders in standing.sure for name in senders.networks)
    return Open(first.transport.value, first.port, first.service or "", holder, addresses, wide, tuple(networks), published)


def firewall_rules() -> str:
    """Whether this namespace has any firewall rules: `some`, `none`, `forbidden`, or `unknown` where this system is not asked."""
    import sys

    if sys.platform != "linux":
        return "unknown"
    from portulan.errors import NotPermitted
    from portulan.system.firewall.present import has_rules

    try:
        return "some" if has_rules() else "none"
    except NotPermitted:
        return "forbidden"
    except PortulanError:
        return "unknown"
