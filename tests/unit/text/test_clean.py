"""Foreign text made harmless; the laws are in tests/property/test_clean.py."""

import pytest

from portulan.text.clean import LONGEST, clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("nginx: worker", "nginx: worker"),
        ("日本語のサーバー", "日本語のサーバー"),
        ("é", "é"),
        ("👩", "👩"),
        ("שלום", "שלום"),
        (r"C:\path", r"C:\path"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\0\x7f", r"\x00\x7f"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\u200f\u200b\u200d", r"\u200f\u200b\u200d"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ufeffx", r"\ufeffx"),
        ("\u00ad", r"\xad"),
        ("\U000e0041", r"\U000e0041"),
        ("\u3164", r"\u3164"),
        ("\udc80\udcff", r"\udc80\udcff"),
        ("\ud83d", r"\ud83d"),
    ],
)
def test_what_acts_becomes_visible_and_the_rest_stays(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, "…"),
        ("", 0, ""),
        ("日本語の", 3, "日本…"),
        ("\x1b\x1b\x1b", 8, r"\x1b\x1…"),
        ("\x1b\x1b", 8, r"\x1b\x1b"),
    ],
)
def test_what_is_too_long_is_cut_and_says_so(text, longest, shown):
    assert clean(text, longest) == shown


def test_a_hundred_kilobytes_become_a_few():
    for text in ("x" * 100_000, "\x1b" * 100_000, "漢" * 100_000):
        shown = clean(text)
        assert len(shown) == LONGEST
        assert shown.endswith("…")


def test_a_word_of_an_enumeration_is_text():
    from portulan.model.port import Transport

    assert clean(Transport.TCP) == "tcp"
