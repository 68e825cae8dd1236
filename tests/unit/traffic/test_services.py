"""Ports of one service together."""

from portulan.traffic.services import by_service
from traffic_samples import PORTS


def test_sums_are_those_of_the_ports():
    rows = by_service(PORTS)
    for name in ("packets", "bytes", "flows", "forward_bytes", "reverse_bytes"):
        assert sum(getattr(row, name) for row in rows) == sum(getattr(row, name) for row in PORTS)
    assert [row.bytes for row in rows] == sorted((row.bytes for row in rows), reverse=True)
    assert sum(len(row.marks) for row in rows) == sum(len(row.marks) for row in PORTS)


def test_a_service_with_one_port_keeps_it():
    rows = {(row.service, row.transport): row for row in by_service(PORTS)}
    assert rows["ssh", "tcp"].port == 22
    assert rows[None, "tcp"].port is None
    assert rows[None, "tcp"].flows == 8


def test_protocols_are_counted_together():
    twice = by_service((PORTS[0], PORTS[0]._replace(port=8443)))
    assert twice[0].protocols == {"tls": 18_200, "ssh": 2}
    assert by_service(()) == ()
