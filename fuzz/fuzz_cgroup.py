"""Fuzz the paths of control groups, and what text of it becomes."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """A path has a runtime and an identity, or neither; its unit is one of its parts."""
    from portulan.wire.cgroup import parse_cgroup_path

    def target(data: bytes) -> None:
        path = data.decode("utf-8", "backslashreplace")
        meaning = parse_cgroup_path(path)
        assert (meaning.runtime is None) == (meaning.container_id is None)
        assert meaning.unit is None or path.endswith(meaning.unit) or meaning.unit + "/" in path

    return target


def seeds() -> list[bytes]:
    """The shapes that runtimes make."""
    from builders import DOCKER_ID  # type: ignore[import-not-found, unused-ignore]

    paths = (
        "/system.slice/nginx.service", "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", f"/docker/{DOCKER_ID}",
        f"/system.slice/docker-{DOCKER_ID}.scope", f"/machine.slice/libpod-{DOCKER_ID}.scope/container", "/lxc.payload.web/ns",
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{DOCKER_ID}.scope",
        f"/kubepods-pod1.slice:cri-containerd:{DOCKER_ID}", "/machine.slice/systemd-nspawn@web.service", "/machine.slice/machine-a\\x2db.scope",
    )  # fmt: skip
    return [path.encode() for path in paths]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [b"/kubepods", b"/lxc/", b"/docker-", b".scope", b".service", b"user@1.service", b"\\x2d", b"\\xff", b"a-" * 100, b"/" * 50],
        )
    )
