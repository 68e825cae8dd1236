"""Verdicts of constructed paths; those of real ones are in tests/lab/test_path.py."""

import pytest

from portulan.model.path import Answer, Compared, Finding, Kind, Sure
from portulan.model.scan import Reason, State
from portulan.probe.verdict import Heard, judge, needs_comparison

HOST = "192.0.2.9"


def heard(*hops, kind=Kind.TCP, tries=None, nameless=()):
    """What each hop said: an address is "too far", a reason is the host's (or (reason, address, ICMP type and code)), None is silence."""
    answers = {}
    for hop, said in enumerate(hops, 1):
        if said is None:
            answers[hop] = []
        elif isinstance(said, Reason):
            answers[hop] = [Answer(hop, said, HOST)]
        elif isinstance(said, tuple):
            answers[hop] = [Answer(hop, said[0], said[1], icmp=(3, 13))]
        else:
            answers[hop] = [Answer(hop, Reason.TIME_EXCEEDED, said, icmp=(11, 0))]
    counts = {hop: 1 if answers[hop] else 3 for hop in answers}
    return Heard(kind, HOST, answers, counts | (tries or {}), nameless)


def other(port, reason, hop, hops=(), kind=Kind.TCP):
    return Compared(port, kind, State.OPEN if reason is Reason.SYN_ACK else State.CLOSED, reason, hop, hops)


def codes(verdict):
    return [one.code for one in verdict.evidence]


def test_open():
    verdict = judge(heard("a", "b", Reason.SYN_ACK, Reason.SYN_ACK))
    assert (verdict.finding, verdict.state, verdict.hop, verdict.by, verdict.sure) == (Finding.OPEN, State.OPEN, 3, HOST, Sure.CERTAIN)
    assert codes(verdict) == ["answered", "every-hop"]


def test_open_behind_a_silent_hop_is_likely_there():
    verdict = judge(heard("a", None, Reason.SYN_ACK, Reason.SYN_ACK))
    assert (verdict.hop, verdict.sure) == (3, Sure.LIKELY)
    assert 0 < verdict.chance < 1
    assert codes(verdict) == ["answered", "silent-hops"]


def test_a_reset_next_door_is_the_host_s_own():
    verdict = judge(heard(Reason.RESET))
    assert (verdict.finding, verdict.sure, verdict.hop) == (Finding.CLOSED, Sure.CERTAIN, 1)


def test_a_reset_at_the_host_s_distance_may_be_the_gateway_s():
    verdict = judge(heard("a", "b", Reason.RESET), [other(443, Reason.SYN_ACK, 3)])
    assert (verdict.finding, verdict.state, verdict.sure) == (Finding.CLOSED, State.CLOSED, Sure.UNDECIDABLE)
    assert codes(verdict) == ["reset-from", "compared", "or-gateway"]


def test_a_reset_from_too_near_is_forged():
    verdict = judge(heard("a", "b", Reason.RESET), [other(443, Reason.SYN_ACK, 5)])
    assert (verdict.finding, verdict.state, verdict.reason) == (Finding.FORGED, State.FILTERED, Reason.FORGED_RESET)
    assert (verdict.hop, verdict.by, verdict.sure) == (2, "b", Sure.CERTAIN)
    assert codes(verdict) == ["reset-from", "compared", "too-near"]


def test_another_reset_from_farther_tells_too_but_one_from_as_near_does_not():
    assert judge(heard("a", Reason.RESET), [other(80, Reason.RESET, 4)]).finding is Finding.FORGED
    verdict = judge(heard("a", Reason.RESET), [other(80, Reason.RESET, 2)])
    assert (verdict.finding, verdict.sure) == (Finding.CLOSED, Sure.UNDECIDABLE)
    assert codes(verdict)[-1] == "distance-unknown"


def test_what_a_box_cannot_say_outweighs_what_it_can():
    compared = [other(80, Reason.RESET, 2), other(33434, Reason.PORT_UNREACHABLE, 5, kind=Kind.UDP)]
    assert judge(heard("a", Reason.RESET), compared).hop == 1


def test_a_connection_outranks_a_reset_at_the_same_distance():
    answers = {1: [Answer(1, Reason.RESET, HOST), Answer(2, Reason.SYN_ACK, HOST)]}
    assert judge(Heard(Kind.TCP, HOST, answers, {1: 2})).finding is Finding.OPEN


@pytest.mark.parametrize(
    ("reason", "finding"),
    [
        (Reason.ADMIN_PROHIBITED, Finding.REJECTED), (Reason.PORT_UNREACHABLE, Finding.REJECTED), (Reason.HOST_PROHIBITED, Finding.REJECTED),
        (Reason.HOST_UNREACHABLE, Finding.UNREACHABLE), (Reason.NET_UNREACHABLE, Finding.UNREACHABLE),
    ],
)  # fmt: skip
def test_a_router_s_word_is_attributed_by_its_address(reason, finding):
    verdict = judge(heard("a", "b", (reason, "b"), (reason, "b")))
    assert (verdict.finding, verdict.state, verdict.reason, verdict.hop, verdict.by) == (finding, State.FILTERED, reason, 2, "b")


