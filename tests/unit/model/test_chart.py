"""The values of the chart, of answers and of pictures: what they default to, and what they say of themselves."""

from datetime import UTC, datetime

import pytest

from portulan.model.address import Exposure
from portulan.model.assignment import Answer, Entry, Kind, Status
from portulan.model.chart import Ancestor, Chart, Endpoint, Gap, Namespace, Owner, Ownership, Socket, State
from portulan.model.picture import CELLS, SIDE, Cell, Picture, PortMap
from portulan.model.port import PORTS, Port, PortClass, Transport
from portulan.model.portset import PortSet
from portulan.model.survey import Row, Selection, Survey
from portulan.model.who import Remedy, Who

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GAP = Gap("owners.forbidden", {"count": 3})


def endpoint():
    return Endpoint(
        transport=Transport.TCP,
        port=80,
        address="::",
        port_class=PortClass.SYSTEM,
        service="http",
        state=State.LISTENING,
        exposure=Exposure.ALL,
    )


def test_what_is_not_known_is_none_and_what_is_not_there_is_empty():
    item = endpoint()
    assert item.owners is None
    assert (item.candidates, item.sockets) == ((), ())
    assert {
        getattr(item, name) for name in ("peer", "netns", "netns_name", "uid", "user", "unit", "container", "held_by_kernel", "connections")
    } == {None}
    assert item.ownership is Ownership.PROCESS
    owner = Owner(pid=1, fd=None, name="init")
    assert {
        owner.command,
        owner.executable,
        owner.cwd,
        owner.uid,
        owner.user,
        owner.unit,
        owner.container,
        owner.started_at,
        owner.parents,
    } == {None}
    assert owner.user_unit is False
    socket = Socket(inode=1, cookie=2)
    assert {socket.reuse_address, socket.reuse_port, socket.v6_only, socket.device, socket.backlog, socket.backlog_limit, socket.drops} == {
        None
    }
    assert (socket.mptcp, socket.expires_ms) == (False, None)
    assert (Namespace(5).name, Namespace(5).own) == (None, False)
    assert Gap("x").facts == {}


def test_a_survey_and_a_selection_default_to_nothing_special():
    survey = Survey(source="proc", rows=())
    for table in ("holders", "sharing", "unheld", "suspects", "processes", "kernel", "cgroups", "devices"):
        assert getattr(survey, table) == {}
    assert (survey.connections, survey.namespaces, survey.gaps, survey.ephemeral) == (None, (), (), None)
    selection = Selection()
    assert (selection.ports, selection.every_state, selection.connections) == (None, False, False)
    assert selection.transports == (Transport.TCP, Transport.UDP, Transport.UDPLITE)


VALUES = [
    endpoint(),
    Owner(pid=1, fd=3, name="init"),
    Ancestor(pid=1, name="init"),
    Socket(inode=1, cookie=2),
    Namespace(5, "blue"),
    GAP,
    Remedy(code="process", command="kill 1"),
    Port(80),
    Row(None, Transport.TCP, State.LISTENING, 80, 0, bytes(4), bytes(4), 0, 1, 0, 0, 128, None, 7, None, 0, None, mptcp=False),
    Selection(),
    Survey(source="proc", rows=()),
    Chart(host="h", taken_at=NOW, items=(), source="proc"),
    Who(port=Port(80), host="h", taken_at=NOW, service=None, items=(), source="proc"),
]


@pytest.mark.parametrize("value", VALUES, ids=[type(value).__name__ for value in VALUES])
def test_values_do_not_change(value):
    first = "transport" if isinstance(value, Endpoint | Row) else next(iter(type(value).__annotations__))
    with pytest.raises((AttributeError, TypeError)):
        setattr(value, first, None)


@pytest.mark.parametrize("gaps", [(), (GAP,)])
def test_an_answer_is_complete_when_nothing_was_kept_from_us(gaps):
    picture = Picture(cells=bytes(PORTS), assigned=PortSet(), in_use=PortSet(), open=())
    whole = not gaps
    assert Chart(host="h", taken_at=NOW, items=(), gaps=gaps, source="proc").complete is whole
    assert Who(port=Port(80), host="h", taken_at=NOW, service=None, items=(), gaps=gaps, source="proc").complete is whole
    assert PortMap(host="h", taken_at=NOW, transport=None, picture=picture, gaps=gaps).complete is whole


def test_the_states_and_ownerships_are_the_contract_of_json():
    assert {state.value for state in State} == {
        "listening", "bound", "connected", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait", "close-wait",
        "last-ack", "closing",
    }  # fmt: skip
    assert {why.value for why in Ownership} == {"process", "kernel", "forbidden", "hidden", "gone", "none", "unknown"}
    assert {kind.value for kind in Exposure} == {"loopback", "private", "public", "all"}


def test_a_picture_has_one_cell_a_port():
    assert SIDE * SIDE == PORTS
    with pytest.raises(AssertionError):
        Picture(cells=bytes(PORTS - 1), assigned=PortSet(), in_use=PortSet(), open=())
    cells = bytearray(PORTS)
    cells[443] = CELLS.index(Cell.ALL)
    picture = Picture(cells=bytes(cells), assigned=PortSet(), in_use=PortSet(), open=())
    assert (picture[443], picture[444]) == (Cell.ALL, Cell.UNASSIGNED)
    assert [cell.value for cell in CELLS] == ["unassigned", "assigned", "in-use", "loopback", "private", "public", "all"]


def entry(status):
    return Entry(
        port=80,
        transport=None,
        service=None,
        port_class=PortClass.SYSTEM,
        description=None,
        aliases=(),
        first=80,
        last=80,
        status=status,
        ours=status is None,
    )


@pytest.mark.parametrize(
    ("statuses", "known"),
    [
        ((), False),
        ((Status.UNASSIGNED,), False),
        ((Status.RESERVED,), True),
        ((Status.UNASSIGNED, Status.ASSIGNED), True),
        ((None,), True),
    ],
)
def test_an_answer_is_known_beyond_unassigned(statuses, known):
    answer = Answer(query="80", kind=Kind.PORT, ports=None, transport=None, entries=tuple(map(entry, statuses)))
    assert answer.known is known
