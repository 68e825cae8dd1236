import random
from dataclasses import replace

import pytest

from packets import TCP, UDP, Packet, any_packet, ethernet, network, transport
from portulan import verbs
from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.model.traffic import Ended, Origin
from portulan.system.workers import LocalWorkers
from portulan.traffic.reading import Capture
from proofs_traffic import short_pieces, write

BEGIN_NS = 1_700_000_000_000_000_000


def exchange(client, server, *, port, client_port=50_000, said=b"", answer=b"", protocol=TCP, syn=True):
    """Packets of one flow, as (packet, milliseconds)."""
    dice = random.Random(port)
    found = []
    steps = [(0, 2, b""), (1, 18, b""), (0, 16, b"")] if syn and protocol == TCP else []
    for way, flags, payload in [*steps, (0, 24, said), (1, 24, answer)]:
        layer = transport(dice, protocol, b"")
        data = bytearray(layer.data)
        source, destination = ((client_port, port), (port, client_port))[way]
        data[0:2], data[2:4] = source.to_bytes(2), destination.to_bytes(2)
        if protocol == TCP:
            data[13] = flags
        else:
            data[4:6] = (8 + len(payload)).to_bytes(2)
        packet = network(dice, 4, replace(layer, data=bytes(data) + payload), plain=True)[0]
        raw = bytearray(packet.data)
        raw[12:16], raw[16:20] = ((client, server), (server, client))[way]
        frame = ethernet(dice, replace(packet, data=bytes(raw)))
        found.append(
            Packet(
                link=1,
                data=frame.data,
                length=len(frame.data),
                names=(),
                truth=None,
                reason=None,
                inner_truth=None,
                inner_reason=None,
                refused=None,
            )
        )
    return found


ME, WEB, DNS = bytes([10, 0, 0, 1]), bytes([192, 0, 2, 80]), bytes([192, 0, 2, 53])


def capture(path, *flows, step_ns=1_000_000):
    packets = [packet for flow in flows for packet in flow]
    write(path, [(packet, BEGIN_NS + number * step_ns, 0) for number, packet in enumerate(packets)])
    return str(path)


@pytest.fixture
def mixed(tmp_path):
    return capture(
        tmp_path / "mixed.pcap",
        exchange(
            ME, WEB, port=80, said=b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n", answer=b"HTTP/1.1 200 OK\r\n\r\n" + bytes(900)
        ),
        exchange(ME, WEB, port=443, client_port=50_001, said=b"SSH-2.0-OpenSSH_9.2\r\n", answer=b"SSH-2.0-OpenSSH_9.2\r\n"),
        exchange(
            ME,
            DNS,
            port=53,
            said=bytes.fromhex("123401000001000000000000") + b"\x03www\x07example\x03org\x00\x00\x01\x00\x01",
            protocol=UDP,
        ),
    )


def test_ports_services_and_sums(mixed):
    answer = verbs.traffic([mixed])
    told = [(row.transport, row.port, row.service, row.flows, row.packets) for row in answer.ports]
    assert told == [(Transport.TCP, 80, "http", 1, 5), (Transport.TCP, 443, "https", 1, 5), (Transport.UDP, 53, "domain", 1, 2)]
    assert sum(row.bytes for row in answer.ports) == answer.bytes
    assert sum(row.share for row in answer.ports) == pytest.approx(1)
    assert all(row.forward_bytes + row.reverse_bytes == row.bytes for row in answer.ports)
    assert (answer.packets, answer.flows, answer.aside, len(answer.origins)) == (12, 3, (), 1)
    assert {host.address: host.flows for host in answer.hosts} == {"10.0.0.1": 3, "192.0.2.80": 2, "192.0.2.53": 1}
    assert {host.address: host.ports for host in answer.hosts}["10.0.0.1"] == 3


def test_what_a_port_does_not_promise_is_marked(mixed):
    marks = {row.port: row.marks for row in verbs.traffic([mixed]).ports}
    assert [(mark.protocol, mark.source, mark.destination, mark.flows) for mark in marks[443]] == [("ssh", "10.0.0.1", "192.0.2.80", 1)]
    assert marks[80] == marks[53] == ()


def test_the_largest_flows_have_names(mixed):
    first, *_ = verbs.traffic([mixed], top=1).rows
    assert (first.source_port, first.destination_port, first.protocol, first.name) == (50_000, 80, "http", "www.example.test")
    assert len(verbs.traffic([mixed], top=2).rows) == 2


