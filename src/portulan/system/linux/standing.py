"""Where this process stands: its ancestors, the ssh connection it was started through, its unit and container."""

from __future__ import annotations

import os

from portulan.model.stop import Me
from portulan.system.linux.containers import container_name
from portulan.system.linux.procfs import read_file, read_parents
from portulan.wire.cgroup import parse_cgroup_path
from portulan.wire.procfs import parse_cgroup

_ENVIRONMENT_BYTES = 1 << 20


def read_me() -> Me:
    """Who asks. The environment of the processes above is read too, as far as it may be: sudo takes SSH_CONNECTION away."""
    ancestors = tuple(parent.pid for parent in read_parents(os.getpid()))
    meaning = parse_cgroup_path(parse_cgroup(read_file("/proc/self/cgroup", 4096)))
    texts = [os.environb.get(b"SSH_CONNECTION", b""), *(_of_process(pid) for pid in ancestors)]
    ports = tuple(dict.fromkeys(port for text in texts if (port := parse_ssh_connection(text)) is not None))
    return Me(pid=os.getpid(), uid=os.geteuid(), ancestors=ancestors, ssh_ports=ports, unit=meaning.unit, container=container_name(meaning))


def _of_process(pid: int) -> bytes:
    for line in read_file(f"/proc/{pid}/environ", _ENVIRONMENT_BYTES).split(b"\0"):
        if line.startswith(b"SSH_CONNECTION="):
            return line.partition(b"=")[2]
    return b""


def parse_ssh_connection(text: bytes) -> int | None:
    """The server's port of `client-address client-port server-address server-port` (ssh(1), ENVIRONMENT)."""
    fields = text.split()
    return int(fields[3]) if len(fields) == 4 and fields[3].isdigit() else None
