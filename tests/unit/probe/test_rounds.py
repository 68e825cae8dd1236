"""Which hop is asked when, with a clock of our own."""

from portulan.model.path import Answer, Clock
from portulan.model.scan import Reason
from portulan.probe.rounds import Rounds


def expired(key):
    return Answer(key, Reason.TIME_EXCEEDED, f"r{key}")


def play(rounds, route, *, until_s=20.0, trip_s=0.01):
    """Let a route answer: a function (hop, which try of it) -> reason or None. Returns (hops asked in their order, when it was done)."""
    now_s, asked, under_way = 100.0, [], []
    while now_s < 100.0 + until_s:
        for key, hop in rounds.due(now_s):
            asked.append(hop)
            reason = route(hop, asked.count(hop))
            if reason is not None:
                under_way.append((now_s + trip_s, Answer(key, reason, "host" if reason is not Reason.TIME_EXCEEDED else f"r{hop}")))
        for each in [each for each in under_way if each[0] <= now_s]:
            under_way.remove(each)
            rounds.take(each[1], now_s)
        if rounds.done(now_s):
            return asked, now_s - 100.0
        wakes = [each[0] for each in under_way] + ([rounds.wake_s()] if rounds.wake_s() is not None else [])
        now_s = max(min(wakes, default=now_s + 0.1), now_s + 0.0001)
    raise AssertionError(asked)


def host_at(distance, reason=Reason.SYN_ACK, silent=()):
    return lambda hop, _: reason if hop >= distance else None if hop in silent else Reason.TIME_EXCEEDED


def test_a_path_that_answers_takes_one_round_trip():
    rounds = Rounds()
    asked, took_s = play(rounds, host_at(7))
    assert asked == list(range(1, 17))
    assert took_s < 0.0101
    assert rounds.final == 7


def test_a_long_path_takes_a_second_volley():
    asked, took_s = play(Rounds(last=30), host_at(20))
    assert asked == list(range(1, 31))
    assert took_s < 0.0202


def test_no_more_than_the_last_hop_is_asked():
    rounds = Rounds(last=5, wait_s=0.3)
    asked, _ = play(rounds, host_at(9))
    assert set(asked) == {1, 2, 3, 4, 5}
    assert (rounds.final, rounds.farthest) == (None, 5)


def test_a_silent_router_is_asked_three_times():
    asked, took_s = play(Rounds(), host_at(7, silent=(3,)))
    assert [asked.count(hop) for hop in (2, 3, 4, 7)] == [1, 3, 1, 1]
    assert took_s < 0.2


def test_right_before_the_host_six_times():
    asked, _ = play(Rounds(), host_at(7, silent=(5, 6)))
    assert [asked.count(hop) for hop in (4, 5, 6, 7)] == [1, 6, 6, 1]


def test_the_host_s_own_answer_may_have_been_lost():
    rounds = Rounds()
    play(rounds, lambda hop, turn: None if hop == 7 and turn < 4 else host_at(7)(hop, turn))
    assert rounds.final == 7


def test_silence_gets_all_the_time_there_is():
    rounds = Rounds(wait_s=1.0)
    asked, took_s = play(rounds, lambda hop, _: Reason.TIME_EXCEEDED if hop < 4 else None)
    assert (asked.count(3), asked.count(4), asked.count(5)) == (
        1,
        7,
        3,
    )  # where silence begins thrice at a time, so that it takes no longer
    assert 1.5 <= took_s < 1.6
    assert (rounds.final, rounds.farthest) == (None, 3)


def test_where_packets_are_lost_silence_is_asked_for_longer():
    asked, _ = play(Rounds(wait_s=0.3), lambda hop, turn: Reason.TIME_EXCEEDED if hop < 4 and (hop != 2 or turn > 1) else None)
    assert (asked.count(2), asked.count(4), asked.count(5)) == (2, 10, 3)


def test_a_lost_answer_of_the_last_hop_does_not_move_the_silence():
    rounds = Rounds(wait_s=0.3)
    play(rounds, lambda hop, turn: Reason.TIME_EXCEEDED if hop < 4 or (hop == 4 and turn == 6) else None)
    assert (rounds.final, rounds.farthest) == (None, 4)


def test_a_volley_whose_last_hops_are_silent_still_goes_on():
    rounds = Rounds(wait_s=0.3)
    play(rounds, host_at(20, silent=(15, 16)))
    assert rounds.final == 20


def test_second_answers_and_answers_to_others_are_left_aside():
    rounds = Rounds(last=2)
    keys = [key for key, _ in rounds.due(1.0)]
    rounds.take(expired(keys[0]), 1.1)
    rounds.take(Answer(keys[0], Reason.SYN_ACK, "late"), 1.2)
    rounds.take(Answer(999, Reason.SYN_ACK, "other"), 1.2)
    assert rounds.final is None
    assert [answer.by for answer in rounds.answers_of(1)] == ["r0"]


def test_an_answer_for_no_probe_in_particular_is_the_host_s():
    rounds = Rounds(wait_s=0.3)
    for key, hop in rounds.due(1.0):
        if hop < 5:
            rounds.take(expired(key), 1.01)
    rounds.take(Answer(None, Reason.ANSWER, "host"), 1.02)
    assert rounds.final == 5
    assert rounds.done(1.03)


def test_routers_that_do_not_say_for_which_probe_are_asked_one_by_one():
    rounds, now_s = Rounds(wait_s=0.3), 1.0
    last_sent = []
    while not rounds.done(now_s):
        for key, hop in list(rounds.due(now_s)):
            last_sent.append(hop)
            reason = Reason.SYN_ACK if hop >= 5 else Reason.TIME_EXCEEDED
            rounds.take(Answer(None if hop == 3 else key, reason, f"r{hop}"), now_s + 0.001)
        now_s += 0.01
        assert now_s < 20
    assert rounds.one_by_one
    assert [answer.by for answer in rounds.answers_of(3)] == ["r3"]
    assert rounds.answers_of(3)[0].clock is Clock.PROCESS
    assert (rounds.final, last_sent.count(3)) == (5, 2)
    woken = Rounds(wait_s=0.3)
    for _ in woken.due(1.0):
        pass
    woken.take(Answer(None, Reason.TIME_EXCEEDED, "r1"), 1.01)
    assert woken.wake_s() > 1.01  # no spinning


def test_what_cannot_leave_is_not_tried_again():
    rounds = Rounds()
    for key, _ in rounds.due(1.0):
        rounds.take(Answer(key, Reason.NO_ROUTE, None), 1.0)
    assert rounds.blocked.reason is Reason.NO_ROUTE
    assert rounds.done(1.0)
    assert rounds.wake_s() is None
    assert list(rounds.due(9.0)) == []


def test_a_part_of_a_path_may_be_asked():
    rounds = Rounds(first=4, last=3)
    assert [hop for _, hop in rounds.due(1.0)] == [4]
    assert not Rounds().done(1.0)
