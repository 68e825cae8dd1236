"""Leases as the Python API gives them, on this machine's own loopback."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import portulan
from portulan import verbs
from portulan.errors import BadInput, MachineFailed, Refused
from portulan.model.lease import Guarantee
from portulan.system.keepers import lives
from portulan.verbs.numbers import Assigned, what_is_known

DB = ""
"""A name, and so a number, of each test's own: other runs on this machine use other ones, and what closes slowly is nobody's hindrance."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, request):
    monkeypatch.setattr(sys.modules[__name__], "DB", f"{request.node.originalname} {os.getpid()}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield tmp_path / "portulan"
    for one in verbs.leases().items:
        if one.keeper is not None and one.keeper.detached:
            verbs.release(one.name)


@contextmanager
def held(leased):
    """The lease itself, where more than its number is wanted."""
    with leased:
        yield leased


def serve_on(port, address="127.0.0.1"):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((address, port))
        one.listen()
    except OSError:
        one.close()
        raise
    return one


def names():
    return [one.name for one in verbs.leases().items]


def test_a_number_in_every_way():
    held = portulan.lease(DB)
    with held as port:
        assert type(port) is int, "getaddrinfo takes no other"
        assert port == held.number == int(held) == held.lease.port
        assert f"{held}" == str(held) == str(port)
        assert repr(held) == f"<cooperative lease of {port}/tcp for {DB!r}>"
        with serve_on(held), socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_it_is_listed_until_it_is_given_back():
    with held(portulan.lease(DB)) as port:
        [one] = verbs.leases().items
        assert (one.name, one.port, one.guarantee, one.noted) == (DB, port.number, Guarantee.COOPERATIVE, False)
        assert one.keeper.pid == os.getpid()
    assert names() == []
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", port.number))
    port.close()


def test_the_same_name_gets_the_same_number():
    with portulan.lease(DB) as first:
        pass
    with portulan.lease(DB) as second:
        assert first == second


def test_two_names_get_two_numbers():
    with portulan.lease(DB, within="20000-20001") as one, portulan.lease("web", within="20000-20001") as two:
        assert {one, two} == {20_000, 20_001}
        with pytest.raises(Refused, match=r"lease\.none-left"):
            portulan.lease("mail", within="20000-20001")
    assert names() == []


def test_the_number_goes_on_to_the_next_when_it_is_taken():
    with portulan.lease(DB) as first:
        pass
    with serve_on(first, "127.0.0.1"), portulan.lease(DB) as second:
        assert second != first
    with portulan.lease(DB) as third:
        assert third == first


def test_connections_that_are_still_closing_are_no_hindrance():
    with held(portulan.lease(DB)) as port:
        server = port.socket()
        with socket.create_connection(("127.0.0.1", port.number), timeout=5) as client:
            served, _ = server.accept()
            served.close()  # first to close: TIME_WAIT is on this side
            assert client.recv(1) == b""
        server.close()
    with pytest.raises(OSError, match="in use"), socket.socket() as plain:
        plain.bind(("127.0.0.1", port.number))
    with portulan.lease(DB) as again:
        assert again == port.number
        with serve_on(again):
            pass


def test_somebody_who_only_holds_is_not_taken_for_a_closing_connection():
    with portulan.lease(DB) as port:
        pass
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        with portulan.lease(DB) as other:
            assert other != port


def test_a_name_is_used_once():
    with portulan.lease(DB), pytest.raises(Refused, match=r"lease\.held") as caught:
        portulan.lease(DB)
    assert caught.value.exit_status == 1
    assert caught.value.facts["pid"] == os.getpid()


def test_without_a_name_any_number_will_do():
    with portulan.lease() as one, portulan.lease() as two:
        assert one != two
        assert len(names()) == 2


def test_an_absolute_lease_serves_clients_that_come_early():
    with (
        held(portulan.lease("web", guarantee="absolute")) as port,
        socket.create_connection(("127.0.0.1", port.number), timeout=5) as client,
    ):
        assert port.lease.address == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            serve_on(port)
        with port.socket() as server:
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(b"late, but here")
            assert client.recv(100) == b"late, but here"


@pytest.mark.parametrize("address", ["::1", "::", "0.0.0.0"])
def test_where_an_absolute_lease_listens(address):
    with held(portulan.lease("web", guarantee="absolute", address=address)) as port, port.socket() as server:
        assert server.getsockname()[:2] == (address, port.number)


def test_both_transports():
    with held(portulan.lease("dns", transport="both")) as port:
        with port.socket("udp") as server, socket.socket(type=socket.SOCK_DGRAM) as client:
            client.sendto(b"?", ("127.0.0.1", port.number))
            assert server.recv(10) == b"?"
        with port.socket("tcp") as server:
            assert server.getsockname() == ("127.0.0.1", port.number)
        with pytest.raises(BadInput, match=r"transport\.unknown"):
            port.socket("both")
        with pytest.raises(BadInput, match=r"lease\.no-socket"):
            port.socket("udp")
    with pytest.raises(BadInput, match=r"lease\.no-socket"):
        port.socket()


def test_only_noted_while_it_lasts():
    with held(portulan.lease(DB, guarantee="noted")) as port:
        with socket.socket() as plain:
            plain.bind(("127.0.0.1", port.number))
        assert verbs.leases().items[0].guarantee is Guarantee.NOTED
        with pytest.raises(Refused, match=r"lease\.taken"):
            portulan.lease("web", port=port.number)
        with pytest.raises(BadInput):
            port.socket()
    assert names() == []


def test_in_a_child_it_is_a_number_only():
    with held(portulan.lease(DB)) as port:
        pid = os.fork()
        if not pid:
            port.close()
            os._exit(0)
        os.waitpid(pid, 0)
        assert names() == [DB]
        with pytest.raises(OSError, match="in use"), socket.socket() as plain:
            plain.bind(("127.0.0.1", port.number))


def test_a_note_stays():
    made, faults = verbs.note(DB)
    assert faults == ()
    assert (made.guarantee, made.keeper, made.noted) == (Guarantee.NOTED, None, True)
    assert verbs.note(DB)[0] == made
    with held(portulan.lease(DB)) as port:
        assert port.number == made.port
        assert verbs.note(DB)[0].keeper.pid == os.getpid()
    assert verbs.leases().items == (made._replace(taken_at=port.lease.taken_at),)
    with pytest.raises(Refused, match=r"lease\.taken"):
        portulan.lease("web", port=made.port)
    with serve_on(made.port), pytest.raises(Refused, match=r"lease\.occupied"):
        portulan.lease(DB)
    assert verbs.release(DB)[0].port == made.port
    assert names() == []


def test_a_note_remembers_its_transport():
    made, _ = verbs.note(DB, transport="both")
    with held(portulan.lease(DB)) as port:
        assert (port.number, port.lease.transports) == (made.port, made.transports)
    assert verbs.hold(DB)[0].transports == made.transports


def test_a_program_that_has_a_port_can_be_noted_too():
    with portulan.lease(DB) as port:
        assert verbs.note(DB)[0].port == port
    [one] = verbs.leases().items
    assert (one.port, one.guarantee) == (port, Guarantee.NOTED)


def test_a_holder():
    made, _ = verbs.hold(DB)
    assert made.keeper.detached
    assert lives(made.keeper)
    assert verbs.hold(DB)[0] == made
    with serve_on(made.port):
        pass
    with pytest.raises(Refused, match=r"lease\.held"):
        portulan.lease(DB)
    verbs.release(DB)
    assert not lives(made.keeper)
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", made.port))


def test_a_holder_of_a_note_keeps_its_number():
    made, _ = verbs.note(DB)
    held, _ = verbs.hold(DB)
    assert (held.port, held.noted) == (made.port, True)
    verbs.release(DB)
    assert names() == []


def test_who_cannot_be_released():
    with pytest.raises(Refused, match=r"lease\.unknown"):
        verbs.release(DB)
    with portulan.lease(DB):
        with pytest.raises(Refused, match=r"lease\.in-use"):
            verbs.release(DB)
        with pytest.raises(Refused) as caught:
            verbs.release(DB + "x")
    assert caught.value.facts["near"] == DB


@pytest.mark.parametrize("other", [{"port": 1}, {"within": "1-2"}, {"transport": "udp"}, {"transport": "both"}])
def test_a_name_that_has_a_number_keeps_it(other):
    verbs.note(DB)
    for ask in (verbs.note, verbs.hold, portulan.lease):
        with pytest.raises(BadInput, match=r"lease\.different"):
            ask(DB, **other)


@pytest.mark.parametrize("name", ["", " db", "db ", "a\nb", "a\tb", "\x1b[31m", "-x", "x" * 101])
def test_what_is_no_name(name):
    with pytest.raises(BadInput, match=r"lease\.name"):
        verbs.note(name)


@pytest.mark.parametrize("name", ["db", "a b", "日本語", "x" * 100, "café/ü", "end 1", "{port}", "a-b"])
def test_names(name):
    made, _ = verbs.note(name)
    assert verbs.leases().items == (made,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0}, {"port": 65_536}, {"port": -1}, {"within": ""}, {"within": "x"}, {"within": "9-8"}, {"transport": "sctp"},
        {"guarantee": "x"}, {"port": 1, "within": "1-2"}, {"guarantee": "absolute", "address": "x"},
        {"guarantee": "absolute", "address": "198.51.100.1"},
    ],
)  # fmt: skip
def test_wrong_input(wrong):
    with pytest.raises(BadInput):
        portulan.lease(DB, **wrong)
    assert names() == []


