"""The program nft, asked for its JSON, and its known faults worked around."""

from __future__ import annotations

from portulan.errors import CannotTell, ParseError
from portulan.system.linux.spawn import Ended, find_program, run_program
from portulan.wire.nft_circle import check_jumps
from portulan.wire.nftjson import parse_ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.ruleset import Key, Ruleset
    from portulan.wire.nf_tables import ChainFacts, TableFacts

LISTING = ("-j", "-a")
_GARBLED = b"netlink: Error:"
"""Said beside a listing that leaves out what this nft does not know: a rule may then look as if it matched everything (seen: 1.0.6 and sets of labels)."""
_NO_JSON = (b"JSON support", b"'j'", b"-- 'j'", b"unrecognized option", b"invalid option")


def find_nft() -> str:
    """Its path. Raises CannotTell."""
    path = find_program("nft")
    if path is None:
        raise CannotTell("nft.needed")
    return path


def ask(nft: str, *words: str) -> bytes:
    """What it prints for a command. Raises CannotTell where it fails, FileNotFoundError where what was asked for is not there (any more)."""
    done = run_program(nft, words)
    if _GARBLED in done.err:
        raise CannotTell("nft.garbled", reason=done.err.partition(_GARBLED)[2].decode(errors="replace").strip().partition("\n")[0])
    if done.status == 0:
        return done.out
    if b"No such file or directory" in done.err:
        raise FileNotFoundError(done.reason)
    if any(word in done.err for word in _NO_JSON):
        version = run_program(nft, ("--version",)).out.decode(errors="replace").strip()
        raise CannotTell("nft.no-json", version=version)
    raise CannotTell("nft.failed", reason=_reason(done))


def _reason(done: Ended) -> str:
    return done.reason.removeprefix("Error: ")


def list_rules(nft: str, tables: Sequence[TableFacts], chains: Sequence[ChainFacts], *, terse: bool) -> Ruleset:
    """All tables. Raises CannotTell, ParseError, FileNotFoundError (something went while it was listed)."""
    options = (*LISTING, "-t") if terse else LISTING
    try:
        ruleset = parse_ruleset(ask(nft, *options, "list", "ruleset"), terse=terse)
    except ParseError as error:
        if error.code != "nft.not-json" or not any(table.dormant or table.owned for table in tables):
            raise
        ruleset = parse_ruleset(_piece_by_piece(nft, options, tables, chains), terse=terse)
    return _corrected(ruleset, tables, chains)


def _piece_by_piece(nft: str, options: tuple[str, ...], tables: Sequence[TableFacts], chains: Sequence[ChainFacts]) -> bytes:
    """The same without the objects that stand for tables, in which nft 1.0.6 prints freed memory where a table has a flag."""
    import json

    items: list[dict[str, object]] = []
    seen: set[str] = set()

    def add(*words: str) -> None:
        for item in json.loads(ask(nft, *options, "list", *words))["nftables"]:
            if (text := json.dumps(item)) not in seen and "table" not in item:
                seen.add(text)
                items.append(item)

    for table in tables:
        items.append({"table": {"family": table.family, "name": table.name}})
        for objects in ("sets", "counters", "quotas", "limits"):
            add(objects, "table", table.family, table.name)
        for chain in chains:
            if (chain.family, chain.table) == (table.family, table.name):
                add("chain", chain.family, chain.table, chain.name)
    add("maps")
    add("flowtables")
    order = ("metainfo", "table", "chain")
    items.sort(key=lambda item: next((at for at, kind in enumerate(order) if kind in item), len(order)))
    return json.dumps({"nftables": items}).encode()


def _corrected(ruleset: Ruleset, tables: Sequence[TableFacts], chains: Sequence[ChainFacts]) -> Ruleset:
    """With what the kernel itself says of tables' flags and chains' devices, which nft's JSON has wrong or leaves out."""
    flags = {(table.family, table.name): table for table in tables}
    devices = {(chain.family, chain.table, chain.name): chain.devices for chain in chains}
    corrected = []
    for table in ruleset.tables:
        facts = flags.get((table.family, table.name))
        corrected.append(table if facts is None else table._replace(dormant=facts.dormant, owned=facts.owned))
    placed = []
    for chain in ruleset.chains:
        found = devices.get((chain.family, chain.table, chain.name))
        if chain.base is not None and chain.base.devices is None and found is not None:
            chain = chain._replace(base=chain.base._replace(devices=found))  # noqa: PLW2901 - the same chain, known better
        placed.append(chain)
    return ruleset._replace(tables=tuple(corrected), chains=tuple(placed))


def read_sets(nft: str, ruleset: Ruleset, wanted: Iterable[Key]) -> Ruleset:
    """The ruleset with the elements of these sets. Raises as `list_rules` does.

    One nft a set: nft 1.0.6 forgets what it knows between two commands of one run.
    """
    sets = dict(ruleset.sets)
    for key in wanted:
        known = sets.get(key)
        if known is None or known.members is not None:
            continue
        kind = "map" if known.data_types else "set"
        # Its jumps lead to chains that this listing does not have: they are checked with the whole.
        found = parse_ruleset(ask(nft, *LISTING, "list", kind, *key)).sets.get(key)
        if found is not None:
            sets[key] = known._replace(members=found.members)
    check_jumps(ruleset.chains, sets)
    return ruleset._replace(sets=sets)
