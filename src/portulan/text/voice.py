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
        return message.format_map(_cleaned(facts)) if facts else message

    def count(self, one: str, many: str, n: int, /, **facts: object) -> str:
        """The message for `n` things, in the plural form of this language; `n` is also the field {n}, with thousands commas."""
        if self._catalogue is not None:
            message = self._catalogue.ngettext(one, many, n)
        else:
            message = one if n == 1 else many
        return message.format_map({"n": f"{n:,}", **_cleaned(facts)})


def _cleaned(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: clean(value) if isinstance(value, str) else value for name, value in facts.items()}


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
