"""What a machine's rules would be with a policy that is not applied."""

from __future__ import annotations

from datetime import date

from portulan.guard.policy.compile import compiled_rules, terrain_of
from portulan.guard.policy.supposed import with_ours
from portulan.model.ruleset import Ruleset
from portulan.verbs.guard_policy import load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.network import Network


def suppose(path: str) -> Callable[[Ruleset | None, Network], Ruleset]:
    """A function that gives the rules with this policy's in place of ours; None: the others are not known. Raises as `load_policy` does, BadInput."""
    policy, today = load_policy(path), date.today()  # noqa: DTZ011 - the day on which a line ends is this machine's

    def supposed(ruleset: Ruleset | None, network: Network) -> Ruleset:
        return with_ours(ruleset or Ruleset(), compiled_rules(policy, today, terrain_of(network)))

    return supposed
