"""Files that container runtimes keep: what a container is called. Not the runtimes' public interface, so anything unexpected means "no name"."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KUBERNETES_LOG = r"(?P<pod>[^_]+)_(?P<namespace>[^_]+)_(?P<container>.+)-[0-9a-f]{64}\.log"


def parse_docker_name(data: bytes) -> str | None:
    """docker's config.v2.json -> the container's name, without its leading slash."""
    name = _json(data, dict).get("Name")
    return name.removeprefix("/") or None if isinstance(name, str) else None


def parse_podman_names(data: bytes) -> dict[str, str]:
    """containers/storage's containers.json -> id -> first name."""
    names = {}
    for entry in _json(data, list):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and isinstance(entry.get("names"), list):
            first = next((name for name in entry["names"] if isinstance(name, str)), None)
            if first:
                names[entry["id"]] = first
    return names


def parse_kubernetes_log_name(name: str) -> str | None:
    """`web-0_shop_nginx-<id>.log` -> `shop/web-0/nginx` (namespace, pod, container)."""
    import re

    match = re.fullmatch(_KUBERNETES_LOG, name)
    return f"{match['namespace']}/{match['pod']}/{match['container']}" if match else None


def _json(data: bytes, kind: type) -> Any:
    import json

    try:
        value = json.loads(data) if data else None
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, kind) else kind()
