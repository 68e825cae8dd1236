"""A topic, a port or a packet explained: what there is to know of it on this machine now."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.model.explain import TOPICS, Lesson, Topic
from portulan.model.port import Port
from portulan.system.source import open_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.explain import Dissected

_NEAR = 2


def explain(words: str, *, source: str = "auto") -> Lesson:
    """What is meant by the words: a topic (`layers`, `port conflict`, `ポート競合`), else a port (`3389`, `53/udp`, `ssh`).

    Some topics make something happen on the loopback, on ports that the kernel picks, and leave nothing behind.
    Raises BadInput for words that mean neither, CannotTell and MachineFailed where the machine cannot be asked.
    """
    topic = find_topic(words)
    if topic is None:
        from portulan.verbs.explain_port import explain_port

        return explain_port(port_of(words), source=source)
    from portulan.verbs.explain_facts import gather
    from portulan.verbs.explain_here import Here

    here = Here(source)
    facts = gather(topic.name, here)
    return Lesson(topic.name, None, here.host, here.taken_at, facts, here.packets, here.gaps_of(facts), here.why, here.picture)


def find_topic(words: str) -> Topic | None:
    """The topic of that name, in English or Japanese; None where no topic is called so."""
    wanted = _plain(words)
    return next((topic for topic in TOPICS if wanted in (_plain(topic.name), *map(_plain, topic.aliases))), None)


def _plain(words: str) -> str:
    """As names are compared: without case, width (full-width letters), and what stands between words: Japanese has blanks or has none."""
    from unicodedata import normalize

    return "".join(normalize("NFKC", words).lower().replace("-", " ").replace("_", " ").rstrip("?").split())


def port_of(words: str) -> Port:
    """The one port that is meant: `3389`, `53/udp`, `ssh`. Raises BadInput."""
    from portulan.verbs.ports import resolve_ports

    text = words.strip()
    try:
        ports, transports = resolve_ports(text)
    except BadInput as error:
        if text[:1].isdigit() or error.code != "service.unknown":
            raise
        raise BadInput("explain.unknown", text=words, near=", ".join(_near(words))) from None
    if len(ports) > 1 and text[0].isdigit():
        raise BadInput("explain.one-port", text=text, ports=str(ports))
    return Port(_usual(text) or next(iter(ports)), transports[0] if len(transports) == 1 else None)


def _usual(text: str) -> int | None:
    """The first port of a service that has several."""
    if text[0].isdigit() or text.lower().startswith(("tcp/", "udp/")):
        return None
    from portulan.verbs.lookup import lookup

    return next((entry.port for entry in lookup(text).entries if entry.port), None)


def _near(words: str) -> tuple[str, ...]:
    """What may have been meant: topics first, then services."""
    from portulan.registry.suggest import suggest
    from portulan.verbs.lookup import lookup

    named = {_plain(name): topic.name if name.isascii() else name for topic in TOPICS for name in (topic.name, *topic.aliases)}
    inside = [topic.name for topic in TOPICS if len(words) > 2 and any(_plain(words) in _plain(name) for name in topic.aliases)]
    topics = dict.fromkeys([*(named[word] for word in suggest(_plain(words), named, ())), *inside])
    return tuple([*topics, *lookup(words).suggestions][:_NEAR])


def explain_packet(place: str) -> Lesson:
    """One packet of a capture, taken apart. `place` is `FILE:N`, the first packet is 1; `-` is standard input.

    Raises BadInput for a file that is no capture or has no such packet, CannotTell and MachineFailed where it cannot be read.
    """
    packet = _packet(place)
    return Lesson(None, None, open_source().host_name(), datetime.now(UTC), (), (packet,))


def _packet(place: str) -> Dissected:
    from portulan.model.explain import Dissected
    from portulan.traffic.reading import open_capture
    from portulan.wire.dissect import dissect

    path, colon, number = place.rpartition(":")
    if not (colon and path and number.isascii() and number.isdigit() and len(number) <= 12 and int(number)):
        raise BadInput("explain.packet", text=place)
    wanted, seen = int(number) - 1, 0
    with open_capture(path) as capture:
        for batch in capture.batches():
            at = wanted - seen
            if at < len(batch.start):
                start, size = int(batch.start[at]), int(batch.captured[at])
                data = bytes(batch.buffer[start : start + size])
                link = batch.link if isinstance(batch.link, int) else int(batch.link[at])
                return Dissected(place, "file", data.hex(), dissect(data, link), max(size, int(batch.length[at])))
            seen += len(batch.start)
    raise BadInput("explain.no-packet", path=path, number=number, packets=seen)
