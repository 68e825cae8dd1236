"""Is a policy sound: every mistake in it, how each line was understood, what is doubtful about it, and what it keeps without a line."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.guard.policy.check import Surroundings, find_doubts
from portulan.guard.policy.understood import implied, understood
from portulan.model.guard_check import Checked, Mistake
from portulan.model.policy import Spot
from portulan.verbs.guard_policy import find_policy, load_reading, loose_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.errors import BadInput


def guard_check(policy: str | None = None, *, file_only: bool = False) -> Checked:
    """Read a policy with care. `policy`: its file, by default as `find_policy` says. `file_only`: leave this machine out of it (who listens, which interfaces there are, whose file it is).

    Raises BadInput where there is no such file, NotPermitted, CannotTell; mistakes in it are part of the answer.
    """
    taken_at, no_codes = datetime.now(UTC), tuple[str, ...]()
    file = find_policy(policy)
    reading = load_reading(file)
    if reading.policy is None:
        return Checked(file, taken_at, mistakes=tuple(map(_mistake, reading.problems)))
    around, unseen = Surroundings(), no_codes
    if not file_only:
        from portulan.verbs.guard_surroundings import look_around

        around, unseen = look_around()
        around = around._replace(loose=loose_files(reading.policy))
    today = taken_at.astimezone().date()
    doubts = find_doubts(reading.policy, today, around)
    return Checked(file, taken_at, understood(reading.policy, today), doubts, (), implied(reading.policy), unseen)


def _mistake(error: BadInput) -> Mistake:
    facts = {name: value if isinstance(value, int) else str(value) for name, value in error.facts.items()}
    file, line, column = (facts.pop(name) for name in ("file", "line", "column"))
    return Mistake(error.code, Spot(str(file), int(line), int(column)), facts)
