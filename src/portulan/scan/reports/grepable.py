"""nmap's grepable lines (its `-oG`): a line for each host and each fact, fields between tabs."""

from __future__ import annotations

import re

from portulan.scan.reports.by_host import by_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.scan import PortSeen, ScanReport

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What acts on a terminal, moves or reverses text, or cannot be encoded."""


def grepable(report: ScanReport, arguments: str, version: str) -> Iterator[str]:
    """Lines. `Status` says Up, Down, or (nothing answered) Unknown; `Ignored State` the ports that are told together."""
    yield f"# Portulan {_field(version)} scan initiated {report.begun_at.ctime()} as: {_plain(arguments)}\n"
    for one in report.passes:
        yield f"# Ports scanned: {one.transport.value.upper()}({one.ports})\n"
    up = 0
    for host, rows in by_host(report):
        up += host.up is True
        head = f"Host: {host.address} ({_plain(host.name or '')})\t"
        yield f"{head}Status: {'Down' if host.up is False else 'Up' if host.up else 'Unknown'}\n"
        ignored = ", ".join(f"{each.state.value} ({each.amount})" for each in host.others)
        if rows or ignored:
            ports = ", ".join(map(_port, rows))
            yield (
                head
                + "\t".join(
                    [*([f"Ports: {ports}"] if rows else []), *([f"Ignored State: {ignored}"] if ignored else [])],
                )
                + "\n"
            )
    noun = "address" if report.addresses == 1 else "addresses"
    yield f"# Portulan done -- {report.addresses} IP {noun} ({up} up) scanned in {report.took_s:.2f} seconds{'' if report.complete else ', not complete'}\n"


def _port(row: PortSeen) -> str:
    """`22/open/tcp//ssh///`."""
    return f"{row.port}/{row.state.value}/{row.transport.value}//{_field(row.service or '')}///"


def _field(text: str) -> str:
    """nmap writes a slash inside a field as a bar."""
    return _plain(text).replace("/", "|").replace(",", " ")


def _plain(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}", text)
