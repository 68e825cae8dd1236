"""What a socket in the way is to a person."""

import pytest

from binding_samples import endpoint, held
from portulan.host.binding import judge
from portulan.host.causes import cause_of, find_holders, were_accepted
from portulan.model.binding import Answer, Judgement, Wish
from portulan.model.chart import Ownership, State
from portulan.model.port import Transport
from portulan.model.why import Cause

TCP, UDP = Transport.TCP, Transport.UDP
CLIENTS = (32_768, 60_999)


WISH = Wish(TCP, bytes(4), 80, reuse_address=True)


@pytest.mark.parametrize(
    ("one", "item", "cause"),
    [
        (held(), endpoint(), Cause.LISTENER),
        (held(mptcp=True), endpoint(), Cause.MPTCP),
        (held(State.BOUND), endpoint(State.BOUND), Cause.BOUND),
        (held(State.TIME_WAIT), endpoint(State.TIME_WAIT), Cause.TIME_WAIT),
        (held(State.SYN_SENT), endpoint(State.SYN_SENT), Cause.CONNECTION),
        (held(), endpoint(ownership=Ownership.HIDDEN, owners=None), Cause.IN_FLIGHT),
        (held(), endpoint(ownership=Ownership.FORBIDDEN, owners=None), Cause.LISTENER),
        (held(State.BOUND, UDP), endpoint(State.BOUND, transport=UDP), Cause.UDP),
    ],
)
def test_causes(one, item, cause):
    assert cause_of(WISH, one, item, accepted=True) is cause


@pytest.mark.parametrize("what", ["wireguard wg0", "vxlan vx0", "nfsd"])
def test_what_the_kernel_holds(what):
    """WireGuard and nfsd as they are recorded elsewhere: no machine at hand runs them."""
    item = endpoint(State.BOUND, transport=UDP, ownership=Ownership.KERNEL, held_by_kernel=what)
    assert cause_of(WISH._replace(transport=UDP), held(State.BOUND, UDP), item, accepted=False) is Cause.KERNEL


def test_a_group_of_another_user_is_named_only_where_sharing_was_asked_for():
    group = held(reuse_port=True, uid=7)
    assert cause_of(WISH._replace(reuse_port=True, uid=8), group, endpoint(), accepted=False) is Cause.REUSE_PORT_USER
    assert cause_of(WISH._replace(reuse_port=True, uid=7), group, endpoint(), accepted=False) is Cause.LISTENER
    assert cause_of(WISH._replace(uid=8), group, endpoint(), accepted=False) is Cause.LISTENER
    unknown = held(reuse_port=None, uid=7)
    assert cause_of(WISH._replace(reuse_port=True, uid=8), unknown, endpoint(), accepted=False) is Cause.LISTENER


def test_connections_by_the_direction_they_were_opened_in():
    open_ = held(State.ESTABLISHED)
    assert cause_of(WISH, open_, endpoint(State.ESTABLISHED), accepted=True) is Cause.LEFT_OVER
    assert cause_of(WISH, open_, endpoint(State.ESTABLISHED), accepted=False) is Cause.CONNECTION


@pytest.mark.parametrize(
    ("port", "peers", "accepted"),
    [
        (80, ["203.0.113.7:40000"], True),
        (40_000, ["203.0.113.7:443"], False),
        (40_000, ["[2001:db8::1]:443", "203.0.113.7:443"], False),
        (40_000, ["203.0.113.7:50000"], False),
        (40_000, ["203.0.113.7:50000", "203.0.113.8:50000"], True),
        (80, ["203.0.113.7:81"], True),
        (80, [], False),
    ],
)
def test_who_was_called_is_told_by_the_ports(port, peers, accepted):
    assert were_accepted([endpoint(State.ESTABLISHED, port=port, peer=peer) for peer in peers], CLIENTS) is accepted


def test_without_a_range_of_clients_several_connections_are_a_server_s():
    one, other = (endpoint(State.ESTABLISHED, peer=f"203.0.113.{at}:443") for at in (1, 2))
    assert were_accepted([one, other], None)
    assert not were_accepted([one], None)


def test_holders_are_named_once_and_by_what_matters_most():
    both, closing = endpoint(cookies=(1, 2)), endpoint(State.TIME_WAIT, cookies=(3,), peer="203.0.113.7:40000")
    sockets = (held(State.TIME_WAIT, cookie=3), held(cookie=1), held(cookie=2), held(cookie=9))
    found = find_holders(WISH, judge(WISH, sockets), {1: both, 2: both, 3: closing}, CLIENTS, refused=True)
    assert [(one.cause, one.endpoint) for one in found] == [(Cause.LISTENER, both), (Cause.TIME_WAIT, closing)]


def test_what_may_be_in_the_way_is_when_the_kernel_says_so():
    unsure = held(State.TIME_WAIT, uid=None, reuse_address=None, reuse_port=None)
    judgement = judge(WISH, [unsure])
    items = {1: endpoint(State.TIME_WAIT, peer="203.0.113.7:40000")}
    assert judgement.answer is Answer.MAYBE
    assert [one.certain for one in find_holders(WISH, judgement, items, CLIENTS, refused=True)] == [True]
    assert [one.certain for one in find_holders(WISH, judgement, items, CLIENTS, refused=False)] == [False]
    assert find_holders(WISH, Judgement(Answer.YES), items, CLIENTS, refused=False) == ()
