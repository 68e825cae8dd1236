"""A base chain with all it jumps to, flattened: an ordered list of boxes (senders x lanes x ports) with what is decided for them.

The first box that holds a packet decides, as the first rule does. What cannot be decided beforehand stays in the list as a possibility that counts only
before the first certain one. A rule that changes a packet (a mark, a translation) moves it to a lane of its own.
"""

from __future__ import annotations

from portulan.guard.changes import assign, translate, untrack
from portulan.guard.lanes import Lane, Moment, either
from portulan.guard.match import EVERY_LANE, EVERYTHING, Matcher
from portulan.guard.needs import bits_of, known, of_tcp, settable, targets, unsure, updated, values
from portulan.guard.sets import ALL
from portulan.model.record import Record
from portulan.model.rule import (
    Assign,
    Choose,
    ConnectionLimit,
    Field,
    Forward,
    Limit,
    Lookup,
    Match,
    NoTrack,
    Offload,
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
    from portulan.guard.match import Box
    from portulan.guard.mentioned import Mentioned
    from portulan.model.rule import Statement
    from portulan.model.ruleset import Chain, Ruleset

DROP, ACCEPT, REJECT = 0, 1, 2
"""What a box decides."""
MOST_LANES = 4_000
"""More are not made: what rules would have changed further is only possible then."""
_DEPTH = 16
"""NFT_JUMP_STACK_SIZE of include/net/netfilter/nf_tables.h: the kernel takes no deeper jumps."""
_PERHAPS = (Limit, Quota, ConnectionLimit)
_ANYTHING = (Queue, TransparentProxy)
_DECIDING = ("limit", "quota")
_CHANGING = (Assign, NoTrack, Translate)
_WAY = ("saddr", "daddr", "dport")
"""Where a packet goes depends on these, whether a rule looks at them or not."""


class Paint(Record):
    """What is decided for the senders, lanes and ports of one box."""

    row: int
    lanes: int
    port: int
    code: int
    sure: bool
    place: int
    """Number of the rule in `Walker.places`."""


class Layer(Record):
    """One base chain's decisions, first match first; the last ones are its policy."""

    chain: Chain
    moment: Moment
    lanes: int
    """Those that it was asked about."""
    paints: tuple[Paint, ...]


class Walker:
    """Flattens chains in one IP version."""

    def __init__(self, ruleset: Ruleset, matcher: Matcher, mentioned: Mentioned) -> None:
        """`mentioned`: what the rules look at."""
        self.ruleset = ruleset
        self.matcher = matcher
        self.rows, self.ports = matcher.rows, matcher.ports
        self.read, self.rules_of = mentioned.read, mentioned.rules
        self.lanes: list[Lane] = []
        self.layers: list[Layer] = []
        self.places: list[tuple[Chain, Rule | None, str]] = []
        """Every rule or policy (None) that decides something, with the hook at which it is asked."""
        self.chains = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
        self.minor: list[bool] = []
        """Of each place whether any other that accepts tells more: a policy lets in whatever comes, NAT accepts beside what it is for."""
        self._numbers: dict[tuple[int, str], int] = {}
        self._changing: dict[tuple[str, str, str], bool] = {}
        self._out: list[Paint] = []
        self._left: list[Box] | None = None
        self._stack: list[tuple[list[Box], list[Box]]] = []
        self._accepted: list[Box] = []
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
        self._accepted = []
        self._policy = DROP if base.policy is VerdictKind.DROP else ACCEPT
        self._policy_place = self._place(chain, None)
        self.matcher.use(lanes, moment)
        before = len(self.lanes)
        self._walk(chain, [(ALL, bits, active, sure) for active, bits in _by_ports(lanes).items()], 0)
        made = self.lanes[before:]
        bits = bits_of([*lanes, *(lane for lane in made if lane not in self._nat)])
        self._out.append(Paint(ALL, bits, ALL, self._policy, sure, self._policy_place))
        if not sure:  # whether the chain is asked at all is not known
            self._out.append(Paint(ALL, bits, ALL, ACCEPT, True, self._policy_place))
        self.layers.append(Layer(chain, moment, bits, tuple(self._out)))
        for lane in self._nat:
            lane.born = len(self.layers)
        return [*lanes, *made]

    def doubt(self, chain: Chain, lanes: Iterable[Lane], moment: Moment) -> None:
        """Adds a layer that may drop anything: rules that are not followed (a bridge's, unread ones)."""
        bits, place = bits_of(lanes), self._place(chain, None)
        self.layers.append(
            Layer(chain, moment, bits, (Paint(ALL, bits, ALL, DROP, False, place), Paint(ALL, bits, ALL, ACCEPT, True, place)))
        )

    def refuse(self, chain: Chain, lanes: Iterable[Lane], moment: Moment, senders: int = ALL, *, sure: bool = True) -> None:
        """Adds a layer that drops everything, or everything from these senders: the kernel itself does (`sure`), or it may."""
        bits, place = bits_of(lanes), self._place(chain, None)
        paints = Paint(senders, bits, ALL, DROP, sure, place), Paint(ALL, bits, ALL, ACCEPT, True, place)
        self.layers.append(Layer(chain, moment, bits, paints))

    def _place(self, chain: Chain, rule: Rule | None) -> int:
        hook = self._moment.hook
        key = id(chain if rule is None else rule), hook
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.places)
            self.places.append((chain, rule, hook))
            self.minor.append(rule is None or any(each.__class__ is Translate for each in rule.statements))
        return number

    def changes(self, key: tuple[str, str, str]) -> bool:
        """Whether a chain, or one it leads to, changes packets in a way that another rule can notice."""
        found = self._changing.get(key)
        if found is None:
            self._changing[key] = False
            chain = self.chains.get(key)
            found = self._changing[key] = chain is not None and self._changes(chain, key)
        return found

    def _changes(self, chain: Chain, key: tuple[str, str, str]) -> bool:
        if any(each.__class__ in _CHANGING and self._matters(each) for rule in chain.rules for each in rule.statements):
            return True
        return any(self.changes((key[0], key[1], target)) for target in self._next(chain))

    def _next(self, chain: Chain) -> set[str]:
        """The chains of its table that a chain jumps or goes to."""
        targets: set[str] = set()
        for rule in chain.rules:
            for statement in rule.statements:
                kind = statement.__class__
                if kind is Verdict:
                    if statement.target is not None:  # type: ignore[union-attr]
                        targets.add(statement.target)  # type: ignore[union-attr]
                elif kind is Choose:
                    targets.update(self._targets((chain.family, chain.table, chain.name), statement))  # type: ignore[arg-type]
        return targets

    def reached_from(self, chains: Iterable[Chain]) -> tuple[Chain, ...]:
        """These chains and all that they lead to."""
        found: dict[tuple[str, str, str], Chain] = {}
        left = list(chains)
        while left:
            chain = left.pop()
            if found.setdefault((chain.family, chain.table, chain.name), chain) is chain:
                keys = [(chain.family, chain.table, target) for target in self._next(chain)]
                left += [self.chains[key] for key in keys if key in self.chains and key not in found]
        return tuple(found.values())

    def _matters(self, statement: Statement) -> bool:
        if isinstance(statement, Assign):
            field = statement.field
            routes = field.group == "meta" and field.name == "mark" and self.matcher.router.network.policy_routing
            return (field.group, field.name) in self.read or field.name in _WAY or routes
        return isinstance(statement, NoTrack | Translate)

    def _targets(self, key: tuple[str, str, str], choose: Choose) -> Iterable[str]:
        members, _ = self.matcher.members(choose.map, key[0], key[1])
        for element in (members.elements if members is not None else None) or ():
            if isinstance(element.data, Verdict) and element.data.target is not None:
                yield element.data.target

    # --- chains and rules ---

    def _walk(self, chain: Chain, arrivals: list[Box], depth: int) -> None:
        """Everything that `chain` decides for what arrives in it."""
        gone: list[Box] = []
        self._stack.append((arrivals, gone))
        for rule in self.rules_of(chain, self.matcher.facts.version):
            self._rule(chain, rule, arrivals, gone, depth)
        self._stack.pop()

    def _rule(self, chain: Chain, rule: Rule, arrivals: list[Box], gone: list[Box], depth: int) -> None:
        match, product = self.matcher.match, self.matcher.product
        boxes = EVERYTHING
        for statement in rule.statements:
            kind = statement.__class__
            if kind is Match:
                hits = match(statement, chain.family, chain.table)  # type: ignore[arg-type]
                boxes = hits if boxes is EVERYTHING else product(boxes, hits)
                if not boxes:
                    return
            elif kind is Verdict and statement.kind is VerdictKind.CONTINUE:  # type: ignore[union-attr]
                continue
            elif kind is Verdict or kind is Reject:
                if kind is Reject:
                    boxes = self._rejected(statement, boxes)  # type: ignore[arg-type]
                self._emit(chain, rule, statement, self._arrived(boxes, arrivals, gone), gone, depth)
                return
            elif kind is Choose:
                boxes = self._choose(chain, rule, statement, boxes, arrivals, gone, depth)  # type: ignore[arg-type]
            else:
                boxes = self._other(chain, rule, statement, boxes, arrivals, gone)
            if not boxes:
                return

    def _rejected(self, reject: Reject, boxes: list[Box]) -> list[Box]:
        """Where a way of rejecting exists: nft makes it a condition of the rule, and does not print that."""
        if reject.how in ("icmp", "icmpv6") and (reject.how == "icmp") != (self.matcher.facts.version == 4):
            return []
        return of_tcp(self.matcher, boxes) if reject.how == "tcp reset" else boxes

    def _arrived(self, boxes: list[Box], arrivals: list[Box], gone: list[Box]) -> list[Box]:
        """Of these boxes what came here and has not left by return or goto."""
        pieces = list(arrivals) if boxes is EVERYTHING else self.matcher.product(boxes, arrivals)
        for away in gone:
            pieces = self.matcher.cut(pieces, away)
        return pieces

    def _emit(self, chain: Chain, rule: Rule, verdict: Statement, pieces: list[Box], gone: list[Box], depth: int) -> None:
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
            sure = all(piece[3] for piece in pieces)
            pieces = [*pieces, *((ALL, lane.bit, lane.active, sure) for lane in self.lanes[before:])]
            if depth == 0:
                self._paint(pieces, self._policy, self._policy_place)
            else:
                self._gone(gone, pieces)

    def _gone(self, gone: list[Box], pieces: list[Box]) -> None:
        for row, lanes, port, sure in pieces:
            for at, (a, b, c, certain) in enumerate(gone):
                if b == lanes and c == port and certain == sure:
                    gone[at] = self.rows.either(a, row), b, c, certain
                    break
            else:
                gone.append((row, lanes, port, sure))

    def _paint(self, pieces: list[Box], code: int, place: int) -> None:
        for row, lanes, port, sure in pieces:
            self._out.append(Paint(row, lanes, port, code, sure, place))
        if self._left is not None:
            self._left += [piece for piece in pieces if piece[3]]
            if code == ACCEPT:
                self._accepted += [piece for piece in pieces if not piece[3]]

    def _anything(self, pieces: list[Box], place: int) -> None:
        """These packets may be accepted, dropped, or neither."""
        for row, lanes, port, _ in pieces:
            self._out += (Paint(row, lanes, port, ACCEPT, False, place), Paint(row, lanes, port, DROP, False, place))
        if self._left is not None:
            self._accepted += unsure(pieces)

    def _choose(
        self, chain: Chain, rule: Rule, choose: Choose, boxes: list[Box], arrivals: list[Box], gone: list[Box], depth: int
    ) -> list[Box]:
        """A verdict map. A key that it lacks ends the rule (net/netfilter/nft_lookup.c)."""
        members, _ = self.matcher.members(choose.map, chain.family, chain.table)
        if members is None:
            self._anything(self._arrived(boxes, arrivals, gone), self._place(chain, rule))
            return unsure(boxes)
        by_verdict: dict[Verdict | None, list[Box]] = {}
        going: list[Box] = []
        for *box, element in self.matcher.look_up(choose.key, members):
            verdict = element.data if element is not None and isinstance(element.data, Verdict) else None
            by_verdict.setdefault(verdict, []).append(tuple(box))  # type: ignore[arg-type]
        for verdict, hits in by_verdict.items():
            if verdict is not None:
                joined = self.matcher.merge(hits)
                here = joined if boxes is EVERYTHING else self.matcher.product(boxes, joined)
                self._emit(chain, rule, verdict, self._arrived(here, arrivals, gone), gone, depth)
                if verdict.kind is VerdictKind.CONTINUE:
                    going += here
        return going

    def _other(  # noqa: C901, PLR0911 - a table of statements
        self, chain: Chain, rule: Rule, statement: Statement, boxes: list[Box], arrivals: list[Box], gone: list[Box]
    ) -> list[Box]:
        """A statement that is neither a comparison nor a verdict. Returns where the rule goes on."""
        if isinstance(statement, _PERHAPS) or (isinstance(statement, Opaque) and statement.reason == "xt-match"):
            return unsure(boxes)
        if isinstance(statement, Update):
            return updated(self.matcher, chain, statement, boxes)
        if isinstance(statement, Offload):  # takes connections that were seen before (net/netfilter/nft_flow_offload.c)
            return []
        if isinstance(statement, Use):
            if isinstance(statement.object, Lookup):
                boxes = known(self.matcher, statement.object, chain, boxes)
            if statement.kind in _DECIDING:
                return unsure(boxes)
        if isinstance(statement, Synproxy) or (isinstance(statement, Use) and statement.kind == "synproxy"):
            return self._or_anything(True, chain, rule, of_tcp(self.matcher, boxes), arrivals, gone)
        if isinstance(statement, _ANYTHING) or (isinstance(statement, Opaque) and statement.reason != "aside"):
            return self._or_anything(True, chain, rule, boxes, arrivals, gone)
        if isinstance(statement, Forward):  # gone by another device: this host does not see it again
            self._paint(self._arrived(boxes, arrivals, gone), DROP, self._place(chain, rule))
            return []
        if isinstance(statement, Translate):
            return self._translate(chain, rule, statement, boxes, arrivals, gone)
        if isinstance(statement, Assign):
            boxes = settable(self.matcher, chain, statement, boxes)
            return boxes if self._left is None or not self._matters(statement) else self._set(chain, rule, statement, boxes, arrivals, gone)
        if isinstance(statement, NoTrack) and self._left is not None and self._moment.early:
            return self._change(self._surely(self._pieces(boxes, arrivals, gone)), self._place(chain, rule), untrack)
        return boxes

    def _or_anything(
        self,
        needed: bool,  # noqa: FBT001 - which of the two
        chain: Chain,
        rule: Rule,
        boxes: list[Box],
        arrivals: list[Box],
        gone: list[Box],
    ) -> list[Box]:
        if not needed:
            return boxes
        self._anything(self._arrived(boxes, arrivals, gone), self._place(chain, rule))
        return unsure(boxes)

    # --- what changes packets ---

    def _pieces(self, boxes: list[Box], arrivals: list[Box], gone: list[Box]) -> list[Box]:
        """What really comes to this statement: all that arrived, without what was surely decided or moved before."""
        pieces = self._arrived(boxes, arrivals, gone)
        for away in self._left or ():
            pieces = self.matcher.cut(pieces, away)
        return pieces

    def _surely(self, pieces: list[Box]) -> list[Box]:
        """The same, uncertain where packets may have been accepted before: then this statement did not see them."""
        for away in self._accepted:
            pieces = self.matcher.cut(pieces, away)
        return pieces

    def _change(  # noqa: C901 - for each piece, for each lane
        self, pieces: list[Box], place: int, change: Callable[[Lane], None], *, later: bool = False
    ) -> list[Box]:
        """Moves packets to lanes of their own, changed. `later`: these go on only with the next base chain."""
        moved: list[Box] = []
        made: list[Lane] = []
        levels: list[list[Box]] = [[] for _ in self._stack]
        for row, lanes, port, sure in pieces:
            for lane in self.matcher.lanes:
                if not lanes & lane.bit:
                    continue
                if len(self.lanes) >= MOST_LANES:
                    self._anything([(row, lane.bit, port, False)], place)
                    continue
                child = lane.child(len(self.lanes), self.rows.both(lane.senders, row), self.ports.both(lane.active, port))
                child.born, child.sure, child.place = len(self.layers), sure, place
                change(child)
                self.lanes.append(child)
                made.append(child)
                moved.append((row, child.bit, child.active, True))
                left = row, lane.bit, port, True
                for level, (arrivals, gone) in zip(levels, self._stack, strict=True):
                    level += [(a, child.bit, c, certain) for a, _, c, certain in self._arrived([left], arrivals, gone)]
                if not later:
                    self._inherit(left, child)
                if self._left is not None and sure:
                    self._left.append(left)
        if later:
            self._nat += made
        elif made:
            self.matcher.use([*self.matcher.lanes, *made], self._moment)
            for level, (waiting, _) in zip(levels, self._stack, strict=True):
                waiting.extend(level)
        return moved

    def _inherit(self, left: Box, child: Lane) -> None:
        """What this chain may have decided before goes with the packets to their new lane."""
        for paint in list(self._out):
            if not paint.sure and paint.lanes & left[1]:
                row, port = self.rows.both(paint.row, left[0]), self.ports.both(paint.port, left[2])
                if row and port:
                    self._out.append(Paint(row, child.bit, port, paint.code, False, paint.place))
                    if paint.code == ACCEPT:
                        self._accepted.append((row, child.bit, port, False))

    def _set(self, chain: Chain, rule: Rule, change: Assign, boxes: list[Box], arrivals: list[Box], gone: list[Box]) -> list[Box]:
        """Without a connection there is nothing to write a connection's mark on (net/netfilter/nft_ct.c)."""
        if change.field.group != "ct":
            return self._assign(chain, rule, change, boxes, arrivals, gone)
        none = self._moment.early or self._moment.hook in ("ingress", "egress")
        without = bits_of(lane for lane in self.matcher.lanes if none or not lane.tracked)
        here, there = ([(ALL, lanes, ALL, True)] for lanes in (bits_of(self.matcher.lanes) & ~without, without))
        same = self.matcher.product(self._pieces(boxes, arrivals, gone), there) if without else []
        return [*self._assign(chain, rule, change, self.matcher.product(boxes, here), arrivals, gone), *same]

    def _assign(self, chain: Chain, rule: Rule, change: Assign, boxes: list[Box], arrivals: list[Box], gone: list[Box]) -> list[Box]:
        pieces = self._pieces(boxes, arrivals, gone)
        place = self._place(chain, rule)
        field = change.field
        moved: list[Box] = []
        for where, (value, *_) in values(self.matcher, change.value, chain):
            here = self.matcher.product(pieces, [where])
            doubtful = [piece for piece in here if not piece[3]]
            certain = [piece for piece in here if piece[3]]
            certain = self._surely(certain)  # may have left this chain before, unchanged
            known = [piece for piece in certain if piece[3]]
            moved += self._change(known, place, lambda lane, value=value: assign(lane, field, value))  # type: ignore[misc]
            # It may or may not have been set: whoever compares it then cannot know. So these leave their lane for certain.
            moved += self._change([(*box, True) for *box, sure in certain if not sure], place, self._doubt_of(field, value))  # type: ignore[misc]
            leaving = self._change([(*box, True) for *box, _ in doubtful], place, self._doubt_of(field, value))  # type: ignore[misc]
            moved += unsure(leaving)  # what else the rule does is as doubtful as before
        return moved

    def _doubt_of(self, field: Field, value: Value) -> Callable[[Lane], None]:
        """The change of a lane whose field has either the value it had or a new one."""
        return lambda lane: assign(lane, field, either(self.matcher.facts.value(lane, field, self._moment), value))

    def _translate(self, chain: Chain, rule: Rule, nat: Translate, boxes: list[Box], arrivals: list[Box], gone: list[Box]) -> list[Box]:
        """NAT accepts as far as its base chain goes; a new destination is another lane from the next chain on."""
        if nat.family not in (None, self.matcher.facts.header):
            return boxes  # of the other IP version: the rule goes on (net/netfilter/nft_nat.c, nft_nat_inet_eval)
        place = self._place(chain, rule)
        if self._left is not None and (nat.kind in ("dnat", "redirect") or self._moment.hook in ("postrouting", "input")):
            pieces, where_to = self._surely(self._pieces(boxes, arrivals, gone)), targets(self.matcher, nat, chain)
            boxes = self.matcher.product(boxes, [where for where, _, _ in where_to])
            for where, address, port in where_to:
                here = self.matcher.product(pieces, [where])
                if isinstance(port, int):  # for packets to that very port it changes nothing
                    same = ALL, EVERY_LANE, self.ports.span(port, port), True
                    self._send(self.matcher.product(here, [same]), nat, address, None, place)
                    here = self.matcher.cut(here, same)
                self._send(here, nat, address, port, place)
        self._paint(self._arrived(boxes, arrivals, gone), ACCEPT, place)
        return []

    def _send(self, pieces: list[Box], nat: Translate, address: Value | None, port: Value | None, place: int) -> None:
        version = self.matcher.facts.version
        self._change(pieces, place, lambda lane: translate(lane, version, nat.kind, address, port), later=True)


def _by_ports(lanes: Iterable[Lane]) -> dict[int, int]:
    """Lanes that are asked about the same ports, together."""
    found: dict[int, int] = {}
    for lane in lanes:
        found[lane.active] = found.get(lane.active, 0) | lane.bit
    return found
