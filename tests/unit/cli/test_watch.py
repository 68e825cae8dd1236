"""The same question again and again."""

import argparse
import io

import pytest

import chart_samples as samples
from portulan.cli import watch as module
from portulan.cli.face import Face
from portulan.cli.watch import parse_interval, watch
from portulan.errors import BadInput
from portulan.text.chart import lines
from portulan.text.voice import Voice


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what the test and the sleeps add; after three sleeps somebody interrupts."""

    class Clock:
        def __init__(self):
            self.now = 100.0
            self.slept = []

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.slept.append(seconds)
            self.now += seconds
            if len(self.slept) == 3:
                raise KeyboardInterrupt

    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def watched(clock, *, out=None, takes_s=0.0, **more):
    options = argparse.Namespace(**{"watch": "2", "json": False, "csv": False, **more})
    face = Face(Voice(), out or io.StringIO(), io.StringIO())
    looks = []

    def look():
        clock.now += takes_s
        looks.append(clock.now)
        items = samples.chart().items
        return samples.chart()._replace(
            host=f"chart {len(looks)}", items=tuple(item for item in items if len(looks) != 2 or item.port != 22)
        )

    status = watch(options, face, look, lambda _, face, chart: face.line(chart.host))
    return status, face.out.getvalue()


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("0.1", 0.1), ("86400", 86400.0), ("1e1", 10.0), (" 5 ", 5.0)])
def test_an_interval_is_in_seconds(text, seconds):
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "0", "0.09", "-1", "86401", "nan", "inf", "-inf", "1s", "²", "9" * 5000])
def test_what_is_no_interval_is_bad_input(text):
    with pytest.raises(BadInput) as raised:
        parse_interval(text)
    assert (raised.value.code, raised.value.facts) == ("watch.interval", {"text": text})


def test_charts_follow_one_another_until_interrupted(clock):
    assert watched(clock) == (130, "chart 1\n\nchart 2\n\nchart 3\n\n")


@pytest.mark.parametrize("form", ["json", "csv"])
def test_data_has_no_blank_lines_between(clock, form):
    assert watched(clock, **{form: True}) == (130, "chart 1\nchart 2\nchart 3\n")


def test_on_a_terminal_each_chart_replaces_the_last(clock):
    status, out = watched(clock, out=Terminal())
    assert status == 130
    first, second, third = out.removeprefix("\x1b[?1049h\x1b[?25l").removesuffix("\x1b[?25h\x1b[?1049l").split("\x1b[H\x1b[J")[1:]
    assert first == "chart 1\n"
    ssh = lines(Voice(), samples.chart())[0]
    words = f"{ssh.port}  {ssh.held_by}  on {ssh.bound_to}\n"
    at = f"{samples.NOW.astimezone():%H:%M:%S}"
    assert second == f"chart 2\n\n{at}  - {words}"
    assert third == f"chart 3\n\n{at}  - {words}{at}  + {words}"


@pytest.mark.parametrize("form", ["json", "csv"])
def test_data_on_a_terminal_moves_nothing(clock, form):
    assert "\x1b" not in watched(clock, out=Terminal(), **{form: True})[1]


def test_the_time_a_look_takes_is_part_of_the_interval(clock):
    watched(clock, takes_s=0.5)
    assert clock.slept == [1.5, 1.5, 1.5]


def test_a_look_that_takes_longer_is_followed_at_once(clock):
    watched(clock, takes_s=7)
    assert clock.slept == [0.0, 0.0, 0.0]


def test_a_bad_interval_is_told_before_the_first_look(clock):
    out = Terminal()
    with pytest.raises(BadInput):
        watched(clock, out=out, watch="0")
    assert out.getvalue() == ""


def test_the_screen_is_given_back_whatever_happens(clock):
    face = Face(Voice(), Terminal(), io.StringIO())

    def look():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        watch(argparse.Namespace(watch="1", json=False, csv=False), face, look, lambda *_: None)
    assert face.out.getvalue().endswith("\x1b[?25h\x1b[?1049l")
