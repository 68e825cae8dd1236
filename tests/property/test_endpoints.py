"""The chart of any survey: nothing lost, nothing twice, in an order of its own."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.host.endpoints import build_endpoints
from portulan.model.chart import Ownership, State
from strategies import surveys


def build(survey):
    return build_endpoints(survey, service_of=lambda port, _: f"s{port}", user_of=str, container_of=lambda _: None)


@given(survey=surveys(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(survey, order):
    shuffled = list(survey.rows)
    order.shuffle(shuffled)
    assert build(survey._replace(rows=tuple(shuffled))) == build(survey)


@given(survey=surveys())
def test_every_socket_that_is_still_there_is_in_one_endpoint(survey):
    alive = [row.cookie for row in survey.rows if survey.unheld.get(row.cookie) != "gone"]
    assert sorted(socket.cookie for item in build(survey) for socket in item.sockets) == sorted(alive)


@given(survey=surveys())
def test_no_two_endpoints_are_alike(survey):
    items = build(survey)
    keys = [(item.netns, item.transport, item.port, item.address, item.state, item.peer, item.sockets[0].device) for item in items]
    assert len(set(keys)) == len(keys)
    places = [space.inode for space in survey.namespaces]
    order = [(places.index(item.netns), item.port, item.transport.value) for item in items]
    assert order == sorted(order)


@given(survey=surveys())
def test_owners_are_those_that_hold_one_of_the_sockets(survey):
    for item in build(survey):
        held = {holder for socket in item.sockets for holder in survey.holders.get(socket.cookie, ())}
        present = sorted(
            ((pid, fd) for pid, fd in held if pid in survey.processes), key=lambda one: (one[0], -1 if one[1] is None else one[1])
        )
        if present:
            assert [(owner.pid, owner.fd) for owner in item.owners] == present
            assert item.ownership is Ownership.PROCESS
        else:
            assert not item.owners
            assert item.ownership is not Ownership.PROCESS


@given(survey=surveys())
def test_no_connection_is_counted_twice(survey):
    items = build(survey)
    if survey.connections is None:
        assert all(item.connections is None for item in items)
    else:
        total = sum(item.connections for item in items if item.connections is not None)
        assert total <= sum(survey.connections.values())
        assert all((item.connections is not None) == (item.state is State.LISTENING) for item in items)
