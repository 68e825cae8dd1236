"""The demo is run whole, what its commands answered is held against what was done, and when it has ended, however it ended, nothing of it is left."""

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import jsonschema
import pytest

from daemons import has_ended, traces
from labs import ORDINARY, PORTULAN, as_user, portulan
from portulan.cli.table import width_of
from portulan.model.demo import DemoStep, Opened, SceneBegins, Typed
from portulan.system.demo.song import cover, song
from portulan.verbs.demo import demo
from portulan.verbs.demo_cast import FRESH

pytestmark = pytest.mark.lab
SCHEMAS = Path(__file__).resolve().parent.parent.parent / "docs/schema"
HEADERS = 66
"""Bytes of a full packet that are not the file's: Ethernet, IPv4, TCP with its stamps."""


@pytest.fixture
def desk(sandbox):
    """A host to play on: whatever went wrong would hit this one, and not the machine."""
    return sandbox.host("desk")


@pytest.fixture
def furnished(sandbox, peers):
    """The same with nft."""
    return sandbox.host("desk", root=peers)


def files():
    """What the demo has of its own in its namespaces, as the machine has it."""
    return {
        f"{folder}/{name}": os.path.exists(f"{folder}/{name}") and os.lstat(f"{folder}/{name}").st_mtime_ns
        for folder in FRESH
        for name in FRESH[folder]
    }


@pytest.fixture(autouse=True)
def _the_machine_is_as_it_was():
    before = files(), os.stat("/proc/self/ns/mnt").st_ino, Path("/proc/self/mounts").read_text()
    yield
    assert (files(), os.stat("/proc/self/ns/mnt").st_ino, Path("/proc/self/mounts").read_text()) == before


def played(host, *words, **more):
    """The demo's steps by their codes, from its JSON."""
    answer = portulan(host, "demo", "--json", *words, timeout_s=110, **more)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    jsonschema.validate(said, json.loads((SCHEMAS / "demo.json").read_text("utf-8")), format_checker=jsonschema.FormatChecker())
    return said, {item["code"]: item for item in said["items"]}


def states(step):
    """(open ports, state -> how many), of what a scan answered."""
    return {item["port"] for item in step["answer"]["items"] if item["state"] == "open"}, step["answer"]["states"]


def reached(step):
    """Port -> senders that get in, of what `reach` answered."""
    found = {}
    for item in step["answer"]["items"]:
        if item["verdict"] == "accept":
            found.setdefault(item["port"], set()).add(item["source"])
    return found


@pytest.mark.peer
def test_each_command_answers_what_was_done(furnished):
    said, steps = played(furnished)
    assert said["complete"], said["missing"]
    assert said["rights"] == "root"
    assert [step for step in steps if steps[step]["command"] is None] == []
    # What went over the cable, by port.
    sent = steps["traffic.visit"]["answer"]
    assert sent["song"] == len(song())
    assert sent["page"] > len(cover())
    heard = {item["port"]: item for item in steps["traffic.apart"]["answer"]["items"]}
    assert set(heard) == {21, 25, 80, sent["data_port"]}
    for port, name in ((sent["data_port"], "song"), (80, "page"), (25, "mail")):
        assert sent[name] <= heard[port]["bytes"] <= sent[name] * (1 + 2 * HEADERS / 1448) + 4000, name
        assert heard[port]["protocols"] == ({} if name == "song" else {{80: "http", 25: "smtp"}[port]: heard[port]["flows"]})
    assert (heard[sent["data_port"]]["flows"], heard[80]["flows"], heard[25]["flows"], heard[21]["flows"]) == (1, 2, 1, 1)
    # Two web servers.
    assert steps["conflict.second"]["exit_status"] != 0
    assert "Address already in use" in steps["conflict.second"]["output"].splitlines()[-1]
    why = steps["conflict.why"]["answer"]
    assert (steps["conflict.why"]["exit_status"], why["answer"], why["cause"]) == (1, "no", "listener")
    assert why["holders"][0]["endpoint"]["owners"][0]["command"][1:] == ["-m", "http.server", "80"]
    # The firewall, seen by the stranger and from inside.
    before, after = states(steps["firewall.scan-before"]), states(steps["firewall.scan-after"])
    assert before == ({21, 25, 80}, {"open": 3, "closed": 1020})
    assert after == ({25, 80}, {"open": 2, "closed": 1, "filtered": 1020})
    assert steps["firewall.scan-before"]["facts"] == {"open": "21, 25, 80", "refused": "443", "silent": ""}
    assert steps["firewall.scan-after"]["facts"] == {"open": "25, 80", "refused": "443", "silent": "21"}
    assert reached(steps["firewall.reach-before"]) == {port: {"everyone", "this-host"} for port in (21, 25, 80)}
    assert reached(steps["firewall.reach-after"]) == {21: {"this-host"}, 25: {"everyone", "this-host"}, 80: {"everyone", "this-host"}}
    assert [line["opens"] for line in steps["firewall.check"]["answer"]["items"]] == [["25/tcp"], ["80/tcp"], ["443/tcp", "443/udp"]]
    assert [row["after"] for row in steps["firewall.plan"]["answer"]["items"] if row["ports"] == "21/tcp"] == [[]]
    assert [steps[f"firewall.{name}"]["exit_status"] for name in ("apply", "confirm")] == [0, 0]
    assert steps["firewall.confirm"]["answer"]["items"][0]["hash"] == steps["firewall.apply"]["answer"]["items"][0]["hash"]
    # Who tried the doors.
    assert steps["scanners.found"]["exit_status"] == 1
    [scanner] = steps["scanners.found"]["answer"]["items"]
    tried = steps["scanners.tries"]["answer"]["items"]
    assert (scanner["sources"], scanner["verdict"]) == (["198.18.1.2"], "scanner")
    assert scanner["learnt"] == ["25/tcp", "80/tcp"]
    assert {item["port"] for item in tried if item["state"] == "open"} == {25, 80}


