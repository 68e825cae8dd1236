"""Our table, as nft lists it: whose rules it holds, and how long a trial goes on."""

import json

import pytest

from portulan.errors import ParseError
from portulan.model.guard_life import Running
from portulan.wire.guard_table import lasting, parse_left, parse_table

A, B = "a" * 64, "b" * 64


def listing(comment, *rules):
    return "\n".join(["table inet portulan {", f"\t{comment}", "\tchain input {", *(f"\t\t{rule}" for rule in rules), "\t}", "}", ""])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (listing(f'comment "portulan guard 1 {A}"'), Running(True, A)),
        (listing(f'comment "portulan trial 1 {B} over nothing"', "accept"), Running(True, B, None, True)),
        (
            listing(f'comment "portulan trial 1 {B} over {A[:16]}"', f'goto old_input comment "portulan guard 1 {A}"'),
            Running(True, B, A, True),
        ),
        (listing('comment "somebody else\'s"'), Running(True)),
        (listing("set s {"), Running(True)),
        # A rule's comment, which a policy's note may be, is not the table's.
        (listing('comment "mine"', f'comment "portulan guard 1 {A}"'), Running(True)),
        (listing(f'comment "portulan guard 1 {A}"', f'accept comment "portulan trial 1 {B}"'), Running(True, A)),
        (listing(f'comment "portulan guard 2 {A}"'), Running(True)),
    ],
)
def test_the_table_names_its_rules(text, wanted):
    assert parse_table(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("elements = { ipv4 timeout 1s expires 976ms, ipv6 timeout 1s expires 976ms }", 0.976),
        ("elements = { ipv4 timeout 1h expires 59m59s960ms, ipv6 timeout 1h expires 1m2s }", 62.0),
        ("elements = { ipv4 timeout 1h expires 59m }", None),
        ("flags timeout", None),
    ],
)
def test_how_long_a_trial_goes_on(text, wanted):
    assert parse_left(text) == (None if wanted is None else pytest.approx(wanted))


def ruleset(**changes):
    items = [
        {"metainfo": {"version": changes.get("version", "1.0.6")}},
        {"set": {"name": "s", "handle": 3, "elem": changes.get("elements", ["b", "a"])}},
        {"set": {"name": "m", "flags": changes.get("flags", ["timeout"]), "elem": changes.get("seen", [])}},
        {
            "rule": {
                "handle": changes.get("handle", 4),
                "expr": changes.get("expr", [{"counter": {"packets": changes.get("packets", 0), "bytes": 0}}, {"accept": None}]),
            }
        },
    ]
    return json.dumps({"nftables": items}).encode()


@pytest.mark.parametrize("change", [{"handle": 9}, {"packets": 5}, {"seen": ["10.0.0.1"]}, {"elements": ["a", "b"]}, {"version": "1.1"}])
def test_what_packets_and_nft_change_does_not_count(change):
    assert lasting(ruleset(**change)) == lasting(ruleset())


@pytest.mark.parametrize("change", [{"elements": ["a"]}, {"expr": [{"accept": None}]}, {"expr": [{"accept": None}, {"counter": {}}]}])
def test_what_somebody_changed_counts(change):
    assert lasting(ruleset(**change)) != lasting(ruleset())


def test_what_is_no_listing_is_refused():
    with pytest.raises(ParseError):
        lasting(b"")
