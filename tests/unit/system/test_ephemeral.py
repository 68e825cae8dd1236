"""The kernel's own range for clients."""

from pathlib import Path

import pytest

from portulan.model.portset import PortRange
from portulan.system.ephemeral import SETTING, read_ephemeral_range


@pytest.mark.skipif(not Path(SETTING).exists(), reason="Linux with /proc")
def test_this_hosts_range_is_what_the_kernel_says():
    first, last = map(int, Path(SETTING).read_text().split())
    assert read_ephemeral_range() == PortRange(first, last)


@pytest.mark.parametrize("content", [b"", b"1", b"1 2 3", b"a b", b"9 1", b"1 70000", b"-1 5"])
def test_anything_else_is_unknown(tmp_path, content):
    path = tmp_path / "setting"
    path.write_bytes(content)
    assert read_ephemeral_range(str(path)) is None


def test_no_such_setting_is_unknown(tmp_path):
    assert read_ephemeral_range(str(tmp_path / "none")) is None
