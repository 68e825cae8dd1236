"""Whatever goes through `clean` may go to a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.text.clean import clean
from portulan.text.voice import Voice
from strategies import acts, hostile_text, nasty


def test_no_character_of_unicode_acts_after_it():
    for first in range(0, 0x110000, 1024):
        block = "".join(map(chr, range(first, first + 1024)))
        assert not [hex(ord(each)) for each in clean(block, 20_000) if acts(each)]


def test_whatever_does_not_act_stays_but_for_fillers():
    fillers = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
    unassigned = {chr(code) for code in (0x2065, 0xE0000, *range(0xE0002, 0xE0020))}
    changed = {chr(code) for code in range(0x110000) if clean(chr(code)) != chr(code)}
    assert {each for each in changed if not acts(each)} == fillers | unassigned


@nasty("text", longest=20)
@given(text=hostile_text, longest=st.integers(0, 200))
def test_it_is_short_printable_and_can_be_encoded(text, longest):
    shown = clean(text, longest)
    assert len(shown) <= max(longest, 1)
    assert not any(map(acts, shown))
    shown.encode("utf-8")


@nasty("text")
@given(text=hostile_text)
def test_once_is_enough(text):
    assert clean(clean(text)) == clean(text)


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_plain_text_stays(text):
    assert clean(text) == text


@nasty("text")
@given(text=hostile_text)
def test_a_voice_says_nothing_harmful(text):
    said = Voice("en").say("before {name} after", name=text)
    assert said == f"before {clean(text)} after"
    assert not any(map(acts, Voice("en").count("{n} {name}", "{n} {name}s", 2, name=text)))
