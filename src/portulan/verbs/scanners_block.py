"""Scanners shut out for a while by a timed element of a set in the kernel; and who never is."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from portulan.errors import BadInput, CannotTell, PortulanError
from portulan.model.scanner import Block, Verdict
from portulan.system.firewall import blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from portulan.model.policy import Source
    from portulan.model.scanner import Scanner

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

PERSON, OWN, NEAR, NEVER, FULL = "person", "own", "near", "never", "full"
LEAST_S, MOST_S = 10, 31 * 86_400
USUAL_S = 600
_SOMEWHERE = (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
"""Addresses of nobody (RFC 5737, RFC 3849): the way to them is the way to everybody."""
_RESOLVERS = "/etc/resolv.conf"
_MOST_BYTES = 1 << 16


class Blocker:
    """Blocks the sources of scanners for so many seconds each."""

    def __init__(self, seconds: int = USUAL_S, *, never: Iterable[str] = (), policy: str | None = None) -> None:
        """`never`: addresses and networks that are spared; so are those of `[settings] never-block` of the policy, where there is one.

        Raises BadInput, and what reading the policy raises; CannotTell and NotPermitted where the kernel does not let us.
        """
        if not LEAST_S <= seconds <= MOST_S:
            raise BadInput("blocks.time", text=str(seconds), least=LEAST_S, most=MOST_S)
        self.seconds = seconds
        self._never: list[Network] = [_network(text) for text in never]
        self._spans = _spans(_never_block(policy))
        self._done: dict[str, Block] = {}
        blocks.prepare()

    def block(self, scanner: Scanner) -> Scanner:
        """The same with what became of its sources: all that are new are blocked now, or spared. Raises CannotTell, NotPermitted."""
        if scanner.verdict is not Verdict.SCANNER:
            return scanner
        new = [source for source in scanner.sources if source not in self._done]
        if new:
            spared = self._reasons()
            for source in new:
                self._done[source] = self._one(source, spared)
        return scanner._replace(blocks=tuple(self._done[source] for source in scanner.sources))

    def _one(self, source: str, spared: Callable[[Address], str | None]) -> Block:
        address = ip_address(source)
        why = spared(address)
        if why is not None:
            return Block(source, None, why)
        until = datetime.now(UTC) + timedelta(seconds=self.seconds)
        if not blocks.shut_out(address.version, source, self.seconds):
            return Block(source, None, FULL)
        return Block(source, until)

    def _reasons(self) -> Callable[[Address], str | None]:
        """What tells why an address is spared, by what this host knows at this moment."""
        own, near, persons = _own(), _near(), _persons()

        def why(address: Address) -> str | None:
            if address in persons:
                return PERSON
            if address in own or address.is_loopback or address.is_unspecified or address.is_multicast:
                return OWN
            if address in near:
                return NEAR
            spans = self._spans[address.version]
            if any(address in network for network in self._never) or any(first <= int(address) <= last for first, last in spans):
                return NEVER
            return None

        return why


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadInput("blocks.never", text=text) from None


def _never_block(policy: str | None) -> tuple[Source, ...]:
    """Of the policy that is named, or of the usual one if there is one."""
    from os.path import lexists

    from portulan.verbs.guard_policy import find_policy, load_policy

    if policy is None and not lexists(find_policy()):
        return ()
    return load_policy(policy).never_block


def _spans(sources: Iterable[Source]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for source in sources:
        for part in source.parts:
            assert part.addresses is not None, "the reader of policies takes no others"
            found[4] += part.addresses.v4
            found[6] += part.addresses.v6
    return found


def _own() -> set[Address]:
    """Addresses of this host, in this network namespace. Raises CannotTell."""
    from portulan.system.linux.network import read_network

    return {
        ip_address(address.number.to_bytes(4 if address.version == 4 else 16))
        for link in read_network().links
        for address, _ in link.addresses
    }


def _near() -> set[Address]:
    """The routers that lead everywhere, and the name servers that this host asks."""
    from portulan.system.linux.procfs import read_file
    from portulan.system.linux.route import find_way

    found: set[Address] = set()
    for somewhere in _SOMEWHERE:
        with suppress(PortulanError):
            way = find_way(somewhere.packed)
            if not way.on_link:
                found.add(ip_address(way.next_hop))
    for line in read_file(_RESOLVERS, _MOST_BYTES).decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            with suppress(ValueError):
                found.add(ip_address(words[1].partition("%")[0]))
    return found


def _persons() -> set[Address]:
    """Where this command was started from, and whoever is logged in by ssh, as far as may be seen. Raises CannotTell."""
    from portulan.system.linux.login import read_logins, read_peer

    peer = read_peer()
    found: set[Address] = set() if peer is None else {_plain(ip_address(peer.address))}
    try:
        return found | {ip_address(packed) for packed in read_logins()}
    except OSError as error:  # nobody is shut out unless it is known who that is not
        raise CannotTell("blocks.persons", reason=error.strerror or str(error)) from error


def _plain(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address
