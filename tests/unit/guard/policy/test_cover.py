"""Senders compared."""

import pytest

from policies import policy_of
from portulan.guard.policy.cover import covered, parts_of

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
