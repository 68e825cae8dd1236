"""Free numbers: the kernel is the judge, by a server that binds the number afterwards."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from labs import (
    ORDINARY,
    V6_ONLY,
    connect,
    datagrams,
    inhabit,
    listen,
    open_socket,
    port_of,
    portulan,
)

pytestmark = pytest.mark.lab
NAME = "shop"
TO_LOOPBACK = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
# Binds each number as a plain server does, without any option, and says which it could not have.
BIND = """
import errno, socket, sys
failed = []
for port in map(int, sys.argv[2:]):
    for transport in sys.argv[1].split(","):
        for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, ""), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM) as one:
                try:
                    one.bind((address, port))
                    if transport == "tcp":
                        one.listen()
                except OSError as error:
                    failed.append((port, transport, address, errno.errorcode[error.errno]))
print(failed)
"""
# Everything that takes numbers without naming them, as fast as it can, until its input ends.
STORM = """
import select, socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    held = []
    for at in range(200):
        one = socket.socket(socket.AF_INET6 if at % 2 else socket.AF_INET)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held += [one, other]
        try:
            one.bind(("", 0))
            other.bind(("", 0))
            held.append(socket.create_connection(server.getsockname()))
        except OSError:
            pass  # they are all gone for a moment
    while select.select([server], [], [], 0)[0]:
        held.append(server.accept()[0])
    for one in held:
        one.close()
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("a")
    inhabit(made)
    return made


@pytest.fixture
def ask(host, tmp_path):
    """ask(words) -> the numbers; the state of leases is this test's own."""

    def numbers(*words, status=0, **more):
        done = portulan(host, "free", *words, environment={"XDG_STATE_HOME": str(tmp_path)}, **more)
        assert done.returncode == status, done.stderr
        return [int(line) for line in done.stdout.split()]

    return numbers


def bound_by_a_child(host, numbers, transports="tcp"):
    done = host.run([sys.executable, "-c", BIND, transports, *map(str, numbers)])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("transport", "kinds"), [("tcp", "tcp"), ("udp", "udp"), ("both", "tcp,udp")])
def test_a_server_can_bind_what_is_given(host, ask, transport, kinds):
    numbers = ask("-n", 40, "--transport", transport)
    assert len(set(numbers)) == 40
    assert bound_by_a_child(host, numbers, kinds) == "[]"


@pytest.mark.parametrize(("first", "last"), [(32_768, 60_999), (49_152, 65_535), (1_024, 65_000), (1_024, 49_151)])
def test_never_inside_the_ephemeral_range_wherever_it_lies(host, ask, first, last):
    host.set("net.ipv4.ip_local_port_range", f"{first} {last}")
    numbers = ask("-n", 200)
    assert len(set(numbers)) == 200
    assert not [number for number in numbers if first <= number <= last or number < 1_024]
    # Asked for, it is meant: all of these lie in it.
    middle = (first + last) // 2
    assert sorted(ask("-n", 3, "--range", f"{middle}-{middle + 2}")) == [middle, middle + 1, middle + 2]


def test_reserved_numbers_are_somebodys(host, ask):
    host.set("net.ipv4.ip_local_reserved_ports", "61000-65000")
    assert all(number > 65_000 for number in ask("-n", 100, "--range", "dynamic"))


def test_the_same_name_gets_the_same_numbers_while_they_are_free(host, ask):
    first = ask("--for", NAME, "-n", 5)
    assert ask("--for", NAME, "-n", 5) == first
    assert ask("--for", NAME) == first[:1]
    assert ask("--for", "another") != first[:1]
    with listen(host, "127.0.0.1", first[0]):
        assert ask("--for", NAME, "-n", 4) == first[1:]
    assert ask("--for", NAME, "-n", 5) == first


def closing(host, number):
    """TIME_WAIT on a number: nobody's any more, and still in the way of a server that sets no option."""
    with (
        open_socket(host, "127.0.0.1", number, options=[(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)], backlog=1) as server,
        connect(host, "127.0.0.1", number) as client,
    ):
        server.accept()[0].close()
        client.close()


