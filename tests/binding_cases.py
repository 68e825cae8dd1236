"""Sockets on ports, drawn by lot, and one more that wants to be there: the kernel says whether it may, and so does the rule."""

import ctypes
import socket
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from errno import EADDRINUSE

from labs import DUAL_STACK, REUSE_PORT, V6_ONLY, inhabit

REUSE_ADDRESS = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
FIRST_PORT, HELPER_PORT = 20_000, 900
TCP_STATES = ("bound", "listening", "listening", "connected", "auto-connected", "children", "time-wait")
UDP_STATES = ("bound", "bound", "connected", "auto-connected")
WISHES = 4
"""How many sockets in turn want each port."""
USERS = (0, 0, 7)
DEVICES = ("", "", "", "lo", "eth0")
libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Spec:
    """A socket, before it is made."""

    tcp: bool
    address: str
    reuse_address: bool
    reuse_port: bool
    v6_only: bool
    device: str
    uid: int
    state: str
    afterwards: tuple = ()
    """Options set after bind."""

    @property
    def one_ipv6_address(self):
        return ":" in self.address and self.address != "::" and not self.address.startswith("::ffff:")


@dataclass
class Case:
    """One port with its holders."""

    port: int
    wanted: int = 1
    """How many there were to be."""
    holders: list = field(default_factory=list)


def draw(dice, addresses, tcp, *, sharing=0.5):
    state = dice.choice(TCP_STATES if tcp else UDP_STATES)
    return Spec(
        tcp,
        address := dice.choice(addresses),
        dice.random() < sharing,
        dice.random() < sharing,
        not address.startswith("::ffff:") and dice.random() < 0.4,
        dice.choice(DEVICES if state in ("bound", "listening") else DEVICES[:-1]),  # nothing that connects to itself comes in by eth0
        dice.choice(USERS),
        state,
    )


@contextmanager
def made_by(uid):
    """Sockets made by this thread belong to that user: the kernel takes the file-system user of the maker."""
    libc.setfsuid(uid)
    try:
        yield
    finally:
        libc.setfsuid(0)


def make(host, spec):
    """The socket, with its options, not bound."""
    with host.enter(), made_by(spec.uid):
        one = socket.socket(
            socket.AF_INET6 if ":" in spec.address else socket.AF_INET, socket.SOCK_STREAM if spec.tcp else socket.SOCK_DGRAM
        )
        if ":" in spec.address:
            one.setsockopt(*(V6_ONLY if spec.v6_only else DUAL_STACK))
        for wanted, option in ((spec.reuse_address, REUSE_ADDRESS), (spec.reuse_port, REUSE_PORT)):
            if wanted:
                one.setsockopt(*option)
        if spec.device:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, spec.device.encode())
        return one


def target(spec):
    """Where a socket of this kind can connect to: an address of this host that leads to itself."""
    if ":" not in spec.address:
        return "127.0.0.1" if spec.address == "0.0.0.0" else spec.address
    return {"::": "::1", "::ffff:0.0.0.0": "::ffff:127.0.0.1"}.get(spec.address, spec.address)


def hold(host, spec, port, stack):
    """Let the socket be as the spec says. Returns its port; raises OSError where the kernel does not let it."""
    one = stack.enter_context(make(host, spec))
    one.settimeout(0.05)
    if spec.state == "auto-connected":
        one.connect((target(spec), HELPER_PORT))
        return one.getsockname()[1]
    one.bind((spec.address.partition("%")[0], port, *scope(spec.address)))
    for option in spec.afterwards:
        one.setsockopt(*option)
    if spec.state == "listening":
        one.listen()
    elif spec.state in ("connected", "time-wait"):
        one.connect((target(spec), HELPER_PORT))
        if spec.state == "time-wait":
            one.shutdown(socket.SHUT_WR)
            one.close()
    elif spec.state == "children":
        with one:
            one.listen()
            one.settimeout(0.05)
            client = stack.enter_context(socket.socket(one.family))
            client.settimeout(0.05)
            client.connect((target(spec), port))
            stack.enter_context(one.accept()[0])
    return port


def scope(address):
    return (0, int(address.partition("%")[2])) if "%" in address else ()


def allowed(host, spec, port):
    """The kernel's word: True, False (in use), or None where it cannot be asked that way."""
    with make(host, spec) as one:
        try:
            one.bind((spec.address.partition("%")[0], port, *scope(spec.address)))
            if spec.tcp:
                one.listen()
        except OSError as error:
            return False if error.errno == EADDRINUSE else None
        return True


@contextmanager
def helpers(host):
    """Servers that everything on this host can connect to; what they accept is closed when the other end is."""
    with ExitStack() as stack:
        with host.enter():
            one = stack.enter_context(socket.create_server(("::", HELPER_PORT), family=socket.AF_INET6, backlog=512, dualstack_ipv6=True))
        yield one


def finish_closing(server):
    """Close what was closed at the other end, so that it goes into TIME_WAIT; returns what stays open."""
    server.setblocking(False)
    open_ = []
    with suppress(BlockingIOError):
        while True:
            one = server.accept()[0]
            one.setblocking(False)
            try:
                ended = one.recv(1) == b""
            except BlockingIOError:
                ended = False
            except ConnectionResetError:
                ended = True
            if ended:
                one.close()
            else:
                open_.append(one)
    return open_


