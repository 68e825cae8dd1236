"""The kernel's table of connections, which a scan by sockets of this host fills: how much is free, and how long each entry stays."""

from __future__ import annotations

import socket
import time

from portulan.model.tracking import Tracking
from portulan.system.linux.procfs import read_file

_FOLDER = "/proc/sys/net/netfilter/nf_conntrack_"
_TRIALS = 2
_SOON_S = 0.001


def read_tracking() -> Tracking | None:
    """The table, or None where this namespace tracks no connections: the kernel cannot, or no rule here asks for it."""
    most = _number("max")
    if most is None or not _is_active():
        return None
    return Tracking(
        most=most,
        held=_number("count") or 0,
        syn_sent_s=float(_number("tcp_timeout_syn_sent") or 120),
        close_s=float(_number("tcp_timeout_close") or 10),
        udp_s=float(_number("udp_timeout") or 30),
    )


def read_count() -> int:
    """Entries of this namespace now."""
    return _number("count") or 0


def _number(name: str) -> int | None:
    text = read_file(_FOLDER + name, 32).strip()
    return int(text) if text.isdigit() else None


def _is_active() -> bool:
    """Whether packets of this namespace are entered: the module may be there for others only.

    Where the table is empty, a few datagrams to ourselves tell: they stay for half a minute where they are tracked. Nothing leaves this host.
    """
    if _number("count"):
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.bind(("127.0.0.1", 0))
            for _ in range(_TRIALS):
                one.sendto(b"", one.getsockname())
                if _number("count"):
                    return True
                time.sleep(_SOON_S)
        except OSError:  # without a loopback nothing can be tried: take it as active, which only makes a scan slower
            return True
    return bool(_number("count"))
