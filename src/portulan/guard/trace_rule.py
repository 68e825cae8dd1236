"""One rule, statement by statement, for a packet on one of its courses: what it does, and where it cannot be known what it does."""

from __future__ import annotations

from portulan.guard.course import Course, Free, anything
from portulan.guard.packet_fields import slot_of
from portulan.guard.trace_expression import DONE, END, GO, Entry, Expressions, narrow, origin_of
from portulan.guard.trace_nat import translate
from portulan.guard.values import calculate, spell
from portulan.model.reach import Outcome
from portulan.model.rule import (
    Assign,
    Choose,
    ConnectionLimit,
    Copy,
    Counter,
    Field,
    Forward,
    Limit,
    Log,
    Lookup,
    Match,
    Name,
    NoTrack,
    Offload,
    Opaque,
    Queue,
    Quota,
    Reject,
    Strange,
    Synproxy,
    Translate,
    TransparentProxy,
    Update,
    Use,
    Verdict,
    VerdictKind,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.guard.course import Value
    from portulan.guard.trace_expression import Move, Result
    from portulan.model.rule import Rule, Statement


class Rules(Expressions):
    """Runs rules."""

    def run(self, rule: Rule, entry: Entry, course: Course) -> list[tuple[Course, Move]]:
        """Every way in which a rule may end for a packet: END, DONE, GO (all of it matched, and it decides nothing), or a jump."""
        statements = rule.statements
        pending = [(course, 0)]
        ended: list[tuple[Course, Move]] = []
        while pending:
            course, at = pending.pop(0)
            move: Result = GO
            for place in range(at, len(statements)):
                at = place
                move = _WORK[statements[at].__class__](self, statements[at], course, entry, rule)
                if move is not GO:
                    break
            if isinstance(move, list):
                pending += [(each, at + 1) for each, way in move if way is GO]
                ended += [(each, way) for each, way in move if way is not GO]
                continue
            if move is GO:
                course.add(self.step(rule, entry, course, "continue"))
            ended.append((course, move))
        return ended

    # --- statements ---

    def match(self, statement: Match, course: Course, entry: Entry, rule: Rule) -> Result:
        """The left side lies in the values, or in none of them."""
        left = statement.left
        key = self.key(left, course) if left.__class__ is not Lookup else None
        if left.__class__ is Lookup:
            return self.maybe(course, rule, entry, statement, "unknown")
        if key is None:
            return END
        chain = entry.chain
        found, why = self.sets.search(statement.right, key, (chain.family, chain.table), course.facts["added"])
        if len(found) == 1:
            return GO if (found[0].element is not None) is not statement.negated else END
        inside = [way for way in found if way.element is not None]
        outside = [way for way in found if way.element is None]
        if not inside or not outside:
            return GO if bool(inside) is not statement.negated else END
        miss, hit = (inside, outside) if statement.negated else (outside, inside)
        ended, going = self.fork(course, rule, entry, statement, why, 2, origin_of(key))
        for branch, ways in ((ended, miss), (going, hit)):
            if all(way.spans is not None for way in ways):
                narrow(branch, left, key, tuple(span for way in ways for span in way.spans or ()))
        return [(ended, END), (going, GO)]

    def choose(self, statement: Choose, course: Course, entry: Entry, rule: Rule) -> Result:
        """A key that the map lacks ends the rule (nft_lookup.c: NFT_BREAK)."""
        key = self.key(statement.key, course)
        if key is None:
            return END
        results: list[tuple[Course, Move]] = []
        for branch, found in self.search(statement.map, key, statement.key, course, rule, entry, statement):
            if found.element is None:
                results.append((branch, END))
            elif isinstance(found.element.data, Verdict):
                results.append((branch, self.decide(found.element.data, branch, entry, rule)))
            else:
                results += self.anything_goes((statement, "map"), branch, entry, rule, "set")
        return results[0][1] if len(results) == 1 and results[0][0] is course else results

    def decide(self, statement: Verdict, course: Course, entry: Entry, rule: Rule) -> Move:
        """A plain verdict."""
        kind = statement.kind
        if kind is VerdictKind.CONTINUE:
            return GO
        if kind is VerdictKind.ACCEPT:
            step = self.step(rule, entry, course, "accept")
            course.add(step)
            course.rule, course.fate = step, "accept"
            return DONE
        if kind is VerdictKind.DROP:
            course.end(Outcome.DROP, self.step(rule, entry, course, "drop"))
            return DONE
        if kind is VerdictKind.RETURN:
            course.add(self.step(rule, entry, course, "return"))
            course.fate = "return"
            return DONE
        course.add(self.step(rule, entry, course, kind.value, target=statement.target or ""))
        return statement

    def reject(self, statement: Reject, course: Course, entry: Entry, rule: Rule) -> Result:
        """nft asks for TCP, or for the IP version, without saying so in the listing."""
        wrong = {"tcp reset": course.facts["protocol"] != 6, "icmp": course.facts["version"] != 4, "icmpv6": course.facts["version"] != 6}
        if wrong.get(statement.how):
            return END
        code = {} if statement.code is None else {"code": statement.code}
        course.end(Outcome.REJECT, self.step(rule, entry, course, "reject", how=statement.how or "icmpx", **code))
        return DONE

    def assign(self, statement: Assign, course: Course, entry: Entry, rule: Rule) -> Result:
        """Something about the packet is changed."""
        field = statement.field
        branches = self.values(statement.value, course, rule, entry, statement)
        results: list[tuple[Course, Move]] = []
        for branch, (value, *_) in branches:
            if value is None or (field.group not in ("meta", "ct") and self.value(field, branch) is None):
                results.append((branch, END))
            elif field.group == "tcp option":  # ends the rule where the packet lacks it (nft_exthdr.c)
                results += self.maybe(branch, rule, entry, (statement, "option"), "sender")
            else:
                self.set(field, value, branch, entry, rule)
                results.append((branch, GO))
        return results[0][1] if len(results) == 1 and results[0][0] is course else results

    def set(self, field: Field, value: Value, course: Course, entry: Entry, rule: Rule) -> None:
        """A field gets another value."""
        facts, slot = course.facts, slot_of(field)
        if field.group == "ct":
            if field.name in ("mark", "label") and facts["tracked"] not in ("new", "established"):
                return  # without a connection there is nothing to write on
            if field.name == "label":
                value = calculate("|", facts["ct label"], value, 128)
        if slot is None:
            return
        if isinstance(value, Free) and value.origin is None:
            value = value._replace(origin=self.place(rule, entry))
        facts[slot] = value
        if entry.type == "route" and slot in ("mark", "saddr", "daddr"):
            facts["reroute"] = 1
        if field.name == "mark":
            course.add(self.step(rule, entry, course, "mark", **{"mark" if field.group == "meta" else "ct mark": spell(value)}))
        elif slot in ("saddr", "daddr", "sport", "dport"):
            version = facts["version"]
            assert isinstance(version, int)
            course.add(self.step(rule, entry, course, "rewrite", **{slot: spell(value, version if slot.endswith("addr") else None)}))

    def no_track(self, _: NoTrack, course: Course, entry: Entry, rule: Rule) -> Result:
        """Only a packet that conntrack has not seen yet can be kept from it (nft_ct.c)."""
        if course.facts["tracked"] == "none":
            course.facts["tracked"] = "untracked"
            course.add(self.step(rule, entry, course, "notrack"))
        return GO

    def use(self, statement: Use, course: Course, entry: Entry, rule: Rule) -> Result:
        """A named object, or the one that a map gives; a key that the map lacks ends the rule."""
        if isinstance(statement.object, Lookup):
            branches = self.values(statement.object, course, rule, entry, (statement, "map"))
            results: list[tuple[Course, Move]] = []
            for branch, (value, *_) in branches:
                move: Result = END if value is None else self._use(statement, branch, entry, rule)
                results += move if isinstance(move, list) else [(branch, move)]
            return results
        return self._use(statement, course, entry, rule)

    def _use(self, statement: Use, course: Course, entry: Entry, rule: Rule) -> Result:
        if statement.kind in ("limit", "quota"):
            return self.maybe(course, rule, entry, statement, statement.kind)
        return self.synproxy(statement, course, entry, rule) if statement.kind == "synproxy" else GO

    def synproxy(self, statement: object, course: Course, entry: Entry, rule: Rule) -> Result:
        """The SYN goes no further; whether the connection comes about is decided when the client has answered, for another packet."""
        if course.facts["protocol"] != 6:
            return END
        return self.end_either_way(statement, course, entry, rule, "synproxy")

    def end_either_way(self, statement: object, course: Course, entry: Entry, rule: Rule, why: str) -> Result:
        """The packet's way ends here, nobody knows how."""
        dropped, accepted = self.fork(course, rule, entry, statement, why, 2)
        dropped.end(Outcome.DROP, self.step(rule, entry, dropped, "drop"))
        accepted.end(Outcome.ACCEPT, self.step(rule, entry, accepted, "accept"))
        return [(dropped, DONE), (accepted, DONE)]

    def queue(self, statement: Queue, course: Course, entry: Entry, rule: Rule) -> Result:
        """A program's accept goes on with the next base chain."""
        dropped, accepted = self.fork(course, rule, entry, statement, "queue", 2)
        dropped.end(Outcome.DROP, self.step(rule, entry, dropped, "drop"))
        return [(dropped, DONE), (accepted, self.decide(Verdict(VerdictKind.ACCEPT), accepted, entry, rule))]

    def forward(self, statement: Forward, course: Course, entry: Entry, rule: Rule) -> Result:
        """By another device: here it is not seen any more."""
        device = statement.device
        course.end(Outcome.DROP, self.step(rule, entry, course, "fwd", link=device.text if isinstance(device, (Name, Strange)) else "?"))
        return DONE

    def proxy(self, statement: TransparentProxy, course: Course, entry: Entry, rule: Rule) -> Result:
        """Only where a socket is there does the rule go on; then the packet is not forwarded any more (ip_forward)."""
        ended, going = self.fork(course, rule, entry, statement, "socket", 2)
        going.facts["socket"] = 1
        return [(ended, END), (going, GO)]

    def update(self, statement: Update, course: Course, entry: Entry, rule: Rule) -> Result:
        """A full set, or a limit on the way into it, ends the rule."""
        key = self.key(statement.key, course)
        if key is None:
            return END
        if statement.operation == "delete":
            return GO
        chain = entry.chain
        named = self.sets.named((chain.family, chain.table, statement.set))
        decisive = [each for each in (*statement.statements, *(named.statements if named else ())) if not isinstance(each, (Counter, Log))]
        size = statement.size if named is None else named.size
        known = named is not None and named.members is not None and named.members.elements is not None and size is not None
        room = known and len(named.members.elements or ()) < (size or 0)  # type: ignore[union-attr] # there
        entered = (*(course.facts["added"] or ()), (statement.set, key))  # type: ignore[misc] # a tuple
        if not decisive and room:
            course.facts["added"] = entered  # type: ignore[assignment] # a fact of its own kind
            return GO
        ended, going = self.fork(course, rule, entry, statement, "limit" if decisive else "set-room", 2)
        going.facts["added"] = entered  # type: ignore[assignment] # same
        return [(ended, END), (going, GO)]

    def opaque(self, statement: Opaque, course: Course, entry: Entry, rule: Rule) -> Result:
        """Nobody knows what it does."""
        if statement.reason == "aside":
            return GO
        if statement.reason == "xt-match":
            return self.maybe(course, rule, entry, statement, "opaque")
        return self.anything_goes(statement, course, entry, rule, "opaque")

    def anything_goes(self, statement: object, course: Course, entry: Entry, rule: Rule, why: str) -> list[tuple[Course, Move]]:
        """The rule may end, go on, accept, drop, and set marks; in a chain of NAT the packet may come out anywhere."""
        branches = self.fork(course, rule, entry, statement, why, 5 if entry.type == "nat" else 4)
        ended, going, accepted, dropped = branches[:4]
        for each in (going, accepted):
            each.facts["mark"] = each.facts["ct mark"] = anything(32, why)._replace(origin=self.place(rule, entry))
        self.decide(Verdict(VerdictKind.ACCEPT), accepted, entry, rule)
        dropped.end(Outcome.DROP, self.step(rule, entry, dropped, "drop"))
        for elsewhere in branches[4:]:
            elsewhere.end(Outcome.ACCEPT, self.step(rule, entry, elsewhere, "accept"))
        return [(ended, END), (going, GO), *((each, DONE) for each in (accepted, dropped, *branches[4:]))]


def _limited(rules: Rules, statement: Statement, course: Course, entry: Entry, rule: Rule) -> Result:
    return rules.maybe(course, rule, entry, statement, {Limit: "limit", Quota: "quota"}.get(statement.__class__, "connections"))


def _nothing(*_: object) -> Result:
    return GO


def _breaks(*_: object) -> Result:
    """A flowtable takes connections that were seen before, of a new one the rule ends (nft_flow_offload.c)."""
    return END


_WORK: dict[type, Callable[..., Result]] = {
    Match: Rules.match, Verdict: Rules.decide, Choose: Rules.choose, Reject: Rules.reject, Assign: Rules.assign, NoTrack: Rules.no_track, Use: Rules.use,
    Translate: translate, Queue: Rules.queue, Forward: Rules.forward, TransparentProxy: Rules.proxy, Update: Rules.update, Opaque: Rules.opaque,
    Synproxy: Rules.synproxy, Limit: _limited, Quota: _limited, ConnectionLimit: _limited, Counter: _nothing, Log: _nothing, Copy: _nothing, Offload: _breaks,
}  # fmt: skip
