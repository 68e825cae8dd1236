"""Packets as they pass on this machine: the interfaces that are heard, the filter before them, and what came, as batches."""

from __future__ import annotations

from time import monotonic, sleep

import numpy as np

from portulan.errors import BadInput, CannotTell, failed
from portulan.model.record import Record
from portulan.system.linux.links import read_interfaces
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.packet_blocks import ETHERNET, LINKTYPE_ETHERNET, LINKTYPE_RAW, LOOPBACK, PacketBlocks
from portulan.traffic.batch import Batch
from portulan.wire.socket_filter import (
    build_all,
    build_ports,
    drop,
    from_network_header,
    keep,
    pack_steps,
    with_snap,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from portulan.model.portset import PortSet
    from portulan.wire.rtnetlink import Interface
    from portulan.wire.socket_filter import Step

WHOLE, HEADS = 1 << 18, 1024
"""Bytes kept of a packet: all of it, and what is enough to tell flows and what they say first."""
_ON_TOP = ("vlan", "macvlan", "ipvlan", "macsec")
"""Kinds of interfaces whose packets pass the one below them too."""
_MOST_LEFT_OUT = 1000
_PAUSE_S = 0.025
"""Batches come no faster than that: a batch costs something, however little is in it."""
_LOOK_S = 0.5
"""How often it is asked whether the interfaces are still there."""


class Heard(Record):
    """One interface, and what came by it."""

    number: int
    name: str
    link: int
    """LINKTYPE."""
    packets: int = 0
    bytes: int = 0


class Listening:
    """Listens from when it is made until it is closed. A context manager."""

    def __init__(
        self, interfaces: Sequence[str] = (), *, filter: str | None = None, ports: PortSet | None = None, snap: int = HEADS,  # noqa: A002 - tcpdump's word
        sample: int = 1, megabytes: int = 32, promiscuous: bool = False,
    ) -> None:  # fmt: skip
        """On the named interfaces, or on all.

        `filter` is an expression in tcpdump's language; `ports` lets pass what has one of them, and what the kernel cannot tell the ports of. Of each
        packet `snap` bytes are kept; one in `sample` is looked at.
        Raises BadInput (no such interface, a bad filter), CannotTell (an interface that is down, no libpcap), NotPermitted, MachineFailed.
        """
        found = _read_interfaces()
        chosen, out = _choose(found, interfaces)
        self.heard = {each.number: Heard(each.number, each.name, _link(each)) for each in chosen}
        self.left_out = tuple(each.name for each in out)
        """Interfaces that are not heard because what passes them passes another one, too."""
        self.named = bool(interfaces)
        self.sample, self.snap = sample, snap
        self._parts = _parts(self.heard.values(), filter, ports, snap)
        self._only = [each.number for each in chosen] if len(interfaces) > 1 else []
        self._without = [each.number for each in out[:_MOST_LEFT_OUT]]
        one = chosen[0].number if len(interfaces) == 1 else 0
        self._blocks = PacketBlocks(self._program(), interface=one, snap=snap, megabytes=megabytes, promiscuous=promiscuous)
        self.packets = self.bytes = self.merged = 0
        self.gone: list[str] = []
        """Named interfaces that are no more."""
        self.off: list[str] = []
        """Named interfaces that are switched off."""
        self._next_look_s = monotonic() + _LOOK_S
        self._last_s = 0.0

    def _program(self) -> bytes:
        return pack_steps(build_all(*self._parts, sample=self.sample, only=self._only, without=self._without))

    def thin(self) -> None:
        """Look at half as many packets from now on. Raises MachineFailed."""
        self.sample *= 2
        try:
            self._blocks.attach(self._program())
        except OSError as error:
            raise failed("change", "the filter of a packet socket", error) from error

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._blocks.close()

    def fileno(self) -> int:
        """To wait for together with other things."""
        return self._blocks.fileno()

    @property
    def dropped(self) -> int:
        """Packets that passed the filter and that the kernel could not hand over, because nobody read fast enough."""
        return self._blocks.counts()[1]

    @property
    def interfaces(self) -> tuple[Heard, ...]:
        """What is heard, and what came by each."""
        return tuple(self.heard.values())

    def batches(self, wait_s: float) -> Iterator[Batch]:
        """What comes within that time. Each batch's memory is used again for the next. Raises CannotTell when no interface is left."""
        end_s = monotonic() + wait_s
        while True:
            now_s = monotonic()
            if self._last_s + _PAUSE_S > now_s and self._blocks.fill < 1 / 16:
                sleep(min(self._last_s + _PAUSE_S - now_s, max(0.0, end_s - now_s)))
            self._blocks.wait(max(0.0, end_s - monotonic()))
            self._last_s = monotonic()
            batch = self._read()
            if batch is not None:
                yield batch
            if monotonic() >= self._next_look_s:
                self._look()
            if monotonic() >= end_s:
                return

    def rest(self) -> Iterator[Batch]:
        """What is there already."""
        while (batch := self._read()) is not None:
            yield batch

    def _read(self) -> Batch | None:
        came = self._blocks.read()
        if came is None or not len(came.start):
            return None
        count = len(came.start)
        place = np.arange(self.packets, self.packets + count)
        self.packets += count
        self.bytes += int(came.length.sum())
        self.merged += came.merged
        self._count(came.interface, came.length)
        return Batch(came.buffer, came.start, came.captured, came.length, came.time_ns, came.link, place, came.interface)

    def _count(self, interface: np.ndarray, length: np.ndarray) -> None:
        numbers, which = np.unique(interface, return_inverse=True) if (interface != interface[0]).any() else (interface[:1], None)
        packets = [len(interface)] if which is None else np.bincount(which).tolist()
        sizes = [int(length.sum())] if which is None else np.bincount(which, length).tolist()
        if any(number not in self.heard for number in numbers.tolist()):
            self._meet()
        for number, count, size in zip(numbers.tolist(), packets, sizes, strict=True):
            one = self.heard.get(number) or Heard(number, f"if{number}", LINKTYPE_ETHERNET)
            self.heard[number] = one._replace(packets=one.packets + count, bytes=one.bytes + int(size))

    def _meet(self) -> None:
        """Interfaces that were made since."""
        for each in _read_interfaces():
            self.heard.setdefault(each.number, Heard(each.number, each.name, _link(each)))

    def _look(self) -> None:
        """Whether those that were named are still there. Raises CannotTell when none is."""
        self._next_look_s = monotonic() + _LOOK_S
        if not self.named:
            return
        now = {each.number: each for each in _read_interfaces()}
        for number, one in self.heard.items():
            if number not in now and one.name not in self.gone:
                self.gone.append(one.name)
        self.off = [one.name for number, one in self.heard.items() if number in now and not now[number].up]
        if not self.heard.keys() & now.keys():
            raise CannotTell("traffic.interface-gone", names=", ".join(self.gone), packets=self.packets)


def _read_interfaces() -> list[Interface]:
    with Netlink(ROUTE) as netlink:
        return read_interfaces(netlink)


def _link(interface: Interface) -> int:
    return LINKTYPE_ETHERNET if interface.type in (ETHERNET, LOOPBACK) else LINKTYPE_RAW


def _choose(found: Collection[Interface], names: Sequence[str]) -> tuple[list[Interface], list[Interface]]:
    """Those to hear, and those left out because what passes them passes another one, too. Raises BadInput, CannotTell."""
    if not names:
        numbers = {each.number for each in found}
        masters = {each.master for each in found if each.master}
        out = [
            each for each in found
            if each.number in masters or (each.kind in _ON_TOP and each.peer_namespace is None and each.peer in numbers)
        ]  # fmt: skip
        return [each for each in found if each not in out], out
    by_name = {each.name: each for each in found}
    for name in names:
        if name not in by_name:
            raise BadInput("traffic.no-interface", name=name, known=", ".join(sorted(by_name)))
        if not by_name[name].up:
            raise CannotTell("traffic.interface-down", name=name)
    return [by_name[name] for name in dict.fromkeys(names)], []


def _parts(heard: Collection[Heard], expression: str | None, ports: PortSet | None, snap: int) -> tuple[list[Step], list[Step]]:
    """The filter's part for Ethernet, and that for other links. Raises BadInput, CannotTell."""
    if expression is not None:
        from portulan.system.pcap_filter import compile_filter

        device = next((one.name for one in heard if one.link == LINKTYPE_ETHERNET), None)
        ethernet = with_snap(compile_filter(expression, LINKTYPE_ETHERNET, interface=device), snap)
        try:
            return ethernet, with_snap(from_network_header(compile_filter(expression, LINKTYPE_RAW)), snap)
        except BadInput:  # right on one kind of link, without sense on another, as `ether host` is: what passes there does not match
            return ethernet, [drop()]
    if ports is not None:
        ranges = [(each.first, each.last) for each in ports.ranges]
        return build_ports(ranges, snap, ethernet=True), build_ports(ranges, snap, ethernet=False)
    return [keep(snap)], [keep(snap)]
