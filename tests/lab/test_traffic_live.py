import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

import proofs_traffic_live
from labs import PORTULAN, connect, inhabit, open_socket
from portulan.errors import BadInput, CannotTell, NotPermitted, PortulanError
from portulan.model.portset import PortRange, PortSet
from portulan.system.linux.links import delete_link, set_up
from portulan.traffic.live import Listening
from portulan.verbs.traffic_live import TrafficWatch
from traffic_lab import (
    CLIENT,
    CONNECTIONS,
    DATAGRAMS,
    SERVER,
    counters,
    frame,
    root_of_watchers,
    script,
    send,
    send_frames,
    tcpdump,
    tshark,
)

pytestmark = pytest.mark.lab


@pytest.fixture(scope="session")
def watchers():
    try:
        return root_of_watchers()
    except PortulanError as error:
        pytest.skip(f"no private root with peer programs: {error}")


@pytest.fixture
def pair(sandbox):
    """Two hosts and a cable, after they have said what new interfaces say."""
    first, second = sandbox.host("first"), sandbox.host("second")
    sandbox.link(first, second)
    return first, second


def heard(ear, wait_s=0.15):
    """(frames, interface numbers) of all that has come, and comes in that time."""
    frames, numbers = [], []
    for batch in ear.batches(wait_s):
        frames += [bytes(batch.buffer[at : at + size]) for at, size in zip(batch.start, batch.captured, strict=True)]
        numbers += batch.interface.tolist()
        assert (batch.start + batch.captured <= len(batch.buffer) - 128).all()
    return frames, numbers


def to_port(frames, port):
    return [each for each in frames if each[36:38] == port.to_bytes(2)]


def open_quietly(host, *names, **options):
    """Listening, and what the kernel had counted on eth0 at the moment it began."""
    while True:
        before = counters(host)
        with host.enter():
            ear = Listening(names, **options)
        if counters(host) == before:
            return ear, before
        ear.close()


def test_counts_are_the_kernels_and_tcpdumps(pair, watchers):
    first, second = pair
    with tcpdump(second, watchers, "udp", "dst", "port", str(DATAGRAMS)) as judge:
        ear, (packets, size) = open_quietly(second, "eth0")
        with ear:
            send(first, second.address, 3000)
            frames = heard(ear, 0.3)[0]
            while counters(second) != (packets + ear.packets, size + ear.bytes):
                frames += heard(ear, 0.1)[0]
            assert ear.dropped == 0
            assert ear.merged == 0
    assert len(to_port(frames, DATAGRAMS)) == judge.captured == 3000


def test_segments_that_the_kernel_handles_as_one_are_noted(pair):
    first, second = pair
    with second.enter(), socket.create_server(("", CONNECTIONS)) as door, Listening(["eth0"]) as ear, TrafficWatch(["eth0"]) as watch:
        before = counters(second)[1]
        with connect(first, second.address, CONNECTIONS) as one:
            link, _ = door.accept()
            with link:
                threading.Thread(target=one.sendall, args=(bytes(1_000_000),)).start()
                left = 1_000_000
                while left:
                    left -= len(link.recv(1 << 16))
        lengths = [int(size) for batch in ear.batches(0.2) for size in batch.length]
        assert ear.merged == sum(size > 1514 for size in lengths) > 0
        assert abs(sum(lengths) - (counters(second)[1] - before)) < 2000
        watch.step(0.1)
        assert watch.finish().origins[0].merged == ear.merged


def test_loopback_is_counted_once(pair):
    _, second = pair
    receiver = open_socket(second, "127.0.0.1", DATAGRAMS, kind=2)
    with second.enter(), Listening() as every, Listening(["lo"]) as one, Listening(["lo", "eth0"]) as two:
        send(second, "127.0.0.1", 50)
        for ear in (every, one, two):
            frames, numbers = heard(ear)
            mine = [number for each, number in zip(frames, numbers, strict=True) if each[36:38] == DATAGRAMS.to_bytes(2)]
            assert mine == [1] * 50
    receiver.close()


def test_tags_are_in_the_frames(pair):
    first, second = pair
    sent = [
        frame(b"plain"), frame(b"one", tags=[(0x8100, 5)]), frame(b"priority", tags=[(0x8100, 0xE005)]), frame(b"two", tags=[(0x88A8, 7), (0x8100, 8)]),
    ]  # fmt: skip
    with (
        second.enter(),
        Listening(["eth0"], snap=1 << 18) as ear,
        Listening(["eth0"], ports=PortSet.of([PortRange(DATAGRAMS, DATAGRAMS)])) as some,
    ):
        send_frames(first, sent)
        assert [each for each in heard(ear)[0] if each[:6] == b"\x02\0\0\0\0\x02"] == sent
        assert [each for each in heard(some)[0] if each[:6] == b"\x02\0\0\0\0\x02"] == sent


