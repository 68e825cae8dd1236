"""How big a packet may be: datagrams that nobody may cut to pieces. A router that cannot send one on says how big it could be (RFC 1191, RFC 8201)."""

from __future__ import annotations

from _socket import IPPROTO_IP, IPPROTO_IPV6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
from errno import EMSGSIZE
from time import time_ns

from portulan.model.path import Answer
from portulan.system.linux.probing.flow import Flow
from portulan.system.linux.probing.loop import (
    IP_MTU_DISCOVER,
    IPV6_MTU_DISCOVER,
    Departure,
    family_of,
    local_answer,
    place_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Loop

_PROBE = 3
"""IP_PMTUDISC_PROBE: never cut, and never mind what is remembered of earlier packets."""
_IPV6_DONTFRAG = 62
_IP_MTU, _IPV6_MTU = 14, 24
_HEADERS = {4: 28, 6: 48}
_USUAL = (9000, 1500)


class MtuFlow(Flow):
    """Big datagrams to a port where nobody should listen: the host itself says so when one arrives."""

    def __init__(self, loop: Loop, target: Target) -> None:
        """Raises OSError where there is no way to the target."""
        self._key_of: dict[bytes, int] = {}
        self.sizes: dict[int, int] = {}
        """Key -> bytes of the whole IP packet."""
        version = target.version
        self._headers = _HEADERS[version]
        one = Socket(family_of(version), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
        try:
            if version == 4:
                one.setsockopt(IPPROTO_IP, IP_MTU_DISCOVER, _PROBE)
            else:
                one.setsockopt(IPPROTO_IPV6, IPV6_MTU_DISCOVER, _PROBE)
                one.setsockopt(IPPROTO_IPV6, _IPV6_DONTFRAG, 1)
            one.connect(place_of(target))
            known: int = one.getsockopt(IPPROTO_IP, _IP_MTU) if version == 4 else one.getsockopt(IPPROTO_IPV6, _IPV6_MTU)
        except OSError:
            one.close()
            raise
        self._known = known
        super().__init__(loop, target, one)

    def begin(self, key: int) -> None:
        """The biggest that can leave this host."""
        for size in sorted({*_USUAL, self._known}, reverse=True):
            if self.ask(key, size):
                return

    def ask(self, key: int, size: int) -> bool:
        """One datagram of this size; whether it could leave."""
        self.sizes[key] = size
        before_ns = time_ns()
        try:
            self.socket.send(self.build(key))
        except OSError as error:
            self._drain()
            if error.errno != EMSGSIZE:
                self._loop.answers.append(local_answer(key, error))
                return True
            return False
        self._departed[key] = Departure(before_ns, time_ns())
        self._stamped.append(key)
        self._drain()
        return True

    def build(self, key: int) -> bytes:
        """The number, and padding."""
        number = key.to_bytes(4)
        self._key_of[number] = key
        return number + bytes(max(0, self.sizes[key] - self._headers - len(number)))

    def quoted(self, data: bytes) -> int | None:
        """By its number; a single one that is under way needs none."""
        if len(data) >= 4:
            return self._key_of.get(data[:4])
        return next(iter(self._departed)) if len(self._departed) == 1 else None

    def read(self, data: bytes) -> Answer | None:
        """Somebody does listen there; that is no answer to a question of size."""
        del data
        return None
