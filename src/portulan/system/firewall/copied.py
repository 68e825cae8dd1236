"""All rules of this machine, as text that loads them elsewhere: nft's own tables by nft, those of iptables by iptables, and sets of ipset."""

from __future__ import annotations

import re

from portulan.errors import CannotTell
from portulan.model.record import Record
from portulan.system.linux.procfs import read_file
from portulan.system.linux.spawn import find_program, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.ruleset import Ruleset
    from portulan.system.sandbox import Host

_IPTABLES = {"ip": "iptables", "ip6": "ip6tables"}
_THEIRS = ("raw", "mangle", "nat", "filter", "security")
"""Tables that iptables keeps in nftables."""
_FOREIGN = re.compile(rb"^# Table `(\w+)' is incompatible", re.MULTILINE)
_SAVED = re.compile(rb"^\*(\w+)$", re.MULTILINE)
_OWNER = re.compile(r"^\s*flags (?P<before>(?:\w+,)*)owner(?P<after>(?:,\w+)*)\s*$", re.MULTILINE)
_LEGACY = {"iptables": "/proc/thread-self/net/ip_tables_names", "ip6tables": "/proc/thread-self/net/ip6_tables_names"}


class Copy(Record):
    """What each program has to be given, in this order: (its words, the text)."""

    parts: tuple[tuple[tuple[str, ...], str], ...]

    @property
    def text(self) -> str:
        """All of it, for a hash."""
        return "\n".join(text for _, text in self.parts)


def copy_rules(nft: str, ruleset: Ruleset) -> Copy:
    """Of this thread's network namespace; `ruleset` is what was read of it. Raises CannotTell where a part cannot be had."""
    parts: list[tuple[tuple[str, ...], str]] = []
    theirs: set[tuple[str, str]] = set()
    for family, name in _IPTABLES.items():
        tables = {table.name for table in ruleset.tables if table.family == family and not table.legacy}.intersection(_THEIRS)
        program = find_program(f"{name}-nft-save") if tables else None
        if program is not None:
            saved = run_program(program, ()).out
            here = set(_SAVED.findall(saved)) - set(_FOREIGN.findall(saved))
            theirs |= {(family, each.decode()) for each in here}
            if here:
                parts.append(((f"{name}-nft-restore",), saved.decode(errors="replace")))
        if read_file(_LEGACY[name]).strip():
            legacy = find_program(f"{name}-legacy-save")
            if legacy is None:
                raise CannotTell("proof.no-copy", table=f"{name}-legacy", reason=f"{name}-legacy-save")
            parts.append(((f"{name}-legacy-restore",), run_program(legacy, ()).out.decode(errors="replace")))
    if any("--match-set" in text for _, text in parts):
        parts.insert(0, _sets())
    own = [table for table in ruleset.tables if not table.legacy and (table.family, table.name) not in theirs]
    if own:
        parts.append(((nft, "-f", "-"), "\n".join(_table(nft, table.family, table.name) for table in own)))
    return Copy(tuple(parts))


def _sets() -> tuple[tuple[str, ...], str]:
    """Sets of ipset, which rules of iptables look into."""
    ipset = find_program("ipset")
    if ipset is None:
        raise CannotTell("proof.no-copy", table="ipset", reason="ipset")
    return (ipset, "restore", "-exist"), run_program(ipset, ("save",)).out.decode(errors="replace")


def _table(nft: str, family: str, name: str) -> str:
    done = run_program(nft, ("-s", "list", "table", family, name))
    if done.status:
        raise CannotTell("proof.no-copy", table=f"{family} {name}", reason=done.reason)
    return without_owner(done.out.decode(errors="replace"))


def without_owner(text: str) -> str:
    """A table as nft lists it, without the flag that ties it to a process."""
    return _OWNER.sub(_other_flags, text)


def _other_flags(found: re.Match[str]) -> str:
    rest = f"{found['before']}{found['after'][1:]}".strip(",")
    return f"    flags {rest}" if rest else ""


def load_copy(copy: Copy, host: Host) -> None:
    """Load it on a host. Raises CannotTell with what the program says."""
    for words, text in copy.parts:
        program = find_program(words[0]) if "/" not in words[0] else words[0]
        done = host.run([program or words[0], *words[1:]], text=text)
        if done.returncode:
            raise CannotTell("proof.refused", reason=done.stderr.strip().partition("\n")[0] or words[0])
