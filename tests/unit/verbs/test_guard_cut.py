"""In which direction a connection was opened, where only its middle was seen."""

import pytest

from portulan.verbs.guard_cut import answers_of, opened, session_of
from portulan.wire.ctnetlink import TCP, UDP, Tracked, Tuple

CLIENT, SERVER = bytes((198, 51, 100, 4)), bytes((192, 0, 2, 1))
CALLED = Tuple(TCP, CLIENT, 50_000, SERVER, 22)


@pytest.mark.parametrize(
    ("seen", "listening", "wanted"),
    [
        (CALLED, {22}, CALLED),
        (CALLED.turned, {22}, CALLED),
        (CALLED.turned, set(), CALLED.turned),
        (CALLED.turned, {22, 50_000}, CALLED.turned),
        # A bound UDP socket may be a client's.
        (CALLED.turned._replace(protocol=UDP), {22}, CALLED.turned._replace(protocol=UDP)),
    ],
)
def test_an_answer_is_not_taken_for_a_call(seen, listening, wanted):
    assert opened(Tracked(seen, seen.turned, 14, 1, 3), listening) == wanted


def test_a_session_is_told_by_the_port_that_was_called():
    told = session_of(CALLED)
    assert (told.port, told.peer, told.peer_port) == (22, "198.51.100.4", 50_000)


def test_answers_come_from_where_a_connection_was_led():
    led = CALLED.turned._replace(source=bytes((172, 17, 0, 2)), source_port=80)
    assert answers_of(Tracked(CALLED, led, 14, 1, 3), CALLED) == led
    # Met while it ran, by an answer: nothing was changed on its way.
    assert answers_of(Tracked(CALLED.turned, CALLED, 14, 1, 3), CALLED) == CALLED.turned
