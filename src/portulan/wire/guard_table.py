"""What nft's listing of our own table tells: whose rules it holds, and how long a trial still goes on."""

from __future__ import annotations

import json
import re

from portulan.errors import ParseError
from portulan.model.guard_life import Running

_NAME = re.compile(r'\A\s*table \S+ \S+ \{\s*comment "portulan (guard|trial) 1 ([0-9a-f]{64})(?: over \w+)?"$', re.MULTILINE)
_OVER = re.compile(r'^\s*goto old_\S+ comment "portulan guard 1 ([0-9a-f]{64})"$', re.MULTILINE)
_EXPIRES = re.compile(r"\bexpires ((?:\d+[a-z]+)+)")
_PART = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_table(text: str) -> Running:
    """Our table, listed without elements: its own comment names its rules, the jumps to the old ones name those."""
    found = _NAME.search(text)
    if found is None:
        return Running(present=True)
    kind, hash_ = found.groups()
    if kind == "guard":
        return Running(present=True, hash=hash_)
    over = _OVER.search(text)
    return Running(present=True, hash=hash_, over=None if over is None else over[1], trial=True)


def parse_left(text: str) -> float | None:
    """Seconds until the first element of the trial's set goes, from nft's listing of it; None: it has none."""
    found = [_seconds(each) for each in _EXPIRES.findall(text)]
    return min(found) if len(found) == _FAMILIES else None


_FAMILIES = 2
"""IPv4 and IPv6: where one has gone, the trial is over."""


def _seconds(text: str) -> float:
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def lasting(listing: bytes) -> list[str]:
    """What lasts of nft's JSON of a table: no handles, no counts, no elements that packets add. Raises ParseError."""
    try:
        items = json.loads(listing)["nftables"]
    except (ValueError, KeyError, TypeError) as error:
        raise ParseError("nft.not-json", offset=getattr(error, "pos", 0), size=len(listing)) from error
    return [json.dumps(_lasting(item), sort_keys=True) for item in items if "metainfo" not in item]


def _lasting(value: object, *, elements: bool = False) -> object:
    if isinstance(value, dict):
        # nft 1.0.6 leaves `dynamic` out of its JSON; what times out comes and goes too.
        dynamic = any(flag in value.get("flags", ()) for flag in ("dynamic", "timeout"))
        return {
            key: _lasting(each, elements=key == "elem" and isinstance(each, list))
            for key, each in value.items()
            if key not in ("handle", "packets", "bytes", "expires") and not (dynamic and key == "elem")
        }
    if isinstance(value, list):
        parts = [_lasting(each) for each in value]
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True)) if elements else parts
    return value
