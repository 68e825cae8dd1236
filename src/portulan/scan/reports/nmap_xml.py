"""nmap's XML (its DTD, xmloutputversion 1.05), for the many programs that read it.

The DTD allows no other scanner than nmap, so the root says that it is one; who really scanned stands in a comment and in `args`.
"""

from __future__ import annotations

import re
from itertools import groupby

from portulan.model.portset import PortSet, parse_portset
from portulan.model.scan import Method
from portulan.scan.reports.by_host import by_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from portulan.model.scan import HostSeen, Others, PortSeen, ScanReport

FORMAT_VERSION = "1.05"
_TYPES = {Method.SYN: "syn", Method.CONNECT: "connect", Method.UDP: "udp", Method.LOCAL: "connect"}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f]")
"""What XML 1.0 (section 2.2) does not allow, and what it advises against."""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_SPECIAL = re.compile('[&<>"\t\n\r]')
_UP_BY = ("syn-ack", "reset", "udp-response", "conn-refused")


def nmap_xml(report: ScanReport, arguments: str, version: str) -> Iterator[str]:
    """The document in pieces. `arguments`: the command line; `version`: Portulan's."""
    begun = int(report.begun_at.timestamp())
    ended = begun + max(0, round(report.took_s))
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n'
    yield f"<!-- Portulan {_comment(version)} scan initiated {_ctime(report.begun_at)} as: {_comment(arguments)} -->\n"
    yield (
        f'<nmaprun scanner="nmap" args="{escape(arguments)}" start="{begun}" startstr="{_ctime(report.begun_at)}"'
        f' version="portulan {escape(version)}" xmloutputversion="{FORMAT_VERSION}">\n'
    )
    for one in report.passes:
        ports = parse_portset(one.ports) if one.ports else PortSet()
        kind = "udp" if one.transport == "udp" else _TYPES[one.method] if one.method is not Method.UDP else "connect"
        yield f'<scaninfo type="{kind}" protocol="{one.transport.value}" numservices="{len(ports)}" services="{ports}"/>\n'
    yield '<verbose level="0"/>\n<debugging level="0"/>\n'
    up = down = 0
    for host, rows in by_host(report):
        up += host.up is not False
        down += host.up is False
        yield "".join(_host(host, rows, begun, ended))
    up += max(0, report.addresses - up - down) if not report.hosts else 0
    counted = f"{report.addresses} IP address{'es' if report.addresses != 1 else ''} ({up} host{'s' if up != 1 else ''} up)"
    done = f"Portulan done; {counted} scanned in {report.took_s:.2f} seconds"
    outcome = 'exit="success"' if report.complete else 'exit="error" errormsg="not complete"'
    yield f'<runstats><finished time="{ended}" timestr="{_ctime(report.begun_at, ended)}" summary="{done}" elapsed="{report.took_s:.2f}" {outcome}/>'
    yield f'<hosts up="{up}" down="{down}" total="{max(report.addresses, up + down)}"/>\n</runstats>\n</nmaprun>\n'


def _host(host: HostSeen, rows: Sequence[PortSeen], begun: int, ended: int) -> Iterator[str]:
    state = "down" if host.up is False else "up"
    heard = [str(row.reason) for row in rows if row.by is None] + [str(each.reason) for each in host.others]
    why = next((reason for reason in heard if reason in _UP_BY), "no-response" if host.up is False else "user-set")
    ttl = next((row.ttl for row in rows if row.by is None and row.ttl), 0)
    version = "ipv6" if ":" in host.address else "ipv4"
    yield f'<host starttime="{begun}" endtime="{ended}"><status state="{state}" reason="{why}" reason_ttl="{ttl}"/>\n'
    yield f'<address addr="{escape(host.address)}" addrtype="{version}"/>\n'
    if host.mac is not None:
        yield f'<address addr="{escape(host.mac.upper())}" addrtype="mac"/>\n'
    yield "<hostnames>\n"
    if host.name is not None:
        yield f'<hostname name="{escape(host.name)}" type="user"/>\n'
    yield "</hostnames>\n"
    if rows or host.others:
        yield "<ports>"
        yield from _extra(host.others)
        for row in rows:
            yield _port(row)
        yield "</ports>\n"
    yield "</host>\n"


def _extra(others: Sequence[Others]) -> Iterator[str]:
    """Ports that are told together: one element for each state, the reasons inside."""
    for state, group in groupby(sorted(others, key=lambda each: each.state.value), key=lambda each: each.state):
        parts = list(group)
        yield f'<extraports state="{state.value}" count="{sum(each.amount for each in parts)}">\n'
        for each in parts:
            ports = f' ports="{each.ports}"' if each.ports else ""
            yield f'<extrareasons reason="{each.reason.value}" count="{each.amount}" proto="{each.transport.value}"{ports}/>\n'
        yield "</extraports>\n"


def _port(row: PortSeen) -> str:
    by = f' reason_ip="{escape(row.by)}"' if row.by is not None else ""
    service = f'<service name="{escape(row.service)}" method="table" conf="3"/>' if row.service else ""
    return (
        f'<port protocol="{row.transport.value}" portid="{row.port}"><state state="{row.state.value}" reason="{row.reason.value}"'
        f' reason_ttl="{row.ttl or 0}"{by}/>{service}</port>\n'
    )


def escape(text: str) -> str:
    """Text for an attribute in double quotes; what no XML may hold becomes a visible escape."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], _visible(text))


def _comment(text: str) -> str:
    """Text for a comment, which two hyphens would end."""
    return escape(text).replace("--", "- -").replace("--", "- -").rstrip("-")


def _visible(text: str) -> str:
    return _ILLEGAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _ctime(moment: datetime, seconds: int | None = None) -> str:
    """`Fri Jan  2 03:04:05 2026`, as nmap writes it."""
    if seconds is not None:
        moment = type(moment).fromtimestamp(seconds, moment.tzinfo)
    return moment.ctime()
