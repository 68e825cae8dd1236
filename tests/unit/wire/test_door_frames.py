"""Packets to every port: their fields where RFC 791, 8200, 9293 and 768 have them, and checksums that add up."""

from ipaddress import ip_address

import numpy as np
import pytest

from portulan.model.port import Transport
from portulan.wire.door_frames import ALL_PORTS, FLOW_LABEL, IP_ID, DoorFrames, MessageFrames

ENDS = {4: ("203.0.113.9", "198.18.0.1"), 6: ("2001:db8::9", "fd00::1")}
FIRST = 0x7A01_0000


def adds_up(data):
    """RFC 1071: with the checksum in it, the sum of the words has every bit set."""
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_each_port_has_its_own_packet(version, transport):
    source, target = (ip_address(each).packed for each in ENDS[version])
    frames = DoorFrames(transport, version)
    assert frames.fill(0, source, target, 40_000, np.arange(ALL_PORTS, dtype=np.uint16), FIRST) == ALL_PORTS
    start = 20 if version == 4 else 40
    for port in (0, 1, 22, 443, 32_768, 65_535):
        packet = frames.rows[port, : frames.length].tobytes()
        header, segment = packet[:start], packet[start:]
        if version == 4:
            assert adds_up(header)
            assert (header[0], int.from_bytes(header[2:4]), header[9]) == (0x45, frames.length, 6 if transport is Transport.TCP else 17)
        else:
            assert (header[0] >> 4, int.from_bytes(header[4:6]), header[6]) == (6, len(segment), 6 if transport is Transport.TCP else 17)
        assert packet[start - 2 * len(source) : start] == source + target
        assert (int.from_bytes(segment[:2]), int.from_bytes(segment[2:4])) == (40_000, port)
        number = segment[4:8] if transport is Transport.TCP else segment[8:12]
        assert int.from_bytes(number) == FIRST + port
        pseudo = source + target + bytes([0, 6 if transport is Transport.TCP else 17]) + len(segment).to_bytes(2)
        assert adds_up(pseudo + segment)
        if transport is Transport.TCP:
            assert (segment[12] >> 4, segment[13]) == (6, 2)
        else:
            assert int.from_bytes(segment[4:6]) == len(segment)


def test_several_senders_share_one_matrix():
    frames = DoorFrames(Transport.UDP, 4, most=5)
    one, other, target = (ip_address(each).packed for each in ("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    at = frames.fill(0, one, target, 1, np.array([7, 8], np.uint16), 0)
    assert frames.fill(at, other, target, 1, np.array([9, 10, 11], np.uint16), 1 << 17) == 5
    assert [row[12:16].tobytes() for row in frames.rows] == [one, one, other, other, other]
    assert [int.from_bytes(row[28:32].tobytes()) for row in frames.rows] == [7, 8, (1 << 17) + 9, (1 << 17) + 10, (1 << 17) + 11]


def test_a_checksum_of_nought_is_written_as_all_ones():
    """RFC 768: nought would say that there is none."""
    frames = DoorFrames(Transport.UDP, 4)
    source, target = (ip_address(each).packed for each in ENDS[4])
    frames.fill(0, source, target, 40_000, np.arange(ALL_PORTS, dtype=np.uint16), 0)
    checks = frames.rows[:, 26:28].copy().view(">u2")[:, 0]
    assert checks.min() > 0
    assert (checks == 0xFFFF).any()


@pytest.mark.parametrize("version", [4, 6])
def test_icmp_messages_are_known_by_their_number(version):
    source, target = (ip_address(each).packed for each in ENDS[version])
    frames = MessageFrames(version, 2)
    frames.add(source, target, 8, 64, 0x01020304)
    frames.add(source, target, 135, 255, 7)
    assert frames.count == 2
    start = 20 if version == 4 else 40
    for row, kind, hops, number in zip(frames.rows, (8, 135), (64, 255), (0x01020304, 7), strict=True):
        packet = row[: frames.length].tobytes()
        header, message = packet[:start], packet[start:]
        assert (message[0], message[1], int.from_bytes(message[4:])) == (kind, 0, number)
        if version == 4:
            assert adds_up(header)
            assert adds_up(message)
            assert (int.from_bytes(header[4:6]), header[8]) == (IP_ID, hops)
        else:
            assert adds_up(source + target + bytes([0, 0, 0, 8, 0, 0, 0, 58]) + message)
            assert (int.from_bytes(header[:4]) & 0xFFFFF, header[7]) == (FLOW_LABEL, hops)
