"""The picture as values."""

from collections import Counter

from map_samples import ASSIGNED, sample
from portulan.host.picture import by_exposure, count_cells, draw, open_numbers, read_rows, shrink, stretches
from portulan.model.address import Exposure
from portulan.model.chart import State
from portulan.model.picture import CELLS, Cell, Door, OpenPort, Spot, Stretch
from portulan.model.port import PORTS, PortClass, Transport
from portulan.model.portset import PortRange, PortSet, parse_portset
from portulan.model.survey import Row

TCP, UDP = Transport.TCP, Transport.UDP


def a_port(number, exposure, transport=TCP):
    return OpenPort(transport=transport, port=number, exposure=exposure)


def a_row(port, state, source, transport=TCP):
    return Row(
        netns=1, transport=transport, state=state, port=port, peer_port=0, source=source, destination=bytes(4), device=0, cookie=port,
        expires_ms=None, rqueue=0, wqueue=0, uid=0, inode=1, v6_only=None, cgroup=0, drops=None, mptcp=False,
    )  # fmt: skip


def test_the_order_of_cells_is_the_order_of_exposures():
    assert [cell.value for cell in CELLS[3:]] == [exposure.value for exposure in Exposure]


def test_each_cell_says_the_most_telling_thing():
    picture = draw(parse_portset("1-5"), [a_port(3, Exposure.LOOPBACK), a_port(4, Exposure.ALL), a_port(7, Exposure.PRIVATE)], [2, 4, 6])
    assert [picture[port] for port in range(9)] == [
        Cell.UNASSIGNED, Cell.ASSIGNED, Cell.IN_USE, Cell.LOOPBACK, Cell.ALL, Cell.ASSIGNED, Cell.IN_USE, Cell.PRIVATE, Cell.UNASSIGNED,
    ]  # fmt: skip
    assert picture.in_use == parse_portset("2,4,6")


def test_of_several_addresses_the_farthest_counts_whatever_the_order():
    rows = [a_port(80, Exposure.LOOPBACK), a_port(80, Exposure.PUBLIC), a_port(80, Exposure.PRIVATE)]
    for order in (rows, rows[::-1], rows[1:] + rows[:1]):
        assert draw(PortSet(), order, []).open == (a_port(80, Exposure.PUBLIC),)


def test_transports_are_kept_apart_in_the_list_and_joined_in_the_cell():
    picture = draw(PortSet(), [a_port(53, Exposure.LOOPBACK, UDP), a_port(53, Exposure.ALL)], [])
    assert picture.open == (a_port(53, Exposure.ALL), a_port(53, Exposure.LOOPBACK, UDP))
    assert picture[53] is Cell.ALL


def test_an_empty_machine():
    picture = draw(PortSet(), [], [])
    assert count_cells(picture) == {**dict.fromkeys(CELLS, 0), Cell.UNASSIGNED: PORTS}
    assert [(stretch.first, stretch.last) for stretch in stretches(picture)] == [(0, 1023), (1024, 49151), (49152, 65535)]


def test_rows_of_a_survey():
    rows = [
        a_row(22, State.LISTENING, bytes(16)),
        a_row(22, State.ESTABLISHED, bytes([10, 0, 0, 1])),
        a_row(22, State.LISTENING, bytes([127, 0, 0, 1])),
        a_row(53, State.BOUND, bytes([192, 168, 1, 1]), UDP),
        a_row(5000, State.BOUND, bytes(4)),
        a_row(5353, State.CONNECTED, bytes(4), UDP),
        a_row(6000, State.BOUND, bytes([8, 8, 8, 8]), Transport.UDPLITE),
        a_row(40000, State.TIME_WAIT, bytes([127, 0, 0, 1])),
    ]
    opened, in_use = read_rows(rows, lambda port, transport: f"{port}-{transport}" if port < 100 else None)
    assert in_use == {22, 5000, 5353, 40000}
    assert Counter((port.port, port.transport, port.exposure, port.service) for port in opened) == Counter(
        [
            (22, TCP, Exposure.ALL, "22-tcp"),
            (22, TCP, Exposure.LOOPBACK, "22-tcp"),
            (53, UDP, Exposure.PRIVATE, "53-udp"),
            (6000, Transport.UDPLITE, Exposure.PUBLIC, None),
        ]
    )


def test_shrinking_keeps_the_most_telling_and_counts_the_assigned():
    picture = draw(parse_portset("0-2,9"), [a_port(5, Exposure.LOOPBACK), a_port(6, Exposure.PUBLIC)], [7])
    assert shrink(picture, 4, range(10)) == [Spot(Cell.ASSIGNED, 3, 4), Spot(Cell.PUBLIC, 0, 4), Spot(Cell.ASSIGNED, 1, 2)]


def test_by_exposure_has_the_farthest_first_and_nothing_empty():
    groups = by_exposure(sample().picture.open)
    assert list(groups) == [Exposure.ALL, Exposure.PUBLIC, Exposure.PRIVATE, Exposure.LOOPBACK]
    assert groups[Exposure.ALL] == {TCP: parse_portset("22,80,443,8080"), UDP: parse_portset("68,51820")}
    assert groups[Exposure.PRIVATE] == {TCP: parse_portset("53,8000-8002"), UDP: parse_portset("53,443")}
    assert by_exposure([]) == {}
    assert open_numbers(sample().picture.open) == parse_portset("22,25,53,68,80,323,443,5432,8000-8002,8080,9100,51820")


def test_stretches_join_what_is_alike_and_break_where_anything_changes():
    rows = {stretch.first: stretch for stretch in stretches(sample().picture)}
    assert rows[22] == Stretch(first=22, last=22, port_class=PortClass.SYSTEM, assigned=True, in_use=True, open=(Door(TCP, Exposure.ALL),))
    assert rows[443].open == (Door(TCP, Exposure.ALL), Door(UDP, Exposure.PRIVATE))
    assert (rows[8000].last, rows[8000].open) == (8002, (Door(TCP, Exposure.PRIVATE),))
    assert (rows[40000].last, rows[40000].in_use, rows[40000].open) == (40001, True, ())
    assert rows[49150].last == 49151
    assert rows[49152].port_class is PortClass.DYNAMIC


def test_neighbours_that_are_open_differently_are_not_joined():
    picture = draw(PortSet(), [a_port(10, Exposure.ALL), a_port(11, Exposure.LOOPBACK), a_port(12, Exposure.LOOPBACK)], [])
    assert [(row.first, row.last) for row in stretches(picture) if row.open] == [(10, 10), (11, 12)]


def test_the_sample_counts():
    counts = count_cells(sample().picture)
    assert sum(counts.values()) == PORTS
    assert counts[Cell.ALL] == 6
    assert counts[Cell.IN_USE] == 4, "22 is in use, but it is open besides"
    assert sample().picture.assigned == ASSIGNED
    assert sample().ephemeral == PortRange(32768, 60999)
    assert sample().complete
