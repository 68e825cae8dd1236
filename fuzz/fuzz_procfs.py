"""Fuzz the text of /proc, and the NFS server's list of ports."""

from __future__ import annotations

import sys

from engine import fuzz  # type: ignore[import-not-found, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def load() -> Callable[[bytes], None]:
    """Every parser of /proc reads the same bytes."""
    from portulan.errors import ParseError
    from portulan.wire import procfs
    from portulan.wire.kernel_ports import parse_nfsd_ports

    parsers: list[Callable[[bytes], object]] = [
        getattr(procfs, name) for name in sorted(vars(procfs)) if name.startswith("parse_") and name != "parse_command"
    ]

    def target(data: bytes) -> None:
        for part in procfs.parse_command(data, 64):
            part.encode()
        for parse in parsers:
            try:
                parse(data)
            except ParseError:
                continue
        assert all(0 <= port < 65_536 for _, port in parse_nfsd_ports(data))

    return target


def seeds() -> list[bytes]:
    """A line of each file."""
    from builders import stat_line  # type: ignore[import-not-found, unused-ignore]

    return [
        stat_line(b") ("),
        b"nginx\0-g\0daemon off;\0",
        b"12:cpu:/x\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
        b"30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n610 23 0:4 net:[4026532001] /run/netns/a\\040b rw - nsfs nsfs rw\n",
        b"Name:\tx\nCapEff:\t000001ffffffffff\n",
        b"32768\t60999\n",
        b"protocol  size sockets  memory\nMPTCPv6   1976      3       0\n",
        b"rdma 20049\ntcp 2049\nudp 2049\n",
    ]


if __name__ == "__main__":
    sys.exit(
        fuzz(
            load,
            seeds,
            [b"9" * 4400, b"net:[", b" - ", b"\\040", "²".encode(), b"\nCapEff:\t", b"0::", b"\x0b", b"\xc2\x85", b") ", b"\xff"],
        )
    )