def test_in_japanese_and_where_nft_is_not_installed(desk):
    if shutil.which("nft"):
        pytest.skip("nft is installed on this machine")
    answer = portulan(desk, "demo", "--fast", "--lang", "ja", environment={"COLUMNS": "80"}, timeout_s=110)
    assert (answer.returncode, answer.stderr) == (0, "")
    text = answer.stdout
    assert [line for line in text.splitlines() if width_of(line) > 80 and "$ portulan" not in line] == []
    commands = re.findall(r"^ (\w+) +\$ (.*)$", text, re.MULTILINE)
    assert [(host, line.partition(" -P")[0]) for host, line in commands] == [
        ("server", "portulan traffic --interface eth0 --no-processes"), ("laptop", "python3"), ("server", "python3 -m http.server 80"),
        ("server", "portulan why 80"), ("stranger", "portulan scan server -p 1-1023"), ("server", "portulan reach"), ("server", "portulan guard check"),
        ("server", "portulan guard plan"), ("server", "portulan reach --policy /etc/portulan/portulan.toml"),
        ("server", "portulan scanners --interface eth1"), ("stranger", "portulan scan server --top 100"),
    ]  # fmt: skip
    for wanted in (
        r"http +80/tcp .* http$", r"smtp +25/tcp .* smtp$", r"ftp +21/tcp .* ftp$", "Address already in use", "いいえ。80/tcp \\(http\\) は使えません",
        r"3 open · 1,020 closed", "見知らぬ相手に開いているのは 21, 25, 80 です", r"21/tcp +ftp +誰でも +なし$", r"21/tcp +ftp +ftpd +このホスト$",
        "パッケージ nftables", r"198\.18\.1\.2 .*100 個のポート.*21、25|198\.18\.1\.2 .*100 個のポート.*21, 25",
    ):  # fmt: skip
        assert re.search(wanted, text, re.MULTILINE), (wanted, text)
    assert not re.search(r"\\$ portulan guard apply$|Traceback|\{\w+\}", text, re.MULTILINE)
    data_port = re.search(r"ポート (\d+) で曲", text)[1]
    assert re.search(rf" {data_port}/tcp +9\d %", text)


def test_an_ordinary_user_may_watch_it(desk):
    if Path("/proc/sys/user/max_user_namespaces").read_text() == "0\n":
        pytest.skip("this kernel lets ordinary users make no user namespaces")
    answer = desk.run(as_user([PORTULAN, "demo", "--json", "conflict"]), timeout_s=60)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["rights"] == "user"
    assert [item["code"] for item in said["items"]] == ["conflict.second", "conflict.why"]
    assert said["items"][1]["answer"]["cause"] == "listener"


