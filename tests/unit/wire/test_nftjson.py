"""nft's JSON: what is no rule set is refused, what is not understood is kept, what counts is a number."""

import json
from array import array

import pytest

from portulan.errors import ParseError
from portulan.model.rule import (
    Binary,
    Choose,
    Element,
    Field,
    Limit,
    Lookup,
    Match,
    Members,
    Name,
    Named,
    Names,
    Number,
    Opaque,
    Quota,
    Range,
    Rule,
    Spans,
    Strange,
    Translate,
    Update,
    Verdict,
    VerdictKind,
)
from portulan.model.ruleset import Base, Chain, Flowtable, Table
from portulan.wire.nftjson import parse_ruleset

TABLE = {"table": {"family": "inet", "name": "t", "handle": 1}}
CHAIN = {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 2}}
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}
STATE = {"ct": {"key": "state"}}


def read(*items, **options):
    return parse_ruleset(json.dumps({"nftables": list(items)}).encode(), **options)


def rule(*statements, chain="c", **more):
    return {"rule": {"family": "inet", "table": "t", "chain": chain, "handle": 5, "expr": list(statements), **more}}


def statements(*given, extra=()):
    return read(TABLE, CHAIN, *extra, rule(*given)).chains[0].rules[0].statements


def match(left, right, op="=="):
    (found,) = statements({"match": {"op": op, "left": left, "right": right}})
    return found


def refused(data):
    with pytest.raises(ParseError) as caught:
        parse_ruleset(data)
    return caught.value


# --- what is no rule set ---


def test_truncated_json_is_refused_with_its_place():
    whole = json.dumps({"nftables": [TABLE, CHAIN]}).encode()
    for size in range(len(whole)):
        assert refused(whole[:size]).code == "nft.not-json"
    assert refused(whole[:40]).facts["size"] == 40


def test_what_is_not_utf8_is_refused():
    error = refused(b'{"nftables": [\xff]}')
    assert (error.code, error.facts["offset"]) == ("nft.not-json", 14)


@pytest.mark.parametrize("text", ["[]", "{}", '{"nftables": {}}', '{"nftables": null}', '"x"', '{"packages": []}'])
def test_foreign_json_is_refused(text):
    assert refused(text.encode()).code == "nft.foreign"


def test_deep_nesting_is_refused():
    assert refused(b'{"nftables": [' + b'{"rule": [' * 100_000).code in ("nft.damaged", "nft.not-json")
    deep = b'{"&": [' * 600 + b"1" + b", 1]}" * 600
    assert refused(
        json.dumps({"nftables": [TABLE, CHAIN, rule("X")]}).encode().replace(b'"X"', b'{"match": {"op": "==", "right": 1, "left": ' + deep + b"}}")
    ).code == "nft.damaged"  # fmt: skip