def test_only_some_ports(pair):
    first, second = pair
    wanted = PortSet.of([PortRange(53, 53), PortRange(8000, 8010)])
    with second.enter(), Listening(["eth0"], ports=wanted, snap=128) as ear:
        for port in (52, 53, 7999, 8000, 8010, 8011):
            send(first, second.address, 10, port=port, sizes=[500])
            send(first, second.address6, 10, port=port, sizes=[500])
        send(first, second.address, 10, port=9, source=8005, sizes=[500])
        frames = [each for each in heard(ear)[0] if each[12:14] == b"\x08\0" and each[23] == 17]
        assert len(frames) == 40
        assert max(map(len, frames)) == 128
        assert sum(each[12:14] == b"\x86\xdd" and each[20] == 17 for each in heard(ear)[0]) == 0, "all was there the first time"


def test_one_packet_in_ten(pair):
    first, second = pair
    with second.enter(), Listening(["eth0"], sample=10) as ear:
        send(first, second.address, 5000)
        assert 350 < len(to_port(heard(ear)[0], DATAGRAMS)) < 650  # 7 standard deviations


def test_drops_are_counted(pair):
    first, second = pair
    with second.enter(), Listening(["eth0"], ports=PortSet.of([PortRange(DATAGRAMS, DATAGRAMS)]), megabytes=1) as ear:
        send(first, second.address, 5000, sizes=[900])
        heard(ear)
        assert ear.dropped > 1000
        assert 0 <= ear.packets + ear.dropped - 5000 < 20  # ICMP passes, too
        before = ear.packets
        send(first, second.address, 100)
        assert len(to_port(heard(ear)[0], DATAGRAMS)) == 100, "it goes on behind a gap"
        assert ear.packets >= before + 100


def test_fewer_are_looked_at_when_too_many_come(pair):
    first, second = pair
    with second.enter(), TrafficWatch(["eth0"], sample=None, processes=False) as watch:
        send(first, second.address, 100)
        watch.step(0.2)
        assert (watch.listening.sample, watch.now().missing) == (1, ())
        watch.listening.close()
        watch.listening = Listening(["eth0"], ports=PortSet.of([PortRange(DATAGRAMS, DATAGRAMS)]), megabytes=1)
        watch.reset()
        with watch.listening:
            send(first, second.address, 3000, sizes=[900])
            watch.step(0.1)
            assert watch.listening.sample == 2
            send(first, second.address, 400, sizes=[1])
            before = watch.listening.packets
            watch.step(0.1)
            assert 100 < watch.listening.packets - before < 300  # 10 standard deviations
            answer = watch.finish()
    assert (answer.origins[0].sampled, answer.missing) == (2, ("thinned",))


def test_what_lies_on_top_is_left_out(sandbox, peers):
    first, second = sandbox.host("first"), sandbox.host("second", root=peers)
    sandbox.link(first, second)
    for words in ("link add br0 type bridge", "link set br0 up", "link set eth0 master br0"):
        assert second.run(["ip", *words.split()]).returncode == 0
    with second.enter(), Listening(snap=1 << 18) as ear:
        assert ear.left_out == ("br0",)
        send_frames(first, [frame(b"x", tags=[(0x8100, 5)]), frame(b"y")])
        assert len([each for each in heard(ear)[0] if each[:6] == b"\x02\0\0\0\0\x02"]) == 2


def test_interfaces_that_are_not_there(pair):
    _, second = pair
    with second.enter():
        with pytest.raises(BadInput) as raised:
            Listening(["eth9"])
        assert (raised.value.code, raised.value.facts["known"]) == ("traffic.no-interface", "eth0, lo")
        with Listening(["eth0"]) as ear:
            heard(ear)
            (number,) = (one.number for one in ear.interfaces)
            set_up(second.netlink, number, up=False)
            heard(ear, 0.7)
            assert ear.off == ["eth0"]
            with pytest.raises(CannotTell) as raised:
                Listening(["eth0"])
            assert raised.value.code == "traffic.interface-down"
            set_up(second.netlink, number)
            delete_link(second.netlink, number)
            with pytest.raises(CannotTell) as raised:
                heard(ear, 2.0)
            assert (raised.value.code, raised.value.facts["names"]) == ("traffic.interface-gone", "eth0")


