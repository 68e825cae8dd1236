"""systemd's SocketBindAllow= and SocketBindDeny=, by systemd.resource-control(5); and lists of ports as the kernel prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.model.port import Transport
from portulan.wire.procfs import parse_port_list
from portulan.wire.systemd import denies, parse_bind_rules

TCP, UDP = Transport.TCP, Transport.UDP
UNIT = """[Service]
SocketBindAllow=tcp:8080
# SocketBindDeny=none
SocketBindDeny = any
"""


def test_rules_of_a_unit_and_its_drop_ins():
    rules = parse_bind_rules(UNIT)
    assert rules == (("SocketBindAllow", "tcp:8080"), ("SocketBindDeny", "any"))
    assert parse_bind_rules("[Service]\nSocketBindAllow=\nSocketBindAllow=ipv6:udp:1-9 80", rules) == (
        ("SocketBindDeny", "any"), ("SocketBindAllow", "ipv6:udp:1-9"), ("SocketBindAllow", "80"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "port", "transport", "ipv6", "denied"),
    [
        ("any", 80, TCP, False, True), ("tcp", 80, TCP, True, True), ("tcp", 80, UDP, True, False), ("ipv4", 80, TCP, False, True),
        ("ipv4", 80, TCP, True, False), ("ipv6:tcp:80", 80, TCP, True, True), ("ipv6:tcp:80", 81, TCP, True, False), ("80-90", 85, UDP, False, True),
        ("80-90", 91, UDP, False, False), ("ipv4:udp:any", 53, UDP, False, True), ("nonsense", 80, TCP, False, False), ("80-x", 80, TCP, False, False),
    ],
)  # fmt: skip
def test_what_a_rule_means(rule, port, transport, ipv6, denied):
    assert denies((("SocketBindDeny", rule),), transport, port, ipv6=ipv6) == (f"SocketBindDeny={rule}" if denied else None)


def test_what_allows_wins():
    rules = parse_bind_rules(UNIT)
    assert denies(rules, TCP, 8080, ipv6=False) is None
    assert denies(rules, UDP, 8080, ipv6=False) == "SocketBindDeny=any"
    assert denies((), TCP, 80, ipv6=False) is None


@given(text=st.text(max_size=80))
def test_any_text_is_a_unit(text):
    for key, rule in parse_bind_rules(text):
        assert key.startswith("SocketBind")
        denies(((key, rule),), TCP, 80, ipv6=True)


def test_reserved_ports():
    assert parse_port_list(b"\n") == ()
    assert parse_port_list(b"8080,9148-9150\n") == ((8080, 8080), (9148, 9150))


@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_list_of_ports(data):
    assert all(first >= 0 and last >= 0 for first, last in parse_port_list(data))
