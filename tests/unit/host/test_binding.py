"""May a server bind here: the rule, case by case as the kernel decides them. The lab test `test_why_rule.py` has the kernel itself as judge."""

import pytest

from builders import packed
from portulan.host.binding import collides, find_held, is_ephemeral, is_local, judge, may_share, needs_privilege, overlap_of
from portulan.model.binding import Answer, Held, Overlap, Wish
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Row, Survey

TCP, UDP = Transport.TCP, Transport.UDP


def wish(address="0.0.0.0", transport=TCP, port=80, **more):
    return Wish(transport, packed(address), port, **more)


def held(address="0.0.0.0", transport=TCP, port=80, state=None, **more):
    facts = {"uid": 0, "reuse_address": False, "reuse_port": False, "v6_only": False if ":" in address else None, **more}
    return Held(transport, packed(address), port, state or (State.LISTENING if transport is TCP else State.BOUND), **facts)


@pytest.mark.parametrize(
    ("asked", "theirs", "overlap"),
    [
        ("0.0.0.0", "0.0.0.0", Overlap.SAME),
        ("127.0.0.1", "::ffff:127.0.0.1", Overlap.SAME),
        ("127.0.0.1", "0.0.0.0", Overlap.HELD_WILDCARD),
        ("::1", "::", Overlap.HELD_WILDCARD),
        ("0.0.0.0", "127.0.0.1", Overlap.ASKED_WILDCARD),
        ("::", "::1", Overlap.ASKED_WILDCARD),
        ("127.0.0.1", "::", Overlap.HELD_DUAL_STACK),
        ("::ffff:127.0.0.1", "::", Overlap.HELD_DUAL_STACK),
        ("::", "127.0.0.1", Overlap.ASKED_DUAL_STACK),
        ("::", "::ffff:0.0.0.0", Overlap.ASKED_DUAL_STACK),
        ("0.0.0.0", "::1", Overlap.PLACEHOLDER),
    ],
)
def test_addresses_that_meet(asked, theirs, overlap):
    assert collides(wish(asked), held(theirs)) is True
    assert overlap_of(wish(asked), held(theirs)) is overlap


@pytest.mark.parametrize(
    ("asked", "theirs"),
    [
        ("127.0.0.1", "127.0.0.2"),
        ("::1", "fd00::1"),
        ("::1", "0.0.0.0"),
        ("::1", "::ffff:0.0.0.0"),
        ("127.0.0.1", "::1"),
        ("127.0.0.6", "::1"),
        ("::ffff:0.0.0.0", "::1"),
    ],
)
def test_addresses_that_do_not_meet(asked, theirs):
    assert collides(wish(asked), held(theirs)) is False


def test_what_a_v6_only_socket_leaves_to_ipv4():
    assert collides(wish("0.0.0.0"), held("::", v6_only=True)) is False
    assert collides(wish("::ffff:127.0.0.1"), held("::", v6_only=True)) is False
    assert collides(wish("::", v6_only=True), held("0.0.0.0")) is False
    assert collides(wish("::", v6_only=True), held("::", v6_only=True)) is True
    assert collides(wish("0.0.0.0"), held("::1", v6_only=True)) is False


def test_udp_meets_the_placeholder_of_a_connected_socket_by_its_address_too():
    connected = held("::1", UDP, state=State.CONNECTED)
    assert collides(wish("127.0.0.6", UDP), connected) is True
    assert collides(wish("::ffff:127.0.0.6", UDP), connected) is False


def test_an_unknown_v6_only_decides_only_where_it_matters():
    connection = held("::1", state=State.ESTABLISHED, v6_only=None)
    assert collides(wish("0.0.0.0"), connection) is None
    assert collides(wish("::"), connection) is True
    assert collides(wish("127.0.0.1"), connection) is False


def test_other_ports_transports_and_interfaces_do_not_matter():
    assert collides(wish(), held(port=81)) is False
    assert collides(wish(), held(transport=UDP)) is False
    assert collides(wish(device=1), held(device=2)) is False
    assert collides(wish(device=1), held(device=1)) is True
    assert collides(wish(device=1), held()) is True
    assert collides(wish(), held(device=2)) is True


@pytest.mark.parametrize("transport", [TCP, UDP])
@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("theirs", [False, True])
def test_reuse_address_must_be_set_on_both(transport, ours, theirs):
    assert may_share(wish(transport=transport, reuse_address=ours), held(transport=transport, state=State.BOUND, reuse_address=theirs)) is (
        ours and theirs
    )


def test_reuse_address_does_not_help_against_a_listener():
    assert may_share(wish(reuse_address=True), held(reuse_address=True)) is False


