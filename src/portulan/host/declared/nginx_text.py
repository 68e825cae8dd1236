"""The words of an nginx configuration: directives, blocks, quotes and comments, as ngx_conf_read_token takes them apart."""

from __future__ import annotations

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = " \t\r\n"
_LUA = "_by_lua_block"
_MOST_WORDS = 512
_DEEPEST = 128


class Directive(Record):
    """One directive: its words, where it begins, and whether a block follows."""

    words: list[str]
    line: int
    column: int
    block: bool


class Closing(Record):
    """The end of a block; or, with `expected`, the place where the text stopped making sense."""

    line: int
    expected: str | None = None


def parse_nginx(text: str) -> Iterator[Directive | Closing]:
    """Directives in their order. Ends with a Closing that says what was expected where the text is not nginx's. Linear time."""
    words: list[str] = []
    begin = (1, 1)
    depth = 0
    tokens = _Tokens(text)
    for word, quoted, line, column in tokens:
        if quoted or word not in (";", "{", "}"):
            begin = begin if words else (line, column)
            words.append(word)
            if len(words) <= _MOST_WORDS:
                continue
        expected = _expected(word if not quoted else "", words, depth)
        if expected is not None:
            yield Closing(line, expected)
            return
        if word == "}":
            depth -= 1
            yield Closing(line)
        elif word == "{" and words[0].endswith(_LUA):
            tokens.skip_lua()
        else:
            depth += word == "{"
            yield Directive(words, *begin, word == "{")
        words = []
    if tokens.fault or words or depth:
        yield Closing(tokens.line, tokens.fault or ("';'" if words else "'}'"))


def _expected(word: str, words: list[str], depth: int) -> str | None:
    """What had to stand here instead; None where the word is right."""
    if word == "}":
        return "';'" if words else None if depth else "a directive (not '}')"
    if word not in ("{", ";"):
        return "';'"
    if not words:
        return "a directive"
    return "less nesting" if word == "{" and depth >= _DEEPEST else None


class _Tokens:
    """Iterates over (word, quoted, line, column)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_start = 0
        self.fault: str | None = None

    def __iter__(self) -> Iterator[tuple[str, bool, int, int]]:
        text, end = self.text, len(self.text)
        while self.at < end:
            char = text[self.at]
            if char == "\n":
                self.line += 1
                self.line_start = self.at + 1
            if char in _SPACE:
                self.at += 1
                continue
            if char == "#":
                stop = text.find("\n", self.at)
                self.at = end if stop < 0 else stop
                continue
            line, column = self.line, self.at - self.line_start + 1
            if char in ";{}":
                self.at += 1
                yield char, False, line, column
            elif char in "\"'":
                word = self.quoted(char)
                if self.fault:
                    return
                yield word, True, line, column
            else:
                yield self.plain(), False, line, column

    def quoted(self, quote: str) -> str:
        """A word in quotes: a backslash keeps the next character."""
        word: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == quote:
                self.at += 1
                return "".join(word)
            if char == "\\" and self.at + 1 < len(self.text):
                self.at += 1
                char = self.text[self.at]
            if char == "\n":
                self.line += 1
                self.line_start = self.at + 1
            word.append(char)
            self.at += 1
        self.fault = quote
        return ""

    def plain(self) -> str:
        """A word up to space, `;` or `{`; the brace of `${name}` belongs to it."""
        begin, text = self.at, self.text
        while self.at < len(text):
            char = text[self.at]
            if char == "\\":
                self.at += 2
                continue
            if char in _SPACE or char == ";" or (char == "{" and text[self.at - 1] != "$"):
                break
            self.at += 1
        self.at = min(self.at, len(text))
        word = text[begin : self.at]
        newlines = word.count("\n")  # behind a backslash
        if newlines:
            self.line += newlines
            self.line_start = begin + word.rindex("\n") + 1
        return word.replace("\\", "") if "\\" in word else word

    def skip_lua(self) -> None:
        """Over a block of Lua: braces are counted, those in its strings and comments are not."""
        text, depth = self.text, 1
        while self.at < len(text) and depth:
            char = text[self.at]
            if char == "\n":
                self.line += 1
                self.line_start = self.at + 1
            elif char == "-" and text.startswith("--", self.at):
                stop = text.find("\n", self.at)
                self.at = len(text) if stop < 0 else stop
                continue
            elif char in "\"'":
                stop = self.at + 1
                while stop < len(text) and text[stop] not in (char, "\n"):
                    stop += 2 if text[stop] == "\\" else 1
                self.at = min(stop, len(text) - 1)
                if text[self.at] == "\n":
                    continue
            elif char in "{}":
                depth += 1 if char == "{" else -1
            self.at += 1
        if depth:
            self.fault = "'}'"
