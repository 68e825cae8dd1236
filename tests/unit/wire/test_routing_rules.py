from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.wire.netlink import build_attribute
from portulan.wire.routing_rules import OWN, RoutingRule, parse_rule


def rule(*attributes, to=0, source=0, table=254, action=1, flags=0, family=2):
    return pack("=BBBBBBBBI", family, to, source, 0, table, 0, 0, action, flags) + b"".join(build_attribute(*each) for each in attributes)


def read(data):
    return parse_rule(data, 0, len(data))


def test_the_kernels_own_rules_are_known():
    assert read(rule((15, 255), (14, b"\xff" * 4), (21, b"\2"), table=255)) in OWN
    assert read(rule((15, 254), (14, b"\xff" * 4), (21, b"\2"), (6, 32766), family=10)) in OWN
    assert read(rule((15, 253), (6, 32767), table=253)) in OWN


@pytest.mark.parametrize(
    "data",
    [
        rule((15, 254), (6, 100)),
        rule((15, 254), (6, 32766), (10, 1)),  # by mark
        rule((15, 254), (6, 32766), (3, "eth0")),
        rule((15, 254), (6, 32766), (1, bytes(4)), to=8),
        rule((15, 254), (6, 32766), (2, bytes(4)), source=8),
        rule((15, 254), (6, 32766), action=6),
        rule((15, 254), (6, 32766), flags=2),
        rule((15, 254), (6, 32766), (14, 0)),
        rule((6, 32766), table=100),
    ],
)
def test_whatever_differs_is_not_the_kernels_own(data):
    assert read(data) not in OWN


def test_a_large_table_is_told_beside_the_header():
    assert read(rule((15, 1000), (6, 5), table=252)) == RoutingRule(2, 5, 1000, plain=True)


@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_rule_or_a_parse_error(data):
    with suppress(ParseError):
        assert isinstance(read(data), RoutingRule)
