"""A link of a sandbox: a cable between two hosts, with addresses at both ends."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portulan.errors import BadInput, CannotTell
from portulan.system.linux.links import add_address, add_veth, read_interface, read_interfaces, set_generic_xdp, set_up
from portulan.system.sandbox.delay import fill_in_checksums
from portulan.system.sandbox.loss import load_loss
from portulan.system.sandbox.routes import Wire

if TYPE_CHECKING:
    from portulan.system.sandbox.delay import Relay, Relayed
    from portulan.system.sandbox.host import Host
    from portulan.system.sandbox.routes import AddressOnLink

_CARRIER_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """One end of a link: the interface `name` (and `index`) of a host."""

    host: Host
    name: str
    index: int
    addresses: tuple[AddressOnLink, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Two ends and what lies between them."""

    first: End
    second: End
    relay: Relay | None = None
    """What holds frames back, on a link laid with a delay."""

    def end(self, host: Host) -> End:
        """Find the end at a host. Raises BadInput when the link does not go there."""
        for each in (self.first, self.second):
            if each.host is host:
                return each
        raise BadInput("sandbox.not-linked", host=host.name)

    @property
    def wire(self) -> Wire:
        """The link as routing sees it."""
        return Wire(self.first.host.name, self.second.host.name, self.first.addresses, self.second.addresses)

    def switch(self, *, on: bool) -> None:
        """Pull the cable out, or put it back: addresses stay, routes over it go. Raises MachineFailed."""
        for each in (self.first, self.second):
            set_up(each.host.netlink, each.index, up=on)
        if on:
            _await_carrier(self.first, self.second)

    def lose(self, percent: float, *, towards: Host | None = None) -> None:
        """Lose this share of the IP packets that arrive at one end, or at each; 0 ends it. Raises BadInput, NotPermitted, CannotTell."""
        if not 0 <= percent <= 100:
            raise BadInput("sandbox.percent", percent=percent)
        ends = (self.first, self.second) if towards is None else (self.end(towards),)
        program = load_loss(percent / 100) if percent else None
        try:
            for each in ends:
                set_generic_xdp(each.host.netlink, each.index, program)
        finally:
            if program is not None:
                os.close(program)  # the interfaces keep it

    def delay(self, milliseconds: float, *, towards: Host | None = None) -> None:
        """Let frames take so long from now on, in one direction or in each; only on a link laid with a delay. Raises BadInput."""
        for direction in self._directions(towards):
            self._relay().set_delay(direction, milliseconds)

    def relayed(self, towards: Host) -> Relayed:
        """What the relay of a link laid with a delay has done in one direction. Raises BadInput."""
        return self._relay().relayed(*self._directions(towards))

    def _relay(self) -> Relay:
        if self.relay is None:
            raise BadInput("sandbox.no-relay")
        return self.relay

    def _directions(self, towards: Host | None) -> tuple[int, ...]:
        return (0, 1) if towards is None else (0 if self.end(towards) is self.second else 1,)


Pair = tuple[tuple["AddressOnLink", ...], tuple["AddressOnLink", ...]]
"""The addresses of both ends."""


def connect(hosts: tuple[Host, Host], names: tuple[str, str], addresses: Pair, mtu: int) -> Link:
    """Lay a cable: a veth pair, straight from one host's namespace into the other's. Raises CannotTell (no veth), MachineFailed."""
    first, second = hosts
    add_veth(first.netlink, names[0], names[1], second.netns, mtu)
    ends = [_end(host, name, own) for host, name, own in zip(hosts, names, addresses, strict=True)]
    for each in ends:
        set_up(each.host.netlink, each.index)
    _await_carrier(*ends)
    for each in ends:
        for address in each.addresses:
            add_address(each.host.netlink, each.index, address.packed, address.network.prefixlen)
        each.host.attach(each.addresses)
    return Link(ends[0], ends[1])


def join(near: Link, far: Link, relay: Relay) -> Link:
    """Make one link of two cables and the relay between them. Raises MachineFailed."""
    for end in (near.first, far.second):
        fill_in_checksums(end.host, end.name)
    return Link(near.first, far.second, relay)


def _end(host: Host, name: str, addresses: tuple[AddressOnLink, ...]) -> End:
    index = next(interface.number for interface in read_interfaces(host.netlink) if interface.name == name)
    return End(host, name, index, addresses)


def _await_carrier(*ends: End) -> None:
    """Until the kernel's link watcher has seen that both ends are up, the first packets would be lost without a word."""
    deadline = time.monotonic() + _CARRIER_S
    for each in ends:
        while not read_interface(each.host.netlink, each.index).operational:
            if time.monotonic() > deadline:
                raise CannotTell("sandbox.no-carrier", host=each.host.name, interface=each.name)
            time.sleep(0.0002)
