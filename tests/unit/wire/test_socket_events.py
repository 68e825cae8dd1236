from struct import pack

import pytest

from portulan.wire.socket_events import STATES, TRACEPOINTS, Event, build_program, record_parser, ring_records

AT = {
    "net.ns": 152, "ns_common.inum": 24, "sock.sk_protocol": 532, "sock_common.skc_daddr": 0, "sock_common.skc_rcv_saddr": 4,
    "sock_common.skc_dport": 12, "sock_common.skc_num": 14, "sock_common.skc_family": 16, "sock_common.skc_net": 48,
    "sock_common.skc_v6_daddr": 56, "sock_common.skc_v6_rcv_saddr": 72,
}  # fmt: skip


def record(family, event=Event.CONNECT, transport=6):
    common = bytearray(88)
    common[0:4], common[4:8] = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
    common[12:14], common[14:16], common[16:18] = (443).to_bytes(2), pack("=H", 40000), pack("=H", family)
    common[56:72], common[72:88] = bytes(15) + b"\1", bytes(15) + b"\2"
    return bytes(common) + pack("=QQQ16sIHH", 77, 1234 << 32 | 1235, 99, b"curl\0junk", 4026531840, transport, event)


def test_a_record_in_both_families():
    size, parse = record_parser(AT)
    data = memoryview(b"12345678" + record(2) + record(10))
    assert size == len(record(2))
    four, six = parse(data, 8), parse(data, 8 + size)
    assert four == (
        Event.CONNECT,
        77,
        6,
        bytes(10) + b"\xff\xff\xc0\0\2\2",
        40000,
        bytes(10) + b"\xff\xff\xc0\0\2\1",
        443,
        1234,
        "curl",
        4026531840,
        99,
    )
    assert (six.address, six.peer) == (bytes(15) + b"\2", bytes(15) + b"\1")


def test_other_families_are_nothing():
    _, parse = record_parser(AT)
    assert parse(memoryview(record(1)), 0) is None


@pytest.mark.parametrize("tracepoint", TRACEPOINTS)
def test_jumps_stay_inside_the_program(tracepoint):
    code = build_program(tracepoint, AT, 3, 4, 5)
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(code) % 8 == 0
    assert steps[-1][0] == 0x95
    for at, step in enumerate(steps):
        if step[0] in (0x15, 0x55, 0x05):
            assert at + 1 + int.from_bytes(step[2:4], "little", signed=True) < len(steps)
    assert tracepoint != STATES or len(steps) < 90


def test_a_ring_that_runs_over_its_end():
    size = 64
    ring = bytearray(2 * size)

    def put(at, length, flags=0, fill=b""):
        block = pack("=II", length | flags, 0) + fill
        for place, byte in enumerate(block):
            ring[(at + place) % size] = ring[(at + place) % size + size] = byte

    put(40, 12, fill=b"first record")  # takes 24 bytes: to the end
    put(64, 5, flags=1 << 30)
    put(80, 7, fill=b"seventh")
    put(96, 9, flags=1 << 31)  # still being written
    found = [(bytes(ring[start : start + length]), after) for start, length, after in ring_records(memoryview(bytes(ring)), size, 40, 120)]
    assert found == [(b"first record", 64), (b"", 80), (b"seventh", 96)]
