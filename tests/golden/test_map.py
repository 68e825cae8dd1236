"""What a person sees: change these only with open eyes."""

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from map_samples import sample
from portulan.cli.map_ink import Depth
from portulan.cli.map_svg import build_svg
from portulan.cli.map_terminal import picture_lines
from portulan.text.voice import Voice


class SvgFile(SingleFileSnapshotExtension):
    """The SVG as a file of its own, which a browser shows."""

    file_extension = "svg"
    _write_mode = WriteMode.BINARY


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize(("width", "rows"), [(80, 24), (80, None), (120, 50), (40, 30)])
def test_plain(snapshot, language, width, rows):
    assert "\n".join(picture_lines(sample(), Voice(language), width=width, rows=rows, depth=Depth.PLAIN)) == snapshot


@pytest.mark.parametrize("depth", [Depth.BASIC, Depth.INDEXED, Depth.TRUE])
def test_colours(snapshot, depth):
    lines = picture_lines(sample(), Voice("en"), width=80, rows=24, depth=depth)
    assert "\n".join(lines).replace("\x1b", "␛") == snapshot


def test_svg(snapshot):
    assert build_svg(sample(), Voice("en")) == snapshot(extension_class=SvgFile)
