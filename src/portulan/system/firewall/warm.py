"""Connection tracking, warmed up: on a host whose rules never asked for it, every connection that runs would look like a stranger's to the first rule that does."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from portulan.errors import CannotTell, failed
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Selection
from portulan.system.firewall.load import load_script
from portulan.system.firewall.running import FAMILY, WARM
from portulan.system.linux.dumps import parse_dumps, read_dumps
from portulan.system.linux.tracked import enter_running, find_tracked, own_connections
from portulan.wire.ctnetlink import UDP, Tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SEEN_S = 1.0
"""How long flows without a socket of this host are given to be seen."""
_CHAIN = "    chain {hook} {{\n        type filter hook {hook} priority filter; policy accept;\n        ct state established,related accept\n    }}\n"
TEXT = f"table {FAMILY} {WARM} {{\n" + "".join(_CHAIN.format(hook=hook) for hook in ("prerouting", "output")) + "}\n"
REMOVAL = f"add table {FAMILY} {WARM}\ndelete table {FAMILY} {WARM}\n"
"""Takes the chains away, whether they are there or not."""
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def warm_up(wait_s: float = SEEN_S) -> int:
    """Let every connection that runs be known to the kernel's table; returns how many had to be entered. The chains stay: `REMOVAL` takes them away.

    Raises CannotTell, NotPermitted, MachineFailed.
    """
    active = all(_is_tracked(family, address) for family, address in _LOOPBACKS)
    load_script(REMOVAL + TEXT)
    entered = 0
    with suppress(CannotTell):  # a kernel that does not take entries: what speaks in time is seen all the same
        entered = enter_running(_openers_first())
    if not active:
        time.sleep(wait_s)
        with suppress(CannotTell):
            entered += enter_running(_openers_first())  # what began between the first look and the chains
    return entered


def _openers_first() -> Iterator[Tuple]:
    """This host's connections, each in the direction in which it was opened: who listens on the port was called."""
    listening = listening_ports()
    for connection, row in own_connections():
        yield connection.turned if row.port in listening.get(row.transport, ()) else connection


def _is_tracked(family: socket.AddressFamily, address: str) -> bool:
    """Whether packets are entered into the table: a datagram to ourselves tells. Where none can be sent, there is nothing to warm up."""
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.bind((address, 0))
            own = one.getsockname()
            one.sendto(b"", own)
            packed = socket.inet_pton(family, address)
            return find_tracked(Tuple(UDP, packed, own[1], packed, own[1])) is not None
        except OSError:
            return True
        except CannotTell:
            return False


def listening_ports() -> dict[Transport, frozenset[int]]:
    """TCP and UDP ports on which somebody listens in this thread's namespace. Raises MachineFailed."""
    try:
        dumps, _ = read_dumps(None, Selection())
    except OSError as error:
        raise failed("sock_diag", "this network namespace", error) from error
    rows = [row for row in parse_dumps(dumps, None) if row.state in (State.LISTENING, State.BOUND)]
    return {transport: frozenset(row.port for row in rows if row.transport is transport) for transport in (Transport.TCP, Transport.UDP)}
