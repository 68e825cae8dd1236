"""What keeps this process from binding besides sockets: security modules, BPF programs of control groups, systemd's own settings.

What a machine shows of that differs: the list of modules may be closed to us (securityfs is not mounted in many containers), the programs of a control
group may be listed by CAP_NET_ADMIN only, and nothing tells whether Landlock confines a process; but each refuses in its own way.
"""

from __future__ import annotations

import os
from struct import pack, unpack_from

from portulan.model.ground import Confinement
from portulan.system.linux.procfs import read_file
from portulan.system.linux.syscall import syscall
from portulan.wire.cgroup import parse_cgroup_path
from portulan.wire.procfs import parse_cgroup
from portulan.wire.systemd import denies, parse_bind_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.binding import Wish

_MODULES = "/sys/kernel/security/lsm"
_ENFORCES = "/sys/fs/selinux/enforce"
_PROG_GET_FD_BY_ID, _OBJ_GET_INFO_BY_FD, _PROG_QUERY = 13, 15, 16
_INET4_BIND, _INET6_BIND, _QUERY_EFFECTIVE = 8, 9, 1
_MOST_PROGRAMS = 64
_NAME_AT = 64  # struct bpf_prog_info: type, id, tag, two lengths, three addresses and times, uid, number of maps, maps, name[16]
_INFO_SIZE = 80
_LANDLOCK_VERSION = 1


def read_confinement(wish: Wish, *, any_port: str | None, other_transport: str | None) -> Confinement:
    """Everything this process can find out about what confines it."""
    listed = read_file(_MODULES, 1024).decode("ascii", "replace").strip()
    own = parse_cgroup(read_file("/proc/self/cgroup", 4096))
    unit = parse_cgroup_path(own).unit
    label = read_file("/proc/self/attr/current", 512).decode("utf-8", "backslashreplace").strip("\0\n ")
    profile = read_file("/proc/self/attr/apparmor/current", 512).decode("utf-8", "backslashreplace").strip("\0\n ")
    if not profile and label.endswith(("(enforce)", "(complain)")):
        profile = label
    return Confinement(
        modules=tuple(listed.split(",")) if listed else None,
        landlock=_knows_landlock(),
        selinux=label or "?" if read_file(_ENFORCES, 8).strip() == b"1" else None,
        apparmor=profile.removesuffix(" (enforce)") if profile.endswith(" (enforce)") else None,
        programs=_bind_programs(own, ipv6=len(wish.address) == 16),
        seccomp=b"\nSeccomp:\t2" in read_file("/proc/self/status"),
        unit=unit,
        denied_by_unit=_denied_by(unit, wish) if unit else None,
        any_port=any_port,
        other_transport=other_transport,
    )


def _knows_landlock() -> bool:
    """Whether Landlock is on (Documentation/userspace-api/landlock.rst: asking for the version fails where it is not)."""
    try:
        return syscall("landlock_create_ruleset", None, 0, _LANDLOCK_VERSION) > 0
    except OSError:
        return False


def _denied_by(unit: str, wish: Wish) -> str | None:
    """The unit's setting that denies this, by its files."""
    from portulan.system.linux.socket_units import read_unit

    rules: tuple[tuple[str, str], ...] = ()
    for text in read_unit(unit):
        rules = parse_bind_rules(text, rules)
    return denies(rules, wish.transport, wish.port, ipv6=len(wish.address) == 16)


def _bind_programs(group: str, *, ipv6: bool) -> tuple[str, ...] | None:
    """Names of the BPF programs that run for our own control group, those of the groups above it too; None where we may not ask."""
    from portulan.system.linux.cgroups import find_mount

    mount = find_mount()
    if mount is None:
        return None
    try:
        folder = os.open(mount + group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return tuple(_program_name(number) for number in _query(folder, _INET6_BIND if ipv6 else _INET4_BIND))
    except OSError:
        return None
    finally:
        os.close(folder)


def _query(folder: int, kind: int) -> tuple[int, ...]:
    """Ids of the programs that are in effect for a control group (bpf(2), BPF_PROG_QUERY). Raises OSError."""
    import ctypes

    ids = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    attribute = ctypes.create_string_buffer(pack("=IIIIQII", folder, kind, _QUERY_EFFECTIVE, 0, ctypes.addressof(ids), _MOST_PROGRAMS, 0))
    syscall("bpf", _PROG_QUERY, attribute, len(attribute) - 1)
    (count,) = unpack_from("=I", attribute.raw, 24)
    return tuple(ids[: min(count, _MOST_PROGRAMS)])


def _program_name(number: int) -> str:
    """A program's name, or its id where it has none or may not be looked at."""
    import ctypes

    try:
        program = syscall("bpf", _PROG_GET_FD_BY_ID, ctypes.create_string_buffer(pack("=III", number, 0, 0)), 12)
        try:
            info = ctypes.create_string_buffer(_INFO_SIZE)
            syscall("bpf", _OBJ_GET_INFO_BY_FD, ctypes.create_string_buffer(pack("=IIQ", program, _INFO_SIZE, ctypes.addressof(info))), 16)
        finally:
            os.close(program)
    except OSError:
        return f"id {number}"
    return info.raw[_NAME_AT:_INFO_SIZE].partition(b"\0")[0].decode("ascii", "replace") or f"id {number}"
