"""A policy to nftables: `compile_policy` to text that is loaded, `compiled_rules` to values that are simulated. Both come from the same rules."""

from __future__ import annotations

from hashlib import sha256

from portulan.guard.policy.compile_rules import build
from portulan.guard.policy.compile_text import blocks, permanent
from portulan.model.guard_compiled import OWN, Compiled, Terrain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date

    from portulan.model.network import Network
    from portulan.model.policy import Policy
    from portulan.model.ruleset import Ruleset


def terrain_of(network: Network) -> Terrain:
    """What of a network the rules depend on."""
    return Terrain(
        tuple(sorted({link for route in network.routes if not route.prefix and route.kind == "unicast" for link in route.links}))
    )


def compile_policy(policy: Policy, today: date, terrain: Terrain) -> Compiled:
    """The text that does what a policy says on a day. Equal values give equal text.

    Raises BadInput for an interface that cannot be one.
    """
    told, bare = blocks(build(policy, today, terrain, OWN))
    return Compiled(sha256(permanent(Compiled("", "", bare)).encode()).hexdigest(), policy.file, told)


def compiled_rules(policy: Policy, today: date, terrain: Terrain) -> Ruleset:
    """The same as rules that `guard.reach.simulate` follows. Raises as `compile_policy` does."""
    return build(policy, today, terrain).ruleset()
