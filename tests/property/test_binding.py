"""Laws of the bind rule."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.host.binding import collides, judge, overlap_of
from portulan.model.address import MAPPED
from portulan.model.binding import Answer, Held, Overlap, Wish
from portulan.model.chart import State
from portulan.model.port import Transport

_FOUR = st.sampled_from([bytes(4), b"\x7f\0\0\1", b"\x7f\0\0\6", b"\x0a\0\0\1"])
addresses = _FOUR | _FOUR.map(lambda four: MAPPED + four) | st.sampled_from([bytes(16), bytes(15) + b"\1", b"\xfd" + bytes(14) + b"\1"])
transports = st.sampled_from([Transport.TCP, Transport.UDP])
KNOWN = st.booleans()
TCP_STATES = (State.LISTENING, State.BOUND, State.ESTABLISHED, State.TIME_WAIT)


@st.composite
def wishes(draw, transport=None):
    return Wish(
        transport or draw(transports), draw(addresses), draw(st.sampled_from([80, 81])), draw(st.sampled_from([0, 7])), draw(st.booleans()),
        draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([0, 0, 1, 2])),
    )  # fmt: skip


@st.composite
def holders(draw, transport=None, flags=KNOWN):
    transport = transport or draw(transports)
    address = draw(addresses)
    state = draw(st.sampled_from(TCP_STATES if transport is Transport.TCP else (State.BOUND, State.CONNECTED)))
    return Held(
        transport, address, draw(st.sampled_from([80, 81])), state, 1, draw(st.sampled_from([0, 7])), draw(flags), draw(flags),
        draw(flags) if len(address) == 16 else None, draw(st.sampled_from([0, 0, 1, 2])),
    )  # fmt: skip


UNSURE = st.none() | st.booleans()


@given(wish=wishes(), held=holders(flags=UNSURE), filled=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_what_is_known_later_never_contradicts(wish, held, filled):
    """An answer given without knowing something stays true whatever that turns out to be; and nothing is unknown where everything is known."""
    names = ("reuse_address", "reuse_port", "v6_only")
    full = held._replace(**{name: value for name, value in zip(names, filled, strict=True) if getattr(held, name) is None})
    known = collides(wish, full)
    assert known is not None
    assert collides(wish, held) in (known, None)


@given(wish=wishes(), held=holders())
def test_asking_for_more_sharing_never_hurts(wish, held):
    if collides(wish, held) is False:
        assert collides(wish._replace(reuse_address=True), held) is False
        assert collides(wish._replace(reuse_port=True), held) is False


@given(wish=wishes(), held=holders())
def test_a_listener_is_harder_to_share_with_than_a_bound_socket(wish, held):
    if collides(wish, held) is True:
        assert collides(wish, held._replace(state=State.LISTENING if held.transport is Transport.TCP else held.state)) is True


@given(wish=wishes(), held=st.lists(holders(flags=UNSURE), max_size=5))
def test_the_verdict_is_that_of_the_pairs(wish, held):
    each = [collides(wish, one) for one in held]
    expected = Answer.NO if True in each else Answer.MAYBE if None in each else Answer.YES
    verdict = judge(wish, held)
    assert verdict.answer is expected
    assert len(verdict.obstacles) == sum(one is not False for one in each)
    assert [one.certain for one in verdict.obstacles] == sorted((one.certain for one in verdict.obstacles), reverse=True)


@given(wish=wishes(), held=holders(), also=st.lists(holders(), max_size=3))
def test_who_comes_in_addition_never_makes_room(wish, held, also):
    if judge(wish, [held]).answer is Answer.NO:
        assert judge(wish, [*also, held]).answer is Answer.NO


@given(one=wishes(), other=wishes())
def test_without_sharing_and_connections_it_does_not_matter_who_came_first(one, other):
    one, other = (each._replace(reuse_address=False, reuse_port=False) for each in (one, other))

    def as_held(wish):
        own = len(wish.address) == 16 and any(wish.address) and wish.address[:12] != MAPPED
        state = State.LISTENING if wish.transport is Transport.TCP else State.BOUND
        v6_only = own or (wish.v6_only and not any(wish.address)) if len(wish.address) == 16 else None
        return Held(wish.transport, wish.address, wish.port, state, 1, wish.uid, False, False, v6_only, wish.device)

    assert collides(one, as_held(other)) is collides(other, as_held(one))


@given(wish=wishes(), held=holders())
def test_the_placeholder_is_met_by_ipv4_only(wish, held):
    if collides(wish, held) and overlap_of(wish, held) is Overlap.PLACEHOLDER:
        assert len(wish.address) == 4
        assert len(held.address) == 16
