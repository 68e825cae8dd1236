"""The user's settings: `config.toml` in the configuration folder.

[scan]
authorized = ["192.0.2.0/24"]   # public networks that their owner lets us scan
"""

from __future__ import annotations

import os
import re

from portulan.errors import CannotTell, NotPermitted, ParseError
from portulan.model.record import Record
from portulan.system.config_files import ConfigFiles
from portulan.system.places import config_folder

_LINE = re.compile(r"at line (\d+), column \d+")


class UserConfig(Record):
    """What the user set."""

    path: str
    authorized: tuple[str, ...] = ()
    """Networks that may be scanned, as written."""

    def line_of(self, text: str) -> int:
        """The line that holds a text; 1 where none does."""
        try:
            lines = ConfigFiles().read(self.path).splitlines()
        except CannotTell:
            return 1
        return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def config_path() -> str:
    """Where the settings lie or would lie."""
    return os.path.join(config_folder(), "config.toml")


def read_config() -> UserConfig:
    """The settings; those of a user without a file are the defaults. Raises ParseError with file and line, NotPermitted where it may not be read.

    A folder that may not even be entered is another user's (HOME is kept by setpriv and by some settings of sudo): whoever runs this has no settings there.
    """
    path = config_path()
    try:
        text = ConfigFiles().read(path)
    except NotPermitted as error:
        if not os.path.exists(path):
            return UserConfig(path)
        raise NotPermitted("config.unreadable", file=path, reason=error.facts["reason"]) from error
    except CannotTell as error:
        if error.code == "file.missing":
            return UserConfig(path)
        raise
    import tomllib

    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found else max(1, len(text.splitlines()))
        raise ParseError("config.no-toml", file=path, line=line, reason=_LINE.sub("", str(error)).replace("()", "").strip()) from None
    return UserConfig(path, _authorized(settings.get("scan", {}), text, path))


def _authorized(scan: object, text: str, path: str) -> tuple[str, ...]:
    if not isinstance(scan, dict):
        raise ParseError("config.no-table", file=path, line=_line(text, "scan"), name="scan")
    for key in scan:
        if key != "authorized":
            raise ParseError("config.unknown", file=path, line=_line(text, key), name=f"scan.{key}", known="authorized")
    networks = scan.get("authorized", [])
    if not isinstance(networks, list) or not all(isinstance(each, str) for each in networks):
        raise ParseError("config.no-texts", file=path, line=_line(text, "authorized"), name="scan.authorized")
    return tuple(networks)


def _line(text: str, word: str) -> int:
    """The first line that a word stands in, as a word of its own."""
    found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1
