"""A policy as nftables text: the table's parts, ready to be loaded for good or on trial."""

from __future__ import annotations

from portulan.model.record import Record

FAMILY, TABLE = "inet", "portulan"
"""Of the one table that is ours."""
TRIAL = "trial"
"""The set whose elements (ipv4, ipv6) hold a trial: when they are gone, the old rules work."""
OWN = "\N{CURRENCY SIGN}"
"""Stands in the text of parts before each name of ours, so that two rule sets fit into one table."""


class Terrain(Record):
    """What the rules depend on beside the policy."""

    uplinks: tuple[str, ...] = ()
    """The interfaces with a default route, sorted: strangers come in by them."""


class Block(Record):
    """A part of the table."""

    kind: str
    """`set`, `map`, `chain`, `ct helper`."""
    name: str
    lines: tuple[str, ...]
    """What stands between its braces, in nft's language; names of ours begin with `OWN`."""
    base: str | None = None
    """Of a chain that packets enter by themselves: `type filter hook input priority filter`."""
    policy: str = "accept"
    """Of such a chain: what becomes of packets at its end."""


class Compiled(Record):
    """A policy, compiled. Equal hashes: the kernel does the same."""

    hash: str
    """SHA-256 of what the kernel does, in hexadecimal: comments do not count."""
    file: str
    """The policy's, as it was named."""
    blocks: tuple[Block, ...]
    """In the order in which the table lists them."""
