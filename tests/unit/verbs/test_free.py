"""What free makes of the words it is given; the numbers are judged by the kernel in tests/lab/test_free.py."""

import pytest

from portulan.errors import BadInput, Refused
from portulan.verbs.free import free


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"count": 0}, "free.count"), ({"count": 65_536}, "free.count"), ({"transport": "sctp"}, "transport.unknown"),
        ({"within": "9-8"}, "range.backwards"), ({"within": "user,5"}, "port.not-a-number"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(asked, code):
    with pytest.raises(BadInput) as caught:
        free(**asked)
    assert caught.value.code == code


def test_of_a_range_that_is_excluded_nothing_is_left():
    with pytest.raises(Refused) as caught:
        free(2, within="20000-20001", excluded=range(20_000, 20_002))
    assert caught.value.facts == {"within": "20000-20001", "found": 0, "count": 2}
