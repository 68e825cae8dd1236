"""Whose each flow is, against the truth: clients and servers whose every connection was drawn by lot, most of them over in less than a millisecond."""

import json
import random
import subprocess
import sys
from collections import Counter

from portulan.system.sandbox import Sandbox
from portulan.verbs.traffic_live import TrafficWatch
from traffic_lab import counters

SERVERS, CLIENTS, ACTIONS = 3, 4, 60
FIRST_PORT, FIRST_SOURCE = 7000, 20000
MOST_ASIDE = 16
"""Packets that new interfaces send of themselves while all begins and ends."""
STYLES = ("client", "server", "reset", "half", "refused")
"""Who ends a TCP connection, and how."""
SERVE = """
import json, select, socket, struct, sys
name, tcp, udp = json.loads(sys.argv[1])
open("/proc/self/comm", "w").write(name)
def bound(kind, port):
    one = socket.socket(socket.AF_INET6, kind)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", port))
    return one
doors, others = [bound(socket.SOCK_STREAM, port) for port in tcp], [bound(socket.SOCK_DGRAM, port) for port in udp]
for door in doors:
    door.listen(256)
print("ready", flush=True)
while True:
    for one in select.select([*doors, *others], [], [])[0]:
        if one in others:
            data, whence = one.recvfrom(100)
            one.sendto(data, whence)
            continue
        link, _ = one.accept()
        word = link.recv(1)
        if word == b"r":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif word in (b"c", b"h"):
            link.sendall(b"answer")
            while link.recv(100):
                pass
        link.close()
"""
ASK = """
import json, socket, sys
name, address4, address6, actions = json.loads(sys.argv[1])
open("/proc/self/comm", "w").write(name)
sys.stdin.readline()
for transport, version, port, source, style in actions:
    family, address = (socket.AF_INET, address4) if version == 4 else (socket.AF_INET6, address6)
    one = socket.socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)
    if source:
        one.bind(("", source))
    one.settimeout(10)
    try:
        if transport == "udp":
            one.sendto(b"ask", (address, port))
            one.recv(10)
        else:
            one.connect((address, port))
            one.sendall(style[:1].encode())
            if style == "half":
                one.shutdown(socket.SHUT_WR)
            while one.recv(100) and style != "client":
                pass
    except (ConnectionRefusedError, ConnectionResetError):
        pass
    one.close()
"""


def draw(rng):
    """(servers: name -> TCP ports, UDP ports; clients: name -> actions)."""
    servers = {f"server-{at}": ([FIRST_PORT + 10 * at, FIRST_PORT + 10 * at + 1], [FIRST_PORT + 10 * at + 5]) for at in range(SERVERS)}
    source = iter(range(FIRST_SOURCE, FIRST_SOURCE + CLIENTS * ACTIONS))
    clients = {}
    for at in range(CLIENTS):
        actions = []
        for _ in range(ACTIONS):
            tcp, udp = servers[rng.choice(sorted(servers))]
            transport, style = rng.choice(("tcp", "tcp", "udp")), rng.choice(STYLES)
            port = rng.choice(tcp) if transport == "tcp" else rng.choice(udp)
            if transport == "tcp" and style == "refused":
                port = FIRST_PORT + 999
            # Ports of the kernel's choice may come again where nothing is left of a connection: two would be one flow.
            own = transport == "udp" or style in ("reset", "refused") or rng.random() < 0.3
            actions.append((transport, rng.choice((4, 6)), port, next(source) if own else 0, style))
        clients[f"client-{at}"] = actions
    return servers, clients


def start(first, second, servers, clients):
    """All programs, which wait for a word: (servers, clients), by name."""
    serving = {
        name: second.start([sys.executable, "-c", SERVE, json.dumps([name, tcp, udp])], stdout=subprocess.PIPE)
        for name, (tcp, udp) in servers.items()
    }
    assert [one.stdout.readline() for one in serving.values()] == ["ready\n"] * len(serving)
    asking = {
        name: first.start([sys.executable, "-c", ASK, json.dumps([name, second.address, second.address6, actions])], stdin=subprocess.PIPE)
        for name, actions in clients.items()
    }
    return serving, asking


def watch(hosts, asking):
    """The answer on each host, when all have asked what they wanted."""
    watches = []
    for host in hosts:
        with host.enter():
            watches.append(TrafficWatch(["eth0"], top=1))
    for one in asking.values():
        one.stdin.write("\n")
        one.stdin.close()
    answers, ended = [], False
    while not ended:
        ended = all(one.poll() is not None for one in asking.values())
        for host, each in zip(hosts, watches, strict=True):
            with host.enter():
                each.step(0.05)
    for host, each in zip(hosts, watches, strict=True):
        with host.enter(), each:
            each.step(0.2)
            answers.append(each.finish())
    return answers


def truth(servers, clients):
    """Flows by (transport, port, process), on the side of the clients, and of the servers."""
    actions = [(name, *action) for name, mine in clients.items() for action in mine]
    owner = {("tcp", port): name for name, (ports, _) in servers.items() for port in ports}
    owner |= {("udp", port): name for name, (_, ports) in servers.items() for port in ports}
    return (
        Counter((transport, port, name) for name, transport, _, port, _, _ in actions),
        Counter((transport, port, owner[transport, port]) for _, transport, _, port, _, _ in actions if (transport, port) in owner),
    )


def compare(answer, wanted, side, names):
    """What the answer says of processes that it should not, and does not say that it should."""
    told, differences = Counter(), []
    for row in answer.ports:
        for one in row.processes or ():
            if names.get(one.pid) != one.name:
                differences.append(
                    f"{side}: {row.port}/{row.transport} is said to be held by {one.name} ({one.pid}), which is {names.get(one.pid)}"
                )
            if one.name.startswith(side):
                told[row.transport.value, row.port, one.name] += one.flows
    return differences + [
        f"{side}: {key} {wanted[key]} flows, told {told[key]}" for key in sorted({*wanted, *told}) if wanted[key] != told[key]
    ]


def processes(seed):
    """Every flow has its process, on the side of who asks and of who answers."""
    servers, clients = draw(random.Random(seed))
    with Sandbox() as sandbox:
        first, second = sandbox.host("first"), sandbox.host("second")
        sandbox.link(first, second)
        serving, asking = start(first, second, servers, clients)
        before = counters(second)[0]
        answers = watch((first, second), asking)
        passed = counters(second)[0] - before
    names = {process.pid: name for name, process in {**serving, **asking}.items()}
    differences = []
    for answer, wanted, side in zip(answers, truth(servers, clients), ("client", "server"), strict=True):
        differences += compare(answer, wanted, side, names)
        if not 0 <= passed - answer.origins[0].packets < MOST_ASIDE:
            differences.append(f"{side}: {answer.origins[0].packets} packets of {passed}, {answer.origins[0].dropped} dropped")
    return differences, {"flows": ACTIONS * CLIENTS}
