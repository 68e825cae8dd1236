"""TOML with places: every key and value is found where it stands."""

import pytest

from portulan.errors import ParseError
from portulan.guard.policy.toml import parse_toml

TEXT = """# head
top = 1
[doors]   # words
  https = "everyone"
"5432/tcp" = ["office", # them
   'lan',
]
ssh = { from = "office", limit = "10/minute" }
a.b = 2
'it''s' = 3
[doors.smtp]
from = \"\"\"
many # lines
\"\"\"
[[lists]]
x = 1
[[lists]]
x = 2
[lists.deep]
y = 1979-05-27 07:32:00
""".replace("'it''s' = 3\n", "")


def at(toml, *path, value=False):
    spot = toml.spot(*path, value=value)
    return spot.line, spot.column


def test_keys_and_values():
    toml = parse_toml(TEXT, "f")
    assert at(toml, "top") == (2, 1)
    assert at(toml, "top", value=True) == (2, 7)
    assert at(toml, "doors") == (3, 2)
    assert at(toml, "doors", "https") == (4, 3)
    assert at(toml, "doors", "https", value=True) == (4, 11)
    assert at(toml, "doors", "5432/tcp", 1) == (6, 4)
    assert at(toml, "doors", "ssh", "limit") == (8, 26)
    assert at(toml, "doors", "ssh", "limit", value=True) == (8, 34)
    assert at(toml, "doors", "a", "b", value=True) == (9, 7)
    assert at(toml, "doors", "smtp") == (10, 8)
    assert at(toml, "doors", "smtp", "from", value=True) == (11, 8)
    assert at(toml, "lists", 1, "x", value=True) == (17, 5)
    assert at(toml, "lists", 1, "deep", "y", value=True) == (19, 5)


def test_what_is_not_there_stands_where_it_would_be():
    toml = parse_toml(TEXT, "f")
    assert at(toml, "doors", "ssh", "until") == (8, 1)
    assert at(toml, "gone") == (1, 1)


def test_the_end_of_a_value():
    toml = parse_toml("a = 1  # x\nb = [1, 2]\nc = 'x'\n", "f")
    assert [toml.text[toml.held[name,] : toml.ends[name,]] for name in ("a", "b", "c")] == ["1", "[1, 2]", "'x'"]


def test_tables_of_tables():
    toml = parse_toml("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[a.c]\nd = 3\n[[a.e]]\nf = 4\n[[a.e]]\nf = 5\n", "f")
    assert [at(toml, *path)[0] for path in (("a", 0, "c", "d"), ("a", 1, "c", "d"), ("a", 1, "e", 0, "f"), ("a", 1, "e", 1, "f"))] == [
        4,
        7,
        9,
        11,
    ]


def test_escaped_keys_are_what_they_say():
    toml = parse_toml('"a\\u0062\\"c" = 1\n', "f")
    assert at(toml, 'ab"c') == (1, 1)


def test_lines_are_quoted_as_they_stand():
    toml = parse_toml("a = 1\r\nb = 2", "f")
    assert [toml.quoted(1), toml.quoted(2)] == ["a = 1", "b = 2"]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a = 1\nb == 2\n", 2, 4), ("[a\n", 1, 3), ("a = " + "[" * 5000, 1, None), ("a = 2026-02-30\n", 1, None)],
)  # fmt: skip
def test_what_is_no_toml_has_its_place(text, line, column):
    with pytest.raises(ParseError) as raised:
        parse_toml(text, "f")
    facts = raised.value.facts
    assert (raised.value.code, facts["file"], facts["line"]) == ("toml.syntax", "f", line)
    assert column is None or facts["column"] == column


@pytest.mark.parametrize(("text", "code", "word", "column"), [
    ("5432/tcp = 'office'\n", "toml.unquoted-key", "5432/tcp", 1),
    ("  inside -> outside = 'everything'\n", "toml.unquoted-key", "inside -> outside", 3),
    ("東京 = 1\n", "toml.unquoted-key", "東京", 1),
    ("ssh = everyone\n", "toml.unquoted-word", "everyone", 7),
    ("ssh = ['a', office]\n", "toml.unquoted-word", "office", 13),
    ("ssh = { from = lan }\n", "toml.unquoted-word", "lan", 16),
    ("ssh = 'a' b\n", "toml.syntax", None, 11),
    ("a = \n", "toml.syntax", None, 5),
    ("= 5\n", "toml.syntax", None, 1),
])  # fmt: skip
def test_what_must_stand_in_quotes(text, code, word, column):
    with pytest.raises(ParseError) as raised:
        parse_toml(text, "f")
    facts = raised.value.facts
    assert (raised.value.code, facts.get("text"), facts["column"], facts["line"]) == (code, word, column, 1)


@pytest.mark.parametrize(("text", "code", "line", "column", "first"), [
    ('[doors]\nssh = "a"\nhttp = "b"\n"ssh" = "c"\nx = "d"\n', "toml.twice", 4, 1, 2),
    ('[a]\nssh = 1\n[doors]\n  ssh = "a"\nssh = "c"\n', "toml.twice", 5, 1, 4),
    ("[a]\nb.c = 1\n[doors]\n[a.b]\nc = 2\n", "toml.syntax", 4, None, None),
    ('[doors]\nssh = "everyone\nhttp = "x"\n', "toml.unclosed", 2, 16, None),
    ('[doors]\nssh = "everyone\r\nhttp = "x"\r\n', "toml.unclosed", 2, None, None),
    ('[doors]\nssh = "a', "toml.unclosed", 2, None, None),
    ('a = """x\n', "toml.unclosed", 2, 1, None),
    ("a = 1\na = 2\n", "toml.twice", 2, 1, 1),
    ('[doors]\nssh = ["a", "b]\n', "toml.unclosed", 2, 16, None),
])  # fmt: skip
def test_slips_of_the_pen(text, code, line, column, first):
    with pytest.raises(ParseError) as raised:
        parse_toml(text, "f")
    facts = raised.value.facts
    assert (raised.value.code, facts["line"], facts.get("first")) == (code, line, first)
    assert facts["column"] == (column or facts["column"])
