"""Fuzz the answers of scans that `portulan diff` reads: whatever it is, a snapshot of port sets, or a ParseError."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

XML = b"""<?xml version="1.0"?>
<!DOCTYPE nmaprun>
<nmaprun scanner="nmap" version="7.93" xmloutputversion="1.05"><scaninfo type="syn" protocol="tcp" numservices="9" services="1-9"/>
<host><status state="up" reason="user-set" reason_ttl="0"/><address addr="198.18.0.2" addrtype="ipv4"/><hostnames><hostname name="web" type="user"/></hostnames>
<ports><extraports state="closed" count="7"><extrareasons reason="reset" count="7" proto="tcp" ports="1-7"/></extraports>
<port protocol="tcp" portid="8"><state state="open" reason="syn-ack" reason_ttl="64"/></port></ports></host>
<runstats><finished time="0" elapsed="0"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>"""
JSON = b"""{"schema":"portulan.scan/1","hosts":[{"address":"198.18.0.2","name":null,"others":[{"transport":"tcp","state":"closed","ports":"0-21"}]}],
"items":[{"address":"198.18.0.2","transport":"tcp","port":22,"state":"open"}]}"""
LINES = b"""{"address":"198.18.0.2","transport":"udp","port":53,"state":"open|filtered"}
{"schema":"portulan.scan/1","hosts":[{"address":"fd00::2"}]}
"""
CSV = b"address,name,transport,port,state\n198.18.0.2,,tcp,22,open\n198.18.0.2,web,tcp,23-79,closed\n"
GREPABLE = b"""# Portulan 1 scan initiated Fri Jan  2 03:04:05 2026 as: portulan scan
# Ports scanned: TCP(0-99)
Host: 198.18.0.2 (web)\tPorts: 22/open/tcp//ssh///, 80/closed/tcp//http///\tIgnored State: filtered (98)
"""


def load() -> Callable[[bytes], None]:
    """Every form, and a comparison with an empty answer."""
    from portulan.errors import ParseError
    from portulan.model.scan_diff import Snapshot
    from portulan.scan.compare import differences
    from portulan.scan.reports.reading import read_scan

    def target(data: bytes) -> None:
        try:
            snapshot = read_scan(data, "fuzz")
        except ParseError:
            return
        list(differences(snapshot, Snapshot("none", {}), lambda *_: None))

    return target


def seeds() -> list[bytes]:
    """One answer in each form."""
    return [XML, JSON, LINES, CSV, GREPABLE]


if __name__ == "__main__":
    sys.exit(
        fuzz(load, seeds, [b"<!ENTITY", b'ports="', b'"others":[', b"65535", b"-", b"Ignored State: ", b"/open/tcp//", b"::1", b"\x00"])
    )
