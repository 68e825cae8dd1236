"""Rules that iptables made, in nftables and in its own old tables: what nft does not show, iptables' own translator puts into nft's words.

The translation is loaded into a network namespace made for it, read back as JSON, and gone. What has no translation stays opaque, with the line that made it.
"""

from __future__ import annotations

import os
from collections import defaultdict

from portulan.errors import CannotTell, PortulanError
from portulan.model.record import Record
from portulan.model.rule import Opaque, Rule
from portulan.model.ruleset import Chain, Ruleset, Table
from portulan.system.firewall.nft import LISTING, ask
from portulan.system.linux.procfs import read_whole
from portulan.system.linux.spawn import find_program, run_program
from portulan.wire.iptables import (
    FAMILIES,
    LEGACY,
    Line,
    Pieces,
    Saved,
    build_restore,
    legacy_base,
    own_words,
    parse_refused,
    parse_save,
    parse_translation,
    take_apart,
    words_for_target,
)
from portulan.wire.nftjson import parse_ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from portulan.model.rule import Statement

    Translation: TypeAlias = dict[Line, tuple[Statement, ...]]
    Gaps: TypeAlias = tuple[tuple[str, str], ...]

_PREFIX = {"ip": "iptables", "ip6": "ip6tables"}
_ROUNDS = 8


def translate_opaque(nft: str, ruleset: Ruleset) -> Ruleset:
    """The ruleset with the rules that nft cannot show (xt) put into words, as far as that goes; each keeps its handle and quotes its iptables line."""
    for family in FAMILIES:
        hidden = [chain for chain in ruleset.chains if chain.family == family and any(map(_is_opaque, chain.rules))]
        if not hidden:
            continue
        try:
            saved = _save(family, legacy=False)
        except CannotTell as error:
            ruleset = _with_gap(ruleset, error.code, family)
            continue
        lines = defaultdict(list)
        for line in saved.rules:
            lines[line.table, line.chain].append(line)
        pairs: dict[tuple[str, str], list[tuple[Rule, Line]]] = {}
        for chain in hidden:
            of_chain = lines[chain.table, chain.name]
            if len(of_chain) == len(chain.rules):
                pairs[chain.table, chain.name] = list(zip(chain.rules, of_chain, strict=True))
            else:
                ruleset = _with_gap(ruleset, "iptables.differs", f"{family} {chain.table} {chain.name}")
        wanted = [line for pair in pairs.values() for rule, line in pair if _is_opaque(rule)]
        known, gaps = _translate(nft, family, saved, wanted)
        ruleset = ruleset._replace(
            incomplete=(*ruleset.incomplete, *gaps),
            chains=tuple(
                chain._replace(rules=tuple(_told(rule, line, known) for rule, line in pairs[chain.table, chain.name]))
                if chain.family == family and (chain.table, chain.name) in pairs
                else chain
                for chain in ruleset.chains
            ),
        )
    return ruleset


def _is_opaque(rule: Rule) -> bool:
    return any(isinstance(each, Opaque) and each.reason.startswith("xt") for each in rule.statements)


def _told(rule: Rule, line: Line, known: Translation) -> Rule:
    if not _is_opaque(rule):
        return rule
    statements = known.get(line)
    return rule._replace(quoted=line.text, statements=statements or rule.statements, translated=statements is not None)


def _with_gap(ruleset: Ruleset, code: str, text: str) -> Ruleset:
    return ruleset._replace(incomplete=(*ruleset.incomplete, (code, text)))


def add_legacy(ruleset: Ruleset) -> Ruleset:
    """The ruleset and, beside it, what iptables-legacy has in this namespace: tables named `legacy:filter` and so on. Asked only where there is any."""
    for family in FAMILIES:
        names = f"/proc/thread-self/net/{family}_tables_names"
        if not read_whole(names).strip():
            if os.path.exists(names) and not os.access(names, os.R_OK):
                ruleset = _with_gap(ruleset, "legacy.forbidden", family)
            continue
        try:
            saved = _save(family, legacy=True)
        except CannotTell as error:
            ruleset = _with_gap(ruleset, error.code, family)
            continue
        nft = find_program("nft")
        known, gaps = _translate(nft, family, saved, saved.rules) if nft is not None else ({}, (("legacy.no-nft", family),))
        rules = defaultdict(list)
        for line in saved.rules:
            statements = known.get(line)
            rule = Rule(None, statements or (Opaque(line.text, "xt"),), None, line.text, translated=statements is not None)
            rules[line.table, line.chain].append(rule)
        ruleset = ruleset._replace(
            tables=(*ruleset.tables, *(Table(family, LEGACY + table, legacy=True) for table in saved.tables)),
            chains=(
                *ruleset.chains,
                *(
                    Chain(family, LEGACY + table, chain, tuple(rules[table, chain]), legacy_base(table, chain, policy))
                    for table, chain, policy in saved.chains
                ),
            ),
            incomplete=(*ruleset.incomplete, *gaps),
        )
    return ruleset


