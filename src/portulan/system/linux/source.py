"""This machine, asked through the kernel: what opens here begins the search for holders before the rest of the program is even loaded."""

from __future__ import annotations

import os

from portulan.system.linux.holders import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.chart import Ancestor
    from portulan.model.port import Transport
    from portulan.model.survey import Selection, Survey
    from portulan.wire.cgroup import CgroupMeaning


class LinuxSource:
    """This machine, asked through the kernel. One survey at a time."""

    def __init__(self, holders: str = "auto") -> None:
        """`holders`: `auto`, `bpf` or `proc`."""
        self._way = holders

    def survey(self, selection: Selection) -> Iterator[Survey]:
        """Look; sockets that need a second look come in a second part. The search for holders, the longest piece of work and none of Python's, begins with the call.

        Raises CannotTell where the kernel has no sock_diag, or where `bpf` was asked for and may not be used.
        """
        search = Search(self._way, every_state=selection.every_state)
        from portulan.system.linux.look import Look

        return Look(selection).take(search)

    def parents(self, pid: int) -> tuple[Ancestor, ...]:
        """The parent chain of a process."""
        from portulan.system.linux.procfs import read_parents

        return read_parents(pid)

    def user_name(self, uid: int) -> str | None:
        """The name of a user."""
        from portulan.system.linux.procfs import user_name

        return user_name(uid)

    def has_user(self, name: str) -> bool:
        """Whether a user of this name exists."""
        from portulan.system.linux.procfs import has_user

        return has_user(name)

    def container_name(self, meaning: CgroupMeaning) -> str | None:
        """`docker:shop-web` of a control group in a container."""
        from portulan.system.linux.containers import container_name

        return container_name(meaning)

    def socket_unit(self, transport: Transport, address: str, port: int) -> str | None:
        """The systemd socket unit that has the first process hold this endpoint."""
        from portulan.system.linux.socket_units import find_socket_unit

        return find_socket_unit(transport, address, port)

    def host_name(self) -> str:
        """What this machine calls itself."""
        return os.uname().nodename
