"""Policies drawn by lot as values, for a network of three interfaces: what they are compiled to is loaded into a kernel, and simulated."""

from datetime import date, timedelta

from hypothesis import strategies as st

from portulan.guard.policy.compile import terrain_of
from portulan.model.network import Address, Link, Network, Route
from portulan.model.policy import Crossing, Limit, Line, Part, Per, Policy, Refusal, Source, Spot, Zone
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Sources

TODAY = date(2026, 11, 22)
V4, V6 = 0x0A000000, 0xFD00 << 112
OWN = {4: V4 | 1, 6: V6 | 1}
LINKS = ("eth0", "eth1", "wg0")
PUBLISHED = {80: 8000, 9: 9}
"""Ports that another program sends on to a container, and to which."""
SPOT = Spot("portulan.toml", 1)


def links():
    found = [Link(1, "lo", type=772, addresses=((Address(4, 0x7F000001), 8), (Address(6, 1), 128)))]
    for at, name in enumerate(LINKS):
        own = tuple(
            (Address(version, number + (at << 8)), prefix) for (version, number), prefix in zip(OWN.items(), (24, 120), strict=True)
        )
        found.append(Link(at + 2, name, addresses=own, forwards4=True, forwards6=True))
    return tuple(found)


def routes():
    found = [Route(4, 0, 0, links=("eth0",)), Route(6, 0, 0, links=("eth0",))]
    for link in links():
        for address, prefix in link.addresses:
            bits = 32 if address.version == 4 else 128
            found.append(Route(address.version, address.number, bits, "local", ("lo",), table=255))
            if link.name != "lo":
                found.append(Route(address.version, address.number >> bits - prefix << bits - prefix, prefix, links=(link.name,)))
    return tuple(found)


NETWORK = Network(None, links(), routes())
TERRAIN = terrain_of(NETWORK)
# Few values, so that lines meet.
PORTS = (0, 9, 22, 68, 80, 546, 8000, 65535)
numbers = st.sampled_from(PORTS)
spans = st.tuples(st.integers(2, 40), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def merged(pairs):
    found = []
    for first, last in sorted(pairs):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


some_sources = st.builds(
    lambda four, six: Sources(merged((V4 + a, V4 + b) for a, b in four), merged((V6 + a, V6 + b) for a, b in six)),
    st.lists(spans, max_size=3),
    st.lists(spans, max_size=2),
)
patterns = st.just(()) | st.lists(st.sampled_from((*LINKS, "eth*", "w*", "ppp0")), max_size=2).map(tuple)
parts = st.just(Part()) | st.builds(Part, st.none() | some_sources, patterns)
named = st.sampled_from(("office", "lan", "everyone-else", "x y", "9"))
sources = st.builds(Source, named, st.lists(parts, max_size=2).map(tuple), st.just(SPOT))
limits = st.none() | st.builds(Limit, st.integers(1, 10), st.sampled_from(Per), st.integers(1, 9))
port_sets = st.lists(
    st.tuples(numbers, numbers).map(lambda pair: PortRange(min(pair), max(pair))) | numbers.map(lambda one: PortRange(one, one)),
    min_size=1,
    max_size=2,
).map(PortSet.of)
some_ports = st.dictionaries(st.sampled_from((Transport.TCP, Transport.UDP, Transport.SCTP)), port_sets, min_size=1).map(
    lambda found: tuple(found.items())
)
ends = st.none() | st.sampled_from((TODAY, TODAY - timedelta(1), TODAY + timedelta(1)))
lines = st.builds(
    Line, st.sampled_from(("ssh", "22/tcp", "a b")), some_ports, st.lists(sources, min_size=1, max_size=2).map(tuple), st.just(SPOT), limits, st.booleans(),
    st.none() | st.text(max_size=9), ends, st.sampled_from((None, None, None, "ftp", "tftp")),
)  # fmt: skip
zones = st.just((Zone("in", ("eth1",), SPOT), Zone("out", ("eth0", "w*"), SPOT)))


@st.composite
def policies(draw):
    inside = draw(st.sampled_from(((), draw(zones))))
    crossings = ()
    if inside:
        crossings = tuple(
            draw(
                st.lists(
                    st.builds(
                        lambda ports, limit, log, until: Crossing(
                            "in -> out", *inside, ports, SPOT, everything=not ports, limit=limit, log=log, until=until
                        ),
                        st.just(()) | some_ports, limits, st.booleans(), ends,
                    ),
                    max_size=1,
                )
            )
        )  # fmt: skip
    return Policy(
        "portulan.toml", "", (), tuple(draw(st.lists(lines, max_size=4))), inside, crossings, draw(st.none() | st.lists(lines, max_size=2).map(tuple)),
        draw(st.sampled_from(Refusal)), draw(limits), tuple(draw(st.lists(sources, max_size=1))),
    )  # fmt: skip
