"""The text of systemd unit files (systemd.syntax(7)) and of their lists of words."""

from __future__ import annotations

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry(Record):
    """One assignment; an empty value takes back what a list had before."""

    section: str
    key: str
    value: str
    path: str
    line: int


class Fault(Record):
    """A line that is none."""

    line: int


def parse_unit(text: str, path: str) -> Iterator[Entry | Fault]:
    """Assignments in their order. A line that ends with a backslash goes on in the next that is no comment."""
    section = ""
    begun, begin = "", 0
    for number, raw in enumerate([*text.split("\n"), ""], 1):
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            begun, begin = begun + line[:-1] + " ", begin or number
            continue
        whole, at = (begun + line).strip(), begin or number
        begun, begin = "", 0
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif whole:
            key, equals, value = whole.partition("=")
            if equals and section:
                yield Entry(section, key.strip(), value.strip(), path, at)
            else:
                yield Fault(at)


def split_words(text: str) -> list[str]:
    """Words as systemd takes them apart: quotes hold spaces, a backslash keeps the next character."""
    words: list[str] = []
    word: list[str] = []
    quote, inside = "", False
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            at += 1
            word.append(text[at])
            inside = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "\"'":
            quote, inside = char, True
        elif char.isspace():
            if inside:
                words.append("".join(word))
            word, inside = [], False
        else:
            word.append(char)
            inside = True
        at += 1
    if inside:
        words.append("".join(word))
    return words


def expand_specifiers(text: str, unit: str) -> str | None:
    """The text with %n, %N, %p, %i, %I, %j, %J and %% filled in (systemd.unit(5), "Specifiers"); None where another one stands."""
    if "%" not in text:
        return text
    name, _, _ = unit.rpartition(".")
    prefix, _, instance = name.partition("@")
    table = {"n": unit, "N": name, "p": prefix, "i": instance, "I": instance.replace("-", "/"), "j": prefix.rpartition("-")[2], "%": "%"}
    parts = text.split("%")
    found = [parts[0]]
    at = 1
    while at < len(parts):
        if not parts[at]:  # "%%"
            found.append("%" + (parts[at + 1] if at + 1 < len(parts) else ""))
            at += 2
            continue
        if parts[at][0] not in table:
            return None
        found.append(table[parts[at][0]] + parts[at][1:])
        at += 1
    return "".join(found)
