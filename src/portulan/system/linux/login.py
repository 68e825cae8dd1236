"""The ssh connection that this process was started through, and whether the kernel still has it."""

from __future__ import annotations

import os
from hashlib import blake2b
from ipaddress import ip_address

from portulan.model.chart import State
from portulan.model.guard_life import Peer
from portulan.model.port import Transport
from portulan.model.survey import Selection
from portulan.system.linux.dumps import parse_dumps, read_dumps
from portulan.system.linux.procfs import list_pids, read_file, read_parents
from portulan.system.linux.tracked import plain
from portulan.wire.ctnetlink import TCP, Tuple

_ENVIRONMENT_BYTES = 1 << 20
_DIGEST_BYTES = 8
_VARIABLE = b"SSH_CONNECTION="


def read_peer() -> Peer | None:
    """The nearest SSH_CONNECTION (ssh(1), ENVIRONMENT) of this process and those above it: sudo takes it away. None: it was not started through ssh, as far as may be seen."""
    texts = [os.environb.get(b"SSH_CONNECTION", b"")]
    texts += [_of_process(parent.pid) for parent in read_parents(os.getpid())]
    return next((peer for text in texts if (peer := parse_peer(text)) is not None), None)


def read_logins() -> set[bytes]:
    """Packed addresses (4 or 16 bytes) that somebody is logged in from by ssh: a process was started through a connection, and the kernel still has it. Raises OSError."""
    connected = {(one.source, one.source_port, one.target_port) for one in incoming()}
    peers = {peer for pid in list_pids() if (peer := parse_peer(_of_process(pid))) is not None}
    packed = {(plain(ip_address(peer.address).packed), peer.port, peer.own_port) for peer in peers}
    return {address for address, port, own_port in packed if (address, port, own_port) in connected}


def _of_process(pid: int) -> bytes:
    for line in read_file(f"/proc/{pid}/environ", _ENVIRONMENT_BYTES).split(b"\0"):
        if line.startswith(_VARIABLE):
            return line.removeprefix(_VARIABLE)
    return b""


def parse_peer(text: bytes) -> Peer | None:
    """`client-address client-port server-address server-port`; None for anything else."""
    fields = text.decode("ascii", "replace").split()
    if len(fields) != 4 or not (fields[1].isdigit() and fields[3].isdigit()):
        return None
    try:
        addresses = [str(ip_address(field.partition("%")[0])) for field in (fields[0], fields[2])]
    except ValueError:
        return None
    return Peer(addresses[0], int(fields[1]), addresses[1], int(fields[3]))


def tuple_of(peer: Peer) -> Tuple:
    """The connection as its first packet had it."""
    packed = (plain(ip_address(each).packed) for each in (peer.address, peer.own_address))
    source, target = packed
    return Tuple(TCP, source, peer.port, target, peer.own_port)


def digest(connection: Tuple) -> str:
    """A connection, briefly."""
    text = b"|".join((connection.source, b"%d" % connection.source_port, connection.target, b"%d" % connection.target_port))
    return blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()


def incoming() -> list[Tuple]:
    """TCP connections to ports on which somebody listens here, those too that nobody has accepted yet, as their first packets had them. Raises OSError."""
    dumps, _ = read_dumps(None, Selection(transports=(Transport.TCP,), every_state=True))
    rows = parse_dumps(dumps, None)
    listening = {row.port for row in rows if row.state is State.LISTENING}
    return [
        Tuple(TCP, plain(row.destination), row.peer_port, plain(row.source), row.port)
        for row in rows
        if row.peer_port and row.port in listening and row.state not in (State.LISTENING, State.BOUND)
    ]
