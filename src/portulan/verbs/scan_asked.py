"""What a scan was asked for: its words as addresses and ports, with this machine's resolver, files, registry and the user's settings."""

from __future__ import annotations

from portulan.errors import BadInput, PortulanError
from portulan.model.scan import Method
from portulan.scan.ports import choose_ports
from portulan.scan.targets import check_networks, choose
from portulan.system.names import resolve
from portulan.system.registry_file import open_table
from portulan.system.user_config import read_config
from portulan.system.word_files import STDIN, read_words
from portulan.verbs.ports import ports_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.scan.ports import Wanted
    from portulan.scan.targets import Targets


def asked_targets(
    targets: Sequence[str],
    *,
    target_files: Sequence[str] = (),
    exclude: Sequence[str] = (),
    exclude_files: Sequence[str] = (),
    authorized: bool = False,
    own: Iterable[str] = (),
    broadcasts: Iterable[str] = (),
) -> Targets:
    """The addresses to scan. `own`: this host's addresses, which need nobody's word; `broadcasts`: those of its links, which are no hosts.

    Raises BadInput (with file and line for what a file holds), NotPermitted for public addresses that nobody authorized, CannotTell.
    """
    if [*target_files, *exclude_files].count(STDIN) > 1:
        raise BadInput("scan.stdin-twice")
    config = read_config()
    try:
        check_networks(config.authorized)
    except PortulanError as error:
        text = str(error.facts.get("text", ""))
        error.facts.update(file=config.path, line=config.line_of(text))
        raise
    return choose(
        targets,
        resolve=resolve,
        files=[(name, read_words(name)) for name in target_files],
        exclude=exclude,
        exclude_files=[(name, read_words(name)) for name in exclude_files],
        authorized=authorized,
        allowed=config.authorized,
        own=own,
        broadcasts=broadcasts,
        config=config.path,
    )


def asked_ports(ports: str | None, top: int | None, method: Method | None) -> Wanted:
    """The ports to ask, of each transport. Raises BadInput."""
    return choose_ports(ports, top, method, open_table(), ports_named)


def own_networks() -> tuple[list[str], list[str]]:
    """(this host's addresses, the broadcast addresses of its links), as text; nothing of either where they cannot be read."""
    import sys

    if sys.platform != "linux":
        return [], []
    from portulan.model.address import format_address
    from portulan.system.linux.links import read_addresses, read_routes
    from portulan.system.linux.netlink import ROUTE, Netlink

    with Netlink(ROUTE) as netlink:
        # Link-local ones need nobody's word, and mean nothing without their interface.
        own = [format_address(each.address) for each in read_addresses(netlink) if each.address[:2] != b"\xfe\x80"]
        broadcasts = [format_address(each.destination) for each in read_routes(netlink) if each.kind == _BROADCAST]
    return own, broadcasts


_BROADCAST = 3


def own_addresses() -> frozenset[bytes]:
    """This host's addresses, packed; none where they cannot be read."""
    from portulan.system.uplinks import Uplinks

    return Uplinks().own_addresses
