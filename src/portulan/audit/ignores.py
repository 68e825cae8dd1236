"""What somebody decided to live with: findings that are left out, each for a reason that is written down.

[[ignore]]
id = "open.database:5432/tcp"
reason = "the office's own address list is in pg_hba.conf; moves behind the VPN in May"
until = 2026-05-31
"""

from __future__ import annotations

from datetime import date

from portulan.audit.catalogue import IDS
from portulan.audit.toml import parse_toml
from portulan.errors import BadInput
from portulan.model.finding import Ignore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.audit.toml import Toml
    from portulan.model.finding import Finding

ON_THE_COMMAND_LINE = "--ignore"
"""The reason of what was not written into a file."""
_KEYS = ("id", "reason", "until")


def parse_ignores(text: str, path: str) -> tuple[Ignore, ...]:
    """The file. Raises BadInput and ParseError with file, line, and what was expected: an ignore without a reason is an error."""
    file = parse_toml(text, path)
    entries = file.values.get("ignore", [])
    if not isinstance(entries, list) or set(file.values) - {"ignore"}:
        strange = next(iter(set(file.values) - {"ignore"}), "ignore")
        raise BadInput(
            "ignores.shape", file=path, line=file.line(strange) if file.line(strange) > 1 else file.line("", strange), text=strange
        )
    return tuple(_ignore(file, number, entry) for number, entry in enumerate(entries))


def _ignore(file: Toml, number: int, entry: object) -> Ignore:
    start = file.line("ignore", None, number)
    if not isinstance(entry, dict) or set(entry) - set(_KEYS):
        strange = next(iter(set(entry) - set(_KEYS)), "") if isinstance(entry, dict) else ""
        raise BadInput("ignores.key", file=file.path, line=file.line("ignore", strange, number), text=strange, known=", ".join(_KEYS))
    name, reason, until = entry.get("id"), entry.get("reason"), entry.get("until")
    if not isinstance(name, str):
        raise BadInput("ignores.no-id", file=file.path, line=start)
    if not isinstance(reason, str) or not reason.strip():
        raise BadInput("ignores.no-reason", file=file.path, line=start, id=name)
    line = file.line("ignore", "id", number)
    if not is_known(name):
        raise BadInput("ignores.unknown", file=file.path, line=line, text=name, near=nearest(name))
    if until is not None:
        try:
            until = (until if isinstance(until, date) else date.fromisoformat(str(until))).isoformat()
        except ValueError:
            raise BadInput("ignores.until", file=file.path, line=file.line("ignore", "until", number), text=str(until)) from None
    return Ignore(name, reason.strip(), file.path, line, until)


def named_ignores(names: Iterable[str]) -> tuple[Ignore, ...]:
    """Those of the command line. Raises BadInput for an id that no finding has."""
    found = []
    for name in names:
        if not is_known(name):
            raise BadInput("ignore.unknown", text=name, near=nearest(name))
        found.append(Ignore(name, ON_THE_COMMAND_LINE))
    return tuple(found)


def is_known(name: str) -> bool:
    """Whether any finding can have this id, or this key."""
    return name.partition(":")[0].lower() in IDS


def nearest(name: str) -> str:
    """The id that was meant, perhaps."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.partition(":")[0].lower(), IDS, 1, 0.6)), "")


def apply_ignores(found: Iterable[Finding], ignores: Iterable[Ignore], today: date) -> tuple[tuple[Finding, ...], tuple[Ignore, ...]]:
    """The findings, those to be ignored with the reason in them; and the ignores that match nothing or whose day has passed."""
    wanted = tuple(ignores)
    alive = [one for one in wanted if one.until is None or date.fromisoformat(one.until) >= today]
    used, items = set[int](), []
    for finding in found:
        names = {finding.id, finding.key.lower()}
        hit = next((one for one in alive if one.id.lower() in names), None)
        used |= {id(one) for one in alive if one.id.lower() in names}
        items.append(finding if hit is None else finding._replace(ignored=hit.reason))
    return tuple(items), tuple(one for one in wanted if id(one) not in used)
