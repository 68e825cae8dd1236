"""Names of hosts and their addresses, by the system's own resolver."""

from __future__ import annotations

import os
from _socket import AF_INET, AF_INET6, AF_UNSPEC, AI_ADDRCONFIG, NI_NAMEREQD, SOCK_DGRAM, gaierror, getaddrinfo, getnameinfo

from portulan.errors import BadInput, CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FAMILIES = {None: AF_UNSPEC, 4: AF_INET, 6: AF_INET6}
_LOOKERS = 8


def resolve(host: str, version: int | None = None) -> tuple[str, int]:
    """(address, scope) of a host by name or by address, the one the system prefers, or of this IP version.

    Raises BadInput for a name nobody knows, CannotTell where the name servers do not answer.
    """
    from _socket import EAI_AGAIN

    try:
        known: str | bytes = host.encode() if host.isascii() else host  # text would bring in a codec, the names' own, that few names need
        found = getaddrinfo(known, None, _FAMILIES[version], SOCK_DGRAM, 0, AI_ADDRCONFIG if version is None and not _literal(host) else 0)
    except gaierror as error:
        if error.errno == EAI_AGAIN:
            raise CannotTell("name.no-answer", host=host) from error
        if version is not None:
            raise BadInput("name.no-version", host=host, version=version) from error
        raise BadInput("name.unknown", host=host) from error
    except (OSError, UnicodeError) as error:
        raise BadInput("name.unknown", host=host) from error
    place = found[0][4]
    return str(place[0]).partition("%")[0], int(place[3]) if len(place) > 3 else 0


def _literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


class ReverseNames:
    """Names of addresses, looked up beside other work: `ask` as they turn up, `known` whenever."""

    def __init__(self) -> None:
        self.known: dict[str, str | None] = {}
        """None: it has no name, or the answer is not there yet."""
        self._wanted: list[str] = []
        self._done: list[str] = []
        self._threads = 0

    def ask(self, address: str) -> None:
        """Look this one up, once."""
        if address in self.known:
            return
        self.known[address] = None
        self._wanted.append(address)
        if self._threads < _LOOKERS:
            from _thread import start_new_thread

            self._threads += 1  # a few more than that do no harm
            start_new_thread(self._look, ())

    @property
    def waiting(self) -> int:
        """How many answers have not come."""
        return len(self.known) - len(self._done)

    def settle(self, timeout_s: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Wait until all have come, or the time is over."""
        end_s = clock() + timeout_s
        while self.waiting and clock() < end_s:
            sleep(0.002)

    def _look(self) -> None:
        while self._wanted:
            try:
                address = self._wanted.pop()
            except IndexError:
                break
            try:
                self.known[address] = getnameinfo((address, 0), NI_NAMEREQD)[0]
            except OSError:
                self.known[address] = None
            self._done.append(address)
        self._threads -= 1


def host_name() -> str:
    """What this machine calls itself."""
    return os.uname().nodename
