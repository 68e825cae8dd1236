"""One address, concluded: what the kernel said when it was tried, and what the rule says of the sockets that are held. Pure.

The kernel looks at a bind in this order, and its first objection is the error: security modules and control groups (EACCES, EPERM), the address
(EADDRNOTAVAIL, EINVAL), the privilege that a low port takes (EACCES), the port itself (EADDRINUSE). (__inet_bind in net/ipv4/af_inet.c, __inet6_bind in
net/ipv6/af_inet6.c.)
"""

from __future__ import annotations

from portulan.host.binding import is_local, needs_privilege
from portulan.model.address import MAPPED, format_address
from portulan.model.binding import Answer
from portulan.model.why import Attempt, Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.binding import Judgement, Wish
    from portulan.model.ground import Addresses, Ground
    from portulan.model.why import Trial

IN_USE = "EADDRINUSE"
_NO_FAMILY = ("EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT")


def is_capable(wish: Wish, ground: Ground) -> bool:
    """Whether the server would have CAP_NET_BIND_SERVICE: as we have it, if it runs as we do; of other users, root."""
    return bool(ground.capable) if wish.uid == ground.uid else wish.uid == 0


def lacks_privilege(wish: Wish, ground: Ground) -> bool:
    """Whether the port takes a right that the server would not have."""
    return needs_privilege(wish.port, ground.unprivileged_start or 0) and not is_capable(wish, ground)


def cause_of_error(error: str, wish: Wish, ground: Ground, addresses: Addresses | None) -> Cause:
    """What an error other than EADDRINUSE means."""
    match error:
        case "EACCES":
            return Cause.PRIVILEGED if lacks_privilege(wish, ground) else Cause.POLICY
        case "EPERM":
            return Cause.POLICY
        case "EADDRNOTAVAIL":
            return Cause.TENTATIVE if addresses and wish.address in addresses.tentative else Cause.NOT_LOCAL
        case "EINVAL":
            return Cause.IMPOSSIBLE
    return Cause.NO_FAMILY if error in _NO_FAMILY else Cause.REFUSED


def objection(wish: Wish, ground: Ground, addresses: Addresses | None) -> Cause | None:
    """What speaks against a wish before the port is looked at, where it could not be tried."""
    mapped = len(wish.address) == 16 and wish.address[:12] == MAPPED
    if mapped and wish.v6_only:
        return Cause.IMPOSSIBLE
    if addresses is not None and any(wish.address):
        four = mapped or len(wish.address) == 4
        if wish.address in addresses.tentative:
            return Cause.TENTATIVE
        anywhere = addresses.nonlocal_4 if four else addresses.nonlocal_6
        if not is_local(wish.address, addresses.networks, wish.transport, nonlocal_bind=anywhere):
            return Cause.NOT_LOCAL
    return Cause.PRIVILEGED if lacks_privilege(wish, ground) else None


def conclude(
    wish: Wish,
    trial: Trial | None,
    judgement: Judgement | None,
    ground: Ground,
    addresses: Addresses | None,
    *,
    untried: str | None = None,
    exact: bool = True,
    by_listeners: bool = False,
) -> Attempt:
    """The attempt. Its cause is UNSEEN where the port is taken: by whom is for `causes` to say, and the caller to put in."""
    rule = judgement.answer if judgement is not None and exact else None
    attempt = Attempt(
        format_address(wish.address), wish.v6_only if len(wish.address) == 16 else None, Answer.YES, Cause.FREE, rule=rule, by_listeners=by_listeners
    )  # fmt: skip
    if trial is None:
        against = objection(wish, ground, addresses)
        if against is not None:
            return attempt._replace(answer=Answer.NO, cause=against, untried=untried)
        answer = judgement.answer if judgement is not None else Answer.MAYBE
        return attempt._replace(answer=answer, cause=Cause.FREE if answer is Answer.YES else Cause.UNSEEN, untried=untried)
    if trial.error is None:
        odd = "kernel-lenient" if rule is Answer.NO else None
        return attempt._replace(tried=True, listened=trial.listened, disagreement=odd)
    if trial.error == IN_USE:
        odd = "kernel-stricter" if rule is Answer.YES else None
        return attempt._replace(answer=Answer.NO, cause=Cause.UNSEEN, error=IN_USE, tried=True, disagreement=odd)
    return attempt._replace(
        answer=Answer.NO, cause=cause_of_error(trial.error, wish, ground, addresses), error=trial.error, tried=True, rule=rule
    )
