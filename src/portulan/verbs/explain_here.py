"""This machine as a lesson looks at it: asked once, whatever it is asked for, and only when that is wanted."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from portulan.errors import PortulanError
from portulan.model.chart import Endpoint, State
from portulan.model.record import Record
from portulan.system.source import open_source
from portulan.verbs.chart import chart
from portulan.verbs.reach import holder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Chart, Gap
    from portulan.model.explain import Dissected, Fact
    from portulan.model.picture import PortMap
    from portulan.model.why import Why

SERVING = (State.LISTENING, State.BOUND)
WIDEST = ("everyone", "maybe", "networks", "unknown", "this-host", "nobody")
"""How far doors can be reached, the farthest first."""
_FEW = 3


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
            "wide": "networks-named" if self.wide == "networks" and named else self.wide, "networks": named,
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
        found = chart(source=self.source, reach=True)
        # What is missing of other namespaces is missing from no sentence here.
        self._looked += [
            gap for gap in found.gaps if not gap.facts.get("name") and gap.code not in ("processes.closed", "namespaces.unknown")
        ]
        return found

    @cached_property
    def opened(self) -> tuple[Open, ...]:
        """The open ports of this namespace: those that the most can reach first, then by number."""
        found: dict[tuple[str, int], list[Endpoint]] = {}
        for item in self.everywhere.items:
            if item.netns_name is None and item.state in SERVING:
                found.setdefault((item.transport.value, item.port), []).append(item)
        made = [_open(items) for items in found.values()]
        return tuple(sorted(made, key=lambda one: (WIDEST.index(one.wide), one.port, one.transport)))

    def gaps_of(self, facts: Iterable[Fact]) -> tuple[Gap, ...]:
        """What could not be seen of what these facts tell: who holds a port matters only to those that say so."""
        holders = any("holder" in fact.facts for fact in facts)
        reached = any("wide" in fact.facts or fact.code.startswith(("access.", "attacker.", "firewall.")) for fact in facts)
        return tuple(
            gap
            for gap in self._looked
            if not (gap.code.startswith("owners.") and not holders) and not (gap.code.startswith("reach.") and not reached)
        )

    def missing(self, gaps: Iterable[Gap]) -> None:
        """Something more that could not be seen."""
        self._looked += [gap for gap in gaps if gap not in self._looked]


def _open(items: list[Endpoint]) -> Open:
    first = items[0]
    known = [item.reach for item in items]
    wide = min(("unknown" if reach is None else reach.wide for reach in known), key=WIDEST.index)
    networks = dict.fromkeys(name for reach in known if reach is not None for senders in reach.sure for name in senders.networks)
    return Open(
        first.transport.value, first.port, first.service or "", holder_of(items) or "", tuple(dict.fromkeys(item.address for item in items)), wide,
        tuple(networks),
    )  # fmt: skip


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
