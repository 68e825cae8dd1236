"""Ports asked by raw SYNs: half of a connection, which the kernel resets when it is answered.

Every probe carries a keyed cookie of 32 bits as its sequence number, which SYN-ACKs, resets and ICMP errors bring back: what does not is no answer to us.
Every round has a source port of its own, so each answer belongs to one probe.
"""

from __future__ import annotations

import os

import numpy as np

from portulan.model.address import format_address
from portulan.model.scan import Answers, Verdict
from portulan.scan.order import mix
from portulan.system.linux.outlet import Outlet
from portulan.system.linux.packet_ring import PacketRing
from portulan.system.linux.source_ports import SourcePorts
from portulan.wire.syn_answers import SLOT, build_filter, judge, pack_filter, slot_type
from portulan.wire.syn_frames import SynFrames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.space import Space
    from portulan.scan.ways import Lane

    Pairs = NDArray[np.int64]

_BATCH = 2048
_ROOM = 1 << 30
_TAGS = 128
_MOST_RESPONDERS = 1 << 16
_TRIES = 200
_SLOTS = 32_768
_TCP = 6


class SynProber:
    """A `scan.prober.Prober`. Addresses of the space that are in no lane are not asked."""

    rounds = 64
    controls = 64

    def __init__(self, space: Space, lanes: tuple[Lane, ...], key: Key, *, slots: int = _SLOTS) -> None:
        """Raises NotPermitted without CAP_NET_RAW, CannotTell (no source ports, few descriptors), MachineFailed."""
        self._space, self._key = space, key
        self.responders = ["address"]
        self._places: dict[bytes, int] = {}
        self.forged = 0
        self._ports = SourcePorts(_TAGS, (int.from_bytes(os.urandom(4)) for _ in range(_TRIES)))
        self._outlets: list[tuple[SynFrames, Outlet]] = []
        try:
            program = pack_filter(build_filter(space.version, self._ports.first, _TAGS))
            one = lanes[0].name if len(lanes) == 1 and lanes[0].macs is not None else ""
            self._ring = PacketRing(slot_type(space.version), program, version=space.version, link=one, slots=slots)
            self._single = [True] * len(lanes)
            self._lay(lanes)
            for number, lane in enumerate(lanes):
                self._open(number, lane)
        except BaseException:
            self.close()
            raise

    def _lay(self, lanes: tuple[Lane, ...]) -> None:
        """Which lane each place of the space belongs to: stretches of places, (first, last, lane, offset in the lane), sorted."""
        stretches, size = [], self._space.size
        for number, lane in enumerate(lanes):
            offset = 0
            for first, last in lane.ranges:
                row = np.frombuffer(first.to_bytes(size), np.uint8).reshape(1, -1)
                begin = int(self._space.places(row)[0])
                stretches.append((begin, begin + last - first, number, offset))
                offset += last - first + 1
        stretches.sort()
        table = np.array(stretches, np.int64).reshape(-1, 4)
        self._firsts, self._lasts, self._lanes, self._offsets = table.T
        self._whole = len(stretches) == 1 and stretches[0][:2] == (0, self._space.hosts - 1)

    def _open(self, number: int, lane: Lane) -> None:
        frames = SynFrames(lane.source, _BATCH)
        outlet = Outlet(frames.rows, frames.length, version=self._space.version, link=lane.name, raw=lane.macs is None)
        self._outlets.append((frames, outlet))
        if lane.macs is not None:
            outlet.name_links(lane.link, lane.macs)
            self._single[number] = len(lane.macs) == 1
            return
        # By the kernel's own routing, which needs every address as a name.
        packed = [number.to_bytes(self._space.size) for first, last in lane.ranges for number in range(first, last + 1)]
        outlet.name_addresses(np.frombuffer(b"".join(packed), np.uint8).reshape(len(packed), -1), lane.link)
        self._single[number] = len(packed) == 1

    # --- Prober ---

    def room(self) -> int:
        """Any number: nothing is kept of a probe."""
        return _ROOM

    def send(self, pair: Pairs, tag: int) -> tuple[int, float, float]:
        """Send a SYN to each; see `Prober.send`."""
        import time

        began = time.time()
        for at in range(0, len(pair), _BATCH):
            self._send(pair[at : at + _BATCH], tag)
        return len(pair), began, time.time()

    def _send(self, pair: Pairs, tag: int) -> None:
        host, port = self._space.split(pair)
        cookie = self._cookies(pair, tag)
        if self._whole:
            self._emit(0, host, port, cookie, tag, None if self._single[0] else host)
            return
        stretch = np.maximum(np.searchsorted(self._firsts, host, "right") - 1, 0)
        lanes = np.where((host >= self._firsts[stretch]) & (host <= self._lasts[stretch]), self._lanes[stretch], -1)
        names = self._offsets[stretch] + host - self._firsts[stretch]
        for lane in np.unique(lanes[lanes >= 0]).tolist():
            mine = lanes == lane
            self._emit(lane, host[mine], port[mine], cookie[mine], tag, None if self._single[lane] else names[mine])

    def _emit(self, lane: int, host: Pairs, port: NDArray[np.uint16], cookie: NDArray[np.uint32], tag: int, names: Pairs | None) -> None:
        frames, outlet = self._outlets[lane]
        high, low = self._space.numbers(host)
        frames.fill(high, low, port, cookie, self._ports.first + tag)
        outlet.send(len(host), names)

    def _cookies(self, pair: Pairs, tag: int | NDArray[np.uint64]) -> NDArray[np.uint32]:
        return mix(pair.astype(np.uint64) << np.uint64(8) | np.asarray(tag, np.uint64), self._key).astype(np.uint32)

    def receive(self, wait_s: float) -> Answers | None:
        """What has come; see `Prober.receive`."""
        slots = self._ring.read()
        if slots is None and wait_s > 0:
            self._ring.wait(wait_s)
            slots = self._ring.read()
        return None if slots is None else self._parse(slots)

    def _parse(self, slots: NDArray[np.void]) -> Answers | None:
        verdict, reason = judge(self._space.version, slots)
        meant = verdict != Verdict.NONE
        if not meant.all():
            slots, verdict, reason = slots[meant], verdict[meant], reason[meant]
        tcp = slots["protocol"] == _TCP
        if tcp.all():
            source, port, mine = slots["source"], slots["source port"], slots["port"]
            sequence = slots["acknowledged"].astype(np.uint32) - np.uint32(1)
        else:
            source = np.where(tcp[:, None], slots["source"], slots["quoted destination"])
            port = np.where(tcp, slots["source port"], slots["quoted port"])
            mine = np.where(tcp, slots["port"], slots["quoted source port"])
            sequence = np.where(tcp, slots["acknowledged"].astype(np.uint32) - np.uint32(1), slots["quoted sequence"].astype(np.uint32))
        tag = (mine.astype(np.int64) - self._ports.first).astype(np.uint64)
        pair = self._space.pairs_of(self._space.places(np.ascontiguousarray(source)), port.astype(np.uint16))
        ours = (pair >= 0) & (tag < _TAGS)
        ours &= self._cookies(pair, tag) == sequence
        self.forged += len(ours) - int(ours.sum())
        if not ours.any():
            return None
        at = slots["seconds"].astype(np.float64) + slots["nanoseconds"] * 1e-9
        by = np.zeros(len(slots), np.uint16)
        for place in np.flatnonzero(ours & ~tcp).tolist():
            by[place] = self._responder(slots[place])
        return Answers(pair[ours], tag[ours].astype(np.uint8), verdict[ours], reason[ours], slots["ttl"][ours], at[ours], by[ours])

    def _responder(self, slot: np.void) -> int:
        """Who sent an ICMP error: 0 the address itself."""
        source = slot["source"].tobytes()
        if source == slot["quoted destination"].tobytes():
            return 0
        place = self._places.get(source)
        if place is None:
            if len(self.responders) >= _MOST_RESPONDERS:
                return 0
            place = self._places[source] = len(self.responders)
            self.responders.append(format_address(source))
        return place

    def forget(self, sent_before: float) -> None:
        """Nothing is kept."""

    def overflowed(self) -> int:
        """Packets that found the ring full."""
        return self._ring.lost()

    def close(self) -> None:
        """Close all sockets."""
        self._ports.close()
        for _, outlet in self._outlets:
            outlet.close()
        if hasattr(self, "_ring"):
            self._ring.close()


assert _SLOTS * SLOT % (1 << 18) == 0
