"""Compile the message catalogues when a wheel or an editable install is built, and put the manual pages into a wheel."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):  # type: ignore[misc]
    """Writes every .mo beside its .po before the files are collected; of a wheel, the manual pages too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before the build."""
        sys.path.insert(0, str(Path(self.root, "tools")))
        from catalogues import compile_all

        compile_all(Path(self.root))
        if version == "standard":  # not an editable install
            sys.path.insert(0, str(Path(self.root, "src")))
            from make_man import write_all

            folder = Path(self.root, "build", "man")
            build_data["shared_data"] |= {str(path): f"share/man/{path.relative_to(folder)}" for path in write_all(folder)}
