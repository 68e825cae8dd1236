"""What the picture of all ports says in words: its title, its legend, its lists of numbers."""

from __future__ import annotations

from portulan.model.picture import Cell
from portulan.model.port import LAST_SYSTEM, LAST_USER, PORTS, PortClass
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portulan.model.picture import OpenPort, PortMap
    from portulan.model.port import Transport
    from portulan.model.portset import PortSet
    from portulan.text.voice import Voice

SENTENCES = {
    "picture.unknown-format": mark("{path} does not end in a picture format that Portulan writes: one of {known} was expected."),
    "picture.cannot-write": mark("{path} cannot be written: {reason}."),
}
"""What can go wrong, for the table of errors."""

WAYS_OUT = {
    "picture.unknown-format": mark("for example:  ports.png"),
}
"""And what to do about it."""

ENGLISH_ONLY = mark(
    "No font with Japanese characters was found, so the words in the picture are English (on Debian: apt install fonts-noto-cjk)."
)

CELLS = {
    Cell.ALL: mark("open on all addresses"),
    Cell.PUBLIC: mark("open on a public address"),
    Cell.PRIVATE: mark("open on a private address"),
    Cell.LOOPBACK: mark("open to this host only"),
    Cell.IN_USE: mark("in use, not open"),
    Cell.ASSIGNED: mark("assigned by IANA"),
    Cell.UNASSIGNED: mark("unassigned"),
}
"""The legend, most telling first."""

CLASSES = {
    PortClass.SYSTEM: mark("system {numbers}"),
    PortClass.USER: mark("user {numbers}"),
    PortClass.DYNAMIC: mark("dynamic {numbers}"),
}
"""The three ranges of RFC 6335."""

SHORT = {
    PortClass.SYSTEM: mark("system"),
    PortClass.USER: mark("user"),
    PortClass.DYNAMIC: mark("dynamic"),
}
"""Their names where the numbers stand beside."""

RANGES = {
    PortClass.SYSTEM: range(LAST_SYSTEM + 1),
    PortClass.USER: range(LAST_SYSTEM + 1, LAST_USER + 1),
    PortClass.DYNAMIC: range(LAST_USER + 1, PORTS),
}
"""The numbers of the three ranges."""


def span(numbers: range) -> str:
    """`0-1023`."""
    return f"{numbers[0]}-{numbers[-1]}"


def title(drawn: PortMap, voice: Voice) -> str:
    """How many ports of which host are open; 443/tcp and 443/udp are two."""
    n = len(drawn.picture.open)
    if drawn.transport is None:
        return voice.count("{host}: {n} open port", "{host}: {n} open ports", n, host=drawn.host)
    transport = drawn.transport.upper()
    return voice.count("{host}: {n} open {transport} port", "{host}: {n} open {transport} ports", n, host=drawn.host, transport=transport)


def moment(drawn: PortMap) -> str:
    """When the picture was taken, to the minute, in UTC; the same in every language."""
    return drawn.taken_at.strftime("%Y-%m-%d %H:%M UTC")


def range_name(range_: PortClass, voice: Voice) -> str:
    """`user 1024-49151`."""
    return voice.say(CLASSES[range_], numbers=span(RANGES[range_]))


def short_name(range_: PortClass, voice: Voice) -> str:
    """`user`."""
    return voice.say(SHORT[range_])


def shades(voice: Voice) -> str:
    """What the two shades of each range mean."""
    return voice.say("light: {light}, dark: {dark}", light=voice.say(CELLS[Cell.ASSIGNED]), dark=voice.say(CELLS[Cell.UNASSIGNED]))


def rows_heading(columns: int, voice: Voice) -> str:
    """Above the whole picture where every port has a cell."""
    return voice.say("all 65,536 ports, {columns} to a row", columns=columns)


def lens_heading(voice: Voice) -> str:
    """Above the enlarged part."""
    return voice.say("system ports {numbers}, enlarged", numbers=span(RANGES[PortClass.SYSTEM]))


def whole_heading(run: int, voice: Voice) -> str:
    """Above the whole picture, where a drawn cell stands for `run` ports."""
    return voice.count("all ports, each a cell", "all ports, {n} to a cell", run)


def clients(drawn: PortMap, voice: Voice) -> str:
    """What the marked stretch beside the picture is; empty where the kernel's habit is unknown."""
    return voice.say("clients get {range}", range=str(drawn.ephemeral)) if drawn.ephemeral else ""


def number_words(transports: Mapping[Transport, PortSet]) -> list[tuple[str, int]]:
    """`tcp 22,`, `80,`, `8000-8010`, `· udp 53`: the numbers by transport, in pieces between which a line may break, with their counts."""
    words: list[tuple[str, int]] = []
    for transport, numbers in transports.items():
        last = len(numbers.ranges) - 1
        for at, part in enumerate(numbers.ranges):
            lead = "" if at else f"· {transport} " if words else f"{transport} "
            words.append((f"{lead}{part}{',' if at < last else ''}", len(part)))
    return words


def more(n: int, voice: Voice) -> str:
    """That there are more ports than there is room to name."""
    return voice.count("… {n} more", "… {n} more", n)


def describe(port: OpenPort, voice: Voice) -> str:
    """`443/tcp https: open on all addresses`."""
    name = f"{port.port}/{port.transport} {port.service}" if port.service else f"{port.port}/{port.transport}"
    return voice.say("{port}: {state}", port=name, state=voice.say(CELLS[Cell(port.exposure.value)]))
