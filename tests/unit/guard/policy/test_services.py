"""What the name of a door opens."""

import pytest

from policies import table
from portulan.errors import BadInput
from portulan.guard.policy.services import door_ports


def opened(text):
    return " ".join(f"{ports}/{kind.value}" for kind, ports in door_ports(text, table()))


@pytest.mark.parametrize(("text", "ports"), [
    ("https", "443/tcp 443/udp"),  # QUIC
    ("HTTPS", "443/tcp 443/udp"),
    ("http", "80/tcp"),
    ("ssh", "22/tcp"),
    ("ssh/sctp", "22/sctp"),
    ("domain/udp", "53/udp"),
    ("dns/tcp", "53/tcp"),
    ("postgres", "5432/tcp"),
    ("ntp", "123/udp"),
    ("x11", "6000-6063/tcp"),
    ("wireguard", "51820/udp"),
    ("5432", "5432/tcp 5432/udp"),
    ("5432/tcp", "5432/tcp"),
    ("tcp/5432", "5432/tcp"),
    ("8000-8010/UDP", "8000-8010/udp"),
    ("80, 443/tcp", "80,443/tcp"),
    ("36412/sctp", "36412/sctp"),
    ("0-65535/tcp", "0-65535/tcp"),
])  # fmt: skip
def test_what_a_door_opens(text, ports):
    assert opened(text) == ports


@pytest.mark.parametrize(("text", "code", "fact"), [
    ("htpps", "policy.port", ("near", "https")),
    ("http,https", "policy.one-service", ("text", "http,https")),
    ("http https", "policy.one-service", ("text", "http https")),
    ("", "policy.port", ("text", "")),
    ("-5", "policy.port", ("text", "-5")),
    ("mail", "policy.several", ("text", "mail")),
    ("dhcp", "policy.several", ("text", "dhcp")),
    ("ntp/sctp", "policy.not-on", ("ports", "123")),
    ("80/tpc", "transport.unknown", ("text", "tpc")),
    ("80/dccp", "transport.unknown", ("text", "dccp")),
    ("discard/dccp", "transport.unknown", ("text", "dccp")),
    ("http-alt", "policy.several", ("text", "http-alt")),
    ("80/", "transport.unknown", ("text", "")),
    ("65536", "port.out-of-range", ("text", "65536")),
    ("9-3", "range.backwards", ("text", "9-3")),
    ("80,,81", "port.not-a-number", ("text", "")),
    ("x" * 300, "policy.too-long", ("most", 200)),
])  # fmt: skip
def test_what_is_no_door(text, code, fact):
    with pytest.raises(BadInput) as raised:
        opened(text)
    assert (raised.value.code, raised.value.facts[fact[0]]) == (code, fact[1])


def test_a_word_for_several_services_names_them():
    with pytest.raises(BadInput) as raised:
        opened("mail")
    assert "smtp (25)" in raised.value.facts["known"]
    assert "imaps (993)" in raised.value.facts["known"]