@pytest.mark.parametrize(
    "item",
    [
        rule(chain="missing"),
        {"rule": {"family": "inet", "table": "t"}},
        {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": "accept"}},
        rule(handle="5"),
        rule(handle=True),
        rule(comment=5),
        CHAIN,
        {"chain": {"family": "inet", "table": "t"}},
        {"chain": {"family": "inet", "table": "t", "name": "b", "hook": "input", "type": "filter", "prio": "high"}},
        {"chain": {"family": "inet", "table": "t", "name": "b", "hook": "input", "type": "filter", "prio": 0, "policy": "perhaps"}},
        {"chain": {"family": "inet", "table": "t", "name": "b", "hook": "input", "prio": 0}},
        {"set": {"family": "inet", "table": "t", "name": "s", "type": 5}},
        {"set": {"family": "inet", "table": "t", "name": "s", "type": []}},
        {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr", "elem": "1.2.3.4"}},
        {"set": {"family": "inet", "table": "t", "name": "s"}},
        {"table": {"family": "inet"}},
        {"counter": {"family": "inet", "table": "t"}},
    ],
    ids=lambda item: json.dumps(item)[:70],
)
def test_objects_that_cannot_be_are_refused(item):
    assert refused(json.dumps({"nftables": [TABLE, CHAIN, item]}).encode()).code == "nft.damaged"


def chain(name):
    return {"chain": {"family": "inet", "table": "t", "name": name}}


def test_jumps_in_a_circle_are_refused():
    there, back = rule({"jump": {"target": "b"}}), rule({"goto": {"target": "c"}}, chain="b")
    assert refused(json.dumps({"nftables": [CHAIN, chain("b"), there, back]}).encode()).code == "nft.circle"
    assert refused(json.dumps({"nftables": [CHAIN, rule({"jump": {"target": "c"}})]}).encode()).code == "nft.circle"
    arms = {"set": [[22, {"jump": {"target": "c"}}]]}
    assert refused(json.dumps({"nftables": [CHAIN, rule({"vmap": {"key": DPORT, "data": arms}})]}).encode()).code == "nft.circle"


def test_jumps_through_a_named_map_are_followed():
    named = {
        "map": {
            "family": "inet",
            "table": "t",
            "name": "m",
            "type": "inet_service",
            "map": "verdict",
            "elem": [[22, {"jump": {"target": "c"}}]],
        }
    }
    look = rule({"vmap": {"key": DPORT, "data": "@m"}})
    assert refused(json.dumps({"nftables": [CHAIN, named, look]}).encode()).code == "nft.circle"
    del named["map"]["elem"]
    assert read(CHAIN, named, look, terse=True).sets["inet", "t", "m"].members is None


def test_jumps_to_nowhere_are_refused():
    error = refused(json.dumps({"nftables": [CHAIN, rule({"jump": {"target": "b"}})]}).encode())
    assert (error.code, error.facts) == ("nft.no-chain", {"chain": "c", "target": "b"})


def test_many_ways_to_one_chain_are_no_circle():
    names = [f"c{number}" for number in range(2000)]
    jumps = [rule({"jump": {"target": names[at + 1]}}, chain=names[at]) for at in range(1999) for _ in range(2)]
    assert len(read(*map(chain, names), *jumps).chains) == 2000


# --- what is not understood is kept ---


@pytest.mark.parametrize("item", [5, None, "x", [], {}, {"a": 1, "b": 2}, {"widget": {"family": "ip"}}, {"rule": 5}])
def test_unknown_things_are_kept_as_text(item):
    assert read(TABLE, item).opaque == (json.dumps(item),)


@pytest.mark.parametrize(
    "given",
    [
        {"widget": 5}, 7, None, {}, {"accept": 1}, {"jump": {}}, {"jump": {"target": 5}}, {"limit": {"rate": 3}}, {"limit": {"rate": -1, "per": "second"}},
        {"limit": {"rate": 3, "per": "second", "new": 1}}, {"quota": {"val": 3, "val_unit": "pints"}}, {"ct count": {}}, {"mangle": {"key": 5, "value": 3}},
        {"reject": {"type": "icmp", "expr": "no-such"}}, {"reject": {"type": "widget"}}, {"dnat": {"family": "ipx"}}, {"dnat": {"new": 1}},
        {"vmap": {"key": DPORT}}, {"match": {"op": "==", "left": DPORT}}, {"match": {"op": "~", "left": DPORT, "right": 5}}, {"queue": {"num": 3, "x": 1}},
        {"set": {"op": "add", "elem": DPORT}}, {"log": {"widget": 1}}, {"fwd": {}}, {"dup": {}}, {"counter": {"x": 1}}, {"flow": {"op": "del", "flowtable": "@f"}},
        {"meter": {"name": "m", "key": DPORT}}, {"synproxy": {"x": 1}}, {"tproxy": {"x": 1}}, {"notrack": {"x": 1}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_unknown_statements_are_opaque(given):
    (found,) = statements(given)
    assert found == Opaque(json.dumps(given))


def test_what_iptables_made_says_what_it_may_do():
    assert statements({"xt": {"type": "match", "name": "recent"}}) == (Opaque('xt match "recent"', "xt-match"),)
    assert statements({"xt": {"type": "target", "name": "DNAT"}}) == (Opaque('xt target "DNAT"', "xt"),)
    assert statements({"xt": None}) == (Opaque("xt", "xt"),)


def test_a_rule_without_words_is_opaque():
    item = rule()
    del item["rule"]["expr"]
    assert read(CHAIN, item).chains[0].rules == (Rule(5, (Opaque(""),)),)


def test_statements_printed_as_text():
    assert statements("update @m { ip saddr : 0x5 }") == (Update("update", "m", Strange("ip saddr : 0x5")),)
    assert statements("add @m { ip saddr limit rate 3/second : 5 }") == (Opaque("add @m { ip saddr limit rate 3/second : 5 }"),)
    assert statements("widget on") == (Opaque("widget on"),)


def test_unknown_words_are_strange_and_not_left_out():
    found = match(DPORT, "no-such-service")
    assert found.right == Members(elements=(Element((Strange("no-such-service"),)),))
    found = match(DPORT, {"set": [22, "no-such-service"]})
    assert found.right.elements == (Element((Range(22, 22),)), Element((Strange("no-such-service"),)))
    assert match(SADDR, {"range": ["10.0.0.9", "10.0.0.1"]}).right.elements is not None
    assert match(SADDR, "10.0.0.300").right.elements == (Element((Strange("10.0.0.300"),)),)
    assert match(DPORT, 70_000).right.elements == (Element((Strange("70000"),)),)
    assert match({"widget": 5}, 3).left == Strange('{"widget": 5}')
    assert match(SADDR, "host", "<").right.elements == (Element((Strange("host"),)),)


def test_a_chain_of_an_unknown_family_is_kept():
    item = {"chain": {"family": "quantum", "table": "t", "name": "c", "type": "filter", "hook": "tunnel", "prio": 3}}
    assert read(item).chains == (Chain("quantum", "t", "c", (), Base("filter", "tunnel", 3)),)


# --- what it means ---


def test_flags_are_bits():
    assert match(STATE, ["established", "related"], "in") == Match(
        Binary("&", Field("ct", "state"), Number(6)), Members(spans=Spans((0,), (0,))), negated=True, written="in"
    )
    assert match(STATE, "new", "!").negated is False
    assert match(STATE, "new").right == Members(spans=Spans((8,), (8,)))
    assert match(STATE, {"set": ["invalid", "new"]}).right == Members(spans=Spans((1, 8), (1, 8)))
    flags = {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["fin", "syn", "rst", "ack"]]}
    assert match(flags, "syn") == Match(Binary("&", Field("tcp", "flags"), Number(0x17)), Members(spans=Spans((2,), (2,))))


@pytest.mark.parametrize(
    ("op", "number", "spans"),
    [
        ("<", 1024, ((0,), (1023,))), ("<=", 1024, ((0,), (1024,))), (">", 1024, ((1025,), (65535,))), (">=", 1024, ((1024,), (65535,))), ("<", 0, ((), ())),
        (">", 65535, ((), ())),
    ],
)  # fmt: skip
def test_inequalities_are_spans(op, number, spans):
    assert match(DPORT, number, op) == Match(Field("tcp", "dport"), Members(spans=Spans(*spans)), written=op)


def test_addresses_are_numbers():
    found = match(SADDR, {"set": ["1.2.3.4", {"prefix": {"addr": "10.0.0.0", "len": 8}}, {"range": ["192.0.2.1", "192.0.2.9"]}]}, "!=")
    assert found.negated
    assert found.right.spans == Spans((0x01020304, 0x0A000000, 0xC0000201), (0x01020304, 0x0AFFFFFF, 0xC0000209))
    six = match({"payload": {"protocol": "ip6", "field": "saddr"}}, {"prefix": {"addr": "fe80::", "len": 10}})
    assert six.right.spans == Spans((0xFE80 << 112,), ((0xFEC0 << 112) - 1,))


def test_names_of_interfaces():
    name = {"meta": {"key": "iifname"}}
    assert match(name, {"set": ["eth0", "wg*", "a\\*"]}).right == Members(names=Names((Name("eth0"), Name("wg", prefix=True), Name("a*"))))
    assert match({"meta": {"key": "iif"}}, 7).right == Members(names=Names((Name("", interface=7),)))
    assert match(name, "@s").right == Named("s")
    assert match(name, "9").right == Members(names=Names((Name("9"),)))


def test_existence_is_one_or_zero():
    fib = {"fib": {"result": "oif", "flags": ["saddr", "iif"]}}
    assert match(fib, False).left == Field("fib", "oif", None, ("saddr", "iif"), exists=True)
    assert match(fib, False).right == Members(spans=Spans((0,), (0,)))
    assert match({"exthdr": {"name": "frag"}}, True).left == Field("exthdr", "frag", exists=True)


def test_the_family_of_a_table_completes_its_fields():
    item = rule({"match": {"op": "==", "left": {"ct": {"key": "saddr", "dir": "original"}}, "right": "1.2.3.4"}})
    item["rule"]["family"] = "ip"
    found = read({"chain": {"family": "ip", "table": "t", "name": "c"}}, item).chains[0].rules[0].statements[0]
    assert found == Match(Field("ct", "ip saddr", "original"), Members(spans=Spans((0x01020304,), (0x01020304,))))


def test_concatenations_and_maps():
    key = {"concat": [SADDR, DPORT]}
    arms = {"set": [[{"concat": ["1.2.3.4", {"range": [80, 90]}]}, {"accept": None}], ["*", {"drop": None}]]}
    (found,) = statements({"vmap": {"key": key, "data": arms}})
    assert isinstance(found, Choose)
    assert found.map.elements == (
        Element((Range(0x01020304, 0x01020304), Range(80, 90)), Verdict(VerdictKind.ACCEPT)),
        Element((), Verdict(VerdictKind.DROP), wildcard=True),
    )
    (found,) = statements(
        {"dnat": {"family": "ip", "addr": {"map": {"key": DPORT, "data": {"set": [[80, {"concat": ["10.0.0.1", 8080]}]]}}}}}
    )
    assert isinstance(found, Translate)
    assert isinstance(found.address, Lookup)
    assert found.address.map.elements == (Element((Range(80, 80),), (Range(0x0A000001, 0x0A000001), Range(8080, 8080))),)


def test_elements_that_decide_are_kept_whole():
    item = {
        "set": {
            "family": "inet", "table": "t", "name": "s", "type": "inet_service", "flags": ["timeout"], "timeout": 60, "size": 9,
            "elem": [{"elem": {"val": 22, "limit": {"rate": 3, "per": "second", "burst": 5}}}, {"elem": {"val": 23, "timeout": 5, "expires": 3, "comment": "x"}}],
        }
    }  # fmt: skip
    known = read(TABLE, item).sets["inet", "t", "s"]
    assert known.members.elements == (
        Element((Range(22, 22),), statements=(Limit(3, "second", 5),)),
        Element((Range(23, 23),), changing=True),
    )
    assert (known.timeout_s, known.size, known.flags) == (60, 9, ("timeout",))
    del item["set"]["elem"][0]
    assert read(TABLE, item).sets["inet", "t", "s"].members == Members(spans=Spans((23,), (23,)))


def test_big_sets_are_arrays():
    item = {
        "set": {
            "family": "inet",
            "table": "t",
            "name": "s",
            "type": "ipv4_addr",
            "elem": [f"10.0.{at // 256}.{at % 256}" for at in range(1000)],
        }
    }
    spans = read(TABLE, item).sets["inet", "t", "s"].members.spans
    assert spans.first == spans.last == array("Q", range(0x0A000000, 0x0A000000 + 1000))


def test_a_set_declared_by_its_expression():
    # As newer versions of nft print it (libnftables-json(5) of 1.1): no such nft was at hand.
    item = {"map": {"family": "inet", "table": "t", "name": "m", "type": {"typeof": {"concat": [SADDR, DPORT]}}, "map": "mark", "elem": [[{"concat": ["1.2.3.4", 22]}, 5]]}}  # fmt: skip
    known = read(TABLE, item).sets["inet", "t", "m"]
    assert known.types == ("ipv4_addr", "inet_service")
    assert known.members.elements == (Element((Range(0x01020304, 0x01020304), Range(22, 22)), (Range(5, 5),)),)


def test_a_terse_listing_says_nothing_of_elements():
    item = {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr"}}
    assert read(TABLE, item).sets["inet", "t", "s"].members == Members(spans=Spans((), ()))
    assert read(TABLE, item, terse=True).sets["inet", "t", "s"].members is None


def test_flags_of_a_table_that_are_garbage_are_unknown():
    for flags, expected in (
        (["dormant"], (True, False)),
        (["owner", "persist"], (False, True)),
        ("dorm2", (None, None)),
        (5, (None, None)),
        ([], (False, False)),
    ):
        (table,) = read({"table": {"family": "ip", "name": "x", "flags": flags}}).tables
        assert (table.dormant, table.owned) == expected
    assert read(TABLE).tables == (Table("inet", "t", 1),)


def test_objects_and_flowtables():
    ruleset = read(
        {"metainfo": {"version": "1.0.6"}},
        {"quota": {"family": "inet", "table": "t", "name": "q", "handle": 3, "bytes": 10, "used": 4, "inv": True}},
        {"ct helper": {"family": "inet", "table": "t", "name": "h", "type": "ftp", "protocol": "tcp"}},
        {"flowtable": {"family": "inet", "table": "t", "name": "f", "dev": ["a", "b"]}},
        {"flowtable": {"family": "inet", "table": "t", "name": "g", "dev": "a"}},
    )
    assert ruleset.version == "1.0.6"
    assert ruleset.objects["inet", "t", "quota", "q"].statement == Quota(10, "bytes", 4, over=True)
    assert ruleset.objects["inet", "t", "ct helper", "h"].facts == {"type": "ftp", "protocol": "tcp"}
    assert ruleset.flowtables == (Flowtable("inet", "t", "f", ("a", "b")), Flowtable("inet", "t", "g", ("a",)))


def test_devices_of_an_early_chain():
    item = {"chain": {"family": "netdev", "table": "t", "name": "c", "type": "filter", "hook": "ingress", "prio": 0, "dev": "lo"}}
    assert read(item).chains[0].base.devices == ("lo",)
    del item["chain"]["dev"]
    assert read(item).chains[0].base.devices is None
