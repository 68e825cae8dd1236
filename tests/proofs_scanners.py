"""Scans made for real, by nmap, masscan, zmap and our own, in closed sandboxes: captured on the target's side, read by `verbs.scanners`; and clients that are none."""

import os
import random
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from contact_samples import BEGIN, SECOND, Packet, connection, datagram, flows_of, packed, refused, silent
from firewalls import load
from portulan.errors import CannotTell
from portulan.model.scanner import Kind, Verdict
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import open_root
from portulan.traffic.flows import Way
from portulan.traffic.scanners import Doorkeeper, OwnDoors, Settings
from portulan.verbs.scanners import scanners
from portulan.verbs.traffic import read_flows
from sniffing import kept

REPOSITORY = Path(__file__).resolve().parent.parent
WATCHERS = REPOSITORY / ".cache/roots/watchers"
NETWORK = "198.18.64.0/24"
OPEN, OPEN_UDP, DEAD = (22, 80, 443, 8080), (53, 5353), 8
"""Ports where the target answers; how many more the clients know of that are dead."""
MOST_CONTACTS = 6
AFTER_S = 1.4
"""A street goes on: what is not answered in the last second of a capture is not judged."""
NMAP = ["nmap", "-n", "-Pn", "--max-retries", "1", "--host-timeout", "60s"]
PORTULAN = [sys.executable, "-m", "portulan", "scan"]
DROP = """table inet street {
 chain in {
  type filter hook input priority 0; policy accept;
  meta l4proto { tcp, udp } th dport != { 22, 53, 80 } drop
  meta l4proto { tcp, udp } accept
 }
}
"""

ONE = {
    **{f"nmap {kind} {ports}": [*NMAP, "-T4", kind, "-p", ports] for kind in ("-sS", "-sT", "-sF", "-sN", "-sX", "-sA", "-sW", "-sM") for ports in ("1-100",)},
    "nmap -sU": [*NMAP, "-T5", "-sU", "-p", "1-24"],
    "nmap -sY": [*NMAP, "-T5", "-sY", "-p", "1-60"],
    "nmap -sZ": [*NMAP, "-T5", "-sZ", "-p", "1-60"],
    "nmap -sS of high ports": [*NMAP, "-T4", "-sS", "-p", "8000-8100"],
    "nmap -sS, the usual ports": [*NMAP, "-T4", "-sS", "-F"],
    "nmap -sT, the usual ports": [*NMAP, "-T4", "-sT", "-F"],
    "nmap -sS -T2": [*NMAP, "-T2", "-sS", "-p", "1-12"],
    "nmap -sS -T3": [*NMAP, "-T3", "-sS", "-p", "1-100"],
    "nmap -sS -T5": [*NMAP, "-T5", "-sS", "-p", "1-1000"],
    "nmap in fragments": [*NMAP, "-T4", "-f", "-sS", "-p", "1-100"],
    "nmap from port 53": [*NMAP, "-T4", "-g", "53", "-sS", "-p", "1-100"],
    "nmap of one port after the other": [*NMAP, "-T4", "-r", "-sS", "-p", "60-120"],
    "masscan": ["masscan", "-p", "1-200", "--rate", "1000", "--wait", "1"],
    "masscan at once": ["masscan", "-p", "1-1000", "--rate", "20000", "--wait", "1"],
    "portulan syn": [*PORTULAN, "--method", "syn", "-p", "1-200"],
    "portulan connect": [*PORTULAN, "--method", "connect", "-p", "1-200"],
    "portulan udp": [*PORTULAN, "--method", "udp", "-p", "1-24"],
}  # fmt: skip
MANY = {
    "nmap of a network": [*NMAP, "-T4", "-sS", "-p", "23", NETWORK],
    "nmap of a network, high port": [*NMAP, "-T4", "-sS", "-p", "9200", NETWORK],
    "nmap of a network, by connections": [*NMAP, "-T4", "-sT", "-p", "23,25", NETWORK],
    "masscan of a network": ["masscan", "-p", "23", "--rate", "1000", "--wait", "2", NETWORK],
    "masscan of a network, several ports": ["masscan", "-p", "21-25,8000-8009", "--rate", "2000", "--wait", "1", NETWORK],
    "zmap": ["zmap", "-q", "-p", "23", "-r", "500", "--cooldown-time=1", "-b", "/dev/null", "-o", "/dev/null", NETWORK],
    "portulan of a network": [*PORTULAN, "--method", "syn", "-p", "23", NETWORK],
}
WALLS = ("none", "drop")
CASES = [(name, wall) for name in (*ONE, *MANY, "nmap with decoys") for wall in WALLS]
SLOW = {"-T1": 15.0, "-T0": 300.0, "one port a minute": 60.0}
"""At their own pace these would take hours: what -T4 sent is played again, so far apart, in seconds."""


