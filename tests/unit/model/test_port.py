"""Ports, transports and ranges of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import BadInput
from portulan.model.port import TRANSPORTS, Port, PortClass, Transport, parse_number, parse_port, parse_transport, port_class


@pytest.mark.parametrize(
    ("number", "kind"),
    [(0, "system"), (80, "system"), (1023, "system"), (1024, "user"), (49151, "user"), (49152, "dynamic"), (65535, "dynamic")],
)
def test_the_three_ranges_of_rfc_6335(number, kind):
    assert port_class(number) is PortClass(kind)


@given(number=st.integers(0, 65_535))
def test_every_number_has_a_range(number):
    expected = "system" if number < 1024 else "user" if number < 49_152 else "dynamic"
    assert port_class(number).value == expected


@given(number=st.integers(0, 65_535))
def test_a_number_survives_its_text(number):
    assert parse_number(str(number)) == number
    assert parse_number(f"{number:05}") == number


@pytest.mark.parametrize(
    "text", ["", " ", "http", "-1", "+1", "1.0", "0x50", "8 0", " 80", "80 ", "²", "٨٠", "８０", "1_000", "\x1b[2J", "\udc80"]
)
def test_what_is_no_number_is_bad_input(text):
    with pytest.raises(BadInput) as raised:
        parse_number(text)
    assert (raised.value.code, raised.value.facts) == ("port.not-a-number", {"text": text})


@pytest.mark.parametrize("text", ["65536", "70000", "999999999999", "1" * 100_000])
def test_a_number_without_a_port_is_out_of_range(text):
    with pytest.raises(BadInput) as raised:
        parse_number(text)
    assert (raised.value.code, raised.value.facts) == ("port.out-of-range", {"text": text})


@pytest.mark.parametrize(
    ("text", "transport"), [("tcp", "tcp"), ("UDP", "udp"), ("Sctp", "sctp"), ("dccp", "dccp"), ("UDPLite", "udplite")]
)
def test_a_transport_in_any_case(text, transport):
    assert parse_transport(text) is Transport(transport)


@pytest.mark.parametrize("text", ["", "xyz", "tcp ", "tcp6", "icmp", "ſctp"])
def test_another_word_is_no_transport(text):
    with pytest.raises(BadInput) as raised:
        parse_transport(text)
    assert raised.value.code == "transport.unknown"
    assert raised.value.facts == {"text": text, "known": "tcp, udp, sctp, dccp, udplite"}


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("443", Port(443)),
        (" 443 ", Port(443)),
        ("443/tcp", Port(443, Transport.TCP)),
        ("443/TCP", Port(443, Transport.TCP)),
        ("udp/53", Port(53, Transport.UDP)),
        ("0", Port(0)),
        ("65535/udplite", Port(65535, Transport.UDPLITE)),
    ],
)
def test_a_port_by_either_order(text, port):
    assert parse_port(text) == port


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "port.not-a-number"),
        ("/", "port.not-a-number"),
        ("/tcp", "port.not-a-number"),
        ("tcp/", "port.not-a-number"),
        ("tcp/udp", "port.not-a-number"),
        ("http/tcp", "port.not-a-number"),
        ("²/tcp", "port.not-a-number"),
        ("80/", "transport.unknown"),
        ("80/xyz", "transport.unknown"),
        ("80/tcp/udp", "transport.unknown"),
        ("80/ tcp", "transport.unknown"),
        ("xyz/80", "transport.unknown"),
        ("70000", "port.out-of-range"),
        ("70000/xyz", "port.out-of-range"),
        ("tcp/70000", "port.out-of-range"),
    ],
)
def test_what_is_no_port_is_bad_input(text, code):
    with pytest.raises(BadInput) as raised:
        parse_port(text)
    assert raised.value.code == code


@given(number=st.integers(0, 65_535), transport=st.sampled_from([None, *Transport]))
def test_a_port_survives_its_text(number, transport):
    port = Port(number, transport)
    assert parse_port(str(port)) == port


def test_the_key_of_a_port_is_flat_and_unlike_any_others():
    assert Port(443, Transport.TCP).key == 443
    assert Port(443, Transport.UDP).key == 1 << 16 | 443
    assert TRANSPORTS == (Transport.TCP, Transport.UDP, Transport.SCTP, Transport.DCCP, Transport.UDPLITE)
    assert len({Port(number, transport).key for transport in Transport for number in (0, 1, 65_535)}) == 15


def test_a_port_on_any_transport_has_no_key():
    with pytest.raises(AssertionError):
        _ = Port(443).key


def test_a_port_does_not_change_and_is_a_key():
    with pytest.raises(AttributeError):
        Port(80).number = 81
    assert {Port(80): "http"}[Port(80)] == "http"
