"""Ports whose connections a firewall rule sends elsewhere before a local socket is asked: a container's published port, mostly.

The kernel is asked first whether there are such chains at all: that takes a millisecond, and on most machines there are none. What they say is left to the
firewall's own programs, where they are installed and we may.
"""

from __future__ import annotations

import os

from portulan.system.linux.netlink import Netlink
from portulan.system.linux.procfs import read_file
from portulan.wire.nat import parse_iptables_save, parse_nft
from portulan.wire.netlink import parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.nat import Redirect

_NETFILTER, _GET_CHAIN = 12, 10 << 8 | 4  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN (include/uapi/linux/netfilter/nf_tables.h)
_CHAIN_TYPE = 7
_GENERIC_HEADER = bytes(4)  # nfgenmsg: any family
_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin")
_RUNTIMES = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock")
_TIMEOUT_S = 5
_PROGRAMS = (("iptables-save", ("-t", "nat")), ("ip6tables-save", ("-t", "nat")), ("nft", ("-j", "list", "ruleset")))


def find_redirects(port: int, transport: str) -> tuple[Redirect, ...] | None:
    """The rules that send connections to this port elsewhere; None where there may be some and they may not be read."""
    translated = _translates()
    if translated is False:
        return ()
    if translated is None and os.geteuid():
        return None if any(os.path.exists(path) for path in _RUNTIMES) else ()
    texts = [text for name, words in _PROGRAMS if (text := _run(name, words)) is not None]
    if not texts:
        return None
    rules = [rule for text in texts for rule in (parse_nft(text) if text.startswith("{") else parse_iptables_save(text))]
    mine = [rule for rule in rules if rule.transport == transport and rule.first <= port <= rule.last]
    return tuple(dict.fromkeys(mine))


def _translates() -> bool | None:
    """Whether this network namespace has chains that translate addresses; None where we may not ask."""
    if b"nat" in read_file("/proc/thread-self/net/ip_tables_names").split():
        return True
    try:
        with Netlink(_NETFILTER) as netfilter:
            return any(
                parse_attributes(data, start + len(_GENERIC_HEADER), end).get(_CHAIN_TYPE, b"").startswith(b"nat")
                for data, start, end in netfilter.dump(_GET_CHAIN, _GENERIC_HEADER)
            )
    except PermissionError:
        return None
    except OSError:
        return False  # no nf_tables in this kernel


def _run(name: str, words: tuple[str, ...]) -> str | None:
    """What a program of the firewall prints; None where it is not there, or fails."""
    path = next((where for folder in _FOLDERS if os.access(where := os.path.join(folder, name), os.X_OK)), None)
    if path is None:
        return None
    import subprocess

    try:
        done = subprocess.run([path, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
