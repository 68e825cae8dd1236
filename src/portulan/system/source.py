"""The one interface to a machine's sockets, and the one place that chooses who serves it."""

from __future__ import annotations

import sys

from portulan.errors import BadInput
from portulan.model.chart import Ancestor
from portulan.model.survey import Selection, Survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from portulan.model.port import Transport
    from portulan.wire.cgroup import CgroupMeaning

    class SocketSource(Protocol):
        """Looks at this machine's sockets."""

        def survey(self, selection: Selection) -> Iterator[Survey]:
            """What is there now, in parts: all sockets of a port are in one of them, and the last tells the gaps.

            A part may be worked on, and something else done in an empty one, while the next is being found. Raises CannotTell, MachineFailed.
            """

        def parents(self, pid: int) -> tuple[Ancestor, ...]:
            """The parent chain of a process."""

        def user_name(self, uid: int) -> str | None:
            """The name of a user."""

        def has_user(self, name: str) -> bool:
            """Whether a user of this name exists."""

        def container_name(self, meaning: CgroupMeaning) -> str | None:
            """`docker:shop-web` of a control group in a container."""

        def socket_unit(self, transport: Transport, address: str, port: int) -> str | None:
            """The systemd socket unit that has the first process hold this endpoint."""

        def host_name(self) -> str:
            """What this machine calls itself."""


SOURCES = ("auto", "bpf", "proc", "psutil")


def open_source(name: str = "auto") -> SocketSource:
    """`auto` (the best this machine permits), `bpf` or `proc` (Linux), `psutil` (any system). Raises BadInput, CannotTell."""
    if name not in SOURCES:
        raise BadInput("source.unknown", text=name, known=", ".join(SOURCES))
    if name == "psutil" or (name == "auto" and not sys.platform.startswith("linux")):
        from portulan.system.portable import PortableSource

        return PortableSource()
    if not sys.platform.startswith("linux"):
        raise BadInput("source.linux-only", text=name)
    from portulan.system.linux.source import LinuxSource

    return LinuxSource(holders=name)
