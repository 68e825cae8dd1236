"""The names in the policy that is read where we are, for a shell that completes what somebody types."""

from __future__ import annotations

import re
from contextlib import suppress

from portulan.errors import BadInput, PortulanError

EVERY_POLICY = ("everyone", "this-host", "nobody")
"""Senders that every policy knows."""
_PLAIN = re.compile(r"\w[\w.,/-]*")
"""What no shell takes for anything but a word: bash expands the words that it completes, and a policy may come from anybody."""


def service_words() -> tuple[str, ...]:
    """The services that everyone should know, as far as a line of a policy may name them (`dhcp` may mean several), and `ping`."""
    from portulan.guard.policy.services import door_ports
    from portulan.registry.well_known import well_known
    from portulan.system.registry_file import open_table

    table, found = open_table(), []
    for name in dict.fromkeys(each.service for each in well_known()):
        with suppress(BadInput):
            door_ports(name, table)
            found.append(name)
    return (*found, "ping")


def door_words(policy: str | None = None) -> tuple[str, ...]:
    """The doors of the policy's lines, as they are written there. Empty where no policy can be read: a shell that completes has no use for an error."""
    return _keys(policy, "doors")


def sender_words(policy: str | None = None) -> tuple[str, ...]:
    """What the policy has names for: its sources and zones, and the senders that every policy knows."""
    return (*_keys(policy, "sources", "zones"), *EVERY_POLICY)


def _keys(policy: str | None, *tables: str) -> tuple[str, ...]:
    import tomllib

    from portulan.verbs.guard_policy import find_policy, read_text

    try:
        known = tomllib.loads(read_text(find_policy(policy)))
    except (PortulanError, ValueError, RecursionError):
        return ()
    found = [key for name in tables if isinstance(known.get(name), dict) for key in known[name]]
    return tuple(key for key in dict.fromkeys(found) if _PLAIN.fullmatch(key))
