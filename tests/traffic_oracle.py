"""The table of flows by a plain loop over packets whose truth is known: what the real one must equal, and how to compare."""

from collections import Counter, defaultdict
from ipaddress import ip_address

from packets import batch_of
from portulan.traffic.table import FlowTable

FIELDS = ("packets", "bytes", "first_ns", "last_ns", "payload", "flags", "opened")


def expected(stamped, *, inner=False):
    """(flows by (initiator first) key: forward, reverse, refused; aside) of (packet, time, place) in any order."""
    ways, aside, refused = defaultdict(list), Counter(), Counter()
    for packet, time_ns, place in stamped:
        truth, reason = (packet.inner_truth, packet.inner_reason) if inner else (packet.truth, packet.reason)
        if truth is None:
            aside[reason] += 1
        else:
            key = truth.transport, truth.source, truth.source_port, truth.destination, truth.destination_port
            ways[key].append((time_ns, place, packet.length, truth))
        # an error that is itself inside a tunnel, or quotes through one, counts where it is told
        if packet.refused and reason == "icmp":
            source, destination, transport, source_port, destination_port, says = packet.refused
            refused[transport, source, source_port, destination, destination_port] |= says
    flows = {}
    for key, seen in ways.items():
        back = (key[0], *key[3:], *key[1:3])
        other = ways.get(back, []) if back != key else []
        mine, theirs = (min(seen)[:2], rank(key)), (min(other)[:2] if other else (float("inf"),), rank(back))
        if mine < theirs:
            flows[key] = (way(seen), way(other), refused[key])
    return flows, aside


def rank(key):
    return ip_address(key[1]).packed if ":" in key[1] else bytes(10) + b"\xff\xff" + ip_address(key[1]).packed, key[2]


def way(seen):
    if not seen:
        return (0,) * len(FIELDS)
    times = [time_ns for time_ns, *_ in seen]
    flags = opened = 0
    for *_, truth in seen:
        flags |= truth.flags
        opened |= (truth.flags & 18 == 2) * 1 | (truth.flags & 18 == 18) * 2 | (truth.flags & 4 > 0) * 4
    return (
        len(seen),
        sum(length for _, _, length, _ in seen),
        min(times),
        max(times),
        sum(truth.payload for *_, truth in seen),
        flags,
        opened,
    )


def told(flows):
    """The same shape, of real flows."""
    found = {}
    for index in range(len(flows.place)):
        ends = [
            str(getattr(ip_address(end[index].tobytes()), "ipv4_mapped", None) or ip_address(end[index].tobytes()))
            for end in (flows.source, flows.destination)
        ]
        key = int(flows.transport[index]), ends[0], int(flows.source_port[index]), ends[1], int(flows.destination_port[index])
        sides = [tuple(int(getattr(side, name)[index]) for name in FIELDS) for side in (flows.forward, flows.reverse)]
        found[key] = (*sides, int(flows.refused[index]))
    return found


def stamped(dice, packets, *, ties=False):
    """Each with a time and a place: in order of capture, times mostly so."""
    now, found = 1_700_000_000_000_000_000, []
    for place, packet in enumerate(packets):
        now += 0 if ties and dice.random() < 0.5 else dice.randrange(3_000_000)
        late = dice.randrange(50_000_000) if dice.random() < 0.05 else 0
        found.append((packet, now - late, place * 64))
    return found


def table_of(parts, **options):
    """One table of lists of (packet, time, place), a batch each."""
    table = FlowTable(**options)
    for part in parts:
        if part:
            packets, times, places = zip(*part, strict=True)
            table.add(batch_of(packets, times=times, places=places))
    return table


def columns(table):
    """Everything that a table says, in a form that can be compared."""
    flows, times = table.finish()
    flat = [*flows[:6], flows.refused, *flows.forward, *flows.reverse]
    order = sorted(zip(*(column.tolist() for column in times[1:]), strict=True))
    spread = Counter()
    for flow, begin, packets, bytes_ in order:
        spread[flow, begin] += packets << 40 | bytes_
    return [column.tobytes() for column in flat], spread, times.width_ns, table.aside, table.packets, table.bytes, table.first_words()


def differences(dice, packets, *, inner=False):
    """Sentences, if the table is not what the loop says."""
    seen = stamped(dice, packets)
    flows, aside = expected(seen, inner=inner)
    table = table_of([seen], inner=inner)
    real, counted = told(table.flows()), {code: count for code, (count, _) in table.aside.items()}
    found = [f"{key}: {real.get(key)} is {flows.get(key)}" for key in flows.keys() | real.keys() if real.get(key) != flows.get(key)]
    if counted != dict(aside):
        found.append(f"aside {counted} is {dict(aside)}")
    return found
