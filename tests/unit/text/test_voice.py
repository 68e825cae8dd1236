"""One language, speaking."""

import pytest

from portulan.errors import BadInput
from portulan.text.voice import LANGUAGES, Voice, choose_language, mark


def test_english_is_the_source():
    assert Voice().say("all IPv4 addresses") == "all IPv4 addresses"
    assert Voice("en").language == "en"


def test_japanese_is_said_in_japanese():
    assert Voice("ja").say("all IPv4 addresses") != "all IPv4 addresses"
    assert Voice("ja").language == "ja"


def test_what_has_no_translation_is_said_in_english():
    assert Voice("ja").say("no such message at all, {name}", name="x") == "no such message at all, x"


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_message_is_empty(language):
    # gettext answers the empty message with its own header.
    assert Voice(language).say("") == ""


@pytest.mark.parametrize("text", ["", "de", "EN", "en_US", "ja.UTF-8", "\x1b"])
def test_another_language_is_bad_input(text):
    with pytest.raises(BadInput) as raised:
        Voice(text)
    assert raised.value.code == "language.unknown"
    assert raised.value.facts == {"text": text, "known": "en, ja"}


def test_facts_are_filled_in_and_cleaned():
    voice = Voice()
    assert voice.say("{name} has {count}", name="a\x1b[2Jb", count=3) == r"a\x1b[2Jb has 3"
    assert voice.say("{name}", name="{other} %s") == "{other} %s"
    assert voice.say("{path}", path="x" * 5000).endswith("x…")


def test_without_facts_braces_are_only_text():
    assert Voice().say("--format {name}") == "--format {name}"


def test_a_fact_may_be_called_message():
    assert Voice().say("{message}", message="m") == "m"
    assert Voice().count("{message}", "{message}s", 1, message="m", one="x") == "m"


def test_a_fact_that_lacks_is_an_error_of_ours():
    with pytest.raises(KeyError):
        Voice().say("{name}", other="x")


@pytest.mark.parametrize(("n", "said"), [(0, "0 ports"), (1, "1 port"), (2, "2 ports"), (65_536, "65,536 ports"), (-1, "-1 ports")])
def test_numbers_in_english(n, said):
    assert Voice().count("{n} port", "{n} ports", n) == said


def test_numbers_in_japanese_have_one_form():
    one, many = (Voice("ja").count("{n} port", "{n} ports", n) for n in (1, 2_000))
    assert "2,000" in many
    assert one.replace("1", "2,000") == many


def test_counting_cleans_too():
    assert Voice().count("{n} in {place}", "{n} in {place}", 2, place="\u202e") == r"2 in \u202e"


def test_mark_only_marks():
    assert mark("some {text}") == "some {text}"


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        ("ja", {}, "ja"),
        ("xx", {"LANG": "ja_JP.UTF-8"}, "xx"),
        (None, {}, "en"),
        ("", {"LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LANG": "ja"}, "ja"),
        (None, {"LANG": "JA_JP"}, "ja"),
        (None, {"LANG": "C"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LANG": "jav"}, "en"),
        (None, {"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        (None, {"LC_ALL": "", "LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LC_MESSAGES": "ja_JP", "LANG": "en_US"}, "ja"),
        (None, {"LC_ALL": "ja_JP", "LC_MESSAGES": "en_US"}, "ja"),
        (None, {"LANGUAGE": "ja", "LC_ALL": "C"}, "ja"),
        (None, {"LANGUAGE": "de:fr:ja:en"}, "ja"),
        (None, {"LANGUAGE": "en:ja", "LANG": "ja_JP"}, "en"),
        (None, {"LANGUAGE": "de:fr", "LANG": "ja_JP"}, "ja"),
        (None, {"LANGUAGE": ":", "LANG": "ja_JP"}, "ja"),
    ],
)
def test_the_language_to_speak(asked, environment, language):
    assert choose_language(asked, environment) == language


@pytest.mark.parametrize(
    ("message", "fact", "said"),
    [
        ("{x} が待ち受け", "nginx", "nginx が待ち受け"),
        ("{x}が待ち受け", "nginx", "nginx が待ち受け"),
        ("{x} で使えます", "すべてのアドレス", "すべてのアドレスで使えます"),
        ("おそらく{x}", "fe80::/10", "おそらく fe80::/10"),
        ("おそらく {x}", "誰でも", "おそらく誰でも"),
        ("残り{x}秒", 41, "残り 41 秒"),
        ("{x}、{x}。", "80", "80、80。"),
        ("名前({x})です", "a", "名前(a)です"),
        ("届く相手  {x}", "誰でも", "届く相手  誰でも"),
        ("{x} です", "(例)", "(例) です"),
        ("{x} です", "", " です"),
    ],
)
def test_blanks_beside_facts_as_japanese_is_set(message, fact, said):
    assert Voice("ja").say(message, x=fact) == said


def test_english_stands_as_it_is_written():
    assert Voice("en").say("on{x} の", x="すべて") == "onすべて の"


def test_sentences_stand_one_behind_the_other():
    assert Voice("en").together("One.", "", "Two.") == "One. Two."
    assert Voice("ja").together("一つ。", "二つ。") == "一つ。二つ。"
