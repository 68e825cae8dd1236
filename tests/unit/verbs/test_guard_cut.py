"""In which direction a connection was opened, where only its middle was seen."""

from datetime import date

import pytest

from policies import policy_of
from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.model.port import Transport
from portulan.verbs import guard_cut
from portulan.verbs.guard_cut import answers_of, opened, session_of
from portulan.wire.ctnetlink import TCP, UDP, Tracked, Tuple
from rule_builders import network

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


NETWORK = network()
OWN, STRANGER, INSIDE = bytes((198, 18, 0, 2)), bytes((203, 0, 113, 9)), bytes((198, 18, 2, 2))
TEXT = '[doors]\n53 = "everyone"\n[outgoing]\n443 = "everyone"\n[zones]\na = "eth2"\nb = "eth0"\n[forward]\n"a -> b" = ["smtp"]\n'


@pytest.mark.parametrize(
    ("first", "way", "shut"),
    [
        (Tuple(TCP, STRANGER, 50_000, OWN, 53), "in", False),
        (Tuple(TCP, STRANGER, 50_000, OWN, 54), "in", True),
        (Tuple(TCP, OWN, 50_000, STRANGER, 443), "out", False),
        (Tuple(TCP, OWN, 50_000, STRANGER, 444), "out", True),
        (Tuple(TCP, INSIDE, 50_000, STRANGER, 25), "through", False),
        (Tuple(TCP, INSIDE, 50_000, STRANGER, 26), "through", True),
        (Tuple(UDP, OWN, 50_000, STRANGER, 444), "out", True),
        # It may be an answer: the other side may ask there.
        (Tuple(UDP, OWN, 53, STRANGER, 50_000), "out", False),
        (Tuple(TCP, OWN, 53, STRANGER, 50_000), "out", True),
        # This host with itself, and what has no ports.
        (Tuple(TCP, OWN, 50_000, INSIDE[:2] + bytes((2, 1)), 9), "out", False),
        (Tuple(1, STRANGER, 0, OWN, 0), "in", False),
    ],
)
def test_what_could_not_be_begun_again(first, way, shut, monkeypatch):
    monkeypatch.setattr(guard_cut, "link_to", lambda source, target, _: link_of(source))
    rules = compiled_rules(policy_of(TEXT), date(2026, 6, 1), terrain_of(NETWORK))
    assert (first in guard_cut.shut_firsts([(first, None)], rules, NETWORK)) is shut
    assert guard_cut.way_of(first, guard_cut.own_addresses(NETWORK)) == way


def link_of(source):
    """Where packets come from an address: the routes of the machine that runs the tests are not those of the network here."""
    if any(source == address for link in NETWORK.links for address, _ in link.addresses):
        return "lo"
    return "eth2" if source.number >> 8 == int.from_bytes(INSIDE) >> 8 else "eth0"


def test_sessions_on_each_way():
    first = Tuple(TCP, CLIENT, 50_000, SERVER, 22)
    assert guard_cut.session_of(first, "out")[:4] == (Transport.TCP, 22, "192.0.2.1", 50_000)
    assert guard_cut.session_of(first, "through")[2:] == ("198.51.100.4", 50_000, "through", "192.0.2.1")


def test_a_session_is_told_by_the_port_that_was_called():
    told = session_of(CALLED)
    assert (told.port, told.peer, told.peer_port) == (22, "198.51.100.4", 50_000)


def test_answers_come_from_where_a_connection_was_led():
    led = CALLED.turned._replace(source=bytes((172, 17, 0, 2)), source_port=80)
    assert answers_of(Tracked(CALLED, led, 14, 1, 3), CALLED) == led
    # Met while it ran, by an answer: nothing was changed on its way.
    assert answers_of(Tracked(CALLED.turned, CALLED, 14, 1, 3), CALLED) == CALLED.turned
