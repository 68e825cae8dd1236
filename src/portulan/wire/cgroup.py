"""What the path of a control group tells: the systemd unit, and the container with its runtime.

Units: systemd.unit(5), and escaping after systemd's cgroup path conventions. Containers: the path shapes that docker, podman, containerd,
CRI-O, LXC and systemd-nspawn make, with either cgroup driver.
"""

from __future__ import annotations

from functools import lru_cache

from portulan.model.record import Record

_UNIT_ENDINGS = (".service", ".socket", ".scope", ".mount", ".swap")
_ID = r"(?P<id>[0-9a-f]{64})"
# Most telling first: a kubernetes path contains what alone would be containerd's or docker's.
_CONTAINERS = (
    ("kubernetes", rf"/kubepods[^/]*(?:/[^/]+)*?[/:](?:[a-z-]+[-:])?{_ID}(?:\.scope)?(?:/|$)"),
    ("docker", rf"/(?:docker[-/]|system\.slice:docker:){_ID}(?:\.scope)?(?:/|$)"),
    ("podman", rf"/libpod(?:-conmon)?[-/]{_ID}(?:\.scope)?(?:/|$)"),
    ("containerd", rf"/(?:cri-containerd-|[^/]+:cri-containerd:|nerdctl-){_ID}(?:\.scope)?(?:/|$)"),
    ("cri-o", rf"/crio[-/]{_ID}(?:\.scope)?(?:/|$)"),
    ("lxc", r"/lxc(?:\.payload[./]|/)(?P<id>[^/]+)(?:/|$)"),
    ("nspawn", r"/machine\.slice/(?:systemd-nspawn@(?P<id>[^/]+)\.service|machine-(?P<other>[^/]+)\.scope)(?:/|$)"),
)


class CgroupMeaning(Record):
    """What a control group's path says. `container_id` is the runtime's id or, for lxc and nspawn, the name itself."""

    unit: str | None = None
    user_unit: bool = False
    """Whether a user's own manager runs the unit."""
    runtime: str | None = None
    container_id: str | None = None


@lru_cache(maxsize=1024)
def parse_cgroup_path(path: str) -> CgroupMeaning:
    """The unit nearest to the leaf (a user's own manager: the unit below it), and the container if there is one."""
    runtime = container = None
    if path == "/":
        return CgroupMeaning()
    import re  # with its compiler 4 ms, and many runs see no other path

    for runtime_name, pattern in _CONTAINERS:
        match = re.search(pattern, path)
        if match:
            groups = match.groupdict()
            runtime, container = runtime_name, _unescape(groups.get("id") or groups.get("other") or "")
            break
    unit, parts = None, path.split("/")
    for part in reversed(parts):
        if part.endswith(_UNIT_ENDINGS):
            # The unit `user@1000.service` only holds the user's own units: it stands when nothing below it is one. systemd puts a `_` before
            # what could be a file of the group itself; the escapes in a unit's name belong to it: systemctl knows it by no other.
            unit = part.removeprefix("_")
            break
    manager = next((part for part in parts if part.startswith("user@") and part.endswith(".service")), None)
    return CgroupMeaning(unit, manager is not None and unit != manager, runtime, container)


def _unescape(name: str) -> str:
    r"""`\x2d` stands for a dash where a name became part of a unit's (systemd.unit(5), "String escaping for inclusion in unit names")."""
    data = name.encode("utf-8", "surrogatepass")
    import re

    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), data).decode("utf-8", "backslashreplace")
