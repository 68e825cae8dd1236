"""Small things made to happen on the loopback, so that they can be shown: packets, a conflict, open and closed ports. On numbers the kernel picks; nothing stays."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic

from portulan.errors import PortulanError, failed
from portulan.model.port import LAST_USER
from portulan.model.record import Record
from portulan.wire.dissect import dissect
from portulan.wire.icmp import build_echo
from portulan.wire.sample_frames import build_echo_frame, build_tcp_frame, build_udp_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HERE = "127.0.0.1"
_PACKED = b"\x7f\0\0\1"
_ALL_FRAMES = 0x0003
"""ETH_P_ALL (linux/if_ether.h)."""
_WAIT_S = 0.5
_LONGEST = 1 << 16
_SEQUENCE = 1
_WEB = 80
_TRIES = 8
_MOST_TRIES = 64
"""Of the usual range of clients two in five numbers are dynamic ports."""


class Frame(Record):
    """One frame of the loopback, from its link-layer header on."""

    name: str
    """`udp`, `tcp`, `icmp`."""
    data: bytes
    captured: bool
    """False: it could not be captured, and was put together here."""


class Overheard(Record):
    """What was said, and whether it could be listened to."""

    frames: tuple[Frame, ...]
    deaf: str | None
    """Why nothing could be captured: `forbidden`, `linux-only`; `nothing-came`: something between the two sockets keeps packets from us. None: all was."""


def overhear() -> Overheard:
    """Send a UDP datagram, a TCP segment and an ICMP echo from this host to itself, and capture them. Raises MachineFailed."""
    with ExitStack() as stack:
        ear, deaf = _ear(stack)
        try:
            frames = [_udp(ear, stack), _tcp(ear, stack), _echo(ear, stack)]
        except OSError as error:
            raise failed("send over", "the loopback", error) from error
    if deaf is None and not all(frame.captured for frame in frames):
        deaf = "nothing-came"
    return Overheard(tuple(frames), deaf)


def _ear(stack: ExitStack) -> tuple[socket.socket | None, str | None]:
    """A socket that is given every frame of the loopback; or why there is none."""
    if not hasattr(socket, "AF_PACKET"):
        return None, "linux-only"
    try:
        ear = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        ear.bind(("lo", _ALL_FRAMES))
    except OSError:  # without CAP_NET_RAW; or in a network namespace without a loopback
        return None, "forbidden"
    ear.setblocking(False)
    return ear, None


def _heard(ear: socket.socket | None, is_it: Callable[[bytes], bool]) -> bytes | None:
    """The first frame that is the one meant; None where it does not come in time."""
    end_s = monotonic() + _WAIT_S
    while ear is not None and (left_s := end_s - monotonic()) > 0:
        if not select.select([ear], [], [], left_s)[0]:
            break
        with suppress(BlockingIOError):
            frame = ear.recv(_LONGEST)
            if is_it(frame):
                return frame
    return None


def _between(source_port: int, port: int, transport: str) -> Callable[[bytes], bool]:
    """Whether a frame carries data from the one port to the other."""

    def is_it(frame: bytes) -> bool:
        layers = dissect(frame)
        ports = [field.value for layer in layers if layer.code == transport for field in layer.fields if field.is_port]
        return ports == [str(source_port), str(port)] and layers[-1].code == "data"

    return is_it


def _udp(ear: socket.socket | None, stack: ExitStack) -> Frame:
    receiver = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    receiver.bind((_HERE, 0))
    sender.bind((_HERE, 0))
    source_port, port = sender.getsockname()[1], receiver.getsockname()[1]
    data = f"Hello, port {port}".encode()
    sender.sendto(data, (_HERE, port))
    found = _heard(ear, _between(source_port, port, "udp"))
    return Frame("udp", found or build_udp_frame(_PACKED, source_port, _PACKED, port, data), found is not None)


def _tcp(ear: socket.socket | None, stack: ExitStack) -> Frame:
    listener = stack.enter_context(socket.socket())
    client = stack.enter_context(socket.socket())
    listener.bind((_HERE, 0))
    listener.listen(1)
    client.settimeout(_WAIT_S)
    client.connect(listener.getsockname())
    source_port, port = client.getsockname()[1], listener.getsockname()[1]
    data = f"Hello, port {port}".encode()
    client.sendall(data)
    found = _heard(ear, _between(source_port, port, "tcp"))
    return Frame("tcp", found or build_tcp_frame(_PACKED, source_port, _PACKED, port, data, sequence=_SEQUENCE), found is not None)


def _echo(ear: socket.socket | None, stack: ExitStack) -> Frame:
    """An echo leaves only where we may listen anyway: both take the same right."""
    identifier, data = os.getpid() & 0xFFFF, b"Hello, anybody there?"
    found = None
    if ear is not None:
        message = build_echo(4, identifier, _SEQUENCE, data)
        with suppress(PermissionError):
            raw = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
            raw.sendto(message, (_HERE, 0))
            found = _heard(ear, lambda frame: frame.endswith(message))
    return Frame("icmp", found or build_echo_frame(_PACKED, _PACKED, identifier, _SEQUENCE, data), found is not None)


class Clash(Record):
    """Two programs that wanted one port."""

    port: int
    told: str
    """What the kernel told the second (`EADDRINUSE`); empty where it let both have it."""
    closed: bool
    """It happened in a sandbox, where the port could be that of the web; else on the loopback, on a number that is nobody's."""


