"""Scanners that are shut out: real packets before and after, and whoever must never be."""

import fcntl
import json
import socket
import sys
import termios
import time

import pytest

from labs import ORDINARY, portulan
from onlooking import SERVE, listening, scan

pytestmark = [pytest.mark.lab, pytest.mark.peer]
BEGIN = """
import json
from datetime import UTC, datetime
from portulan.model.scanner import Kind, Scanner, Verdict
from portulan.system.firewall import blocks
from portulan.verbs.scanners_block import Blocker

def scanner(*sources, verdict=Verdict.SCANNER):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Scanner(sources, verdict, Kind.VERTICAL, now, now, 4, 9, 1, ("22/tcp",), 0, (), (), 1000.0)

def spared(scanner):
    return [each.spared for each in scanner.blocks]

"""


@pytest.fixture
def street(sandbox, peers):
    """A host with two neighbours, each on a link of its own."""
    bad, good, here = sandbox.host("bad", root=peers), sandbox.host("good"), sandbox.host("here", root=peers)
    sandbox.link(bad, here, ("198.18.0.66/24", "fd00:66::66/64"), ("198.18.0.2/24", "fd00:66::2/64"))
    sandbox.link(good, here, ("198.18.1.7/24",), ("198.18.1.2/24",))
    here.start(["/usr/bin/python3", "-c", SERVE.replace("''", "'::'").replace("backlog=64", "family=socket.AF_INET6, dualstack_ipv6=True")])
    here.wait_for_port(443)
    return bad, good, here


def asked(here, words):
    """What Python says there, where nft is."""
    done = here.run([sys.executable, "-c", BEGIN + f"print(json.dumps({words}))"])
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def gets_in(host, address, port=443):
    def ask():
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as one:
            one.settimeout(0.4)
            return one.connect_ex((address, port)) == 0

    return host.call(ask)


def connected(host, address, port):
    with host.enter():
        return socket.create_connection((address, port))


def rules(here):
    return here.run(["nft", "list", "table", "inet", "portulan_blocks"]).stdout


def test_who_is_blocked_gets_nowhere_and_comes_back_when_the_time_is_over(street):
    bad, good, here = street
    assert gets_in(bad, "198.18.0.2")
    assert gets_in(bad, "fd00:66::2")
    assert asked(here, 'spared(Blocker(3600).block(scanner("198.18.0.66", "fd00:66::66")))') == [None, None]
    assert not gets_in(bad, "198.18.0.2")
    assert not gets_in(bad, "fd00:66::2")
    assert gets_in(good, "198.18.1.2")
    assert asked(here, 'blocks.shut_out(4, "198.18.0.66", 1)')  # from now on it is for a second
    time.sleep(1.2)
    assert gets_in(bad, "198.18.0.2")
    assert not gets_in(bad, "fd00:66::2")


def test_a_session_of_who_is_blocked_ends_too(street):
    bad, _, here = street
    with connected(bad, "198.18.0.2", 443) as session:
        assert asked(here, 'blocks.shut_out(4, "198.18.0.66", 600)')
        session.sendall(b"hello")
        time.sleep(0.3)
        unsent = fcntl.ioctl(session, termios.TIOCOUTQ, b"    ")
        assert int.from_bytes(unsent, "little") == 5  # nobody has acknowledged it


def test_whom_nobody_blocks(street, tmp_path):
    bad, _, here = street
    policy = tmp_path / "portulan.toml"
    policy.write_text(
        '[settings]\nnever-block = ["office", "198.18.9.0/24"]\n[sources]\noffice = "198.18.8.0/24"\n[doors]\n443 = "everyone"\n'
    )
    assert here.run(["ip", "route", "add", "default", "via", "198.18.0.66"]).returncode == 0
    why = {
        "198.18.0.2": "own", "198.18.0.66": "near", "198.18.7.1": "never", "198.18.8.1": "never", "198.18.9.1": "never", "fd00:66::2": "own",
        "127.0.0.1": "own", "198.18.0.67": None, "fd00:66::66": None,
    }  # fmt: skip
    found = asked(here, f'spared(Blocker(60, never=["198.18.7.0/24"], policy="{policy}").block(scanner(*{list(why)})))')
    assert dict(zip(why, found, strict=True)) == why
    assert gets_in(bad, "198.18.0.2")
    assert not gets_in(bad, "fd00:66::2")


