"""Which ports a scan asks."""

import pytest

from portulan.errors import BadInput
from portulan.model.port import PORTS, Transport
from portulan.model.portset import parse_portset
from portulan.model.scan import Method
from portulan.registry.popular import GROUPS, in_order, listed
from portulan.scan.ports import choose_ports, parse_ports, top_ports
from portulan.system.registry_file import open_packaged
from portulan.verbs.ports import ports_named

TABLE = open_packaged()
TCP, UDP = Transport.TCP, Transport.UDP


def told(text, default=TCP):
    return {transport.value: str(ports) for transport, ports in parse_ports(text, default, ports_named).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22", {"tcp": "22"}),
        ("22,80-82, 443", {"tcp": "22,80-82,443"}),
        ("-", {"tcp": "0-65535"}),
        ("-1023,60000-", {"tcp": "0-1023,60000-65535"}),
        ("ssh,https", {"tcp": "22,443"}),
        ("53/udp,53", {"udp": "53", "tcp": "53"}),
        ("-/udp,0", {"udp": "1-65535", "tcp": "0"}),
        ("U:0-9", {"udp": "1-9"}),
        ("domain/udp", {"udp": "53"}),
        ("U:53,123,T:22,80", {"udp": "53,123", "tcp": "22,80"}),
        ("u:53,161/tcp", {"udp": "53", "tcp": "161"}),
        ("T:-", {"tcp": "0-65535"}),
    ],
)
def test_words(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("65536", "port.out-of-range"),
        ("80-70000", "port.out-of-range"),
        ("9-3", "range.backwards"),
        ("", "port.not-a-number"),
        ("22,,80", "port.not-a-number"),
        ("T:", "port.not-a-number"),
        ("nosuchservice", "service.unknown"),
        ("S:22", "scan.port-prefix"),
        ("22/sctp", "scan.transport"),
        ("22/nothing", "transport.unknown"),
        ("1-2-3", "port.not-a-number"),
    ],
)
def test_what_is_no_port(text, code):
    with pytest.raises(BadInput) as caught:
        told(text)
    assert caught.value.code == code


def test_the_method_says_the_transport():
    assert told("53", UDP) == {"udp": "53"}
    wanted = choose_ports("53,22/tcp", None, Method.UDP, TABLE, ports_named)
    assert (str(wanted.tcp), str(wanted.udp)) == ("22", "53")


def test_the_likeliest_ports_are_asked_when_none_are_said():
    wanted = choose_ports(None, None, None, TABLE, ports_named)
    assert len(wanted.tcp) == 1000
    assert not len(wanted.udp)
    assert len(choose_ports(None, 50, Method.UDP, TABLE, ports_named).udp) == 50
    for port in (22, 25, 80, 443, 445, 3306, 3389, 5432, 8080, 9100):
        assert port in wanted.tcp


def test_top_says_how_many():
    assert {22, 23} == set(top_ports(2, TCP, TABLE))
    assert top_ports(PORTS, TCP, TABLE) == parse_portset("-")
    for count in (0, -1, PORTS + 1):
        with pytest.raises(BadInput, match=r"scan\.top"):
            top_ports(count, TCP, TABLE)
    with pytest.raises(BadInput, match=r"scan\.ports-twice"):
        choose_ports("22", 10, None, TABLE, ports_named)


@pytest.mark.parametrize("transport", [TCP, UDP])
def test_the_order_holds_every_port_once_and_ours_first(transport):
    order = list(in_order(transport, TABLE))
    assert sorted(order) == list(range(PORTS))
    own = listed(transport)
    assert tuple(order[: len(own)]) == own
    assert len(own) >= (200 if transport is TCP else 100)
    system = [port for port in order[len(own) :] if TABLE.usual(port, transport) and port < 1024]
    assert order[len(own) : len(own) + len(system) - 20] == system[: len(system) - 20]


def test_every_group_has_its_reason_and_names_a_port_once():
    for group in GROUPS:
        assert group.reason
        for text in (group.tcp, group.udp):
            parts = [parse_portset(part) for part in text.split(",")] if text else []
            assert sum(map(len, parts)) == len(parse_portset(text)) if text else True, group.reason


def test_port_0_of_udp_cannot_be_asked():
    with pytest.raises(BadInput, match="udp-zero"):
        told("0/udp")
    assert 0 not in top_ports(PORTS, UDP, TABLE)
