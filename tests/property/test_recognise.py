"""Any bytes: an answer; and the same for each payload, whatever company it is in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from first_payloads import SAMPLES, TCP, UDP, packed
from portulan.model.traffic import PROTOCOLS
from portulan.traffic.recognise import CODES, alpn_of, name_of, recognise
from portulan.wire.client_hello import LONGEST

KNOWN = [(payload, transport) for (_, transport), payloads in SAMPLES.items() for payload in payloads]


@st.composite
def bent(draw):
    """A payload that is known, cut, with some bytes changed, and more behind it."""
    payload, transport = draw(st.sampled_from(KNOWN))
    data = bytearray(payload[: draw(st.integers(0, len(payload)))] + draw(st.binary(max_size=40)))
    for at in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), max_size=4)) if data else ():
        data[at] = draw(st.integers(0, 255))
    return bytes(data), transport


PAYLOADS = st.one_of(bent(), st.tuples(st.binary(max_size=300), st.sampled_from([TCP, UDP, 132])))


def codes_of(payloads, gap=0, whole=None):
    buffer, start, length = packed([payload for payload, _ in payloads], gap=gap)
    more = None if whole is None else length + whole
    return recognise(buffer, start, length, np.array([transport for _, transport in payloads], np.uint8), more)


@given(st.lists(PAYLOADS, min_size=1, max_size=10), st.integers(0, 9))
@settings(max_examples=30)
def test_an_answer_for_all_and_the_same_alone(payloads, gap):
    together = codes_of(payloads, gap)
    assert (together < len(PROTOCOLS)).all()
    assert together.tolist() == [int(codes_of([one])[0]) for one in payloads]


@given(PAYLOADS, st.integers(0, 1 << 40))
@settings(max_examples=60)
def test_no_length_on_the_wire_is_believed(payload, whole):
    assert codes_of([payload], whole=np.int64(whole))[0] < len(PROTOCOLS)


@given(st.one_of(st.binary(max_size=400), bent().map(lambda one: one[0])), st.sampled_from(sorted(CODES.values())))
def test_names_are_short_printable_ascii(payload, code):
    name = name_of(payload, code)
    assert name is None or (0 < len(name) <= LONGEST and name.isascii() and name.isprintable())
    assert all(one.isascii() and one.isprintable() for one in alpn_of(payload))
