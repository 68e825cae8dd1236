"""The list of leases as a value."""

from datetime import UTC, datetime

import pytest

from portulan.host.leases import Taken, find, look_after, settled, without
from portulan.model.lease import Guarantee, Keeper, Lease
from portulan.model.port import Transport

TCP, UDP = (Transport.TCP,), (Transport.UDP,)
KEEPER = Keeper(42, 7, 1, "boot")
HERE = 4026531840


def lease(name="db", port=64_480, keeper=KEEPER, noted=False, transports=TCP, netns=HERE, guarantee=Guarantee.COOPERATIVE):
    return Lease(
        name=name, port=port, transports=transports, guarantee=guarantee, noted=noted, taken_at=datetime(2026, 1, 1, tzinfo=UTC), netns=netns,
        keeper=keeper, address="127.0.0.1" if guarantee is Guarantee.ABSOLUTE else None,
    )  # fmt: skip


def gone(_):
    return True


def alive(_):
    return False


def never(_):
    pytest.fail("was asked")


def test_what_is_left():
    held, both, note = lease(), lease(noted=True, guarantee=Guarantee.ABSOLUTE), lease(keeper=None, noted=True, guarantee=Guarantee.NOTED)
    assert settled(held, alive) is held
    assert settled(held, gone) is None
    assert settled(both, alive) is both
    assert settled(both, gone) == note
    assert settled(note, never) is note


def test_a_name_is_of_one_network_namespace_but_a_note_is_not():
    other, note = lease(netns=2), lease(keeper=None, noted=True, netns=2)
    assert find([other], "db", HERE) is None
    assert find([other], "db", 2) is other
    assert find([note], "db", HERE) is note
    assert find([note], "web", HERE) is None


def test_the_others():
    one, same = lease(), lease()
    assert without([one, same], one) == (same,)
    assert without([one], None) == (one,)


def test_each_comes_round():
    leases = tuple(lease(name=str(number)) for number in range(20))
    asked = set()

    def ask(one):
        asked.add(one.name)
        return one.name in ("3", "17")

    for _ in range(3):
        leases = look_after(leases, ask)
    assert asked == {str(number) for number in range(20)}
    assert sorted(int(one.name) for one in leases) == [number for number in range(20) if number not in (3, 17)]


def test_taken_numbers():
    leases = [lease(port=1), lease(port=2, netns=2), lease(port=3, transports=UDP), lease(port=4, keeper=None, noted=True, netns=2)]
    taken = Taken(leases, HERE, alive, TCP)
    assert [number for number in range(6) if number in taken] == [1, 4]
    assert [number for number in range(6) if number in Taken(leases, HERE, gone, TCP)] == [4]
    assert [number for number in range(6) if number in Taken(leases, HERE, alive, (*TCP, *UDP))] == [1, 3, 4]
    assert 5 not in Taken(leases, HERE, never, TCP)
