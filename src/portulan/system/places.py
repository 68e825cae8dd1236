"""Folders of this user, after the XDG base directory specification."""

from __future__ import annotations

import os


def cache_folder() -> str:
    """Where what can be made again is kept."""
    return _folder("XDG_CACHE_HOME", ".cache")


def config_folder() -> str:
    """Where the user's own settings are kept."""
    return _folder("XDG_CONFIG_HOME", ".config")


def data_folder() -> str:
    """Where what the user brought is kept."""
    return _folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> str:
    """Where what must outlive a run is kept."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, default: str) -> str:
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):  # the specification: a relative one is to be ignored
        base = os.path.join(os.path.expanduser("~"), default)
    return os.path.join(base, "portulan")
