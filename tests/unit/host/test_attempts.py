"""One address, concluded."""

import pytest

from builders import packed
from portulan.host.attempts import cause_of_error, conclude, is_capable, lacks_privilege, objection
from portulan.model.binding import Answer, Judgement, Wish
from portulan.model.ground import Addresses, Ground
from portulan.model.port import Transport
from portulan.model.why import Cause, Trial

ROOT = Ground(uid=0, capable=True, unprivileged_start=1024)
ANN = Ground(uid=1000, capable=False, unprivileged_start=1024)
HERE = Addresses(((packed("127.0.0.0"), 8), (packed("fd00::1"), 128)), (packed("fd00::2"),))
YES, NO, MAYBE = (Judgement(answer) for answer in (Answer.YES, Answer.NO, Answer.MAYBE))


def wish(address="0.0.0.0", port=8080, uid=1000, **more):
    return Wish(Transport.TCP, packed(address), port, uid, **more)


def test_whose_rights_count():
    assert is_capable(wish(uid=1000), ANN._replace(capable=True))
    assert not is_capable(wish(uid=1000), ROOT)
    assert is_capable(wish(uid=0), ANN)
    assert lacks_privilege(wish(port=80), ANN)
    assert not lacks_privilege(wish(port=1024), ANN)
    assert not lacks_privilege(wish(port=80), ANN._replace(unprivileged_start=None))


@pytest.mark.parametrize(
    ("error", "port", "cause"),
    [
        ("EACCES", 80, Cause.PRIVILEGED), ("EACCES", 8080, Cause.POLICY), ("EPERM", 80, Cause.POLICY), ("EADDRNOTAVAIL", 80, Cause.NOT_LOCAL),
        ("EINVAL", 80, Cause.IMPOSSIBLE), ("EAFNOSUPPORT", 80, Cause.NO_FAMILY), ("ENOBUFS", 80, Cause.REFUSED),
    ],
)  # fmt: skip
def test_what_errors_mean(error, port, cause):
    assert cause_of_error(error, wish(port=port), ANN, None) is cause


def test_an_address_that_is_new():
    assert cause_of_error("EADDRNOTAVAIL", wish("fd00::2"), ANN, HERE) is Cause.TENTATIVE
    assert cause_of_error("EADDRNOTAVAIL", wish("fd00::3"), ANN, HERE) is Cause.NOT_LOCAL


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        (wish(), None), (wish(port=80), Cause.PRIVILEGED), (wish("127.9.9.9"), None), (wish("203.0.113.9"), Cause.NOT_LOCAL),
        (wish("::ffff:203.0.113.9"), Cause.NOT_LOCAL), (wish("fd00::1"), None), (wish("fd00::2"), Cause.TENTATIVE), (wish("fd00::3"), Cause.NOT_LOCAL),
        (wish("::ffff:127.0.0.1", v6_only=True), Cause.IMPOSSIBLE), (wish("203.0.113.9", port=80), Cause.NOT_LOCAL),
    ],
)  # fmt: skip
def test_what_speaks_against_what_was_not_tried(asked, cause):
    assert objection(asked, ANN, HERE) is cause
    attempt = conclude(asked, None, YES, ANN, HERE, untried="other-user")
    assert (attempt.answer, attempt.cause) == ((Answer.NO, cause) if cause else (Answer.YES, Cause.FREE))
    assert (attempt.tried, attempt.untried) == (False, "other-user")


def test_addresses_that_need_not_be_there():
    assert objection(wish("203.0.113.9"), ANN, HERE._replace(nonlocal_4=True)) is None
    assert objection(wish("fd00::3"), ANN, HERE._replace(nonlocal_4=True)) is Cause.NOT_LOCAL
    assert objection(wish("fd00::3"), ANN, HERE._replace(nonlocal_6=True)) is None


@pytest.mark.parametrize(
    ("trial", "rule", "answer", "cause", "odd"),
    [
        (Trial(None, listened=True), YES, Answer.YES, Cause.FREE, None),
        (Trial(None), NO, Answer.YES, Cause.FREE, "kernel-lenient"),
        (Trial(None), MAYBE, Answer.YES, Cause.FREE, None),
        (Trial("EADDRINUSE"), NO, Answer.NO, Cause.UNSEEN, None),
        (Trial("EADDRINUSE"), MAYBE, Answer.NO, Cause.UNSEEN, None),
        (Trial("EADDRINUSE"), YES, Answer.NO, Cause.UNSEEN, "kernel-stricter"),
        (Trial("EPERM"), None, Answer.NO, Cause.POLICY, None),
        (None, NO, Answer.NO, Cause.UNSEEN, None),
        (None, MAYBE, Answer.MAYBE, Cause.UNSEEN, None),
        (None, None, Answer.MAYBE, Cause.UNSEEN, None),
    ],
)
def test_the_kernel_s_word_is_the_answer(trial, rule, answer, cause, odd):
    attempt = conclude(wish(), trial, rule, ANN, None)
    assert (attempt.answer, attempt.cause, attempt.disagreement) == (answer, cause, odd)
    assert attempt.tried is (trial is not None)
    assert attempt.listened is (trial is not None and trial.listened)


def test_where_the_rule_does_not_hold_it_is_not_claimed():
    attempt = conclude(wish(), Trial("EADDRINUSE"), YES, ANN, None, exact=False)
    assert (attempt.rule, attempt.disagreement) == (None, None)


def test_v6_only_is_said_of_ipv6_alone():
    assert conclude(wish("::", v6_only=True), Trial(None), YES, ANN, None).v6_only is True
    assert conclude(wish(), Trial(None), YES, ANN, None).v6_only is None
