"""What the administrator has set about port numbers."""

import pytest

from portulan.model.portset import parse_portset
from portulan.system.port_settings import read_first_unprivileged, read_reserved_ports, read_v6_only


@pytest.fixture
def setting(tmp_path):
    def write(text):
        path = tmp_path / "setting"
        path.write_text(text)
        return str(path)

    return write


LONG = ",".join(map(str, range(1, 20_000, 2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("\n", ""), ("", ""), ("8080,9000-9010\n", "8080,9000-9010"), ("nonsense", ""), ("80,8000-8010,x", "80,8000-8010"), (LONG, LONG)],
)
def test_reserved_ports(setting, text, expected):
    found = read_reserved_ports(setting(text))
    assert str(found) == expected
    assert not expected or found == parse_portset(expected)


@pytest.mark.parametrize(("text", "expected"), [("1024\n", 1024), ("80\n", 80), ("0\n", 0), ("", 1024), ("x", 1024)])
def test_first_unprivileged(setting, text, expected):
    assert read_first_unprivileged(setting(text)) == expected


@pytest.mark.parametrize(("text", "expected"), [("0\n", False), ("1\n", True)])
def test_v6_only(setting, text, expected):
    assert read_v6_only(setting(text)) is expected


def test_no_such_setting():
    assert read_v6_only("/nowhere") is False
    assert len(read_reserved_ports("/nowhere")) == 0
    assert read_first_unprivileged("/nowhere") == 1024


def test_this_machine():
    assert 0 <= read_first_unprivileged() < 65_536
    assert isinstance(len(read_reserved_ports()), int)
