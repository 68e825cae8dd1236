"""What this host has open, as a doorkeeper needs it: the inventory, and what the firewall says of each door."""

from __future__ import annotations

from portulan.model.address import pack_address, widened
from portulan.model.port import PROTOCOL_NUMBERS, Transport
from portulan.traffic.scanners import OwnDoors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.standing import Standing
    from portulan.verbs.inventory import Inventory

    Rules = dict[tuple[int | None, Transport, int], bool]
    """(network namespace, transport, port) -> whether it is open to everyone, whatever the address."""

_JUDGED = (Transport.TCP, Transport.UDP)
"""Of others a doorkeeper goes by the answers alone."""


def read_rules(netns: int | None) -> Rules:
    """Of each port of a network namespace that somebody listens on, or that rules send elsewhere; None: of all. Raises CannotTell, MachineFailed."""
    from portulan.verbs.reach import reach

    found: Rules = {}
    for door in reach(namespaces=() if netns is None else (str(netns),)).doors:
        key = (door.netns, door.transport, door.port)
        found[key] = found.get(key, True) and door.published is None and _to_everyone(door.standing)
    return found


def _to_everyone(standing: Standing | None) -> bool:
    if standing is None or standing.wide != "everyone" or standing.unread or standing.perhaps or len(standing.sure) != 1:
        return False
    senders = standing.sure[0]
    return senders.kind == "everyone" and not (senders.but or senders.links or senders.version)


def own_addresses(known: Inventory) -> frozenset[bytes]:
    """Those of our own network namespace, as flows have them."""
    return frozenset(_packed(text) for text, owners in known.owners.items() if known.own is not None and owners == (known.own,))


def own_doors(known: Inventory, rules: Rules) -> OwnDoors:
    """What is open at each of them. A port that the rules know and nobody holds (a container's, published) is one, too."""
    opened: set[tuple[bytes, int, int]] = set()
    unsure: set[tuple[bytes, int, int]] = set()
    passed_on = {(transport, port) for netns, transport, port in rules if netns == known.own}
    addresses = [text for text, owners in known.owners.items() if known.own is not None and owners == (known.own,)]
    for text in addresses:
        packed = _packed(text)
        held = known.listening(text)
        for transport, port in held.keys() | passed_on:
            if transport in _JUDGED:
                free = (transport, port) in held and rules.get((known.own, transport, port), False)
                (opened if free else unsure).add((packed, PROTOCOL_NUMBERS[transport], port))
    return OwnDoors(frozenset(_packed(text) for text in addresses), frozenset(opened), frozenset(unsure))


def _packed(text: str) -> bytes:
    return widened(pack_address(text.partition("%")[0]))
