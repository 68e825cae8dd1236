"""All kinds of probes of one run, opened when they are needed."""

from __future__ import annotations

import errno

from portulan.errors import CannotTell, failed
from portulan.model.path import Flow, Kind
from portulan.system.linux.probing.loop import IN, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.path import Answer, Target
    from portulan.system.linux.probing.flow import Flow as PortFlow
    from portulan.system.linux.probing.mtu import MtuFlow
    from portulan.system.linux.probing.tcp import TcpConnects
    from portulan.system.linux.probing.udp import UdpExchanges

    Prober = TcpConnects | UdpExchanges | PortFlow

_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN)
MTU_PORT = 33_434
"""Where traceroute begins: nobody should listen there."""


class LinuxProbing:
    """By Linux's sockets."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._shared: dict[Kind, Prober] = {}
        self._flows: list[Prober] = []

    def each(self, target: Target) -> Prober:
        """For many targets of this kind: a source port for each probe. Raises NotPermitted (ICMP), MachineFailed."""
        if target.kind is Kind.ICMP:
            return self.flow(target, first=0)[0]
        if target.kind not in self._shared:
            if target.kind is Kind.TCP:
                from portulan.system.linux.probing.tcp import TcpConnects

                self._shared[target.kind] = TcpConnects(self._loop)
            else:
                from portulan.system.linux.probing.udp import UdpExchanges

                self._shared[target.kind] = UdpExchanges(self._loop)
        return self._shared[target.kind]

    def flow(self, target: Target, *, first: int) -> tuple[Prober, Flow]:
        """For many probes to one target, as one flow where that may be. `first`: a number that nobody can guess. Raises NotPermitted, CannotTell."""
        try:
            prober = self._flow(target, first)
        except OSError as error:
            if error.errno in _NO_WAY:
                raise CannotTell("path.no-route", target=target.text, address=target.address, version=target.version) from error
            raise failed("send to", target.text, error) from error
        if prober is None:
            return self.each(target), Flow.EACH
        self._flows.append(prober)
        return prober, Flow.ONE

    def _flow(self, target: Target, first: int) -> Prober | None:
        if target.kind is Kind.UDP:
            from portulan.system.linux.probing.udp import UdpFlow

            return UdpFlow(self._loop, target, first)
        if target.kind is Kind.ICMP:
            from portulan.system.linux.probing.icmp import IcmpEchoes

            return IcmpEchoes(self._loop, target)
        try:
            from portulan.system.linux.probing.raw_tcp import RawTcpFlow

            return RawTcpFlow(self._loop, target, first)
        except PermissionError:
            return None

    def mtu(self, target: Target) -> MtuFlow | None:
        """For the size of packets; None where there is no way to the target."""
        from portulan.system.linux.probing.mtu import MtuFlow

        try:
            prober = MtuFlow(self._loop, target._replace(port=MTU_PORT, kind=Kind.UDP))
        except OSError:
            return None
        self._flows.append(prober)
        return prober

    def watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        """Call when a descriptor can be read, while waiting for answers."""
        self._loop.add(descriptor, IN, lambda _: handler())

    def wait(self, timeout_s: float) -> list[Answer]:
        """Answers, after at most so long; none when something else that is watched came first."""
        return self._loop.wait(timeout_s)

    def close(self) -> None:
        """Drop all that is under way."""
        for prober in (*self._shared.values(), *self._flows):
            prober.close()
        self._loop.close()
