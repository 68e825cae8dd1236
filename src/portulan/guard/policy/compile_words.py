"""Words of a policy inside nft's text: names, comments, and what the kernel logs. None of them can end a line, a comment or a name before its time."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.model.guard_compiled import OWN, TRIAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_COMMENT = 120
"""Bytes: NFTNL_UDATA_COMMENT_MAXLEN of libnftnl is 128, its end included."""
_MOST_NAME = 24
_MOST_PREFIX = 60
"""Of a line in the log; the kernel takes 127 bytes (NF_LOG_PREFIXLEN of include/uapi/linux/netfilter/nf_log.h)."""
_LONGEST_LINK = 15
"""IFNAMSIZ of include/uapi/linux/if.h, without its end."""
_NOT_IN_LINKS = frozenset('"\\*/ ')
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_INSTEAD = str.maketrans({'"': "'", "\\": "/", OWN: "?"})
_WAYS = ("tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmpv6", "strange")
RESERVED = (
    "input", "forward", "output", "postrouting", "published", "redirected", "refuse", TRIAL, *(f"{name}_{way}" for name in _WAYS for way in ("in", "out")),
)  # fmt: skip


def remark(text: str) -> str:
    """Any text as a comment: one line, nothing that ends a quoted string, at most `MOST_COMMENT` bytes of UTF-8."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).translate(_INSTEAD).split())
    if len(plain.encode()) > MOST_COMMENT:
        plain = plain.encode()[: MOST_COMMENT - 3].decode(errors="ignore") + "..."
    # A star before the closing quote would make it the beginning of a name for nft's scanner.
    return plain.removesuffix("*").rstrip() if plain.endswith("*") else plain


def log_prefix(text: str) -> str:
    """What a logged line begins with, as nft's option: ASCII only, since not every log takes more, and without `$`, after which nft looks for a variable here."""
    plain = remark(text).encode("ascii", "replace").decode().replace("$", "?")[:_MOST_PREFIX]
    return f'prefix "portulan {plain}: "'


def link_name(name: str) -> str:
    """An interface's name that may stand in the text, `*` at its end only. Raises BadInput for another."""
    plain = name.removesuffix("*")
    if not plain or len(plain) > _LONGEST_LINK or not plain.isascii() or not plain.isprintable() or _NOT_IN_LINKS.intersection(plain):
        raise BadInput("guard.interface", text=name)
    return plain if len(plain) == _LONGEST_LINK else name


class Names:
    """Names for sets and chains: what a person called it, and never the same twice."""

    def __init__(self, mark: str) -> None:
        """`mark` stands before each."""
        self._mark = mark
        self._taken = set(RESERVED)

    def take(self, words: Sequence[str], ending: str = "") -> str:
        """A name of letters, digits and `_` that no other one has."""
        parts = ("".join(one if one in _WORD else " " for one in word.lower()).split() for word in words)
        plain = "_".join("_".join(part) or "x" for part in parts)[:_MOST_NAME].rstrip("_")
        if plain[0].isdigit():  # nft takes it for a number
            plain = f"at_{plain}"
        name, number = plain + ending, 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}{ending}"
        self._taken.add(name)
        return self.own(name)

    def own(self, name: str) -> str:
        """A fixed name."""
        return self._mark + name
