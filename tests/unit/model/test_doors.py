"""Where a published port leads."""

import pytest

from portulan.model.doors import Door
from portulan.model.port import Transport


@pytest.mark.parametrize(
    ("published", "wanted"),
    [
        ("172.17.0.2:80", ("172.17.0.2", 80)),
        ("172.17.0.2", ("172.17.0.2", 8080)),
        ("[fd00::2]:80", ("fd00::2", 80)),
        ("fd00::2", ("fd00::2", 8080)),
        ("172.17.0.2-172.17.0.9", ("172.17.0.2-172.17.0.9", 8080)),
        ("fd00::2-fd00::9", ("fd00::2-fd00::9", 8080)),
    ],
)
def test_the_port_stays_where_a_rule_names_none(published, wanted):
    door = Door(Transport.TCP, 8080, (), None, None, None, None, None, published)
    assert door.led_to == wanted
