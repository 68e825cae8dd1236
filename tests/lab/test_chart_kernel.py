"""Ports that the kernel itself holds: named by what holds them, not taken for something hidden."""

import pytest

from labs import SOURCES, ask, call_as, datagrams, inhabit, look, only, pairs
from portulan.model.chart import Ownership, State
from portulan.model.port import Transport
from portulan.system.linux.links import add_vxlan, read_interfaces, set_up
from portulan.verbs.chart import chart

pytestmark = pytest.mark.lab


def tunnel(host, name, identifier, port):
    add_vxlan(host.netlink, name, identifier, port)
    set_up(host.netlink, next(each.number for each in read_interfaces(host.netlink) if each.name == name))


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    sandbox.link(made, sandbox.host("b"))
    return made


@pytest.mark.parametrize("source", SOURCES)
def test_a_tunnel_holds_its_port(host, source):
    tunnel(host, "vx0", 42, 4_789)
    tunnel(host, "vx1", 43, 4_790)
    with datagrams(host, "127.0.0.1", 4_791) as other:
        found = chart([4_789, 4_790, 4_791], namespaces=[str(host.netns_inode)], source=source)
        held = {
            (item.transport, item.state, item.port, item.held_by_kernel, item.ownership, item.owners)
            for item in found.items
            if item.port != 4_791
        }
        assert held == {
            (Transport.UDP, State.BOUND, 4_789, "vxlan vx0", Ownership.KERNEL, ()), (Transport.UDP, State.BOUND, 4_790, "vxlan vx1", Ownership.KERNEL, ()),
        }  # fmt: skip
        assert pairs(only(found.items, port=4_791)).pop()[1] == other.fileno()
        assert "owners.hidden" not in {gap.code for gap in found.gaps}


@pytest.mark.parametrize("source", SOURCES)
def test_who_tells_how_a_tunnel_is_taken_down(host, source):
    tunnel(host, "vx0", 42, 8_472)
    items, commands = ask(host, "8472/udp", source=source)
    assert {(item.address, item.held_by_kernel) for item in items} >= {("0.0.0.0", "vxlan vx0")}
    assert commands == ["ip link delete vx0"]
    assert host.run(commands[0].split()).returncode == 0
    assert look(host, 8_472, source=source) == ()


def test_an_ordinary_user_is_told_too(host):
    tunnel(host, "vx0", 42, 4_789)
    assert call_as(host, see) == [(4_789, "kernel", "vxlan vx0")]


def see():
    return [(item.port, item.ownership.value, item.held_by_kernel) for item in chart([4_789]).items]


def test_a_tunnel_that_is_down_holds_nothing(host):
    add_vxlan(host.netlink, "vx0", 42, 4_789)
    assert look(host, 4_789) == ()


def test_a_process_on_a_tunnel_s_number_is_not_the_tunnel(host):
    """The tunnel is down: its port is free, and a program may have it."""
    add_vxlan(host.netlink, "vx0", 42, 4_789)
    with datagrams(host, "", 4_789) as one:
        item = only(look(host, 4_789))
        assert (item.ownership, item.held_by_kernel) == (Ownership.PROCESS, None)
        assert pairs(item).pop()[1] == one.fileno()
