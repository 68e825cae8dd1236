import pytest

from portulan.errors import BadInput
from portulan.system.as_numbers import read_systems


def test_the_smallest_network_wins(tmp_path):
    path = tmp_path / "as"
    path.write_text(
        "# prefixes\n192.0.2.0/24 AS64500 WIDE NAME\n192.0.2.128/25\t64501\n2001:db8::/32 as64502 SIX\nnonsense\n"
        "198.51.100.0\t198.51.100.255\t64503\tZZ\tRANGE\n203.0.113.0\t203.0.113.255\t0\tNone\tNot routed\n"
    )
    found = read_systems(str(path), ["192.0.2.1", "192.0.2.200", "2001:db8::1", "198.51.100.7", "203.0.113.1", "10.0.0.1"])
    assert found == {
        "192.0.2.1": "AS64500 WIDE NAME",
        "192.0.2.200": "AS64501",
        "2001:db8::1": "AS64502 SIX",
        "198.51.100.7": "AS64503 RANGE",
    }


def test_a_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "as"
    path.write_text("hello\nworld\n")
    with pytest.raises(BadInput) as raised:
        read_systems(str(path), ["192.0.2.1"])
    assert raised.value.code == "path.as-format"
    with pytest.raises(BadInput) as raised:
        read_systems(str(tmp_path / "none"), ["192.0.2.1"])
    assert raised.value.code == "path.as-file"
