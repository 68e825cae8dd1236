"""What is written down of a policy's life: JSON and a last line with the checksum of what stands before it, so that nothing damaged is ever believed."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256

from portulan.errors import ParseError
from portulan.model.guard_life import Notes, Past, Trial

FORMAT = 1
_MARK = b"# sha256 "


def sealed(data: bytes) -> bytes:
    """The data, and its checksum in a line of its own, which nft takes for a comment."""
    body = data if data.endswith(b"\n") else data + b"\n"
    return body + _MARK + sha256(body).hexdigest().encode() + b"\n"


def unsealed(data: bytes) -> bytes:
    """What was sealed. Raises ParseError when a byte of it is not as it was written."""
    body, mark, digest = data.rpartition(_MARK)
    if not mark or digest != sha256(body).hexdigest().encode() + b"\n":
        raise ParseError("guard.notes-damaged")
    return body


def format_notes(notes: Notes) -> bytes:
    """The file."""
    trial = notes.trial
    facts = {
        "format": FORMAT,
        "confirmed": notes.confirmed,
        "trial": None if trial is None else {**trial._asdict(), "begun_at": trial.begun_at.isoformat()},
        "boot": notes.boot,
        "netns": notes.netns,
        "past": [{**past._asdict(), "confirmed_at": past.confirmed_at.isoformat()} for past in notes.past],
    }
    return sealed(json.dumps(facts, indent=1).encode())


def parse_notes(data: bytes) -> Notes:
    """The notes. Raises ParseError: damaged, or of a later format."""
    body = unsealed(data)
    try:
        facts = json.loads(body)
        if facts["format"] != FORMAT:
            raise ParseError("guard.notes-format", number=facts["format"])
        trial = facts["trial"]
        if trial is not None:
            met = None if trial["met"] is None else tuple(map(str, trial["met"]))
            trial = Trial(**{**trial, "begun_at": datetime.fromisoformat(trial["begun_at"]), "met": met})
        past = tuple(Past(**{**each, "confirmed_at": datetime.fromisoformat(each["confirmed_at"])}) for each in facts["past"])
        return Notes(facts["confirmed"], trial, past, facts["boot"], facts["netns"])
    except (ValueError, TypeError, KeyError) as error:
        raise ParseError("guard.notes-damaged") from error