def addresses_of(host):
    """What sockets can be bound to there."""
    own = (host.address, host.address6, f"::ffff:{host.address}")
    return ("0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.6", "::", "::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", *own)


def judge_ports(seed, *, pairs, sets):
    """(differences, figures): `pairs` ports with one holder, `sets` with two to four, each with one socket more."""
    import random

    from portulan.system.sandbox import Sandbox

    dice = random.Random(seed)
    found, figures = [], Counter()
    with Sandbox() as sandbox, ExitStack() as stack:
        host, other = sandbox.host("a"), sandbox.host("b")
        sandbox.link(host, other)
        inhabit(host)
        addresses = addresses_of(host)
        server = stack.enter_context(helpers(host))
        cases = [Case(FIRST_PORT + at, 1 if at < pairs else dice.randint(2, 4)) for at in range(pairs + sets)]
        for case in cases:
            fill(host, case, dice, addresses, stack)
        for one in finish_closing(server):
            stack.enter_context(one)
        held = held_by(host, [case.port for case in cases])
        for case in cases:
            for _ in range(WISHES):
                if compare(host, case, held[case.port], dice, addresses, found, figures):
                    break  # the kernel remembers who came in: for the next one it would be more lenient
    return [f"seed {seed}: {each}" for each in found], figures


def fill(host, case, dice, addresses, stack):
    """Put holders on the port, as many as the kernel lets."""
    number = case.wanted
    tcp = dice.random() < 0.6
    for _ in range(12):
        spec = draw(dice, addresses, tcp, sharing=0.5 if number == 1 else 0.8)
        if spec.state == "auto-connected" and number > 1:
            continue
        if dice.random() < 0.15:
            options = (
                [REUSE_ADDRESS, REUSE_PORT] if number == 1 else [REUSE_ADDRESS, REUSE_PORT, (*REUSE_ADDRESS[:2], 0), (*REUSE_PORT[:2], 0)]
            )
            spec = Spec(**{**vars(spec), "afterwards": (dice.choice(options),)})
        try:
            case.port = hold(host, spec, case.port, stack)
        except OSError:
            continue
        case.holders.append(spec)
        if len(case.holders) == number:
            break


def held_by(host, ports):
    """What our own look at the machine says of the ports: port -> held sockets."""
    from portulan.host.binding import find_held
    from portulan.model.portset import PortRange, PortSet
    from portulan.model.survey import Selection
    from portulan.system.source import open_source

    asked = Selection(ports=PortSet.of(PortRange(port, port) for port in ports), every_state=True)
    held = {port: [] for port in ports}
    for part in open_source().survey(asked):
        for one in find_held(part, host.netns_inode):
            held[one.port].append(one)
    return held


def compare(host, case, held, dice, addresses, found, figures):
    """Let one more socket want the port: what the rule says of the held ones against what the kernel does. Returns whether it came in."""
    if not case.holders:
        return False
    spec = draw(dice, addresses, case.holders[0].tcp, sharing=0.6)
    may = allowed(host, spec, case.port)
    if may is None:
        return False
    from portulan.host.binding import judge

    said = judge(wish_of(host, spec, case.port), held)
    full = said
    if said.answer == "maybe":  # what no look can tell is told by who made the sockets
        figures["undecided by the look alone"] += 1
        full = judge(wish_of(host, spec, case.port), [fill_in(one, case.holders) for one in held])
    # Where more were to be there, some may have come and gone, which the kernel remembers of the port.
    kind = "sets" if len(held) > 1 else "pairs" if case.wanted == 1 else "pairs with a past"
    figures[kind] += 1
    if full.answer == "yes" and not may:
        figures["false free"] += 1
        found.append(f"said to be free, but in use: {spec} on {case}: {held}")
    elif full.answer != "yes" and may:
        if kind == "pairs":
            found.append(f"said to be in use, but free: {spec} on {case}: {held}")
        figures[f"{kind}, kernel more lenient"] += 1
    if said.answer == "yes" and not may and full is not said:
        found.append(f"said to be free of what is known: {spec} on {case}: {held}")
    figures[f"{kind}, {'free' if may else 'in use'}"] += 1
    return may


def wish_of(host, spec, port):
    from portulan.model.binding import Wish
    from portulan.model.port import Transport

    device = 0
    if spec.device:
        with host.enter():
            device = socket.if_nametoindex(spec.device)
    packed = socket.inet_pton(socket.AF_INET6 if ":" in spec.address else socket.AF_INET, spec.address.partition("%")[0])
    return Wish(
        Transport.TCP if spec.tcp else Transport.UDP, packed, port, spec.uid, spec.reuse_address, spec.reuse_port, spec.v6_only, device
    )


def fill_in(held, holders):
    """The unknown options of a held socket: those that the makers gave, where all gave the same."""
    facts = {}
    for name in ("reuse_address", "reuse_port", "uid", "v6_only"):
        if getattr(held, name) is None:
            values = {final(spec, name) for spec in holders}
            if len(values) == 1:
                facts[name] = values.pop()
    return held._replace(**facts)


def final(spec, name):
    """An option as it is in the end."""
    if name == "v6_only":
        return spec.v6_only or (spec.one_ipv6_address and spec.state != "auto-connected")
    value = getattr(spec, name)
    for level, option, setting in spec.afterwards:
        if (level, option) == {"reuse_address": REUSE_ADDRESS[:2], "reuse_port": REUSE_PORT[:2]}.get(name):
            value = bool(setting)
    return value
