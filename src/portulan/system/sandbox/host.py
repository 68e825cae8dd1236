"""A host of a sandbox: a network namespace of its own, a host name of its own, and the processes started there."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from portulan.errors import BadInput, CannotTell, failed
from portulan.system.linux.links import add_route, set_up
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.syscall import CLONE_NEWNET, setns
from portulan.system.sandbox.errand import in_thread
from portulan.system.sandbox.quarters import Quarters, Root
from portulan.wire.rtnetlink import LOCAL, LOOPBACK, UNREACHABLE, Hop, Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portulan.system.sandbox.mark import Mark
    from portulan.system.sandbox.routes import AddressOnLink, Network

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LISTENING, _BOUND = "0A", "07"

# A host answers at once and says nothing unasked: no duplicate detection, no solicitations, and no check that would refuse a second path.
_SETTINGS = {
    "net/ipv6/conf/default/accept_dad": "0", "net/ipv6/conf/default/dad_transmits": "0",
    "net/ipv6/conf/default/router_solicitations": "0", "net/ipv6/conf/default/accept_ra": "0", "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0",
}  # fmt: skip
_FORWARDING = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
_NO_FORWARDING = {"net/ipv4/ip_forward": "0"}  # a namespace may begin with the machine's own setting


class Host(Quarters):
    """Made by `Sandbox.host` and `Sandbox.router`; lives until the sandbox ends."""

    def __init__(self, name: str, mark: Mark, *, forwards: bool, root: Root | None) -> None:
        """Open the namespaces and bring the loopback up. Raises BadInput (name), MachineFailed."""
        if not _NAME.fullmatch(name):
            raise BadInput("sandbox.name", name=name)
        super().__init__(name, mark, network=True, root=root)
        self.forwards = forwards
        self.addresses: tuple[AddressOnLink, ...] = ()
        """All addresses given by links, in their order."""
        try:
            self.has_ipv6, self.netlink = in_thread(self._settle)
            set_up(self.netlink, LOOPBACK)
        except BaseException:
            super().close()
            raise

    def _settle(self) -> tuple[bool, Netlink]:
        """In a thread of this namespace: its settings. Returns whether there is IPv6, and a netlink socket that stays."""
        setns(self.netns, CLONE_NEWNET)
        has_ipv6 = Path("/proc/sys/net/ipv6/conf/all").exists()
        for name, value in {**_SETTINGS, **(_FORWARDING if self.forwards else _NO_FORWARDING)}.items():
            if has_ipv6 or "/ipv6/" not in name:
                _write_setting(name, value)
        return has_ipv6, Netlink(ROUTE)

    # Where it is

    @property
    def address(self) -> str:
        """The first IPv4 address. Raises BadInput when it has none."""
        return self._first(4)

    @property
    def address6(self) -> str:
        """The first IPv6 address. Raises BadInput when it has none."""
        return self._first(6)

    def _first(self, version: int) -> str:
        for each in self.addresses:
            if each.version == version:
                return str(each.ip)
        raise BadInput("sandbox.no-address", host=self.name, version=version)

    @property
    def netns(self) -> int:
        """An open descriptor of the network namespace; it is closed with the sandbox."""
        assert self._net is not None
        return self._net

    @property
    def netns_path(self) -> str:
        """A path that enters the network namespace, for other programs too, as long as this process keeps the sandbox."""
        return f"/proc/{os.getpid()}/fd/{self.netns}"

    @property
    def netns_inode(self) -> int:
        """The number that /proc shows for the network namespace."""
        return os.fstat(self.netns).st_ino

    # What it knows

    def set(self, name: str, value: object) -> None:
        """Set a kernel setting of this network namespace: `net.ipv4.ip_local_port_range`. Raises BadInput, MachineFailed."""
        path = name.replace(".", "/") if "/" not in name else name
        if not path.startswith("net/") or ".." in path:
            raise BadInput("sandbox.setting", name=name)

        def work() -> None:
            setns(self.netns, CLONE_NEWNET)
            _write_setting(path, str(value))

        in_thread(work)

    def route(self, destination: str, via: str | Sequence[str]) -> None:
        """Reach a network through a gateway, or share it between several. Raises BadInput, for a default route too: a sandbox is closed."""
        network = _network(destination)
        gateways = [via] if isinstance(via, str) else list(via)
        try:
            hops = tuple(Hop(ip_address(gateway).packed) for gateway in gateways)
        except ValueError as error:
            raise BadInput("sandbox.address", text=str(via), reason=str(error)) from error
        add_route(self.netlink, Route(network.network_address.packed, network.prefixlen, hops))

    def answer_for(self, network: str) -> None:
        """Let this one host be every address of a network: a whole /16 of neighbours at no cost. Raises BadInput, MachineFailed.

        A server that names the IPv6 address it answers from needs `set("net.ipv6.ip_nonlocal_bind", 1)` besides.
        """
        whole = _network(network)
        add_route(self.netlink, Route(whole.network_address.packed, whole.prefixlen, (Hop(None, LOOPBACK),), LOCAL))

    def refuse(self, network: str) -> None:
        """Answer whoever asks for a way to a network that there is none. Raises BadInput, MachineFailed."""
        whole = _network(network)
        add_route(self.netlink, Route(whole.network_address.packed, whole.prefixlen, (), UNREACHABLE))

    def attach(self, addresses: tuple[AddressOnLink, ...]) -> None:
        """Take note of the addresses of a new link; the sandbox calls this."""
        self.addresses += addresses

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Let this thread, and no other, be on this host: sockets opened now stay here when the thread is back home."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self.netns, CLONE_NEWNET)
            try:
                yield
            finally:
                setns(home, CLONE_NEWNET)
        finally:
            os.close(home)

    def wait_for_port(self, port: int, *, transport: str = "tcp", timeout_s: float | None = None) -> None:
        """Wait until somebody listens on a TCP port, or has bound a UDP port. Raises CannotTell when nobody does in time."""
        patience_s = self.patience_s if timeout_s is None else timeout_s
        wanted = _LISTENING if transport == "tcp" else _BOUND

        def look() -> bool:
            setns(self.netns, CLONE_NEWNET)
            deadline = time.monotonic() + patience_s
            while not any(_has_port(f"/proc/thread-self/net/{transport}{version}", port, wanted) for version in ("", "6")):
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.002)
            return True

        if not in_thread(look):
            raise CannotTell("sandbox.silent-port", host=self.name, port=f"{port}/{transport}", timeout_s=patience_s)

    def close(self) -> None:
        """Let go of everything; the network is gone when its last process is."""
        self.netlink.close()
        super().close()


def _write_setting(path: str, value: str) -> None:
    try:
        Path("/proc/sys", path).write_text(value, encoding="ascii")
    except OSError as error:
        raise failed("set", path, error) from error


def _network(text: str) -> Network:
    """Read an IPv4 or IPv6 network that is not everything. Raises BadInput."""
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise BadInput("sandbox.address", text=text, reason=str(error)) from error
    if not network.prefixlen:
        raise BadInput("sandbox.default-route", text=text)
    return network


def _has_port(path: str, port: int, state: str) -> bool:
    """Whether a table of /proc/net (Documentation/networking/proc_net_tcp.rst) has a local port in a state."""
    try:
        with Path(path).open(encoding="ascii") as file:
            next(file)
            return any(fields[1].endswith(f":{port:04X}") and fields[3] == state for fields in map(str.split, file))
    except OSError:
        return False
