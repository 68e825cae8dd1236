"""Configuration files, read with care: regular files only, of bounded size; folders walked within bounds."""

from __future__ import annotations

import os
import stat

from portulan.errors import CannotTell, NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1 << 20
"""Bytes of one file. nginx's largest lists of addresses lie above that, its listens do not."""
_MOST_NAMES = 20_000
_MOST_WALKED = 50_000
_DEEPEST = 12
_SKIPPED = frozenset((
    "node_modules", ".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", "__pycache__", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache",
    "vendor", "site-packages", "target", "dist-packages", "bower_components",
))  # fmt: skip
"""Folders that hold other people's files, or what was made from one's own."""


class ConfigFiles:
    """This machine's files, as `host.declared.desk.Files` wants them."""

    def read(self, path: str, largest: int = LARGEST) -> str:
        """The text of a regular file of at most `largest` bytes, bytes that are not UTF-8 replaced. Raises NotPermitted, CannotTell."""
        try:
            # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise CannotTell("file.missing", file=path) from None
        except PermissionError as error:
            raise NotPermitted("file.unreadable", file=path, reason=error.strerror or "") from error
        except (OSError, ValueError) as error:
            raise CannotTell("file.failed", file=path, reason=getattr(error, "strerror", None) or str(error)) from error
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise CannotTell("file.not-regular", file=path)
            if about.st_size > largest:
                raise CannotTell("file.too-large", file=path, size=about.st_size)
            data = b""
            while len(data) <= largest and (piece := os.read(descriptor, largest)):
                data += piece
        except OSError as error:
            raise CannotTell("file.failed", file=path, reason=error.strerror or str(error)) from error
        finally:
            os.close(descriptor)
        return data[:largest].decode("utf-8", "replace").removeprefix("\ufeff")

    def find(self, pattern: str) -> list[str]:
        """Paths that match a shell pattern, sorted."""
        from glob import iglob

        found = []
        for path in iglob(pattern):
            found.append(path)
            if len(found) >= _MOST_NAMES:
                break
        return sorted(found)

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; empty where there is none or it may not be read."""
        try:
            return sorted(os.listdir(folder)[:_MOST_NAMES])
        except (OSError, ValueError):
            return []

    def target(self, path: str) -> str:
        """The path with every link followed."""
        try:
            return os.path.realpath(path)
        except (OSError, ValueError):
            return path

    def is_folder(self, path: str) -> bool:
        """Whether a path is a folder."""
        return os.path.isdir(path)

    def exists(self, path: str) -> bool:
        """Whether there is anything at a path."""
        return os.path.lexists(path)

    def walk(self, folder: str) -> Iterator[str]:
        """Every file below a folder, sorted within each; links to folders are not followed, and folders of other people's files not entered."""
        base = folder.rstrip("/").count("/")
        walked = 0
        for place, folders, names in os.walk(folder):
            folders[:] = [] if place.count("/") - base >= _DEEPEST else sorted(name for name in folders if name not in _SKIPPED)
            for name in sorted(names):
                walked += 1
                if walked > _MOST_WALKED:
                    return
                yield os.path.join(place, name)


def working_folder() -> str:
    """Where we are."""
    try:
        return os.getcwd()
    except OSError:  # it was removed under us
        return "/"


def whole_path(path: str) -> str:
    """A path from the root; links stay as they are written."""
    return os.path.abspath(os.path.expanduser(path))


def read_hosts(path: str = "/etc/hosts") -> dict[str, tuple[str, ...]]:
    """Name -> addresses, in their order (hosts(5)); empty where there is no such file."""
    try:
        text = ConfigFiles().read(path)
    except CannotTell:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            found[name.lower()] = (*found.get(name.lower(), ()), address)
    return found


def has_ipv6() -> bool:
    """Whether sockets of IPv6 can be made and its loopback is there."""
    try:
        with open("/proc/net/if_inet6", "rb") as file:
            return bool(file.read(1))
    except OSError:
        return not os.path.isdir("/proc/net")


def current_user() -> str | None:
    """The name of the user we are, None for root."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return None
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
