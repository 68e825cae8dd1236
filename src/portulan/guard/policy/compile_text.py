"""Compiled policies as whole scripts for `nft -f`: for good, on trial, and as JSON to be kept."""

from __future__ import annotations

import json

from portulan.errors import ParseError
from portulan.guard.policy.compile_words import remark
from portulan.model.address import format_address
from portulan.model.guard_compiled import FAMILY, OWN, TABLE, TRIAL, Block, Compiled
from portulan.wire.nft_constants import format_duration
from portulan.wire.nft_text import members_text, rule_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.guard.policy.compile_draft import Draft
    from portulan.model.ruleset import Base, Chain, NamedObject, NamedSet, Ruleset

FORMAT = 1
NEW, OLD = "new_", "old_"
"""Before names of ours while two rule sets stand in the table."""
SEAL, TRIAL_SEAL = f"portulan guard {FORMAT}", f"portulan trial {FORMAT}"
"""Before a hash, in the comment of the table and, since nft's JSON leaves that out, of a rule: what works for good, or when the trial is over; what is on trial."""
_SHORT = 16
"""Digits of a second hash: a comment holds no two whole ones."""
_SEALED = f"{OWN}input"
_PRIORITIES = {0: "filter", 100: "srcnat"}
_INDENT = "    "


def blocks(draft: Draft) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """A draft as text: with what only a person reads, and without."""
    found: tuple[list[Block], list[Block]] = [], []
    for helper in draft.objects.values():
        for each in found:
            each.append(_object(helper))
    for known in draft.sets.values():
        elements = "" if known.members is None else _elements(known)  # of a large set the whole work: done once
        found[0].append(_set(known, _noted(elements, notes) if (notes := draft.remarks.get(known.name)) else elements, remarks=True))
        found[1].append(_set(known, elements, remarks=False))
    for chain in draft.chains:
        found[0].append(_chain(chain, remarks=True))
        found[1].append(_chain(chain, remarks=False))
    return tuple(found[0]), tuple(found[1])


def _object(known: NamedObject) -> Block:
    return Block(known.kind, known.name, (f'type "{known.facts["type"]}" protocol {known.facts["protocol"]}',))


def _set(known: NamedSet, elements: str, *, remarks: bool) -> Block:
    lines = [f"type {known.types[0]}" + (f" : {known.data_types[0]}" if known.data_types else "")]
    if known.flags:
        lines.append(f"flags {','.join(known.flags)}")
    if known.timeout_s is not None:
        lines.append(f"timeout {format_duration(known.timeout_s)}")
    if known.size is not None:
        lines.append(f"size {known.size}")
    if remarks and known.comment is not None:
        lines.append(f'comment "{remark(known.comment)}"')
    if elements:
        lines.append(f"elements = {elements}")
    return Block("map" if known.data_types else "set", known.name, tuple(lines))


def _elements(known: NamedSet) -> str:
    assert known.members is not None
    spans = known.members.spans
    if spans is not None:
        bits = 32 if known.types[0] == "ipv4_addr" else 128
        texts = [_network(first, last, bits) for first, last in zip(spans.first, spans.last, strict=True)]
        return f"{{ {', '.join(texts)} }}" if texts else ""
    text = members_text(known)
    return "" if text == "{ }" else text


def _network(first: int, last: int, bits: int) -> str:
    """Some addresses: `wire.nft_constants` would take five times as long, and there may be a hundred thousand of them."""
    if bits == 32:
        text = f"{first >> 24}.{first >> 16 & 255}.{first >> 8 & 255}.{first & 255}"
    else:
        text = format_address(first.to_bytes(16))
    if first == last:
        return text
    size = last - first + 1
    if not size & (size - 1) and not first & (size - 1):
        return f"{text}/{bits + 1 - size.bit_length()}"
    return f"{text}-{_network(last, last, bits)}"


def _noted(text: str, notes: list[str]) -> str:
    """A map's elements, one a line, each with its comment."""
    parts = text.removeprefix("{ ").removesuffix(" }").split(", ")
    lines = []
    for part, note in zip(parts, notes, strict=True):
        key, _, verdict = part.partition(" : ")
        lines.append(f'{_INDENT * 3}{key} comment "{remark(note)}" : {verdict}')
    return "{\n" + ",\n".join(lines) + "\n" + _INDENT * 2 + "}"


def _chain(chain: Chain, *, remarks: bool) -> Block:
    rules = (rule if remarks else rule._replace(comment=None) for rule in chain.rules)
    lines = tuple(rule_text(rule, chain.family) for rule in rules)
    base = chain.base
    if base is None:
        return Block("chain", chain.name, lines)
    return Block("chain", chain.name, lines, _entrance(base), base.policy.value)


