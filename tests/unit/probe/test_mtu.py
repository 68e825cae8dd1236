from portulan.model.path import Answer, PathMtu
from portulan.model.scan import Reason
from portulan.probe.mtu import MtuSearch


def too_big(mtu, by="r"):
    return Answer(1, Reason.TOO_BIG, by, mtu=mtu)


def test_two_narrow_links_one_after_the_other():
    search = MtuSearch(4)
    search.asked(1500)
    assert search.take(too_big(1400, "a"), 1500) == 1400
    assert search.take(too_big(1300, "b"), 1400) == 1300
    assert search.take(Answer(3, Reason.PORT_UNREACHABLE, "host"), 1300) is None
    assert search.result() == PathMtu(1300, sure=True, hop_address="b")


def test_an_old_router_does_not_say_how_big():
    search = MtuSearch(4)
    search.asked(1500)
    assert search.take(too_big(0), 1500) == 1492


def test_nonsense_is_not_believed():
    search = MtuSearch(6)
    search.asked(1500)
    assert search.take(too_big(1000), 1500) is None  # RFC 8200: 1280 goes everywhere
    assert search.take(too_big(9000), 1500) is None
    assert search.result() == PathMtu(1500, sure=False, hop_address=None)


def test_late_answers_to_bigger_ones_say_nothing_new():
    search = MtuSearch(4)
    search.asked(1500)
    search.take(too_big(1400), 1500)
    assert search.take(too_big(1200), 1500) is None
    search.take(Answer(2, Reason.PORT_UNREACHABLE, "host"), 1500)
    assert not search.sure


def test_nothing_could_leave():
    assert MtuSearch(4).result() is None
