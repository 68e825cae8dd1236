"""What the audit makes of the machine's own words before it judges."""

import os

import pytest

from audit_samples import UDP, endpoint
from portulan.model.chart import Socket
from portulan.model.network import Address
from portulan.system.programs import is_replaced
from portulan.verbs.audit import bound_to, read_wanted


def six(address, *, only):
    return endpoint(80, address)._replace(sockets=(Socket(1, 1, v6_only=only),))


@pytest.mark.parametrize(("items", "wanted"), [
    ((endpoint(80),), (True, False, [])),
    ((six("::", only=False),), (True, True, [])),
    ((six("::", only=True),), (False, True, [])),
    ((endpoint(80), six("::", only=True)), (True, True, [])),
    ((endpoint(80, "10.0.0.1"), six("fd00::1", only=True)), (False, False, [Address(4, 0x0A000001), Address(6, 0xFD00 << 112 | 1)])),
    ((six("::ffff:10.0.0.1", only=False),), (False, False, [Address(4, 0x0A000001)])),
    ((endpoint(5353, "224.0.0.251", UDP), six("ff02::fb", only=True)), (False, False, [])),
])  # fmt: skip
def test_where_a_port_is_bound(items, wanted):
    assert bound_to(items) == wanted


def test_a_program_whose_place_was_taken(tmp_path):
    path = tmp_path / "x"
    assert is_replaced(os.getpid(), str(path)) is False
    path.write_text("new")
    assert is_replaced(os.getpid(), str(path)) is True
    assert is_replaced(2**22 + 1, str(path)) is None


def test_no_policy_is_no_list():
    assert read_wanted(None, None) is None
