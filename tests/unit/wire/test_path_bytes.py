"""What is parsed of the kernel's and the network's bytes for ping and trace."""

import subprocess
from datetime import UTC, datetime
from struct import pack

import pytest

from portulan.errors import ParseError
from portulan.model.scan import Reason
from portulan.wire.certificate import parse_not_after
from portulan.wire.icmp import build_echo, checksum, fate_of, parse_echo, without_ip_header
from portulan.wire.icmp_errors import FROM_CLOCK, FROM_ICMP, parse_queued_error
from portulan.wire.stamps import parse_stamp
from portulan.wire.tcp_info import SIZE, parse_tcp_info
from portulan.wire.tcp_segment import ACK, SYN, build_syn, parse_quoted, parse_segment


def test_an_icmp_error_of_the_queue_with_its_size():
    data = pack("=IBBBBII", 90, 2, 3, 4, 0, 1400, 0) + pack("=HH4s8x", 2, 0, bytes((198, 18, 1, 2)))
    error = parse_queued_error(data)
    assert (error.origin, error.kind, error.code, error.info, error.offender) == (FROM_ICMP, 3, 4, 1400, bytes((198, 18, 1, 2)))


def test_a_time_stamp_of_the_queue_says_of_which_datagram():
    error = parse_queued_error(pack("=IBBBBII", 42, 4, 0, 0, 0, 0, 17))
    assert (error.origin, error.data, error.offender) == (FROM_CLOCK, 17, b"")


def test_stamps_are_nanoseconds():
    assert parse_stamp(pack("=qq", 5, 7)) == 5_000_000_007
    assert parse_stamp(pack("=6q", 0, 0, 0, 0, 9, 9)) is None
    with pytest.raises(ParseError):
        parse_stamp(b"short")


def test_the_kernel_s_own_round_trip():
    data = bytearray(SIZE)
    data[60:64], data[68:72], data[100:104] = pack("=I", 1500), pack("=I", 321), pack("=I", 1)
    assert parse_tcp_info(bytes(data)) == (321, 1, 1500)
    with pytest.raises(ParseError):
        parse_tcp_info(bytes(SIZE - 1))


@pytest.mark.parametrize(
    ("version", "kind", "code", "reason"),
    [
        (4, 11, 0, Reason.TIME_EXCEEDED), (4, 11, 1, None), (6, 3, 0, Reason.TIME_EXCEEDED), (6, 3, 1, None), (4, 3, 4, Reason.TOO_BIG), (6, 2, 0, Reason.TOO_BIG),
        (4, 3, 13, Reason.ADMIN_PROHIBITED), (4, 3, 3, Reason.PORT_UNREACHABLE), (6, 1, 4, Reason.PORT_UNREACHABLE), (6, 1, 0, Reason.NET_UNREACHABLE),
        (4, 0, 0, None), (6, 129, 0, None),
    ],
)  # fmt: skip
def test_what_icmp_says_of_a_packet_on_its_way(version, kind, code, reason):
    assert fate_of(version, kind, code) is reason


def test_echoes_there_and_back():
    packet = build_echo(4, 0x1234, 7, b"data")
    assert checksum(packet) == 0
    assert parse_echo(4, packet) == (False, 0x1234, 7, b"data")
    assert parse_echo(4, b"\0" + packet[1:]).reply
    assert parse_echo(4, packet[:7]) is None
    assert parse_echo(6, packet) is None
    assert build_echo(6, 1, 2, b"")[:4] == b"\x80\0\0\0"  # the kernel's checksum
    assert parse_echo(6, build_echo(6, 1, 2, b"x")) == (False, 1, 2, b"x")


def test_raw_sockets_are_given_the_ip_header_too():
    assert without_ip_header(b"\x45" + bytes(19) + b"rest") == b"rest"
    assert without_ip_header(b"\x46" + bytes(23) + b"rest") == b"rest"
    assert without_ip_header(b"") == b""
    assert without_ip_header(b"\x60" + bytes(39)) == b""


@pytest.mark.parametrize("size", [4, 16])
def test_a_syn_is_whole(size):
    source, destination = bytes(range(size)), bytes(range(100, 100 + size))
    segment = build_syn((source, destination), (40000, 443), 0x01020304)
    parsed = parse_segment(segment)
    assert (parsed.source_port, parsed.port, parsed.sequence, parsed.flags) == (40000, 443, 0x01020304, SYN)
    pseudo = source + destination + (pack("!BBH", 0, 6, len(segment)) if size == 4 else pack("!I3xB", len(segment), 6))
    assert checksum(pseudo + segment) == 0
    assert parse_quoted(segment[:8]) == (40000, 443, 0x01020304)
    assert parse_quoted(segment[:7]) is None
    assert parse_segment(segment[:19]) is None
    assert not parsed.flags & ACK


def der(tag, content):
    size = len(content)
    length = bytes((size,)) if size < 128 else bytes((0x82,)) + size.to_bytes(2)
    return bytes((tag,)) + length + content


def certificate(first, last, *, version=True, kind=0x17):
    validity = der(0x30, der(0x17, first) + der(kind, last))
    fields = (der(0xA0, der(2, b"\2")) if version else b"") + der(2, b"\1") + der(0x30, b"") + der(0x30, bytes(200)) + validity
    return der(0x30, der(0x30, fields) + der(0x30, b""))


def test_until_when_a_certificate_is_valid():
    assert parse_not_after(certificate(b"250101000000Z", b"261122213000Z")) == datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    assert parse_not_after(certificate(b"250101000000Z", b"500101000000Z")) == datetime(1950, 1, 1, tzinfo=UTC)
    assert parse_not_after(certificate(b"250101000000Z", b"20600101000000Z", version=False, kind=0x18)) == datetime(2060, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("damage", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", certificate(b"250101000000Z", b"2611222130Z"), certificate(b"2", b"991340000000Z"), b"\x30\x80" + bytes(20)])  # fmt: skip
def test_a_damaged_certificate_is_told(damage):
    with pytest.raises(ParseError):
        parse_not_after(damage)


def test_a_real_certificate(tmp_path):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=x", "-keyout", tmp_path / "k", "-outform", "DER"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    left = parse_not_after(made.stdout) - datetime.now(UTC)
    assert 4.9 < left.total_seconds() / 86_400 <= 5
