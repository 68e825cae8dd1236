"""The picture of all 65,536 ports of this machine."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.host.picture import draw, read_rows
from portulan.model.chart import Ownership
from portulan.model.picture import PortMap
from portulan.model.port import parse_transport
from portulan.model.portset import PortRange
from portulan.model.survey import Selection
from portulan.system.registry_file import open_table
from portulan.system.source import open_source

_ABOUT_HOLDERS = ("owners.", "proc.hidepid")
"""Gaps that hide who holds a port, but no port: the picture is whole without them."""


def port_map(transport: str | None = None, *, source: str = "auto") -> PortMap:
    """What the registry assigns, what is open and how far, what is in use: of one transport (`tcp`, `udp`), or of all in one picture.

    In one, because they mostly agree: the registry assigns nearly all numbers to TCP and UDP alike, and whoever asks "is 443 open" wants to
    know of either. Where two transports differ, the cell shows the farther-reaching one and `picture.open` has both. It is
    of this network namespace: what containers have open in theirs is not open here. `source`: `auto`, `bpf`, `proc`, `psutil`.

    Raises BadInput for a transport or source that is none, CannotTell where the kernel cannot be asked, MachineFailed where it failed.
    """
    machine = open_source(source)
    wanted = None if transport is None else parse_transport(transport)
    selection = Selection(every_state=True, connections=False)
    if wanted is not None:
        selection = Selection(every_state=True, connections=False, transports=(wanted,))
    taken_at = datetime.now(UTC)
    parts = list(machine.survey(selection))
    survey = parts[-1]
    # The picture is of this host: what containers and sandboxes have open in network namespaces of their own is not open here.
    here = {None, *(space.inode for space in survey.namespaces if space.own)}
    table = open_table()
    # As in the chart: what was closed while we looked is left out.
    rows = (row for part in parts for row in part.rows if row.netns in here and survey.unheld.get(row.cookie) != Ownership.GONE)
    opened, in_use = read_rows(rows, table.usual)
    return PortMap(
        host=machine.host_name(),
        taken_at=taken_at,
        transport=wanted,
        picture=draw(table.assigned(wanted), opened, in_use),
        ephemeral=PortRange(*survey.ephemeral) if survey.ephemeral else None,
        gaps=tuple(gap for gap in survey.gaps if not gap.code.startswith(_ABOUT_HOLDERS)),
    )