def test_a_person_who_is_logged_in_is_not_blocked(street):
    bad, good, here = street
    with connected(bad, "198.18.0.2", 22) as session:
        words = f"SSH_CONNECTION=198.18.0.66 {session.getsockname()[1]} 198.18.0.2 22"
        here.start(["env", words, "sleep", "30"])
        here.start(["env", "SSH_CONNECTION=198.18.1.7 40000 198.18.1.2 22", "sleep", "30"])  # says so, and is not
        time.sleep(0.2)
        assert asked(here, 'spared(Blocker(60).block(scanner("198.18.0.66", "198.18.1.7")))') == ["person", None]
    assert gets_in(bad, "198.18.0.2")
    assert not gets_in(good, "198.18.1.2")


def test_who_started_the_command_is_not_blocked(street):
    bad, good, here = street
    code = BEGIN + 'print(spared(Blocker(60).block(scanner("198.18.0.66", "198.18.1.7"))))'
    done = here.run(["env", "SSH_CONNECTION=198.18.0.66 40000 198.18.0.2 22", sys.executable, "-c", code])
    assert done.stdout == "['person', None]\n", done.stderr
    assert gets_in(bad, "198.18.0.2")
    assert not gets_in(good, "198.18.1.2")


def test_backscatter_is_not_blocked_and_nobody_twice(street):
    _, _, here = street
    assert asked(here, 'spared(Blocker(60).block(scanner("198.18.0.70", verdict=Verdict.BACKSCATTER)))') == []
    one = "(lambda blocker: blocker.block(scanner('198.18.0.71')) == blocker.block(scanner('198.18.0.71')))(Blocker(60))"
    assert asked(here, one) is True
    assert "198.18.0.70" not in rules(here)
    assert rules(here).count("198.18.0.71") == 1


def test_a_full_set_is_said(street):
    _, _, here = street
    small = 'setattr(blocks, "_FRAME", blocks._FRAME.replace("size 65536", "size 2"))'
    found = asked(here, f'[{small}, spared(Blocker(60).block(scanner("198.18.0.71", "198.18.0.72", "198.18.0.73")))][1]')
    assert found == [None, None, "full"]


def test_other_tables_stay_as_they_are(street):
    _, _, here = street
    assert here.run(["nft", "add table inet mine; add chain inet mine c; add rule inet mine c accept"]).returncode == 0
    before = here.run(["nft", "list", "table", "inet", "mine"]).stdout
    asked(here, "[str(Blocker(60)), str(Blocker(60))]")
    assert here.run(["nft", "list", "table", "inet", "mine"]).stdout == before != ""
    assert rules(here).count("drop") == 2
    asked(here, "[blocks.forget(), blocks.forget()]")
    assert rules(here) == ""


def test_a_scan_is_cut_off_by_the_command(street):
    bad, good, here = street
    with listening(here, "--block", "--lang", "en") as ears:
        scan(bad, here, "-r", "--max-retries", "0", "--host-timeout", "20s")
    assert ears.status == 1, ears.said
    assert "198.18.0.66 is blocked until 20" in ears.told
    assert not gets_in(bad, "198.18.0.2")
    assert gets_in(good, "198.18.1.2")


def test_without_the_right_nobody_is_blocked(street):
    done = portulan(street[2], "scanners", "--block", "--lang", "en", user=ORDINARY)
    assert done.returncode == 3
    assert "CAP_NET_ADMIN" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--block", "soon"), "soon is not a time to block somebody for"),
        (("--block", "5"), "5 is not a time to block somebody for"),
        (("--block", "10m", "--never", "home"), "home is neither an address nor a network."),
        (("--block", "10m", "--read", "x.pcap"), "--block is for what happens now"),
        (("--never", "198.18.0.0/15"), "without --block nobody is"),
    ],
)
def test_wrong_words(street, words, said):
    done = portulan(street[2], "scanners", *words, "--lang", "en")
    assert done.returncode == 2
    assert said in done.stderr
