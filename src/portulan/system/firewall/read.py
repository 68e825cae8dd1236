"""Every rule of a network namespace as one Ruleset of one moment: `nft` lists, and the kernel says whether anything changed meanwhile."""

from __future__ import annotations

from contextlib import nullcontext
from errno import EINVAL, EOPNOTSUPP, EPROTONOSUPPORT

from portulan.errors import CannotTell, NotPermitted, failed
from portulan.model.ruleset import Ruleset
from portulan.system.firewall.elements import read_elements
from portulan.system.firewall.iptables import add_legacy, translate_opaque
from portulan.system.firewall.nft import list_rules, read_sets
from portulan.system.firewall.present import NETFILTER
from portulan.system.linux.namespaces import inside
from portulan.system.linux.netlink import Netlink
from portulan.system.linux.spawn import find_program
from portulan.wire.nf_tables import GET_CHAIN, GET_GENERATION, GET_TABLE, build_query, parse_chain, parse_generation, parse_table
from portulan.wire.nft_sets import sets_in_rules
from portulan.wire.nft_version import GET_RULE, build_rules_query, lacks_version, parse_rule_version, with_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from portulan.model.ruleset import Key
    from portulan.system.linux.namespaces import Place

    Wanted = Callable[[Ruleset], Iterable[Key]]


def _none(_: Ruleset) -> tuple[Key, ...]:
    return ()


_ATTEMPTS = 5
_FEW_SETS = 8
"""More of them are read by one whole listing."""
LARGE = 2048
"""A set of more elements may be left unread: half as many more are read before that is known, in 5 ms."""


def read_ruleset(place: Place | None = None, wanted: Wanted = sets_in_rules, leave: Wanted = _none) -> Ruleset:
    """The rules of a network namespace, this thread's own unless told.

    Named sets are listed without their elements first, and then only the `wanted` ones read: as a rule all that rules refer to. Those of
    them that `leave` names stay unread where they are `LARGE`. Rules that changed while they
    were read are read again (`read_again` says how often); where they never keep still, the last reading is marked `incomplete`.

    Raises NotPermitted without CAP_NET_ADMIN, CannotTell where there are rules but no nft that can list them, ParseError, MachineFailed.
    """
    try:
        with inside(place) if place is not None else nullcontext():
            return _read(wanted, leave)
    except PermissionError as error:
        raise NotPermitted("nft.forbidden", needs="CAP_NET_ADMIN") from error
    except OSError as error:
        raise failed("read", "the rules of a network namespace", error) from error


def _read(wanted: Wanted, leave: Wanted) -> Ruleset:
    try:
        netlink = Netlink(NETFILTER)
    except OSError as error:
        if error.errno != EPROTONOSUPPORT:
            raise
        return add_legacy(Ruleset())
    with netlink:
        ruleset, before = Ruleset(), -1
        for attempt in range(_ATTEMPTS):
            before = _generation(netlink)
            try:
                ruleset = add_legacy(_read_once(netlink, wanted, leave) if before >= 0 else Ruleset())
            except FileNotFoundError:  # a table, chain or set went before it was listed
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            if _generation(netlink) == before:
                return ruleset._replace(read_again=attempt)
    return ruleset._replace(read_again=_ATTEMPTS - 1, incomplete=(*ruleset.incomplete, ("nft.changing", "")))


def _generation(netlink: Netlink) -> int:
    """The number of the rules' generation; -1 where this kernel has no nf_tables. Raises OSError."""
    try:
        return parse_generation(*netlink.get(GET_GENERATION, build_query()))
    except OSError as error:
        if error.errno in (EINVAL, EOPNOTSUPP):
            return -1
        raise


def _read_once(netlink: Netlink, wanted: Wanted, leave: Wanted) -> Ruleset:
    tables = [parse_table(*found) for found in netlink.dump(GET_TABLE, build_query())]
    if not tables:
        return Ruleset()
    nft = find_program("nft")
    if nft is None:
        raise CannotTell("nft.missing")
    chains = [parse_chain(*found) for found in netlink.dump(GET_CHAIN, build_query())]
    ruleset = list_rules(nft, tables, chains, terse=True)
    ruleset, unread = _read_plain(ruleset, wanted(ruleset), frozenset(leave(ruleset)))
    if len(unread) > _FEW_SETS and len(unread) == len(ruleset.sets):
        ruleset = list_rules(nft, tables, chains, terse=False)
    else:
        ruleset = read_sets(nft, ruleset, unread)
    return translate_opaque(nft, _with_versions(netlink, ruleset))


def _with_versions(netlink: Netlink, ruleset: Ruleset) -> Ruleset:
    """What nft leaves out of some rules, as the kernel has it."""
    chains = []
    for chain in ruleset.chains:
        if any(lacks_version(rule, chain.family) for rule in chain.rules):
            found = dict(parse_rule_version(*answer) for answer in netlink.dump(GET_RULE, build_rules_query(chain.table, chain.name)))
            versions = {rule.handle: found.get(rule.handle or 0) for rule in chain.rules if lacks_version(rule, chain.family)}
            rules = (with_version(rule, version) if (version := versions.get(rule.handle)) else rule for rule in chain.rules)
            chains.append(chain._replace(rules=tuple(rules)))
        else:
            chains.append(chain)
    return ruleset._replace(chains=tuple(chains))


def _read_plain(ruleset: Ruleset, wanted: Iterable[Key], leave: Collection[Key]) -> tuple[Ruleset, list[Key]]:
    """The ruleset with the sets that the kernel lists for us, and the keys of those that nft has to read."""
    sets, unread = dict(ruleset.sets), []
    for key in wanted:
        known = sets.get(key)
        if known is None or known.members is not None:
            continue
        found = read_elements(known, LARGE if key in leave else None)
        if found.members is None and not found.large:
            unread.append(key)
        else:
            sets[key] = known._replace(members=found.members, element_count=found.element_count if found.large else None)
    return ruleset._replace(sets=sets), unread
