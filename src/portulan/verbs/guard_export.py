"""The policy in another firewall's own language."""

from __future__ import annotations

from datetime import date

from portulan.errors import BadInput
from portulan.guard.policy.export_firewalld import export_firewalld
from portulan.guard.policy.export_iptables import export_iptables
from portulan.guard.policy.export_ufw import export_ufw
from portulan.model.guard_export import Export, Target
from portulan.verbs.guard_policy import load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.policy import Policy


def guard_export(target: str, policy: str | None = None, *, version: int = 4, today: date | None = None) -> Export:
    """The policy as `iptables` (of one IP `version`), `ufw` or `firewalld` want it.

    Raises BadInput for a line that the target has no words for, with its place, and for the policy's own mistakes.
    """
    if target not in tuple(Target):
        raise BadInput("export.target", text=target, known=", ".join(Target))
    meant = load_policy(policy)
    return exported(Target(target), meant, today or date.today(), version=version)  # noqa: DTZ011 - the clock of the machine that applies it


def exported(target: Target, policy: Policy, today: date, *, version: int = 4, uplinks: tuple[str, ...] | None = None) -> Export:
    """The same of a policy that was read. `uplinks`: this machine's own unless told."""
    if target is Target.UFW:
        return export_ufw(policy, today)
    if target is Target.FIREWALLD:
        return export_firewalld(policy, today)
    if uplinks is None:
        from portulan.verbs.guard_prove import policy_terrain

        uplinks = policy_terrain().uplinks
    return export_iptables(policy, today, uplinks, version)
