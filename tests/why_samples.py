"""Answers of `why` on the machine of chart_samples: one for each cause."""

from __future__ import annotations

from chart_samples import NOW, chart
from portulan.host.cautions import find_cautions
from portulan.host.ways import find_ways
from portulan.model.binding import ANY_4, Answer, Overlap, Wish
from portulan.model.chart import Endpoint, Ownership, State
from portulan.model.ground import Ground
from portulan.model.port import Port, Transport
from portulan.model.why import Attempt, Cause, Holder, Suspect, Why

GROUND = Ground(uid=1000, capable=False, unprivileged_start=1024, ephemeral=(32_768, 60_999))
TCP, UDP = Transport.TCP, Transport.UDP


def holder(item: Endpoint, cause: Cause, overlap: Overlap = Overlap.SAME, *, shares: bool = False) -> Holder:
    """One that is seen."""
    return Holder(cause, overlap, certain=True, shares=shares, endpoint=item)


def why(
    port: int,
    cause: Cause,
    *holders: Holder,
    transport: Transport = TCP,
    error: str | None = "EADDRINUSE",
    suspects: tuple[Suspect, ...] = (),
    attempts: tuple[Attempt, ...] | None = None,
    reuse_helps: bool | None = None,
    **more: object,
) -> Why:
    """An answer, with the ways out and cautions that belong to it."""
    answer = Answer.YES if cause is Cause.FREE else Answer.NO
    wish = Wish(transport, ANY_4, port, 1000, transport is TCP and reuse_helps is None)
    overlap = holders[0].overlap if holders and cause in {one.cause for one in holders} else None
    tried = Attempt(
        "0.0.0.0", None, answer, cause, None if cause is Cause.FREE else error, overlap, tried=True, listened=cause is Cause.FREE
    )
    items = attempts or (tried, tried._replace(address="::", v6_only=False))
    first = next((one for one in items if one.answer is not Answer.YES), items[0])
    ways = () if first.answer is Answer.YES else find_ways(first.cause, wish, holders, GROUND, suspects, reuse_helps=reuse_helps)
    cautions = find_cautions(wish, first.answer, first.cause, items, holders, GROUND, moved=(), privileged=port < 1024)
    return Why(
        port=Port(port, transport), host="web-01", taken_at=NOW, service=None, answer=first.answer, cause=first.cause, items=items, uid=1000, user="ann",
        reuse_address=wish.reuse_address, reuse_port=False, device=None, holders=holders, remedies=ways, warnings=cautions, suspects=suspects,
        confirmed=all(one.tried for one in items), source="bpf", ephemeral=GROUND.ephemeral,
    )._replace(**more)  # type: ignore[arg-type]  # fmt: skip


