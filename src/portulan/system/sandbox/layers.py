"""A root folder made of layers: the machine's own files below, what was installed above them, and what is written now on top.

Each top folder (`/usr`, `/etc`, `/var`, …) is an overlay of its own (Linux Documentation/filesystems/overlayfs.rst): the kernel takes no lower
layer that lies inside another one, and the layers lie somewhere below `/` themselves. All mounts happen in a mount namespace that nobody else
sees and that ends with its last process.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

from portulan.errors import CannotTell, failed
from portulan.system.linux.syscall import CLONE_NEWNS, mount, unshare
from portulan.system.sandbox.errand import in_thread
from portulan.system.sandbox.launch import Place, move

_BIND, _MOVE, _RECURSIVE, _PRIVATE, _NO_SUID_DEV = 0x1000, 0x2000, 0x4000, 1 << 18, 0x2 | 0x4
_SEPARATE = frozenset({"proc", "sys", "dev", "run", "tmp"})
"""Not files of the machine but of the kernel or of the moment."""
_INSTALLED = frozenset({"usr", "etc", "var", "opt", "srv", "boot", "bin", "sbin", "lib", "lib32", "lib64", "libx32"})
"""Where packages put files: the layers cannot be kept below these, since they are overlaid themselves."""


def check_place(folder: Path) -> None:
    """Make sure that layers can be kept in a folder. Raises CannotTell."""
    if _home(folder) in _INSTALLED:
        raise CannotTell("root.place", folder=str(folder))


def prepare(folder: Path) -> None:
    """Make the empty layers below a folder. Raises OSError."""
    for name in ("layers", "work", "mount"):
        Path(folder, name).mkdir(parents=True)


def open_layers(folder: Path, place: Place, *, building: bool) -> int:
    """Mount the layers of a folder; returns a descriptor of the new mount namespace, whose root folder they are.

    While building, what is written goes into the folder's own layers; afterwards into memory, and is gone with the namespace. Raises
    CannotTell when the kernel or the file system knows no overlays, MachineFailed.
    """

    def work() -> int:
        move(place)
        unshare(CLONE_NEWNS)
        mount("none", "/", flags=_RECURSIVE | _PRIVATE)
        _assemble(folder, building=building)
        return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    try:
        return in_thread(work)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENODEV, errno.EOPNOTSUPP):
            raise CannotTell("root.no-overlay", folder=str(folder), reason=error.strerror) from error
        raise failed("mount", str(folder), error) from error


def _home(folder: Path) -> str:
    """The top folder that a folder lies in."""
    return folder.resolve().parts[1] if len(folder.resolve().parts) > 1 else ""


def _assemble(folder: Path, *, building: bool) -> None:
    """Build the new root on a memory file system, then put it in the place of `/`."""
    root = Path(folder, "mount")
    mount("tmpfs", str(root), "tmpfs", data="mode=755")
    scratch = Path(root, ".fresh")
    scratch.mkdir()
    for entry in sorted(Path("/").iterdir()):
        name = entry.name
        if entry.is_symlink():
            Path(root, name).symlink_to(entry.readlink())
        elif entry.is_dir() and name not in _SEPARATE:
            target = Path(root, name)
            target.mkdir()
            if name == _home(folder):
                mount(str(entry), str(target), flags=_BIND | _RECURSIVE)
            else:
                _overlay(name, folder, scratch, building=building)
    _separate(root, building=building)
    os.chdir(root)
    mount(".", "/", flags=_MOVE)
    os.chroot(".")


def _overlay(name: str, folder: Path, scratch: Path, *, building: bool) -> None:
    lower, installed = Path("/", name), Path(folder, "layers", name)
    upper, work = (installed, Path(folder, "work", name)) if building else (Path(scratch, "upper", name), Path(scratch, "work", name))
    upper.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    shutil.copystat(lower, upper)  # the folder at the top of an overlay is the upper one
    owner = lower.stat()
    os.chown(upper, owner.st_uid, owner.st_gid)
    lowest = f"{_escaped(installed)}:{_escaped(lower)}" if not building and installed.is_dir() else _escaped(lower)
    data = f"lowerdir={lowest},upperdir={_escaped(upper)},workdir={_escaped(work)}"
    mount("overlay", str(Path(folder, "mount", name)), "overlay", data=data)


def _escaped(path: Path) -> str:
    """A path as overlayfs options want it: separators of theirs behind a backslash."""
    return "".join(f"\\{character}" if character in "\\:," else character for character in str(path))


def _separate(root: Path, *, building: bool) -> None:
    """Mount what is not files of the machine: the kernel's own folders, an empty /run, and /tmp (shared with the machine, but not for builds)."""
    for name in sorted(_SEPARATE):
        Path(root, name).mkdir()
    for name in ("proc", "dev"):
        mount(f"/{name}", str(Path(root, name)), flags=_BIND | _RECURSIVE)
    # A fresh sysfs shows the network interfaces of the namespace it is mounted from; the machine's shows the machine's.
    mount("sysfs", str(Path(root, "sys")), "sysfs")
    for name in ("fs/cgroup", "fs/bpf", "kernel/tracing"):
        if Path("/sys", name).is_mount():
            mount(f"/sys/{name}", str(Path(root, "sys", name)), flags=_BIND | _RECURSIVE)
    mount("tmpfs", str(Path(root, "run")), "tmpfs", _NO_SUID_DEV, "mode=755")
    lock = Path(root, "run/lock")
    lock.mkdir()
    lock.chmod(0o1777)
    if building:
        mount("tmpfs", str(Path(root, "tmp")), "tmpfs", _NO_SUID_DEV, "mode=1777")
        _keep_name_servers(root)
    else:
        mount("/tmp", str(Path(root, "tmp")), flags=_BIND | _RECURSIVE)  # noqa: S108 - the machine's /tmp is what is meant


def _keep_name_servers(root: Path) -> None:
    """Where /etc/resolv.conf points into /run, what it says would be lost with the empty one."""
    real = Path("/etc/resolv.conf").resolve()
    if real.is_relative_to("/run") and stat.S_ISREG(real.stat().st_mode):
        copy = Path(root, *real.parts[1:])
        copy.parent.mkdir(parents=True)
        copy.write_bytes(real.read_bytes())
