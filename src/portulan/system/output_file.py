"""A file that is written whole or not at all: beside its place, and renamed over it at the end."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from portulan.errors import BadInput, failed


class OutputFile:
    """An output on its way. What is no regular file (a pipe, /dev/null) is written as it comes."""

    def __init__(self, path: str) -> None:
        """Raises BadInput where nothing can be written."""
        self.path = path
        self._fresh: str | None = None
        try:
            self._place = os.path.realpath(path)  # a symbolic link stays one: what it points to is replaced
            self._descriptor = self._open()
        except (OSError, ValueError) as error:
            raise BadInput("output.cannot-write", path=path, reason=getattr(error, "strerror", None) or str(error)) from error

    def _open(self) -> int:
        about = None
        with suppress(FileNotFoundError):
            about = os.stat(self._place)
            if not stat.S_ISREG(about.st_mode):
                return os.open(self._place, os.O_WRONLY | os.O_CLOEXEC)
            os.close(os.open(self._place, os.O_WRONLY | os.O_CLOEXEC))  # whether it may be replaced
        folder, name = os.path.split(self._place)
        fresh = os.path.join(folder, f".{name[:200]}.{os.getpid()}.part")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        self._fresh = fresh
        if about is not None:  # whose it is and who may read it stays as it was
            if os.geteuid() != about.st_uid:
                with suppress(OSError):
                    os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(about.st_mode))
        return descriptor

    def write(self, data: bytes | bytearray) -> None:
        """All of it. Raises MachineFailed."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise failed("write", self.path, error) from error

    def finish(self) -> None:
        """Put it in its place. Raises MachineFailed."""
        try:
            if self._fresh is not None:
                os.fsync(self._descriptor)
                os.replace(self._fresh, self._place)
                self._fresh = None
        except OSError as error:
            raise failed("write", self.path, error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Give it up, if it is not finished: what stood there before stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._fresh is not None:
            with suppress(OSError):
                os.unlink(self._fresh)
            self._fresh = None