def samples() -> dict[str, Why]:
    """Name -> answer."""
    from chart_samples import CONNECTIONS, SOCKETS

    items = {(item.port, item.state, item.address): item for item in chart(SOCKETS + CONNECTIONS, one_namespace=True).items}
    by_port = {port: item for (port, _, _), item in reversed(items.items())}
    connection = items[40_000, State.ESTABLISHED, "192.168.1.20"]
    closing = items[5_000, State.TIME_WAIT, "127.0.0.1"]
    bound = items[7_000, State.BOUND, "0.0.0.0"]
    unseen = by_port[5432]._replace(owners=None, ownership=Ownership.FORBIDDEN)
    some = Attempt("127.0.0.1", None, Answer.NO, Cause.LISTENER, "EADDRINUSE", Overlap.HELD_WILDCARD, tried=True)
    refused = {"error": "EACCES"}
    return {
        "free": why(8443, Cause.FREE),
        "free, of clients": why(40_001, Cause.FREE),
        "listener": why(8080, Cause.LISTENER, holder(by_port[8080], Cause.LISTENER)),
        "listener on both": why(
            631, Cause.LISTENER, *(holder(items[631, State.LISTENING, address], Cause.LISTENER, Overlap.ASKED_WILDCARD) for address in ("127.0.0.1", "::1"))
        ),
        "one address": why(8000, Cause.LISTENER, holder(by_port[8000], Cause.LISTENER, Overlap.HELD_WILDCARD), attempts=(some,)),
        "dual stack": why(
            443, Cause.LISTENER, holder(by_port[443], Cause.LISTENER, Overlap.HELD_DUAL_STACK),
            attempts=(some._replace(address="0.0.0.0", overlap=Overlap.HELD_DUAL_STACK),),
        ),
        "unseen holder": why(5432, Cause.LISTENER, holder(unseen, Cause.LISTENER)),
        "mptcp": why(8080, Cause.MPTCP, holder(by_port[8080], Cause.MPTCP)),
        "bound": why(7_000, Cause.BOUND, holder(bound, Cause.BOUND)),
        "connection": why(40_000, Cause.CONNECTION, holder(connection, Cause.CONNECTION, Overlap.ASKED_WILDCARD)),
        "left over": why(443, Cause.LEFT_OVER, holder(connection._replace(port=443), Cause.LEFT_OVER, Overlap.ASKED_DUAL_STACK)),
        "time-wait": why(5_000, Cause.TIME_WAIT, holder(closing, Cause.TIME_WAIT, Overlap.ASKED_WILDCARD)),
        "time-wait, sharing helps": why(5_000, Cause.TIME_WAIT, holder(closing, Cause.TIME_WAIT, Overlap.ASKED_WILDCARD), reuse_helps=True),
        "udp": why(5353, Cause.UDP, holder(by_port[5353], Cause.UDP), transport=UDP),
        "kernel": why(4789, Cause.KERNEL, holder(by_port[4789], Cause.KERNEL), transport=UDP),
        "in flight": why(9999, Cause.IN_FLIGHT, holder(by_port[9999], Cause.IN_FLIGHT, Overlap.ASKED_WILDCARD)),
        "another user": why(8080, Cause.REUSE_PORT_USER, holder(by_port[8080], Cause.REUSE_PORT_USER), reuse_port=True),
        "unseen": why(8443, Cause.UNSEEN),
        "privileged": why(80, Cause.PRIVILEGED, **refused),
        "privileged and held": why(80, Cause.PRIVILEGED, holder(by_port[80], Cause.LISTENER), **refused),
        "not local": why(8443, Cause.NOT_LOCAL, error="EADDRNOTAVAIL"),
        "tentative": why(8443, Cause.TENTATIVE, error="EADDRNOTAVAIL"),
        "no family": why(8443, Cause.NO_FAMILY, error="EAFNOSUPPORT"),
        "impossible": why(8443, Cause.IMPOSSIBLE, error="EINVAL"),
        "refused": why(8443, Cause.REFUSED, error="ENOBUFS"),
        **{
            f"policy {one.code} {one.certain}": why(8443, Cause.POLICY, suspects=(one,), **refused)
            for one in (
                Suspect("landlock", certain=True), Suspect("landlock", certain=False), Suspect("selinux", certain=True, detail="system_u:system_r:httpd_t:s0"),
                Suspect("apparmor", certain=True, detail="/usr/sbin/named"), Suspect("apparmor", certain=False, detail="/usr/sbin/named"),
                Suspect("cgroup-bpf", certain=True, detail="guard"), Suspect("cgroup-bpf", certain=False),
                Suspect("systemd", certain=True, detail="shop.service: SocketBindDeny=any"), Suspect("systemd", certain=False, detail="shop.service"),
                Suspect("seccomp", certain=False), Suspect("unknown", certain=False),
            )
        },
        "shared": why(8080, Cause.FREE, holder(by_port[8080], Cause.LISTENER, shares=True), reuse_port=True),
        "not tried": why(
            8080, Cause.LISTENER, attempts=(some._replace(answer=Answer.MAYBE, cause=Cause.UNSEEN, error=None, overlap=None, tried=False, untried="other-user"),)
        ),
        "datagrams not taken": why(
            5353, Cause.FREE, holder(by_port[5353], Cause.UDP, shares=True), transport=UDP,
            attempts=(some._replace(answer=Answer.YES, cause=Cause.FREE, error=None, overlap=None, tried=False, untried="takes-datagrams"),),
        ),
        "lenient": why(8443, Cause.FREE, attempts=(some._replace(answer=Answer.YES, cause=Cause.FREE, error=None, overlap=None, disagreement="kernel-lenient"),)),
        "stricter": why(8443, Cause.UNSEEN, attempts=(some._replace(cause=Cause.UNSEEN, overlap=None, disagreement="kernel-stricter"),)),
        "psutil": why(8080, Cause.LISTENER, holder(by_port[8080], Cause.LISTENER), exact=False),
    }  # fmt: skip
