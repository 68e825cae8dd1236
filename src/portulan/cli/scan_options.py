"""The words of `portulan scan` as values: numbers with their units, parts of a scan, and where the answer goes in which form."""

from __future__ import annotations

import os
import re

from portulan.errors import BadInput
from portulan.model.record import Record
from portulan.model.scan import Method, Shard

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

FORMS = {
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "xml": (".xml",),
    "grepable": (".gnmap", ".grep"),
    "text": (".txt",),
}
"""Form of an answer -> how names of its files end."""
_OPTIONS = ("json", "jsonl", "csv", "xml", "grepable")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?", re.ASCII)
_SHARD = re.compile(r"(\d{1,18})/(\d{1,18})", re.ASCII)


class Output(Record):
    """One form of the answer, to a file or (None) to standard output."""

    form: str
    path: str | None


class Numbers(Record):
    """What the options with numbers say."""

    rate: float | None
    max_rtt_s: float | None
    miss: float
    patience_s: float
    assume_loss: float
    jobs: int
    shard: Shard | None


def numbers(options: argparse.Namespace) -> Numbers:
    """Raises BadInput for the first one that cannot be."""
    rate = None if options.rate is None else _number(options.rate)
    if options.rate is not None and (rate is None or not 0 < rate < 1e12):
        raise BadInput("scan.rate", text=options.rate)
    miss, patience_s, loss = _number(options.miss), _number(options.patience), _number(options.assume_loss)
    if miss is None or not 0 < miss < 1:
        raise BadInput("scan.miss", text=options.miss)
    if patience_s is None or not 0 < patience_s < 1e9:
        raise BadInput("scan.patience", text=options.patience)
    if loss is None or not 0 <= loss <= 0.99:
        raise BadInput("scan.assume-loss", text=options.assume_loss)
    jobs = _number(options.jobs)
    if jobs is None or jobs != int(jobs) or not 1 <= jobs <= 4096:
        raise BadInput("scan.jobs", text=options.jobs)
    return Numbers(rate, _time(options.max_rtt), miss, patience_s, loss, int(jobs), _shard(options.shard))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None  # noqa: PLR0124 - not a NaN


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    found = _TIME.fullmatch(text.replace(" ", ""))
    seconds = float(found[1]) * (0.001 if found[2] == "ms" else 1) if found else 0.0
    if not 0 < seconds <= 3600:
        raise BadInput("scan.max-rtt", text=text)
    return seconds


def _shard(text: str | None) -> Shard | None:
    if text is None:
        return None
    found = _SHARD.fullmatch(text.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BadInput("scan.shard", text=text)
    return Shard(int(found[1]) - 1, int(found[2]))


def method_of(options: argparse.Namespace) -> Method | None:
    """The method, None for the best that rights allow. Raises BadInput where --local contradicts it."""
    method = None if options.method is None else Method(options.method)
    if options.local and method not in (None, Method.LOCAL, Method.UDP):
        raise BadInput("scan.local-remote", method=options.method)
    return method


def outputs(options: argparse.Namespace) -> list[Output]:
    """Where the answer goes: each `-o FILE` in the form that its name or else an option says, and standard output in what form is left."""
    asked = [name for name in _OPTIONS if getattr(options, name)]
    found: list[Output] = []
    named: set[str] = set()
    for path in options.output:
        form = form_of(path)
        if form is None:
            if len(asked) != 1:
                raise BadInput("scan.form", path=path, known=", ".join(end for ends in FORMS.values() for end in ends))
            form = asked[0]
            named.add(form)
        place = os.path.realpath(path)
        if any(each.path is not None and os.path.realpath(each.path) == place and os.path.isfile(place) for each in found) or any(
            each.path == path for each in found
        ):
            raise BadInput("scan.same-file", path=path)
        found.append(Output(form, path))
    here = [name for name in asked if name not in named]
    if len(here) > 1:
        raise BadInput("scan.two-forms", first=f"--{here[0]}", second=f"--{here[1]}")
    return [*found, Output(here[0] if here else "text", None)]


def form_of(path: str) -> str | None:
    """The form that a file's name says; None for none."""
    name = path.lower()
    return next((form for form, ends in FORMS.items() if name.endswith(ends)), None)


def streams(wanted: Sequence[Output]) -> bool:
    """Whether rows are written as they are found: all forms that want rows are lists of them, and nobody reads a table."""
    return all(each.form == "jsonl" for each in wanted)
