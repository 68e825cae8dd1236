"""A machine's interfaces as wires of a sandbox, and its tables without what ties them to a process."""

from ipaddress import ip_address, ip_interface

from portulan.model.network import Address, Link, Network, Route
from portulan.system.firewall.copied import Copy, without_owner
from portulan.system.firewall.likeness import MOST_LINKS, liken


def address(text):
    one = ip_address(text)
    return Address(one.version, int(one))


def link(number, name, *addresses, **others):
    return Link(number, name, addresses=tuple((address(text.split("/")[0]), int(text.split("/")[1])) for text in addresses), **others)


NETWORK = Network(
    links=(
        link(1, "lo", "127.0.0.1/8", type=772),
        link(2, "docker0", "172.17.0.1/16"),
        link(3, "eth0", "203.0.113.1/24", "203.0.113.2/24", "2001:db8::1/64", "fe80::1/64"),
        link(4, "veth1", master="docker0"),
        link(5, "wg0", "10.8.0.1/32"),
        link(6, "eth9", up=False),
    ),
    routes=(Route(4, 0, 0, links=("eth0",)),),
)


def test_interfaces_keep_their_names_and_addresses():
    like = liken(NETWORK, ipv6=True)
    assert [wire.link for wire in like.wired] == ["eth0", "docker0", "wg0"], (
        "the uplink first; no loopback, no port of a bridge, none that is down"
    )
    assert like.wired[0].own == ("203.0.113.1/24", "203.0.113.2/24", "2001:db8::1/64")
    assert not like.more


def test_each_address_has_a_neighbour_that_nobody_is():
    for wire in liken(NETWORK, ipv6=True).wired:
        assert len(wire.own) == len(wire.other)
        assert not set(wire.own) & set(wire.other)
        for own, other in zip(wire.own, wire.other, strict=True):
            assert ip_interface(own).network == ip_interface(other).network
        assert len({ip_interface(each).ip for each in (*wire.own, *wire.other)}) == 2 * len(wire.own)


def test_an_interface_without_a_network_gets_one():
    like = liken(NETWORK, ipv6=False)
    assert like.bare
    assert like.wired[2].own == ("198.19.2.1/24",)
    assert not any(":" in each for wire in like.wired for each in wire.own)
    plain = Network(links=(link(1, "eth0", "203.0.113.1/24"),))
    assert not liken(plain, ipv6=False).bare


def test_no_more_than_there_is_room_for():
    many = Network(links=tuple(link(number, f"eth{number}", "203.0.113.1/24") for number in range(MOST_LINKS + 1)))
    like = liken(many, ipv6=False)
    assert len(like.wired) == MOST_LINKS
    assert like.more


def test_a_copy_of_a_table_is_no_process_s_own():
    assert (
        without_owner("table inet t { # progname x\n\tflags owner\n\tchain c {\n\t}\n}\n")
        == "table inet t { # progname x\n\n\tchain c {\n\t}\n}\n"
    )
    assert without_owner("table inet t {\n\tflags dormant,owner,persist\n}\n") == "table inet t {\n    flags dormant,persist\n}\n"
    assert without_owner("\tset s {\n\t\tflags interval\n\t}\n") == "\tset s {\n\t\tflags interval\n\t}\n"


def test_the_text_of_a_copy_is_all_of_it():
    assert Copy(((("a",), "one"), (("b",), "two"))).text == "one\ntwo"
