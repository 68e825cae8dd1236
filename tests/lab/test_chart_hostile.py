"""Processes whose names, command lines, folders and groups would act on a terminal: nothing of it gets there, and nothing of it is lost to programs."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from labs import brute_force, control_groups, differences, facts_of, inhabit, listen, look, only, own, portulan
from portulan.system.linux.procfs import COMMAND_BYTES

pytestmark = pytest.mark.lab
ESCAPE = b"\x1b]0;owned\x07\x1b[2J\x1b[31m"
TEXTS = {
    "escape": ESCAPE,
    "c1": "\u009b2J\u0085".encode(),
    "newlines": b"a\nb\rc\vd\fe",
    "right-to-left": "\u202emoc.elpmaxe\u2066\u2069\u200f".encode(),
    "invisible": "\u200b\ufeff\u00ad\U000e0041".encode(),
    "invalid": b"\xff\xfe\xc3(\xed\xa0\x80",
    "blank": b"   ",
    "quotes": b"'; rm -rf / #\"$(id)`id`",
    "brackets": b") S 1 (",
    "table": "\u2502 \u2514\u2500 ".encode(),
    "formula": b"=cmd|' /C calc'!A0",
    "tab": b"\t\t\t",
    "long": b"x" * 100_000,
    "long-escape": b"\x1b[31m" * 20_000,
    "wide": "\u6f22\u5b57".encode() * 3_000,
}
# A listener that waits with a name, a command line, a program and a folder of one's choice: argv is read back as bytes.
SERVER = """
import ctypes, os, socket, sys
name, program, folder, port, *arguments = (os.fsencode(word) for word in sys.argv[1:])
one = socket.create_server(("127.0.0.1", int(port)))
one.set_inheritable(True)
sys.stdout.write("%d\\n" % one.fileno())
sys.stdout.flush()
os.chdir(folder)
if arguments:
    os.execv(program, arguments)
ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
sys.stdin.read()
"""


@pytest.fixture
def host(sandbox):
    made = sandbox.host("shop")
    inhabit(made)
    return made


@contextmanager
def server(host, port, *, name=b"", arguments=(), program=b"/bin/sh", folder=b"/"):
    command = [
        sys.executable,
        "-c",
        SERVER,
        os.fsdecode(name),
        os.fsdecode(program),
        os.fsdecode(folder),
        str(port),
        *map(os.fsdecode, arguments),
    ]
    process = host.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    if arguments:  # until it is the other program
        while Path(f"/proc/{process.pid}/exe").readlink() == Path(sys.executable).resolve():
            pass
    elif name.strip():
        while Path(f"/proc/{process.pid}/comm").read_bytes()[:-1] != name[:15]:
            pass
    yield process
    process.stdin.close()
    process.wait()


def assert_harmless(text):
    """Nothing but what is printed as it is, and line ends."""
    odd = {character for character in text if character != "\n" and not character.isprintable()}
    assert odd == set()


def assert_all_harmless(host, *ports):
    """The chart in every form and width, and the answer about each port."""
    questions = [(form, columns) for form in ([], ["--all"], ["--csv"], ["--lang", "ja"]) for columns in ("40", "80", "200")]
    for form, columns in questions:
        assert_harmless_answer(portulan(host, "ls", *form, *own(host), environment={"COLUMNS": columns}), ports)
    for port in ports:
        assert_harmless_answer(portulan(host, port), [port])


def assert_harmless_answer(answer, ports):
    assert answer.returncode == 0, answer.stderr
    assert_harmless(answer.stdout)
    assert_harmless(answer.stderr)
    assert all(str(port) in answer.stdout for port in ports)


def told(host, port):
    """The one holder of a port: as the chart has it, and as its JSON has it."""
    answer = portulan(host, "ls", "--json", port, *own(host))
    assert {character for character in answer.stdout if ord(character) < 0x20} <= {"\n"}
    [item] = json.loads(answer.stdout)["items"]
    [owner], [same] = only(look(host, port)).owners, item["owners"]
    return owner, same


def test_command_lines(host):
    commands = {8_000 + at: [b"/bin/sh", b"-c", b"read line", text, b"end"] for at, text in enumerate(TEXTS.values())}
    with ExitStack() as stack:
        processes = {port: stack.enter_context(server(host, port, arguments=command)) for port, command in commands.items()}
        assert_all_harmless(host, *commands)
        for port, command in commands.items():
            owner, same = told(host, port)
            whole = b"\0".join(command)
            text = whole[:COMMAND_BYTES].decode("utf-8", "backslashreplace") + ("\u2026" if len(whole) > COMMAND_BYTES else "")
            assert (owner.pid, "\0".join(owner.command)) == (processes[port].pid, text)
            assert same["command"] == list(owner.command)


def test_process_names(host):
    """15 bytes at most, any but NUL."""
    names = {8_000 + at: text[:15] for at, text in enumerate(TEXTS.values())}
    with ExitStack() as stack:
        processes = {port: stack.enter_context(server(host, port, name=name)) for port, name in names.items()}
        assert_all_harmless(host, *names)
        for port, name in names.items():
            owner, same = told(host, port)
            text = name.decode("utf-8", "backslashreplace")
            assert (owner.pid, owner.name, same["name"]) == (processes[port].pid, text, text)
            assert only(look(host, port, source="proc")).owners[0].name == text


def test_programs_and_folders(host, tmp_path):
    texts = [text.replace(b"/", b"")[:200] for text in TEXTS.values()]
    folders = {8_000 + at: os.path.join(os.fsencode(tmp_path), b"%d " % at + text) for at, text in enumerate(texts)}
    with ExitStack() as stack:
        for port, folder in folders.items():
            os.mkdir(folder)
            program = os.fsdecode(os.path.join(folder, b"p" + os.path.basename(folder)))
            Path(program).write_bytes(Path("/bin/sh").read_bytes())
            os.chmod(program, 0o755)
            stack.enter_context(
                server(host, port, arguments=[b"sh", b"-c", b"read line; true"], program=os.fsencode(program), folder=folder)
            )
        assert_all_harmless(host, *folders)
        for port, folder in folders.items():
            owner, _ = told(host, port)
            assert os.fsencode(owner.executable) == os.path.join(folder, b"p" + os.path.basename(folder))
            assert os.fsencode(owner.cwd) == folder


def test_a_program_that_was_removed(host, tmp_path):
    program = tmp_path / "server"
    program.write_bytes(Path("/bin/sh").read_bytes())
    program.chmod(0o755)
    with server(host, 8080, arguments=[b"sh", b"-c", b"read line; true"], program=os.fsencode(program)):
        program.unlink()
        assert_all_harmless(host, 8080)
        assert only(look(host, 8080)).owners[0].executable == f"{program} (deleted)"


@pytest.fixture
def cgroup():
    """Makes control groups of our own, removed afterwards."""
    with control_groups() as make:
        yield make


GROUPS = {
    "docker-" + "0123456789abcdef" * 4 + ".scope": "0123456789ab (docker)",
    "evil\x1b[2J\u202e.service": "evil",
    r"mnt-disk\x2dsda.service": r"mnt-disk\x2dsda.service",  # as systemctl wants it
    r"evil\x1b\x5b2J.service": "evil",
}


@pytest.mark.parametrize(("group", "shown"), GROUPS.items(), ids=["docker", "escape", "escaped-dash", "escaped-escape"])
def test_units_and_containers_by_their_names(host, cgroup, group, shown):
    folder = cgroup(f"system.slice/{group}")
    with server(host, 8080, name=b"shop") as process:
        (folder / "cgroup.procs").write_text(str(process.pid))
        assert_all_harmless(host, 8080)
        assert shown in portulan(host, "ls", *own(host), environment={"COLUMNS": "200"}).stdout
        assert shown.split(" ")[0] in portulan(host, 8080).stdout


def test_an_interface_with_an_escape_in_its_name(sandbox, host):
    """The kernel forbids blanks, slashes and colons in names of interfaces, and nothing else."""
    from portulan.system.linux.links import add_veth, read_interfaces, set_up

    name = "e\x1b[31m\x07"
    add_veth(host.netlink, name, "peer")
    set_up(host.netlink, next(each.number for each in read_interfaces(host.netlink) if each.name == name))
    with listen(host, "", 8080, options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")]):
        assert only(look(host, 8080)).sockets[0].device == name
        assert_all_harmless(host, 8080)


def test_many_hostile_processes_at_once_are_still_the_truth(host):
    with (
        server(host, 8_000, name=b") S 1 ("),
        server(host, 8_001, name=b"\n0 0 0"),
        server(host, 8_002, arguments=[b"/bin/sh", b"-c", b"read line", b"\x00"[:0]]),
    ):
        for source in ("bpf", "proc"):
            assert differences(facts_of(look(host, source=source)), brute_force(host)) == []
        rows = list(csv.DictReader(io.StringIO(portulan(host, "ls", "--csv", *own(host)).stdout)))
        assert [row["port"] for row in rows] == ["8000", "8001", "8002"]
