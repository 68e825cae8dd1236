"""What nft's listing of our own table tells: whose rules it holds, and how long a trial still goes on."""

from __future__ import annotations

import re

from portulan.model.guard_life import Running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

NOTHING = "nothing"
_NAME = re.compile(r'^\s*comment "portulan (guard|trial) 1 ([0-9a-f]{64})(?: over ([0-9a-f]{16}|nothing))?"$', re.MULTILINE)
_EXPIRES = re.compile(r"\bexpires ((?:\d+[a-z]+)+)")
_PART = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_table(text: str, known: Collection[str]) -> Running:
    """Our table, listed without elements. The rules to go back to are named by the first digits of their hash; `known` hashes tell the others."""
    found = _NAME.search(text)
    if found is None:
        return Running(present=True)
    kind, hash_, over = found.groups()
    if kind == "guard":
        return Running(present=True, hash=hash_)
    if over is None:
        return Running(present=True)
    whole = None if over == NOTHING else next((each for each in known if each.startswith(over)), over)
    return Running(present=True, hash=hash_, over=whole, trial=True)


def parse_left(text: str) -> float | None:
    """Seconds until the first element of the trial's set goes, from nft's listing of it; None: it has none."""
    found = [_seconds(each) for each in _EXPIRES.findall(text)]
    return min(found) if len(found) == _FAMILIES else None


_FAMILIES = 2
"""IPv4 and IPv6: where one has gone, the trial is over."""


def _seconds(text: str) -> float:
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