def _save(family: str, *, legacy: bool) -> Saved:
    """What iptables-save prints of one of the two kinds of iptables. Raises CannotTell."""
    name = _PREFIX[family]
    for program in (f"{name}-legacy-save" if legacy else f"{name}-nft-save", f"{name}-save"):
        path = find_program(program)
        if path is None:
            continue
        done = run_program(path, ())
        if not done.status and (b"(nf_tables)" in done.out) is not legacy:
            return parse_save(done.out.decode(errors="replace"))
    raise CannotTell("legacy.no-program" if legacy else "iptables.no-program", program=f"{name}-save")


def _translate(nft: str, family: str, saved: Saved, lines: Sequence[Line]) -> tuple[Translation, Gaps]:
    """What each line means, as far as it can be told, and what could not be asked at all."""
    translator = find_program(f"{_PREFIX[family]}-restore-translate")
    if translator is None:
        return {}, (("iptables.no-translator", family),)
    try:
        work = _Words(translator, saved)
        commands = work.find(lines)
        plans = _plan({line: take_apart(line.text) for line in lines if line not in commands}, work)
        commands |= work.find(plan.rest for plan in plans.values())
        meant = _read_back(nft, work.frame, commands)
    except PortulanError as error:
        return {}, (("iptables.no-scratch", str(error.facts.get("reason", error.code))),)
    known = {line: meant[line] for line in lines if line in meant}
    for line, plan in plans.items():
        if plan.rest in meant:
            known[line] = (*plan.before, *meant[plan.rest], *plan.after)
    return known, ()


class _Words:
    """The translator, asked for nft's words."""

    def __init__(self, translator: str, saved: Saved) -> None:
        self._translator = translator
        self._saved = saved
        self.frame: list[str] = []
        """Commands that make the tables and chains."""

    def find(self, lines: Iterable[Line]) -> dict[Line, str]:
        """The command for each line that has a translation, table by table."""
        return self._ask(tuple(sorted(dict.fromkeys(lines), key=lambda line: self._saved.tables.index(line.table))))

    def _ask(self, lines: tuple[Line, ...]) -> dict[Line, str]:
        """One line that the translator does not take makes it refuse them all: then halves are tried."""
        if not lines:
            return {}
        done = run_program(self._translator, ("-f", "/dev/stdin"), build_restore(self._saved, lines).encode())
        found = None if done.status else parse_translation(done.out.decode(errors="replace"), lines)
        if found is None:
            half = len(lines) // 2
            return self._ask(lines[:half]) | self._ask(lines[half:]) if half else {}
        self.frame, commands = found
        return {line: command for line, command in zip(lines, commands, strict=True) if command is not None}


class _Plan(Record):
    """How a line is told of which only some parts have a translation."""

    rest: Line
    """The line without the parts that have none."""
    before: tuple[Statement, ...]
    after: tuple[Statement, ...]


def _plan(left: dict[Line, Pieces], words: _Words) -> dict[Line, _Plan]:
    """Ask for each module and each target on its own, and plan around those that have no translation."""
    probes = [_part(line, pieces.begin, part) for line, pieces in left.items() for part in (*pieces.modules, pieces.end)]
    alone = words.find(probes)
    plans = {}
    for line, pieces in left.items():
        bad = [module for module in pieces.modules if _part(line, pieces.begin, module) not in alone]
        ends = _part(line, pieces.begin, pieces.end) in alone
        if bad or not ends:
            before: list[Statement] = []
            for module in bad:
                before += own_words(module) or (Opaque(module, "xt-match"),)
            good = [module for module in pieces.modules if module not in bad]
            rest = _part(line, pieces.begin, *good, pieces.end if ends else "")
            plans[line] = _Plan(rest, tuple(before), () if ends else (words_for_target(pieces.end),))
    return plans


def _part(line: Line, *parts: str) -> Line:
    return line._replace(text=" ".join(part for part in parts if part))


def _read_back(nft: str, frame: list[str], commands: dict[Line, str]) -> Translation:
    """Load the commands into a namespace made for it, and read there what they mean. Those that nft refuses mean nothing that can be told."""
    from portulan.system.linux.syscall import CLONE_NEWNET, unshare
    from portulan.system.sandbox.errand import in_thread

    def work() -> tuple[list[Line], bytes]:
        try:
            unshare(CLONE_NEWNET)
        except OSError as error:
            raise CannotTell("iptables.scratch", reason=error.strerror) from error
        left = dict(commands)
        for _ in range(_ROUNDS):
            done = run_program(nft, ("-f", "-"), "\n".join([*frame, *left.values(), ""]).encode())
            if not done.status:
                return list(left), ask(nft, *LISTING, "list", "ruleset")
            refused = parse_refused(done.err.decode(errors="replace"), len(frame))
            left = {line: command for at, (line, command) in enumerate(left.items()) if at not in refused}
            if not refused:
                break
        return [], b'{"nftables": []}'

    if not commands:
        return {}
    taken, listing = in_thread(work)
    rules = {(chain.table, chain.name): iter(chain.rules) for chain in parse_ruleset(listing).chains}
    return {line: next(rules[line.table, line.chain]).statements for line in taken}
