"""The Japanese says each term as the glossary has it, everywhere."""

import re
from pathlib import Path

import pytest

import catalogues
from portulan.text.voice import Voice

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def rows():
    """(English, accepted Japanese forms, forms to avoid) of each term."""
    found = []
    for line in GLOSSARY.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and JAPANESE.search(cells[1]) and cells[0] != "English":
            english, main, others, avoided = cells[:4]
            found.append(
                (english.removeprefix("the "), [main, *filter(None, others.split("、"))], [one for one in avoided.split("、") if one])
            )
    return found


TERMS = rows()


def messages():
    """(English, Japanese) of the catalogue."""
    [path] = catalogues.po_files(ROOT)
    for message in catalogues.load(path):
        if message.id:
            one = message.id if isinstance(message.id, str) else message.id[0]
            yield one, message.string if isinstance(message.string, str) else message.string[0]


MESSAGES = list(messages())


def spoken(text):
    """The words of a message, without commands, options, fields and the names of products."""
    text = re.sub(r":  .*|\bas a rule\b|\"[^\"]*\"|\b\w+ = …", "", text)
    text = re.sub(r"`[^`]*`|\{\w+\}|(?<!\w)--?[\w-]+|\([a-z]+ [^)]*\)|\b(portulan|sudo|go back {2}).*", " ", text)
    return re.sub(r"(?<=[a-zA-Z] )[A-Z]\w+|\b[A-Z]{2,}\b|(?<=\w)/\w+", " ", text)


SPOKEN = [(spoken(one), one, japanese) for one, japanese in MESSAGES]
TEXTS = [japanese for _, japanese in MESSAGES]
TEXTS += [path.read_text("utf-8") for path in (ROOT / "README.ja.md", *sorted((ROOT / "docs" / "ja").rglob("*.md")))]
LINES = [line for text in TEXTS for line in text.splitlines()]


def pattern(english):
    words = english.removesuffix("ed").removesuffix("s") if english in ("listens", "refused") else english
    ending = r"(s|es|ed|ing|ers?)?" if words != english else r"(e?s)?"
    return re.compile(rf"(?<![\w.-]){re.escape(words)}{ending}(?![\w-])", re.IGNORECASE)


def test_the_glossary_has_the_terms_of_the_trade():
    japanese = {form for _, forms, _ in TERMS for form in forms}
    assert {
        "ポート番号",
        "ウェルノウンポート",
        "登録済みポート",
        "動的/プライベートポート",
        "競合",
        "待ち受け",
        "ファイアウォール",
        "送信元",
    } <= japanese
    assert len(TERMS) > 40


@pytest.mark.parametrize(("english", "forms", "avoided"), TERMS, ids=[english for english, _, _ in TERMS])
def test_a_term_is_said_as_it_stands_in_the_glossary(english, forms, avoided):
    said = pattern(english)
    strange = [(one, japanese) for words, one, japanese in SPOKEN if said.search(words) and not any(form in japanese for form in forms)]
    assert strange == []


def avoided_forms():
    return [(form.removesuffix("（"), form.endswith("（")) for _, _, avoided in TERMS for form in avoided]


@pytest.mark.parametrize(("form", "whole"), avoided_forms())
def test_no_form_to_avoid_is_used(form, whole):
    """`whole`: the form is the beginning of the right one too (サーバ, サーバー)."""
    wrong = re.compile(re.escape(form) + (r"(?![ー\w])" if whole else ""))
    assert [line for line in LINES if form in line and wrong.search(line)] == []


def test_parentheses_are_narrow_ones():
    """In what a terminal shows; a text that people wrote may have wide ones."""
    assert [japanese for _, japanese in MESSAGES if "（" in japanese or "）" in japanese] == []


def test_what_is_japanese_is_in_japanese():
    """A translation that is the English itself stands only where nothing is to be translated."""
    same = [one for one, japanese in MESSAGES if one == japanese and re.search(r"[a-z]{4,} [a-z]{3,}", spoken(one))]
    assert same == []


def test_the_catalogue_that_was_compiled_is_this_one():
    voice = Voice("ja")
    assert voice.say("system port ({range}): listening there usually takes root", range="0-1023").startswith("ウェルノウンポート")
