"""The one interface to binding on this machine, and the one place that chooses who serves it."""

from __future__ import annotations

import sys

from portulan.errors import BadInput
from portulan.system.source import SOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from portulan.model.binding import Wish
    from portulan.model.ground import Addresses, Confinement, Ground
    from portulan.model.port import Transport
    from portulan.model.survey import Row
    from portulan.model.why import Trial
    from portulan.wire.nat import Redirect

    class Binder(Protocol):
        """Knows this machine's rules for binding, and tries."""

        exact: bool
        """Whether the kernel's rule (host.binding) holds here."""

        def host_name(self) -> str:
            """What this machine calls itself."""

        def user_name(self, uid: int) -> str | None:
            """The name of a user."""

        def ground(self) -> Ground:
            """The settings, and our rights."""

        def addresses(self) -> Addresses | None:
            """What this network namespace answers for; None where the machine does not tell."""

        def device(self, name: str) -> int:
            """Index of an interface. Raises BadInput for one that is not there."""

        def servers(self, port: int, transport: Transport) -> tuple[Row, ...]:
            """The listening TCP or bound UDP sockets on a port in our own namespace, quickly: nobody is asked who holds them. Raises CannotTell, MachineFailed."""

        def attempt(self, wish: Wish, device: str | None, *, listen: bool) -> Trial:
            """Really bind, with `listen` and TCP listen, and close at once. Raises CannotTell for another user than may be played here."""

        def redirects(self, port: int, transport: Transport) -> tuple[Redirect, ...] | None:
            """Firewall rules that send a port's connections elsewhere; None where that may not be known."""

        def confinement(self, wish: Wish) -> Confinement:
            """What may have refused a bind."""


def open_binder(source: str = "auto") -> Binder:
    """The binder that goes with a source of sockets. Raises BadInput for a name that is none."""
    if source not in SOURCES:
        raise BadInput("source.unknown", text=source, known=", ".join(SOURCES))
    if source == "psutil" or not sys.platform.startswith("linux"):
        from portulan.system.portable_binder import PortableBinder

        return PortableBinder()
    from portulan.system.linux.binder import LinuxBinder

    return LinuxBinder()
