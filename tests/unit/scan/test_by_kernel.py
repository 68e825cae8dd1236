"""A host's own ports by the kernel's list."""

import numpy as np
import pytest

from portulan.model.address import Exposure
from portulan.model.chart import Endpoint, Socket
from portulan.model.chart import State as SocketState
from portulan.model.port import PortClass, Transport
from portulan.model.scan import REASONS, STATES, Reason
from portulan.scan.by_kernel import decide
from scanning import space_of


def endpoint(address, port, state=SocketState.LISTENING, transport=Transport.TCP, *, v6_only=None, devices=(None,)):
    sockets = tuple(Socket(number, number, v6_only=v6_only, device=device) for number, device in enumerate(devices, 1))
    return Endpoint(transport, port, address, PortClass.USER, None, state, Exposure.ALL, sockets=sockets)


def open_ports(space, endpoints, transport=Transport.TCP):
    found = set()
    count = 0
    for part in decide(space, transport, endpoints):
        assert len({len(column) for column in part}) == 1
        assert np.isnan(part.rtt_s).all()
        assert {REASONS[code] for code in part.reason.tolist()} == {Reason.KERNEL}
        host, port = space.split(part.pair)
        found |= {
            (space.address(one), number)
            for one, number, state in zip(host.tolist(), port.tolist(), part.state.tolist(), strict=True)
            if STATES[state] == "open"
        }
        count += len(part.pair)
    assert count == space.pairs
    return found


@pytest.mark.parametrize(
    ("asked", "bound", "is_open"),
    [
        ("198.18.0.1", endpoint("198.18.0.1", 80), True),
        ("198.18.0.1", endpoint("198.18.0.2", 80), False),
        ("198.18.0.1", endpoint("0.0.0.0", 80), True),
        ("198.18.0.1", endpoint("::", 80, v6_only=False), True),
        ("198.18.0.1", endpoint("::", 80, v6_only=True), False),
        ("198.18.0.1", endpoint("::", 80, devices=()), True),
        ("198.18.0.1", endpoint("::ffff:198.18.0.1", 80), True),
        ("fd00::1", endpoint("::", 80), True),
        ("fd00::1", endpoint("0.0.0.0", 80), False),
        ("fd00::1", endpoint("fd00::1", 80), True),
        ("198.18.0.1", endpoint("0.0.0.0", 80, SocketState.BOUND), False),
        ("198.18.0.1", endpoint("0.0.0.0", 80, SocketState.ESTABLISHED), False),
        ("198.18.0.1", endpoint("0.0.0.0", 80, SocketState.BOUND, Transport.UDP), False),
        ("198.18.0.1", endpoint("0.0.0.0", 80, devices=("eth0",)), True),
        ("127.0.0.1", endpoint("0.0.0.0", 80, devices=("eth0",)), False),
        ("127.0.0.1", endpoint("0.0.0.0", 80, devices=("eth0", None)), True),
        ("::1", endpoint("::", 80, devices=("eth0",)), False),
        ("::1", endpoint("::", 80, devices=("lo",)), True),
    ],
)
def test_who_takes_what(asked, bound, is_open):
    assert open_ports(space_of(asked, ports=[79, 80, 81]), [bound]) == ({(asked, 80)} if is_open else set())


def test_datagrams():
    asked = space_of("198.18.0.1", ports=[53, 68])
    found = [
        endpoint("0.0.0.0", 53, SocketState.BOUND, Transport.UDP),
        endpoint("198.18.0.1", 68, SocketState.CONNECTED, Transport.UDP),
        endpoint("0.0.0.0", 68),
    ]
    assert open_ports(asked, found, Transport.UDP) == {("198.18.0.1", 53)}


def test_many_addresses_in_parts():
    asked = space_of("127.0.0.0/24", ports=range(1, 100))
    assert len(list(decide(asked, Transport.TCP, []))) == 4
    assert open_ports(asked, [endpoint("127.0.0.77", 5), endpoint("0.0.0.0", 7)]) == {
        ("127.0.0.77", 5), *((f"127.0.0.{last}", 7) for last in range(256))
    }  # fmt: skip


def test_none():
    assert next(decide(space_of("127.0.0.1", ports=[]), Transport.TCP, [])).pair.size == 0
