"""Two views of the same addresses against each other: scans that were written to files, and what this machine knows of itself."""

from __future__ import annotations

from portulan.errors import BadInput, CannotTell
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.scan import State
from portulan.model.scan_diff import DiffAnswer, HostCompared, Snapshot
from portulan.scan.compare import differences, one_sided
from portulan.scan.reports.reading import read_scan, snapshot_of
from portulan.system.registry_file import open_table
from portulan.system.word_files import read_data
from portulan.verbs.inventory import inventory, sorted_addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.scan import ScanReport
    from portulan.model.scan_diff import Told
    from portulan.verbs.inventory import Inventory, Listening

HOST = "host"
"""The name of this machine's own inventory; a file of that name is `./host`."""
_PERHAPS = (State.OPEN_FILTERED, State.UNFILTERED)


def diff(before: str, after: str) -> DiffAnswer:
    """What changed from one to the other: files of scans (JSON, JSON lines, CSV, grepable lines, nmap's XML), or `host`.

    Raises BadInput for a file that cannot be read or is none of these, CannotTell where the scan is of other machines than this one.
    """
    if before == after:
        raise BadInput("diff.twice", text=before)
    files = {name: read_scan(read_data(name), name) for name in (before, after) if name != HOST}
    if len(files) == 2:
        return _answer(files[before], files[after], ())
    ((name, scan),) = files.items()
    known = inventory()
    ours = {address: told for address, told in scan.hosts.items() if known.has(address)}
    if not ours:
        raise CannotTell("diff.not-ours", file=name)
    scan = scan._replace(hosts=ours)
    inside = Snapshot(HOST, {address: _as_seen(told, known.listening(address)) for address, told in ours.items()}, scan.names)
    skipped = sorted_addresses(files[name].hosts.keys() - ours.keys())
    return _answer(scan, inside, skipped) if before == name else _answer(inside, scan, skipped)


def _answer(before: Snapshot, after: Snapshot, skipped: tuple[str, ...]) -> DiffAnswer:
    found = tuple(differences(before, after, open_table().usual))
    return DiffAnswer(before.source, after.source, len(before.hosts.keys() | after.hosts.keys()), found, skipped)


def _as_seen(outside: Told, listening: Listening) -> Told:
    """What a scan would have said of an address if it were as this machine says: whoever listens is open, and all else as it was, unless it was open.

    The kernel knows who listens, not what a firewall makes of it: closed and filtered are no contradiction, nor is anything to a port that may be open.
    """
    found: dict[tuple[Transport, State], PortSet] = {}
    for transport in (Transport.TCP, Transport.UDP):
        seen = {state: ports for (on, state), ports in outside.items() if on is transport}
        asked = PortSet.of(part for ports in seen.values() for part in ports.ranges)
        perhaps = PortSet.of(part for state in _PERHAPS if state in seen for part in seen[state].ranges)
        held = PortSet.of(PortRange(port, port) for on, port in listening if on is transport) & asked
        found[transport, State.OPEN] = held - perhaps
        for state, ports in seen.items():
            if state in _PERHAPS:
                found[transport, state] = ports
            elif state is not State.OPEN:
                found[transport, state] = ports - held
        gone = seen.get(State.OPEN, PortSet()) - held
        found[transport, State.CLOSED] = found.get((transport, State.CLOSED), PortSet()) | gone
    return {key: ports for key, ports in found.items() if ports.ranges}


def compare_host(report: ScanReport, known: Inventory | None = None) -> HostCompared:
    """What a scan of this machine's own addresses found open that the machine does not know of, and what it serves that the scan did not find open.

    Raises CannotTell where none of the addresses is this machine's own, or the kernel cannot be asked.
    """
    known = inventory() if known is None else known
    seen = snapshot_of(report)
    ours = sorted_addresses({address for address in seen.hosts if known.has(address)})
    if not ours:
        raise CannotTell("diff.not-ours", file=", ".join(report.targets))
    items, agreed = [], 0
    for address in ours:
        found, both = one_sided(address, seen.hosts[address], known.listening(address), open_table().usual)
        items += found
        agreed += both
    foreign = sorted_addresses(seen.hosts.keys() - set(ours))
    return HostCompared(known.taken_at, known.host, ours, foreign, agreed, tuple(items), known.complete and report.complete)
