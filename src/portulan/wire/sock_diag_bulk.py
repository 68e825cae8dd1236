"""sock_diag answers by the hundred thousand, as columns: numpy reads what a loop would build one by one.

Answers of a dump come in few lengths. Each buffer is cut into runs of one length, and a run is one strided view; only where lengths change is anything
walked.
"""

from __future__ import annotations

from struct import pack, unpack_from

import numpy as np

from portulan.errors import ParseError
from portulan.wire.netlink import DONE, ERROR, HEADER_SIZE, align
from portulan.wire.sock_diag import AF_INET, MESSAGE_SIZE, SOCK_DIAG_BY_FAMILY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

ROW = np.dtype(
    [
        ("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1"), ("port", ">u2"), ("peer_port", ">u2"),
        ("source", "u1", 16), ("destination", "u1", 16), ("device", "=u4"), ("cookie", "=u8"), ("expires_ms", "=u4"), ("rqueue", "=u4"),
        ("wqueue", "=u4"), ("uid", "=u4"), ("inode", "=u4"),
    ]
)  # fmt: skip
"""`inet_diag_msg`, 72 bytes, fields as in `model.survey.Row`; the attributes behind it are left where they are."""
assert ROW.itemsize == MESSAGE_SIZE


def parse_bulk(buffers: Iterable[bytes]) -> NDArray[np.void]:
    """All answers as one array of ROW. Raises ParseError for a damaged buffer."""
    parts = [rows for data in buffers for _, _, _, rows in _runs(data)]
    return np.concatenate(parts) if parts else np.empty(0, ROW)


def find_ports(data: bytes, ports: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(start, end) of the payload of each answer whose local port is wanted, in their order. Raises ParseError for a damaged buffer."""
    wanted = np.zeros(1 << 16, bool)
    wanted[list(ports)] = True
    for offset, step, length, rows in _runs(data):
        for at in np.flatnonzero(wanted[rows["port"]]).tolist():
            start = offset + at * step
            yield start + HEADER_SIZE, start + length


def _runs(data: bytes) -> Iterator[tuple[int, int, int, NDArray[np.void]]]:
    """A buffer's answers by runs of equal lengths: where the run begins, bytes from one to the next, bytes of each, and the rows."""
    offset, size = 0, len(data)
    while offset < size:
        if size - offset < HEADER_SIZE:
            raise ParseError("netlink.truncated", offset=offset)
        length, kind = unpack_from("=IH", data, offset)
        if not HEADER_SIZE <= length <= size - offset:
            raise ParseError("netlink.truncated", offset=offset)
        if kind in (DONE, ERROR):
            offset += align(length)
            continue
        if length < HEADER_SIZE + MESSAGE_SIZE:
            raise ParseError("sock_diag.truncated", offset=offset)
        step = align(length)
        count = _run_length(data, offset, step, length, kind)
        shape = np.dtype({"names": ["row"], "formats": [ROW], "offsets": [HEADER_SIZE], "itemsize": step})
        rows = np.frombuffer(data, shape, count, offset)["row"] if offset + count * step <= size else _last(data, offset, step, count)
        yield offset, step, length, rows
        offset += count * step


def _run_length(data: bytes, offset: int, step: int, length: int, kind: int) -> int:
    """How many messages of this length and type follow one another from here."""
    most = max(1, (len(data) - offset) // step)
    head = np.dtype({"names": ["length", "type"], "formats": ["=u4", "=u2"], "offsets": [0, 4], "itemsize": step})
    heads = np.frombuffer(data, head, most, offset) if offset + most * step <= len(data) else np.empty(0, head)
    other = np.flatnonzero((heads["length"] != length) | (heads["type"] != kind))
    return int(other[0]) if other.size else max(1, len(heads))


def _last(data: bytes, offset: int, step: int, count: int) -> NDArray[np.void]:
    """A run whose last message has no padding behind it."""
    padded = data[offset:] + bytes(count * step - (len(data) - offset))
    shape = np.dtype({"names": ["row"], "formats": [ROW], "offsets": [HEADER_SIZE], "itemsize": step})
    rows: NDArray[np.void] = np.frombuffer(padded, shape, count)["row"]
    return rows


def build_sample(number: int) -> bytes:
    """`number` established IPv4 sockets with inodes 1 to `number`, as the kernel would list them (attributes: SHUTDOWN, CGROUP_ID, SOCKOPT)."""
    attributes = pack("=HHI", 5, 8, 0) + pack("=HHQ", 12, 21, 1) + pack("=HHI", 6, 22, 0)
    step = HEADER_SIZE + MESSAGE_SIZE + len(attributes)
    shape = np.dtype({"names": ["length", "type", "row"], "formats": ["=u4", "=u2", ROW], "offsets": [0, 4, HEADER_SIZE], "itemsize": step})
    messages = np.zeros(number, shape)
    messages["length"], messages["type"] = step, SOCK_DIAG_BY_FAMILY
    row = messages["row"]
    row["family"], row["state"] = AF_INET, 1
    row["inode"] = np.arange(1, number + 1, dtype=np.uint32)
    row["port"] = np.arange(number, dtype=np.uint32) % 65536
    raw = messages.view(np.uint8).reshape(number, step)
    raw[:, HEADER_SIZE + MESSAGE_SIZE :] = np.frombuffer(attributes, np.uint8)
    return raw.tobytes()
