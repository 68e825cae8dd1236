import argparse
import io
from datetime import UTC, datetime

import pytest

from portulan.cli import traffic_live
from portulan.cli.face import Face
from portulan.cli.traffic_live import View
from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.model.traffic import Ended, Held, Mark, Origin, PortTraffic, Traffic
from portulan.text.traffic_live import listening, notes
from portulan.text.voice import Voice

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def port(number, size, rate, flows, **more):
    return PortTraffic(
        Transport.TCP, number, more.pop("service", None), 10, size, flows, size // 2, size // 2, 0.5, {}, bytes_per_s=rate, **more
    )


ANSWER = Traffic(
    origins=(Origin("eth0", "live", 30, 3000, Ended.STOPPED, dropped=7, merged=2),), packets=30, bytes=3000, flows=9, began_at=WHEN, ended_at=WHEN,
    ports=(
        port(443, 2000, 10.0, 3, service="https", processes=(Held(812, "nginx", 3, 2000),), marks=(Mark("ssh", "192.0.2.1", "192.0.2.2", 1, 100),)),
        port(22, 900, 500.0, 1, service="ssh", processes=(Held(5, "sshd\x1b[2J", 1, 900),)),
        port(8080, 100, None, 5, untold={"not-seen": 4, "nobody": 1}),
    ),
    hosts=(), rows=(), buckets=(), aside=(), cap=100, bytes_per_s=510.0, missing=("short-lived",),
)  # fmt: skip


class Counting:
    """A watch that only counts how often it was begun anew."""

    resets = 0

    def reset(self):
        self.resets += 1


def page(view, language="en", width=100):
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width)
    return view.page(face, ANSWER, width=width)


def ports(lines):
    return [word for line in lines for word in line.split() if word.endswith("/tcp")]


def test_a_page():
    lines = page(View(Counting()))
    assert "30 packets" in lines[0]
    assert "now 510 B/s" in lines[0]
    assert ports(lines) == ["443/tcp", "22/tcp", "8080/tcp"]
    text = "\n".join(lines)
    assert "nginx 812" in text
    assert "! ssh" in text
    assert "4 flows over before anybody could be asked" in text
    assert "7 packets came faster than they could be read" in text
    assert "CAP_BPF" in text
    assert "\x1b" not in text


def test_keys_sort():
    view = View(Counting())
    for key, expected in {"r": [22, 443, 8080], "f": [8080, 443, 22], "n": [22, 443, 8080], "b": [443, 22, 8080]}.items():
        view.press(key)
        assert ports(page(view)) == [f"{number}/tcp" for number in expected]


def test_keys_pause_count_anew_and_quit():
    view = View(Counting())
    view.press("p")
    assert (view.paused, "counting goes on" in view.bottom(Voice())) == (True, True)
    view.press(" zZx")
    assert (view.paused, view.watch.resets, view.quit) == (False, 2, False)
    view.press("q")
    assert view.quit


def test_narrow_and_in_japanese():
    for line in page(View(Counting()), "ja", 50):
        assert len(line) <= 60
    assert any("現在 510 B/秒" in line for line in page(View(Counting()), "ja"))


def test_what_is_heard_and_what_should_be_known():
    assert listening(Voice(), ["eth0", "lo"], []) == "Listening on eth0, lo. Ctrl-C ends it."
    assert "not on br0" in listening(Voice(), ["eth0"], ["br0"])
    assert notes(Voice(), ANSWER)[0].startswith("2 packets are several segments each")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--sample", "0"], "traffic.sample"), (["--sample", "x"], "traffic.sample"), (["--duration", "0"], "traffic.seconds"), (["--interval", "nan"], "traffic.seconds"),
        (["--duration", "1e12"], "traffic.seconds"),
    ],
)  # fmt: skip
def test_wrong_numbers(words, code):
    parser = argparse.ArgumentParser()
    traffic_live.arguments(parser, Voice())
    options = parser.parse_args(words, argparse.Namespace(json=False, ports=[]))
    with pytest.raises(BadInput) as raised:
        traffic_live.run(options, Face(Voice(), io.StringIO(), io.StringIO()), print)
    assert raised.value.code == code
