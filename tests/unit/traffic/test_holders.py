from portulan.model.address import widened
from portulan.traffic.holders import Holder, Holders, named
from portulan.wire.socket_events import Event, Happening

HERE, THERE, ANY = widened(bytes([198, 18, 0, 1])), widened(bytes([198, 18, 0, 2])), widened(bytes(4))
CURL, NGINX, OTHER = Holder(10, "curl"), Holder(20, "nginx"), Holder(30, "other")
S = 1_000_000_000


def happening(event, cookie, address, port, peer, peer_port, transport=6):
    return Happening(event, cookie, transport, address, port, peer, peer_port, 0, "", 1, 0)


def test_a_connection_belongs_to_who_asked_for_it():
    held = Holders()
    held.happened(happening(Event.CONNECT, 1, HERE, 0, THERE, 443), CURL, 1 * S)
    held.happened(happening(Event.MADE, 1, HERE, 40000, THERE, 443), OTHER, 1 * S)  # whoever ran by chance
    assert held.of(6, HERE, 40000, THERE, 443, 2 * S) == (CURL,)
    assert held.of(6, HERE, 40001, THERE, 443, 2 * S) == (CURL,), "nobody else asked there"
    held.happened(happening(Event.CONNECT, 2, HERE, 0, THERE, 443), OTHER, 1 * S)
    assert held.of(6, HERE, 40001, THERE, 443, 2 * S) is None, "it may be either's"
    assert held.of(6, HERE, 40000, THERE, 443, 2 * S) == (CURL,)


def test_an_accepted_connection_belongs_to_the_door_and_then_to_who_closes_it():
    held = Holders()
    held.happened(happening(Event.LISTEN, 1, ANY, 443, ANY, 0), NGINX, 1 * S)
    held.happened(happening(Event.MADE, 2, HERE, 443, THERE, 40000), OTHER, 2 * S)
    assert held.of(6, HERE, 443, THERE, 40000, 2 * S) == (NGINX,)
    worker = Holder(21, "nginx")
    held.happened(happening(Event.LAST, 2, HERE, 443, THERE, 40000), worker, 3 * S)
    assert held.of(6, HERE, 443, THERE, 40000, 3 * S) == (worker,)
    assert held.of(6, HERE, 443, THERE, 40000, 3 * S, exactly=True) == (worker,)
    assert held.of(6, HERE, 443, THERE, 50000, 3 * S, exactly=True) is None
    assert named((NGINX, worker)) == ("nginx",)


def test_a_port_that_changes_hands():
    held = Holders()
    for at_s, holder in ((1, CURL), (100, OTHER)):
        held.happened(happening(Event.USE, at_s, ANY, 5353, ANY, 0, 17), holder, at_s * S)
    assert held.of(17, HERE, 5353, THERE, 53, 50 * S) == (CURL,)
    assert held.of(17, HERE, 5353, THERE, 53, 150 * S) == (OTHER,)
    assert held.is_open(17, 5353)
    assert not held.is_open(6, 5353)


def test_what_a_look_found_holds_for_what_was_before():
    held = Holders()
    held.found(6, HERE, 22, THERE, 40000, (OTHER,), 50 * S)
    held.found(6, bytes(16), 80, bytes(16), 0, (NGINX, CURL), 50 * S)
    assert held.of(6, HERE, 22, THERE, 40000, 10 * S) == (OTHER,)
    assert held.of(6, HERE, 80, THERE, 40000, 10 * S) == (NGINX, CURL), "an IPv6 wildcard takes IPv4 too"


def test_memory_is_bounded():
    held = Holders(cap=100)
    for port in range(1000):
        held.happened(happening(Event.CONNECT, port, HERE, port + 1, THERE, 443), CURL, port)
        held.happened(happening(Event.USE, port, ANY, port + 1, ANY, 0, 17), CURL, port)
        held.happened(happening(Event.USE, port, ANY, 7, ANY, 0, 17), Holder(port, "x"), port)
    assert all(len(table) <= 100 for table in (held._by_cookie, held._ends, held._doors, held._asking, held._open))
    assert all(len(tenants) <= 8 for tenants in held._doors.values())
    assert held.forgotten > 0
    assert held.of(6, HERE, 1000, THERE, 443, 2000) == (CURL,)
    assert held.of(6, HERE, 1, bytes(16), 443, 2000) is None
