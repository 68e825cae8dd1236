import pytest

from portulan.errors import BadInput, CannotTell
from portulan.traffic.live import _choose
from portulan.wire.rtnetlink import Interface


def interface(number, name, kind="", *, up=True, master=None, peer=None, peer_namespace=None):
    return Interface(number, name, kind, up, True, 1500, bytes(6), master, peer, peer_namespace, None, ())


LO, ETH, OTHER = interface(1, "lo"), interface(2, "eth0"), interface(3, "eth1", up=False)


@pytest.mark.parametrize(
    ("more", "out"),
    [
        ((), []),
        ((interface(4, "eth0.5", "vlan", peer=2),), ["eth0.5"]),
        ((interface(4, "mac0", "macvlan", peer=2), interface(5, "ipv0", "ipvlan", peer=2)), ["mac0", "ipv0"]),
        (
            (interface(4, "mac0", "macvlan", peer=2, peer_namespace=1),),
            [],
        ),  # what is below is in another namespace, and has only the number of ours
        ((interface(4, "br0", "bridge"),), []),  # without ports: what it has, nobody else has
        ((interface(4, "br0", "bridge"), interface(5, "veth1", "veth", master=4, peer=7, peer_namespace=2)), ["br0"]),
        ((interface(4, "bond0", "bond"), interface(5, "eth2", master=4), interface(6, "bond0.7", "vlan", peer=4)), ["bond0", "bond0.7"]),
        ((interface(4, "tun0", "tun"), interface(5, "vx0", "vxlan")), []),
        ((interface(4, "veth0", "veth", peer=5), interface(5, "veth1", "veth", peer=4)), []),
    ],
)
def test_nothing_is_heard_twice(more, out):
    chosen, left_out = _choose([LO, ETH, OTHER, *more], ())
    assert [each.name for each in left_out] == out
    assert {each.name for each in chosen} | set(out) == {each.name for each in (LO, ETH, OTHER, *more)}


def test_those_that_are_named():
    assert _choose([LO, ETH, OTHER], ["eth0", "lo", "eth0"]) == ([ETH, LO], [])
    with pytest.raises(BadInput) as raised:
        _choose([LO, ETH], ["eth0", "wlan0"])
    assert raised.value.facts == {"name": "wlan0", "known": "eth0, lo"}
    with pytest.raises(CannotTell) as down:
        _choose([LO, ETH, OTHER], ["eth1"])
    assert down.value.code == "traffic.interface-down"
