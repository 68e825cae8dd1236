"""What a machine says about binding: its settings, and the rights of whoever asks. Read in `system/`, judged in `host/`."""

from __future__ import annotations

from portulan.model.record import Record


class Ground(Record):
    """The settings of this network namespace. None: the machine does not tell."""

    uid: int | None = None
    """Effective user of this process."""
    capable: bool | None = None
    """Whether this process has CAP_NET_BIND_SERVICE."""
    unprivileged_start: int | None = None
    """Below this port binding takes that right (ip_unprivileged_port_start)."""
    ephemeral: tuple[int, int] | None = None
    """First and last port that the kernel hands to clients (ip_local_port_range)."""
    reserved: tuple[tuple[int, int], ...] = ()
    """Ranges that it does not hand out (ip_local_reserved_ports)."""
    v6_only: bool = False
    """What IPV6_V6ONLY is where a server does not say (bindv6only)."""
    ipv6: bool = True


class Addresses(Record):
    """What this network namespace answers for."""

    networks: tuple[tuple[bytes, int], ...]
    """(packed prefix, bits): the kernel's local table."""
    tentative: tuple[bytes, ...] = ()
    """IPv6 addresses whose duplicate detection still runs."""
    nonlocal_4: bool = False
    nonlocal_6: bool = False


class Confinement(Record):
    """What may refuse a bind besides the rules of sockets, seen from the process that asks."""

    modules: tuple[str, ...] | None = None
    """Security modules that are on; None where the list may not be read."""
    landlock: bool = False
    """Whether the kernel lets processes confine themselves by Landlock."""
    selinux: str | None = None
    """The label of this process, where SELinux enforces."""
    apparmor: str | None = None
    """The profile of this process, where AppArmor enforces one."""
    programs: tuple[str, ...] | None = None
    """Names of the BPF programs that control groups run at each bind of this family; None where we may not ask."""
    seccomp: bool = False
    unit: str | None = None
    """The systemd unit of this process."""
    denied_by_unit: str | None = None
    """The setting of that unit that denies this port."""
    any_port: str | None = None
    """The error when the kernel was asked for any port of this transport instead; None: it worked."""
    other_transport: str | None = None
    """The error when the same port was tried on the other transport."""
