"""Errors that Portulan raises on purpose."""

import errno

import pytest

from portulan.errors import BadInput, CannotTell, MachineFailed, NotPermitted, ParseError, PortulanError, failed


@pytest.mark.parametrize(
    ("kind", "status"), [(PortulanError, 4), (BadInput, 2), (ParseError, 2), (CannotTell, 3), (NotPermitted, 3), (MachineFailed, 4)]
)
def test_each_class_says_what_a_command_ends_with(kind, status):
    error = kind("some.code")
    assert isinstance(error, PortulanError)
    assert error.exit_status == status


def test_an_error_is_a_code_and_facts():
    error = BadInput("port.out-of-range", text="70000", code="a fact may be called code")
    assert error.code == "port.out-of-range"
    assert error.facts == {"text": "70000", "code": "a fact may be called code"}
    assert str(error) == "port.out-of-range: text='70000', code='a fact may be called code'"
    assert error.args == ("port.out-of-range",)


def test_an_error_of_the_machine_keeps_its_reason():
    error = failed("read", "/etc/shadow", PermissionError(errno.EACCES, "Permission denied"))
    assert isinstance(error, MachineFailed)
    assert error.code == "machine.failed"
    assert error.facts == {"operation": "read", "subject": "/etc/shadow", "reason": "Permission denied"}


def test_one_without_a_reason_says_what_it_can():
    assert failed("read", "x", OSError("odd")).facts["reason"] == "odd"
