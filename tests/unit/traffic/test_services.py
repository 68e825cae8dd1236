"""Ports of one service together."""

from portulan.model.traffic import Held
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


def test_processes_and_rates_of_several_ports_are_added_up():
    first = PORTS[0]._replace(processes=None, untold={"not-seen": 2}, packets_per_s=1.0, bytes_per_s=10.0)
    second = PORTS[0]._replace(port=8443, processes=(Held(7, "nginx", 1, 50),), untold={"nobody": 1}, packets_per_s=2.0, bytes_per_s=20.0)
    third = second._replace(port=9443, processes=(Held(8, "caddy", 1, 500), Held(7, "nginx", 2, 70)))
    (row,) = by_service((first, second, third))
    assert row.processes == (Held(8, "caddy", 1, 500), Held(7, "nginx", 3, 120))
    assert (row.untold, row.packets_per_s, row.bytes_per_s) == ({"not-seen": 2, "nobody": 2}, 5.0, 50.0)
