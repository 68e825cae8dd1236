"""Words for traffic as it passes: what is heard, whose it is, and what could not be told."""

from __future__ import annotations

from portulan.text.clean import clean
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.traffic import PortTraffic, Traffic

_LONGEST, _LONGEST_PATH = 80, 4096

UNTOLD: dict[str, str] = {
    "not-local": mark("of other hosts"),
    "nobody": mark("to a closed port"),
    "forbidden": mark("of a process that may not be looked into"),
    "kernel": mark("of the kernel itself"),
    "hidden": mark("of a process that cannot be found"),
    "not-seen": mark("over before anybody could be asked"),
    "not-asked": mark("not asked for yet"),
}
"""Why no process is named for a flow, by its code."""
MISSING: dict[str, str] = {
    "short-lived": mark("which processes had connections that were over in a moment: following them needs CAP_BPF and CAP_PERFMON"),
    "overrun": mark("which processes had some connections that were over in a moment: more happened at once than could be heard"),
    "thinned": mark("all packets: more came than could be read, so only some were looked at from then on, by chance"),
    "interface-off": mark("what would pass, were every interface that was asked for switched on"),
    "sock_diag.missing": mark("which processes the flows belong to: this kernel cannot list its sockets"),
}
"""What could not be had at all, by its code."""


def untold(voice: Voice, row: PortTraffic) -> str:
    """`3 flows over before anybody could be asked`; empty where every flow has a process."""
    return " · ".join(
        voice.count("{n} flow {why}", "{n} flows {why}", count, why=voice.say(UNTOLD.get(code, code)))
        for code, count in sorted(row.untold.items(), key=lambda each: -each[1])
    )


def listening(voice: Voice, names: Iterable[str], left_out: Iterable[str]) -> str:
    """What is heard."""
    heard = ", ".join(clean(name, _LONGEST) for name in names)
    out = ", ".join(clean(name, _LONGEST) for name in left_out)
    if out:
        return voice.say(
            "Listening on {interfaces}; not on {others}, whose packets pass one of those. Ctrl-C ends it.", interfaces=heard, others=out
        )
    return voice.say("Listening on {interfaces}. Ctrl-C ends it.", interfaces=heard)


def notes(voice: Voice, answer: Traffic) -> list[str]:
    """What else should be known of the counts."""
    merged = sum(one.merged for one in answer.origins)
    if not merged:
        return []
    return [
        voice.count(
            "{n} packet is several segments that the kernel handles as one: on the wire there are more, of the same bytes.",
            "{n} packets are several segments each that the kernel handles as one: on the wire there are more, of the same bytes.",
            merged,
        )
    ]


def kept(voice: Voice, path: str, packets: int) -> str:
    """Where the packets are."""
    return voice.count("{n} packet kept in {path}.", "{n} packets kept in {path}.", packets, path=clean(path, _LONGEST_PATH))


def missing(voice: Voice, codes: Iterable[str]) -> list[str]:
    """What could not be had, a phrase each."""
    return [voice.say(MISSING.get(code, code)) for code in codes]


SENTENCES: dict[str, str] = {
    "traffic.forbidden": mark("listening to packets needs {needs}."),
    "traffic.filter": mark(
        "{text} is not a filter in tcpdump's language: {reason}. Something like `tcp port 443 and host 192.0.2.1` was expected."
    ),
    "traffic.no-libpcap": mark("filters in tcpdump's language are read by libpcap, which is not installed."),
    "traffic.filter-interface": mark("libpcap cannot read the filter for the interface {interface}: {reason}."),
    "traffic.filter-long": mark("the filter has {steps} steps: the kernel takes {most} at most."),
    "traffic.filter-damaged": mark("libpcap gave a filter that cannot be read."),
    "traffic.no-interface": mark("there is no interface {name} here: one of {known} was expected."),
    "traffic.interface-down": mark("the interface {name} is switched off: nothing passes."),
    "traffic.interface-gone": mark("nothing more can be heard: {names} is gone (after {packets} packets)."),
    "traffic.cannot-write": mark("packets cannot be kept in {path}: {reason}."),
    "traffic.sample": mark("{text} is no number of packets of which one is looked at: a whole number from 1, or auto, was expected."),
    "traffic.seconds": mark("{text} is no time for {option}: a number of seconds from 0.1 was expected."),
    "traffic.linux-only": mark("packets are heard on Linux only; files are read everywhere."),
}
"""For the table of errors."""
WAYS_OUT: dict[str, str] = {
    "traffic.forbidden": mark("to allow it:  the same command with sudo before it"),
    "traffic.filter": mark("the language:  man pcap-filter"),
    "traffic.no-libpcap": mark(
        "install it:  sudo apt install libpcap0.8 (elsewhere: libpcap), or name ports, which needs none:  portulan traffic 443"
    ),
    "traffic.interface-down": mark("switch it on:  sudo ip link set {name} up"),
    "traffic.linux-only": mark("from a file:  portulan traffic --read FILE"),
}
