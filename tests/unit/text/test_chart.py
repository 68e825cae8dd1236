"""The chart in words."""

from datetime import timedelta

import pytest
from hypothesis import given

from builders import packed
from chart_samples import BLUE, CONNECTIONS, NOW, OWN, SOCKETS, TCP, UDP, ago, chart, endpoints, owner, row, survey
from portulan.model.address import Exposure
from portulan.model.chart import Chart, Gap, Namespace, Ownership, State
from portulan.model.port import PortClass
from portulan.text.chart import bound_to, duration, headline, held_by, lines, namespace_name, plain_address, telling_unit
from portulan.text.voice import LANGUAGES, Voice
from strategies import acts, hostile_text, nasty, surveys

ENGLISH = Voice()
EVERYTHING = chart(SOCKETS + CONNECTIONS, counted=True)
LINES = {(line.port, line.namespace, line.state): line for line in lines(ENGLISH, EVERYTHING)}


def line(port, state="listening", namespace="this one"):
    return LINES[port, namespace, state]


def charted(*sockets, processes=None, **more):
    """The lines of a few sockets."""
    found = survey(sockets)._replace(**more)
    if processes is not None:
        found = found._replace(processes={one.pid: one for one in processes})
    return lines(ENGLISH, Chart(host="h", taken_at=NOW, items=endpoints(found), source="bpf", namespaces=found.namespaces[:1]))


def only(*sockets, **more):
    (one,) = charted(*sockets, **more)
    return one


def test_a_line_tells_everything_of_a_server():
    told = line("80/tcp")
    assert (told.service, told.held_by, told.bound_to, told.peer, told.state) == (
        "http",
        "nginx x5  nginx.service",
        "all 4+6",
        "-",
        "listening",
    )
    assert (told.user, told.since, told.queue, told.connections, told.namespace) == ("root", "12 days", "2/511", "2", "this one")
    assert (told.port_class, told.exposure, told.known) == (PortClass.SYSTEM, Exposure.ALL, True)


def test_what_is_not_known_is_a_dash():
    told = line("4789/udp", "bound")
    assert (told.service, told.since, told.queue, told.connections) == ("-", "-", "-", "-")
    assert only(row(81, "::", "?forbidden", uid=None)).user == "-"
    assert only(row(81, "::", "?forbidden", uid=4711)).user == "4711"


def test_lines_keep_the_order_of_the_endpoints():
    numbers = [(one.namespace != "this one", int(one.port.partition("/")[0])) for one in lines(ENGLISH, EVERYTHING)]
    assert numbers == sorted(numbers)
    assert lines(ENGLISH, chart(())) == []


def test_addresses_of_one_server_are_one_line():
    assert [one.bound_to for one in charted(*SOCKETS[:2])] == ["all 4+6"]
    told = only(row(80, "10.0.0.5", "812:1"), row(80, "127.0.0.1", "812:2"), row(80, "::1", "812:3"))
    assert (told.bound_to, told.exposure) == ("10.0.0.5 127.0.0.1 ::1", Exposure.PRIVATE)


@pytest.mark.parametrize(
    "other",
    [
        row(80, "::1", "815:3"),
        row(80, "::1", "812:3 815:3"),
        row(80, "::1", "812:3", netns=BLUE),
        row(80, "::1", "812:3", transport=UDP),
        row(80, "::1", "812:3", state=State.BOUND),
        row(81, "::1", "812:3"),
        row(80, "::1", "?forbidden"),
    ],
)
def test_whatever_has_other_holders_or_another_port_is_a_line_of_its_own(other):
    assert len(charted(row(80, "127.0.0.1", "812:2"), other)) == 2


def test_what_nobody_is_seen_to_hold_is_gathered_by_what_is_known():
    assert len(charted(row(80, "0.0.0.0", "?forbidden"), row(80, "::", "?forbidden"))) == 1
    assert len(charted(row(80, "0.0.0.0", "?forbidden"), row(80, "::", "?hidden"))) == 2
    assert len(charted(row(80, "0.0.0.0", "?forbidden", uid=1), row(80, "::", "?forbidden", uid=2))) == 2


def test_every_connection_is_a_line_of_its_own():
    one = row(443, "127.0.0.1", "812:1", state=State.ESTABLISHED, peer_port=5, destination=packed("127.0.0.1"))
    other = row(443, "127.0.0.1", "812:1", state=State.ESTABLISHED, peer_port=6, destination=packed("127.0.0.1"))
    assert [(told.bound_to, told.peer) for told in charted(one, other)] == [("127.0.0.1", "127.0.0.1:5"), ("127.0.0.1", "127.0.0.1:6")]
    assert (line("443/tcp", "established").bound_to, line("443/tcp", "established").peer) == ("192.168.1.20", "203.0.113.7:51000")


def test_an_empty_queue_is_empty():
    assert (line("22/tcp").queue, line("22/tcp").connections) == ("0/128", "0")
    assert only(row(80, "::", "812:1", wqueue=0)).queue == "0/0"


