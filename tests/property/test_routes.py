"""Look-ups in routes against a plain search, address by address, in a world of 8 bits at the end of each version's space."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portulan.guard.routes import BITS, REFUSING, link_towards, merge, own, pieces, rank, route_of, routed, routed_by, span_of
from portulan.model.network import Address, Network, Route

KINDS = ("unicast", "unicast", "local", "broadcast", "anycast", *REFUSING)


@st.composite
def networks(draw, version):
    bits = BITS[version]
    routes = []
    for _ in range(draw(st.integers(0, 8))):
        prefix = draw(st.integers(bits - 8, bits) | st.just(0))
        first = draw(st.integers(0, 255)) >> bits - prefix << bits - prefix if prefix else 0
        links = tuple(draw(st.lists(st.sampled_from(("a", "b")), max_size=2, unique=True)))
        routes.append(
            Route(
                version, first, prefix, draw(st.sampled_from(KINDS)), links, draw(st.integers(0, 2)), draw(st.sampled_from((253, 254, 255)))
            )
        )
    return Network(routes=tuple(routes))


def plainly(network, version, number):
    """As the kernel would: IPv6 table by table."""
    fitting = [route for route in network.routes if span_of(route)[0] <= number <= span_of(route)[1]]
    if version == 6:
        for table in (255, 254, 253):
            if there := [route for route in fitting if route.table == table]:
                return min(there, key=lambda route: (-route.prefix, route.metric))
        return None
    return min(fitting, key=lambda route: (-route.prefix, -route.table, route.metric), default=None)


def inside(spans, number):
    return any(first <= number <= last for first, last in spans)


@given(data=st.data(), version=st.sampled_from((4, 6)))
def test_the_look_up_and_the_spans_agree_with_a_plain_search(data, version):
    network = data.draw(networks(version))
    cut = list(pieces(network, version))
    assert cut[0][0] == 0
    assert cut[-1][1] == (1 << BITS[version]) - 1
    assert all(one[1] + 1 == other[0] for one, other in pairwise(cut))
    ours, by_a, anywhere = own(network, version), routed_by(network, version, "a"), routed(network, version)
    for number in (*range(260), (1 << BITS[version]) - 1):
        expected = plainly(network, version, number)
        found = route_of(network, Address(version, number))
        (piece,) = [route for first, last, route in cut if first <= number <= last]
        keys = [None if route is None else (rank(route), span_of(route)) for route in (expected, found, piece)]
        assert keys[0] == keys[1] == keys[2]
        assert inside(ours, number) == (piece is not None and piece.kind in ("local", "anycast"))
        assert inside(by_a, number) == (piece is not None and piece.kind == "unicast" and "a" in piece.links)
        assert inside(anywhere, number) == (piece is not None and piece.kind == "unicast" and piece.links != ())
        link = link_towards(network, Address(version, number))
        if found is None or found.kind in REFUSING:
            assert link is None
        elif found.kind in ("local", "anycast"):
            assert link == "lo"
        else:
            assert link in (*found.links, None)


@given(spans=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda pair: (pair[0], sum(pair)))))
def test_merged_spans_hold_the_same_numbers_and_do_not_touch(spans):
    merged = merge(spans)
    assert {number for first, last in merged for number in range(first, last + 1)} == {
        number for first, last in spans for number in range(first, last + 1)
    }
    assert all(one[1] + 1 < other[0] for one, other in pairwise(merged))
