"""The registry's files: the packaged table, the user's own one in the data folder, and where a new one comes from.

The user's table is written beside its place and renamed over it, under a lock on the folder: at every moment, whatever is killed, there
is a whole table or none. A table that is damaged all the same is set aside in favour of the packaged one, and the caller can say so.
"""

from __future__ import annotations

import errno
import os

from portulan import registry
from portulan.errors import BadInput, CannotTell, ParseError, PortulanError, failed
from portulan.registry.table import Table
from portulan.system.places import data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse

NAME = "iana-ports.txt"
PACKAGED = os.path.join(os.path.dirname(registry.__file__), "data", NAME)
IANA = "https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.xml"
LARGEST_TABLE = 32 << 20
DOWNLOAD_TIME_S = 120
SILENCE_S = 20
_PIECE = 1 << 16


class Opened:
    """A table that was opened. A plain class: making a dataclass would take longer than opening the file."""

    __slots__ = ("fault", "packaged", "path", "table")

    def __init__(self, table: Table, path: str, *, packaged: bool, fault: PortulanError | None = None) -> None:
        self.table = table
        self.path = path
        self.packaged = packaged
        self.fault = fault
        """What is wrong with the user's own table, for which the packaged one stands in."""


def own_path() -> str:
    """Where the user's own table lies or would lie."""
    return os.path.join(data_folder(), NAME)


def open_registry() -> Opened:
    """The user's own table if there is a sound one, else the packaged one. Raises MachineFailed if even that cannot be read."""
    path = own_path()
    fault: PortulanError | None = None
    try:
        data = _read(path, LARGEST_TABLE)
        if data is not None:
            table = Table(data)
            # A checksum costs a millisecond; only those who brought their own table pay it. The packaged one is the installer's to guard.
            if table.intact():
                return Opened(table, path, packaged=False)
            fault = ParseError("registry.damaged")
    except PortulanError as error:
        fault = error
    return Opened(open_packaged(), PACKAGED, packaged=True, fault=fault)


def open_table() -> Table:
    """The table that lookups use, for those who do not ask where it comes from. Raises MachineFailed."""
    return open_registry().table


def open_packaged() -> Table:
    """The table that came with Portulan. Raises MachineFailed."""
    try:
        with open(PACKAGED, "rb") as file:
            return Table(file.read())
    except OSError as error:
        raise failed("open", PACKAGED, error) from error


def write_own(data: bytes) -> str:
    """Put a table in the place of the user's own one, whole or not at all, and return its path. Raises MachineFailed."""
    path = own_path()
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        lock = _lock(folder)
        try:
            fresh = path + ".new"  # under the lock nobody else writes it; a killed writer's leftover is written over
            with open(fresh, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
            if lock is not None:
                os.fsync(lock)  # the name too, not only the bytes
        finally:
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise failed("write", path, error) from error
    return path


def remove_own() -> bool:
    """Delete the user's own table; False if there is none. Raises MachineFailed."""
    try:
        os.unlink(own_path())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failed("delete", own_path(), error) from error
    return True


def fetch(source: str, limit: int) -> bytes:
    """The bytes of a file or of an http(s) address, at most `limit`. Raises BadInput, CannotTell, MachineFailed."""
    if "://" in source:
        return _download(source, limit)
    data = _read(source, limit)
    if data is None:
        raise BadInput("registry.no-file", path=source)
    return data


def _read(path: str, limit: int) -> bytes | None:
    """A regular file's bytes; None if there is no file."""
    try:
        # Not blocking: a pipe in the place of a file would keep us waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failed("read", path, error) from error
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170000 != 0o100000:  # S_ISREG, without the import of stat
            raise BadInput("registry.not-a-file", path=path)
        if status.st_size > limit:
            raise BadInput("registry.too-large", path=path, limit=limit >> 20)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise failed("read", path, error) from error
    finally:
        os.close(descriptor)


def _lock(folder: str) -> int | None:
    """The folder, opened and locked against other writers until it is closed; None on systems without such locks."""
    try:
        from fcntl import LOCK_EX, flock
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    flock(descriptor, LOCK_EX)
    return descriptor


def _download(url: str, limit: int) -> bytes:
    import time
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    if not url.lower().startswith(("http://", "https://")):
        raise BadInput("registry.bad-address", url=url)
    deadline = time.monotonic() + DOWNLOAD_TIME_S
    pieces, size = [], 0
    try:
        request = Request(url, headers={"User-Agent": "portulan"})  # noqa: S310 - only http and https come here
        with urlopen(request, timeout=SILENCE_S) as answer:  # noqa: S310
            response: HTTPResponse = answer
            while piece := response.read1(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise BadInput("registry.too-large", path=url, limit=limit >> 20)
                if time.monotonic() > deadline:
                    raise CannotTell("registry.not-fetched", url=url, reason=os.strerror(errno.ETIMEDOUT))
            if response.length:
                raise CannotTell("registry.cut-short", url=url, missing=response.length)
    except (URLError, HTTPException, OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is the server's answer as well
        cause = getattr(error, "reason", None) or error
        raise CannotTell("registry.not-fetched", url=url, reason=getattr(cause, "strerror", None) or str(cause)) from error
    return b"".join(pieces)
