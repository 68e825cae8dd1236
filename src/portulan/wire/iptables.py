"""iptables-save's text and iptables-restore-translate's: rules that nft's JSON does not show, line by line.

iptables-save prints the rules of each chain in the kernel's order, as nft does, so that the n-th line of a chain is the n-th rule of it. What translates the lines
prints one `add rule` for each, or the line again behind `# `, in the order of the lines.
"""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.rule import Field, Match, Members, Opaque, Spans, VerdictKind
from portulan.model.ruleset import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.rule import Statement

FAMILIES = ("ip", "ip6")
LEGACY = "legacy:"
"""Begins the names of tables that iptables-legacy has: no table of nftables is called so."""
_BASES = {
    "raw": {"PREROUTING": -300, "OUTPUT": -300},
    "mangle": {"PREROUTING": -150, "INPUT": -150, "FORWARD": -150, "OUTPUT": -150, "POSTROUTING": -150},
    "nat": {"PREROUTING": -100, "OUTPUT": -100, "INPUT": 100, "POSTROUTING": 100},
    "filter": {"INPUT": 0, "FORWARD": 0, "OUTPUT": 0},
    "security": {"INPUT": 50, "FORWARD": 50, "OUTPUT": 50},
}
"""Priorities of the built-in chains: NF_IP_PRI_* of include/uapi/linux/netfilter_ipv4.h."""
_ENDS = ("-m", "-j", "-g")
_ASIDE = ("LOG", "NFLOG", "ULOG", "AUDIT", "CHECKSUM", "TCPMSS", "TCPOPTSTRIP", "SECMARK", "CONNSECMARK", "CLASSIFY", "LED", "RATEEST")
"""Targets after which the packet goes on as it was, for all that rules can see (iptables-extensions(8))."""
_PLAIN_MODULES = ("tcp", "udp", "udplite", "sctp", "dccp", "comment")


class Line(Record):
    """One rule of iptables."""

    table: str
    chain: str
    text: str
    """`-A INPUT -p tcp …`"""


class Saved(Record):
    """What iptables-save printed."""

    tables: tuple[str, ...]
    chains: tuple[tuple[str, str, str], ...]
    """(table, chain, policy); `-` for chains of one's own."""
    rules: tuple[Line, ...]


def parse_save(text: str) -> Saved:
    """iptables-save's text. Lines that are none of its own (warnings, counters) are passed over."""
    tables: list[str] = []
    chains: list[tuple[str, str, str]] = []
    rules: list[Line] = []
    for line in text.split("\n"):
        if line.startswith("*"):
            tables.append(line[1:].strip())
        elif line.startswith(":") and tables:
            words = line[1:].split()
            if len(words) > 1:
                chains.append((tables[-1], words[0], words[1]))
        elif line.startswith("-A ") and tables:
            rules.append(Line(tables[-1], line.split(" ", 2)[1], line.strip()))
    return Saved(tuple(tables), tuple(chains), tuple(rules))


def build_restore(saved: Saved, rules: tuple[Line, ...]) -> str:
    """The text that iptables-restore-translate reads: all chains, and these rules in their order."""
    parts = []
    for table in saved.tables:
        parts.append(f"*{table}")
        parts += [f":{chain} {policy} [0:0]" for owner, chain, policy in saved.chains if owner == table]
        parts += [rule.text for rule in rules if rule.table == table]
        parts.append("COMMIT")
    return "\n".join([*parts, ""])


def legacy_base(table: str, chain: str, policy: str) -> Base | None:
    """Where packets enter a chain of iptables-legacy; None for a chain of one's own."""
    priority = _BASES.get(table, {}).get(chain)
    if priority is None:
        return None
    kind = "nat" if table == "nat" else "route" if (table, chain) == ("mangle", "OUTPUT") else "filter"
    return Base(kind, chain.lower(), priority, VerdictKind.DROP if policy == "DROP" else VerdictKind.ACCEPT)


def parse_refused(errors: str, before: int) -> frozenset[int]:
    """Which commands nft refused, by its errors (`/dev/stdin:12:1-20: Error: …`): counted from 0 behind the first `before` lines."""
    refused = set()
    for line in errors.split("\n"):
        words = line.split(":", 2)
        if len(words) == 3 and words[1].isdigit() and (at := int(words[1]) - 1 - before) >= 0:
            refused.add(at)
    return frozenset(refused)


def parse_translation(text: str, rules: tuple[Line, ...]) -> tuple[list[str], list[str | None]] | None:
    """(lines that make tables and chains, for each rule its `add rule` or None where there is none); None where it does not fit together.

    `rules` are those that `build_restore` was given, table by table.
    """
    frame: list[str] = []
    made: list[str | None] = []
    for line in text.split("\n"):
        if line.startswith(("add table ", "add chain ")):
            frame.append(line)
        elif line.startswith("add rule "):
            made.append(line)
        elif line.startswith(("# -t ", "# -A ")):
            made.append(None)
    if len(made) != len(rules):
        return None
    for rule, command in zip(rules, made, strict=True):
        if command is not None and command.split(" ")[3:5] != [rule.table, rule.chain]:
            return None
    return frame, made


class Pieces(Record):
    """An iptables rule taken apart."""

    begin: str
    """`-A INPUT -s … -p tcp`, with the modules that go with a protocol."""
    modules: tuple[str, ...]
    """`-m recent --set …`, each with its options."""
    end: str
    """`-j ACCEPT`, or empty."""


def take_apart(text: str) -> Pieces:
    """Cut a line where its modules and its target begin."""
    pieces: list[list[str]] = [[]]
    for word in _words(text):
        if word in _ENDS:
            pieces.append([])
        pieces[-1].append(word)
    begin, end = list(pieces[0]), ""
    modules: list[str] = []
    for piece in pieces[1:]:
        if piece[0] != "-m":
            end = " ".join(piece)
        elif len(piece) > 1 and piece[1] in _PLAIN_MODULES and not modules:
            begin += piece
        else:
            modules.append(" ".join(piece))
    return Pieces(" ".join(begin), tuple(modules), end)


def words_for_target(target: str) -> Opaque:
    """A target that has no translation: one of those that decide nothing, or one that may do anything."""
    words = target.split()
    aside = len(words) > 1 and (words[1] in _ASIDE or words[1:3] == ["CT", "--helper"])
    return Opaque(target, "aside" if aside else "xt")


def own_words(module: str) -> tuple[Statement, ...] | None:
    """What little the translator of iptables 1.8.9 leaves out and anybody can read: ICMP types that it has no name for. None for all else."""
    words = module.split()
    field = {"--icmp-type": "icmp", "--icmpv6-type": "icmpv6"}.get(words[2]) if len(words) == 4 else None
    if field is None:
        return None
    numbers = words[3].split("/")
    if len(numbers) > 2 or not all(number.isdigit() and len(number) < 4 and int(number) < 256 for number in numbers):
        return None
    return tuple(
        Match(Field(field, name), Members(spans=Spans((int(number),), (int(number),))))
        for name, number in zip(("type", "code"), numbers, strict=False)
    )


def _words(text: str) -> list[str]:
    """The words of a line; quoted ones whole, with their quotes."""
    words: list[str] = []
    word, quoted, escaped = "", False, False
    for letter in text:
        if letter == " " and not quoted:
            if word:
                words.append(word)
            word = ""
            continue
        word += letter
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return [*words, word] if word else words
