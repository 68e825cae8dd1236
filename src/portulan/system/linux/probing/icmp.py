"""ICMP echoes as probes: by a ping socket where this user may open one (ping_group_range), else by a raw socket (CAP_NET_RAW)."""

from __future__ import annotations

import os
from _socket import IPPROTO_ICMP, IPPROTO_ICMPV6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
from struct import pack

from portulan.errors import NotPermitted, failed
from portulan.model.path import Answer
from portulan.model.scan import Reason
from portulan.system.linux.probing.flow import Flow
from portulan.system.linux.probing.loop import family_of, place_of
from portulan.wire.icmp import ECHO_REPLY, ECHO_REPLY_6, Echo, build_echo, parse_echo, without_ip_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Loop

_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_SEQUENCES = 65_536
_DATA = b"portulan" * 4


class IcmpEchoes(Flow):
    """Echoes to one address. Probes are told apart by their sequence numbers."""

    def __init__(self, loop: Loop, target: Target) -> None:
        """Raises NotPermitted (with the sysctl that would allow it), MachineFailed; OSError where there is no way to the target."""
        one, self.raw = _open(target.version)
        try:
            one.connect(place_of(target, 0))
        except OSError:
            one.close()
            raise
        self._identifier = (os.getpid() ^ one.fileno() << 8) & 0xFFFF
        self._key_of: dict[int, int] = {}
        super().__init__(loop, target, one)

    def build(self, key: int) -> bytes:
        """An echo; a ping socket puts its own identifier in."""
        self._key_of[key % _SEQUENCES] = key
        return build_echo(self.target.version, self._identifier, key % _SEQUENCES, _DATA)

    def quoted(self, data: bytes) -> int | None:
        """By the sequence number in the quoted header."""
        return self._ours(parse_echo(self.target.version, data), reply=False)

    def read(self, data: bytes) -> Answer | None:
        """A reply of ours."""
        whole = without_ip_header(data) if self.raw and self.target.version == 4 else data
        key = self._ours(parse_echo(self.target.version, whole), reply=True)
        return None if key is None else Answer(key, Reason.ECHO_REPLY, self.target.address)

    def _ours(self, echo: Echo | None, *, reply: bool) -> int | None:
        if echo is None or echo.reply is not reply or (self.raw and echo.identifier != self._identifier):
            return None
        return self._key_of.get(echo.sequence)


def _open(version: int) -> tuple[Socket, bool]:
    """(socket, whether it is raw)."""
    protocol = IPPROTO_ICMP if version == 4 else IPPROTO_ICMPV6
    for kind in (SOCK_DGRAM, SOCK_RAW):
        try:
            one = Socket(family_of(version), kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)
        except PermissionError:
            continue
        except OSError as error:
            raise failed("open", "an ICMP socket", error) from error
        if kind == SOCK_RAW:
            _only_replies(one, version)
        return one, kind == SOCK_RAW
    raise NotPermitted("ping.icmp-forbidden", needs="CAP_NET_RAW", group=os.getegid())


def _only_replies(one: Socket, version: int) -> None:
    """Let the kernel leave out all other messages (raw(7); RFC 3542, section 3.2): errors come by the error queue."""
    if version == 4:
        one.setsockopt(_SOL_RAW, _ICMP_FILTER, pack("=I", ~(1 << ECHO_REPLY) & 0xFFFF_FFFF))
    else:
        words = [0xFFFF_FFFF] * 8  # a bit that is set: left out (include/uapi/linux/icmpv6.h)
        words[ECHO_REPLY_6 >> 5] &= ~(1 << (ECHO_REPLY_6 & 31))
        one.setsockopt(IPPROTO_ICMPV6, _ICMP6_FILTER, pack("=8I", *words))
