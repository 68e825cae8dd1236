"""Rules loaded into the kernel by nft: a script is one transaction, done as a whole or not at all."""

from __future__ import annotations

import re

from portulan.errors import CannotTell, NotPermitted, Refused
from portulan.system.firewall.nft import find_nft
from portulan.system.linux.spawn import run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.system.linux.spawn import Ended

_PLACE = re.compile(r"/dev/stdin:(\d+):\d+-\d+: Error: (.*)")
_LONGEST_LINE = 160
_PATIENCE_S = 300.0
"""A hundred thousand networks take nft seconds; a machine under load, more."""
_FORBIDDEN = "Operation not permitted"


def check_script(text: str) -> None:
    """Let nft and the kernel look at a script without doing it. Raises CannotTell (no nft), NotPermitted, Refused (with nft's reason and the line it means)."""
    _run(text, "-c")


def load_script(text: str) -> None:
    """Do it. Raises as `check_script`: then nothing of it was done, unless nft was killed (its signal is the reason), which leaves that open."""
    _run(text)


def _run(text: str, *options: str) -> None:
    done = run_program(find_nft(), (*options, "-f", "/dev/stdin"), text.encode(), timeout_s=_PATIENCE_S)
    if done.status:
        raise _failure(done, text)


def _failure(done: Ended, text: str) -> Exception:
    said = done.err.decode(errors="replace")
    if done.status < 0:
        return CannotTell("guard.nft-killed", signal=-done.status)
    found = _PLACE.search(said)
    if _FORBIDDEN in said:
        return NotPermitted("guard.forbidden", needs="CAP_NET_ADMIN")
    if found is None:
        return Refused("guard.not-loadable", reason=done.reason.removeprefix("Error: "), line="")
    lines = text.split("\n")
    number = int(found[1])
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return Refused("guard.not-loadable", reason=found[2].removeprefix("Could not process rule: "), line=line[:_LONGEST_LINE])
