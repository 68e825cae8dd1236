"""Words for traffic and for scanners."""

import pytest

from portulan.model.traffic import Aside, Ended, Mark, Origin
from portulan.text import scanners, traffic
from portulan.text.voice import Voice
from traffic_samples import DISTRIBUTED, HORIZONTAL, OFFICE, SCANNERS, VERTICAL

EN = Voice("en")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (9_949, "9.9 kB"), (9_950, "10 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (1_400_000_000, "1.4 GB"), (31_000_000, "31 MB"), (5 * 10**15, "5,000 TB")],
)  # fmt: skip
def test_amounts(count, text):
    assert traffic.amount(count) == text


@pytest.mark.parametrize(("part", "text"), [(0, "0 %"), (0.001, "<1 %"), (0.005, "<1 %"), (0.006, "1 %"), (0.71, "71 %"), (1, "100 %")])
def test_shares(part, text):
    assert traffic.share(part) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 ms"), (0.038, "38 ms"), (0.4, "0.4 s"), (9.94, "9.9 s"), (119, "119 s"), (3720, "62 min"), (18_720, "5.2 h"), (12 * 86_400, "12 days")]
)  # fmt: skip
def test_spans(seconds, text):
    assert traffic.span(EN, seconds) == text


def test_what_flows_say():
    assert traffic.says({"tls": 3}, 3, {}) == "tls"
    assert traffic.says({"tls": 3}, 4, {}) == "tls 3"
    assert traffic.says({"tls": 3, "ssh": 1}, 3, {"ssh": 1}) == "tls"
    assert traffic.says({}, 3, {}) == ""
    assert traffic.says({"rtp": 2}, 2, {}) == "rtp?"
    assert traffic.says(dict.fromkeys("abcd", 1), 4, {}).endswith("…")


def test_a_mark_names_what_the_client_asked_for_and_is_harmless():
    one = Mark("tls", "10.0.0.7", "2001:db8::1", 3, 9, "a\x1b[2J.example")
    assert traffic.mark_line(EN, one, "tcp", 22, {"10.0.0.7": "ann"}) == "! tls on 22, ann -> 2001:db8::1 (a\\x1b[2J.example) and 2 more"


def test_a_whole_capture_needs_no_words():
    assert traffic.origin_lines(EN, OFFICE.origins) == []
    assert traffic.missing(EN, OFFICE) == []


def test_what_is_not_whole_is_missing():
    answer = OFFICE._replace(origins=(Origin("a", "live", 9, 9, Ended.STOPPED, dropped=1),), aside=(Aside("past-the-cap", 1, 60),))
    assert len(traffic.missing(EN, answer)) == 2
    assert any("10 %" in line for line in traffic.origin_lines(EN, answer.origins))


def test_unknown_reasons_are_told_by_their_code():
    answer = OFFICE._replace(aside=(Aside("odd-thing", 1, 60),))
    assert traffic.aside_lines(EN, answer) == ["1 packet has no port: 1 odd-thing"]


def test_what_scanners_did():
    assert scanners.what_it_did(EN, VERTICAL) == "tried 212 ports in 9.0 s, found 22 and 443"
    assert scanners.what_it_did(EN, HORIZONTAL) == "tried port 23 of 254 hosts in 3.0 h, found none"
    assert scanners.knows(EN, VERTICAL) == "it now knows 22 and 443"
    assert scanners.knows(EN, HORIZONTAL) is None
    assert scanners.sureness(EN, VERTICAL) == "sure after 5 contacts"
    assert scanners.source(EN, DISTRIBUTED).endswith("33 more")


def test_nothing_judged_is_no_all_clear():
    assert "cannot be judged" in scanners.headline(EN, SCANNERS["one way"])
    assert "Nobody" in scanners.headline(EN, SCANNERS["nobody"])
