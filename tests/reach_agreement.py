"""What the simulation of all packets says of one of them, held against the simulation of that one alone."""

from portulan.guard.reach import simulate
from portulan.guard.trace import Tracer
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet

TRANSPORTS = {6: Transport.TCP, 17: Transport.UDP}
_ODD = {("martian", None)}
"""Broadcast and link-local senders: where links are looked at together, by which of them they come is not told."""
REFUSED = {Outcome.DROP, Outcome.REJECT}


def roots(doors):
    """The lanes that packets come in by."""
    return [lane for lane in doors.paths.lanes if lane.parent is None]


def region_of(doors, lane, port, sender):
    """What becomes of one sender's packet; there is exactly one answer."""
    found = [region for region in doors.regions(lane, port) if doors.rows.holds(region.rows, sender)]
    assert len(found) == 1, found
    return found[0]


def edges_of(sets, most):
    """Numbers at and beside the places where a set begins or ends, at most so many."""
    ends = (edge + by for edges in sets.edges for edge in edges[:64] for by in (-1, 0))
    edges = sorted({edge for edge in ends if 0 <= edge < sets.size})
    return edges[:: max(1, -(-len(edges) // most))]


def packets(reach, senders=4):
    """(doors, lane, packet) of packets that differ in what rules can tell apart."""
    for version, doors in reach.doors.items():
        everybody, every = edges_of(doors.rows, 64), edges_of(doors.ports, 64)
        for at, lane in enumerate(roots(doors)):
            ends = [end for span in doors.rows.pairs(lane.senders)[:8] for end in span]
            let_in = sorted({*ends, *(sender for sender in everybody if doors.rows.holds(lane.senders, sender))})
            for number in range(senders if let_in else 0):
                sender, port = let_in[(at * 7 + number * 5) % len(let_in)], every[(at * 5 + number * 11) % len(every)]
                link = lane.entry.links[number % len(lane.entry.links)]
                own = lane.entry.addresses[number % len(lane.entry.addresses)] if not lane.entry.local else sender
                yield (
                    doors,
                    lane,
                    Packet(TRANSPORTS[lane.transport], Address(version, sender), Address(version, own), port, None, link.name),
                )


def disagreements(rules, network, *, senders=4):
    """Packets of which both simulations say what cannot both be true; and those that only the one of all packets at once is in doubt about."""
    reach, tracer = simulate(rules, network, answers=False), Tracer(rules, network)
    wrong, loose = [], []
    for doors, lane, packet in packets(reach, senders):
        region = region_of(doors, lane, packet.port, packet.source.number)
        passage = tracer.trace(packet)
        doubts = [place_text(doors, number) for number in region.doubts]
        told = packet, region.outcome, doubts, passage.outcome, [(step.action, step.place and step.place.text) for step in passage.steps]
        if region.outcome is Outcome.MAYBE:
            if not doubts:
                wrong.append(("maybe without a reason", *told))
            if passage.outcome is not Outcome.MAYBE and set(doubts) != _ODD:
                loose.append(told)
        elif region.outcome is not passage.outcome and not (
            {region.outcome, passage.outcome} == REFUSED and not all(step.sure for step in passage.steps)
        ):
            wrong.append(("contradiction", *told))
        elif region.outcome in REFUSED and all(step.sure for step in passage.steps):
            chain, rule, _ = doors.places[region.place]
            mine = None if chain.family == "kernel" else (chain.table, chain.name, rule.handle if rule else None)
            other = passage.rule and (passage.rule.table, passage.rule.chain, passage.rule.handle)
            if mine != other:
                wrong.append(("another rule", mine, other, *told))
    return wrong, loose


def place_text(doors, number):
    """(chain, handle) of a rule, (chain, None) of a policy."""
    chain, rule, _ = doors.places[number]
    return chain.name, rule.handle if rule is not None else None


def way_in(reach, packet):
    """(doors, lane) that a packet comes in by."""
    doors = reach.doors[packet.source.version]
    for lane in roots(doors):
        known = packet.link in [link.name for link in lane.entry.links] and packet.destination.number in lane.entry.addresses
        if known and TRANSPORTS[lane.transport] is packet.transport:
            return doors, lane
    raise LookupError(packet)


def fate(rules, network, packet, *, answers=False):
    """What becomes of one packet, by the simulation of all of them; None of a martian."""
    doors, lane = way_in(simulate(rules, network, answers=answers), packet)
    known = doors.rows.holds(lane.senders, packet.source.number)
    return region_of(doors, lane, packet.port, packet.source.number).outcome if known else None
