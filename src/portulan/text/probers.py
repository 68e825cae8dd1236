"""What those who send probes say when they cannot."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "scan.descriptors": mark(
        "too few descriptors may be open for a scan by connections: there is room for {room}, and {needed} are needed."
    ),
    "scan.link-gone": mark("interface {link} has gone, or carries no packets any more."),
    "scan.no-route": mark("there is no way from here to {address} ({reason})."),
    "neighbours.forbidden": mark("asking for neighbours' hardware addresses needs {needs}."),
}
"""For the table of errors."""

WAYS_OUT: dict[str, str] = {
    "scan.descriptors": mark("allow more, in the same shell:  ulimit -n 4096"),
    "neighbours.forbidden": mark("to allow it:  sudo"),
}
"""What to do about it."""
