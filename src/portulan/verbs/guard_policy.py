"""The policy file of this machine: which one is meant, and what it says."""

from __future__ import annotations

import os

from portulan.errors import BadInput, CannotTell, NotPermitted
from portulan.guard.policy.read import Reading, parse_policy, read_policy
from portulan.model.policy import FILE_NAME
from portulan.system.config_files import ConfigFiles, whole_path
from portulan.system.registry_file import open_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.guard_check import Loose
    from portulan.model.policy import Policy

USUAL_FOLDER = "/etc/portulan"
LARGEST_LIST = 64 << 20
"""Bytes of one file of networks: a million of the longest."""


def find_policy(path: str | None = None) -> str:
    """The file that is meant: the one named, else `portulan.toml` where we are, else /etc/portulan/portulan.toml. It need not be there.

    Raises NotPermitted for a file where we are that somebody else may have put there: what it says would be applied with our rights.
    """
    if path is not None:
        return path
    if os.path.lexists(FILE_NAME):
        _check_ours()
        return FILE_NAME
    return os.path.join(USUAL_FOLDER, FILE_NAME)


def _check_ours() -> None:
    if not hasattr(os, "geteuid"):
        return
    try:
        about = [os.stat(FILE_NAME), os.stat(".")]
    except OSError:
        return
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():  # who may become us anyway
        trusted.add(int(os.environ["SUDO_UID"]))
    for one in about:
        if one.st_uid not in trusted or one.st_mode & 0o002:
            raise NotPermitted("policy.not-ours", file=FILE_NAME)


def load_policy(path: str | None = None) -> Policy:
    """The policy of a file (`find_policy`). Raises ParseError and BadInput for the first mistake in it, with its place; BadInput where there is none, NotPermitted, CannotTell."""
    file = find_policy(path)
    return parse_policy(read_text(file), file, open_table(), reader_beside(file))


def load_reading(path: str | None = None) -> Reading:
    """As `load_policy`, with all mistakes of the file at once. Raises only where it cannot be read."""
    file = find_policy(path)
    return read_policy(read_text(file), file, open_table(), reader_beside(file))


def loose_files(policy: Policy) -> tuple[Loose, ...]:
    """Where others may change a policy that we apply as root: its file, files of networks that it names, the folders above them. Of no matter unless we are root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ()
    from portulan.system.ownership import find_loose

    file = whole_path(policy.file)
    lines = (*policy.doors, *(policy.outgoing or ()))
    sources = [*policy.sources, *(source for line in lines for source in line.sources), *policy.pinged, *policy.never_block]
    lists = dict.fromkeys(os.path.join(os.path.dirname(file), name) for source in sources for name in source.files)
    return find_loose((file, *lists))


def read_text(file: str) -> str:
    """A policy file's text. Raises BadInput where there is none, NotPermitted, CannotTell."""
    try:
        return ConfigFiles().read(whole_path(file))
    except NotPermitted as error:
        raise NotPermitted("audit.unreadable", file=file, reason=str(error.facts["reason"])) from error
    except CannotTell as error:
        if error.code == "file.missing":
            raise BadInput("policy.no-file", file=file) from None
        raise


def reader_beside(file: str) -> Callable[[str], str]:
    """Reads the files of networks that a policy names: paths are from its folder."""
    folder = os.path.dirname(whole_path(file))

    def read(path: str) -> str:
        try:
            return ConfigFiles().read(os.path.join(folder, path), LARGEST_LIST)
        except CannotTell as error:
            if error.code == "file.missing":
                raise BadInput("policy.list-missing", text=path) from None
            raise

    return read
