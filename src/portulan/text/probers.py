"""What those who send probes say when they cannot."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "scan.descriptors": mark(
        "too few descriptors may be open for a scan by connections: there is room for {room}, and {needed} are needed."
    ),
    "scan.link-gone": mark("interface {link} has gone, or carries no packets any more."),
    "scan.no-route": mark("there is no way from here to {address} ({reason})."),
    "scan.too-many-hosts": mark("{count} addresses are too many to find out which are up: at most {most} at once."),
    "echo.forbidden": mark("pinging needs {needs}, or a group that net.ipv4.ping_group_range names."),
    "scan.no-link": mark("there is no interface {link}."),
    "scan.several-links": mark("{links}: one scan goes out by one interface only where addresses name theirs."),
    "scan.too-many-neighbours": mark("{count} neighbours on {link} are more than can be asked for one by one: {most} at a time."),
    "scan.raw-forbidden": mark("sending raw packets needs {needs}."),
    "scan.no-source-ports": mark("no {count} ports in a row are free here to send from."),
    "scan.few-descriptors": mark("too few files may be open: a scan by raw packets keeps {needed} ports for itself."),
    "neighbours.forbidden": mark("asking for neighbours' hardware addresses needs {needs}."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "scan.descriptors": mark("allow more, in the same shell:  ulimit -n 4096"),
    "scan.several-links": mark("scan each of them by itself"),
    "scan.too-many-neighbours": mark("in parts:  --exclude, or several scans"),
    "scan.raw-forbidden": mark("to allow it:  sudo, or without:  --method connect"),
    "scan.few-descriptors": mark("allow more, in the same shell:  ulimit -n 4096"),
    "neighbours.forbidden": mark("to allow it:  sudo"),
    "echo.forbidden": mark("to allow it:  sudo"),
}
"""What to do about it."""