def test_without_rights(pair):
    _, second = pair

    def listen():
        from portulan.system.linux.rights import drop_rights

        drop_rights()
        with pytest.raises(NotPermitted) as raised:
            Listening()
        return raised.value.code, raised.value.facts["needs"]

    assert second.call(listen) == ("traffic.forbidden", "CAP_NET_RAW")


EXPRESSIONS = (
    "tcp port 443", "udp", "port 53 or port 80", "host 198.18.0.1 and not tcp", "ip6 and udp portrange 7000-7010", "net 198.18.0.0/16", "icmp or arp",
    "vlan 5 and udp", "vlan and vlan", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "greater 500", "inbound", "ether host 02:00:00:00:00:02", "",
)  # fmt: skip


def test_filters_are_tcpdumps(pair, watchers):
    _, second = pair
    text = """
import sys
from portulan.errors import BadInput
from portulan.system.pcap_filter import compile_filter
for expression in sys.argv[1:]:
    steps = compile_filter(expression, 1, interface="eth0")
    print(len(steps), *(word for step in steps for word in step))
for bad in ("tcp prot 443", "port 70000"):
    try:
        compile_filter(bad, 1)
    except BadInput as error:
        print(error.code, error.facts["reason"])
"""
    inhabit(second)
    done = second.run([sys.executable, "-c", text, *EXPRESSIONS], root=watchers)
    assert done.stderr == ""
    ours = done.stdout.splitlines()
    for expression, program in zip(EXPRESSIONS, ours, strict=False):
        judged = second.run(["tcpdump", "-i", "eth0", "-ddd", *([expression] if expression else [])], root=watchers).stdout.split()
        assert program.split() == judged, expression
    assert ours[-2].startswith("traffic.filter ")
    assert "syntax error" in ours[-2]
    assert ours[-1] == "traffic.filter illegal port number 70000 > 65535"


