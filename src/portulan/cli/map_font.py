"""A font for the words of the PNG: Pillow's own for English, one of the system's for Japanese."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.ImageFont import FreeTypeFont

FOLDERS = (
    "~/.local/share/fonts", "~/.fonts", "/usr/local/share/fonts", "/usr/share/fonts",
    "~/Library/Fonts", "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
"""Where systems keep fonts; in this order."""

FILES = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansJP-Regular.otf", "NotoSansJP-Regular.ttf", "SourceHanSans-Regular.ttc",
    "ipaexg.ttf", "ipagp.ttf", "ipag.ttf", "VL-PGothic-Regular.ttf", "VL-Gothic-Regular.ttf", "TakaoPGothic.ttf",
    "fonts-japanese-gothic.ttf", "DroidSansFallbackFull.ttf", "ヒラギノ角ゴシック W3.ttc", "YuGothR.ttc", "meiryo.ttc", "msgothic.ttc",
)  # fmt: skip
"""Files that are known to have Japanese characters, the best first."""

PROBE = "港"
"""A character that only a font for Chinese or Japanese has."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font by its file, and which of a collection it is."""

    path: Path
    index: int = 0


def find_font(folders: Iterable[Path] | None = None, probe: str = PROBE) -> FontFile | None:
    """A font that has the probe's characters, in the folders (None: those of FOLDERS); None if there is none."""
    places = [Path(folder).expanduser() for folder in FOLDERS] if folders is None else list(folders)
    found = {path.name: path for folder in reversed(places) for path in sorted(folder.rglob("*.[ot]t[cf]"), reverse=True)}
    # A name that we do not know may still be right: a try tells, and comes after the known ones.
    strangers = sorted((path for name, path in found.items() if name not in FILES and _sounds_japanese(name)), key=str)
    for path in (*(found[name] for name in FILES if name in found), *strangers):
        font = FontFile(path)
        if _has(font, probe):
            return font
    return None


def _sounds_japanese(name: str) -> bool:
    return any(word in name.lower() for word in ("cjk", "jp", "japan", "gothic", "mincho", "kaku", "maru"))


def _has(font: FontFile, probe: str) -> bool:
    """Whether the font opens and has the characters (not the box that stands for what is missing)."""
    try:
        opened = load(font, 24)
        return bytes(opened.getmask(probe)) != bytes(opened.getmask("\uffff" * len(probe)))
    except OSError:
        return False


@lru_cache(maxsize=64)
def load(font: FontFile | None, size: int) -> FreeTypeFont:
    """The font at a size in pixels; None is Pillow's own. Raises OSError for a file that is no font."""
    from PIL import ImageFont

    if font is None:
        own = ImageFont.load_default(size)
        assert isinstance(own, ImageFont.FreeTypeFont)
        return own
    return ImageFont.truetype(str(font.path), size, index=font.index)