def test_queues_and_connections_of_all_addresses():
    told = only(
        row(80, "127.0.0.1", "812:1", rqueue=3, wqueue=10), row(80, "127.0.0.2", "812:2", rqueue=1, wqueue=500),
        connections={(OWN, 80, packed("127.0.0.1")): 900, (OWN, 80, packed("127.0.0.2")): 134},
    )  # fmt: skip
    assert (told.queue, told.connections) == ("3/500", "1,034")


def test_since_when_is_the_oldest_holders():
    found = [owner(5, "a", started_at=ago(hours=1)), owner(6, "b", started_at=ago(hours=5)), owner(7, "c")]
    assert only(row(80, "::", "5:1 6:1 7:1"), processes=found).since == "5 h"
    assert only(row(80, "::", "7:1"), processes=found).since == "-"


# --- who holds it ---


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("22/tcp",), "sshd  ssh.service"),
        (("80/tcp",), "nginx x5  nginx.service"),
        (("631/tcp",), "systemd  cups.socket"),
        (("3389/tcp",), "probably vault  xrdp.service"),
        (("4789/udp", "bound"), "kernel: vxlan vx0"),
        (("5000/tcp", "time-wait"), "-"),
        (("8000/tcp",), "python3 -m http.server"),
        (("8080/tcp",), "docker-proxy  shop-web (docker)"),
        (("9999/tcp",), "(nobody seen)"),
        (("40000/tcp", "established"), "firefox"),
        (("6666/tcp",), r"evil\x1b[2J\u202e"),
    ],
)
def test_holders(key, words):
    assert line(*key).held_by == words


def test_known_holders_are_processes_and_the_kernel():
    assert [line(*key).known for key in (("22/tcp",), ("4789/udp", "bound"), ("3389/tcp",), ("9999/tcp",), ("5000/tcp", "time-wait"))] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_several_programs_are_all_named():
    found = [owner(5, "a"), owner(6, "b"), owner(7, "a")]
    assert only(row(80, "::", "5:1 5:2 6:1 7:1"), processes=found).held_by == "a x2, b"


def test_the_first_unit_that_tells_something_is_named():
    found = [owner(5, "a", unit="session-1.scope"), owner(6, "a", unit="x.service"), owner(7, "a", unit="y.service")]
    assert only(row(80, "::", "5:1 6:1 7:1"), processes=found).held_by == "a x3  x.service"


def test_systemd_is_told_with_the_unit_of_each_port():
    # One process, many ports, each on behalf of another unit: what was said of one must not be said of the next.
    items = endpoints(survey((row(22, "::", "1:5"), row(631, "::", "1:6"), row(632, "::", "1:7"))))
    told = lines(ENGLISH, Chart(host="h", taken_at=NOW, items=items, source="bpf"))
    assert [one.held_by for one in told] == ["systemd", "systemd  cups.socket", "systemd"]


@pytest.mark.parametrize(
    ("why", "unit", "words"),
    [
        ("forbidden", None, "(may not be seen)"),
        ("hidden", None, "(nobody seen)"),
        ("none", None, "-"),
        ("unknown", None, "(unknown)"),
        ("forbidden", "/system.slice/ssh.service", "ssh.service (may not be seen)"),
        ("forbidden", "/system.slice/cups.socket", "cups.socket (may not be seen)"),
        ("forbidden", "/user.slice/user-1000.slice/session-3.scope", "(may not be seen)"),
        ("unknown", "/system.slice/ssh.service", "ssh.service (unknown)"),
    ],
)
def test_what_is_said_where_nobody_is_seen(why, unit, words):
    assert only(row(80, "::", f"?{why}", cgroup=5), cgroups={5: unit or "/"}).held_by == words


def test_few_candidates_are_named_and_many_are_not():
    found = [owner(pid, f"p{pid}") for pid in range(5, 9)]
    assert only(row(80, "::", "?forbidden 5 6 7"), processes=found).held_by == "probably p5, p6, p7"
    assert only(row(80, "::", "?forbidden 8 7 6 5"), processes=found).held_by == "probably p5, p6, p7…"
    assert only(row(80, "::", "?forbidden 5 6"), processes=[owner(5, "a"), owner(6, "a")]).held_by == "probably a"


@pytest.mark.parametrize(
    ("unit", "telling"),
    [
        ("nginx.service", True),
        ("cups.socket", True),
        ("session-3.scope", False),
        ("init.scope", False),
        ("user@1000.service", False),
        (None, False),
        ("", False),
    ],
)
def test_units_that_tell_something(unit, telling):
    assert telling_unit(owner(5, "x", unit=unit)) is telling


# --- where it is bound ---


