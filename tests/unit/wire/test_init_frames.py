"""First packets of SCTP, read back by hand: header, INIT and a CRC32c reckoned bit by bit from another description of it."""

from ipaddress import ip_address
from struct import unpack

import numpy as np
import pytest

from portulan.model.port import Transport
from portulan.wire.door_frames import DoorFrames


def crc32c(data):
    """The remainder of the message as a polynomial, highest power first, its bytes' bits turned (RFC 3309 appendix C)."""
    turned = [int(f"{byte:08b}"[::-1], 2) for byte in data]
    register = 0xFFFFFFFF
    for byte in turned:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x1EDC6F41 if register >> 31 else 0)) & 0xFFFFFFFF
    return int(f"{register ^ 0xFFFFFFFF:032b}"[::-1], 2)


def test_the_judge():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C


@pytest.mark.parametrize(("version", "source", "target"), [(4, "198.51.100.9", "192.0.2.1"), (6, "2001:db8::9", "fd00::1")])
def test_an_init(version, source, target):
    frames = DoorFrames(Transport.SCTP, version, 70_000)
    ports = np.array([0, 1, 255, 256, 5000, 65_535], np.uint16)
    first = 0x2ABC << 18 | 2 << 16
    addresses = ip_address(source).packed, ip_address(target).packed
    assert frames.fill(3, *addresses, 40_000, ports, first) == 9
    start = 20 if version == 4 else 40
    assert frames.length == start + 32
    for row, port in zip(frames.rows[3:9], ports.tolist(), strict=True):
        packet = row[: frames.length].tobytes()
        assert packet[9 if version == 4 else 6] == 132
        segment = packet[start:]
        sport, dport, tag, _ = unpack("!HHI4s", segment[:12])
        assert (sport, dport, tag) == (40_000, port, 0)
        kind, flags, length, initiate, window, out, into, _ = unpack("!BBHIIHHI", segment[12:])
        assert (kind, flags, length, initiate) == (1, 0, 20, first + port)
        assert initiate
        assert min(out, into) > 0
        assert window >= 1500
        assert int.from_bytes(segment[8:12], "little") == crc32c(segment[:8] + bytes(4) + segment[12:])