OCCUPIED = {
    "listener": lambda host, number: listen(host, "127.0.0.1", number),
    "listener on IPv6": lambda host, number: listen(host, "::1", number),
    "listener on IPv6 only": lambda host, number: listen(host, "::", number, options=[V6_ONLY]),
    "mapped": lambda host, number: listen(host, "::ffff:127.0.0.1", number),
    "bound, not listening": lambda host, number: open_socket(host, "127.0.0.2", number),
    "shared": lambda host, number: open_socket(host, "", number, options=[(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)]),
    "on one interface": lambda host, number: listen(host, "", number, options=[TO_LOOPBACK]),
    "MPTCP": lambda host, number: listen(host, "127.0.0.1", number, protocol=262),
    "closing": closing,
}


@pytest.mark.parametrize("kind", OCCUPIED)
def test_whatever_sits_on_a_number_it_is_not_given(host, ask, kind):
    first, second = ask("--for", NAME, "-n", 2)
    held = OCCUPIED[kind](host, first)
    assert ask("--for", NAME) == [second]
    if held is not None:
        held.close()
        assert ask("--for", NAME) == [first]


def test_a_client_on_a_number_is_in_the_way_too(host, ask):
    first, second = ask("--for", NAME, "-n", 2)
    with listen(host, "127.0.0.1") as server, open_socket(host, "127.0.0.1", first) as client:
        client.connect(("127.0.0.1", port_of(server)))
        assert ask("--for", NAME) == [second]


def test_each_transport_has_its_own_numbers(host, ask):
    [first] = ask("--for", NAME)
    with datagrams(host, "127.0.0.1", first):
        assert ask("--for", NAME, "--transport", "tcp") == [first]
        assert ask("--for", NAME, "--transport", "udp") != [first]
        assert ask("--for", NAME, "--transport", "both") != [first]


def test_in_a_row_is_in_a_row(host, ask):
    for length in (2, 7, 100):
        numbers = ask("-n", length, "--contiguous")
        assert numbers == list(range(numbers[0], numbers[0] + length))
        assert bound_by_a_child(host, numbers) == "[]"
    numbers = ask("-n", 5, "--contiguous", "--for", NAME)
    with listen(host, "127.0.0.1", numbers[2]):
        others = ask("-n", 5, "--contiguous", "--for", NAME)
        assert numbers[2] not in others
        assert others == list(range(others[0], others[0] + 5))


def test_what_is_leased_is_not_free(host, ask, tmp_path):
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    [first] = ask("--for", NAME)
    leased = portulan(host, "lease", "db", "--port", first, environment=environment)
    assert leased.returncode == 0, leased.stderr
    assert first not in ask("--for", NAME, "-n", 50)
    assert ask("--range", f"{first}-{first}", status=1) == []
    assert portulan(host, "release", "db", environment=environment).returncode == 0
    assert ask("--for", NAME) == [first]


def test_what_the_caller_excludes_is_not_given(ask):
    first, second = ask("--for", NAME, "-n", 2)
    assert ask("--for", NAME, "--except", first) == [second]
    assert ask("--range", f"{first}-{first}", "--except", first, status=1) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", "PORT={port}\n"),
        ("compose.yaml", 'services:\n  web:\n    image: shop\n    ports:\n      - "{port}:80"\n'),
        ("package.json", '{{"scripts": {{"dev": "vite --port {port}"}}}}'),
        ("Procfile", "web: gunicorn --bind 0.0.0.0:{port} shop:app\n"),
    ],
)
def test_what_the_projects_files_declare_is_not_given(ask, tmp_path, file, text):
    folder = tmp_path / "project"
    folder.mkdir()
    first, second = ask("--for", NAME, "-n", 2, folder=folder)
    (folder / file).write_text(text.format(port=first))
    assert ask("--for", NAME, folder=folder) == [second]
    assert ask("--for", NAME, "--declared", folder=folder) == [first]
    assert ask("--for", NAME, folder=tmp_path) == [first]
    assert ask("--range", f"{first}-{first}", folder=folder, status=1) == []