@pytest.mark.parametrize(
    ("sockets", "words"),
    [
        ([("0.0.0.0", None)], "all 4"),
        ([("::", True)], "all 6"),
        ([("::", False)], "all 4+6"),
        ([("::", None)], "all 6"),
        ([("0.0.0.0", None), ("::", True)], "all 4+6"),
        ([("0.0.0.0", None), ("10.0.0.5", None)], "all 4 10.0.0.5"),
        ([("127.0.0.1", None), ("::1", None)], "127.0.0.1 ::1"),
        ([("127.0.0.1", None), ("127.0.0.1", None)], "127.0.0.1"),
        ([("::ffff:10.0.0.5", False)], "10.0.0.5"),
        ([("::ffff:10.0.0.5", False), ("10.0.0.5", None)], "10.0.0.5"),
        ([("::ffff:0.0.0.0", False)], "all 4"),
    ],
)
def test_addresses(sockets, words):
    found = survey(tuple(row(80, address, "812:1", v6_only=only_6) for address, only_6 in sockets))
    assert bound_to(ENGLISH, list(endpoints(found))) == words


def test_interfaces_are_named():
    found = survey((row(80, "0.0.0.0", "812:1", device=2), row(80, "10.0.0.5", "812:2", device=3)))
    assert bound_to(ENGLISH, list(endpoints(found))) == "all 4 10.0.0.5 %3 %eth0"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("[::ffff:10.0.0.5]:80", "10.0.0.5:80"),
        ("10.0.0.5:80", "10.0.0.5:80"),
        ("[::1]:80", "[::1]:80"),
        ("[fe80::1]:80", "[fe80::1]:80"),
        ("::ffff:0:1", "::ffff:0:1"),
        ("-", "-"),
    ],
)
def test_a_mapped_address_is_the_one_on_the_wire(text, plain):
    assert plain_address(text) == plain


def test_namespaces_by_their_names():
    mine, blue = endpoints(survey((row(80, "::", "812:1"), row(80, "::", "812:1", netns=BLUE))))
    assert (namespace_name(ENGLISH, mine), namespace_name(ENGLISH, blue)) == ("this one", "blue")


# --- how long, how many ---


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=0.9), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=3999), "3,999 days"),
    ],
)
def test_the_largest_unit_that_fits(span, words):
    assert duration(ENGLISH, span.total_seconds()) == words


def test_the_headline_counts_ports_not_sockets():
    assert headline(ENGLISH, chart(one_namespace=True)) == "web-01   12 ports · 8 on all addresses"
    assert headline(ENGLISH, chart()) == "web-01   12 ports · 8 on all addresses · 1 more in 1 other network namespace"
    assert headline(ENGLISH, EVERYTHING) == "web-01   13 ports · 9 on all addresses · 3 connections · 1 more in 1 other network namespace"
    assert headline(ENGLISH, chart(())._replace(namespaces=())) == "web-01   0 ports"
    assert headline(ENGLISH, chart((row(80, "127.0.0.1", "812:1"),), one_namespace=True)) == "web-01   1 port"


# --- whatever the names are ---


@nasty("name")
@given(name=hostile_text)
def test_no_name_reaches_a_terminal_raw(name):
    process = owner(
        5, name, name, name, executable=name, user=name, unit=f"{name}.service", container=f"docker:{name}" if name[:1] > "m" else None
    )
    found = survey((row(80, "0.0.0.0", "5:1", device=2), row(81, "::", "?forbidden 5", cgroup=9), row(82, "::", "?kernel")))._replace(
        processes={5: process}, devices={(OWN, 2): name}, cgroups={9: f"/{name}.service"}, kernel={(OWN, TCP, 82): name},
        namespaces=(Namespace(1, None, True), Namespace(OWN, name or None)),
    )  # fmt: skip
    items = tuple(item._replace(service=name, user=name) for item in endpoints(found))
    drawn = Chart(host=name, taken_at=NOW, items=items, gaps=(Gap("x"),), source="bpf", namespaces=found.namespaces)
    for language in LANGUAGES:
        voice = Voice(language)
        texts = [headline(voice, drawn), *(text for told in lines(voice, drawn) for text in told if isinstance(text, str))]
        for text in texts:
            assert not any(map(acts, text))
            text.encode()
            assert len(text) < 1_000


def test_a_runtime_with_an_odd_name_is_cleaned_too():
    assert held_by(
        ENGLISH, list(endpoints(survey((row(80, "::", "5:1"),))._replace(processes={5: owner(5, "a", container="\x1b[2J:x")})))
    ) == (r"a  x (\x1b[2J)")


@given(found=surveys())
def test_every_endpoint_of_any_survey_is_in_a_line(found):
    items = endpoints(found)
    told = lines(ENGLISH, Chart(host="h", taken_at=NOW, items=items, source="bpf", namespaces=found.namespaces))
    assert {(one.port, one.state) for one in told} == {(f"{item.port}/{item.transport.value}", item.state.value) for item in items}
    assert len(told) <= len(items)
    assert all(one.known == (one.held_by != "-" and not one.held_by.startswith(("(", "probably", "web.service"))) for one in told)


def test_ownerships_have_all_a_word():
    for why in Ownership:
        if why not in (Ownership.PROCESS, Ownership.GONE):
            assert only(row(80, "::", f"?{why.value}")).held_by
