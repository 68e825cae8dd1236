"""How a door stands where there are no rules at all: told from the addresses, for the usual network, without waking the engine."""

from __future__ import annotations

from portulan.guard.routes import REFUSING
from portulan.model.reach import Outcome, Way
from portulan.model.standing import Grant, Senders, Standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.model.network import Address, Network

_LOOPBACK = 772
_STRICT = 1
_WORLD = {4: "0.0.0.0/0", 6: "::/0"}
_HERE = Grant(Outcome.ACCEPT, (), ("lo",), None, Way.LOCAL)
_EVERYONE, _THIS_HOST = Senders("everyone"), Senders("this-host")


class Bare:
    """A namespace without rules."""

    def __init__(self, network: Network) -> None:
        """Looks at the network once."""
        outside = [link for link in network.links if link.up and link.type != _LOOPBACK]
        self.links = tuple(link.name for link in outside)
        """Whoever is behind any of them may send to any address of this host."""
        self.versions = frozenset(one.version for link in outside for one, _ in link.addresses)
        self.away = {address for link in outside for address, _ in link.addresses}
        strict = any(link.reverse_filter == _STRICT for link in outside) and len(outside) > 1
        odd = (
            strict
            or network.policy_routing
            or any(route.kind in REFUSING for route in network.routes)
            or any(link.route_localnet for link in outside)
        )
        self.everywhere = {route.version for route in network.routes if route.prefix == 0 and route.kind == "unicast"}
        """Whoever is anywhere can send here and be answered, by these versions."""
        self.plain = not odd

    def door(self, addresses: Sequence[Address] | None, *, v4: bool, v6: bool) -> Standing | None:
        """How a door stands; None where the engine has to look."""
        if not self.plain:
            return None
        if addresses is None:
            versions = [version for version, asked in ((4, v4), (6, v6)) if asked and version in self.versions]
        else:
            if any(address not in self.away and not _is_loopback(address) for address in addresses):
                return None
            versions = sorted({address.version for address in addresses if not _is_loopback(address)})
        if not versions:
            return Standing("this-host", (_THIS_HOST,), (), (_HERE,))
        wide = [version for version in versions if version in self.everywhere]
        if not wide:
            return None
        grant = Grant(Outcome.ACCEPT, tuple(_WORLD[version] for version in wide), self.links, None, Way.INPUT)
        return Standing("everyone", (_EVERYONE,), (), (grant, _HERE))


def _is_loopback(address: Address) -> bool:
    return address.number >> 24 == 127 if address.version == 4 else address.number == 1
