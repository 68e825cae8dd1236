"""What is written down of a policy's life comes back as it was, or not at all."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.model.guard_life import Notes, Past, Trial
from portulan.wire.guard_notes import format_notes, parse_notes, sealed, unsealed

HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
TRIALS = st.builds(
    Trial, token=st.text("0123456789abcdef", min_size=1), new=HASHES, old=st.none() | HASHES, seconds=st.floats(5, 3600), boot=st.text(), begun_at=TIMES,
    file=st.text(), met=st.none() | st.lists(st.text()).map(tuple),
)  # fmt: skip
PASTS = st.builds(
    Past, number=st.integers(1), hash=HASHES, file=st.text(), confirmed_at=TIMES, by=st.sampled_from(["connection", "console", "vouch"])
)
NOTES = st.builds(
    Notes, confirmed=st.none() | HASHES, trial=st.none() | TRIALS, past=st.lists(PASTS, max_size=10).map(tuple), boot=st.none() | st.text(), netns=st.none() | st.integers(0),
)  # fmt: skip


@given(NOTES)
def test_notes_come_back(notes):
    assert parse_notes(format_notes(notes)) == notes


@given(NOTES, st.data())
def test_no_byte_of_them_may_change_or_be_missing(notes, data):
    written = format_notes(notes)
    at = data.draw(st.integers(0, len(written) - 1))
    damaged = data.draw(st.sampled_from([written[:at], written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :], written + b"x"]))
    with pytest.raises(ParseError):
        parse_notes(damaged)


@given(st.binary())
def test_what_is_sealed_is_unsealed(data):
    body = unsealed(sealed(data))
    assert body.removesuffix(b"\n") == data.removesuffix(b"\n")


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"format": 2}', b"null", b"\xff"])
def test_what_is_sealed_and_yet_no_notes_is_refused(text):
    with pytest.raises(ParseError):
        parse_notes(sealed(text))
