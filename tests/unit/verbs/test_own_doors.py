"""What a doorkeeper is told of this host."""

from datetime import UTC, datetime

from portulan.model.port import Transport
from portulan.model.standing import Senders, Standing
from portulan.traffic.contacts import TCP, UDP
from portulan.verbs.inventory import Inventory
from portulan.verbs.own_doors import _to_everyone, own_addresses, own_doors

OURS, OTHER = 7, 9
FOUR, SIX = bytes(10) + b"\xff\xff" + bytes((198, 18, 0, 2)), bytes.fromhex("fd00") + bytes(13) + b"\x02"


class Held(Inventory):
    def listening(self, address):
        return {
            (Transport.TCP, 80): (None, ()),
            (Transport.TCP, 22): (None, ()),
            (Transport.UDP, 53): (None, ()),
            (Transport.UDPLITE, 9): (None, ()),
        }


def inventory(own=OURS):
    owners = {"198.18.0.2": (OURS,), "fd00::2": (OURS,), "198.18.0.3": (OTHER,), "10.0.0.1": (OURS, OTHER)}
    return Held("here", datetime(2026, 1, 1, tzinfo=UTC), owners, own, (), complete=True)


def test_open_shut_to_some_and_published():
    rules = {
        (OURS, Transport.TCP, 80): True,
        (OURS, Transport.TCP, 22): False,
        (OURS, Transport.TCP, 8080): False,
        (OTHER, Transport.TCP, 1): True,
    }
    doors = own_doors(inventory(), rules)
    assert doors.addresses == own_addresses(inventory()) == {FOUR, SIX}
    assert doors.open == {(address, TCP, 80) for address in (FOUR, SIX)}
    assert doors.unsure == {(address, *door) for address in (FOUR, SIX) for door in ((TCP, 22), (UDP, 53), (TCP, 8080))}


def test_nothing_is_said_where_our_own_namespace_is_unknown():
    assert own_doors(inventory(None), {}).addresses == own_addresses(inventory(None)) == frozenset()


def test_everyone_means_everyone():
    everyone = Senders("everyone")
    assert _to_everyone(Standing("everyone", (everyone,)))
    assert not _to_everyone(None)
    assert not _to_everyone(Standing("networks", (Senders("networks", ("10.0.0.0/8",)),)))
    assert not _to_everyone(Standing("everyone", (everyone._replace(but=("203.0.113.0/24",)),)))
    assert not _to_everyone(Standing("everyone", (everyone,), (Senders("networks", ("10.0.0.0/8",)),)))
