"""Which policy refuses a bind, as far as the machine shows. Pure.

Each refuses in its own way. A BPF program of a control group (and systemd's SocketBindDeny=, which is one) makes bind(2) fail with EPERM, everything else
here with EACCES. Landlock knows TCP only, and any port that was not allowed is refused, the choice of any port (0) too. SELinux asks name_bind for
ports outside the ephemeral range only, so any port works. AppArmor refuses a whole family or kind of sockets, so nothing works.
"""

from __future__ import annotations

from portulan.model.port import Transport
from portulan.model.why import Suspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.ground import Confinement

EPERM, EACCES = "EPERM", "EACCES"
_SYSTEMD = "sd_bind"
"""How systemd names its BPF programs for SocketBindAllow= and SocketBindDeny= (src/core/bpf/socket-bind)."""


def find_suspects(seen: Confinement, error: str, transport: Transport) -> tuple[Suspect, ...]:
    """Who may have refused with this error, the likeliest first; `unknown` alone where nothing on this machine shows."""
    found = [*_control_group(seen, error), *(_modules(seen, transport) if error == EACCES else ())]
    if seen.seccomp and not any(one.certain for one in found):
        found.append(Suspect("seccomp", certain=False))
    return tuple(found) or (Suspect("unknown", certain=False),)


def _control_group(seen: Confinement, error: str) -> list[Suspect]:
    """BPF programs of control groups: they refuse with EPERM, unless they set another error themselves."""
    if seen.denied_by_unit is not None:
        return [Suspect("systemd", error == EPERM, f"{seen.unit}: {seen.denied_by_unit}")]
    if error != EPERM:
        return []
    if seen.programs:
        mine = [name for name in seen.programs if name.startswith(_SYSTEMD)]
        if mine:
            return [Suspect("systemd", len(mine) == len(seen.programs), seen.unit or "SocketBindDeny=")]
        return [Suspect("cgroup-bpf", certain=True, detail=", ".join(seen.programs))]
    return [Suspect("cgroup-bpf", certain=False)] if seen.programs is None else []


def _modules(seen: Confinement, transport: Transport) -> list[Suspect]:
    """Security modules: they refuse with EACCES."""
    found = []
    any_port_refused = seen.any_port == EACCES
    others_too = seen.other_transport == EACCES
    if seen.apparmor is not None and any_port_refused:
        found.append(Suspect("apparmor", certain=True, detail=seen.apparmor))
    if seen.selinux is not None and not any_port_refused:
        found.append(Suspect("selinux", certain=True, detail=seen.selinux))
    if seen.landlock and transport is Transport.TCP and not others_too and not any(one.certain for one in found):
        # Nobody else lets datagrams pass and stops every port of TCP.
        found.append(Suspect("landlock", certain=any_port_refused and seen.apparmor is None and seen.selinux is None))
    if seen.apparmor is not None and not any_port_refused:
        found.append(Suspect("apparmor", certain=False, detail=seen.apparmor))
    if seen.selinux is not None and any_port_refused:
        found.append(Suspect("selinux", certain=False, detail=seen.selinux))
    found += [Suspect(name, certain=False) for name in ("smack", "tomoyo", "bpf") if name in (seen.modules or ())]
    return found
