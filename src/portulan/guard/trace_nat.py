"""Network address translation of one packet, and of its answers (net/netfilter/nf_nat_core.c, nf_nat_redirect.c, nf_nat_masquerade.c)."""

from __future__ import annotations

from portulan.guard.course import Free
from portulan.guard.routing import is_link_local, is_multicast
from portulan.guard.trace_expression import DONE, END, GO
from portulan.guard.values import spell
from portulan.model.reach import Outcome
from portulan.model.rule import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portulan.guard.course import Course, Value
    from portulan.guard.routing import Routing
    from portulan.guard.trace_expression import Entry, Expressions, Move, Result
    from portulan.model.rule import Rule, Translate

SNAT, DNAT, SNAT_DONE, DNAT_DONE = 16, 32, 128, 256
"""Bits of `ct status`."""
_DESTINATION = ("dnat", "redirect")


def translate(rules: Expressions, statement: Translate, course: Course, entry: Entry, rule: Rule) -> Result:
    """NAT accepts the packet as far as its chain goes, and later chains of NAT do not see it."""
    other = statement.family is not None and statement.family != ("ip" if course.facts["version"] == 4 else "ip6")
    results: list[tuple[Course, Move]] = []
    for first, address in rules.values(statement.address, course, rule, entry, statement):
        if address == (None,) and statement.address is not None:
            results.append((first, END))
            continue
        for branch, port in rules.values(statement.port, first, rule, entry, (statement, "port")):
            if port == (None,) and statement.port is not None:
                results.append((branch, END))
                continue
            if other:  # passed over (nft_nat.c), after its map was asked
                results.append((branch, GO))
                continue
            given = port[0] if port[0] is not None else address[1] if len(address) > 1 else None
            _translate(rules, statement, branch, (address[0], given), entry, rule)
            results.append((branch, DONE))
    return results[0][1] if len(results) == 1 and results[0][0] is course else results


def _translate(rules: Expressions, statement: Translate, course: Course, to: tuple[Value, Value], entry: Entry, rule: Rule) -> None:
    facts = course.facts
    address, port = to
    if statement.kind == "redirect":
        address = own_address(rules.routing, course, entry.hook)
        if address is None:  # the link has none
            course.end(Outcome.DROP, rules.step(rule, entry, course, "drop", why="redirect"))
            return
    elif statement.kind == "masquerade":
        address = _address_of_link(rules.routing, facts)
    destination = statement.kind in _DESTINATION
    if isinstance(statement.address, Range) and "netmap" in statement.flags:
        address = _mapped(statement.address, facts["daddr" if destination else "saddr"])
    if port is None and any("random" in flag for flag in statement.flags):
        port = Free(((1, 65535),), "choice")
    address, port = (each._replace(origin=rules.place(rule, entry)) if isinstance(each, Free) else each for each in (address, port))
    _set(course, destination=destination, address=address, port=port)
    version = facts["version"]
    assert isinstance(version, int)
    told = {}
    if address is not None:
        told["address"] = spell(address, version)
    if port is not None:
        told["port"] = spell(port)
    step = rules.step(rule, entry, course, statement.kind, **told)
    course.add(step)
    course.rule, course.fate = step, "accept"


def _set(course: Course, *, destination: bool, address: Value, port: Value) -> None:
    """What is not named stays as conntrack has it."""
    facts = course.facts
    at = 1 if destination else 0
    names = ("daddr", "dport") if destination else ("saddr", "sport")
    new = address if address is not None else facts[f"original {at}"], port if port is not None else facts[f"original {at + 2}"]
    changed = new != (facts[f"original {at}"], facts[f"original {at + 2}"])
    facts["nat destination" if destination else "nat source"] = 1
    bits = (DNAT_DONE if destination else SNAT_DONE) | ((DNAT if destination else SNAT) if changed else 0)
    status = facts["ct status"]
    facts["ct status"] = status | bits if isinstance(status, int) else status
    if changed:
        if destination:
            facts["reroute"] = 1
        facts[names[0]], facts[names[1]] = new
        facts[f"reply {1 - at}"], facts[f"reply {3 - at}"] = new


def _mapped(to: Range, address: Value) -> Value:
    """Prefix against prefix: the host's part stays."""
    mask = to.first ^ to.last
    return to.first | (address & mask) if isinstance(address, int) else Free(((to.first, to.last),), "choice")


def own_address(routing: Routing, course: Course, hook: str) -> int | None:
    """Where `redirect` leads: the first address of the link it came in by; of this host's own packets its loopback."""
    version = course.facts["version"]
    if hook == "output":
        return 0x7F000001 if version == 4 else 1
    name = course.facts["iif"]
    wanted = course.facts["daddr"]
    for address, _ in routing.link(name if isinstance(name, str) else None).addresses:
        if address.version != version:
            continue
        if (
            version == 4
            or not isinstance(wanted, int)
            or is_link_local(6, wanted) == is_link_local(6, address.number)
            or is_multicast(6, wanted)
        ):
            return address.number
    return None


def _address_of_link(routing: Routing, facts: Mapping[str, Value]) -> Value:
    """One of the addresses of the link it leaves by; a link-local one only where it goes to such."""
    name, version, to = facts["oif"], facts["version"], facts["daddr"]
    here = isinstance(to, int) and is_link_local(6, to)
    own = routing.link(name if isinstance(name, str) else None).addresses
    found = sorted(
        {address.number for address, _ in own if address.version == version and (version == 4 or is_link_local(6, address.number) == here)}
    )
    if len(found) == 1:
        return found[0]
    return Free(tuple((number, number) for number in found) or ((0, 0),), "choice")


def back(course: Course, *, destination: bool) -> None:
    """An answer gets the addresses back that its connection was begun with: at prerouting and output the destination, at the other end the source."""
    facts = course.facts
    if destination:
        facts["daddr"], facts["dport"] = facts["original 0"], facts["original 2"]
    else:
        facts["saddr"], facts["sport"] = facts["original 1"], facts["original 3"]
