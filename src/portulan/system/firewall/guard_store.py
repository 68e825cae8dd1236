"""What is written down of a policy's life, on disk: changed under one lock, each file whole at every moment.

The lock is the kernel's, on the folder, and is inherited by the nft that changes the rules: whoever is killed while nft still works leaves the lock to it.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress

from portulan.errors import CannotTell, NotPermitted, ParseError, failed
from portulan.model.guard_life import Notes
from portulan.system.disk import NEW, make_folder, replace_file, sync_folder
from portulan.wire.guard_notes import format_notes, parse_notes, sealed, unsealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FOLDER = "/var/lib/portulan/guard"
BOOT_FILE = "/etc/portulan/boot.nft"
_NOTES, _RULES = "state.json", "rules"
_PATIENCE_S = 10.0
_LONGEST_WAIT_S = 0.05
_EMPTY_BOOT = "# Portulan: no rules.\n"
_HASH_LINE = "# rules "


class Store:
    """The files, below `root` (empty: those of this machine)."""

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")
        self.folder = self.root + FOLDER
        self.boot_file = self.root + BOOT_FILE
        self.set_aside: str | None = None
        """Where damaged notes are kept since they were read."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile. Raises NotPermitted, MachineFailed, and CannotTell when the lock is not let go of."""
        try:
            make_folder(os.path.dirname(self.folder))
            make_folder(self.folder, 0o700)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError as error:
            raise NotPermitted("guard.no-state", path=self.folder, needs="CAP_DAC_OVERRIDE") from error
        except OSError as error:
            raise failed("open", self.folder, error) from error
        try:
            _lock(descriptor, self.folder)
            os.set_inheritable(descriptor, True)
            yield
        finally:
            os.close(descriptor)

    # Notes

    def read(self) -> Notes:
        """The notes; none where nothing was ever written. Damaged ones are kept beside, and new ones begun: the kernel tells what is in force, and the rules have files of their own.

        Raises NotPermitted, MachineFailed.
        """
        path = f"{self.folder}/{_NOTES}"
        data = _read(path)
        if data is None:
            return Notes()
        try:
            return parse_notes(data)
        except ParseError:
            self.set_aside = path + ".damaged"
            with suppress(OSError):
                os.rename(path, self.set_aside)
            return Notes()

    def write(self, notes: Notes) -> None:
        """Other notes. Raises MachineFailed."""
        replace_file(f"{self.folder}/{_NOTES}", format_notes(notes))

    # Rules

    def keep_rules(self, hash_: str, data: bytes) -> None:
        """Keep rules by their hash. Raises MachineFailed."""
        path = self._rules(hash_)
        if self.rules(hash_) != data:
            replace_file(path, sealed(data))

    def rules(self, hash_: str) -> bytes | None:
        """Rules that are kept; None where they are not, or are damaged. Raises NotPermitted, MachineFailed."""
        data = _read(self._rules(hash_))
        try:
            return None if data is None else unsealed(data).removesuffix(b"\n")
        except ParseError:
            return None

    def known(self) -> frozenset[str]:
        """Hashes of all rules that are kept and whole."""
        try:
            names = os.listdir(f"{self.folder}/{_RULES}")
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise failed("read", self.folder, error) from error
        hashes = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return frozenset(each for each in hashes if self.rules(each) is not None)

    def prune(self, needed: Collection[str]) -> None:
        """Remove rules that nobody needs any more, and leftovers. What cannot be removed stays."""
        folder = f"{self.folder}/{_RULES}"
        with suppress(OSError):
            for name in os.listdir(folder):
                if name.endswith(NEW) or (name.endswith(".json") and name.removesuffix(".json") not in needed):
                    os.unlink(f"{folder}/{name}")
            sync_folder(folder)

    def _rules(self, hash_: str) -> str:
        if not hash_.isalnum():
            raise CannotTell("guard.notes-damaged")
        return f"{self.folder}/{_RULES}/{hash_}.json"

    # The boot

    def write_boot(self, hash_: str | None, text: str = "") -> None:
        """What is loaded at boot: these rules, or none. The file never goes: what includes it would fail. Raises MachineFailed."""
        body = _EMPTY_BOOT if hash_ is None else f"{_HASH_LINE}{hash_}\n{text}"
        replace_file(self.boot_file, sealed(body.encode()), mode=0o644)

    def boot_hash(self) -> str | None:
        """The hash of the rules that a boot loads; None: none. Raises NotPermitted, MachineFailed, ParseError where the file is not as we wrote it."""
        data = _read(self.boot_file)
        if data is None:
            return None
        first = unsealed(data).decode(errors="replace").partition("\n")[0]
        return first.removeprefix(_HASH_LINE).strip() if first.startswith(_HASH_LINE) else None


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise NotPermitted("guard.no-state", path=path, needs="CAP_DAC_READ_SEARCH") from error
    except OSError as error:
        raise failed("read", path, error) from error


def _lock(descriptor: int, path: str) -> None:
    from fcntl import LOCK_EX, LOCK_NB, flock

    deadline, wait_s = time.monotonic() + _PATIENCE_S, 0.002
    while True:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CannotTell("guard.locked", path=path, seconds=round(_PATIENCE_S)) from None
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        else:
            return


def boot_id() -> str:
    """The number of this boot. Raises CannotTell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError as error:
        raise CannotTell("guard.no-boot-id", reason=error.strerror or "") from error
