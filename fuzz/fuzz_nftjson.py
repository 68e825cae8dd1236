"""Fuzz nft's JSON: whatever it is, a ruleset that can be written out again, or a ParseError; and what iptables-save and its translator print."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "recorded" / "nft_forms.json"


def load() -> Callable[[bytes], None]:
    """The listing, and every other text that is read on the way."""
    from portulan.errors import ParseError
    from portulan.wire.iptables import build_restore, parse_refused, parse_save, parse_translation, take_apart
    from portulan.wire.nf_tables import parse_chain, parse_generation, parse_table
    from portulan.wire.nft_sets import sets_in_rules
    from portulan.wire.nft_text import members_text, rule_text
    from portulan.wire.nftjson import parse_ruleset

    def target(data: bytes) -> None:
        try:
            ruleset = parse_ruleset(data)
        except ParseError:
            pass
        else:
            sets_in_rules(ruleset)
            for chain in ruleset.chains:
                for rule in chain.rules:
                    assert rule_text(rule, chain.family) is not None
            for known in ruleset.sets.values():
                members_text(known)
        text = data.decode(errors="replace")
        saved = parse_save(text)
        build_restore(saved, saved.rules)
        for line in saved.rules:
            take_apart(line.text)
        parse_translation(text, saved.rules)
        parse_refused(text, 2)
        for parse in (parse_chain, parse_generation, parse_table):
            try:
                parse(data, 0, len(data))
            except ParseError:
                continue

    return target


def seeds() -> list[bytes]:
    """Listings of a few rules each, so that one change reaches one rule, and what iptables prints. The property tests change every form."""
    items = json.loads(RECORDED.read_bytes())["nftables"]
    frame = [item for item in items if next(iter(item)) in ("table", "chain")]
    rest = [item for item in items if next(iter(item)) not in ("table", "chain", "metainfo")]
    found = []
    for at in range(0, len(rest), 40):
        part = rest[at : at + 4]
        tables = {item.get("table") for each in part for item in each.values()}
        own = [item for item in frame if next(iter(item.values())).get("table", next(iter(item.values())).get("name")) in tables]
        found.append(json.dumps({"nftables": [*own, *part]}).encode())
    saved = "*filter\n:INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -m recent --set -j mine\nCOMMIT\n"
    translated = "add table ip filter\nadd chain ip filter mine\nadd rule ip filter INPUT tcp dport 22 counter\n# -t filter -A INPUT -j X\n"
    return [*found, saved.encode(), translated.encode(), bytes(4) + b"\x08\0\x01\0\0\0\0\x05"]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [
                b'{"match": {"op": "==", "left": ',
                b'"right": ',
                b"null",
                b"[]",
                b"{}",
                b'"@',
                b"-1",
                b"1e999",
                b'{"set": [',
                b'{"range": [1, 0]}',
            ],
        )
    )
