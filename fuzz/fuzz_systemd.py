"""Fuzz socket units of systemd."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Whatever a unit says, it listens on ports that are."""
    from portulan.wire.systemd import parse_listen

    def target(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        found = parse_listen(text)
        assert all(0 < port < 65_536 for _, _, port in found)
        assert parse_listen(text, found)[: len(found)] in (found, parse_listen(text)[: len(found)])

    return target


def seeds() -> list[bytes]:
    """Units as they are written."""
    return [
        b"[Unit]\nDescription=x\n\n[Socket]\nListenStream=80\nListenDatagram=[::1]:53\n# no\nListenStream=\\\n 127.0.0.1:81\n[Install]\nWantedBy=sockets.target\n",
        b"[Socket]\nListenStream=\nListenStream=/run/x.sock\nListenStream=vsock::1\nListenFIFO=\n",
    ]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [
                b"[Socket]\n",
                b"ListenStream=",
                b"ListenDatagram=",
                b"ListenFIFO=\n",
                b"\\\n",
                b"#",
                b";",
                b"[::]:",
                "²".encode(),
                b"9" * 4400,
                b"65535",
            ],
        )
    )
