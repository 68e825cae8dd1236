"""What changed between two scans, and what only one side knows."""

from hypothesis import given
from hypothesis import strategies as st

from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet, parse_portset
from portulan.model.scan import State
from portulan.model.scan_diff import Side, Snapshot
from portulan.scan.compare import MANY, differences, one_sided

TCP, UDP = Transport.TCP, Transport.UDP
HERE = "198.18.0.2"


def snapshot(said, address=HERE, names=None):
    told = {(TCP, State(state)): parse_portset(ports) for state, ports in said.items()}
    return Snapshot("f", {address: told}, names or {})


def found(before, after):
    return [(each.ports, each.before, each.after) for each in differences(before, after, lambda *_: None)]


def test_what_opened_and_what_closed():
    before = snapshot({"open": "22,80", "closed": "0-21,23-79,81-65535"})
    after = snapshot({"open": "22,443", "closed": "0-21,23-442,444-60000", "filtered": "60001-65535"})
    assert found(before, after) == [("80", "open", "closed"), ("443", "closed", "open"), ("60001-65535", "closed", "filtered")]
    assert found(before, before) == []


def test_an_open_port_of_which_the_other_does_not_speak():
    assert found(snapshot({"open": "22"}), snapshot({"open": "80"})) == [("22", "open", None), ("80", None, "open")]
    assert found(snapshot({"closed": "22"}), snapshot({"filtered": "80"})) == []
    gone = list(differences(snapshot({"open": "22"}, names={HERE: "web"}), Snapshot("g", {}), lambda *_: "ssh"))
    assert [(each.address, each.name, each.ports, each.after, each.service) for each in gone] == [(HERE, "web", "22", None, "ssh")]


def test_the_many_of_one_change_are_one():
    (one,) = differences(snapshot({"closed": "0-99"}), snapshot({"open": "0-99"}), lambda *_: "x")
    assert (one.amount, one.ports, one.service) == (100, "0-99", None)


CODES = st.lists(st.sampled_from([None, *State]), min_size=60, max_size=60)


def of(codes):
    states = {code for code in codes if code is not None}
    told = {(TCP, state): PortSet.of(PortRange(port, port) for port, code in enumerate(codes) if code is state) for state in states}
    return Snapshot("f", {HERE: told})


@given(CODES, CODES)
def test_against_port_by_port(old, new):
    expected = {
        (port, was, now)
        for port, (was, now) in enumerate(zip(old, new, strict=True))
        if was is not now and ((was is not None and now is not None) or State.OPEN in (was, now))
    }
    changes = list(differences(of(old), of(new), lambda *_: None))
    assert {(port, each.before, each.after) for each in changes for port in parse_portset(each.ports)} == expected
    assert sum(each.amount for each in changes) == len(expected)
    assert all(each.amount == 1 for each in changes if State.OPEN in (each.before, each.after) and each.amount <= MANY)


def test_what_only_one_side_knows():
    outside = {
        (TCP, State.OPEN): parse_portset("22,8080"),
        (TCP, State.FILTERED): parse_portset("5432"),
        (TCP, State.CLOSED): parse_portset("23"),
        (UDP, State.OPEN_FILTERED): parse_portset("53,67"),
    }
    inside = {
        (TCP, 22): ("sshd", ("0.0.0.0",)),
        (TCP, 5432): ("postgres", ("::",)),
        (UDP, 53): ("dns", ("::",)),
        (TCP, 9999): ("x", ("::",)),
    }
    items, agreed = one_sided(HERE, outside, inside, lambda *_: None)
    assert agreed == 1
    assert [(each.port, each.side, each.outside, each.holder) for each in items] == [
        (8080, Side.OUTSIDE, State.OPEN, None),
        (5432, Side.INSIDE, State.FILTERED, "postgres"),
    ]
