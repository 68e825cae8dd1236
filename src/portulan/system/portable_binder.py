"""Binding on any system: sockets are tried as they are, and nothing is known of the system's rule for sharing."""

from __future__ import annotations

import errno
import os
import socket

from portulan.errors import BadInput, CannotTell
from portulan.model.address import format_address
from portulan.model.ground import Confinement, Ground
from portulan.model.port import Transport
from portulan.model.why import Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.binding import Wish
    from portulan.model.ground import Addresses
    from portulan.model.survey import Row
    from portulan.wire.nat import Redirect


class PortableBinder:
    """This machine, through Python's sockets."""

    exact = False

    def host_name(self) -> str:
        """What this machine calls itself."""
        return socket.gethostname()

    def user_name(self, uid: int) -> str | None:
        """The name of a user, where the system numbers them."""
        from portulan.system.portable import PortableSource

        return PortableSource().user_name(uid)

    def ground(self) -> Ground:
        """Our user; of the settings nothing."""
        return Ground(uid=os.geteuid() if hasattr(os, "geteuid") else None, ipv6=socket.has_ipv6)

    def addresses(self) -> Addresses | None:
        """Not told."""
        return None

    def device(self, name: str) -> int:
        """Sockets bound to interfaces are Linux's own. Raises BadInput."""
        raise BadInput("why.device", text=name)

    def servers(self, port: int, transport: Transport) -> tuple[Row, ...]:  # noqa: ARG002 - the interface's
        """There is no quick look."""
        return ()

    def attempt(self, wish: Wish, device: str | None, *, listen: bool) -> Trial:  # noqa: ARG002 - the interface's
        """Bind and close; listening is never tried here. Raises CannotTell for another user."""
        if hasattr(os, "geteuid") and wish.uid != os.geteuid():
            raise CannotTell("why.other-user")
        four, tcp = len(wish.address) == 4, wish.transport is Transport.TCP
        try:
            with socket.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as one:
                if not four:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, wish.v6_only)
                # On Windows SO_REUSEADDR lets a socket take another's port away: there a server does without, and so do we.
                if wish.reuse_address and os.name == "posix":
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if wish.reuse_port and hasattr(socket, "SO_REUSEPORT"):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                one.bind((format_address(wish.address), wish.port))
        except OSError as error:
            return Trial(errno.errorcode.get(error.errno or 0, str(error.errno)).removeprefix("WSA"))
        return Trial(None)

    def redirects(self, port: int, transport: Transport) -> tuple[Redirect, ...] | None:  # noqa: ARG002 - the interface's
        """Not known here, and rare."""
        return ()

    def confinement(self, wish: Wish) -> Confinement:  # noqa: ARG002 - the interface's
        """Not told."""
        return Confinement()
