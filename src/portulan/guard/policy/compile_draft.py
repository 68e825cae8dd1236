"""A table in the making: its sets, chains and helpers as values, the same ones that a reading of the kernel's rules would give."""

from __future__ import annotations

from portulan.guard.policy.compile_words import Names, link_name
from portulan.model.guard_compiled import FAMILY, TABLE
from portulan.model.policy import NOBODY, THIS_HOST
from portulan.model.rule import Field, Match, Members, Name, Named, Range, Rule, Spans, Update, Use, Verdict, VerdictKind
from portulan.model.rule import Names as Texts
from portulan.model.ruleset import Base, Chain, NamedObject, NamedSet, Ruleset, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.model.policy import Source
    from portulan.model.rule import Expression, Statement

ACCEPT, DROP, RETURN = Verdict(VerdictKind.ACCEPT), Verdict(VerdictKind.DROP), Verdict(VerdictKind.RETURN)
ADDRESS_TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
HEADERS = {4: "ip", 6: "ip6"}


def numbers(*values: int) -> Members:
    """A set of single numbers."""
    return Members(spans=Spans(values, values))


def equals(group: str, name: str, *values: int) -> Match:
    """A field is one of these numbers."""
    return Match(Field(group, name), numbers(*values))


def jump(chain: str) -> Verdict:
    """Into a chain and, unless that decides, back."""
    return Verdict(VerdictKind.JUMP, chain)


def goto(chain: str) -> Verdict:
    """Into a chain, for good."""
    return Verdict(VerdictKind.GOTO, chain)


class Draft:
    """See the head of this file."""

    def __init__(self, mark: str = "") -> None:
        """`mark` stands before each name."""
        self.names = Names(mark)
        self.chains: list[Chain] = []
        self.sets: dict[str, NamedSet] = {}
        self.objects: dict[str, NamedObject] = {}
        self.remarks: dict[str, list[str]] = {}
        """Of elements of a map, in their order."""
        self._addresses: dict[tuple[int, int], str] = {}
        """By version and the identity of the spans: to compare a hundred thousand of them for every line would take longer than all else."""

    def chain(self, name: str, rules: Iterable[Rule], base: Base | None = None) -> str:
        """A chain; its name."""
        self.chains.append(Chain(FAMILY, TABLE, name, tuple(rules), base))
        return name

    def named(self, known: NamedSet) -> str:
        """A set or map; its name."""
        self.sets[known.name] = known
        return known.name

    def tidy(self) -> None:
        """Take away what no packet ever comes to: chains and sets of senders who need not be asked for, since everyone may come."""
        chains = {chain.name: chain for chain in self.chains}
        used: set[str] = set()
        ahead: list[object] = [chain for chain in self.chains if chain.base is not None]
        while ahead:
            for name in _named_in(ahead.pop()):
                if name not in used:
                    used.add(name)
                    ahead += [known for known in (chains.get(name), self.sets.get(name)) if known is not None]
        self.chains = [chain for chain in self.chains if chain.base is not None or chain.name in used]
        self.sets = {name: known for name, known in self.sets.items() if name in used}
        self.objects = {name: known for name, known in self.objects.items() if name in used}

    def ruleset(self) -> Ruleset:
        """What was made, as rules of a kernel."""
        return Ruleset(
            (Table(FAMILY, TABLE),),
            tuple(self.chains),
            {(FAMILY, TABLE, name): known for name, known in self.sets.items()},
            {(FAMILY, TABLE, known.kind, known.name): known for known in self.objects.values()},
        )

    # --- who ---

    def senders(self, source: Source, versions: tuple[int, ...] = (4, 6), *, out: bool = False) -> list[tuple[Match, ...]]:
        """Comparisons, one of which holds for each of the senders (with `out`: for each that is sent to); empty where nobody is meant."""
        found: list[tuple[Match, ...]] = []
        for part in source.parts:
            who: list[tuple[Match, ...]] = [()]
            if part.addresses is not None:
                who = [
                    (Match(Field(HEADERS[version], "daddr" if out else "saddr"), Named(self._address_set(source, version, spans))),)
                    for version, spans in ((4, part.addresses.v4), (6, part.addresses.v6))
                    if spans and version in versions
                ]
            found += [(*link, *addresses) for link in self.links(part.links, "oifname" if out else "iifname") for addresses in who]
        return list(dict.fromkeys(found))

    @staticmethod
    def links(names: Iterable[str], field: str) -> list[tuple[Match, ...]]:
        """Comparisons of an interface's name, one of which holds if it is one of these; without names one that always holds."""
        exact: list[Name] = []
        begun: list[Name] = []
        for name in dict.fromkeys(map(link_name, names)):
            (begun if name.endswith("*") else exact).append(Name(name.removesuffix("*"), prefix=name.endswith("*")))
        groups = ([tuple(exact)] if exact else []) + [(name,) for name in begun]
        # Every beginning has a rule of its own: nft before 1.0.2 takes none in a set.
        return [(Match(Field("meta", field), Members(names=Texts(group))),) for group in groups] or [()]

    def _address_set(self, source: Source, version: int, spans: tuple[tuple[int, int], ...]) -> str:
        key = version, id(spans)
        name = self._addresses.get(key)
        if name is None:
            name = self._addresses[key] = self.names.take((source.name,), f"_v{version}")
            members = Members(spans=Spans([first for first, _ in spans], [last for _, last in spans]))
            where = "" if source.spot is None else f" ({source.spot.file.rpartition('/')[2]}:{source.spot.line})"
            self.named(
                NamedSet(FAMILY, TABLE, name, (ADDRESS_TYPES[version],), members, flags=("interval",), comment=f"{source.name}{where}")
            )
        return name


def nobody(source: Source) -> bool:
    """Whether it is nobody from outside."""
    return source.name in (THIS_HOST, NOBODY) or not source.parts


def compared(left: Expression, first: int, last: int) -> Match:
    """Something lies between two numbers, both inside."""
    return Match(left, Members(spans=Spans((first,), (last,))))


def element(first: int, last: int) -> tuple[Range, ...]:
    """The key of an element."""
    return (Range(first, last),)


def rule(*statements: Statement, comment: str | None = None) -> Rule:
    """A rule that no kernel has numbered."""
    return Rule(None, statements, comment)


def _named_in(value: object) -> Iterator[str]:
    """The chains, sets and objects that rules or elements speak of."""
    if isinstance(value, Verdict):
        if value.target is not None:
            yield value.target
    elif isinstance(value, Named):
        yield value.name
    elif isinstance(value, Use) and isinstance(value.object, Name):
        yield value.object.text
    elif isinstance(value, tuple) and not isinstance(value, Spans):
        if isinstance(value, Update):
            yield value.set
        for part in value:
            yield from _named_in(part)
