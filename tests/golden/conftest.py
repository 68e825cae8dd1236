"""What the recorded answers say in Japanese has its Japanese: also a sentence that no search of the source finds, since it is put together or chosen when it is said."""

import re

import pytest

from portulan.audit.risks import risks
from portulan.text.voice import Voice

NAMES = {one.name for one in risks()}
"""Names of programs: most are the same in every language; those that are words are marked, and so translated, in `portulan.text.risks`."""


@pytest.fixture(autouse=True)
def _nothing_untranslated(monkeypatch):
    missing, say, count = set(), Voice.say, Voice.count

    def checked_say(voice, message, /, **facts):
        known = getattr(voice._catalogue, "_catalog", None)
        if known is not None and message not in known and re.search(r"[a-z]{3}", re.sub(r"\{\w+\}", "", message)):
            missing.add(message)
        return say(voice, message, **facts)

    def checked_count(voice, one, many, n, /, **facts):
        known = getattr(voice._catalogue, "_catalog", None)
        if known is not None and (one, voice._catalogue.plural(n)) not in known:
            missing.add(one)
        return count(voice, one, many, n, **facts)

    monkeypatch.setattr(Voice, "say", checked_say)
    monkeypatch.setattr(Voice, "count", checked_count)
    yield
    assert missing - NAMES == set()
