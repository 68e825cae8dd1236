"""Ports of both transports in one scan, each asked by its own means, on this host's loopback."""

import socket

from portulan.model.port import Transport
from portulan.model.scan import Method, State
from portulan.verbs.scan import scan


def test_tcp_ports_beside_datagrams_are_not_asked_by_datagrams():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as quiet:
        quiet.bind(("127.0.0.1", 0))
        port, taken = server.getsockname()[1], quiet.getsockname()[1]
        report = scan(["127.0.0.1"], ports=f"{port}/tcp,{taken}", method=Method.UDP, patience_s=1.0)
    states = {(row.port, row.transport): row.state for row in report.rows}
    assert states == {(port, Transport.TCP): State.OPEN, (taken, Transport.UDP): State.OPEN_FILTERED}
    assert {one.transport: one.method is Method.UDP for one in report.passes} == {Transport.TCP: False, Transport.UDP: True}
