"""The ways out when a port cannot be bound. Pure: codes and facts; commands are as a shell takes them."""

from __future__ import annotations

from portulan.host.binding import is_ephemeral
from portulan.host.remedies import find_remedies, quote
from portulan.model.binding import Overlap
from portulan.model.port import Transport
from portulan.model.why import HELD, Cause, Holder, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.binding import Wish
    from portulan.model.ground import Ground
    from portulan.model.why import Suspect

_CLOSING = (Cause.TIME_WAIT, Cause.LEFT_OVER, Cause.CONNECTION, Cause.BOUND)
_LASTING = (Cause.LISTENER, Cause.MPTCP, Cause.UDP, Cause.BOUND)
_SERVERS = (Cause.TIME_WAIT, Cause.LEFT_OVER, Cause.BOUND)
"""Of these somebody can set the options; a connection gets its port without being asked."""
_SYSCTL = "/etc/sysctl.d/60-ports.conf"


def find_ways(
    cause: Cause, wish: Wish, holders: tuple[Holder, ...], ground: Ground, suspects: tuple[Suspect, ...], *, reuse_helps: bool | None
) -> tuple[Way, ...]:
    """What can be done, now first. `reuse_helps`: whether the kernel would let the port be bound with SO_REUSEADDR; None where it is asked for already or was not tried."""
    ways: list[Way] = []
    blocking = [one for one in holders if not one.shares]
    if cause is Cause.PRIVILEGED:
        ways += _privilege(wish.port)
    elif cause is Cause.POLICY:
        ways += _policy(wish, suspects)
    elif cause in (Cause.NOT_LOCAL, Cause.TENTATIVE):
        ways += _address(cause, wish)
    held = _holders(wish, blocking, reuse_helps=reuse_helps)
    if cause in HELD:
        # Who happens to have got a port for a connection need not be ended for it.
        held.insert(0 if cause is Cause.CONNECTION else len(held), Way("other-port", "PORT=$(portulan free)"))
    ways += held
    if is_ephemeral(wish.port, ground.ephemeral, ground.reserved) and any(one.cause is Cause.CONNECTION for one in blocking):
        ways.append(Way("reserve", reserve_command(wish.port, ground), lasting=True))
    return tuple(ways)


def reserve_command(port: int, ground: Ground) -> str:
    """The sysctl that keeps the port from being handed to clients, with what is reserved already."""
    ranges = [*ground.reserved, (port, port)]
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in sorted(ranges))
    return f"sysctl -w net.ipv4.ip_local_reserved_ports={text}"


def _privilege(port: int) -> list[Way]:
    """One program, one service, or everybody."""
    return [
        Way("unit-capability", "AmbientCapabilities=CAP_NET_BIND_SERVICE", lasting=True),
        Way("file-capability", "setcap cap_net_bind_service=+ep PROGRAM", lasting=True),
        Way("sysctl", f"sysctl -w net.ipv4.ip_unprivileged_port_start={port}", {"file": _SYSCTL}, lasting=True),
    ]


def _policy(wish: Wish, suspects: tuple[Suspect, ...]) -> list[Way]:
    """By who refuses."""
    ways = []
    kind = "udp" if wish.transport is not Transport.TCP else "tcp"
    for one in suspects:
        if one.code == "selinux":
            ways.append(Way("selinux", f"semanage port -a -t TYPE_port_t -p {kind} {wish.port}", lasting=True))
        elif one.code == "systemd":
            unit = one.detail.partition(":")[0]
            ways.append(
                Way(
                    "systemd",
                    f"systemctl edit {quote(unit)}",
                    {"setting": f"SocketBindAllow={kind}:{wish.port}", "unit": unit},
                    lasting=True,
                )
            )
        elif one.code == "apparmor":
            ways.append(Way("apparmor", f"aa-logprof  # {one.detail}" if one.detail else "aa-logprof", lasting=True))
        elif one.code == "cgroup-bpf":
            ways.append(Way("cgroup-bpf", "bpftool cgroup tree"))
        elif one.code == "landlock":
            ways.append(Way("landlock"))
    return ways


def _address(cause: Cause, wish: Wish) -> list[Way]:
    if cause is Cause.TENTATIVE:
        return [Way("wait-address")]
    version = "ipv6" if len(wish.address) == 16 else "ipv4"
    return [Way("addresses", "ip address"), Way("nonlocal", f"sysctl -w net.{version}.ip_nonlocal_bind=1", lasting=True)]


def _holders(wish: Wish, holders: list[Holder], *, reuse_helps: bool | None) -> list[Way]:
    """Stop them, wait for them, or share with them."""
    ways: list[Way] = []
    waits = [one for one in holders if one.cause is Cause.TIME_WAIT]
    if waits:
        left_ms = max((socket.expires_ms or 0 for one in waits for socket in one.endpoint.sockets), default=0)
        ways.append(Way("wait", None, {"seconds": -(-left_ms // 1000)}))
    stoppable = tuple(one.endpoint for one in holders if one.cause is not Cause.TIME_WAIT)
    ways += [Way("stop", remedy.command, {"kind": remedy.code}) for remedy in find_remedies(stoppable)]
    if any(one.cause in _CLOSING for one in holders):
        if reuse_helps:
            ways.append(Way("set-reuse-address", None, lasting=True))
        elif wish.reuse_address and any(one.cause in _SERVERS for one in holders):
            ways.append(Way("holder-reuse-address", None, lasting=True))
    if any(one.cause is Cause.REUSE_PORT_USER for one in holders):
        user = next(one.endpoint.user or str(one.endpoint.uid) for one in holders if one.cause is Cause.REUSE_PORT_USER)
        ways.append(Way("same-user", None, {"user": user}, lasting=True))
    if (
        all(one.cause in _LASTING for one in holders)
        and holders
        and all(one.overlap in (Overlap.ASKED_DUAL_STACK, Overlap.HELD_DUAL_STACK) for one in holders)
    ):
        ways.append(Way("v6-only", None, {"whose": "ours" if holders[0].overlap is Overlap.ASKED_DUAL_STACK else "theirs"}, lasting=True))
    return ways
