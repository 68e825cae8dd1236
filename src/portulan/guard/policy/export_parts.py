"""What all exports share: senders as networks, ports as words, and the place of what a target has no words for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from portulan.model.policy import Crossing, Line, Policy, Source
    from portulan.model.port import Transport


class Who(Record):
    """Senders that one rule can name."""

    link: str | None
    """An interface, `eth*` for all that begin so; None: any."""
    network: str | None
    """`198.51.100.0/24`; None: any."""


def who(source: Source, version: int) -> Iterator[Who]:
    """A name of senders, of one IP version, as rules can name them."""
    for part in source.parts:
        networks: list[str | None] = [None]
        if part.addresses is not None:
            networks = [text for span in (part.addresses.v4 if version == 4 else part.addresses.v6) for text in cidrs(span, version)]
        for link in part.links or (None,):
            for network in networks:
                yield Who(link, network)


ANYBODY = Who(None, None)


def senders_of(sources: Iterable[Source], version: int) -> list[Who]:
    """All senders of these names, each once; one who is anybody leaves the others out."""
    found = dict.fromkeys(each for source in sources for each in who(source, version))
    return [ANYBODY] if ANYBODY in found else list(found)


def cidrs(span: tuple[int, int], version: int) -> Iterator[str]:
    """The fewest networks that are exactly a span of addresses."""
    first, last = span
    found = (
        summarize_address_range(IPv4Address(first), IPv4Address(last))
        if version == 4
        else summarize_address_range(IPv6Address(first), IPv6Address(last))
    )
    yield from map(str, found)


def port_words(line: Line | Crossing, mark: str) -> Iterator[tuple[Transport, str]]:
    """(transport, `22` or `8000:8010`), with a mark between the first and the last."""
    for transport, ports in line.ports:
        for part in ports.ranges:
            yield transport, str(part.first) if part.first == part.last else f"{part.first}{mark}{part.last}"


def in_force(lines: tuple[Line, ...], today: date) -> list[Line]:
    """Lines whose last day is not past: those without a rate first, for whoever one of them lets in is never too often there."""
    return sorted((line for line in lines if not line.is_over(today)), key=lambda line: line.limit is not None)


def place_of(policy: Policy, line: Line | Crossing) -> dict[str, str | int]:
    """The facts of the error for a line that a target has no words for."""
    lines = policy.text.split("\n")
    spot = line.spot
    quote = lines[spot.line - 1] if 0 < spot.line <= len(lines) else ""
    return {"text": line.text, "file": spot.file, "line": spot.line, "column": spot.column, "quote": quote}


def place_of_ping(policy: Policy) -> dict[str, str | int]:
    """The same of the line of ping in [outgoing]."""
    spot = policy.ping_out_spot
    assert spot is not None
    return {"text": "ping", "file": spot.file, "line": spot.line, "column": spot.column, "quote": policy.text.split("\n")[spot.line - 1]}


def place_of_table(policy: Policy, name: str) -> dict[str, str | int]:
    """The same of a table that has no lines."""
    lines = policy.text.split("\n")
    at = next((at for at, line in enumerate(lines, 1) if line.strip().startswith(f"[{name}]")), 1)
    return {"text": f"[{name}]", "file": policy.file, "line": at, "column": 1, "quote": lines[at - 1]}


def shell(text: str) -> str:
    """A word of a shell's, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def one_line(text: str, most: int) -> str:
    """A person's words without what would end a line, a quote or a comment; at most so many characters."""
    kept = "".join(letter if letter.isprintable() and letter not in "\"'\\<>&`$" else " " for letter in text)
    return " ".join(kept.split())[:most].strip()
