"""What a number, a name or a word stands for."""

from __future__ import annotations

from portulan.model.assignment import Answer, InUse, WellKnown
from portulan.model.portset import PortRange
from portulan.system.registry_file import Opened, open_registry, own_path

__all__ = ["about", "common", "lookup", "lookup_all", "open_registry"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def lookup(query: str | int, *, only_words: bool = False, registry: Opened | None = None) -> Answer:
    """Everything the registry and our own list know about one question.

    `80`, `443/tcp`, `6000-6063`, `http`, `domain/udp`, `postgres`, `remote desktop`; with `only_words`, a name is searched for as a word too.
    `registry` is an opened table, for those who ask often. Nothing found is an answer (`known` is false), with what may have been meant.
    Raises BadInput for what is no port or no transport, MachineFailed where the packaged table cannot be read.
    """
    from portulan.registry.answer import answer
    from portulan.registry.question import parse_question

    question = parse_question(str(query))
    opened = registry or open_registry()
    return answer(question, opened.table, only_words=only_words, ephemeral=_ephemeral())


def lookup_all(queries: Iterable[str], *, only_words: bool = False, registry: Opened | None = None) -> tuple[Answer, ...]:
    """Several questions. `22,80` counts as two; words of which none has a port by itself (`remote desktop`, unquoted) count as one."""
    from portulan.registry.answer import leads_to_port
    from portulan.registry.question import parse_question, split_questions

    opened = registry or open_registry()
    words = split_questions(list(queries))
    questions = [parse_question(word) for word in words]
    unknown = [question.ports is None and not leads_to_port(question.text, opened.table) for question in questions]
    if len(words) > 1 and all(unknown):
        words = [" ".join(words)]
    return tuple(lookup(word, only_words=only_words, registry=opened) for word in words)


def common() -> tuple[WellKnown, ...]:
    """The ports that everyone should know, by number. `portulan.text.well_known` has a plain sentence about each."""
    from portulan.registry.well_known import well_known

    return well_known()


def about(registry: Opened | None = None) -> InUse:
    """Which table is in use, its date, source, licence and figures. Raises MachineFailed."""
    opened = registry or open_registry()
    return InUse(
        about=opened.table.about(),
        path=opened.path,
        packaged=opened.packaged,
        own=own_path(),
        fault=opened.fault.code if opened.fault else None,
    )


def _ephemeral() -> PortRange | None:
    """What this host's kernel hands to clients by itself; None where that is not known."""
    from portulan.system.ephemeral import read_ephemeral_range

    return read_ephemeral_range()
