"""Sockets that keep a port."""

import socket

import pytest

from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.system.seats import resolve, seize, serve

TCP, UDP = Transport.TCP, Transport.UDP
BOTH = (TCP, UDP)


@pytest.fixture
def port():
    """A number that is free on both transports now."""
    while True:
        with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as other:
            one.bind(("", 0))
            try:
                other.bind(one.getsockname())
            except OSError:
                continue
            return one.getsockname()[1]


@pytest.fixture
def seat(port):
    made = seize(port, BOTH)
    assert made is not None
    yield made
    made.close()


def bind(port, address="127.0.0.1", *, kind=socket.SOCK_STREAM, reuse=True):
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        one.bind((address, port))
    except OSError:
        one.close()
        raise
    return one


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "::1"])
def test_a_server_binds_over_it_and_nobody_without_the_option(seat, address):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with pytest.raises(OSError, match="in use"):
            bind(seat.port, address, kind=kind, reuse=False)
        with bind(seat.port, address, kind=kind) as server:
            if kind == socket.SOCK_STREAM:
                server.listen()


def test_only_one_can_seize(seat):
    assert seize(seat.port, (TCP,)) is None
    assert seize(seat.port, (UDP,)) is None
    seat.close()
    again = seize(seat.port, BOTH)
    assert again is not None
    again.close()


def test_a_half_that_is_taken_leaves_nothing_held(port):
    with bind(port, kind=socket.SOCK_DGRAM, reuse=False):
        assert seize(port, BOTH) is None
        with bind(port, reuse=False):
            pass


def test_it_serves_before_anybody_accepts(seat):
    assert serve(seat, TCP, "127.0.0.1")
    assert serve(seat, UDP, "127.0.0.1")
    with socket.create_connection(("127.0.0.1", seat.port), timeout=5) as client, socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", ("127.0.0.1", seat.port))
        assert seat.served[UDP].recv(10) == b"hello"
        accepted, _ = seat.served[TCP].accept()
        with accepted:
            accepted.sendall(b"there")
        assert client.recv(10) == b"there"
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with pytest.raises(OSError, match="in use"):
            bind(seat.port, kind=kind)


def test_a_stranger_who_listens_over_it_is_noticed(seat):
    with bind(seat.port) as stranger:
        stranger.listen()
        assert not serve(seat, TCP, "127.0.0.1")
    with bind(seat.port, kind=socket.SOCK_DGRAM):
        assert not serve(seat, UDP, "127.0.0.1")


@pytest.mark.parametrize("text", ["localhost", "1.2.3.4.5", "x", "::g", "127.0.0.1:80", "a\0b", "日本"])
def test_what_is_no_address(text):
    with pytest.raises(BadInput, match=r"lease\.address"):
        resolve(text, 1, TCP)


@pytest.mark.parametrize(("text", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("::", socket.AF_INET6)])
def test_addresses(text, family):
    assert resolve(text, 7, TCP)[0] == family
    assert resolve(text, 7, TCP)[1][:2] == (text, 7)


def test_an_address_of_somebody_else(seat):
    with pytest.raises(BadInput, match=r"lease\.address-not-here"):
        serve(seat, TCP, "198.51.100.7")