def test_a_router_that_rejects_before_it_counts_hops_is_at_that_hop():
    verdict = judge(heard("a", (Reason.ADMIN_PROHIBITED, "b")))
    assert (verdict.hop, verdict.by) == (2, "b")
    assert judge(heard("a", None, (Reason.ADMIN_PROHIBITED, "b"))).hop == 2


def test_the_host_s_own_firewall_may_reject():
    verdict = judge(heard("a", (Reason.ADMIN_PROHIBITED, HOST)))
    assert (verdict.finding, verdict.hop, verdict.by) == (Finding.REJECTED, 2, HOST)


def test_a_closed_port_of_datagrams_is_the_host_s_word():
    verdict = judge(heard("a", (Reason.PORT_UNREACHABLE, HOST), kind=Kind.UDP))
    assert (verdict.finding, verdict.state, verdict.sure) == (Finding.CLOSED, State.CLOSED, Sure.CERTAIN)
    assert judge(heard("a", (Reason.PORT_UNREACHABLE, "a"), kind=Kind.UDP)).finding is Finding.REJECTED


def test_silence_after_a_hop():
    verdict = judge(heard("a", "b", None, None), [other(443, Reason.NONE, None)])
    assert (verdict.finding, verdict.state, verdict.hop, verdict.by) == (Finding.SILENT, State.FILTERED, 2, "b")
    assert codes(verdict) == ["silence", "others-silent"]


def test_only_this_port_is_silent():
    verdict = judge(heard("a", "b", None, None, None), [other(443, Reason.SYN_ACK, 5, ((3, "c"), (4, "d")))])
    assert (verdict.finding, verdict.hop, verdict.by) == (Finding.PORT_FILTERED, 2, "b")
    assert codes(verdict) == ["silence", "compared", "next-hop"]
    assert verdict.evidence[-1].facts["by"] == "c"


def test_where_packets_are_lost_the_place_of_a_silence_is_certain_only_after_many_tries():
    hops, beyond = ["a", "b", "c", "d", "e", *[None] * 20], dict.fromkeys(range(7, 26), 3)
    assert judge(heard(*hops, tries=beyond | {6: 2})).sure is Sure.CERTAIN  # nothing is lost: silence is silence
    assert judge(heard(*hops, tries=beyond | {2: 2, 6: 3})).sure is Sure.LIKELY
    assert judge(heard(*hops, tries=beyond | {2: 2, 6: 40})).sure is Sure.CERTAIN


def test_silence_right_before_the_host():
    verdict = judge(heard("a", "b", None, None), [other(443, Reason.SYN_ACK, 3)])
    assert codes(verdict)[-1] == "at-the-host"
    mute = judge(heard("a", "b", None, None, kind=Kind.UDP), [other(443, Reason.SYN_ACK, 3)])
    assert (mute.finding, mute.state, mute.sure) == (Finding.MUTE, State.OPEN_FILTERED, Sure.UNDECIDABLE)


def test_no_reply_at_all():
    verdict = judge(heard(None, None, None))
    assert (verdict.finding, verdict.hop) == (Finding.NOTHING, None)
    assert judge(heard(None, None), [other(443, Reason.SYN_ACK, 3)]).finding is Finding.PORT_FILTERED


def test_a_circle():
    verdict = judge(heard("a", "b", "c", "b", "c", "b", "c"))
    assert (verdict.finding, verdict.hop, verdict.by) == (Finding.LOOP, 2, "b")
    assert verdict.evidence[0].facts == {"first": 2, "second": 4, "addresses": "b, c"}


def test_twice_in_a_row_is_no_circle():
    assert judge(heard("a", "b", "b", None)).finding is Finding.SILENT
    assert judge(heard("a", "b", "a", None)).finding is Finding.SILENT  # once more may be two ways of a shared load


def test_nothing_left_this_host():
    verdict = judge(Heard(Kind.TCP, HOST, {1: [Answer(1, Reason.LOCAL_FIREWALL, None)]}, {1: 1}))
    assert (verdict.finding, verdict.reason) == (Finding.NOT_SENT, Reason.LOCAL_FIREWALL)


def test_an_answer_for_no_probe_in_particular():
    verdict = judge(heard("a", "b", None, None, kind=Kind.UDP, nameless=[Answer(None, Reason.ANSWER, HOST)]))
    assert (verdict.finding, verdict.hop) == (Finding.OPEN, 3)


def test_others_are_asked_only_where_that_tells_more():
    assert needs_comparison(heard("a", Reason.RESET))
    assert needs_comparison(heard("a", None))
    assert not needs_comparison(heard(Reason.RESET))
    assert not needs_comparison(heard("a", Reason.SYN_ACK))
    assert not needs_comparison(heard("a", (Reason.ADMIN_PROHIBITED, "a")))
    assert not needs_comparison(heard("a", "b", "a", "b", "a"))
    assert not needs_comparison(Heard(Kind.TCP, HOST, {1: [Answer(1, Reason.NO_ROUTE, None)]}, {1: 1}))