def _entrance(base: Base) -> str:
    return f"type {base.type} hook {base.hook} priority {_PRIORITIES[base.priority]}"


def permanent(compiled: Compiled) -> str:
    """The script that makes the kernel do what the policy says, in one step: our table is replaced, and no other one is touched."""
    body: list[str] = []
    seal = f"{SEAL} {compiled.hash}"
    for block in compiled.blocks:
        head = [] if block.base is None else [f"{block.base}; policy {block.policy};"]
        lines = [*block.lines[:-1], f'{block.lines[-1]} comment "{seal}"'] if block.name == _SEALED else block.lines
        body += _braced(block, [*head, *lines], "")
    return _script(seal, (f"# {remark(compiled.file)}", f"# {compiled.hash}"), body)


def trial(new: Compiled, old: Compiled | None, seconds: int) -> str:
    """The script that makes the kernel do what `new` says for so many seconds, and then by itself what `old` says (None: nothing at all) again.

    Both stand in the table. Where packets enter, a set of two elements with a timeout decides which one serves; to end the trial early: empty the set.
    """
    body = [
        "set trial {",
        *_inside(("typeof meta nfproto", "flags timeout", f"elements = {{ ipv4 timeout {seconds}s, ipv6 timeout {seconds}s }}")),
        "}",
    ]
    entrances: dict[str, tuple[str, dict[str, str]]] = {}
    for prefix, compiled in ((NEW, new), (OLD, old)):
        for block in () if compiled is None else compiled.blocks:
            body += _braced(block, block.lines, prefix)
            if block.base is not None:
                name = block.name.removeprefix(OWN)
                entrances.setdefault(name, (block.base, {}))[1][prefix] = prefix + name
    for name, (base, ways) in entrances.items():
        lines = [
            f"{base}; policy accept;",
            f'meta nfproto @{TRIAL} {f"goto {ways[NEW]}" if NEW in ways else "accept"} comment "{TRIAL_SEAL} {new.hash}"',
        ]
        if OLD in ways and old is not None:
            lines.append(f'goto {ways[OLD]} comment "{SEAL} {old.hash}"')
        body += [f"chain {name} {{", *_inside(lines), "}"]
    before = "nothing" if old is None else old.hash
    head = (f"# {remark(new.file)}", f"# on trial for {seconds} s: {new.hash}", f"# before: {before}")
    return _script(f"{TRIAL_SEAL} {new.hash} over {before[:_SHORT]}", head, body)


def seals(ruleset: Ruleset) -> tuple[str | None, str | None]:
    """(the hash of what works for good, or of what comes back after a trial; the hash of what is on trial) by the comments in a kernel's rules.

    The trial may be over: the elements of its set tell.
    """
    found: dict[str, str] = {}
    for chain in ruleset.chains:
        if (chain.family, chain.table) == (FAMILY, TABLE) and chain.base is not None:
            for rule in chain.rules:
                seal, _, number = (rule.comment or "").rpartition(" ")
                found.setdefault(seal, number)
    return found.get(SEAL), found.get(TRIAL_SEAL)


def _script(comment: str, head: Iterable[str], body: Iterable[str]) -> str:
    lines = [
        f"add table {FAMILY} {TABLE}",
        f"delete table {FAMILY} {TABLE}",
        *head,
        f"table {FAMILY} {TABLE} {{",
        f'{_INDENT}comment "{comment}"',
    ]
    return "\n".join([*lines, *_inside(body), "}", ""])


def _inside(lines: Iterable[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)


def _braced(block: Block, lines: Iterable[str], prefix: str) -> Iterator[str]:
    yield f"{block.kind} {block.name} {{".replace(OWN, prefix)
    for line in lines:
        yield _INDENT + line.replace(OWN, prefix)
    yield "}"


def to_json(compiled: Compiled) -> str:
    """To be kept; `from_json` reads it."""
    return json.dumps(
        {"format": FORMAT, "hash": compiled.hash, "file": compiled.file, "blocks": [list(block) for block in compiled.blocks]},
        ensure_ascii=False,
    )


def from_json(text: str | bytes) -> Compiled:
    """What `to_json` wrote. Raises ParseError for anything else."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT or not isinstance(found["hash"], str) or not isinstance(found["file"], str):
            raise ParseError("guard.history")
        parts = tuple(
            Block(str(kind), str(name), tuple(map(str, lines)), base, str(policy)) for kind, name, lines, base, policy in found["blocks"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError("guard.history") from error
    return Compiled(found["hash"], found["file"], parts)
