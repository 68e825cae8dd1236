"""A file that records are added to and that survives its writer's death at any moment: each has its length and a checksum before it, and a torn last one is cut off.

What is written has left this process, so SIGKILL cannot take it back; a power failure can take what the kernel had not yet put on disk, which is cut off too.
"""

from __future__ import annotations

import os
from struct import Struct
from zlib import crc32

from portulan.errors import BadInput, CannotTell, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAME = Struct("<IIB")
"""Length of what follows, its checksum (begun with the length's), and what kind of record it is."""
_LARGEST = 1 << 30


class JournalFile:
    """One journal, ours alone while it is open."""

    def __init__(self, path: str, magic: bytes) -> None:
        """Opens it, or makes a new one. `magic` is how all files of its kind begin.

        Raises BadInput for a file that cannot be written or is no journal, CannotTell for one that another process has open.
        """
        self.path, self._magic = path, magic
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            raise BadInput("journal.cannot-open", path=path, reason=getattr(error, "strerror", None) or str(error)) from error
        try:
            self._lock()
            self._begin()
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock
        except ImportError:  # no such locks here
            return
        try:
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise CannotTell("journal.in-use", path=self.path) from error
        except OSError:  # a file system without locks
            return

    def _begin(self) -> None:
        beginning = os.pread(self._descriptor, len(self._magic), 0) if _regular(self._descriptor) else None
        if beginning is None or not self._magic.startswith(beginning):
            raise BadInput("journal.strange", path=self.path)
        if beginning != self._magic:  # a new one, or one whose writer died at its first bytes
            os.ftruncate(self._descriptor, 0)
            self._write(self._magic)

    def records(self) -> Iterator[tuple[int, int, int]]:
        """(kind, offset, length) of each record, checked; what is torn behind the last whole one is cut off when all have been given."""
        at = len(self._magic)
        while (frame := os.pread(self._descriptor, _FRAME.size, at)) and len(frame) == _FRAME.size:
            length, checksum, kind = _FRAME.unpack(frame)
            if length > _LARGEST or len(body := self.read(at + _FRAME.size, length)) < length or _checksum(kind, body) != checksum:
                break
            yield kind, at + _FRAME.size, length
            at += _FRAME.size + length
        if os.fstat(self._descriptor).st_size > at:
            os.ftruncate(self._descriptor, at)

    def read(self, offset: int, length: int) -> bytes:
        """The body of a record."""
        return os.pread(self._descriptor, length, offset)

    def append(self, kind: int, body: bytes) -> None:
        """Add a record. Raises MachineFailed."""
        self._write(_FRAME.pack(len(body), _checksum(kind, body), kind) + body)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise failed("write", self.path, error) from error

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _regular(descriptor: int) -> bool:
    import stat

    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _checksum(kind: int, body: bytes) -> int:
    return crc32(body, crc32(bytes((kind, *len(body).to_bytes(4, "little")))))
