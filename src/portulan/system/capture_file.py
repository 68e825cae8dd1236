"""Files of captured packets as the machine gives them: on a disk, from a pipe, or compressed; read into memory that is used again and again."""

from __future__ import annotations

import mmap
import os
import select
import stat
from contextlib import suppress

from portulan.errors import BadInput, CannotTell, NotPermitted, failed
from portulan.wire.captures.magic import compression_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Stopped = Callable[[], bool]

_INPUT = 1 << 17
"""Compressed bytes that are read at once."""
_OUTPUT = 1 << 20
"""Bytes that are decompressed at once, however few they come from."""
_ZSTD_INPUT = 1 << 11
"""Bytes that are given to zstd at once: it hands back all that they hold, which may be 128 KiB for each four of them."""
_SMALL = 1 << 20
"""Bytes of memory that are not worth keeping."""
_MOST_ZSTD_WINDOW = 1 << 27
"""Memory that a zstd frame may ask for: what `zstd` itself allows."""


_LOOK_MS = 200
"""How often somebody who waits for a pipe looks whether it is still wanted."""
_spare: list[NDArray[np.uint8]] = []
"""What was used last, at most one: a page costs more when it is touched first than to be read into ever after."""


def allocate(size: int) -> NDArray[np.uint8]:
    """Memory whose address and length are multiples of 8, in pages as large as there are; anything may be in it."""
    import numpy as np

    try:
        spare = _spare.pop()
    except IndexError:
        pass
    else:
        if size <= len(spare) <= 2 * size + _SMALL:
            return spare
        _spare.append(spare)
    memory = mmap.mmap(-1, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
    with suppress(OSError, AttributeError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def give_back(memory: NDArray[np.uint8]) -> None:
    """Nobody looks at this memory any more: it may be used again."""
    if len(memory) > _SMALL:
        _spare[:] = [memory]


class CaptureFile:
    """A regular file that is not compressed, read at any place."""

    compression = None
    broken_at: int | None = None
    given_up = False

    def __init__(self, descriptor: int, name: str, size: int) -> None:
        self._descriptor, self.name, self.size = descriptor, name, size

    def fill(self, memory: memoryview, at: int) -> int:
        """Read bytes from place `at` on until memory is full or the file ends; gives how many. Raises MachineFailed."""
        done = 0
        try:
            while done < len(memory):
                got = os.preadv(self._descriptor, [memory[done:]], at + done)
                if not got:
                    break
                done += got
        except OSError as error:
            raise failed("read", self.name, error) from error
        return done

    def close(self) -> None:
        """Nothing more is wanted."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class CaptureStream:
    """A pipe, or what comes out of a compressed file: read once, from its beginning to its end."""

    size = None

    def __init__(self, descriptor: int, name: str, begun: bytes, compression: str | None, stopped: Stopped | None = None) -> None:
        """`begun`: bytes that were read of it already."""
        self._descriptor, self.name, self.compression = descriptor, name, compression
        self.broken_at: int | None = None
        """Where in the compressed data it is broken: nothing can be read behind it."""
        self.at = 0
        """How many bytes were handed on."""
        self.stopped = stopped
        """Whether nobody waits for more: then the stream ends here."""
        self.given_up = False
        """It was so."""
        self._rest = memoryview(begun)
        """Of the stream itself, read and not used yet."""
        self._piece = memoryview(b"")
        """Of what came out of it."""
        self._pieces = _PIECES[compression](self) if compression else None

    def read_raw(self, size: int) -> bytes:
        """So many bytes, fewer at the end, of what may be compressed. Raises MachineFailed."""
        parts = []
        while size:
            if not self._rest:
                try:
                    self._rest = memoryview(os.read(self._descriptor, _INPUT) if self._wait() else b"")
                except OSError as error:
                    raise failed("read", self.name, error) from error
                if not self._rest:
                    break
            parts.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def fill(self, memory: memoryview, at: int) -> int:
        """Read bytes until memory is full or the stream ends; gives how many. `at`: where in the stream it is. Raises MachineFailed."""
        assert at == self.at
        done = 0
        while done < len(memory):
            got = self._some(memory[done:])
            if not got:
                break
            done += got
        self.at += done
        return done

    def _wait(self) -> bool:
        self.given_up = self.given_up or (self.stopped is not None and not _wait(self._descriptor, self.stopped))
        return not self.given_up

    def _some(self, memory: memoryview) -> int:
        if self._pieces is not None:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
            rest = self._piece
        elif not (rest := self._rest):
            try:
                return os.readv(self._descriptor, [memory]) if self._wait() else 0
            except OSError as error:
                raise failed("read", self.name, error) from error
        got = min(len(rest), len(memory))
        memory[:got] = rest[:got]
        if self._pieces is not None:
            self._piece = rest[got:]
        else:
            self._rest = rest[got:]
        return got

    def close(self) -> None:
        """Nothing more is wanted."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _wait(descriptor: int, stopped: Stopped) -> bool:
    """Until there is something to read, or its end; False: nobody waits any more."""
    here = select.poll()
    here.register(descriptor, select.POLLIN)
    while not here.poll(_LOOK_MS):
        if stopped():
            return False
    return True


def _gunzip(stream: CaptureStream) -> Iterator[bytes]:
    """What gzip members one behind the other hold (RFC 1952 2.2), in pieces. Bytes behind the last that begin none are not looked at, as gzip does it."""
    import zlib

    member, data, behind = zlib.decompressobj(31), stream.read_raw(_INPUT), 0
    while data:
        before = member.copy()
        try:
            piece = member.decompress(data, _OUTPUT)
        except zlib.error:
            yield from _to_the_fault(before, data)
            stream.broken_at = behind
            return
        if piece:
            yield piece
        rest = member.unused_data if member.eof else member.unconsumed_tail
        behind += len(data) - len(rest)
        data = rest or stream.read_raw(_INPUT)
        if member.eof:
            while data and len(data) < 2:
                more = stream.read_raw(_INPUT)
                if not more:
                    return
                data += more
            if not data.startswith(b"\x1f\x8b"):
                return
            member = zlib.decompressobj(31)
    while piece := member.decompress(b"", _OUTPUT):
        yield piece
    if not member.eof:
        stream.broken_at = behind


def _to_the_fault(member: object, data: bytes) -> Iterator[bytes]:
    """What comes before the fault in this data, to the last byte."""
    import zlib

    with suppress(zlib.error):
        for at in range(len(data)):
            piece = member.decompress(data[at : at + 1])  # type: ignore[attr-defined]
            if piece:
                yield piece


def _unzstd(stream: CaptureStream) -> Iterator[bytes]:
    """What zstd frames one behind the other hold (RFC 8878 3.1), in pieces. What comes behind them is not looked at."""
    import zstandard

    frame, behind, begun = None, 0, b""
    while data := begun or stream.read_raw(_ZSTD_INPUT):
        begun = b""
        try:
            if frame is None:
                while len(data) < 4 and (more := stream.read_raw(4 - len(data))):
                    data += more
                if behind and compression_of(data) != "zstd":
                    return
                frame = zstandard.ZstdDecompressor(max_window_size=_MOST_ZSTD_WINDOW).decompressobj()
            piece = frame.decompress(data)
        except zstandard.ZstdError:
            stream.broken_at = behind
            return
        if piece:
            yield piece
        if frame.eof:
            begun, frame = frame.unused_data, None
        behind += len(data) - len(begun)
    if frame is not None:
        stream.broken_at = behind


_PIECES: dict[str, Callable[[CaptureStream], Iterator[bytes]]] = {"gzip": _gunzip, "zstd": _unzstd}


def open_capture_file(path: str, stopped: Stopped | None = None) -> CaptureFile | CaptureStream:
    """What is captured in a file, `-` for standard input; what is compressed comes decompressed. Raises BadInput, NotPermitted, CannotTell, MachineFailed.

    `stopped`: whether nobody waits any more for a pipe; before its first bytes have come, KeyboardInterrupt is raised then.
    """
    name = path
    try:
        descriptor = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise BadInput("capture.missing", name=name) from error
    except PermissionError as error:
        raise NotPermitted("capture.forbidden", name=name) from error
    except OSError as error:
        raise CannotTell("capture.unreadable", name=name, reason=error.strerror or str(error)) from error
    try:
        about = os.fstat(descriptor)
        regular = stat.S_ISREG(about.st_mode) and path != "-"
        begun = _begin(descriptor, stopped)
        compression = compression_of(begun)
        if regular and compression is None:
            return CaptureFile(descriptor, name, about.st_size)
        return CaptureStream(descriptor, name, begun, compression, stopped)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, IsADirectoryError):
            raise BadInput("capture.folder", name=name) from error
        raise CannotTell("capture.unreadable", name=name, reason=error.strerror or str(error)) from error


def _begin(descriptor: int, stopped: Stopped | None) -> bytes:
    """The first bytes, as many as tell whether it is compressed."""
    begun = b""
    while len(begun) < 4:
        if stopped is not None and not _wait(descriptor, stopped):
            os.close(descriptor)
            raise KeyboardInterrupt
        got = os.read(descriptor, 4 - len(begun))
        if not got:
            break
        begun += got
    return begun
