"""Fuzz the files of container runtimes."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """A name is a text that is not empty, or there is none."""
    from portulan.wire.runtimes import parse_docker_name, parse_kubernetes_log_name, parse_podman_names

    def target(data: bytes) -> None:
        for name in (
            parse_docker_name(data),
            parse_kubernetes_log_name(data.decode("utf-8", "replace")),
            *parse_podman_names(data).values(),
        ):
            assert name is None or (type(name) is str and name)

    return target


def seeds() -> list[bytes]:
    """A file of each runtime."""
    from builders import DOCKER_ID  # type: ignore[import-not-found, unused-ignore]

    return [
        b'{"ID": "0123", "Name": "/shop-web", "State": {"Running": true}}',
        b'[{"id": "a1", "names": ["web", "alias"]}, {"id": "b2", "names": []}]',
        f"web-0_shop_nginx-{DOCKER_ID}.log".encode(),
    ]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [b'"Name": ', b'"names": [', b'"id": ', b"null", b"[" * 3000, b"{", b"}", b"1e999", b"NaN", b"\\ud800", b"9" * 4400, b"\xff"],
        )
    )