@pytest.mark.parametrize(
    ("who", "told", "way_out"), [(ORDINARY, "ordinary users", "sudo"), (0, "CAP_SYS_ADMIN, CAP_NET_ADMIN", "docker run --privileged")]
)
def test_who_may_not_is_told_what_would_allow_it(desk, who, told, way_out):
    # A user namespace in which no more can be made, and a program there that has no rights.
    inside = ["unshare", "--user", f"--map-user={who}", f"--map-group={who}", "--keep-caps"]
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@"'
    answer = desk.run([*inside, "sh", "-c", script, "sh", PORTULAN, "demo", "conflict"])
    assert (answer.returncode, answer.stdout) == (3, ""), answer.stderr
    assert len(answer.stderr.splitlines()) == 2, answer.stderr
    sentence, way = answer.stderr.splitlines()
    assert told in sentence
    assert way.endswith(way_out)


def test_words_that_are_no_scene(desk):
    answer = portulan(desk, "demo", "fireworks")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "fireworks" in answer.stderr


# However it ends


class Watched:
    """A demo that stands still in the middle of a scene, and everything that belongs to it."""

    def __init__(self, host, folder):
        """Returns when the laptop has been told to begin: the servers run, and so does `traffic`."""
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        environment = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "XDG_CACHE_HOME": str(folder / "home")}
        self.folder = folder
        self.process = host.start(
            [PORTULAN, "demo", "--fast", "traffic"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, environment=environment
        )
        self.said = ""
        while "\n laptop " not in self.said:
            self.said += self.process.stdout.readline()
            assert self.process.poll() is None, self.said
        self.process.send_signal(signal.SIGSTOP)
        self.pids = sorted(family(self.process.pid))
        self.ends = [os.pidfd_open(pid) for pid in self.pids]
        home = os.stat("/proc/self/ns/net").st_ino
        # Held open, so that nobody else's network gets the same number meanwhile.
        self.networks = {}
        for pid in self.pids:
            for held in networks(pid):
                inode = os.fstat(held).st_ino
                if inode in (home, host.netns_inode, *self.networks):
                    os.close(held)
                else:
                    self.networks[inode] = held

    def send(self, number):
        """A signal, and let it go on."""
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        return self.process.communicate(timeout=30)

    def left(self, patience_s=20.0):
        """What is still there, when everything has had time to end: processes, networks, files."""
        found = [pid for pid, end in zip(self.pids, self.ends, strict=True) if not has_ended(end, patience_s)]
        found += [trace for inode in self.networks for trace in traces(inode) if not trace.startswith(f"/proc/{os.getpid()}/")]
        for held in (*self.ends, *self.networks.values()):
            os.close(held)
        return found + [str(path) for name in ("tmp", "home") for path in (self.folder / name).iterdir()]


def family(pid):
    """Everybody who comes from this process."""
    found = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= {int(child)} | family(int(child))
    return found


def networks(pid):
    """The network namespaces that a process is in, or holds open: a descriptor of ours for each."""
    for link in (f"/proc/{pid}/ns/net", *map(str, Path(f"/proc/{pid}/fd").iterdir())):
        with suppress(OSError):
            if os.readlink(link).startswith("net:["):
                yield os.open(link, os.O_RDONLY | os.O_CLOEXEC)


def keeper(watched):
    """The process between the one that speaks and those on the stage."""
    [pid] = Path(f"/proc/{watched.process.pid}/task/{watched.process.pid}/children").read_text().split()
    return int(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended_in_the_middle(desk, tmp_path, number):
    watched = Watched(desk, tmp_path)
    assert len(watched.pids) >= 6
    assert len(watched.networks) == 4  # of three hosts, and the player's own
    out, err = watched.send(number)
    assert watched.left() == []
    assert watched.process.returncode == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert "Ended early" in err
    assert "Traceback" not in out + err


def test_nothing_is_left_when_its_keeper_is_killed(desk, tmp_path):
    watched = Watched(desk, tmp_path)
    os.kill(keeper(watched), signal.SIGKILL)
    _, err = watched.send(signal.SIGCONT)
    assert watched.left() == []
    assert watched.process.returncode == 3
    assert "ended from outside" in err


def test_from_python_it_is_an_iterator_that_may_be_closed():
    seen, others = [], family(os.getpid())
    with closing(demo(["conflict"])) as events:
        for event in events:
            seen.append(event)
            if isinstance(event, DemoStep):
                break
        pids = family(os.getpid()) - others
        ends = [os.pidfd_open(pid) for pid in pids]
    assert [type(event) for event in seen] == [Opened, SceneBegins, Typed, DemoStep]
    assert len(ends) >= 5
    assert all(has_ended(end) for end in ends if end)
    for end in ends:
        os.close(end)
