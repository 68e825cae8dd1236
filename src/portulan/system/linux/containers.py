"""Names of containers, from the files their runtimes keep. What may not be read leaves the first digits of the id."""

from __future__ import annotations

import os
from functools import cache

from portulan.wire.cgroup import CgroupMeaning
from portulan.wire.runtimes import parse_docker_name, parse_kubernetes_log_name, parse_podman_names

_DOCKER = "/var/lib/docker/containers"
_PODMAN = "/var/lib/containers/storage/overlay-containers/containers.json"
_KUBERNETES_LOGS = "/var/log/containers"
_LARGEST = 16 << 20
"""Bytes read of a runtime's file at most."""


@cache
def container_name(meaning: CgroupMeaning, root: str = "/") -> str | None:
    """`docker:shop-web`, `kubernetes:namespace/pod/container`, `lxc:name`; `docker:1a2b3c4d5e6f` where the name may not be read; None outside containers.

    `root` is the folder that the runtimes' own paths stand under.
    """
    runtime, identity = meaning.runtime, meaning.container_id
    if runtime is None or not identity:
        return None
    name = None
    if runtime in ("docker", "kubernetes"):
        name = (
            parse_docker_name(_read(os.path.join(root, _DOCKER[1:], identity, "config.v2.json")))
            if runtime == "docker"
            else _pod_name(root, identity)
        )
    elif runtime == "podman":
        name = parse_podman_names(_read(os.path.join(root, _PODMAN[1:]))).get(identity)
    elif runtime in ("lxc", "nspawn"):
        name = identity
    return f"{runtime}:{name or identity[:12]}"


def _pod_name(root: str, identity: str) -> str | None:
    """The kubelet links each container's log by a name that holds pod, namespace and container."""
    try:
        names = os.listdir(os.path.join(root, _KUBERNETES_LOGS[1:]))
    except OSError:
        return None
    return next((found for name in names if identity in name and (found := parse_kubernetes_log_name(name))), None)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""
