"""What `make prove` proves, one seed at a time, and `make test` samples. Each proof gives the differences it found and the figures it counted."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import churning
from labs import (
    COLUMNS,
    DUAL_STACK,
    REUSE_PORT,
    SOURCES,
    V6_ONLY,
    as_user,
    ask_ss,
    brute_force,
    call_as,
    connect,
    differences,
    facts_of,
    hold,
    inhabit,
    listen,
    look,
    open_socket,
)

TO_LOOPBACK = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
LOOKS = 2
SERVERS, EVERYTHING = ("tcp", "udp"), ("tcp", "udp", "connection")


# Churn


def churn(seed):
    """Looks by both ways, of servers and of everything, while workers in two namespaces do all that can be done with sockets."""
    from portulan.system.sandbox import Sandbox
    from portulan.verbs.chart import chart

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        hosts = sandbox.host("a"), sandbox.host("b")
        workers = start_workers(hosts[0], seed, folder, hosts)
        places = [str(host.netns_inode) for host in hosts]
        reports, found, others = [], [], {}
        for at in range(LOOKS):
            for source in SOURCES:
                for every_state in (False, True):
                    name = f"look {at} by {source}, {'everything' if every_state else 'servers'}"
                    begin = time.monotonic_ns()
                    items = chart(namespaces=places, source=source, every_state=every_state).items
                    end = time.monotonic_ns()
                    report, twice = churning.report_of(items, begin, end, name, kinds=EVERYTHING if every_state else SERVERS)
                    reports.append(report)
                    found += twice
            for name, look in (("ss", by_ss), ("psutil", by_psutil)):
                others.setdefault(name, []).append(look(hosts[0]))
        stop_workers(workers)
        ledger = churning.read_ledger(folder)
    figures = Counter(looks=len(reports), sockets=len(ledger.holds))
    for report in reports:
        differences, judged = churning.judge(ledger, report)
        found += differences
        figures["judged"] += judged
    for name, looks in others.items():
        for report in filter(None, looks):
            missed, judged = churning.count_missed(ledger, report)
            figures[f"missed by {name}"] += missed
            figures[f"judged for {name}"] += judged
    return found, figures


def churn_as_user(seed):
    """The same for an ordinary user, whose own processes are the workers: nearly all other processes are closed to them."""
    from portulan.system.sandbox import Sandbox

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        host = sandbox.host("a")
        Path(folder).chmod(0o777)
        workers = start_workers(host, seed, folder, (), as_user)
        looks = call_as(host, look_as_user)
        stop_workers(workers)
        ledger = churning.read_ledger(folder)
    found, figures = [], Counter(looks=len(looks), sockets=len(ledger.holds))
    for report, twice in looks:
        differences, judged = churning.judge(ledger, report)
        found += twice + differences
        figures["judged"] += judged
    return found, figures


def look_as_user():
    """In a process of its own: what an ordinary user sees."""
    from portulan.verbs.chart import chart

    reports = []
    for at in range(2 * LOOKS):
        every_state = at % 2 == 1
        begin = time.monotonic_ns()
        items = chart(every_state=every_state).items
        end = time.monotonic_ns()
        name = f"look {at}, {'everything' if every_state else 'servers'}"
        reports.append(churning.report_of(items, begin, end, name, kinds=EVERYTHING if every_state else SERVERS))
    return reports


def start_workers(host, seed, folder, places, dress=list, number=5):
    command = [sys.executable, "-I", churning.__file__, str(seed), str(number), folder, *(place.netns_path for place in places)]
    process = host.start(dress(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    return process


def stop_workers(process):
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def by_ss(host):
    """What ss says of the host; None where there is no private root with it."""
    root = find_peers()
    if root is None:
        return None
    begin = time.monotonic_ns()
    facts, owners = ask_ss(host, root)
    end = time.monotonic_ns()
    return churning.Report(begin, end, {fact.inode: owners[fact.endpoint] for fact in facts}, {}, "ss", SERVERS, (host.netns_inode,))


def by_psutil(host):
    """What psutil says of the host."""
    begin = time.monotonic_ns()
    held = host.call(ask_psutil)
    end = time.monotonic_ns()
    return churning.Report(begin, end, held, {}, "psutil", SERVERS, (host.netns_inode,))


def ask_psutil():
    import psutil

    return frozenset((one.pid, one.fd) for one in psutil.net_connections(kind="inet") if one.pid)


# Connections behind listeners


LISTENING = (
    ("", ()), ("127.0.0.1", ()), ("127.0.0.2", ()), ("::", (V6_ONLY,)), ("::", (DUAL_STACK,)), ("::1", ()), ("::ffff:127.0.0.1", ()),
)  # fmt: skip
BOUND_TO_LOOPBACK = (("", (TO_LOOPBACK,)), ("::", (TO_LOOPBACK, DUAL_STACK)), ("127.0.0.1", (TO_LOOPBACK,)))
CALLED = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.3")


def connections(seed):
    """Listeners of all kinds on two ports, and clients: who accepts whom is the kernel's word, and the counts must be the same."""
    from portulan.system.sandbox import Sandbox

    dice = random.Random(seed)
    with Sandbox() as sandbox, ExitStack() as stack:
        host = sandbox.host("a")
        inhabit(host)
        servers = open_listeners(host, dice, stack)
        clients = call_listeners(host, dice, stack)
        accepted = accept_all(servers, stack)
        split = {port for port in (8_000, 8_001) if is_split(servers, port)}
        found = []
        for source in SOURCES:
            for item in look(host, source=source, connections=True):
                key = item.address, item.port, item.sockets[0].device
                if item.connections != (None if item.port in split else accepted[key]):
                    found.append(f"{key} by {source}: {item.connections} connections, but it accepted {accepted[key]}")
        return found, Counter(listeners=len(servers), clients=len(clients), connections=sum(accepted.values()))


