"""Counting established connections per local endpoint in raw sock_diag answers, 50,000 at a time.

Nearly every answer of such a dump has the same length, so the local ports of a whole buffer are one strided view, and no row is ever built.
A buffer with answers of different lengths is walked message by message.
"""

from __future__ import annotations

from collections import Counter
from struct import pack, unpack_from

from portulan.errors import ParseError
from portulan.wire.netlink import DONE, ERROR, HEADER_SIZE, iterate_messages
from portulan.wire.sock_diag import AF_INET, MESSAGE_SIZE, SOCK_DIAG_BY_FAMILY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PORT_AT, _SOURCE_AT = HEADER_SIZE + 4, HEADER_SIZE + 8


def count_connections(buffers: Iterable[bytes], family: int, ports: Collection[int]) -> dict[tuple[int, bytes], int]:
    """(port, packed local address) -> how many sockets, for the wanted local ports. Raises ParseError for a damaged buffer."""
    words = 1 if family == AF_INET else 4
    # Ports stand in network order: compare them as the machine reads them there, and turn only the few results.
    wanted = {unpack_from("=H", pack(">H", port))[0]: port for port in ports}
    counts: Counter[tuple[int, ...]] = Counter()
    for data in buffers:
        length = unpack_from("=I", data)[0] if len(data) >= HEADER_SIZE else 0
        if length < HEADER_SIZE + MESSAGE_SIZE or length % 4 or len(data) % length or not _uniform(data, length):
            counts.update(_walk(data, words, wanted))
            continue
        shorts, longs = memoryview(data).cast("H"), memoryview(data).cast("I")
        columns = [shorts[_PORT_AT // 2 :: length // 2].tolist()]
        columns += [longs[_SOURCE_AT // 4 + word :: length // 4].tolist() for word in range(words)]
        counts.update(key for key in zip(*columns, strict=True) if key[0] in wanted)
    return {(wanted[port], pack(f"={words}I", *address)): count for (port, *address), count in counts.items()}


def _uniform(data: bytes, length: int) -> bool:
    """Whether the buffer is nothing but answers of this length."""
    number = len(data) // length
    view = memoryview(data)
    return (
        view.cast("I")[:: length // 4].tolist() == [length] * number
        and view.cast("H")[2 :: length // 2].tolist() == [SOCK_DIAG_BY_FAMILY] * number
    )


def _walk(data: bytes, words: int, wanted: Collection[int]) -> Iterable[tuple[int, ...]]:
    for kind, _, start, end in iterate_messages(data):
        if kind in (DONE, ERROR):
            continue
        if end - start < MESSAGE_SIZE:
            raise ParseError("sock_diag.truncated", offset=start)
        port = unpack_from("=H", data, start + 4)[0]
        if port in wanted:
            yield (port, *unpack_from(f"={words}I", data, start + 8))
