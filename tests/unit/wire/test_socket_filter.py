import pytest
from hypothesis import given
from hypothesis import strategies as st

from classic_bpf import Passing, run
from portulan.errors import ParseError
from portulan.wire.socket_filter import (
    MOST_STEPS,
    build_all,
    build_ports,
    drop,
    from_network_header,
    keep,
    pack_steps,
    parse_steps,
    with_snap,
)

SNAP = 96
ports = st.integers(0, 65535)


def ipv4(protocol=6, source=40000, destination=443, *, options=0, fragment=0):
    header = bytes([0x45 + options, 0, 0, 0, 0, 0, fragment >> 8, fragment & 255, 64, protocol]) + bytes(10 + 4 * options)
    return header + source.to_bytes(2) + destination.to_bytes(2) + bytes(16)


def ipv6(following=6, source=40000, destination=443):
    return bytes([0x60, 0, 0, 0, 0, 24, following, 64]) + bytes(32) + source.to_bytes(2) + destination.to_bytes(2) + bytes(20)


def passings(packet, protocol):
    """The same packet on an Ethernet and on a link without link headers."""
    yield Passing(bytes(12) + protocol.to_bytes(2) + packet, 14, protocol)
    yield Passing(packet, 0, protocol, hardware=65534)


def kept(ranges, packet, protocol):
    steps = build_all(build_ports(ranges, SNAP, ethernet=True), build_ports(ranges, SNAP, ethernet=False))
    answers = {run(steps, each) for each in passings(packet, protocol)}
    assert len(answers) == 1, "the two kinds of links disagree"
    return answers == {SNAP}


@given(st.lists(st.tuples(ports, ports).map(lambda pair: tuple(sorted(pair))), min_size=1, max_size=4), ports, ports, st.integers(0, 10))
def test_ports_pass_at_either_end(ranges, source, destination, options):
    wanted = any(first <= port <= last for first, last in ranges for port in (source, destination))
    assert kept(ranges, ipv4(17, source, destination, options=options), 0x0800) == wanted
    assert kept(ranges, ipv6(132, source, destination), 0x86DD) == wanted


@pytest.mark.parametrize(
    ("packet", "protocol", "passes"),
    [
        (ipv4(fragment=0x2000), 0x0800, False),  # the first of several: its ports are there
        (ipv4(destination=80, fragment=0x2000), 0x0800, True),
        (ipv4(fragment=0x0010), 0x0800, True),  # a later one: whose it is cannot be told here
        (ipv4(1), 0x0800, True),  # ICMP: may be about a connection
        (ipv4(47), 0x0800, True),
        (ipv4(89), 0x0800, False),  # OSPF has no ports anywhere
        (ipv6(44), 0x86DD, True),
        (ipv6(0), 0x86DD, True),
        (ipv6(58), 0x86DD, True),
        (ipv6(89), 0x86DD, False),
        (ipv4(), 0x8100, True),  # behind a tag that is still in the frame
        (ipv4(), 0x8864, True),
        (ipv4(), 0x0806, False),  # ARP
        (ipv4()[:21], 0x0800, False),  # too short for ports: nobody could count it
    ],
)
def test_what_cannot_be_decided_passes(packet, protocol, passes):
    assert kept([(80, 80)], packet, protocol) is passes


def test_loopback_is_heard_once():
    steps = build_all([keep(SNAP)], [keep(SNAP)])
    there, back = (Passing(bytes(60), hardware=772, kind=kind) for kind in (4, 0))
    assert (run(steps, there), run(steps, back)) == (0, SNAP)
    assert run(steps, Passing(bytes(60), kind=4)) == SNAP, "what goes out by a cable comes back from nowhere"


@given(st.lists(st.integers(1, 50), unique=True, max_size=5), st.integers(1, 50), st.sampled_from([1, 772, 65534]))
def test_interfaces(numbers, interface, hardware):
    packet = Passing(bytes(60), interface=interface, hardware=hardware)
    assert bool(run(build_all([keep(1)], [keep(1)], only=numbers), packet)) == (interface in numbers or not numbers)
    assert bool(run(build_all([keep(1)], [keep(1)], without=numbers), packet)) == (interface not in numbers)


def test_one_packet_in_so_many():
    steps = build_all([keep(SNAP)], [drop()], sample=10)
    assert [bool(run(steps, Passing(bytes(60), random=number))) for number in range(21)] == [number % 10 == 0 for number in range(21)]


def test_programs_for_other_links_count_from_the_ip_header():
    raw = [(0x30, 0, 0, 9), (0x15, 0, 3, 6), (0xB1, 0, 0, 0), (0x48, 0, 0, 2), (0x15, 1, 0, 443), drop(), keep(1 << 18)]
    moved = with_snap(from_network_header(raw), SNAP)
    assert run(moved, Passing(bytes(7) + ipv4(), 7)) == SNAP
    assert run(moved, Passing(bytes(7) + ipv4(destination=80), 7)) == 0
    assert run(raw, Passing(ipv4(), 0)) == 1 << 18


def test_too_long_a_filter_is_refused():
    with pytest.raises(ParseError) as raised:
        build_all([keep(1)] * MOST_STEPS, [keep(1)])
    assert raised.value.code == "traffic.filter-long"


def test_steps_and_bytes():
    steps = build_ports([(1, 2)], SNAP, ethernet=True)
    assert parse_steps(pack_steps(steps)) == steps
    with pytest.raises(ParseError):
        parse_steps(b"short")
