"""What the kernel has of our table: asked of nft, which alone prints a table's comment."""

from __future__ import annotations

from portulan.errors import CannotTell, NotPermitted
from portulan.model.guard_life import Running
from portulan.system.firewall.nft import find_nft
from portulan.system.firewall.present import has_rules
from portulan.system.linux.spawn import find_program, run_program
from portulan.wire.guard_table import parse_left, parse_table

FAMILY, TABLE, TRIAL = "inet", "portulan", "trial"
WARM = "portulan_warm"


def read_running() -> Running:
    """Our table in this thread's namespace. Raises CannotTell, NotPermitted."""
    text = _list("-t", "list", "table", FAMILY, TABLE)
    if text is None:
        return Running()
    running = parse_table(text)
    if not running.trial:
        return running
    elements = _list("list", "set", FAMILY, TABLE, TRIAL)
    return running._replace(left_s=None if elements is None else parse_left(elements))


def _list(*words: str) -> str | None:
    if find_program("nft") is None and not has_rules():
        return None
    done = run_program(find_nft(), words)
    if done.status == 0:
        return done.out.decode(errors="replace")
    if b"No such file or directory" in done.err:
        return None
    if b"Operation not permitted" in done.err:
        raise NotPermitted("nft.forbidden", needs="CAP_NET_ADMIN")
    raise CannotTell("nft.failed", reason=done.reason.removeprefix("Error: "))


def has_warm() -> bool:
    """Whether the chains of a warm-up are still there. Raises CannotTell, NotPermitted."""
    return _list("-t", "list", "table", FAMILY, WARM) is not None


def list_table() -> bytes:
    """Our table as nft's JSON. Raises CannotTell, NotPermitted."""
    return (_list("-j", "list", "table", FAMILY, TABLE) or "").encode()
