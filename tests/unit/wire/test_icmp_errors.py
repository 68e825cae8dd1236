"""ICMP errors and what they say."""

import socket
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.model.scan import Reason
from portulan.wire.icmp_errors import FROM_HERE, FROM_ICMP, FROM_ICMP6, parse_queued_error, reason_of


@pytest.mark.parametrize(
    ("version", "kind", "code", "reason"),
    [
        (4, 3, 0, Reason.NET_UNREACHABLE), (4, 3, 1, Reason.HOST_UNREACHABLE), (4, 3, 2, Reason.PROTOCOL_UNREACHABLE), (4, 3, 3, Reason.PORT_UNREACHABLE),
        (4, 3, 4, None), (4, 3, 9, Reason.NET_PROHIBITED), (4, 3, 10, Reason.HOST_PROHIBITED), (4, 3, 13, Reason.ADMIN_PROHIBITED),
        (4, 3, 200, Reason.HOST_UNREACHABLE), (4, 11, 0, Reason.TIME_EXCEEDED), (4, 5, 0, None), (6, 1, 0, Reason.NO_ROUTE),
        (6, 1, 1, Reason.ADMIN_PROHIBITED), (6, 1, 3, Reason.HOST_UNREACHABLE), (6, 1, 4, Reason.PORT_UNREACHABLE), (6, 1, 99, Reason.HOST_UNREACHABLE),
        (6, 3, 0, Reason.TIME_EXCEEDED), (6, 4, 1, Reason.PROTOCOL_UNREACHABLE), (6, 4, 0, None), (6, 2, 0, None),
    ],
)  # fmt: skip
def test_reasons(version, kind, code, reason):
    assert reason_of(version, kind, code) is reason


def test_queued_errors():
    name4 = pack("=HH4s8x", socket.AF_INET, 0, bytes((198, 18, 0, 2)))
    found = parse_queued_error(pack("=IBBBBII", 111, FROM_ICMP, 3, 3, 0, 0, 0) + name4)
    assert (found.number, found.offender, found.reason) == (111, bytes((198, 18, 0, 2)), Reason.PORT_UNREACHABLE)
    name6 = pack("=HHI16sI", socket.AF_INET6, 0, 0, bytes(15) + b"\1", 0)
    found = parse_queued_error(pack("=IBBBBII", 13, FROM_ICMP6, 1, 1, 0, 0, 0) + name6)
    assert (found.offender, found.reason) == (bytes(15) + b"\1", Reason.ADMIN_PROHIBITED)
    assert parse_queued_error(pack("=IBBBBII", 90, FROM_HERE, 0, 0, 0, 0, 0)).reason is None


@given(st.binary(max_size=64))
def test_any_bytes_are_read(data):
    try:
        assert len(parse_queued_error(data).offender) in (0, 4, 16)
    except ParseError:
        assert len(data) < 16