class Street:
    """A scanner, a target that serves, and clients of it, with everything that passes the target's interface kept."""

    def __init__(self, stack, wall):
        root = open_root(WATCHERS)
        box = stack.enter_context(Sandbox())
        self.scanner, self.target, self.client = box.host("scanner", root=root), box.host("target", root=root), box.host("client")
        self.link = box.link(self.scanner, self.target, ("198.18.0.66/24",), ("198.18.0.2/24",))
        self.side = box.link(self.client, self.target, ("198.18.1.7/24", "198.18.1.8/24"), ("198.18.1.2/24",))
        self.target.answer_for(NETWORK)
        self.scanner.route(NETWORK, "198.18.0.2")
        self.client.route("198.18.0.0/24", "198.18.1.2")
        self.target.set("net.ipv4.icmp_ratelimit", 0)
        with self.target.enter():
            self.sockets = [stack.enter_context(socket.create_server(("198.18.0.2", port), backlog=4096)) for port in OPEN]
            self.sockets += [stack.enter_context(_datagrams("198.18.0.2", port)) for port in OPEN_UDP]
        if wall == "drop":
            load(self.target, DROP)
        self.path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "street.pcap")

    @property
    def mac(self):
        name = self.link.end(self.target).name
        return self.target.call(_read, f"/sys/class/net/{name}/address")


def _read(path):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as one:
        one.bind((path.split("/")[-2], 0))
        return ":".join(f"{octet:02x}" for octet in one.getsockname()[4])


def _datagrams(address, port):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, port))
    return one


def command(street, name):
    """What is run on the scanner's host."""
    interface = street.link.end(street.scanner).name
    words = list((ONE | MANY).get(name, ()))
    if name == "nmap with decoys":
        words = [*NMAP, "-T4", "-sS", "-D", "198.18.0.71,198.18.0.72,ME,198.18.0.73", "-p", "1-100"]
    if name.startswith("masscan"):
        words[1:1] = ["-e", interface, "--router-mac", street.mac.replace(":", "-"), "--source-ip", "198.18.0.66"]
    if name.startswith("zmap"):
        words[1:1] = ["-i", interface, "-G", street.mac, "-S", "198.18.0.66"]
    return words if name in MANY else [*words, "198.18.0.2"]


def scan(street, name):
    """Run it. masscan at times does not end when it has sent everything."""
    try:
        return street.scanner.run(command(street, name), timeout_s=15 if name.startswith("masscan") else 110)
    except CannotTell as error:
        if not name.startswith("masscan"):
            raise
        return error


def visit(street, done, dice):
    """What honest clients do meanwhile: connections that are served, and one dead port again and again."""
    while not done.is_set():
        for address in ("198.18.1.7", "198.18.1.8"):
            for port in (80, 443, dice.choice(OPEN), 81):
                with street.client.enter():
                    one = socket.socket()
                with one, suppress(OSError):
                    one.settimeout(0.2)
                    one.bind((address, 0))
                    one.connect(("198.18.1.2", port) if port == 81 else ("198.18.0.2", port))
                    one.send(b"GET / HTTP/1.1\r\n\r\n")
                    one.close()
        done.wait(0.1)


def made(stack, name, wall, dice):
    """A street where that was done, its capture complete."""
    street = Street(stack, wall)
    done = threading.Event()
    with kept(street.target, street.path):
        visitor = threading.Thread(target=visit, args=(street, done, dice))
        visitor.start()
        try:
            ended = scan(street, name)
            time.sleep(AFTER_S)
        finally:
            done.set()
            visitor.join()
    return street, ended


