"""The picture of this very machine."""

from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, create_connection, socket

import pytest

from portulan import verbs
from portulan.errors import BadInput
from portulan.host.picture import count_cells
from portulan.model.address import Exposure
from portulan.model.picture import CELLS, Cell
from portulan.model.port import PORTS, Transport

pytestmark = pytest.mark.skipif(not __import__("sys").platform.startswith("linux"), reason="reads sockets from a Linux kernel")


@pytest.fixture
def listener():
    with socket(AF_INET, SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def exposures(drawn, port, transport):
    return [one.exposure for one in drawn.picture.open if (one.port, one.transport) == (port, transport)]


def test_a_listener_on_loopback_shows_as_that(listener):
    drawn = verbs.port_map(source="proc")
    assert Exposure.LOOPBACK in exposures(drawn, listener, Transport.TCP) or drawn.picture[listener] is Cell.ALL
    assert CELLS.index(drawn.picture[listener]) >= CELLS.index(Cell.LOOPBACK)
    assert sum(count_cells(drawn.picture).values()) == PORTS
    assert 443 in drawn.picture.assigned
    assert drawn.host
    assert drawn.transport is None


def test_one_transport_leaves_the_other_out(listener):
    with socket(AF_INET, SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        udp = verbs.port_map("udp", source="proc")
        assert exposures(udp, port, Transport.UDP)
        assert not exposures(udp, listener, Transport.TCP)
        assert {one.transport for one in udp.picture.open} == {Transport.UDP}


def test_a_socket_bound_without_listening_is_in_use_but_not_open():
    with socket(AF_INET, SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        drawn = verbs.port_map("tcp", source="proc")
        assert port in drawn.picture.in_use
        assert not exposures(drawn, port, Transport.TCP)


def test_a_client_is_in_use_but_not_open(listener):
    try:
        client = create_connection(("127.0.0.1", listener))
    except OSError as error:
        pytest.skip(f"the loopback interface is down here: {error}")
    with client:
        port = client.getsockname()[1]
        drawn = verbs.port_map("tcp", source="proc")
        assert port in drawn.picture.in_use
        assert not exposures(drawn, port, Transport.TCP)
        assert listener in drawn.picture.in_use, "the served side of the connection has the listener's port"


def test_the_farther_of_two_addresses_counts():
    with socket(AF_INET, SOCK_STREAM) as near, socket(AF_INET6, SOCK_STREAM) as far:
        near.bind(("127.0.0.1", 0))
        near.listen()
        port = near.getsockname()[1]
        far.setsockopt(41, 26, 1)  # IPPROTO_IPV6, IPV6_V6ONLY: beside the IPv4 socket
        try:
            far.bind(("::", port))
        except OSError:
            pytest.skip("no IPv6 here")
        far.listen()
        assert exposures(verbs.port_map(source="proc"), port, Transport.TCP) == [Exposure.ALL]


def test_an_unknown_source():
    with pytest.raises(BadInput):
        verbs.port_map(source="crystal ball")


def test_an_unknown_transport():
    with pytest.raises(BadInput):
        verbs.port_map("icmp")
