"""SYNs of one flow, by a raw socket (CAP_NET_RAW): the same ports in every probe, told apart by sequence numbers, which even the shortest ICMP quote has.

A socket that only holds the port stands by, so that the kernel resets what the host would open: no connection is ever made.
"""

from __future__ import annotations

from _socket import IPPROTO_IPV6, IPPROTO_TCP, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name

from portulan.model.address import pack_address
from portulan.model.path import Answer
from portulan.model.scan import Reason
from portulan.system.linux.probing.flow import Flow
from portulan.system.linux.probing.loop import family_of, place_of
from portulan.wire.icmp import without_ip_header
from portulan.wire.tcp_segment import ACK, CHECKSUM_AT, RST, SYN, build_syn, parse_quoted, parse_segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Loop

_IPV6_CHECKSUM = 7
_SEQUENCES = 1 << 32
_STEP = 100_003
"""Between the sequence numbers of two probes: farther than a window, so that an answer to one is none to another."""


class RawTcpFlow(Flow):
    """SYNs to one port, all from one."""

    def __init__(self, loop: Loop, target: Target, first_sequence: int) -> None:
        """Raises OSError where raw sockets are forbidden or there is no way to the target."""
        assert target.port is not None
        self._first = first_sequence
        self._key_of: dict[int, int] = {}
        version = target.version
        one = Socket(family_of(version), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)
        self._guard = Socket(family_of(version), SOCK_STREAM | SOCK_CLOEXEC)
        try:
            if version == 6:
                one.setsockopt(IPPROTO_IPV6, _IPV6_CHECKSUM, CHECKSUM_AT)
            one.connect(place_of(target, 0))
            own = _own_address(target)
            self._guard.bind((own, 0) if version == 4 else (own, 0, 0, target.scope))
            super().__init__(loop, target, one)
        except OSError:
            one.close()
            self._guard.close()
            raise
        self.addresses = pack_address(own.partition("%")[0]), pack_address(target.address)
        self.ports: tuple[int, int] = (self._guard.getsockname()[1], target.port)

    def build(self, key: int) -> bytes:
        """A SYN."""
        sequence = (self._first + key * _STEP) % _SEQUENCES
        self._key_of[sequence] = key
        return build_syn(self.addresses, self.ports, sequence)

    def quoted(self, data: bytes) -> int | None:
        """By the sequence number."""
        found = parse_quoted(data)
        return self._key_of.get(found[2]) if found is not None and found[:2] == self.ports else None

    def read(self, data: bytes) -> Answer | None:
        """A SYN-ACK or a reset that acknowledges one of our SYNs: each says which."""
        segment = parse_segment(without_ip_header(data) if self.target.version == 4 else data)
        if segment is None or (segment.port, segment.source_port) != self.ports or not segment.flags & ACK:
            return None
        key = self._key_of.get((segment.acknowledged - 1) % _SEQUENCES)
        reason = Reason.SYN_ACK if segment.flags & SYN else Reason.RESET if segment.flags & RST else None
        return None if key is None or reason is None else Answer(key, reason, self.target.address)

    def close(self) -> None:
        """End, and give the port back."""
        super().close()
        self._guard.close()


def _own_address(target: Target) -> str:
    """The address that packets to the target carry."""
    one = Socket(family_of(target.version), SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        one.connect(place_of(target))
        return str(one.getsockname()[0])
    finally:
        one.close()
