"""Which process a port goes to, as it happens: loads the programs of `wire.socket_events` and reads what they write.

Needs what `system.linux.bpf` needs, to be loaded; once it runs, no rights at all.
"""

from __future__ import annotations

import mmap
import os
import select
from contextlib import suppress
from struct import pack, unpack_from

from portulan.errors import CannotTell
from portulan.system.linux import bpf
from portulan.system.linux.syscall import syscall
from portulan.wire.socket_events import NEEDED, STRUCTS, TRACEPOINTS, build_program, record_parser, ring_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.socket_events import Happening

_MAP_CREATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 5, 17
_ARRAY, _LEAST_USED_HASH, _RING_BUFFER = 2, 9, 27
_MAPPED = 1 << 10
"""BPF_F_MMAPABLE (include/uapi/linux/bpf.h)."""
_TYPE_TRACING, _TRACE_RAW_TRACEPOINT = 26, 23
_RING = 1 << 22
"""Bytes: some twenty thousand events that we have not yet read."""
_AT_ONCE = 20_000
_KNOWN = 1 << 14
"""UDP sockets that are remembered, so that each is told once."""


class SocketEvents:
    """Listens from when it is made until it is closed. A context manager."""

    def __init__(self) -> None:
        """Raises NotPermitted, CannotTell where this kernel or our rights do not let us. `missing`: tracepoints that this kernel does not have."""
        bpf.check()
        at = bpf.kernel_offsets(STRUCTS, TRACEPOINTS, NEEDED, "btf-sockets")
        self._open: list[int] = []
        self.missing = [name for name in TRACEPOINTS if name not in at]
        try:
            self._ring = self._keep(_bpf(_MAP_CREATE, pack("<IIIII", _RING_BUFFER, 0, 0, _RING, 0)))
            known = self._keep(_bpf(_MAP_CREATE, pack("<IIIII", _LEAST_USED_HASH, 8, 8, _KNOWN, 0)))
            lost = self._keep(_bpf(_MAP_CREATE, pack("<IIIII", _ARRAY, 4, 8, 1, _MAPPED)))
            page = mmap.PAGESIZE
            self._lost = mmap.mmap(lost, page, mmap.MAP_SHARED, mmap.PROT_READ)
            for name in TRACEPOINTS:
                if name in at:
                    self._attach(build_program(name, at, self._ring, known, lost), at[name])
            self._consumed = mmap.mmap(self._ring, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._data = mmap.mmap(self._ring, page + 2 * _RING, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        except OSError as error:
            self.close()
            raise CannotTell("bpf.refused", reason=str(error)) from error
        self._records = memoryview(self._data)[page:]
        self._size, self._parse = record_parser(at)
        self._poll = select.poll()
        self._poll.register(self._ring, select.POLLIN)

    def __enter__(self) -> SocketEvents:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _attach(self, code: bytes, tracepoint: int) -> None:
        import ctypes

        steps, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
        program = self._keep(_bpf(_PROG_LOAD, pack(
            "<IIQQIIQII16sIIIIQIIQIII", _TYPE_TRACING, len(code) // 8, ctypes.addressof(steps), ctypes.addressof(licence), 0, 0, 0, 0, 0,
            b"portulan", 0, _TRACE_RAW_TRACEPOINT, 0, 0, 0, 0, 0, 0, 0, tracepoint, 0,
        )))  # fmt: skip
        self._keep(_bpf(_RAW_TRACEPOINT_OPEN, pack("<QII", 0, program, 0)))

    def fileno(self) -> int:
        """To wait for together with other things."""
        return self._ring

    @property
    def lost(self) -> int:
        """How much has happened that found no room: it was not read in time."""
        count: int = unpack_from("=Q", self._lost)[0]
        return count

    def read(self) -> list[Happening]:
        """What has happened since, in its order: at most `_AT_ONCE`, the rest the next time."""
        consumed, produced = unpack_from("=Q", self._consumed)[0], unpack_from("=Q", self._data)[0]
        came = []
        for start, length, after in ring_records(self._records, _RING, consumed, produced):
            if length >= self._size and (one := self._parse(self._records, start)) is not None:
                came.append(one)
            consumed = after
            if len(came) >= _AT_ONCE:
                break
        self._consumed[:8] = pack("=Q", consumed)
        return came

    def close(self) -> None:
        """Take the programs away."""
        for descriptor in reversed(self._open):
            with suppress(OSError):
                os.close(descriptor)
        self._open.clear()


def _bpf(command: int, attribute: bytes) -> int:
    import ctypes

    return syscall("bpf", command, ctypes.create_string_buffer(attribute, len(attribute)), len(attribute))
