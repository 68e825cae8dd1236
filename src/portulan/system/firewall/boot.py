"""What loads our rules at boot: a line in /etc/nftables.conf, or a systemd unit. Looked at always; changed only where it is asked for.

Debian's nftables.service loads /etc/nftables.conf, which begins with `flush ruleset`: where that service is enabled, our line stands at its end, so that a reload
of it brings our rules back in the same transaction.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from portulan.errors import CannotTell, MachineFailed, NotPermitted, ParseError, failed
from portulan.model.guard_life import BootState, Concern
from portulan.system.disk import replace_file, sync_folder
from portulan.system.linux.spawn import find_program, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.system.firewall.guard_store import Store

UNIT = "portulan-guard.service"
CONF = "/etc/nftables.conf"
_UNITS = "/etc/systemd/system"
_SYSTEMD, _NFTABLES = "systemd", "nftables"
_WANTED_BY = "sysinit.target.wants"
_BOOTED = "/run/systemd/system"
"""sd_booted(3)."""
_FLUSH = re.compile(r"^\s*flush\s+ruleset\b", re.MULTILINE)
_SAVED_TRIAL = re.compile(r"\btable\s+inet\s+portulan\s*\{[^}]*\bset\s+trial\b", re.DOTALL)
_TEXT = """# Written by portulan: loads the rules that were confirmed (portulan guard boot).
[Unit]
Description=Portulan guard: the rules that were confirmed
Documentation=man:nft(8)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=nftables.service
ReloadPropagatedFrom=nftables.service
PartOf=nftables.service
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
StandardInput=null
ExecStart={nft} -f {file}
ExecReload={nft} -f {file}

[Install]
WantedBy=sysinit.target
WantedBy=nftables.service
"""


def read_boot(store: Store) -> BootState:
    """What is the case. Raises NotPermitted, MachineFailed, CannotTell."""
    try:
        written = store.boot_hash()
    except ParseError:
        written = None
    root = store.root
    by = None
    if _included(root, store.boot_file.removeprefix(root)):
        by = _NFTABLES
    elif os.path.lexists(f"{root}{_UNITS}/{_WANTED_BY}/{UNIT}"):
        by = _SYSTEMD
    chosen = _SYSTEMD if _has_systemd(root) and not (_service_on(root) and os.path.exists(root + CONF)) else _NFTABLES
    return BootState(store.boot_file, written, by, chosen, steps(store, chosen))


def steps(store: Store, how: str) -> tuple[str, ...]:
    """What enabling does, as one would type it."""
    file = store.boot_file.removeprefix(store.root)
    if how == _NFTABLES:
        return (f"echo 'include \"{file}\"' >> {CONF}",)
    return (f"{_UNITS}/{UNIT}: ExecStart=nft -f {file}", "systemctl daemon-reload", f"systemctl enable {UNIT}")


def enable(store: Store, how: str) -> None:
    """Let the boot load our rules. Raises NotPermitted, MachineFailed."""
    file = store.boot_file.removeprefix(store.root)
    if not os.path.exists(store.boot_file):
        store.write_boot(None)  # what is not there cannot be included
    if how == _NFTABLES:
        if not _included(store.root, file):
            text = _conf(store.root)
            _rewrite(
                store.root + CONF,
                (text + ("" if not text or text.endswith("\n") else "\n") + _line(file)) if text else f"#!/usr/sbin/nft -f\n{_line(file)}",
            )
        return
    nft = find_program("nft") or "/usr/sbin/nft"
    replace_file(f"{store.root}{_UNITS}/{UNIT}", _TEXT.format(nft=nft, file=file).encode(), mode=0o644)
    for words in (("daemon-reload",), ("enable", UNIT)):
        _systemctl(store.root, *words)


def disable(store: Store) -> None:
    """Let the boot not load our rules any more. Raises NotPermitted, MachineFailed."""
    file = store.boot_file.removeprefix(store.root)
    if _included(store.root, file):
        lines = _conf(store.root).splitlines(keepends=True)
        _rewrite(store.root + CONF, "".join(line for line in lines if line.strip() != _line(file).strip()))
    unit = f"{store.root}{_UNITS}/{UNIT}"
    if os.path.lexists(unit):
        _systemctl(store.root, "disable", UNIT)
        try:
            with suppress(FileNotFoundError):
                os.unlink(unit)
            sync_folder(os.path.dirname(unit))
        except OSError as error:
            raise failed("remove", unit, error) from error


def boot_concerns(store: Store, boot: BootState) -> list[Concern]:
    """What of the boot's files would undo our rules."""
    text = _conf(store.root)
    found = []
    if _FLUSH.search(text) and boot.by != _NFTABLES and _service_on(store.root):
        found.append(Concern("guard.boot-flushes", CONF))
    if boot.by == _NFTABLES and _has_systemd(store.root) and not _service_on(store.root):
        found.append(Concern("guard.service-off", "nftables.service"))
    if _SAVED_TRIAL.search(text):
        found.append(Concern("guard.saved-trial", CONF))
    try:
        store.boot_hash()
    except (ParseError, NotPermitted):
        found.append(Concern("guard.boot-damaged", store.boot_file))
    return found


def _has_systemd(root: str) -> bool:
    return os.path.isdir(root + _BOOTED)


def _service_on(root: str) -> bool:
    """Whether Debian's service that loads /etc/nftables.conf is enabled."""
    return os.path.lexists(f"{root}{_UNITS}/{_WANTED_BY}/nftables.service")


def _line(file: str) -> str:
    return f'include "{file}"\n'


def _conf(root: str) -> str:
    try:
        with open(root + CONF, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CannotTell("file.failed", file=CONF, reason=error.strerror or "") from error


def _included(root: str, file: str) -> bool:
    return any(line.strip() == _line(file).strip() for line in _conf(root).splitlines())


def _rewrite(path: str, text: str) -> None:
    """Another text for a file of the system: its owner and rights stay."""
    real = os.path.realpath(path)
    try:
        about = os.stat(real)
        mode = about.st_mode & 0o7777
    except FileNotFoundError:
        mode = 0o755
    replace_file(real, text.encode("utf-8", "surrogateescape"), mode=mode)


def _systemctl(root: str, *words: str) -> None:
    path = find_program("systemctl")
    if path is None:
        raise CannotTell("guard.no-systemctl")
    if root and words[0] == "daemon-reload":
        return
    done = run_program(path, ((f"--root={root}",) if root else ()) + words)
    if done.status:
        raise MachineFailed("machine.failed", operation="systemctl " + " ".join(words), subject=UNIT, reason=done.reason)
