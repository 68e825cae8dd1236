"""Which listeners an address of this machine has, and whose addresses are its own."""

import socket
from datetime import UTC, datetime

import pytest

from portulan.model.address import Exposure
from portulan.model.chart import Endpoint, Socket, State
from portulan.model.port import PortClass, Transport
from portulan.verbs.inventory import Inventory, inventory, sorted_addresses

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TCP, UDP = Transport.TCP, Transport.UDP


def endpoint(address, port, *, transport=TCP, netns=1, v6_only=None, kernel=None):
    sockets = (Socket(1, 1, v6_only=v6_only),)
    return Endpoint(
        transport, port, address, PortClass.USER, None, State.LISTENING, Exposure.ALL, netns=netns, held_by_kernel=kernel, sockets=sockets
    )


def known(*endpoints):
    owners = {"198.18.0.1": (1,), "fd00::1": (1,), "198.18.7.1": (2,), "198.18.9.9": (2, 3)}
    return Inventory("web-01", NOW, owners, 1, endpoints, complete=True)


@pytest.mark.parametrize(
    ("bound", "v6_only", "v4", "v6", "loopback"),
    [
        ("0.0.0.0", None, True, False, True),
        ("::", False, True, True, True),
        ("::", True, False, True, False),
        ("::", None, True, True, True),
        ("198.18.0.1", None, True, False, False),
        ("::ffff:198.18.0.1", None, True, False, False),
        ("::ffff:0.0.0.0", None, True, False, True),
        ("127.0.0.1", None, False, False, True),
        ("fd00::1", None, False, True, False),
    ],
)
def test_what_is_bound_covers_addresses(bound, v6_only, v4, v6, loopback):
    here = known(endpoint(bound, 80, v6_only=v6_only))
    assert ((TCP, 80) in here.listening("198.18.0.1")) is v4
    assert ((TCP, 80) in here.listening("fd00::1")) is v6
    assert ((TCP, 80) in here.listening("127.0.0.1")) is loopback


def test_each_address_has_the_listeners_of_its_own_namespace():
    here = known(endpoint("0.0.0.0", 80), endpoint("0.0.0.0", 81, netns=2, kernel="vxlan vx0"), endpoint("::", 80, v6_only=True))
    assert list(here.listening("198.18.7.1").items()) == [((TCP, 81), ("vxlan vx0", ("0.0.0.0",)))]
    assert here.listening("198.18.0.1") == {(TCP, 80): (None, ("0.0.0.0",))}


def test_whose_addresses_are_this_machines():
    here = known()
    assert here.has("198.18.0.1")
    assert here.has("198.18.7.1")
    assert here.has("127.9.9.9")
    assert here.has("::1")
    assert not here.has("198.18.9.9")
    assert not here.has("198.18.0.2")


def test_this_machine_knows_what_it_serves():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket() as bound,
    ):
        datagrams.bind(("127.0.0.1", 0))
        bound.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (server, datagrams, bound)]
        here = inventory()
        listening = here.listening("127.0.0.1")
    assert (TCP, ports[0]) in listening
    assert (UDP, ports[1]) in listening
    assert (TCP, ports[2]) not in listening


def test_addresses_in_the_order_of_the_network():
    assert sorted_addresses({"::1", "10.0.0.10", "10.0.0.9"}) == ("10.0.0.9", "10.0.0.10", "::1")