def open_listeners(host, dice, stack):
    servers = []
    for port in (8_000, 8_001):
        kinds = LISTENING + (BOUND_TO_LOOPBACK if dice.random() < 0.3 else ())
        for address, options in dice.sample(kinds, dice.randint(1, 6)):
            for _ in range(dice.choice((1, 1, 1, 2))):
                with suppress(OSError):  # some kinds do not go together
                    servers.append(stack.enter_context(listen(host, address, port, backlog=64, options=[*options, REUSE_PORT])))
    return servers


def call_listeners(host, dice, stack):
    clients = []
    for _ in range(dice.randint(1, 40)):
        with suppress(OSError):  # nobody listens there
            clients.append(stack.enter_context(connect(host, dice.choice(CALLED), dice.choice((8_000, 8_001)))))
    return clients


def accept_all(servers, stack):
    """Address, port and interface -> how many connections came in there."""
    accepted = Counter()
    for one in servers:
        one.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                stack.enter_context(one.accept()[0])
                accepted[named(one)] += 1
    return accepted


def is_split(servers, port):
    """Whether an interface decides who of several takes a connection: then nothing may be said."""
    kinds = {named(one) for one in servers if named(one)[1] == port}
    return len(kinds) > 1 and any(device for _, _, device in kinds)


def named(one):
    address, port = one.getsockname()[:2]
    device = one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0").decode() or None
    return address, port, device


# May one more be bound


def binding(seed):
    """Sockets on ports, drawn by lot, and one more that wants each port: the rule says what the kernel does."""
    from binding_cases import judge_ports

    return judge_ports(seed, pairs=40, sets=10)


# Any sockets


OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), REUSE_PORT, V6_ONLY, DUAL_STACK, TO_LOOPBACK, (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\\0"),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096), (socket.SOL_SOCKET, socket.SO_PRIORITY, 3), (socket.SOL_SOCKET, socket.SO_MARK, 9),
)  # fmt: skip


def sockets(seed):
    """Sockets of all kinds with any holders, in every state they may have by chance: the chart, ss and a walk over /proc by hand agree."""
    from portulan.system.sandbox import Sandbox

    dice = random.Random(seed)
    root = find_peers()
    with Sandbox() as sandbox, ExitStack() as stack:
        hosts = [sandbox.host("a"), sandbox.host("b")]
        sandbox.link(*hosts)
        for host in hosts:
            inhabit(host)
            make_sockets(host, dice, stack)
        found, figures = [], Counter()
        for host in hosts:
            settle(host)
            judges = [brute_force] if root is None else [brute_force, lambda host, **more: ask_ss(host, root, **more)]
            for every_state in (False, True):
                for source in SOURCES:
                    ours = facts_of(look(host, source=source, every_state=every_state))
                    for judge in judges:
                        found += differences(ours, judge(host, every_state=every_state), columns=COLUMNS[:-1])
                    figures["sockets"] += len(ours[0])
        return found, figures