def single(seed):
    """One scan of the list, told from its capture."""
    dice = random.Random(seed)
    name, wall = CASES[seed % len(CASES)]
    with ExitStack() as stack:
        street, ended = made(stack, name, wall, dice)
        answer = scanners([street.path])
        own = OwnDoors(
            frozenset({packed("198.18.0.2")}),
            frozenset((packed("198.18.0.2"), 6, port) for port in OPEN) | frozenset((packed("198.18.0.2"), 17, port) for port in OPEN_UDP),
        )
        known = scanners([street.path], own_open=own)
    wanted = {"198.18.0.66"} | ({f"198.18.0.{number}" for number in (71, 72, 73)} if name == "nmap with decoys" else set())
    found = [f"{name}, {wall}: {each}" for answered in (answer, known) for each in judged(answered, wanted)]
    if found:
        found.append(f"{name}, {wall}: said {ended!r}"[:600])
    row = next((row for row in answer.rows if row.sources == ("198.18.0.66",)), None)
    if row is not None and (row.kind is Kind.VERTICAL) != (name not in MANY) and "several" not in name:
        found.append(f"{name}, {wall}: kind {row.kind}")
    return found, {"scans": 1, "first contacts": row.first_contacts if row else 0, "sure after": (row.sure_after or 0) if row else 0}


def judged(answer, wanted):
    """What is wrong with an answer: who is missing, who is late, who is no scanner."""
    rows = {row.sources: row for row in answer.rows}
    found = [f"not found: {each}" for each in sorted(wanted) if (each,) not in rows]
    found += [
        f"too much: {row.sources} {row.verdict} {row.kind} {row.evidence}" for row in answer.rows if not wanted.issuperset(row.sources)
    ]
    late = [
        row for row in answer.rows if row.verdict is Verdict.SCANNER and row.sure_after > MOST_CONTACTS and row.kind is not Kind.DISTRIBUTED
    ]
    return found + [f"late: {row.sources} after {row.sure_after}: {row.evidence}" for row in late]


def slow(seed):
    """A scan played again at a slow pace, by a clock that is not real, looked at minute by minute."""
    dice = random.Random(seed)
    pace, apart_s = list(SLOW.items())[seed % len(SLOW)]
    name, wall = dice.choice(["nmap -sS 1-100", "nmap -sT 1-100", "nmap -sU", "masscan", "nmap -sF 1-100"]), dice.choice(WALLS)
    with ExitStack() as stack:
        street, _ = made(stack, name, wall, dice)
        flows, _ = read_flows([street.path])
    theirs = flows.source == np.frombuffer(packed("198.18.0.66"), "V16")[0]
    rows = np.flatnonzero(theirs)[:40]
    keeper, begin_ns, found = Doorkeeper(settings=Settings(both_ways=True)), int(flows.forward.first_ns.min()), []
    end_ns = begin_ns
    for number, row in enumerate(rows.tolist()):
        shift = begin_ns + int(number * apart_s * SECOND) - int(flows.forward.first_ns[row])
        end_ns = begin_ns + int((number + 1) * apart_s * SECOND)
        found += keeper.see(moved(flows, row, shift), end_ns)
    answer = keeper.end(end_ns)
    differences = [f"{name}, {wall}, {pace}: {each}" for each in judged(answer, {"198.18.0.66"})]
    if [row.sources for row in found] != [("198.18.0.66",)]:
        differences.append(f"{name}, {wall}, {pace}: reported {[row.sources for row in found]}")
    return differences, {"scans": 1, "sure after": found[0].sure_after if found else 0}


def moved(flows, row, shift_ns):
    """One flow, at another time."""
    at = slice(row, row + 1)

    def way(one):
        there = one.packets[at] > 0
        return Way(*(column[at] for column in one))._replace(
            first_ns=np.where(there, one.first_ns[at] + shift_ns, 0), last_ns=np.where(there, one.last_ns[at] + shift_ns, 0)
        )

    return type(flows)(*(way(each) if isinstance(each, Way) else each[at] for each in flows))


