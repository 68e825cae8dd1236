"""What `completion` prints, as values."""

from __future__ import annotations

from portulan.model.record import Record


class Script(Record):
    """The completions of one shell."""

    shell: str
    """`bash`, `zsh`, `fish`, `tcsh`."""
    script: str
    """What the shell reads."""


class Word(Record):
    """One word that an argument may be completed with."""

    kind: str
    """`topics`, `services`, `doors`, `sources`."""
    word: str