def make_sockets(host, dice, stack):
    made = []
    addresses = ("", "::", "127.0.0.1", "127.3.4.5", "::1", "::ffff:127.0.0.1", host.address, host.address6)
    for _ in range(dice.randint(5, 40)):
        tcp = dice.random() < 0.6
        options = dice.sample(OPTIONS, dice.choice((0, 0, 1, 2, 3)))
        with suppress(OSError):  # not every combination is one
            one = stack.enter_context(
                open_socket(
                    host,
                    dice.choice(addresses),
                    dice.choice((0, 7_000, 7_001)),
                    kind=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM,
                    options=options,
                    backlog=dice.randint(0, 200) if tcp else None,
                )
            )
            made.append(one)
            if not tcp and dice.random() < 0.3:
                one.connect((dice.choice(("127.0.0.1", "::1", host.address)), 9))
            elif tcp and dice.random() < 0.5:
                made += make_connection(host, one, dice, stack)
    for one in made:
        for _ in range(dice.choice((0, 0, 0, 1, 3))):
            stack.enter_context(one.dup())
    for _ in range(dice.randint(0, 3)):
        hold(host, *dice.sample(made, min(len(made), dice.randint(1, 6))))
    for one in dice.sample(made, len(made) // 8):
        one.close()


def make_connection(host, server, dice, stack):
    """A connection to a listener, at times ended from one side or both."""
    address, port = server.getsockname()[:2]
    server.settimeout(0.2)
    client = stack.enter_context(open_socket(host, address))
    client.settimeout(0.2)  # a full queue does not answer at all
    client.connect(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address), port))
    accepted = stack.enter_context(server.accept()[0])
    for one in (client, accepted):
        deed = dice.choice((None, None, None, "shutdown", "fill", "close"))
        if deed == "shutdown":
            one.shutdown(socket.SHUT_WR)
        elif deed == "fill":
            one.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    one.send(bytes(1 << 16))
        elif deed == "close":
            one.close()
    return [one for one in (client, accepted) if one.fileno() >= 0]


def settle(host):
    """Wait until no state changes any more: acknowledgements come a moment later."""
    before = None
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        now = sorted((fact.state, fact.port, fact.inode) for fact in brute_force(host, every_state=True)[0])
        if now == before:
            return
        before = now
        time.sleep(0.06)


# The loaded machine


def loaded(seed):
    """200 processes, 2,160 servers, 50,000 connections in three namespaces: the chart by both ways, ss in each, and a walk by hand."""
    from load import load
    from portulan.verbs.chart import chart

    root = find_peers()
    found, figures = [], Counter()
    with load() as running:
        hosts = (running.main, *running.others)
        for every_state in (False, True):
            judges = [(host, brute_force(host, every_state=every_state)) for host in hosts]
            judges += [(host, ask_ss(host, root, every_state=every_state)) for host in hosts if root is not None]
            for source in SOURCES:
                items = chart(source=source, every_state=every_state).items
                for host, judge in judges:
                    ours = facts_of([item for item in items if item.netns == host.netns_inode])
                    found += differences(ours, judge)
                figures["sockets"] += sum(len(item.sockets) for item in items)
    return found, figures


def find_peers():
    """The private root with ss; None where there is none."""
    from portulan.errors import PortulanError
    from portulan.system.sandbox.root import open_root

    try:
        return open_root(os.environ.get("PORTULAN_PEERS") or Path(__file__).resolve().parent.parent / ".cache/roots/peers")
    except PortulanError:
        return None


# Stop


LOTTERY_ROUNDS = 20


def reused_numbers(seed):
    """`portulan stop`, while the number of its holder is given to an innocent process at a moment drawn by lot."""
    import json

    import pid_lottery
    from labs import PORTULAN
    from portulan.system.sandbox import Sandbox

    with Sandbox() as sandbox:
        host = sandbox.host("a")
        lottery = [sys.executable, pid_lottery.__file__, PORTULAN, str(LOTTERY_ROUNDS), str(seed)]
        done = host.run(["unshare", "--pid", "--fork", "--mount-proc", *lottery], timeout_s=120)
    if done.returncode:
        return [f"the lottery failed: {done.stderr[-500:]}"], Counter()
    found, figures = json.loads(done.stdout)
    return found, Counter(figures)
