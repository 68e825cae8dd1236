"""Addresses as people read them, and how far they reach; the laws are in tests/property/test_address.py."""

from ipaddress import ip_address

import pytest

from builders import packed
from portulan.model.address import EXPOSURE_ORDER, MAPPED, Exposure, exposure_of, format_address, format_endpoint


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "10.0.0.5", "::", "::1", "1::", "1::1", "2001:db8::1", "fe80::1",
        # RFC 5952, section 4: no leading zeros, lower case, the longest run, of two equal ones the first, never a single group
        "2001:db8::2:1", "2001:db8:0:1:1:1:1:1", "2001:db8::1:0:0:1", "2001:0:0:1::1", "2001:db8:a:b:c:d:e:f", "0:1:0:1:0:1:0:1", "::1:0:0:1",
        "1:0:0:1::", "1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8", "::2:3:4:5:6:7", "1:2:3:4:5:6::", "abcd:ef01:2345:6789:abcd:ef01:2345:6789",
        # section 5: the dotted tail of mapped ones
        "::ffff:192.0.2.1", "::ffff:0.0.0.0", "::ffff:255.255.255.255",
    ],
)  # fmt: skip
def test_text_by_rfc_5952(text):
    assert format_address(packed(text)) == text


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        # glibc writes the deprecated IPv4-compatible addresses with a dotted tail; we, as ipaddress, do not.
        ("::192.0.2.1", "::c000:201"),
        ("::ffff:0:1.2.3.4", "::ffff:0:102:304"),
    ],
)
def test_other_writings_become_that_one(text, other):
    assert format_address(packed(text)) == other


def test_the_mapped_prefix():
    assert packed("::ffff:0:0") == MAPPED + bytes(4)


@pytest.mark.parametrize(
    ("text", "exposure"),
    [
        ("0.0.0.0", "all"), ("::", "all"), ("::ffff:0.0.0.0", "all"),
        ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.53", "loopback"),
        ("126.255.255.255", "public"), ("128.0.0.0", "public"), ("::2", "public"),
        ("9.255.255.255", "public"), ("10.0.0.0", "private"), ("10.255.255.255", "private"), ("11.0.0.0", "public"),
        ("172.15.255.255", "public"), ("172.16.0.0", "private"), ("172.31.255.255", "private"), ("172.32.0.0", "public"),
        ("192.167.255.255", "public"), ("192.168.0.0", "private"), ("192.168.255.255", "private"), ("192.169.0.0", "public"),
        ("169.253.255.255", "public"), ("169.254.0.0", "private"), ("169.254.255.255", "private"), ("169.255.0.0", "public"),
        ("100.63.255.255", "public"), ("100.64.0.0", "private"), ("100.127.255.255", "private"), ("100.128.0.0", "public"),
        ("198.17.255.255", "public"), ("198.18.0.0", "private"), ("198.19.255.255", "private"), ("198.20.0.0", "public"),
        ("223.255.255.255", "public"), ("224.0.0.251", "private"), ("239.255.255.250", "private"), ("240.0.0.0", "public"),
        ("::ffff:10.1.2.3", "private"), ("::ffff:8.8.8.8", "public"), ("8.8.8.8", "public"),
        ("fbff::1", "public"), ("fc00::", "private"), ("fdff::1", "private"), ("fe00::1", "public"), ("fe7f::1", "public"),
        ("fe80::1", "private"), ("febf::1", "private"), ("fec0::1", "private"), ("feff::1", "private"), ("ff00::", "private"),
        ("ff02::fb", "private"), ("2001:db8::1", "public"), ("2a00:1450:4001::1", "public"), ("64:ff9b::a00:1", "public"),
    ],
)  # fmt: skip
def test_how_far_an_address_reaches(text, exposure):
    assert exposure_of(packed(text)) is Exposure(exposure)


DIFFERENCES = {
    # text: (ours, what ipaddress calls private): for special uses nobody binds to, "public" is the safe word.
    "192.0.2.1": ("public", True),
    "198.51.100.1": ("public", True),
    "203.0.113.1": ("public", True),
    "192.0.0.1": ("public", True),
    "240.0.0.1": ("public", True),
    "255.255.255.255": ("public", True),
    "0.0.0.1": ("public", True),
    "2001:db8::1": ("public", True),
    "100::1": ("public", True),
    # and these reach no farther than a private network does, which ipaddress does not say:
    "100.64.0.1": ("private", False),
    "224.0.0.251": ("private", False),
    "ff02::fb": ("private", False),
}


@pytest.mark.parametrize(("text", "expected"), DIFFERENCES.items())
def test_where_we_and_ipaddress_differ(text, expected):
    assert (exposure_of(packed(text)).value, ip_address(text).is_private) == expected


def test_exposures_are_ordered():
    assert [exposure.value for exposure in EXPOSURE_ORDER] == ["loopback", "private", "public", "all"]


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [("127.0.0.1", 80, "127.0.0.1:80"), ("::1", 80, "[::1]:80"), ("::ffff:1.2.3.4", "http", "[::ffff:1.2.3.4]:http")],
)
def test_an_address_with_its_port(address, port, text):
    assert format_endpoint(address, port) == text
