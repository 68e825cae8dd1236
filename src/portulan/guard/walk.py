"""A base chain with all it jumps to, flattened: an ordered list of rectangles (senders x ports of lanes) with what is decided for them.

The first rectangle that holds a packet decides, as the first rule does. What cannot be decided beforehand stays in the list as a possibility that counts only
before the first certain one. A rule that changes a packet (a mark, a translation) moves it to a lane of its own.
"""

from __future__ import annotations

from portulan.guard.lanes import UNKNOWN, Lane, Moment
from portulan.guard.match import EVERYTHING, Matcher, apply, merge
from portulan.guard.sets import ALL
from portulan.model.record import Record
from portulan.model.rule import (
    Assign,
    Binary,
    Choose,
    ConnectionLimit,
    Field,
    Forward,
    Limit,
    Match,
    NoTrack,
    Opaque,
    Queue,
    Quota,
    Reject,
    Rule,
    Synproxy,
    Translate,
    TransparentProxy,
    Update,
    Use,
    Verdict,
    VerdictKind,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portulan.guard.lanes import Value
    from portulan.guard.match import Rectangle
    from portulan.model.rule import Expression, Range, Statement
    from portulan.model.ruleset import Chain, Ruleset

DROP, ACCEPT, REJECT = 0, 1, 2
"""What a rectangle decides."""
MOST_LANES = 4_000
"""More are not made: what rules would have changed further is only possible then."""
_DEPTH = 16
"""NFT_JUMP_STACK_SIZE of include/net/netfilter/nf_tables.h: the kernel takes no deeper jumps."""
_PERHAPS = (Limit, Quota, ConnectionLimit)
_ANYTHING = (Queue, Synproxy, TransparentProxy)
_DECIDING = ("limit", "quota")


class Paint(Record):
    """What is decided for the senders x ports of one rectangle."""

    row: int
    column: int
    code: int
    sure: bool
    place: int
    """Number of the rule in `Walker.places`."""


class Layer(Record):
    """One base chain's decisions, first match first; the last ones are its policy."""

    chain: Chain
    moment: Moment
    columns: int
    """The lanes that it was asked about, as a set of ports."""
    paints: tuple[Paint, ...]


class Walker:
    """Flattens chains in one IP version."""

    def __init__(self, ruleset: Ruleset, matcher: Matcher, read: frozenset[tuple[str, str]]) -> None:
        """`read`: (group, name) of every field that any rule compares."""
        self.ruleset = ruleset
        self.matcher = matcher
        self.rows, self.columns = matcher.rows, matcher.columns
        self.read = read
        self.lanes: list[Lane] = []
        self.layers: list[Layer] = []
        self.places: list[tuple[Chain, Rule | None]] = []
        self.chains = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
        self._numbers: dict[int, int] = {}
        self._changing: dict[tuple[str, str, str], bool] = {}
        self._out: list[Paint] = []
        self._left: list[Rectangle] | None = None
        self._stack: list[list[Rectangle]] = []
        self._moment = Moment("")
        self._policy = ACCEPT
        self._policy_place = 0
        self._nat: list[Lane] = []

    # --- one base chain ---

    def run(self, chain: Chain, lanes: Iterable[Lane], moment: Moment, *, sure: bool = True) -> list[Lane]:
        """Adds the layer of a base chain for some lanes. Returns the lanes that go on: these and all that were made on the way."""
        lanes = list(lanes)
        base = chain.base
        if base is None or not lanes:
            return lanes
        key = chain.family, chain.table, chain.name
        self._moment, self._out, self._nat = moment, [], []
        changing = not moment.reply and self.changes(key)
        self._left = [] if changing else None
        self._policy = DROP if base.policy is VerdictKind.DROP else ACCEPT
        self._policy_place = self._place(chain, None)
        if set(lanes) != set(self.matcher.lanes):
            self.matcher.use(lanes)
        before = len(self.lanes)
        columns = self._columns(lanes)
        self._walk(chain, [(ALL, columns, sure)], 0)
        made = self.lanes[before:]
        here = [lane for lane in made if lane not in self._nat]
        columns = self._columns([*lanes, *here])
        self._out.append(Paint(ALL, columns, self._policy, sure, self._policy_place))
        if not sure:  # whether the chain is asked at all is not known
            self._out.append(Paint(ALL, columns, ACCEPT, True, self._policy_place))
        self.layers.append(Layer(chain, moment, columns, tuple(self._out)))
        for lane in self._nat:
            lane.born = len(self.layers)
        return [*lanes, *made]

    def doubt(self, chain: Chain, lanes: Iterable[Lane], moment: Moment) -> None:
        """Adds a layer that may drop anything: rules that are not followed (a bridge's, unread ones)."""
        columns = self._columns(list(lanes))
        place = self._place(chain, None)
        self.layers.append(
            Layer(chain, moment, columns, (Paint(ALL, columns, DROP, False, place), Paint(ALL, columns, ACCEPT, True, place)))
        )

    def refuse(self, chain: Chain, lanes: Iterable[Lane], moment: Moment) -> None:
        """Adds a layer that drops everything: the kernel itself does."""
        columns = self._columns(list(lanes))
        self.layers.append(Layer(chain, moment, columns, (Paint(ALL, columns, DROP, True, self._place(chain, None)),)))

    def _columns(self, lanes: list[Lane]) -> int:
        return self.columns.union([lane.active for lane in lanes])

    def _place(self, chain: Chain, rule: Rule | None) -> int:
        key = id(chain if rule is None else rule)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.places)
            self.places.append((chain, rule))
        return number

    def changes(self, key: tuple[str, str, str]) -> bool:
        """Whether a chain, or one it leads to, changes packets in a way that another rule can notice."""
        found = self._changing.get(key)
        if found is None:
            self._changing[key] = False
            chain = self.chains.get(key)
            found = self._changing[key] = chain is not None and any(
                self._matters(statement) or any(self.changes((key[0], key[1], target)) for target in self._targets(key, statement))
                for rule in chain.rules
                for statement in rule.statements
            )
        return found

    def _matters(self, statement: Statement) -> bool:
        if isinstance(statement, Assign):
            return (statement.field.group, statement.field.name) in self.read
        return isinstance(statement, NoTrack) or (isinstance(statement, Translate) and statement.kind in ("dnat", "redirect"))

    def _targets(self, key: tuple[str, str, str], statement: Statement) -> Iterable[str]:
        if isinstance(statement, Verdict) and statement.target is not None:
            yield statement.target
        elif isinstance(statement, Choose):
            members, _ = self.matcher.members(statement.map, key[0], key[1])
            for element in (members.elements if members is not None else None) or ():
                if isinstance(element.data, Verdict) and element.data.target is not None:
                    yield element.data.target

    # --- chains and rules ---

    def _walk(self, chain: Chain, arrivals: list[Rectangle], depth: int) -> None:
        """Everything that `chain` decides for what arrives in it."""
        gone: list[Rectangle] = []
        self._stack.append(arrivals)
        for rule in chain.rules:
            self._rule(chain, rule, arrivals, gone, depth)
        self._stack.pop()

    def _rule(self, chain: Chain, rule: Rule, arrivals: list[Rectangle], gone: list[Rectangle], depth: int) -> None:
        matcher, moment = self.matcher, self._moment
        rects = EVERYTHING
        for statement in rule.statements:
            kind = statement.__class__
            if kind is Match:
                hits = matcher.match(statement, chain.family, chain.table, moment)  # type: ignore[arg-type]
                rects = hits if rects is EVERYTHING else matcher.product(rects, hits)
                if not rects:
                    return
            elif kind is Verdict or kind is Reject:
                self._emit(chain, rule, statement, self._arrived(rects, arrivals, gone), gone, depth)
                return
            elif kind is Choose:
                rects = self._choose(chain, rule, statement, rects, arrivals, gone, depth)  # type: ignore[arg-type]
            else:
                rects = self._other(chain, rule, statement, rects, arrivals, gone)
            if not rects:
                return

    def _arrived(self, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle]) -> list[Rectangle]:
        """Of these rectangles what came here and has not left by return or goto."""
        pieces = list(arrivals) if rects is EVERYTHING else self.matcher.product(rects, arrivals)
        for row, column, sure in gone:
            pieces = self.matcher.cut(pieces, row, column, sure)
        return pieces

    def _emit(self, chain: Chain, rule: Rule, verdict: Statement, pieces: list[Rectangle], gone: list[Rectangle], depth: int) -> None:
        if isinstance(verdict, Reject):
            self._paint(pieces, REJECT, self._place(chain, rule))
            return
        assert isinstance(verdict, Verdict)
        kind = verdict.kind
        if kind is VerdictKind.ACCEPT or kind is VerdictKind.DROP:
            self._paint(pieces, ACCEPT if kind is VerdictKind.ACCEPT else DROP, self._place(chain, rule))
        elif kind is not VerdictKind.CONTINUE:
            before = len(self.lanes)
            if kind is not VerdictKind.RETURN and pieces:
                target = self.chains.get((chain.family, chain.table, verdict.target or ""))
                if target is None or depth >= _DEPTH:
                    self._anything(pieces, self._place(chain, rule))
                else:
                    self._walk(target, pieces, depth + 1)
            if kind is VerdictKind.JUMP:
                return
            pieces = [*pieces, *((ALL, lane.active, True) for lane in self.lanes[before:])]
            if depth == 0:
                self._paint(pieces, self._policy, self._policy_place)
            else:
                self._gone(gone, pieces)

    def _gone(self, gone: list[Rectangle], pieces: list[Rectangle]) -> None:
        for row, column, sure in pieces:
            for at, (a, b, certain) in enumerate(gone):
                if b == column and certain == sure:
                    gone[at] = self.rows.either(a, row), b, certain
                    break
            else:
                gone.append((row, column, sure))

    def _paint(self, pieces: list[Rectangle], code: int, place: int) -> None:
        for row, column, sure in pieces:
            self._out.append(Paint(row, column, code, sure, place))
        if self._left is not None:
            self._left += pieces

    def _anything(self, pieces: list[Rectangle], place: int) -> None:
        """These packets may be accepted, dropped, or neither."""
        for row, column, _ in pieces:
            self._out += (Paint(row, column, ACCEPT, False, place), Paint(row, column, DROP, False, place))

    def _choose(
        self, chain: Chain, rule: Rule, choose: Choose, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle], depth: int
    ) -> list[Rectangle]:
        """A verdict map. What it has no verdict for goes on with the rule."""
        members, _ = self.matcher.members(choose.map, chain.family, chain.table)
        if members is None:
            self._anything(self._arrived(rects, arrivals, gone), self._place(chain, rule))
            return [(row, column, False) for row, column, _ in rects]
        by_verdict: dict[Verdict | None, list[Rectangle]] = {}
        for row, column, sure, element in self.matcher.look_up(choose.key, members, self._moment):
            verdict = element.data if element is not None and isinstance(element.data, Verdict) else None
            by_verdict.setdefault(verdict, []).append((row, column, sure))
        rest = rects
        for verdict, hits in by_verdict.items():
            joined = merge(hits, self.rows, self.columns)
            here = joined if rects is EVERYTHING else self.matcher.product(rects, joined)
            if verdict is None:
                continue
            self._emit(chain, rule, verdict, self._arrived(here, arrivals, gone), gone, depth)
            for row, column, sure in joined:
                rest = self.matcher.cut(rest, row, column, sure)
        return rest

    def _other(  # noqa: PLR0911 - a table of statements
        self, chain: Chain, rule: Rule, statement: Statement, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle]
    ) -> list[Rectangle]:
        """A statement that is neither a comparison nor a verdict. Returns where the rule goes on."""
        if isinstance(statement, _PERHAPS) or (isinstance(statement, Opaque) and statement.reason == "xt-match"):
            return _unsure(rects)
        if isinstance(statement, Use):
            return (
                _unsure(rects)
                if statement.kind in _DECIDING
                else self._or_anything(statement.kind == "synproxy", chain, rule, rects, arrivals, gone)
            )
        if isinstance(statement, Update):
            known = self.ruleset.sets.get((chain.family, chain.table, statement.set))
            deciding = (*statement.statements, *(known.statements if known is not None else ()))
            return _unsure(rects) if any(isinstance(each, _PERHAPS) for each in deciding) else rects
        if isinstance(statement, _ANYTHING) or (isinstance(statement, Opaque) and statement.reason != "aside"):
            return self._or_anything(True, chain, rule, rects, arrivals, gone)
        if isinstance(statement, Forward):  # gone by another device: this host does not see it again
            self._paint(self._arrived(rects, arrivals, gone), DROP, self._place(chain, rule))
            return []
        if isinstance(statement, Translate):
            return self._translate(chain, rule, statement, rects, arrivals, gone)
        if self._left is None or not self._matters(statement):
            return rects
        if isinstance(statement, Assign):
            return self._assign(chain, rule, statement, rects, arrivals, gone)
        if isinstance(statement, NoTrack) and self._moment.early:
            return self._change(self._pieces(rects, arrivals, gone), self._place(chain, rule), _untrack)
        return rects

    def _or_anything(
        self,
        needed: bool,  # noqa: FBT001 - which of the two
        chain: Chain,
        rule: Rule,
        rects: list[Rectangle],
        arrivals: list[Rectangle],
        gone: list[Rectangle],
    ) -> list[Rectangle]:
        if not needed:
            return rects
        self._anything(self._arrived(rects, arrivals, gone), self._place(chain, rule))
        return _unsure(rects)

    # --- what changes packets ---

    def _pieces(self, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle]) -> list[Rectangle]:
        """What really comes to this statement: all that arrived, without what was decided or moved before."""
        pieces = self._arrived(rects, arrivals, gone)
        for row, column, sure in self._left or ():
            pieces = self.matcher.cut(pieces, row, column, sure)
        return pieces

    def _change(self, pieces: list[Rectangle], place: int, change: Callable[[Lane], None], *, later: bool = False) -> list[Rectangle]:
        """Moves packets to lanes of their own, changed. `later`: these go on only with the next base chain."""
        moved: list[Rectangle] = []
        made: list[Lane] = []
        for row, column, sure in pieces:
            for lane in self.matcher.lanes:
                here = self.columns.both(column, self.columns.spans([lane.span]))
                if not here:
                    continue
                if len(self.lanes) >= MOST_LANES:
                    self._anything([(row, here, False)], place)
                    continue
                shift = (len(self.lanes) - lane.number) << 16
                active = self.columns.put(tuple(edge + shift for edge in self.columns.edges[here]))
                child = lane.child(len(self.lanes), self.rows.both(lane.senders, row), active)
                child.born, child.sure, child.place = len(self.layers), sure, place
                change(child)
                self.lanes.append(child)
                made.append(child)
                moved.append((row, active, True))
                if self._left is not None:
                    self._left.append((row, here, sure))
        if later:
            self._nat += made
        elif made:
            self.matcher.use([*self.matcher.lanes, *made])
            for waiting in self._stack:
                waiting.extend(moved)
        return moved

    def _assign(
        self, chain: Chain, rule: Rule, assign: Assign, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle]
    ) -> list[Rectangle]:
        pieces = self._pieces(rects, arrivals, gone)
        place = self._place(chain, rule)
        field = assign.field
        moved: list[Rectangle] = []
        for row, column, sure, (value, *_) in self._values(assign.value, chain):
            here = self.matcher.product(pieces, [(row, column, sure)])
            certain = [piece for piece in here if piece[2]]
            doubtful = [piece for piece in here if not piece[2]]
            moved += self._change(certain, place, lambda lane, value=value: _set(lane, field, value))  # type: ignore[misc]
            # It may or may not have been set: whoever compares it then cannot know. So these leave their lane for certain.
            moved += self._change([(a, b, True) for a, b, _ in doubtful], place, lambda lane: _set(lane, field, UNKNOWN))
        return moved

    def _values(self, value: Expression | Range, chain: Chain) -> list[tuple[int, int, bool, tuple[Value, ...]]]:
        if isinstance(value, Binary) and not isinstance(value.right, Field) and hasattr(value.right, "value"):
            number: int = value.right.value  # type: ignore[union-attr]
            return [
                (row, column, sure, (apply(value.operator, first, number) & 0xFFFFFFFF if isinstance(first, int) else UNKNOWN,))
                for row, column, sure, (first, *_) in self._values(value.left, chain)
            ]
        return self.matcher.values(value, chain.family, chain.table, self._moment)

    def _translate(
        self, chain: Chain, rule: Rule, nat: Translate, rects: list[Rectangle], arrivals: list[Rectangle], gone: list[Rectangle]
    ) -> list[Rectangle]:
        """NAT accepts as far as its base chain goes; a new destination is another lane from the next chain on."""
        place = self._place(chain, rule)
        if self._left is not None and nat.kind in ("dnat", "redirect") and nat.family in (None, self.matcher.facts.header):
            pieces = self._pieces(rects, arrivals, gone)
            for a, b, c, address, port in self._targets_of(nat, chain):
                here = self.matcher.product(pieces, [(a, b, c)])
                self._change(here, place, lambda lane, address=address, port=port: _send(lane, nat.kind, address, port), later=True)  # type: ignore[misc]
        self._paint(self._arrived(rects, arrivals, gone), ACCEPT, place)
        return []

    def _targets_of(self, nat: Translate, chain: Chain) -> list[tuple[int, int, bool, Value | None, Value | None]]:
        """(senders, ports, certain, address, port); None: as it was."""
        if "netmap" in nat.flags:
            return [(ALL, ALL, True, UNKNOWN, None)]
        addresses = self._values(nat.address, chain) if nat.address is not None else [(ALL, ALL, True, (None,))]
        ports = self._values(nat.port, chain) if nat.port is not None else [(ALL, ALL, True, (None,))]
        found: list[tuple[int, int, bool, Value | None, Value | None]] = []
        for a, b, sure, address in addresses:
            for c, d, certain, port in ports:
                row, column = self.rows.both(a, c), self.columns.both(b, d)
                if row and column:
                    found.append((row, column, sure and certain, address[0], address[1] if len(address) > 1 else port[0]))
        return found


def _unsure(rects: list[Rectangle]) -> list[Rectangle]:
    return [(row, column, False) for row, column, _ in rects]


def _untrack(lane: Lane) -> None:
    lane.tracked = False


def _set(lane: Lane, field: Field, value: Value) -> None:
    group, name = field.group, field.name
    lane.facts[group, name, field.direction] = value
    if group in ("ip", "ip6") and name == "saddr":
        lane.source = value
    elif group in ("ip", "ip6") and name == "daddr":
        lane.destination = value
    elif group in ("tcp", "udp", "th") and name == "dport":
        lane.port = value


def _send(lane: Lane, kind: str, address: Value | None, port: Value | None) -> None:
    lane.translated = True
    if kind == "redirect":
        lane.facts["redirect", "", None] = 1
    elif address is not None:
        lane.destination = address
    if port is not None:
        lane.port = port
