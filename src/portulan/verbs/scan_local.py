"""A scan of this host itself: its kernel is asked, and nothing is sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.model.address import format_address
from portulan.model.port import Transport
from portulan.model.scan import STATES, Basis, Certainty, Effort, HostSeen, Loss, Method, Pass, ScanReport, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.chart import Chart, Endpoint
    from portulan.model.scan import PortSeen
    from portulan.scan.gather import Host
    from portulan.scan.ports import Wanted
    from portulan.scan.targets import Targets

_LOOPBACKS = ((127 << 24, (128 << 24) - 1), (1, 1))
_NOTHING = Loss(0, 0, 0.0)


def scan_local(
    targets: Targets, wanted: Wanted, *, every: bool = False, on_rows: Callable[[Sequence[PortSeen]], None] | None = None
) -> ScanReport:
    """What the ports of this host's own addresses are, by its kernel. Raises BadInput for an address that is not this host's, MachineFailed."""
    from portulan.scan.by_kernel import decide
    from portulan.scan.gather import Gather
    from portulan.scan.space import Space
    from portulan.system.registry_file import open_table
    from portulan.verbs.chart import chart

    begun = time.time()
    _check_own(targets)
    answer = chart()
    endpoints = _of_this_namespace(answer)
    service = open_table().usual
    rows: list[PortSeen] = []
    hosts: dict[str, list[Host]] = {}
    states: dict[str, int] = {}
    passes = []
    for transport, ports in ((Transport.TCP, wanted.tcp), (Transport.UDP, wanted.udp)):
        if not ports:
            continue
        for version, ranges in ((4, targets.v4), (6, targets.v6)):
            if not ranges:
                continue
            gather = Gather(Space(version, ranges, tuple(ports)), transport, service=service, every=every, on_rows=on_rows)
            for part in decide(gather.space, transport, endpoints):
                gather.add(part)
            some, seen = gather.finish()
            rows += some
            for host in seen:
                hosts.setdefault(host.address, []).append(host)
            for state, amount in zip(STATES, gather.states.tolist(), strict=True):
                if amount:
                    states[state.value] = states.get(state.value, 0) + amount
        took = time.time() - begun
        certainty = Certainty(exact=True, goal=0.0, missed=0.0, basis=Basis.KERNEL, loss_open=_NOTHING, loss_closed=_NOTHING)
        passes.append(Pass(transport, Method.LOCAL, str(ports), certainty, Effort(0, 0, 0, 0, 0, 0, 0, 0, 0.0, took)))
    return ScanReport(
        targets=targets.asked,
        addresses=targets.addresses,
        begun_at=datetime.fromtimestamp(begun, UTC),
        took_s=time.time() - begun,
        passes=tuple(passes),
        hosts=tuple(
            HostSeen(
                address,
                targets.names.get(address),
                up=True,
                states={state.value: total for state in State if (total := sum(part.states.get(state.value, 0) for part in parts))},
                others=tuple(other for part in parts for other in part.others),
            )
            for address, parts in hosts.items()
        ),
        rows=tuple(rows),
        states=states,
        left_out=targets.left_out,
    )


def _of_this_namespace(answer: Chart) -> list[Endpoint]:
    """The endpoints of the network namespace we are in: others have addresses of their own."""
    own = {each.inode for each in answer.namespaces if each.own}
    return [each for each in answer.items if each.netns is None or not own or each.netns in own]


def _check_own(targets: Targets) -> None:
    from portulan.verbs.scan_asked import own_addresses

    own = own_addresses()
    for version, ranges in ((4, targets.v4), (6, targets.v6)):
        size = 4 if version == 4 else 16
        first_loop, last_loop = _LOOPBACKS[0 if version == 4 else 1]
        for first, last in ranges:
            for number in range(first, min(last, first + 65_536) + 1):
                packed = number.to_bytes(size)
                if not (packed in own or first_loop <= number <= last_loop):
                    raise BadInput("scan.not-own", address=format_address(packed))
