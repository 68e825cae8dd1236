"""What `make prove` proves of declared ports, and `make test` samples: real servers started from the very files that were read."""

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import declared_servers as lab
from labs import ask_ss, inhabit, look, wait_for
from portulan.model.chart import State

SECONDS = ("nginx", "apache", "lighttpd", "redis")
"""Servers that end when they cannot bind."""
KINDS = (*SECONDS, "sshd")
PORTS = (8001, 8002, 8003)
_ADDRESSES = ("*", "127.0.0.1", "127.0.0.2", "[::1]", "[::]", "0.0.0.0")


def charted(host):
    """The chart in the words of a declaration."""
    found = set()
    for item in look(host):
        if item.state in (State.LISTENING, State.BOUND):
            v6_only = item.sockets[0].v6_only if ":" in item.address else None
            found.add((item.transport.value, item.address, item.port, v6_only))
    return found


def by_ss(host):
    """What ss says, in the same words; it shows a socket that takes both families as `*`."""
    found = set()
    for fact in ask_ss(host, host.root)[0]:
        address = "::" if fact.address == "*" else fact.address
        found.add((fact.transport, address, fact.port, fact.v6_only if ":" in address else None))
    return found


def check_listens(host, case, before=frozenset()):
    """Start a server and compare: (the process, differences). `before` listens already."""
    answer, _ = lab.declared(host, "--kind", case.kind, "--not-running", case.main)
    found = [f"{case}: not understood: {problem}" for problem in answer["problems"]]
    wanted = lab.sockets_of(answer) | before
    process = lab.start(host, case)
    if not lab.sockets_of(answer):  # it runs without a port: its socket file says when
        wait_for(lambda: host.run(["sh", "-c", f"ls -A {lab.RUN} | grep -q -e PGSQL -e case.sock"]).returncode, 0)
    charts = wait_for(lambda: charted(host), wanted)
    for judge, sockets in (("chart", charts), ("ss", by_ss(host))):
        if sockets != wanted:
            found.append(f"{case}: the {judge} has {sorted(map(str, sockets - wanted))} and lacks {sorted(map(str, wanted - sockets))}")
    if process.poll() is not None:
        found.append(f"{case}: it ended: {lab.ended(process, 1)}")
    if not found:
        again, status = lab.declared(host, "--kind", case.kind, case.main)
        if again["items"] or status:
            found.append(f"{case}: what runs as its file says is a finding: {again['items']}")
    return process, found


def check_fails(host, case):
    """Start a server that must not come up; differences."""
    process = lab.start(host, case)
    said = lab.ended(process)
    return [] if process.returncode else [f"{case}: it runs all the same ({process.returncode}): {said}"]


def check_pair(host, first, second):
    """Two servers: the second fails if, and only if, the files were said to collide. (differences, whether they were)"""
    answer, status = lab.declared(host, "--not-running", lab.HERE)
    codes = {item["code"] for item in answer["items"]}
    collide = "declared.collision" in codes
    found = [] if codes <= {"declared.collision"} and status == collide else [f"{first} and {second}: {codes}, exit status {status}"]
    running, differences = check_listens(host, first)
    found += differences
    if found:
        return found, collide
    before = charted(host)
    now, status = lab.declared(host, second.main)
    codes = {item["code"] for item in now["items"]}
    if (codes, status) != (({"running.taken"}, 1) if collide else (set(), 0)):
        found.append(f"{second} beside {first}: {codes}, exit status {status}")
    found += check_fails(host, second) if collide else check_listens(host, second, before)[1]
    if running.poll() is not None:
        found.append(f"{first}: it ended when {second} came")
    return found, collide


def servers(seed):
    """A configuration of our own making; or two, drawn by lot."""
    from portulan.system.sandbox import Sandbox
    from portulan.system.sandbox.root import open_root

    dice, figures = random.Random(seed), Counter()
    with Sandbox() as sandbox:
        host = sandbox.host("web-01", root=open_root(Path(__file__).parent.parent / ".cache/roots/servers"))
        inhabit(host)
        if seed <= len(lab.CASES):
            case = lab.CASES[seed - 1]
            lab.prepare(host, case)
            figures["configurations"] += 1
            return check_listens(host, case)[1], figures
        first_kind = dice.choice(KINDS)
        first = draw(dice, first_kind)
        second = draw(dice, dice.choice([kind for kind in SECONDS if kind != first_kind]))
        own = None
        for case in (first, second):
            lab.prepare(host, case)
            answer, _ = lab.declared(host, "--not-running", case.main)
            if any(item["code"] == "declared.own" for item in answer["items"]):
                own = own or case
        if own is not None:
            figures["servers in their own way"] += 1
            return check_own(host, own), figures
        found, collide = check_pair(host, first, second)
        figures["pairs that collide" if collide else "pairs side by side"] += 1
        return found, figures


def check_own(host, case):
    """A server whose lines collide with each other: it ends, or where it is one that goes on, lacks what we said it would."""
    if case.kind != "sshd":
        return check_fails(host, case)
    answer, _ = lab.declared(host, "--not-running", case.main)
    wanted = lab.sockets_of(answer)
    process = lab.start(host, case)
    with suppress(Exception):
        host.wait_for_port(answer["declared"][0]["port"])
    sockets = wait_for(lambda: charted(host) < wanted and bool(charted(host)), wanted=True)
    return [] if sockets and process.poll() is None else [f"{case}: {charted(host)} of {wanted}"]


def draw(dice, kind):
    """A configuration by lot."""
    places = [(dice.choice(_ADDRESSES), dice.choice(PORTS)) for _ in range(dice.randint(1, 3))]
    places = list(dict.fromkeys(places))
    text = _DRAWN[kind](dice, places)
    return getattr(lab, kind)("drawn", text)


def _nginx(dice, places):
    lines = [f"listen {host}:{port}{dice.choice(('', ' ipv6only=off')) if host == '[::]' else ''};" for host, port in places]
    return "http { " + "".join(f"server {{ {line} }} " for line in lines) + "}"


def _apache(_, places):
    # Lines without an address first: behind others they are reported, not guessed.
    return "".join(f"Listen {host}:{port}\n" for host, port in sorted(places, key=lambda place: place[0] != "*"))


def _lighttpd(dice, places):
    (host, port), *others = places
    host = "0.0.0.0" if host == "*" else host
    only = dice.choice(("", 'server.set-v6only = "disable"\n'))
    sockets = [f'$SERVER["socket"] == "{"" if host == "*" else host}:{port}" {{ }}\n' for host, port in others]
    return f'{only}server.bind = "{host}"\nserver.port = {port}\n' + "".join(sockets)


def _redis(_, places):
    hosts = [host.strip("[]").replace("0.0.0.0", "*") for host, _ in places]
    return f"port {places[0][1]}\nbind {' '.join(dict.fromkeys('::*' if host == '::' else host for host in hosts))}\n"


def _sshd(_, places):
    return "".join(f"ListenAddress {'0.0.0.0' if host == '*' else host}:{port}\n" for host, port in places)


_DRAWN = {"nginx": _nginx, "apache": _apache, "lighttpd": _lighttpd, "redis": _redis, "sshd": _sshd}
