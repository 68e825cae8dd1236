"""Senders compared."""

import pytest

from policies import policy_of
from portulan.guard.policy.cover import covered, lets_in, parts_of

NAMES = """[doors]
[sources]
all = ["0.0.0.0/0", "::/0"]
four = "0.0.0.0/0"
net = "192.0.2.0/24"
low = "192.0.2.0/25"
high = "192.0.2.128/25"
one = "192.0.2.7"
six = "2001:db8::/32"
eth0 = "interface eth0"
eths = "interface eth*"
net0 = { interface = "eth0", networks = "192.0.2.0/24" }
"""
SOURCES = {source.name: source for source in policy_of(NAMES).sources}


@pytest.mark.parametrize(("inner", "outer", "expected"), [
    (["one"], ["net"], True), (["net"], ["one"], False), (["net"], ["low", "high"], True), (["net"], ["low"], False), (["six"], ["four"], False), (["six"], ["all"], True),
    (["eth0"], ["eths"], True), (["eths"], ["eth0"], False), (["eth0"], ["four"], False), (["eth0"], ["all"], True), (["net0"], ["net"], True), (["net"], ["net0"], False),
    (["net0"], ["eth0"], True), (["net0"], ["eths", "one"], True), ([], [], True), (["one"], [], False), (["low", "six"], ["net", "six"], True),
])  # fmt: skip
def test_covered(inner, outer, expected):
    assert covered(parts_of(map(SOURCES.get, inner)), parts_of(map(SOURCES.get, outer))) is expected


def test_what_is_open_already():
    policy = policy_of(
        NAMES.replace(
            "[doors]\n",
            '[doors]\nhttps = "everyone"\n1-100 = { from = "net", limit = "1/day" }\n"22/tcp" = "net"\n'.replace("1-100", '"1-100"'),
        )
    )
    from datetime import date

    today = date(2026, 1, 1)
    ports = dict(policy.doors[0].ports)
    (tcp, numbers), *_ = policy.doors[2].ports
    assert lets_in(policy, today, tuple(ports.items()), parts_of([SOURCES["one"]]))
    assert lets_in(policy, today, ((tcp, numbers),), parts_of([SOURCES["one"]]))
    assert not lets_in(policy, today, ((tcp, numbers),), parts_of([SOURCES["six"]]))
    assert not lets_in(policy, today, policy.doors[1].ports, parts_of([SOURCES["one"]]))
