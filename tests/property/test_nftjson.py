"""Laws of reading firewall rules: any JSON gives a ruleset or a ParseError, and what is written of a constant reads as the same constant."""

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.model.rule import Range
from portulan.wire.nft_constants import format_flags, format_number, format_range, number_of, parse_constant, parse_ipv4, parse_ipv6
from portulan.wire.nft_kinds import CT, FIB, META, PAYLOAD, SOCKET, TYPES
from portulan.wire.nft_sets import sets_in_rules
from portulan.wire.nft_text import members_text, rule_text
from portulan.wire.nftjson import parse_ruleset

RECORDED = json.loads(Path(__file__).resolve().parents[1].joinpath("recorded/nft_forms.json").read_bytes())["nftables"]
WORDS = [
    "ip",
    "saddr",
    "tcp",
    "dport",
    "match",
    "payload",
    "@s",
    "eth*",
    "10.0.0.0",
    "::1",
    "accept",
    "jump",
    "set",
    "elem",
    "",
    "0x10",
    "99999",
    "*",
    "in",
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**33)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
KINDS = {id(kind): kind for table in (*PAYLOAD.values(), META, CT, FIB, SOCKET, TYPES) for kind in table.values()}
NUMERIC = st.sampled_from(
    [kind for kind in KINDS.values() if kind.bits and not kind.seconds and kind.form in ("number", "ipv4", "ipv6", "ether")]
)


def read(items):
    """A ruleset that can be written out again, or a ParseError."""
    try:
        ruleset = parse_ruleset(json.dumps({"nftables": items}).encode())
    except ParseError:
        return None
    sets_in_rules(ruleset)
    for chain in ruleset.chains:
        for rule in chain.rules:
            rule_text(rule, chain.family)
    for known in ruleset.sets.values():
        members_text(known)
    hash(ruleset.tables)
    return ruleset


def places(value, path=()):
    """The paths of everything inside a JSON value."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    """The value with another one at a path; None takes it away where it can."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


PLACES = [(at, path) for at, item in enumerate(RECORDED) for path in places(item)]
FRAME = [at for at, item in enumerate(RECORDED) if next(iter(item)) in ("table", "chain")]


@given(JSON)
def test_any_json_is_a_ruleset_or_an_error(value):
    for document in (value, {"nftables": value}, {"nftables": [value, {"rule": value}, {"set": value}]}):
        try:
            parse_ruleset(json.dumps(document).encode())
        except ParseError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_a_ruleset_or_an_error(data):
    try:
        parse_ruleset(data)
    except ParseError:
        return


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_one_part_of_a_real_listing_may_be_anything(data):
    at, path = data.draw(st.sampled_from(PLACES))
    other = data.draw(st.sampled_from(PLACES))
    new = data.draw(st.one_of(JSON, st.just(...), st.just(dig(*other))))
    if new is ... and len(path) < 2:
        new = None
    changed = replaced(RECORDED[at], path, new)
    items = [changed if each == at else RECORDED[each] for each in sorted({*FRAME, at})]
    sample = read(items)
    kind = next(iter(RECORDED[at]))
    assert sample is None or kind != "rule" or sample.opaque or any(chain.rules for chain in sample.chains)


def dig(at, path):
    value = RECORDED[at]
    for key in path:
        value = value[key]
    return value


@given(st.sampled_from([item for item in RECORDED if "rule" in item]), st.data())
def test_a_statement_is_never_lost(item, data):
    rule = item["rule"]
    strange = data.draw(st.dictionaries(st.text(max_size=6), JSON, min_size=1, max_size=1))
    at = data.draw(st.integers(0, len(rule["expr"])))
    changed = {"rule": {**rule, "expr": [*rule["expr"][:at], strange, *rule["expr"][at:]]}}
    ruleset = read([*(RECORDED[each] for each in FRAME), changed])
    if ruleset is not None:
        (found,) = [each for chain in ruleset.chains for each in chain.rules]
        assert len(found.statements) == len(rule["expr"]) + 1


@given(NUMERIC, st.data())
def test_a_number_reads_as_it_is_written(kind, data):
    number = data.draw(st.integers(0, (1 << kind.bits) - 1))
    if number not in kind.swapped:
        assert number_of(format_number(number, kind).strip('"'), kind) == number
        assert parse_constant(number, kind) == Range(number, number)
    if kind.joined:
        words = format_flags(number, kind, ",").split(",")
        assert number_of(words, kind) == number


@given(NUMERIC, st.data())
def test_prefixes_are_ranges(kind, data):
    length, number = data.draw(st.integers(0, kind.bits)), data.draw(st.integers(0, (1 << kind.bits) - 1))
    found = parse_constant({"prefix": {"addr": format_number(number, kind).strip('"'), "len": length}}, kind)
    assert isinstance(found, Range)
    assert found.first <= number <= found.last
    assert found.last - found.first + 1 == 1 << kind.bits - length
    assert found.first % (1 << kind.bits - length) == 0
    if kind.form in ("ipv4", "ipv6") and 0 < length < kind.bits:
        assert format_range(*found, kind) == f"{format_number(found.first, kind)}/{length}"


@given(NUMERIC, st.data())
def test_ranges_keep_both_ends(kind, data):
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, (1 << kind.bits) - 1).filter(lambda each: each not in kind.swapped)] * 2)))
    plain = kind._replace(words={})
    assert parse_constant({"range": [format_number(first, plain), format_number(last, plain)]}, kind) == Range(first, last)


@given(st.ip_addresses(v=6))
def test_ipv6_reads_as_python_reads_it(address):
    assert parse_ipv6(str(address)) == int(address)
    assert parse_ipv6(address.exploded) == int(address)


@given(st.ip_addresses(v=4))
def test_ipv4_reads_as_python_reads_it(address):
    assert parse_ipv4(str(address)) == int(address)
    assert parse_ipv6(f"::ffff:{address}") == 0xFFFF << 32 | int(address)


@given(st.text(alphabet="0123456789abcdef:.x ", max_size=24))
def test_what_is_no_address_is_none(text):
    from ipaddress import AddressValueError, IPv6Address

    try:
        expected = int(IPv6Address(text)) if "%" not in text else None
    except AddressValueError:
        expected = None
    if expected is None or parse_ipv6(text) is not None:  # Python takes no leading zeros in dotted tails, we take them
        found = parse_ipv6(text)
        assert found == expected or "." in text
