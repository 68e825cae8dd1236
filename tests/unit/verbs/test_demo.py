import pytest

from portulan.errors import BadInput
from portulan.verbs import demo


def test_a_scene_that_is_none_is_said_at_once():
    with pytest.raises(BadInput) as raised:
        demo(["conflict", "fireworks"])
    assert (raised.value.code, raised.value.facts["text"]) == ("demo.no-scene", "fireworks")


def test_nothing_begins_before_it_is_asked_for():
    demo(["conflict"]).close()
