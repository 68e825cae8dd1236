"""The IP version that a rule of an inet table asks for, where nft leaves it out of what it prints.

nft 1.0.6 prints `meta nfproto ipv4 tcp dport 113 reject with tcp reset` as `tcp dport 113 reject with tcp reset`: it takes the version for something that the
reset needs (src/payload.c, payload_dependency_release). The kernel's own list of the rule's expressions has it (net/netfilter/nf_tables_api.c).
"""

from __future__ import annotations

from itertools import pairwise

from portulan.model.rule import Field, Match, Members, Reject, Spans
from portulan.wire.netlink import build_attribute, iterate_attributes, parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.rule import Rule

GET_RULE = 10 << 8 | 7
_INET = 1
_HEADER = 4
_META_KEY, _NFPROTO = 2, 15
_VERSIONS = (2, 10)
_LEFT_OUT = "tcp reset"


def build_rules_query(table: str, chain: str) -> bytes:
    """The payload of a question about all rules of a chain of an inet table."""
    return bytes((_INET, 0, 0, 0)) + build_attribute(1, table) + build_attribute(2, chain)


def parse_rule_version(data: bytes, start: int, end: int) -> tuple[int, int | None]:
    """(handle, NFPROTO number of the one version it is for) of a rule; None for a rule that asks for none. Raises ParseError."""
    facts = parse_attributes(data, start + _HEADER, end)
    listed = facts.get(4, b"")
    expressions = [parse_attributes(listed, first, last) for _, first, last in iterate_attributes(listed, 0, len(listed))]
    for load, compare in pairwise(expressions):
        if load.get(1) == b"meta\0" and compare.get(1) == b"cmp\0" and _asks_for_version(load.get(2, b"")):
            wanted = parse_attributes(compare.get(2, b""), 0, len(compare.get(2, b"")))
            value = parse_attributes(wanted.get(3, b""), 0, len(wanted.get(3, b""))).get(1, b"")
            if not any(wanted.get(2, b"")) and value[:1] and value[0] in _VERSIONS:  # NFT_CMP_EQ
                return int.from_bytes(facts.get(3, b"")), value[0]
    return int.from_bytes(facts.get(3, b"")), None


def _asks_for_version(data: bytes) -> bool:
    return int.from_bytes(parse_attributes(data, 0, len(data)).get(_META_KEY, b"")) == _NFPROTO


def lacks_version(rule: Rule, family: str) -> bool:
    """Whether nft may have left something out of what it prints of a rule."""
    return family == "inet" and any(isinstance(statement, Reject) and statement.how == _LEFT_OUT for statement in rule.statements)


def with_version(rule: Rule, version: int) -> Rule:
    """The rule with what was left out; as it is where something else in it says so already."""
    asked = Match(Field("meta", "nfproto"), Members(spans=Spans((version,), (version,))))
    return rule if asked in rule.statements or _has_header(rule.statements) else rule._replace(statements=(asked, *rule.statements))


def _has_header(value: object) -> bool:
    """Whether a field of the IP header stands anywhere in it: records are tuples."""
    if isinstance(value, Field):
        return value.group in ("ip", "ip6")
    return isinstance(value, tuple) and any(map(_has_header, value))
