"""What can be wrong with a file of packets, in words."""

from __future__ import annotations

from portulan.text.voice import mark

SENTENCES: dict[str, str] = {
    "capture.missing": mark("there is no file {name}."),
    "capture.folder": mark("{name} is a folder: a file of captured packets was expected."),
    "capture.forbidden": mark("{name} may not be read by this user."),
    "capture.unreadable": mark("{name} cannot be read: {reason}."),
    "capture.empty": mark("{name} is empty: there is no capture in it."),
    "capture.not-one": mark(
        "{name} is not a file of captured packets: pcap or pcapng was expected, as it is or compressed by gzip or zstd."
    ),
    "capture.cut-header": mark("{name} is cut off within its header: nothing can be read of it."),
    "capture.version": mark("{name} is {format} of version {version}, which Portulan does not know."),
    "capture.compression-broken": mark("{name} is compressed by {format}, and that is broken at byte {offset}, before the first packet."),
}

WAYS_OUT: dict[str, str] = {
    "capture.forbidden": mark("to allow it:  the same command with sudo before it"),
    "capture.not-one": mark("to capture:  portulan traffic -w FILE, or tcpdump -w FILE"),
}
