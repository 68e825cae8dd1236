"""The times and numbers of `portulan trace` and `ping` against a capture of the packets, and against mtr."""

import contextlib
import json
import random
import socket
import struct
import time
from collections import Counter
from itertools import pairwise

from path_lab import CLOSED, ECHO, OPEN, Chain
from portulan.model.path import Clock
from portulan.system.sandbox import Sandbox
from portulan.verbs.ping import Pinger
from portulan.verbs.trace import trace
from proofs import find_peers
from proofs_path import as_ordinary, endpoint

MOST_OFF_NS, MOST_OFF_SHARE = 50_000, 0.02
CLOCK_SET_NS = 300_000
"""More than what a clock is slowed or hastened by (500 ppm at most) in the half second of a capture."""


def ahead_ns():
    """How far the clock of packets' stamps, which somebody may set, is ahead of the one that nobody can."""
    return min(time.time_ns() - time.monotonic_ns() for _ in range(5))


class Capture:
    """Packets of one interface with the kernel's own times: what left and what came."""

    def __init__(self, host, link="eth0"):
        self._ahead_ns = ahead_ns()
        with host.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((link, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)
        self.socket.setblocking(False)

    def read(self):
        """(time in ns, whether it left, IP packet) of each."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, messages, _, place = self.socket.recvmsg(4096, 256)
                seconds, nanoseconds = struct.unpack("=qq", messages[0][2][:16])
                packets.append((seconds * 10**9 + nanoseconds, place[2] == socket.PACKET_OUTGOING, data[14:]))
        return packets

    def close(self):
        self.socket.close()

    @property
    def steady(self):
        """Whether nobody has set the clock since it began."""
        return abs(ahead_ns() - self._ahead_ns) < CLOCK_SET_NS


def captured(chain, work, figures):
    """(what some work answers, of each probe that went by meanwhile when it left and came). A capture during which the clock was set is no judge: the work is
    done again.

    A packet is captured before the device has it, and the processor may be taken away in between: so it is captured once more where it comes in at the
    other end of the link. It left at some time between the two.
    """
    while True:
        here, there = Capture(chain.client), Capture(chain.routers[0])
        answer = work()
        packets, arrived, steady = here.read(), there.read(), here.steady and there.steady
        here.close()
        there.close()
        if steady:
            return answer, bounds(truths(packets), entries(arrived))
        figures["captures done again, as the clock was set"] += 1


def bounds(left_and_came, arrived):
    """(earliest and latest time at which it left, when its first answer came or None) of each probe."""
    return {key: (left, arrived.get(key, left), came) for key, (left, came) in left_and_came.items()}


def parts(packet):
    """(protocol, ttl, source, destination, payload) of an IP packet."""
    if packet[0] >> 4 == 4:
        return packet[9], packet[8], packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4 :]
    return packet[6], packet[7], packet[8:24], packet[24:40], packet[40:]


def probe_key(packet):
    """What tells a probe: (protocol, ports, the first 16 bytes of data, ttl); None: it is none."""
    protocol, ttl, _, _, payload = parts(packet)
    if protocol not in (6, 17) or (protocol == 6 and payload[13] != 2):
        return None
    return protocol, payload[:2], payload[2:4], payload[8:24] if protocol == 17 else b"", ttl


def entries(packets):
    """When each probe came in."""
    came = {}
    for at, outgoing, packet in packets:
        if not outgoing and (key := probe_key(packet)) is not None:
            came.setdefault(key, at)
    return came


def truths(packets):
    """Of each probe, by its key: (when it left, when its first answer came or None)."""
    left, came = {}, {}
    for at, outgoing, packet in packets:
        protocol, _, _, _, payload = parts(packet)
        if outgoing:
            if (key := probe_key(packet)) is not None:
                left.setdefault(key, at)
        elif protocol in (1, 58):
            if payload[0] not in (3, 11, 1):
                continue
            inner = parts(payload[8:])
            data = inner[4]
            came.setdefault((inner[0], data[:2], data[2:4], data[8:24] if inner[0] == 17 else b""), at)
        elif protocol in (6, 17):
            came.setdefault((protocol, payload[2:4], payload[:2], payload[8:24] if protocol == 17 else b""), at)
    return {key: (at, came.get(key[:4])) for key, at in left.items()}


def times(seed, delays=(0.0, 10.0, 40.0)):
    """Round trips against a capture. Returns (differences, figures)."""
    dice = random.Random(f"times {seed}")
    delay_ms, version, routers = delays[seed % len(delays)], dice.choice((4, 6)), dice.randint(5, 8)
    found, figures = [], Counter()
    with Sandbox() as sandbox:
        chain = Chain(sandbox, routers, delay_ms=delay_ms, delay_at=1)
        address = chain.address(version)
        # The first packet to a neighbour waits until its link-layer address is known, and the kernel counts that to the handshake.
        chain.client.call(pings, endpoint(address, "3000/udp"), 1)
        for asked, exact in ((f"{OPEN}", True), (f"{ECHO}/udp", True), ("3000/udp", True), (f"{CLOSED}", False)):
            probes, real = captured(chain, lambda to=asked: chain.client.call(as_ordinary, pings, endpoint(address, to), 8), figures)
            found += compare(f"ping {asked}, IPv{version}, {delay_ms} ms", probes, sorted(real.values()), figures, exact=exact)
        for asked in (f"{OPEN}", f"{ECHO}/udp"):
            answer, real = captured(
                chain, lambda to=asked: chain.client.call(as_ordinary, trace, endpoint(address, to), names=False, mtu=False), figures
            )
            found += compare_hops(f"trace {asked}, IPv{version}, {delay_ms} ms", answer, real, figures, exact="udp" in asked)
    return found, figures


def pings(target, count):
    """Every probe of a ping."""
    probes = []
    with Pinger([target], count=count, interval_s=0.05, wait_s=1.0) as pinger:
        while not pinger.done:
            probes += pinger.step()
    return probes


def compare(what, probes, real, figures, *, exact):
    found = []
    if len(probes) != len(real):
        return [f"{what}: {len(probes)} probes, {len(real)} captured"]
    for probe, (left, gone, came) in zip(sorted(probes, key=lambda probe: probe.sequence), real, strict=True):
        if came is None or probe.rtt_ms is None:
            found.append(f"{what}: probe {probe.sequence} said {probe.rtt_ms}, the answer came {came}")
            continue
        found += off(
            f"{what}, probe {probe.sequence}",
            probe.rtt_ms * 1e6,
            (came - gone, came - left),
            probe.uncertain_ms * 1e6,
            probe.clock,
            figures,
            exact=exact,
        )
    return found


def compare_hops(what, answer, real, figures, *, exact):
    by_ttl = {key[4]: pair for key, pair in real.items() if key[4] <= len(answer.hops)}
    found = []
    for hop in answer.hops:
        if hop.times is None or hop.sent != 1 or hop.hop not in by_ttl or by_ttl[hop.hop][2] is None:
            found.append(f"{what}: hop {hop.hop}: {hop.times}, {by_ttl.get(hop.hop)}")
            continue
        left, gone, came = by_ttl[hop.hop]
        clock = Clock.KERNEL if exact or hop.hop == len(answer.hops) else Clock.HALF
        found += off(
            f"{what}, hop {hop.hop}",
            hop.times.last * 1e6,
            (came - gone, came - left),
            hop.times.uncertain * 1e6,
            clock,
            figures,
            exact=clock is Clock.KERNEL,
        )
    return found


def off(what, said_ns, real_ns, uncertain_ns, clock, figures, *, exact):
    """Exact times are right within 50 us and 2 %; others say how far off they may be, and are not farther. `real_ns`: the truth, at least and at most."""
    least_ns, most_ns = real_ns
    room_ns = MOST_OFF_NS + MOST_OFF_SHARE * least_ns
    figures["times exact" if exact else "times with their uncertainty"] += 1
    figures["where the judge does not know within 50 us"] += most_ns - least_ns > MOST_OFF_NS
    distance_ns = max(least_ns - said_ns, said_ns - most_ns, 0)
    truth = f"truth {least_ns / 1e3:.0f} to {most_ns / 1e3:.0f} us"
    if exact:
        figures["exact: nanoseconds off, all in all"] += int(distance_ns)
        if clock is not Clock.KERNEL or distance_ns > room_ns + (uncertain_ns if said_ns > most_ns else 0):
            return [f"{what}: {said_ns / 1e3:.0f} us by {clock}, {uncertain_ns / 1e3:.0f} us uncertain, {truth}"]
        # Another process had the processor between the kernel's look at its clock and the packet's departure: that is told as uncertainty.
        figures["exact: farther off than 50 us and 2 %, and said so"] += distance_ns > room_ns
        return []
    if clock is Clock.PROCESS and not (least_ns - room_ns <= said_ns <= most_ns + uncertain_ns + room_ns):
        return [f"{what}: at most {said_ns / 1e3:.0f} us, at least {(said_ns - uncertain_ns) / 1e3:.0f} us, {truth}"]
    if clock is Clock.HALF and distance_ns > uncertain_ns + room_ns:
        return [f"{what}: {said_ns / 1e3:.0f} us, {uncertain_ns / 1e3:.0f} us uncertain, {truth}"]
    return []


# mtr


def beside_mtr(seed):
    """Our statistics of the very probes that mtr sends (captured), against what mtr makes of them. Returns (differences, figures)."""
    from portulan.probe.statistics import path_losses, times_of

    dice = random.Random(f"mtr {seed}")
    peers, found = find_peers(), []
    rounds = 30
    with Sandbox() as sandbox:
        chain = Chain(sandbox, dice.randint(5, 8), peers=peers)
        lossy_link = dice.choice(chain.links)
        lossy_link.lose(dice.choice((0, 5, 20)))
        capture = Capture(chain.client)
        done = chain.client.run(
            ["mtr", "-4", "-n", "-u", "-c", str(rounds), "-i", "0.1", "-Z", "1", "-G", "1", "--json", "-o", "LSNABWVMI", chain.address(4)],
            root=peers,
            timeout_s=60,
        )
        time.sleep(0.05)
        packets = capture.read()
        capture.close()
    assert done.returncode == 0, done.stderr
    hubs = json.loads(done.stdout)["report"]["hubs"]
    sent, answered, round_trips = Counter(), Counter(), {}
    for key, (left, came) in sorted(truths(packets).items(), key=lambda pair: pair[1][0]):
        sent[key[4]] += 1
        if came is not None:
            answered[key[4]] += 1
            round_trips.setdefault(key[4], []).append(came - left)
    figures = Counter({"probes of mtr": sum(sent.values())})
    for hub in hubs:
        hop = int(hub["count"])
        if hop not in round_trips:
            continue
        ours = times_of(round_trips[hop])
        loss = 100 * (1 - answered[hop] / sent[hop])
        # mtr takes its times itself and may be woken late: its greatest shows by how much.
        late = max(0.0, float(hub["Wrst"]) - ours.most)
        figures["hops where mtr was in time" if late < 0.3 else "hops where mtr was woken late"] += 1
        pairs = (
            ("loss", loss, hub["Loss%"], 100 / rounds + 0.1), ("average", ours.average, hub["Avg"], 0.3 + late), ("least", ours.least, hub["Best"], 0.3 + late),
            ("most", ours.most, hub["Wrst"], 0.3 + late), ("deviation", ours.deviation, hub["StDev"], 0.3 + late),
            ("jitter", ours.jitter or 0, float(hub["Jint"]) / 16, 0.3 + late),
        )  # fmt: skip
        for name, mine, theirs, room in pairs:
            figures["numbers compared"] += 1
            if abs(mine - float(theirs)) > room:
                found.append(f"hop {hop}: {name} {mine:.3f}, mtr {theirs}")
    figures["hops"] = len(hubs)
    losses = path_losses([sent[hop] for hop in sorted(sent)], [answered[hop] for hop in sorted(sent)])
    if any(later < earlier - 1e-9 for earlier, later in pairwise(losses)):
        found.append(f"the loss of the path falls on the way: {losses}")
    return found, figures