# Ordinary traffic


def ordinary(seed):
    """Clients that are none: of a busy server with dead ports, of the web, of a server that is down, behind one address, and peers. Nobody is reported."""
    dice = random.Random(seed)
    packets = [packet for make in (busy, web, down, behind_one, peers, streams) for packet in make(dice)]
    answer = Doorkeeper()
    flows = flows_of(sorted(packets, key=lambda packet: packet.at_ns))
    end_ns = int(flows.forward.last_ns.max()) + 10 * SECOND
    answer.see(flows, end_ns)
    told = answer.end(end_ns)
    return [f"{row.sources[:3]} {row.verdict} {row.kind} {row.evidence[:8]}" for row in told.rows], {
        "sources": told.judged,
        "flows": len(flows.place),
    }


def fails(dice, *where):
    return silent(*where, tries=dice.randint(1, 3)) if dice.random() < 0.5 else refused(*where)


def busy(dice, clients=1000):
    """A server with 5 % dead ports."""
    ports = dice.sample(range(1, 10000), 100)
    for client in range(clients):
        for port in dice.sample(ports, 6):
            where = dice.random() * 600, f"100.64.{client >> 8}.{client & 255}", "198.18.0.2", port, dice.randrange(1024, 65536)
            yield from fails(dice, *where) if port in ports[:5] else connection(*where)


def web(dice, clients=20):
    """Pages of many servers, one in twenty of which is gone; names are asked for."""
    for client in range(clients):
        source = f"198.19.0.{client + 1}"
        for visit_ in range(80):
            host, at_s = f"203.{dice.randrange(8)}.{dice.randrange(256)}.{dice.randrange(1, 255)}", dice.random() * 3600
            where = at_s, source, host, dice.choice((443, 443, 443, 80, 8443)), 20000 + visit_
            yield from datagram(at_s - 0.1, source, "198.19.0.254", 53, 30000 + visit_, answer_s=0.01)
            yield from fails(dice, *where) if dice.random() < 0.05 else connection(*where)


def down(dice):
    """A server is down, and a client does not give up."""
    for again in range(100):
        yield from silent(again * 7, "198.19.1.1", "198.18.0.9", 5432, 30000 + again, tries=3)


def behind_one(dice, clients=300):
    """Many behind one address, one in twenty of whose servers is gone."""
    for client in range(clients):
        host = f"192.0.{dice.randrange(8)}.{dice.randrange(1, 255)}"
        where = dice.random() * 600, "198.19.2.1", host, dice.choice((443, 80, 993, 22, 8443)), 1024 + client
        yield from fails(dice, *where) if dice.random() < 0.05 else connection(*where)


def peers(dice, count=400):
    """Peers of which six in ten are gone, and those that still ask for one that has left."""
    for _ in range(count):
        host = f"{dice.randrange(20, 90)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        where = dice.random() * 900, "198.19.3.1", host, 6881 if dice.random() < 0.1 else dice.randrange(1024, 65536), 51413
        gone, by_datagram = dice.random() < 0.6, dice.random() < 0.5
        if by_datagram:
            yield from datagram(*where, answer_s=None if gone else 0.08)
        else:
            yield from silent(*where, tries=2) if gone else connection(*where)
        yield from silent(dice.random() * 900, host, "198.19.3.2", 51413, dice.randrange(1024, 65536))


def streams(dice):
    """Logs, metrics, a stream; a trace; names for everyone on the link."""
    for port in (514, 8125, 2055, 162):
        yield from datagram(dice.random(), "198.19.4.1", "198.18.0.7", port, tries=50)
    for hop in range(30):
        yield from datagram(hop, "198.19.4.1", "198.18.0.7", 33434 + hop)
    for number in range(20):
        yield Packet(BEGIN + number * SECOND, "198.19.4.2", 5353, "224.0.0.251", 5353, 17, payload=40)
        yield Packet(BEGIN + number * SECOND, "198.19.4.2", 137, "198.19.4.255", 137, 17, payload=50)
