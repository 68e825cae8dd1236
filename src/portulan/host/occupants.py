"""Who is on a port now, and whether that is the program that a file speaks of. Pure."""

from __future__ import annotations

import re

from portulan.host.declared.kinds import PROJECT
from portulan.model.chart import State
from portulan.model.declared import Holder, Kind
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Endpoint, Owner
    from portulan.model.declared import Declared

_FILE = re.compile(r"(/[\w.+@:/-]+\.(?:conf|cnf|ini|config)|/[\w.+@:/-]*sshd_config\b)")
_PUBLISHERS = ("docker-proxy", "rootlessport", "conmon", "slirp4netns", "pasta", "passt", "rootlesskit")
"""Processes that hold a container's published ports."""
_SERVING = (State.LISTENING, State.BOUND)
_MOST_COMMAND = 4096


class Occupant(Record):
    """An endpoint of this network namespace, and its holder in short."""

    endpoint: Endpoint
    holder: Holder


def occupants_of(endpoints: Iterable[Endpoint]) -> list[Occupant]:
    """Listening and bound endpoints of our own namespace."""
    return [Occupant(one, _holder(one)) for one in endpoints if one.netns_name is None and one.state in _SERVING]


def _holder(one: Endpoint) -> Holder:
    owners = one.owners or ()
    names = list(dict.fromkeys(owner.name for owner in owners))
    return Holder(
        address=one.address,
        name=", ".join(names) or one.held_by_kernel or "",
        pids=tuple(dict.fromkeys(owner.pid for owner in owners)),
        user=next((owner.user for owner in owners if owner.user), one.user),
        unit=next((owner.unit for owner in owners if owner.unit), one.unit),
        container=next((owner.container for owner in owners if owner.container), one.container),
    )


def owns(one: Declared, occupant: Occupant) -> bool:
    """Whether the holder is the program that the declaration is of, as far as it can be told; a stranger only where that is plain."""
    endpoint = occupant.endpoint
    owners = endpoint.owners or endpoint.candidates
    if endpoint.unit in one.units or any(owner.unit in one.units for owner in owners if owner.unit):
        return True
    if one.kind is Kind.COMPOSE:
        return any(_publishes(one, owner) for owner in owners)
    if one.kind in PROJECT:
        folder = one.main.rpartition("/")[0]
        return bool(folder) and any(owner.cwd == folder or (owner.cwd or "").startswith(folder + "/") for owner in owners)
    return any(_called(one, owner) and _configured(one, owner) is not False for owner in owners)


def runs_from(one: Declared, occupant: Occupant) -> bool:
    """Whether the holder was started from the declaration's file for sure: by its unit, or by its command line."""
    endpoint = occupant.endpoint
    owners = endpoint.owners or ()
    if one.kind in PROJECT:
        return False
    if not one.programs:  # a unit: what it holds now is its own
        return any(owner.unit in one.units for owner in owners if owner.unit)
    ours = [owner for owner in owners if _called(one, owner)]
    return any(_configured(one, owner) or (owner.unit in one.units and _configured(one, owner) is not False) for owner in ours) or (
        bool(ours) and bool(one.units) and all(_configured(one, owner) is None and not owner.unit and not owner.container for owner in ours)
    )


def _called(one: Declared, owner: Owner) -> bool:
    program = (owner.executable or "").rpartition("/")[2].removesuffix(" (deleted)")
    return owner.name in one.programs or program in one.programs


def _configured(one: Declared, owner: Owner) -> bool | None:
    """Whether its command line names the declaration's main file; None where it names none."""
    named = _FILE.findall(" ".join(owner.command or ())[:_MOST_COMMAND])
    return one.main in named if named else None


def _publishes(one: Declared, owner: Owner) -> bool:
    service = one.service.rpartition("/")[2]
    return owner.name in _PUBLISHERS or (owner.container is not None and service in owner.container)
