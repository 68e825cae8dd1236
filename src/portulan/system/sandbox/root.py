"""Private roots: real servers and other people's tools for tests and comparisons, installed without touching the machine.

A private root is a folder with what `apt-get install` would have changed; laid over the machine's own files it is a whole system. Every use gets
it fresh: what programs write there goes into memory and is forgotten.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portulan.errors import CannotTell, NotPermitted, failed
from portulan.system.linux.procfs import effective_capabilities
from portulan.system.places import cache_folder
from portulan.system.sandbox.layers import check_place, open_layers, prepare
from portulan.system.sandbox.mark import new_mark
from portulan.system.sandbox.quarters import Quarters
from portulan.system.sandbox.sweep import end_processes, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portulan.system.sandbox.launch import Place

FORMAT = 1
INSTALL_S = 1800.0
_CAP_SYS_ADMIN = 21
_STATUS = Path("var/lib/dpkg/status")
_RECORD = "root.json"
_SETTINGS = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes", "APT_LISTCHANGES_FRONTEND": "none", "LC_ALL": "C"}
_INSTALL = ("apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-unsafe-io")
_UPDATE = ("apt-get", "update", "-q")
# invoke-rc.d(8) asks this program before it starts a service; 101 means "forbidden".
_POLICY = "#!/bin/sh\nexit 101\n"


@dataclass(frozen=True, slots=True)
class PrivateRoot:
    """An installed root, ready for use."""

    folder: Path
    packages: tuple[str, ...]
    """What was asked for; what these depend on came along."""

    def open_mounts(self, place: Place) -> int:
        """Make a mount namespace in which this root is `/`; returns an open descriptor. Raises CannotTell, MachineFailed."""
        return open_layers(self.folder, place, building=False)

    @contextmanager
    def open(self) -> Iterator[Quarters]:
        """Use the root on the machine's own network: `with peers.open() as here: here.run(["ss", "-tlnp"])`. Ends what was started there."""
        mark = new_mark()
        quarters = Quarters("root", mark, network=False, root=self)
        try:
            yield quarters
        finally:
            try:
                end_processes(lambda found: found == mark)
            finally:
                quarters.close()


def default_folder(name: str) -> Path:
    """Tell where a root of this name is kept unless somebody wants it elsewhere."""
    return Path(cache_folder(), "roots", name)


def open_root(folder: str | os.PathLike[str]) -> PrivateRoot:
    """Find an installed root. Raises CannotTell (missing, damaged, or older than the machine's own packages), NotPermitted."""
    _check_rights()
    path = Path(folder).resolve()
    try:
        record = json.loads(Path(path, _RECORD).read_text("utf-8"))
        packages = tuple(map(str, record["packages"]))
        key = record["key"]
    except FileNotFoundError:
        raise CannotTell("root.missing", folder=str(path)) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotTell("root.damaged", folder=str(path), reason=str(error)) from error
    if key != _key(packages):
        raise CannotTell("root.outdated", folder=str(path))
    missing = set(packages) - _installed(path)
    if missing or not all(Path(path, name).is_dir() for name in ("layers/usr", "mount")):
        raise CannotTell("root.damaged", folder=str(path), reason=", ".join(sorted(missing)))
    return PrivateRoot(path, packages)


def ensure_root(folder: str | os.PathLike[str], packages: Sequence[str]) -> tuple[PrivateRoot, bool]:
    """Find a root with exactly these Debian packages, or install it; returns whether it was installed now.

    Half-built and damaged ones are built anew; of two processes that want the same one, the second waits. Raises NotPermitted (not root), CannotTell
    (no apt here, a file system without overlays, a package that cannot be installed), MachineFailed.
    """
    wanted = tuple(sorted(set(packages)))
    path = Path(folder).resolve()
    _check_rights()
    if shutil.which("apt-get") is None or not Path("/", _STATUS).exists():
        raise CannotTell("root.no-apt")
    check_place(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with Path(path.parent, f"{path.name}.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                root = open_root(path)
                if root.packages == wanted:
                    return root, False
            except CannotTell:
                pass
            _build(path, wanted)
    except OSError as error:
        raise failed("install", str(path), error) from error
    return open_root(path), True


def _check_rights() -> None:
    if not effective_capabilities() >> _CAP_SYS_ADMIN & 1:
        raise NotPermitted("root.forbidden", needs="CAP_SYS_ADMIN")


def _key(packages: Sequence[str]) -> str:
    """What the layers depend on: how we make them, what is in them, and exactly what the machine has installed below."""
    digest = hashlib.sha256(repr((FORMAT, sorted(packages))).encode())
    try:
        digest.update(Path("/", _STATUS).read_bytes())
    except OSError:
        raise CannotTell("root.no-apt") from None
    return digest.hexdigest()


def _installed(folder: Path) -> set[str]:
    """The packages that dpkg calls installed in these layers (deb822, dpkg(1)); empty where its record cannot be read."""
    try:
        text = Path(folder, "layers", _STATUS).read_text("utf-8", "replace")
    except OSError:
        return set()
    paragraphs = (paragraph.split("\n") for paragraph in text.split("\n\n"))
    return {lines[0].removeprefix("Package: ") for lines in paragraphs if "Status: install ok installed" in lines}


def _build(folder: Path, packages: Sequence[str]) -> None:
    """Install beside, then move into place: a folder with a record is whole. The caller holds the lock."""
    sweep()  # an installer whose owner was killed may still be at work in the half-built folder
    fresh = folder.with_name(f"{folder.name}.half-built")
    old = folder.with_name(f"{folder.name}.old")
    for rest in (fresh, old):
        shutil.rmtree(rest, ignore_errors=True)
    prepare(fresh)
    policy = Path(fresh, "layers/usr/sbin/policy-rc.d")
    policy.parent.mkdir(parents=True)
    policy.write_text(_POLICY, "ascii")
    policy.chmod(0o755)
    _install(fresh, packages)
    Path(fresh, _RECORD).write_text(json.dumps({"packages": list(packages), "key": _key(packages)}), "utf-8")
    shutil.rmtree(Path(fresh, "work"))
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Building:
    """The root of the installer: what it writes is kept."""

    folder: Path

    def open_mounts(self, place: Place) -> int:
        return open_layers(self.folder, place, building=True)


def _install(folder: Path, packages: Sequence[str]) -> None:
    """Run apt-get in the layers, on the machine's own network. Raises CannotTell with the end of what it said."""
    mark = new_mark()
    quarters = Quarters("installer", mark, network=False, root=_Building(folder))
    try:
        command = [*_INSTALL, *packages]
        answer = quarters.run(command, timeout_s=INSTALL_S, environment=_SETTINGS)
        if answer.returncode:  # perhaps the machine has no lists of packages, or old ones
            quarters.run(_UPDATE, timeout_s=INSTALL_S, environment=_SETTINGS)
            answer = quarters.run(command, timeout_s=INSTALL_S, environment=_SETTINGS)
        if answer.returncode:
            raise CannotTell("root.not-installed", packages=", ".join(packages), reason=answer.stderr.strip()[-500:])
        quarters.run(("apt-get", "clean"), timeout_s=INSTALL_S)
    finally:
        try:
            end_processes(lambda found: found == mark)
        finally:
            quarters.close()
