"""The bar that a long scan shows, on a terminal only."""

import io
import time

import pytest

from portulan.cli.face import Face
from portulan.cli.scan_progress import Bar
from portulan.text.voice import Voice
from scan_samples import PROGRESS


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_nothing_is_shown_where_nobody_looks():
    assert not Bar(Face(Voice(), io.StringIO(), io.StringIO())).wanted


@pytest.mark.parametrize(
    ("language", "told"), [("en", "88,000 probes/s · 3 open · round 2"), ("ja", "毎秒 88,000 回 · open 3 個 · 2 巡目")]
)
def test_a_short_scan_shows_nothing_and_a_long_one_how_far_it_is(clock, language, told):
    page = Terminal()
    with Bar(Face(Voice(language), page, page, width=100)) as bar:
        assert bar.wanted
        bar.take(PROGRESS)
        assert page.getvalue() == ""
        clock[0] += 1.5
        bar.take(PROGRESS)
        clock[0] += 1
        bar.take(PROGRESS._replace(done=65_536, round=1, left_s=None))
    assert told in page.getvalue()
    assert "46%" in page.getvalue()
