"""The whole of a scan: what several passes (transports, versions of IP) said, host by host."""

from __future__ import annotations

from portulan.model.scan import STATES, HostSeen, PortSeen, ScanReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from portulan.model.scan import Pass, Shard
    from portulan.scan.gather import Gather, Host
    from portulan.scan.targets import Targets

UNKEPT = "rows-not-kept"
"""What is missing of a report whose rows were too many to keep."""


def whole(
    targets: Targets,
    gathers: Sequence[Gather],
    passes: Sequence[Pass],
    *,
    begun_at: datetime,
    took_s: float,
    macs: Mapping[str, str] | None = None,
    up: Mapping[str, bool] | None = None,
    shard: Shard | None = None,
    complete: bool = True,
    missing: Sequence[str] = (),
) -> ScanReport:
    """The report of gathers, one for each transport of each version, those of one version side by side.

    `macs` and `up`: what discovery found of an address, which outranks what its ports say. A pair of gathers for one space and transport does not occur.
    """
    rows: list[PortSeen] = []
    hosts: dict[str, HostSeen] = {}
    unkept = 0
    for version in (4, 6):
        found = [gather.finish() for gather in gathers if gather.space.version == version]
        if len(found) == 1:
            some, seen = found[0]
            rows += some
            hosts.update((host.address, _host(host, targets, macs, up)) for host in seen)
        elif found:
            _several(found, rows, hosts, targets, macs, up)
    for gather in gathers:
        unkept += gather.unkept
    states = {state.value: sum(int(gather.states[at]) for gather in gathers) for at, state in enumerate(STATES)}
    return ScanReport(
        targets.asked,
        targets.addresses,
        begun_at,
        took_s,
        tuple(passes),
        tuple(hosts.values()),
        tuple(rows),
        {name: amount for name, amount in states.items() if amount},
        targets.left_out,
        shard,
        complete,
        (*missing, *((UNKEPT,) if unkept else ())),
    )


def _host(host: Host, targets: Targets, macs: Mapping[str, str] | None, up: Mapping[str, bool] | None) -> HostSeen:
    address = host.address
    alive = host.up if up is None or host.up else up.get(address, host.up)
    return HostSeen(address, targets.names.get(address), alive, host.states, host.others, None if macs is None else macs.get(address))


def _several(
    found: Sequence[tuple[list[PortSeen], list[Host]]],
    rows: list[PortSeen],
    hosts: dict[str, HostSeen],
    targets: Targets,
    macs: Mapping[str, str] | None,
    up: Mapping[str, bool] | None,
) -> None:
    """Passes over the same addresses: each address with the rows of all."""
    from portulan.model.address import pack_address

    together: dict[str, Host] = {}
    for _, seen in found:
        for host in seen:
            before = together.get(host.address)
            if before is None:
                together[host.address] = host
                continue
            states = dict(before.states)
            for name, amount in host.states.items():
                states[name] = states.get(name, 0) + amount
            ups = (before.up, host.up)
            alive = True if True in ups else None if None in ups else False
            together[host.address] = before._replace(states=states, others=before.others + host.others, up=alive)
    ordered = sorted(together, key=pack_address)
    hosts.update((address, _host(together[address], targets, macs, up)) for address in ordered)
    new = [row for some, _ in found for row in some]
    new.sort(key=lambda row: (pack_address(row.address), row.transport, row.port))
    rows += new


__all__ = ["UNKEPT", "whole"]
