"""Addresses that are shut out for a while: a table beside all others, of which the kernel itself lets each element go when its time is over.

It stands before connection tracking, so that sessions of a blocked address end as well; applying and rolling back a policy leave it as it is.
"""

from __future__ import annotations

from contextlib import suppress

from portulan.errors import CannotTell, Refused
from portulan.system.firewall.load import load_script

FAMILY, TABLE = "inet", "portulan_blocks"
SETS = {4: "blocked4", 6: "blocked6"}
MOST = 65_536
"""Addresses of each family at one time."""
_FULL = ("Too many open files", "No space left", "set is full")
_FRAME = f"""add table {FAMILY} {TABLE}
add set {FAMILY} {TABLE} {SETS[4]} {{ type ipv4_addr; size {MOST}; flags timeout; }}
add set {FAMILY} {TABLE} {SETS[6]} {{ type ipv6_addr; size {MOST}; flags timeout; }}
add chain {FAMILY} {TABLE} entry {{ type filter hook prerouting priority raw; policy accept; }}
flush chain {FAMILY} {TABLE} entry
add rule {FAMILY} {TABLE} entry ip saddr @{SETS[4]} counter drop
add rule {FAMILY} {TABLE} entry ip6 saddr @{SETS[6]} counter drop
"""


def prepare() -> None:
    """The table, with nobody in it if it is new. Raises CannotTell (no nft, a kernel that cannot do it), NotPermitted."""
    try:
        load_script(_FRAME)
    except Refused as error:
        raise CannotTell("blocks.refused", reason=str(error.facts["reason"])) from error


def shut_out(version: int, address: str, seconds: int) -> bool:
    """Block an address for so long from now on, one that is blocked already too; False: there is no room. Raises CannotTell, NotPermitted."""
    place = f"element {FAMILY} {TABLE} {SETS[version]}"
    try:
        # An element that is there keeps its time when it is added again: so it is taken away first, in the same moment.
        load_script(
            f"{_FRAME}add {place} {{ {address} }}\ndelete {place} {{ {address} }}\nadd {place} {{ {address} timeout {seconds}s }}\n"
        )
    except Refused as error:
        reason = str(error.facts["reason"])
        if any(each in reason for each in _FULL):
            return False
        raise CannotTell("blocks.refused", reason=reason) from error
    return True


def forget() -> None:
    """Take the table away, with all that is blocked. Nothing happens where it is not there. Raises CannotTell, NotPermitted."""
    with suppress(Refused):
        load_script(f"delete table {FAMILY} {TABLE}\n")
