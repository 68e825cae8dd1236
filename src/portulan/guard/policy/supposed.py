"""A machine's rules as they would be if a policy were applied: our table is replaced, all others stay."""

from __future__ import annotations

from portulan.model.guard_compiled import FAMILY, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.ruleset import Ruleset

_OURS = FAMILY, TABLE


def without_ours(ruleset: Ruleset) -> Ruleset:
    """The rules of all others."""
    return ruleset._replace(
        tables=tuple(table for table in ruleset.tables if (table.family, table.name) != _OURS),
        chains=tuple(chain for chain in ruleset.chains if (chain.family, chain.table) != _OURS),
        sets={key: known for key, known in ruleset.sets.items() if key[:2] != _OURS},
        objects={key: known for key, known in ruleset.objects.items() if key[:2] != _OURS},
        flowtables=tuple(known for known in ruleset.flowtables if (known.family, known.table) != _OURS),
    )


def only_ours(ruleset: Ruleset) -> Ruleset:
    """Our own rules among those of a machine."""
    return ruleset._replace(
        tables=tuple(table for table in ruleset.tables if (table.family, table.name) == _OURS),
        chains=tuple(chain for chain in ruleset.chains if (chain.family, chain.table) == _OURS),
    )


def with_ours(ruleset: Ruleset, ours: Ruleset) -> Ruleset:
    """The rules with ours behind them: of several chains at one hook and priority the one made last is asked last."""
    others = without_ours(ruleset)
    return others._replace(
        tables=(*others.tables, *ours.tables),
        chains=(*others.chains, *ours.chains),
        sets={**others.sets, **ours.sets},
        objects={**others.objects, **ours.objects},
    )
