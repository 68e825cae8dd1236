"""Senders told briefly, against a plain look at each address: whoever is named gets in or never comes, and whoever gets in is named."""

from ipaddress import ip_address, ip_network

from hypothesis import assume, given
from hypothesis import strategies as st

from portulan.guard.routes import merge
from portulan.guard.senders import describe, filled, meet, span_text
from portulan.model.port import Transport
from portulan.model.reach import Access, Outcome, Place, Reached, Sources, Way

RULE = Place("inet", "t", "c", 1, "drop")
WORLD = range(40)


def cut(numbers):
    """Sorted numbers as spans."""
    return merge((number, number) for number in numbers)


def holds(spans, number):
    return any(first <= number <= last for first, last in spans)


sets = st.sets(st.sampled_from(WORLD), max_size=20)


@given(inside=sets, outsiders=sets)
def test_filling_in_takes_nobody_from_outside(inside, outsiders):
    outsiders = outsiders - inside
    found = filled(cut(inside), cut(outsiders))
    assert all(holds(found, number) for number in inside)
    assert not any(holds(found, number) for number in outsiders)
    assert len(found) <= len(cut(inside))
    assert list(found) == sorted(found)


@given(one=sets, other=sets)
def test_sets_meet_where_they_share_a_number(one, other):
    assert meet(cut(one), cut(other)) == bool(one & other)


@given(first=st.integers(0, 2**32 - 1), size=st.integers(0, 2**20))
def test_a_span_is_told_exactly(first, size):
    last = min(first + size, 2**32 - 1)
    text = span_text((first, last), 4)
    if "-" in text:
        assert [int(ip_address(part)) for part in text.split("-")] == [first, last]
    else:
        net = ip_network(text)
        assert (int(net.network_address), int(net.broadcast_address)) == (first, last)


def named(senders, number, link):
    """Whether an address is among the senders that were named."""
    for each in senders:
        if each.links and link not in each.links:
            continue
        if each.kind == "everyone" and not any(among(text, number) for text in each.but):
            return True
        if each.kind == "networks" and any(among(text, number) for text in each.networks):
            return True
    return False


def among(text, number):
    if "-" in text:
        first, last = text.split("-")
        return int(ip_address(first)) <= number <= int(ip_address(last))
    return ip_address(number) in ip_network(text)


@given(data=st.data())
def test_whoever_is_named_gets_in_and_whoever_gets_in_is_named(data):
    links = ("eth0", "eth1")
    accesses, fate = [], {}
    for link in links:
        inside = data.draw(sets)
        shut = data.draw(sets) - inside
        fate |= {(link, number): number in inside for number in inside | shut}
        for outcome, numbers in ((Outcome.ACCEPT, inside), (Outcome.DROP, shut)):
            if numbers:
                accesses.append(Access(outcome, Sources(v4=cut(numbers)), (link,), RULE, Way.INPUT))
    assume(any(fate.values()))
    senders = describe(Reached(Transport.TCP, 80, tuple(accesses), "networks"), Outcome.ACCEPT)
    for (link, number), gets_in in fate.items():
        assert named(senders, number, link) == gets_in, (senders, link, number)