def test_the_names_of_project_files_are_those_that_conflicts_reads():
    from portulan.host.declared.compose import NAMES
    from portulan.host.declared.kinds import PROJECT, kind_of
    from portulan.verbs.free import _PROJECT_FILES

    for name in (*NAMES, "Procfile", "Procfile.dev", ".env", ".env.local", "package.json"):
        assert kind_of(name) in PROJECT
        assert name.startswith(_PROJECT_FILES)


def test_a_range_to_its_end(host, ask):
    with ExitStack() as held:
        left = set(range(20_000, 20_008))
        while left:
            assert set(ask("-n", len(left), "--range", "20000-20007")) == left
            assert ask("-n", len(left) + 1, "--range", "20000-20007", status=1) == []
            number = max(left)
            left.discard(number)
            held.enter_context(listen(host, "127.0.0.1", number))
        done = portulan(host, "free", "--range", "20000-20007")
        assert (done.returncode, done.stdout) == (1, "")
        assert "portulan ls 20000-20007" in done.stderr


def test_what_iana_assigned_comes_last_of_a_range(ask):
    assert ask("--range", "8008-8010") == [8_010]
    assert sorted(ask("--range", "8008-8010", "-n", 3)) == [8_008, 8_009, 8_010]


def test_an_ordinary_user(host, ask):
    [number] = ask("--for", NAME)
    done = portulan(host, "free", "--for", NAME, user=ORDINARY)
    assert (done.returncode, done.stdout) == (0, f"{number}\n"), done.stderr
    done = portulan(host, "free", "--range", "1-9", user=ORDINARY)
    assert (done.returncode, done.stdout) == (3, "")
    assert "may not be bound" in done.stderr


def test_a_machine_without_ipv6(host, ask):
    host.set("net.ipv6.conf.all.disable_ipv6", 1)
    host.set("net.ipv6.conf.lo.disable_ipv6", 1)
    [first, second] = ask("--for", NAME, "-n", 2)
    with listen(host, "127.0.0.1", first):
        assert ask("--for", NAME) == [second]


def test_during_a_storm_no_number_is_gone_when_the_server_comes(host, ask, samples):
    host.set("net.ipv4.ip_local_port_range", "40000 41500")
    storms = [host.start([sys.executable, "-c", STORM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for storm in storms:
        assert storm.stdout.readline() == "ready\n"
    for at in range(samples(6, 200)):
        numbers = ask("-n", 10, "--transport", "both", *(["--range", "39000-42000"] if at % 2 else []))
        assert bound_by_a_child(host, numbers, "tcp,udp") == "[]"
    for storm in storms:
        assert storm.poll() is None
        storm.stdin.close()
        storm.wait()
        storm.stdout.close()


def test_numbers_alone_on_stdout_and_json_for_programs(host, ask):
    done = portulan(host, "free", "--for", NAME)
    assert (done.stdout, done.stderr) == (f"{ask('--for', NAME)[0]}\n", "")
    answer = json.loads(portulan(host, "free", "--for", NAME, "--json").stdout)
    assert [item["port"] for item in answer["items"]] == ask("--for", NAME)
    assert (answer["name"], answer["items"][0]["transports"]) == (NAME, ["tcp"])


def test_the_rule_agrees_with_the_kernel(host, dice):
    """Numbers with something on them, and without: what the trial says is what the rule says."""
    from portulan.model.port import Transport
    from portulan.system.trial import can_serve
    from portulan.verbs.free import by_the_rule

    with host.enter():
        for _ in range(40):
            number = dice.randrange(20_000, 30_000)
            kind = dice.choice([*OCCUPIED, None])
            held = OCCUPIED[kind](host, number) if kind else None
            for transports in ((Transport.TCP,), (Transport.UDP,), (Transport.TCP, Transport.UDP)):
                assert can_serve(number, transports) == by_the_rule([number], transports), (kind, transports)
            if held is not None:
                held.close()
    assert os.getpid() > 1