def test_a_range_that_is_asked_for_is_meant(monkeypatch):
    first = what_is_known().ephemeral.first
    with portulan.lease(DB, within=f"{first}-{first + 50}") as port:
        assert first <= port <= first + 50


def test_a_list_that_cannot_be_written_costs_only_the_listing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with held(portulan.lease(DB)) as port:
        [fault] = port.faults
        assert isinstance(fault, MachineFailed)
        with serve_on(port):
            pass
    for ask in (verbs.note, verbs.hold, verbs.release):
        with pytest.raises(MachineFailed):
            ask(DB)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_lease_of_the_killed_is_taken_back():
    code = f"import portulan, time\nport = portulan.lease({DB!r})\nprint(int(port), flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline())
        assert names() == [DB]
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with portulan.lease(DB) as again:
            assert again == port


def test_another_boot_and_another_namespace(folder):
    with portulan.lease(DB):
        path = Path(folder, "leases")
        text = path.read_text("utf-8")
        boot = verbs.leases().items[0].keeper.boot
        path.write_text(text.replace(boot, "another-boot"), "utf-8")
        assert names() == []
        pid_namespace = str(os.stat("/proc/self/ns/pid").st_ino)
        path.write_text(text.replace(f" {pid_namespace} ", " 1 "), "utf-8")
        assert names() == [DB], "its number means somebody else here: the port tells"
    assert names() == []


def test_what_is_assigned():
    assigned = Assigned()
    assert 5432 in assigned
    assert 50_000 not in assigned
    assert "x" not in assigned
    from portulan.system.registry_file import open_table

    all_of_them = open_table().assigned()
    assert all((number in assigned) == (number in all_of_them) for number in range(1, 49_152, 97))
