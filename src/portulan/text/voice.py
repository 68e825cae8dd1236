"""One language, speaking. A `Voice` is passed to whoever makes sentences: there is no global language."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.text.clean import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from gettext import NullTranslations

LANGUAGES = ("en", "ja")
DOMAIN = "portulan"
LOCALE_FOLDER = __file__.removesuffix("voice.py") + "locale"


def mark(message: str) -> str:
    """Mark a message for the catalogue where it stands as data; `Voice.say` translates it later."""
    return message


class Voice:
    """Says messages in one language. Facts are cleaned: nothing foreign reaches a terminal through a sentence."""

    def __init__(self, language: str = "en") -> None:
        """Raises BadInput for a language without a catalogue."""
        if language not in LANGUAGES:
            raise BadInput("language.unknown", text=language, known=", ".join(LANGUAGES))
        self.language = language
        self._catalogue: NullTranslations | None = None
        if language != "en":
            from gettext import translation

            self._catalogue = translation(DOMAIN, LOCALE_FOLDER, languages=[language], fallback=True)

    def say(self, message: str, /, **facts: object) -> str:
        """The message in this language, its {fields} filled with the cleaned facts."""
        if self._catalogue is not None and message:
            message = self._catalogue.gettext(message)
        if not facts:
            return message
        cleaned = _cleaned(facts)
        return (message if self._catalogue is None else _spaced(message, cleaned)).format_map(cleaned)

    def count(self, one: str, many: str, n: int, /, **facts: object) -> str:
        """The message for `n` things, in the plural form of this language; `n` is also the field {n}, with thousands commas."""
        if self._catalogue is not None:
            message = self._catalogue.ngettext(one, many, n)
        else:
            message = one if n == 1 else many
        cleaned: dict[str, object] = {"n": f"{n:,}", **_cleaned(facts)}
        return (message if self._catalogue is None else _spaced(message, cleaned)).format_map(cleaned)

    def together(self, *sentences: str) -> str:
        """Whole sentences, one behind the other: with a blank between them, in Japanese without."""
        return ("" if self.language == "ja" else " ").join(filter(None, sentences))


def _cleaned(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: clean(value) if isinstance(value, str) else value for name, value in facts.items()}


def _spaced(message: str, facts: Mapping[str, object]) -> str:
    """The message with blanks beside its {fields} as Japanese is set: between Japanese and Latin letters one, between Japanese and Japanese none.

    A field may be filled with either (`all addresses`, `127.0.0.1`), so the translation cannot say it.
    """
    import re

    def before(place: re.Match[str]) -> str:
        fact = str(facts.get(place[2], ""))[:1]
        return place[1] + _between(fact, place[0][1 : -len(place[2]) - 2]) + "{" + place[2] + "}"

    def behind(place: re.Match[str]) -> str:
        fact = str(facts.get(place[1], ""))[-1:]
        return "{" + place[1] + "}" + _between(fact, place[0][len(place[1]) + 2 : -1]) + place[2]

    message = re.sub(rf"({_LETTER}) ?\{{(\w+)\}}", before, message)
    return re.sub(rf"\{{(\w+)\}} ?({_LETTER})", behind, message)


_LETTER = "[\u3041-\u30fa\u30fc\u4e00-\u9fff]"
"""Kana and kanji; no punctuation."""


def _between(fact: str, blank: str) -> str:
    """What stands between Japanese and a fact that borders on it."""
    if "\u3041" <= fact <= "\u9fff":
        return ""
    return " " if fact.isascii() and fact.isalnum() else blank


def choose_language(asked: str | None, environment: Mapping[str, str]) -> str:
    """The language to speak: `--lang` if given, else the first of LANGUAGE, LC_ALL, LC_MESSAGES, LANG that we know, else English."""
    if asked:
        return asked
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if not value:
            continue
        for choice in value.split(":"):
            language = choice.partition(".")[0].partition("_")[0].lower()
            if language in LANGUAGES:
                return language
        if name != "LANGUAGE":
            return "en"
    return "en"
