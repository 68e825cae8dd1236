"""Laws of policies: any text is a policy or mistakes with their places; what is opened is open, what is closed is closed, and nothing else changes."""

import random
import tomllib
from datetime import date

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from policies import policy_of, reader_of, table
from policy_samples import draw_policy
from portulan.errors import BadInput
from portulan.guard.policy.check import Surroundings, find_doubts
from portulan.guard.policy.cover import covered
from portulan.guard.policy.edit import close_door, open_door
from portulan.guard.policy.meaning import decide, is_from
from portulan.guard.policy.read import read_policy
from portulan.guard.policy.services import door_ports
from portulan.guard.policy.toml import parse_toml
from portulan.guard.policy.understood import understood
from portulan.guard.policy.wording import limit_text, ports_text
from portulan.model.policy import Part, Source
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Sources

TODAY = date(2026, 6, 1)
TCP, UDP = Transport.TCP, Transport.UDP
FEW = max(40, settings.default.max_examples // 3)
WORDS = st.sampled_from([
    "[doors]\n", "[sources]\n", "[zones]\n", "[forward]\n", "[outgoing]\n", "[settings]\n", "ssh", "https", "22", '"22/tcp"', '"80-90"', " = ", '"everyone"', '"office"', "office", "ping",
    "{ from = ", " }", "[", "]", ", ", 'limit = "1/day"', "until = 2026-01-01", "\n", '"192.0.2.0/24"', '"interface eth0"', '"file n"', "inside", '"a -> b"', '"everything"', "#", "''", "log", "true",
    "refuse", '"drop"', "helper = ", '"ftp"', ".", "\\u0000", "é", "\r\n", '"""',
])  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join))
POLICIES = st.integers(0, 10**6).map(lambda seed: draw_policy(random.Random(seed)))
DOORS = st.sampled_from(["ssh", "https", "22/tcp", "53", "8000-8010", "5432/tcp", "1-1024/udp", "8005", "400-500/tcp"])
PACKETS = st.tuples(
    st.sampled_from([TCP, UDP]),
    st.sampled_from([4, 6]),
    st.sampled_from([0x0A000001, 0xC6336407, 0xCB007105, 0x01020304]),
    st.sampled_from(["eth0", "eth1", "wg0", "tun7", "dummy0"]),
    st.one_of(st.sampled_from([22, 53, 80, 443, 8000, 8005, 8011, 5432, 450, 1024]), st.integers(0, 65535)),
)


@given(TEXTS)
@example('[doors]\nssh = "everyone"\n[[doors.x]]\n')
@example("[[doors]]\nssh = 1\n[doors.a]\nb = 1\n[[doors]]\n")
def test_any_text_is_a_policy_or_mistakes_with_their_places(text):
    reading = read_policy(text, "p.toml", table(), reader_of({"n": "192.0.2.1"}))
    assert (reading.policy is None) == bool(reading.problems)
    lines = text.split("\n")
    for problem in reading.problems:
        assert problem.facts["file"] == "p.toml"
        assert 1 <= problem.facts["line"] <= len(lines) + 1
        assert problem.facts["column"] >= 1
    if reading.policy is not None:
        find_doubts(reading.policy, TODAY, Surroundings())
        understood(reading.policy, TODAY)


def paths(value, path=()):
    """Every key of nested tables and lists."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from paths(part, (*path, key))


@given(TEXTS)
@example('a."b c".d = [1, {x = [2, 3], y.z = "}"}, """\n]"""]\n[[t]]\nu = 1\n[[t]]\n[t.v]\nw = 2\n')
@example("a = [ # ]\n 1, # x\n]\nb = 1 # ]")
def test_places_are_found_for_all_that_is_there(text):
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    toml = parse_toml(text, "f")
    assert set(paths(values)) <= set(toml.keys)
    for path, end in toml.ends.items():
        assert tomllib.loads("x = " + text[toml.held[path] : end].replace("\r\n", "\n"))["x"] == _at(values, path)


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def allows(policy, packet):
    return decide(policy, TODAY, *packet).outcome is not Outcome.DROP and decide(policy, TODAY, *packet).outcome is not Outcome.REJECT


def ports_of(door):
    return door_ports(door, table())


def holds(door, packet):
    return any(kind is packet[0] and packet[4] in ports for kind, ports in ports_of(door))


@settings(max_examples=FEW)
@given(POLICIES, DOORS, st.lists(PACKETS, max_size=12))
def test_what_is_opened_is_open_and_nothing_else_changes(sample, door, packets):
    text, files = sample
    before = policy_of(text, files)
    after = policy_of(open_door(text, "f", door, ("everyone",), {}, ports_of), files)
    for packet in packets:
        if holds(door, packet):
            assert allows(after, packet)
        else:
            assert decide(after, TODAY, *packet).outcome is decide(before, TODAY, *packet).outcome
    assert (after.ping, after.outgoing and [line.ports for line in after.outgoing], after.crossings and len(after.crossings)) == (
        before.ping, before.outgoing and [line.ports for line in before.outgoing], before.crossings and len(before.crossings),
    )  # fmt: skip


@settings(max_examples=FEW)
@given(POLICIES, DOORS, st.lists(PACKETS, max_size=12))
def test_what_is_closed_is_closed_and_nothing_else_changes(sample, door, packets):
    text, files = sample
    before = policy_of(text, files)
    try:
        changed = close_door(text, "f", door, (), ports_of)
    except BadInput:  # no key is left for what stays
        assume(False)
    after = policy_of(changed, files)
    for packet in packets:
        if holds(door, packet):
            assert not allows(after, packet)
        else:
            assert decide(after, TODAY, *packet).outcome is decide(before, TODAY, *packet).outcome
    assert close_door(changed, "f", door, (), ports_of) == changed


@settings(max_examples=FEW)
@given(POLICIES, st.lists(PACKETS, max_size=12))
def test_a_line_that_does_nothing_may_go(sample, packets):
    """What `check` says of a shadowed line is true for every packet."""
    text, files = sample
    policy = policy_of(text, files)
    idle = {one.spot.line for one in find_doubts(policy, TODAY, Surroundings()) if one.code == "line.shadowed"}
    without = policy._replace(doors=tuple(line for line in policy.doors if line.spot.line not in idle))
    for packet in packets:
        assert decide(policy, TODAY, *packet).outcome is decide(without, TODAY, *packet).outcome


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=3)
PARTS = st.lists(
    st.builds(
        lambda spans, links: Part(None if spans is None else Sources(merged(spans)), links),
        st.none() | SPANS,
        st.sampled_from([(), (), ("eth0",), ("eth1",), ("eth*",), ("eth0", "wg0")]),
    ),
    max_size=3,
)


def merged(spans):
    from portulan.guard.routes import merge

    return merge((first, first + size) for first, size in spans)


@given(PARTS, PARTS, st.sampled_from([4, 6]), st.integers(0, 50), st.sampled_from(["eth0", "eth1", "wg0", "eth9", "x"]))
def test_covered_senders_are_among_the_others(inner, outer, version, address, link):
    if covered(inner, outer) and is_from(Source("a", tuple(inner)), version, address, link):
        assert is_from(Source("b", tuple(outer)), version, address, link)


@given(POLICIES)
def test_ports_and_limits_read_back(sample):
    policy = policy_of(*sample)
    for line in policy.doors:
        assert tuple(part for text in ports_text(line.ports) for part in ports_of(text)) == line.ports
        if line.limit is not None:
            again = policy_of(f'[doors]\n22 = {{ from = "everyone", limit = "{limit_text(line.limit)}" }}\n')
            assert again.doors[0].limit == line.limit
