"""Every form of match and statement, loaded by the real nft into the kernel and read back: nothing lost, nothing guessed."""

import re

import pytest

import nft_samples
from portulan.model.rule import Members, Opaque, Strange
from portulan.wire.nft_text import members_text, rule_text
from portulan.wire.nftjson import parse_ruleset

pytestmark = [pytest.mark.lab, pytest.mark.peer]

LOAD = 'while IFS= read -r line; do printf "%s\\n" "$line" | nft -f - >/tmp/refused 2>&1 || { echo "$line"; cat /tmp/refused; }; done'
KNOWN_STRANGE = ("numgen", "jhash", "symhash", '"08:00"', '"2026-', "2026-", "08:00", "ip saddr : ")


def listed(text):
    """(family, table, handle) -> the rule as nft prints it."""
    rules, table = {}, None
    for line in text.split("\n"):
        if found := re.match(r"table (\S+) (\S+) ", line):
            table = found[1], found[2]
        elif found := re.match(r"\t\t(.*) # handle (\d+)$", line):
            rules[*table, int(found[2])] = found[1]
    return rules


@pytest.fixture(scope="module")
def listings(peers):
    """What nft prints of all forms, as text and as JSON of three kinds."""
    from portulan.system.sandbox import Sandbox

    with Sandbox() as sandbox:
        host = sandbox.host("a", root=peers)
        sandbox.link(host, sandbox.host("b"))  # there is an eth0
        commands = nft_samples.SETUP + "".join(f"add rule {rule}\n" for rule in nft_samples.RULES.splitlines())
        refused = host.run(["sh", "-c", LOAD], text=commands)
        assert refused.stdout.splitlines() == []
        return {
            name: host.run(["nft", *options, "-a", "list", "ruleset"]).stdout
            for name, options in (("text", ()), ("json", ("-j",)), ("numeric", ("-j", "-n")), ("terse", ("-j", "-t")))
        }


@pytest.mark.parametrize("kind", ["json", "numeric"])
def test_every_rule_reads_as_nft_prints_it(listings, kind):
    text = listed(listings["text"])
    ruleset = parse_ruleset(listings[kind].encode())
    ours = {(chain.family, chain.table, rule.handle): rule_text(rule, chain.family) for chain in ruleset.chains for rule in chain.rules}
    assert len(ours) == len(nft_samples.RULES.splitlines())
    different = {key: (text[key], ours[key]) for key in text if text[key] != ours.get(key) and key in ours}
    assert different == {}
    assert ours.keys() - text.keys() == set()
    assert ruleset.opaque == ()


def test_nothing_is_left_without_a_word(listings):
    def strange(value):
        if isinstance(value, (Opaque, Strange)):
            yield value.text
        elif isinstance(value, tuple):
            for part in value:
                yield from strange(part)

    ruleset = parse_ruleset(listings["json"].encode())
    found = {text for chain in ruleset.chains for rule in chain.rules for text in strange(rule.statements)}
    assert {text for text in found if not text.startswith(KNOWN_STRANGE)} == set()
    assert len(found) > 3


def test_a_terse_listing_has_all_but_the_elements(listings):
    whole, terse = parse_ruleset(listings["json"].encode()), parse_ruleset(listings["terse"].encode(), terse=True)
    assert terse.chains == whole.chains
    assert terse.sets.keys() == whole.sets.keys()
    assert all(known.members is None for known in terse.sets.values())
    assert {key: known._replace(members=None) for key, known in whole.sets.items()} == dict(terse.sets)


def test_every_set_reads_as_nft_prints_it(listings):
    ruleset = parse_ruleset(listings["json"].encode())
    blocks = re.findall(r"\t(?:set|map) (\S+) \{ # handle (\d+)\n(.*?)\n\t\}", listings["text"], re.DOTALL)
    by_handle = {(known.name, known.handle): known for known in ruleset.sets.values()}
    assert len(blocks) == len(by_handle)
    for name, handle, body in blocks:
        known = by_handle[name, int(handle)]
        found = re.search(r"elements = (\{.*?\})$", body, re.DOTALL)
        printed = " ".join(found[1].split()) if found else "{ }"
        printed = re.sub(r' (counter packets \d+ bytes \d+|comment "[^"]*"|timeout \S+ expires \S+|expires \S+)', "", printed)
        assert isinstance(known.members, Members)
        assert members_text(known) == printed, body
