"""The IP version of rules that nft prints without it, out of the kernel's own list of expressions (made here as the kernel makes it)."""

import pytest

from portulan.model.rule import Field, Match, Members, Reject, Rule, Spans
from portulan.wire.netlink import build_attribute
from portulan.wire.nft_version import lacks_version, parse_rule_version, with_version


def expression(name, data):
    return build_attribute(1, build_attribute(1, name) + build_attribute(2, data))


def meta(key):
    return expression("meta", build_attribute(1, (8).to_bytes(4)) + build_attribute(2, key.to_bytes(4)))


def compare(value, operation=0):
    return expression(
        "cmp",
        build_attribute(1, (8).to_bytes(4)) + build_attribute(2, operation.to_bytes(4)) + build_attribute(3, build_attribute(1, value)),
    )


def rule(*expressions):
    return bytes(4) + build_attribute(3, (7).to_bytes(8)) + build_attribute(4, b"".join(expressions))


@pytest.mark.parametrize(("expressions", "version"), [
    ((meta(15), compare(b"\x02"), meta(16), compare(b"\x06")), 2), ((meta(16), compare(b"\x06"), meta(15), compare(b"\x0a")), 10), ((meta(16), compare(b"\x06")), None),
    ((meta(15), compare(b"\x02", 1)), None), ((meta(15), compare(b"\x07")), None), ((meta(15), meta(16)), None), ((), None), ((meta(15), compare(b"")), None),
])  # fmt: skip
def test_versions(expressions, version):
    data = rule(*expressions)
    assert parse_rule_version(data, 0, len(data)) == (7, version)


def test_only_rules_that_may_lack_it_get_it_and_only_once():
    reset = Rule(7, (Reject("tcp reset"),))
    assert (lacks_version(reset, "inet"), lacks_version(reset, "ip"), lacks_version(Rule(7, (Reject("icmpx"),)), "inet")) == (
        True,
        False,
        False,
    )
    asked = Match(Field("meta", "nfproto"), Members(spans=Spans((10,), (10,))))
    assert with_version(reset, 10).statements == (asked, Reject("tcp reset"))
    assert with_version(with_version(reset, 10), 10) == with_version(reset, 10)
    own = Rule(7, (Match(Field("ip", "saddr"), Members(spans=Spans((1,), (1,)))), Reject("tcp reset")))
    assert with_version(own, 2) == own