def test_filters_select_what_tcpdump_selects(pair, watchers, tmp_path):
    first, second = pair
    expression = "(udp port 7001 and greater 300) or (vlan 5)"  # in this order: behind `vlan`, libpcap looks behind a tag
    text = """
import sys
from portulan.traffic.live import Listening
with Listening(["eth0"], filter=sys.argv[1], snap=1 << 18) as ear:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in ear.batches(0.2):
        pass
    print(ear.packets, ear.bytes, flush=True)
"""
    process = second.start([sys.executable, "-c", text, expression], root=watchers, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    with tcpdump(second, watchers, expression) as judge:
        send(first, second.address, 500)
        send_frames(first, [frame(b"one", tags=[(0x8100, number)]) for number in range(10)])
        ours = process.communicate("\n")[0].split()
    assert judge.captured == int(ours[0]) > 100


def test_without_libpcap(pair):
    _, second = pair
    text = """
import ctypes
from portulan.errors import CannotTell
from portulan.system import pcap_filter
pcap_filter._NAMES = ("libpcap-that-nobody-has.so",)
try:
    pcap_filter.compile_filter("tcp", 1)
except CannotTell as error:
    print(error.code)
"""
    assert second.run([sys.executable, "-c", text]).stdout == "traffic.no-libpcap\n"


def watch_clients(watch, host, address, count):
    """Count while a client makes so many short connections."""
    client = script(host, CLIENT, address, count)
    while client.poll() is None:
        watch.step(0.05)
    watch.step(0.2)
    return client, watch.finish()


@pytest.mark.parametrize("side", ["client", "server"])
def test_short_connections_have_their_processes(pair, side):
    first, second = pair
    server = script(second, SERVER)
    second.wait_for_port(CONNECTIONS)
    with (first if side == "client" else second).enter(), TrafficWatch(["eth0"], ports=[f"{CONNECTIONS}/tcp", f"{DATAGRAMS}/udp"]) as watch:
        assert watch.missing == []
        client, answer = watch_clients(watch, first, second.address, 100)
    doors = {row.port: row for row in answer.ports}
    names = {port: {(one.pid, one.name): one.flows for one in row.processes} for port, row in doors.items()}
    own = {"client": (client.pid, "short-client"), "server": (server.pid, "test-server")}[side]
    assert doors[CONNECTIONS].flows == names[CONNECTIONS][own] == 100
    assert doors[DATAGRAMS].flows == names[DATAGRAMS][own] > 90
    assert not doors[CONNECTIONS].untold
    assert not doors[DATAGRAMS].untold
    assert all(row.processes for row in answer.rows)
    assert answer.origins[0].dropped == 0
    assert answer.packets == answer.origins[0].packets


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_the_proof_of_processes_sampled(day_seed, samples):
    for seed in range(1, 51) if samples(0, 1) else [day_seed]:
        assert proofs_traffic_live.processes(seed)[0] == [], f"seed {seed}"


def test_what_cannot_be_told_is_said(pair):
    first, second = pair
    with second.enter(), TrafficWatch(["eth0"]) as watch:
        send(first, second.address, 5, port=9)
        send_frames(first, [frame(b"x")[:30] + bytes([192, 0, 2, 1]) + frame(b"x")[34:]])
        watch.step(0.2)
        answer = watch.finish()
    untold = {row.port: dict(row.untold) for row in answer.ports if row.transport == "udp"}
    assert untold[9] == {"nobody": 1}
    assert untold[DATAGRAMS] == {"not-local": 1}


def test_real_server(pair, peers, tmp_path):
    first, second = pair
    settings = tmp_path / "nginx.conf"
    settings.write_text(
        f"daemon off; pid {tmp_path}/pid; events {{}} http {{ access_log off; server {{ listen 8080; return 200 hello; }} }}"
    )
    nginx = second.start(["nginx", "-c", str(settings)], root=peers)
    second.wait_for_port(8080)
    get = """
import sys, urllib.request
for _ in range(20):
    urllib.request.urlopen(f"http://{sys.argv[1]}:8080/").read()
"""
    with second.enter(), TrafficWatch(["eth0"], ports=["8080/tcp"]) as watch:
        client = script(first, get, second.address)
        while client.poll() is None:
            watch.step(0.1)
        watch.step(0.1)
        answer = watch.finish()
    (door,) = answer.ports
    assert door.flows == 20
    assert "nginx" in {one.name for one in door.processes}
    assert sum(one.flows for one in door.processes if one.name == "nginx") >= 20
    assert dict(door.protocols) == {"http": 20}
    assert nginx.poll() is None


def test_kept_packets_are_what_tshark_reads(pair, watchers, tmp_path):
    first, second = pair
    path = tmp_path / "kept.pcapng"
    receiver = open_socket(second, "", DATAGRAMS, kind=2)  # else ICMP errors would quote what is sent
    with receiver, second.enter(), TrafficWatch(write=str(path), processes=False) as watch:
        send(first, second.address, 300)
        send(second, "127.0.0.1", 20)
        send_frames(first, [frame(b"tagged", tags=[(0x8100, 9)])])
        watch.step(0.3)
        answer = watch.finish()
    rows = tshark(second, watchers, path, "frame.interface_name", "frame.len", "frame.time_epoch", "vlan.id", "udp.dstport")
    assert len(rows) == answer.packets
    assert sum(int(row[1]) for row in rows) == answer.bytes
    assert [row[0] for row in rows if row[4] == str(DATAGRAMS)].count("lo") == 20
    assert [row[0] for row in rows if row[4] == str(DATAGRAMS)].count("eth0") == 301
    assert [row[3] for row in rows if row[3]] == ["9"]
    times = [float(row[2]) for row in rows]
    assert abs(times[0] - time.time()) < 60
    assert len(rows[0][2].partition(".")[2]) == 9


FLOOD = """
import socket, sys, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    one.sendto(bytes(500), (sys.argv[1], 7001))
    time.sleep(0.0005)
"""
RUN = """
import argparse, sys
from portulan.cli import traffic_live
from portulan.cli.face import Face
from portulan.text.voice import Voice
parser = argparse.ArgumentParser()
voice = Voice("en")
parser.add_argument("ports", nargs="*")
parser.add_argument("--json", action="store_true")
traffic_live.arguments(parser, voice)
face = Face(voice, sys.stdout, sys.stderr)
sys.exit(traffic_live.run(parser.parse_args(), face, lambda answer: print(answer.packets, answer.origins[0].dropped, flush=True)))
"""


def test_interrupted_while_packets_are_kept(pair, watchers, tmp_path):
    first, second = pair
    path = tmp_path / "kept.pcapng"
    process = script(second, RUN, "-w", path, "-i", "eth0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "Listening on eth0." in process.stderr.readline()
    sender = script(first, FLOOD, second.address)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    sender.kill()
    assert process.returncode == 0, error
    packets = int(out.split()[0])
    assert packets > 100
    assert len(tshark(second, watchers, path, "frame.number")) == packets
    assert f"kept in {path}" in error


def test_an_interface_that_goes_away(pair):
    first, second = pair
    process = second.start([PORTULAN, "traffic", "-i", "eth0", "--no-processes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "Listening on eth0." in process.stderr.readline()
    send(first, second.address, 50)
    time.sleep(0.2)
    with second.enter():
        delete_link(second.netlink, socket.if_nametoindex("eth0"))
    out, error = process.communicate(timeout=30)
    assert process.returncode == 3
    assert f"{DATAGRAMS}/udp" in out, "what was counted is told"
    assert "eth0 is gone" in error


def test_what_was_lost_stands_in_the_file(pair, watchers, tmp_path):
    first, second = pair
    path = tmp_path / "kept.pcapng"
    with second.enter(), TrafficWatch(["eth0"], write=str(path), processes=False) as watch:
        send(first, second.address, 45_000, sizes=[1000])
        watch.step(0.2)
        answer = watch.finish()
    assert answer.origins[0].dropped > 1000
    said = second.run(["capinfos", "-M", str(path)], root=watchers).stdout
    assert f"Number of packets in file = {answer.packets}" in re.sub(r"Number of packets: +", "Number of packets in file = ", said)
    assert path.read_bytes()[-60:].count(answer.origins[0].dropped.to_bytes(8, sys.byteorder)) == 1


def test_a_disk_that_fills(sandbox, peers, tmp_path):
    first, second = sandbox.host("first"), sandbox.host("second", root=peers)
    sandbox.link(first, second)
    words = f"mount -t tmpfs -o size=256k none {tmp_path} && exec {PORTULAN} traffic -i eth0 -w {tmp_path}/kept --no-processes"
    process = second.start(["sh", "-c", words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "Listening on eth0." in process.stderr.readline()
    send(first, second.address, 1000, sizes=[1000])
    out, error = process.communicate(timeout=30)
    assert process.returncode == 4
    assert f"{DATAGRAMS}/udp" in out
    assert "No space left" in error


def test_packets_to_a_pipe(pair, watchers):
    first, second = pair
    process = second.start(
        [PORTULAN, "traffic", str(DATAGRAMS), "-w", "-", "--duration", "1.5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert "Listening on" in process.stderr.readline()
    judge = second.start(
        ["tshark", "-n", "-r", "-", "-Y", f"udp.dstport == {DATAGRAMS} && !icmp"],
        root=watchers,
        stdin=process.stdout,
        stdout=subprocess.PIPE,
    )
    process.stdout.close()
    send(first, second.address, 40)
    assert len(judge.communicate(timeout=30)[0].splitlines()) == 40
    assert process.wait(10) == 0
    assert f"{DATAGRAMS}/udp" in process.stderr.read()


def test_on_a_terminal(pair):
    first, second = pair
    script(second, SERVER)
    second.wait_for_port(CONNECTIONS)
    leader, follower = os.openpty()
    fcntl.ioctl(follower, 0x5414, struct.pack("HHHH", 24, 110, 0, 0))  # TIOCSWINSZ
    process = second.start(
        [PORTULAN, "traffic"], stdin=follower, stdout=follower, stderr=subprocess.PIPE, environment={"TERM": "xterm", "LANG": "C.UTF-8"}
    )
    os.close(follower)
    os.set_blocking(leader, False)
    shown, end_s, asked = "", time.monotonic() + 20, False
    while process.poll() is None and time.monotonic() < end_s:
        with suppress(OSError):
            shown += os.read(leader, 1 << 16).decode("utf-8", "replace")
        if "sort:" in shown and not asked:
            asked = True
            script(first, CLIENT, second.address, 20).wait()
        if "test-server" in shown:
            os.write(leader, b"q")
        time.sleep(0.05)
    with suppress(OSError):
        shown += os.read(leader, 1 << 16).decode("utf-8", "replace")
    os.close(leader)
    assert process.wait(10) == 0, process.stderr.read()
    assert "HELD BY" in shown
    assert "\x1b[?1049l" in shown, "the screen is given back"
    assert "7002/tcp" in shown.rpartition("\x1b[?1049l")[2], "and the last answer stays"


def test_an_answer_at_intervals(pair):
    first, second = pair
    process = script(
        second, RUN, "--jsonl", "--interval", "0.3", "--duration", "1.4", "--no-processes", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(0.6)
    send(first, second.address, 200)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    counts = [int(line.split()[0]) for line in out.splitlines()]
    assert len(counts) >= 3
    assert counts == sorted(counts)


def test_without_events_a_look_tells_of_what_lasts(pair, monkeypatch):
    from portulan.system.linux import socket_events

    def refused(_):
        raise NotPermitted("bpf.forbidden", needs="CAP_BPF, CAP_PERFMON")

    monkeypatch.setattr(socket_events.SocketEvents, "__init__", refused)
    first, second = pair
    server = script(second, SERVER)
    second.wait_for_port(CONNECTIONS)
    with second.enter(), TrafficWatch(["eth0"], ports=["7002-7003"]) as watch:
        assert watch.missing == ["short-lived"]
        late = script(second, SERVER.replace("7002", "7003").replace("7001", "7004").replace("test-server", "late-server"))
        second.wait_for_port(7003)
        with connect(first, second.address, CONNECTIONS) as one, connect(first, second.address, 7003) as two:
            one.sendall(b"ask")
            two.sendall(b"ask")
            watch.step(0.4)
        late.kill()
        late.wait()
        answer = watch.finish()  # what is over now was seen when it was not
    own = os.getpid()  # in another namespace of this machine: that is seen, too
    held = {row.port: [(one.pid, one.name) for one in row.processes if one.pid != own] for row in answer.ports}
    assert held == {7002: [(server.pid, "test-server")], 7003: [(late.pid, "late-server")]}


def test_what_happened_unheard_is_counted_and_looked_for(pair, monkeypatch):
    """The ring has room for some dozens of events, and a hundred servers begin while nobody reads it."""
    from portulan.system.linux import socket_events

    monkeypatch.setattr(socket_events, "_RING", 1 << 13)
    _, second = pair

    def listen():
        with TrafficWatch(["eth0"]) as watch:
            servers = [socket.create_server(("", port)) for port in range(7100, 7200)]
            watch.step(0.3)
            assert watch._onlooker.events.lost > 0
            assert watch._onlooker.lost == watch._onlooker.events.lost
            assert all(watch._onlooker.here.is_open(6, port) for port in range(7100, 7200))
            for server in servers:
                server.close()
            return watch.missing

    assert second.call(listen) == ["overrun"]


def test_rights_are_given_up_and_all_goes_on(pair):
    first, second = pair
    server = script(second, SERVER)
    second.wait_for_port(CONNECTIONS)

    def listen():
        from portulan.system.linux.procfs import effective_capabilities

        with TrafficWatch(["eth0"], ports=[f"{CONNECTIONS}/tcp"], drop_rights=True) as watch:
            rights = effective_capabilities()
            watch.step(2.0)
            answer = watch.finish()
        return rights, [(row.flows, [(held.pid, held.flows) for held in row.processes]) for row in answer.ports]

    def ask():
        time.sleep(0.7)
        script(first, CLIENT, second.address, 10).wait()

    asking = threading.Thread(target=ask)
    asking.start()
    rights, found = second.call(listen)
    asking.join()
    assert rights == 0
    assert len(found) == 1
    assert found[0][0] == 10
    assert (server.pid, 10) in found[0][1]


def test_a_link_without_ethernet(sandbox):
    host = sandbox.host("tunnelled")
    with host.enter(), open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
        number = socket.if_nametoindex("tun0")
        set_up(host.netlink, number)
        with Listening(["tun0"], ports=PortSet.of([PortRange(DATAGRAMS, DATAGRAMS)])) as ear, TrafficWatch(["tun0"]) as watch:
            packet = frame(b"through a tunnel")[14:]
            tun.write(packet)
            tun.write(frame(b"elsewhere", port=9)[14:])
            assert heard(ear)[0] == [packet]
            watch.step(0.1)
            assert [one.link for one in ear.interfaces] == [101]
            assert {(row.port, row.packets) for row in watch.finish().ports} >= {(DATAGRAMS, 1), (9, 1)}


def test_a_table_for_programs_has_standard_output_to_itself(pair):
    first, second = pair
    words = [PORTULAN, "traffic", "--csv", "--sample", "2", "--duration", "2", "--no-processes", "--lang", "en"]
    process = second.start(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "Listening" in process.stderr.readline()
    send(first, second.address, 50)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "one packet of 2 was looked at" in error
    assert {line.count(",") for line in out.splitlines()} == {11}
    assert f"\nudp,{DATAGRAMS}," in out
