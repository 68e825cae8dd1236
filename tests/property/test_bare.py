"""Where there are no rules the short way tells the same as the engine."""

from hypothesis import assume, given
from hypothesis import strategies as st

from portulan.guard.bare import Bare
from portulan.guard.reach import simulate
from portulan.guard.senders import stand
from portulan.model.network import Address, Link, Network, Route
from portulan.model.port import Transport
from portulan.model.ruleset import Ruleset

LO = Link(1, "lo", "loopback", type=772, addresses=((Address(4, 0x7F000001), 8), (Address(6, 1), 128)))


def route(version, first, prefix, kind="unicast", links=("eth0",), table=254):
    return Route(version, first, prefix, kind, links, table=table)


@st.composite
def networks(draw):
    """A host with up to two links of usual networks, with a way to everywhere or without."""
    links, routes = [LO], [route(4, 0x7F000000, 8, "local", ("lo",), 255), route(6, 1, 128, "local", ("lo",), 255)]
    for at in range(draw(st.integers(0, 2))):
        name, addresses = f"eth{at}", []
        if draw(st.booleans()):
            own = 0xC6120001 + (at << 8)
            addresses.append((Address(4, own), 24))
            routes += [
                route(4, own & ~255, 24, links=(name,)),
                route(4, own, 32, "local", (name,), 255),
                route(4, own | 255, 32, "broadcast", (name,), 255),
            ]
            if draw(st.booleans()):
                routes.append(route(4, 0, 0, links=(name,)))
        if draw(st.booleans()):
            own = (0xFD00 << 112) + (at << 64) + 1
            addresses.append((Address(6, own), 64))
            routes += [route(6, own & ~((1 << 64) - 1), 64, links=(name,)), route(6, own, 128, "local", (name,), 255)]
            if draw(st.booleans()):
                routes.append(route(6, 0, 0, links=(name,)))
        up = draw(st.booleans())
        if not up:
            routes = [each for each in routes if name not in each.links]
        links.append(Link(at + 2, name, "veth", up=up, addresses=tuple(addresses), reverse_filter=draw(st.sampled_from((0, 1, 2)))))
    return Network(links=tuple(links), routes=tuple(routes))


@given(network=networks(), transport=st.sampled_from((Transport.TCP, Transport.UDP)), data=st.data())
def test_the_short_way_and_the_engine_agree(network, transport, data):
    own = [address for link in network.links if link.up for address, _ in link.addresses]
    bound = data.draw(st.none() | st.sampled_from(own))
    v4, v6 = data.draw(st.sampled_from(((True, True), (True, False), (False, True))))
    if bound is not None:
        v4 = v6 = True
    addresses = None if bound is None else (bound,)
    short = Bare(network).door(addresses, v4=v4, v6=v6)
    assume(short is not None)
    found = stand(simulate(Ruleset(), network).door(transport, 80, addresses, v4=v4, v6=v6))
    assert short.wide == found.wide
    assert [(each.kind, each.but) for each in short.sure] == [(each.kind, each.but) for each in found.sure]
    assert short.perhaps == found.perhaps == ()
    assert {link for grant in short.grants for link in grant.links} == {
        link for grant in found.grants if grant.verdict == "accept" for link in grant.links
    }
