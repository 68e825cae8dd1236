"""Compile the message catalogues when a wheel or an editable install is built."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):  # type: ignore[misc]
    """Writes every .mo beside its .po before the files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface's arguments
        """Called by hatchling before the build."""
        sys.path.insert(0, str(Path(self.root, "tools")))
        from catalogues import compile_all

        compile_all(Path(self.root))