def test_reuse_port_must_be_set_on_both_by_one_user():
    assert may_share(wish(reuse_port=True, uid=7), held(reuse_port=True, uid=7)) is True
    assert may_share(wish(reuse_port=True, uid=7), held(reuse_port=True, uid=8)) is False
    assert may_share(wish(reuse_port=True, uid=7), held(uid=7)) is False
    assert may_share(wish(uid=7), held(reuse_port=True, uid=7)) is False
    assert may_share(wish(reuse_port=True, uid=7), held(reuse_port=True, uid=None)) is None


def test_the_two_options_do_not_add_up():
    assert may_share(wish(reuse_address=True), held(reuse_port=True, state=State.BOUND)) is False


def test_a_closing_connection_shares_by_reuse_port_with_any_user():
    assert may_share(wish(reuse_port=True, uid=7), held(state=State.TIME_WAIT, reuse_port=True, uid=None)) is True


def test_unknown_options():
    closing = held(state=State.TIME_WAIT, uid=None, reuse_address=None, reuse_port=None)
    assert collides(wish(), closing) is True
    assert collides(wish(reuse_address=True), closing) is None
    assert collides(wish(reuse_port=True), closing) is None
    unseen = held(reuse_address=None, reuse_port=None)
    assert collides(wish(reuse_address=True), unseen) is True  # it listens


def test_the_verdict_names_the_certain_obstacles_first():
    unsure = held(state=State.TIME_WAIT, reuse_address=None, reuse_port=None, cookie=1)
    sure = held(cookie=2)
    other = held(port=81)
    verdict = judge(wish(reuse_address=True), (unsure, sure, other))
    assert verdict.answer is Answer.NO
    assert [(one.held.cookie, one.certain) for one in verdict.obstacles] == [(2, True), (1, False)]
    assert judge(wish(reuse_address=True), (unsure,)).answer is Answer.MAYBE
    assert judge(wish(), (other,)) == (Answer.YES, ())


def row(cookie, **more):
    facts = {
        "netns": 1, "transport": TCP, "state": State.LISTENING, "port": 80, "peer_port": 0, "source": bytes(4), "destination": bytes(4), "device": 0,
        "cookie": cookie, "expires_ms": 0, "rqueue": 0, "wqueue": 0, "uid": 7, "inode": 100 + cookie, "v6_only": None, "cgroup": 0, "drops": None,
        "mptcp": False, **more,
    }  # fmt: skip
    return Row(**facts)


def test_what_a_survey_says_of_held_sockets():
    survey = Survey(
        source="bpf",
        rows=(
            row(1), row(2, netns=2), row(3), row(4, state=State.SYN_RECEIVED, inode=0), row(5, state=State.FIN_WAIT_2, inode=0),
            row(6, transport=UDP, state=State.BOUND, inode=0), row(7, mptcp=True, device=3, source=bytes(16), v6_only=True),
        ),
        sharing={1: (True, False)},
        unheld={3: "gone", 6: "kernel"},
    )  # fmt: skip
    listener, orphan, kernel, mptcp = find_held(survey, 1)
    assert (listener.cookie, listener.uid, listener.reuse_address, listener.reuse_port) == (1, 7, True, False)
    assert (orphan.cookie, orphan.uid, orphan.reuse_address, orphan.reuse_port) == (5, None, None, None)
    assert (kernel.cookie, kernel.reuse_address, kernel.reuse_port) == (6, False, False)
    assert (mptcp.mptcp, mptcp.device, mptcp.v6_only, mptcp.address) == (True, 3, True, bytes(16))


def test_privileged_ports():
    assert [needs_privilege(port, 1024) for port in (0, 1, 1023, 1024)] == [False, True, True, False]
    assert not needs_privilege(80, 0)


def test_ports_that_the_kernel_hands_to_clients():
    assert [is_ephemeral(port, (32768, 60999)) for port in (32767, 32768, 60999, 61000)] == [False, True, True, False]
    assert not is_ephemeral(40000, (32768, 60999), ((1, 2), (40000, 40000)))
    assert not is_ephemeral(40000, None)


OWN = ((packed("127.0.0.0"), 8), (packed("10.0.0.5"), 32), (packed("::1"), 128), (packed("2001:db8::"), 48))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("0.0.0.0", True), ("::", True), ("127.9.9.9", True), ("10.0.0.5", True), ("10.0.0.6", False), ("::ffff:10.0.0.5", True),
        ("::ffff:10.0.0.6", False), ("::1", True), ("::2", False), ("2001:db8:0:9::1", True), ("2001:db8:1::1", False), ("239.1.2.3", True),
        ("255.255.255.255", True), ("ff02::1", False), ("::ffff:0.0.0.0", True),
    ],
)  # fmt: skip
def test_addresses_of_this_machine(address, local):
    assert is_local(packed(address), OWN, TCP) is local
    assert is_local(packed(address), OWN, TCP, nonlocal_bind=True)


def test_datagrams_may_be_bound_to_a_group():
    assert is_local(packed("ff02::1"), OWN, UDP)
