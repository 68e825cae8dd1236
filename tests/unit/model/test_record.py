"""Records: named tuples by class syntax."""

import copy
import pickle
from typing import get_type_hints

import pytest

from portulan.model.record import Record


class Place(Record):
    """Where something is."""

    line: int
    column: int = 1
    """Counted from 1."""
    name: str = ""

    LIMIT = 5

    @property
    def first(self) -> bool:
        """Whether it is the very first."""
        return self.line == self.column == 1

    def __str__(self) -> str:
        """`line:column`."""
        return f"{self.line}:{self.column}"

    @classmethod
    def origin(cls) -> "Place":
        """The first place."""
        return cls(1)


class Nothing(Record):
    """A record without fields."""


def test_fields_by_position_and_by_name():
    assert Place(3, 4) == Place(line=3, column=4) == (3, 4, "")
    assert (Place(3).line, Place(3).column, Place(3).name) == (3, 1, "")
    assert Place._fields == ("line", "column", "name")
    assert Place._field_defaults == {"column": 1, "name": ""}


@pytest.mark.parametrize("arguments", [(), (1, 2, "", 4)])
def test_too_few_or_too_many_are_refused(arguments):
    with pytest.raises(TypeError):
        Place(*arguments)


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError):
        Place(1, row=2)


def test_a_record_does_not_change_but_has_changed_copies():
    place = Place(3)
    with pytest.raises(AttributeError):
        place.line = 4
    with pytest.raises(AttributeError):
        place.other = 4
    assert place._replace(line=4) == Place(4)
    assert place == Place(3)


def test_methods_properties_and_constants_come_along():
    assert Place.origin().first
    assert not Place(2).first
    assert str(Place(3, 4)) == "3:4"
    assert repr(Place(3, 4)) == "Place(line=3, column=4, name='')"
    assert Place.LIMIT == 5
    assert Place.__doc__ == "Where something is."


def test_a_record_is_itself_by_name():
    assert (Place.__name__, Place.__qualname__, Place.__module__) == ("Place", "Place", __name__)
    assert get_type_hints(Place) == {"line": int, "column": int, "name": str}


def test_records_are_keys_and_can_be_copied():
    assert {Place(1): "x"}[Place(1)] == "x"
    assert copy.deepcopy(Place(1, 2, "n")) == Place(1, 2, "n")
    assert sorted([Place(2), Place(1, 9), Place(1, 2)]) == [Place(1, 2), Place(1, 9), Place(2)]


def test_records_of_the_package_can_be_sent_to_another_process():
    from portulan.model.port import Port, Transport

    assert pickle.loads(pickle.dumps(Port(80, Transport.TCP))) == Port(80, Transport.TCP)


def test_a_record_without_fields():
    assert Nothing() == ()
    assert Nothing.__doc__ == "A record without fields."


def test_a_field_without_default_after_one_with_is_refused():
    with pytest.raises(TypeError, match="Odd: fields with a default come last"):

        class Odd(Record):
            """Not like this."""

            first: int = 1
            second: int


def test_the_base_has_no_fields():
    assert not hasattr(Record, "_fields")
    assert type(Place(1)).__mro__[1] is tuple
