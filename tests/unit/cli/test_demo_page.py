"""What `demo` makes of what programs print and draw."""

import io

from portulan.cli.demo_page import Page, fitted, last_page, printed
from portulan.cli.face import Face
from portulan.cli.screen import Screen
from portulan.text.voice import Voice

BEGIN = "\x1b[?1049h\x1b[?25l"


class Drawing(Screen):
    """Draws into a text, as on a window of eight lines."""

    def __init__(self):
        self.face = Face(Voice("en"), io.StringIO(), io.StringIO())

    def size(self):
        return 80, 8


def test_the_last_whole_page_is_shown_without_its_keys():
    screen = Drawing()
    screen.draw(["old"], "q quit")
    screen.draw(["one", "", "\x1b[1mtwo\x1b[0m", ""], "q quit")
    said = BEGIN + screen.face.out.getvalue()
    assert last_page(said) == ["one", "", "\x1b[1mtwo\x1b[0m"]
    assert last_page(said + "\x1b[Hhalf of a pa") == ["one", "", "\x1b[1mtwo\x1b[0m"]
    assert last_page(said + "\x1b[?25h\x1b[?1049lthe end\n") == ["one", "", "\x1b[1mtwo\x1b[0m"]
    assert last_page(BEGIN) is None
    assert last_page("") is None


def test_what_stays_is_what_was_printed_after_the_drawing():
    assert printed(BEGIN + "\x1b[Hpage\x1b[J\x1b[?25h\x1b[?1049l\n a\r\n\n b  \n\n") == [" a", "", " b"]
    assert printed("\x1b]0;x\x07a\x1b[2Jb\x1b[31mc\x1b[0m\x1b[5;6H\b\x1bcd\x1b") == ["ab\x1b[31mc\x1b[0md"]
    assert printed("") == printed("\n\n") == []


def test_a_line_that_is_too_wide_stays_as_far_in():
    assert fitted("  short", 20) == ["  short"]
    assert fitted("\x1b[1m" + "x" * 20 + "\x1b[0m", 20) == ["\x1b[1m" + "x" * 20 + "\x1b[0m"]
    assert fitted("  \x1b[1mone two three four five six seven\x1b[0m", 30) == ["  one two three four five six", "  seven"]


def test_a_page_takes_the_place_of_the_one_before():
    out = io.StringIO()
    page = Page(Face(Voice("en"), out, io.StringIO()))
    screen = Drawing()
    screen.draw(["one", "two"], "q")
    page.draw("")
    page.draw(BEGIN + screen.face.out.getvalue())
    screen.draw(["three"], "q")
    page.draw(BEGIN + screen.face.out.getvalue())
    page.erase()
    page.erase()
    assert out.getvalue() == "   one\x1b[K\n   two\x1b[K\n\x1b[J" + "\x1b[2F   three\x1b[K\n\x1b[J" + "\x1b[1F\x1b[J"
