"""Networks as people write them."""

import pytest

from portulan.errors import BadInput
from portulan.guard.policy.networks import parse_network, span_text

V6 = 0x20010DB8 << 96


@pytest.mark.parametrize(("text", "version", "span"), [
    ("0.0.0.0/0", 4, (0, (1 << 32) - 1)),
    ("10.0.0.0/8", 4, (0x0A000000, 0x0AFFFFFF)),
    ("192.0.2.1", 4, (0xC0000201, 0xC0000201)),
    ("192.0.2.1/32", 4, (0xC0000201, 0xC0000201)),
    ("192.0.2.0/255.255.255.0", 4, (0xC0000200, 0xC00002FF)),
    ("192.0.2.5-192.0.2.9", 4, (0xC0000205, 0xC0000209)),
    ("192.0.2.5 - 192.0.2.9", 4, (0xC0000205, 0xC0000209)),
    ("::/0", 6, (0, (1 << 128) - 1)),
    ("2001:db8::/32", 6, (V6, V6 + (1 << 96) - 1)),
    ("2001:DB8::1", 6, (V6 + 1, V6 + 1)),
    ("2001:db8::1-2001:db8::ff", 6, (V6 + 1, V6 + 255)),
])  # fmt: skip
def test_networks(text, version, span):
    assert parse_network(text) == (version, span)
    assert parse_network(span_text(version, span)) == (version, span)


@pytest.mark.parametrize("text", [
    "", "office", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.0/33", "0.0.0.0/33", "192.0.2.0/", "192.0.2.0/x", "1.2.3.4.5", "a-b", "web-01.example.com", "2001:db8::/129", "2001:db8::/", "2001:db8::/x", "2001:db8::/ffff::", ":::",
    "192.0.2.1-", "١٩٢.0.2.1", "192.0.2.0/٢٤", "x" * 1000, "1.2.3.4-" + "9" * 200,
])  # fmt: skip
def test_what_is_no_network(text):
    assert parse_network(text) is None


@pytest.mark.parametrize(("text", "code"), [
    ("192.0.2.1/24", "policy.host-bits"),
    ("2001:db8::1/64", "policy.host-bits"),
    ("192.0.2.9-192.0.2.5", "policy.range"),
    ("192.0.2.9-2001:db8::1", "policy.range"),
    ("fe80::1%eth0", "policy.scope"),
])  # fmt: skip
def test_what_is_nearly_a_network_is_told_so(text, code):
    with pytest.raises(BadInput) as raised:
        parse_network(text)
    assert raised.value.code == code


def test_the_network_that_may_have_been_meant():
    for text, network in (("192.0.2.1/24", "192.0.2.0/24"), ("2001:db8::1/64", "2001:db8::/64"), ("2001:db8:1::/32", "2001:db8::/32")):
        with pytest.raises(BadInput) as raised:
            parse_network(text)
        assert (raised.value.facts["network"], raised.value.facts["address"]) == (network, text.partition("/")[0])


def test_spans_as_text():
    assert span_text(4, (0xC0000200, 0xC00002FF)) == "192.0.2.0/24"
    assert span_text(4, (0xC0000201, 0xC0000202)) == "192.0.2.1-192.0.2.2"
    assert span_text(6, (V6 + 1, V6 + 1)) == "2001:db8::1"