def test_stretches_of_time_add_up(mixed):
    answer = verbs.traffic([mixed])
    assert sum(bucket.bytes for bucket in answer.buckets) == answer.bytes
    assert {bucket.seconds for bucket in answer.buckets} == {0.001}
    asked = verbs.traffic([mixed], bucket_s=0.005)
    assert {bucket.seconds for bucket in asked.buckets} == {0.005}
    assert sum(bucket.packets for bucket in asked.buckets) == answer.packets


def test_only_some_ports(mixed):
    answer = verbs.traffic([mixed], ports=["https", "53/udp"])
    assert [row.port for row in answer.ports] == [443, 53]
    assert (answer.packets, answer.flows) == (12, 2)
    assert sum(bucket.packets for bucket in answer.buckets) == 7
    assert verbs.traffic([mixed], ports=["53/tcp"]).ports == ()


def test_a_capture_that_begins_in_the_middle(tmp_path):
    flow = exchange(ME, WEB, port=443, said=b"x", answer=b"y")[1:]
    answer = verbs.traffic([capture(tmp_path / "late.pcap", flow)])
    assert [(row.port, row.forward_bytes < row.reverse_bytes) for row in answer.ports] == [(443, False)]
    assert answer.rows[0].source == "192.0.2.80"


def test_an_empty_capture(tmp_path):
    answer = verbs.traffic([capture(tmp_path / "empty.pcap")])
    assert (answer.packets, answer.flows, answer.ports, answer.hosts, answer.buckets, answer.began_at) == (0, 0, (), (), (), None)


def test_what_is_no_capture(tmp_path):
    (tmp_path / "text").write_text("no capture at all, but a text")
    with pytest.raises(BadInput):
        verbs.traffic([str(tmp_path / "text")])
    with pytest.raises(BadInput):
        verbs.traffic([str(tmp_path / "nowhere")])


def test_real_workers_read_the_same(tmp_path, dice):
    packets = [any_packet(dice, cut=False) for _ in range(600)]
    path = str(tmp_path / "many.pcap")
    write(path, [(packet, BEGIN_NS + number * 1_000_000, 0) for number, packet in enumerate(packets)])
    workers = LocalWorkers(1)
    try:
        with short_pieces(dice):
            assert verbs.traffic([path], workers=workers) == verbs.traffic([path], workers=1)
    finally:
        workers.close()


def _named_flows(first, count):
    """Flows that each ask for a server of their own, the later the larger."""
    return [
        exchange(
            ME, WEB, port=80, client_port=40_000 + number, said=b"GET / HTTP/1.1\r\nHost: host%d.example\r\n\r\n" % number,
            answer=b"HTTP/1.1 200 OK\r\n\r\n" + bytes(number),
        )
        for number in range(first, first + count)
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [1, 4, 1000])
def test_flows_that_began_late_have_names_too(tmp_path, monkeypatch, kept):
    monkeypatch.setattr("portulan.traffic.hearsay.MOST_KEPT", kept)
    first = capture(tmp_path / "a.pcap", *_named_flows(0, 12))
    second = capture(tmp_path / "b.pcap", *_named_flows(100, 12))
    answer = verbs.traffic([first, second], top=24)
    assert sorted((row.source_port, row.name) for row in answer.rows) == [
        (40_000 + number, f"host{number}.example") for number in (*range(12), *range(100, 112))
    ]


def test_names_are_looked_for_again_no_more_often_than_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("portulan.traffic.hearsay.MOST_KEPT", 1)
    monkeypatch.setattr("portulan.verbs.traffic_names._MOST", 5)
    answer = verbs.traffic([capture(tmp_path / "a.pcap", *_named_flows(0, 12))], top=24)
    assert sum(row.name is not None for row in answer.rows) == 1 + 5


@pytest.mark.parametrize("workers", [1, 2])
def test_who_does_not_wait_is_told_what_was_read(tmp_path, monkeypatch, workers):
    monkeypatch.setitem(Capture.batches.__kwdefaults__, "window", 1 << 10)
    paths = [capture(tmp_path / f"{name}.pcap", *_named_flows(0, 40)) for name in "ab"]
    asked = iter(range(1_000))
    answer = verbs.traffic(paths, workers=workers, stopped=lambda: next(asked) >= 3)
    first, second = answer.origins
    assert (first.ended, second) == (Ended.STOPPED, Origin(paths[1], "", 0, 0, Ended.STOPPED, 0))
    assert 0 < answer.packets == first.packets < 200
    assert first.at == 24 + first.bytes
    assert sum(row.packets for row in answer.ports) == answer.packets