@contextmanager
def conflict() -> Iterator[Clash]:
    """Two programs that want one port, as long as this is open: in a sandbox, with this thread inside, where one may be made; else on the loopback. Raises MachineFailed."""
    with ExitStack() as opened:
        closed = _enter_sandbox(opened)
        try:
            first = opened.enter_context(socket.socket()) if closed else _private_socket(opened)
            if closed:
                first.bind((_HERE, _WEB))
            first.listen(1)
        except OSError as error:
            raise failed("listen on", "the loopback", error) from error
        port = first.getsockname()[1]
        told = ""
        with socket.socket() as second:
            try:
                second.bind((_HERE, port))
            except OSError as error:
                told = errno.errorcode.get(error.errno or 0, str(error.errno))
        yield Clash(port, told, closed)


def _enter_sandbox(opened: ExitStack) -> bool:
    """Go to a host of a network of its own, if this user may make one."""
    with ExitStack() as made:
        try:
            from portulan.system.sandbox import Sandbox  # ctypes, /proc/self/ns: elsewhere than on Linux there is no such thing

            host = made.enter_context(Sandbox()).host("shop")
            made.enter_context(host.enter())
        except (ImportError, PortulanError):
            return False
        opened.push(made.pop_all())
    return True


def _private_socket(opened: ExitStack) -> socket.socket:
    """A TCP socket on a port that is nobody's by the registry (RFC 6335 6: dynamic), if the kernel hands one out: no name is to be read into it. Raises OSError."""
    for _ in range(_MOST_TRIES):
        found = opened.enter_context(socket.socket())
        found.bind((_HERE, 0))
        if found.getsockname()[1] > LAST_USER:
            break
        opened.close()
    else:
        found = opened.enter_context(socket.socket())
        found.bind((_HERE, 0))
    return found


@contextmanager
def two_doors() -> Iterator[tuple[int, int]]:
    """A TCP port on which somebody listens, and one that is held shut, on 127.0.0.1 as long as this is open. Raises MachineFailed."""
    with socket.socket() as listener, socket.socket() as holder:
        try:
            listener.bind((_HERE, 0))
            listener.listen(8)
            holder.bind((_HERE, 0))
        except OSError as error:
            raise failed("listen on", "the loopback", error) from error
        yield listener.getsockname()[1], holder.getsockname()[1]


def one_number_twice() -> int | None:
    """A number that was just bound for TCP and for UDP at once; None where several tries met numbers that somebody has for UDP. Raises MachineFailed."""
    for _ in range(_TRIES):
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind((_HERE, 0))
            except OSError as error:
                raise failed("bind on", "the loopback", error) from error
            with suppress(OSError):
                datagrams.bind(stream.getsockname())
                return int(stream.getsockname()[1])
    return None


def clients_ports(count: int) -> tuple[int, tuple[int, ...]]:
    """The port of a server on the loopback, and those that the kernel gives to so many clients of it that ask for none. Raises MachineFailed."""
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.socket())
            listener.bind((_HERE, 0))
            listener.listen(count)
            found = []
            for _ in range(count):
                client = stack.enter_context(socket.socket())
                client.settimeout(_WAIT_S)
                client.connect(listener.getsockname())
                found.append(client.getsockname()[1])
            return listener.getsockname()[1], tuple(found)
        except OSError as error:
            raise failed("connect over", "the loopback", error) from error
