"""What `traffic` shows: tables for people, rows for spreadsheets."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.text import traffic as words
from portulan.text.clean import clean
from portulan.traffic.services import by_service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portulan.cli.face import Face
    from portulan.model.traffic import PortTraffic, Traffic

WIDE = 110
"""Columns from which on there is room for more of them."""
_LEAST_SAID, _LEAST_ADDRESS = 6, 10
"""Columns that are left of a cell that is shortened."""

_DAY_S = 86_400


class Line(Record):
    """One line of the table of ports."""

    cells: tuple[str, ...]
    short: str = ""
    """What is marked, in few words: where the window has no room for the whole of it."""


def show(face: Face, answer: Traffic, *, by: str, top: int, names: Mapping[str, str], inner: bool = False) -> None:
    """The answer for people: what there was, the table, and what is to be known about it. `inner`: tunnels were looked into."""
    from portulan.cli.table import wrap

    for text in wrap(words.headline(face.voice, answer), face.width - 2):
        face.line(" " + face.style(text, "bold"))
    notes = [
        *_TABLES[by](face, answer, top, names),
        *words.origin_lines(face.voice, answer.origins),
        *words.aside_lines(face.voice, answer, inner=inner),
    ]
    if notes:
        face.line()
    for text in notes:
        face.paragraph(text, " ")


def _ports(face: Face, answer: Traffic, top: int, names: Mapping[str, str]) -> list[str]:
    return _doors(face, answer.ports, answer.bytes, top, names)


def _services(face: Face, answer: Traffic, top: int, names: Mapping[str, str]) -> list[str]:
    return _doors(face, by_service(answer.ports), answer.bytes, top, names)


def _doors(face: Face, rows: Sequence[PortTraffic], all_bytes: int, top: int, names: Mapping[str, str]) -> list[str]:
    """The table; what is to be said below it."""
    if not rows:
        return []
    voice, wide = face.voice, face.width >= WIDE
    held = any(row.processes is not None for row in rows)
    headers = [voice.say("SERVICE"), voice.say("PORT"), voice.say("SHARE"), voice.say("BYTES"), voice.say("FLOWS")]
    right = [2, 3, 4]
    if wide:
        headers += [voice.say("PACKETS"), voice.say("ASKED"), voice.say("ANSWERED")]
        right += [5, 6, 7]
    if held:
        headers.append(voice.say("HELD BY"))
    headers.append(voice.say("SAYS / IS"))
    lines: list[Line] = []
    for at, row in enumerate(rows):
        # Beyond those that were asked for, only what is marked is shown.
        lines += _lines(face, row, all_bytes, names, wide=wide, held=held, plain=at < top)
    shrink = [0, len(headers) - 1, *([len(headers) - 2] if held else [])]
    full = [line.cells for line in lines]
    fits = _fits(full, headers, face.width)
    shown = full if fits else [(*line.cells[:-1], line.short or line.cells[-1]) for line in lines]

    def styles(row: int, column: int) -> tuple[str, ...]:
        return ("red",) if lines[row].short and column == len(headers) - 1 else ()

    face.table(shown, headers, shrink=shrink, right=right, styles=styles)
    rest = [(row.bytes - sum(mark.bytes for mark in row.marks)) for row in rows[top:] if row.flows > sum(mark.flows for mark in row.marks)]
    if rest:
        face.line(f" {words.more_rows(voice, len(rest))}: {words.amount(sum(rest))}")
    marked = [line for line in lines if line.short]
    return [*(line.cells[-1] for line in marked if not fits), *([words.legend(voice)] if marked else [])]


def _fits(rows: Sequence[Sequence[str]], headers: Sequence[str], width: int) -> bool:
    """Whether the table needs no shortening."""
    return _over(rows, headers, width) <= 0


def _over(rows: Sequence[Sequence[str]], headers: Sequence[str], width: int) -> int:
    """How many columns the table has too many."""
    from portulan.cli.table import GAP, width_of

    sizes = [max(map(width_of, column)) for column in zip(headers, *rows, strict=True)]
    return sum(sizes) + GAP * (len(sizes) - 1) + 1 - width


def _lines(face: Face, row: PortTraffic, all_bytes: int, names: Mapping[str, str], *, wide: bool, held: bool, plain: bool) -> list[Line]:
    """One port: what keeps its promise, then a line for each thing that does not."""
    door = words.door(row.transport, row.port)
    marked_flows, marked_bytes = sum(mark.flows for mark in row.marks), sum(mark.bytes for mark in row.marks)
    left_out: dict[str, int] = {}
    for mark in row.marks:
        left_out[mark.protocol] = left_out.get(mark.protocol, 0) + mark.flows

    def line(service: str, bytes_: int, flows: int, last: str, short: str = "") -> Line:
        cells = [service, door, words.share(bytes_ / all_bytes if all_bytes else 0.0), words.amount(bytes_), f"{flows:,}"]
        if wide:  # of what is marked only its bytes are known
            more = ("", "", "") if short else (f"{row.packets:,}", words.amount(row.forward_bytes), words.amount(row.reverse_bytes))
            cells += more
        if held:
            cells.append("" if short else words.holders(row.processes))
        return Line((*cells, last), short)

    found = []
    if plain and row.flows > marked_flows:
        says = words.says(row.protocols, row.flows - marked_flows, left_out)
        found.append(line(words.service_name(row.service), row.bytes - marked_bytes, row.flows - marked_flows, says))
    for mark in row.marks:
        text = words.mark_line(face.voice, mark, row.transport, row.port, names)
        found.append(line(mark.protocol, mark.bytes, mark.flows, text, words.mark_short(face.voice, mark, row.transport, row.port)))
    return found


def _hosts(face: Face, answer: Traffic, top: int, names: Mapping[str, str]) -> list[str]:
    voice = face.voice
    headers = [
        voice.say("HOST"),
        voice.say("SHARE"),
        voice.say("BYTES"),
        voice.say("SENT"),
        voice.say("PACKETS"),
        voice.say("FLOWS"),
        voice.say("PORTS"),
    ]
    rows = [
        (
            words.host(row.address, names), words.share(row.bytes / answer.bytes if answer.bytes else 0.0), words.amount(row.bytes),
            words.amount(row.sent_bytes), f"{row.packets:,}", f"{row.flows:,}", f"{row.ports:,}",
        )
        for row in answer.hosts[:top]
    ]  # fmt: skip
    if rows:
        face.table(rows, headers, shrink=(0,), right=(1, 2, 3, 4, 5, 6))
    return []


def _flows(face: Face, answer: Traffic, top: int, names: Mapping[str, str]) -> list[str]:
    voice, wide = face.voice, face.width >= WIDE
    headers = [voice.say("FROM"), voice.say("TO"), voice.say("ASKED"), voice.say("ANSWERED"), voice.say("TIME"), voice.say("SAYS")]
    if wide:
        headers[2:2] = [voice.say("SERVICE"), voice.say("PACKETS")]
    rows, ends = [], []
    for row in answer.rows[:top]:
        ends.append((words.host(row.source, names), words.endpoint(row.destination, row.destination_port, names), f"/{row.transport}"))
        says = " ".join(filter(None, (row.protocol, clean(row.name) if row.name else None))) or "-"
        cells = [
            words.endpoint(row.source, row.source_port, names), "".join(ends[-1][1:]),
            words.amount(row.bytes), words.amount(row.reverse_bytes), words.span(voice, words.length_of(row.first_at, row.last_at)),
            says,
        ]  # fmt: skip
        if wide:
            cells[2:2] = [words.service_name(row.service), f"{row.packets + row.reverse_packets:,}"]
        rows.append(cells)
    if rows:
        shown = _narrowed(rows, ends, headers, face.width)
        shrink = (len(headers) - 1,) if _over(_little_said(shown), headers, face.width) <= 0 else (0, len(headers) - 1)
        face.table(shown, headers, shrink=shrink, right=(3, 4, 5, 6) if wide else (2, 3, 4))
    return []


def _little_said(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return [(*row[:-1], row[-1][:_LEAST_SAID]) for row in rows]


def _narrowed(
    rows: Sequence[Sequence[str]], ends: Sequence[tuple[str, str, str]], headers: Sequence[str], width: int
) -> Sequence[Sequence[str]]:
    """Where the window is too narrow, the client's port goes first, then the middle of addresses; the port that was asked stays in any case."""
    from portulan.cli.table import shorten, width_of

    if _over(_little_said(rows), headers, width) <= 0:
        return rows
    rows = [(end[0], *row[1:]) for row, end in zip(rows, ends, strict=True)]
    much = _over(_little_said(rows), headers, width)
    if much <= 0:
        return rows
    sizes = [max(width_of(row[column]) for row in rows) for column in (0, 1)]
    room = [max(_LEAST_ADDRESS, size - -(-much * size // sum(sizes))) for size in sizes]

    def target(address: str, transport: str) -> str:
        host, _, port = address.rpartition(":")
        return f"{shorten(host, max(_LEAST_SAID, room[1] - len(port) - len(transport) - 1))}:{port}{transport}"

    return [(shorten(row[0], room[0]), target(*end[1:]), *row[2:]) for row, end in zip(rows, ends, strict=True)]


def _times(face: Face, answer: Traffic, top: int, names: Mapping[str, str]) -> list[str]:  # noqa: ARG001 - as the others
    """A line for each stretch of time: how much, a bar, and the largest service."""
    voice = face.voice
    stretches: dict[object, list[int]] = {}
    largest: dict[object, tuple[int, str]] = {}
    for one in answer.buckets:
        sums = stretches.setdefault(one.begins_at, [0, 0])
        sums[0] += one.packets
        sums[1] += one.bytes
        if one.port is not None and one.bytes > largest.get(one.begins_at, (0, ""))[0]:
            largest[one.begins_at] = one.bytes, f"{words.service_name(one.service)} {words.door(one.transport, one.port)}"
    if not stretches:
        return []
    most = max(sums[1] for sums in stretches.values())
    room = max(8, min(40, face.width - 62))
    width_s = answer.buckets[0].seconds
    cut = next((6 - digits for digits in range(6) if round(width_s * 10**digits, 6) % 1 == 0), 0)  # digits that all moments have as zeros
    form = "%H:%M:%S" if cut == 6 else "%H:%M:%S.%f"
    if words.length_of(answer.began_at, answer.ended_at) > _DAY_S:
        form = f"%Y-%m-%d {form}"
    rows = [
        (
            f"{begin:{form}}"[: -cut if 0 < cut < 6 else None], f"{packets:,}", words.amount(bytes_), words.rate(voice, bytes_, answer.buckets[0].seconds), "#" * max(1, round(room * bytes_ / most)) if bytes_ else "",
            largest.get(begin, (0, "-"))[1],
        )
        for begin, (packets, bytes_) in sorted(stretches.items(), key=lambda each: str(each[0]))
    ]  # fmt: skip
    headers = [voice.say("UTC"), voice.say("PACKETS"), voice.say("BYTES"), voice.say("RATE"), "", voice.say("MOST OF IT")]
    face.table(rows, headers, shrink=(4, 5), right=(1, 2, 3))
    return []


_TABLES = {"port": _ports, "service": _services, "host": _hosts, "flow": _flows, "time": _times}


# Rows for spreadsheets

_PORT_HEADERS = (
    "transport", "port", "service", "packets", "bytes", "flows", "forward_bytes", "reverse_bytes", "share", "protocols", "marks", "processes",
)  # fmt: skip
_HOST_HEADERS = ("address", "packets", "bytes", "sent_bytes", "flows", "ports")
_FLOW_HEADERS = (
    "transport", "source", "source_port", "destination", "destination_port", "service", "packets", "bytes", "reverse_packets", "reverse_bytes", "first_at",
    "last_at", "protocol", "name", "processes",
)  # fmt: skip
_TIME_HEADERS = ("begins_at", "seconds", "transport", "port", "service", "packets", "bytes")


def items(answer: Traffic, by: str) -> Sequence[object]:
    """The rows that are asked for."""
    found: dict[str, Sequence[object]] = {"port": answer.ports, "host": answer.hosts, "flow": answer.rows, "time": answer.buckets}
    return by_service(answer.ports) if by == "service" else found[by]


def spreadsheet(answer: Traffic, by: str) -> tuple[tuple[str, ...], Iterable[tuple[object, ...]]]:
    """(headers, rows)."""
    if by == "host":
        return _HOST_HEADERS, [tuple(row) for row in answer.hosts]
    if by == "time":
        return _TIME_HEADERS, [(row.begins_at.isoformat(), *row[1:]) for row in answer.buckets]
    if by == "flow":
        return _FLOW_HEADERS, [
            (*row[:10], row.first_at.isoformat(), row.last_at.isoformat(), row.protocol, row.name, "; ".join(row.processes or ()))
            for row in answer.rows
        ]
    rows = by_service(answer.ports) if by == "service" else answer.ports
    return _PORT_HEADERS, [
        (
            *row[:8], f"{row.share:.6f}", "; ".join(f"{name} {count}" for name, count in row.protocols.items()),
            "; ".join(f"{mark.protocol} {mark.flows} {mark.source} {mark.destination}" for mark in row.marks),
            "; ".join(f"{one.name or '?'} {one.pid}" for one in row.processes or ()),
        )
        for row in rows
    ]  # fmt: skip
