"""Scans against the truth: 65,536 ports of one hostile host, whole networks of one open port each, and services behind a host that limits its refusals."""

import json
import random
import sys
from collections import Counter

from pairwise import plan
from portulan.system.sandbox import Sandbox
from scan_lab import FACTORS, Scene, allowed, as_text, lay, limit_icmp, ranges, serve, settle

PLAN = plan(FACTORS, allowed, random.Random("scan"), 200)
"""Every two levels of every two factors meet, in each of several designs one after the other."""
NETWORKS = (
    {"family": 4, "method": "syn", "loss": 0, "delay": 0}, {"family": 4, "method": "syn", "loss": 5, "delay": 10},
    {"family": 6, "method": "syn", "loss": 0, "delay": 0}, {"family": 6, "method": "syn", "loss": 20, "delay": 0},
    {"family": 4, "method": "connect", "loss": 0, "delay": 0}, {"family": 6, "method": "connect", "loss": 1, "delay": 0},
)  # fmt: skip
"""All addresses of a /16 (IPv6: as many), a single port."""
ONE_PORT = 8_443
TIMEOUT_S = 600


def cases(seed, of=1):
    """One scan of the plan, of every port or of one in `of`. Returns (differences, figures)."""
    case = PLAN[(seed - 1) % len(PLAN)]
    with Scene(case, seed, peers()) as scene:
        asked = scene.truth.part(seed, of)
        ports = "-" if of == 1 else as_text(ranges(asked))
        report = scan(scene.scanner, scene.address, "-p", ports, "--method", case["method"])
        relays = [scene.link.relayed(end.host) for end in (scene.link.first, scene.link.second)] if scene.link.relay else []
    found, figures = scene.truth.judge(said_of(report), asked.tolist())
    found += word_of(report, case)
    found += ["the lab itself lost packets: its relay was full" for relay in relays if relay.lost]
    figures = Counter({name.replace(": ", ", said "): count for name, count in figures.items()})
    figures |= Counter(
        {"scans": 1, f"by {case['method']}": 1, "open ports to find": len(scene.truth.reachable.intersection(asked.tolist()))}
    )
    figures["seconds"] = round(report["took_s"])
    return [f"{each}; {case}, seed {seed}" for each in found], figures


def word_of(report, case):
    """What a scan says of itself must fit what it found."""
    (one,) = report["passes"]
    certainty, found = one["certainty"], []
    doubts = set(certainty["doubts"])
    undecided = sum(state == "closed|filtered" or reason == "rate-limited" for state, reason in said_of(report).values())
    if certainty["undecided"] != undecided:
        found.append(f"{certainty['undecided']} undecided ports by its word, {undecided} by its rows")
    if bool(undecided) != bool(doubts & {"limited", "slow"}):
        found.append(f"{undecided} undecided ports, and the doubts are {sorted(doubts)}")
    if undecided and certainty["exact"]:
        found.append("called exact, with undecided ports")
    if not certainty["missed"] < 1e-6:
        found.append(f"up to {certainty['missed']} open ports may be missed")
    if case["method"] == "syn":
        for doubt, there in (
            ("tarpit", case["oddity"] == "tarpit"),
            ("syn-proxy", case["oddity"].startswith("proxy")),
            ("forged-resets", case["firewall"] == "reset-on-router"),
        ):
            if (doubt in doubts) != there:
                found.append(f"the doubts are {sorted(doubts)}")
    return found


def networks(seed):
    """A /16 in which every address has one open port: 65,536 of 65,536."""
    case = NETWORKS[(seed - 1) % len(NETWORKS)]
    whole = "198.19.0.0/16" if case["family"] == 4 else "fd00:99::/112"
    with Sandbox() as sandbox:
        scanner, router, target = sandbox.host("scanner"), sandbox.router("router"), sandbox.host("target")
        link = lay(sandbox, scanner, router, case["delay"])
        sandbox.link(router, target)
        sandbox.route_all()
        through = (router.addresses[0 if case["family"] == 4 else 1].ip, target.addresses[0 if case["family"] == 4 else 1].ip)
        scanner.route(whole, str(through[0]))
        router.route(whole, str(through[1]))
        target.answer_for(whole)
        settle(target)
        serve(target, [ONE_PORT])
        if case["loss"]:
            link.lose(case["loss"])
        report = scan(scanner, whole, "-p", str(ONE_PORT), "--method", case["method"])
    opened = {row["address"] for row in report["items"] if row["state"] == "open"}
    found = [] if len(opened) == report["addresses"] == 1 << 16 else [f"{len(opened)} of {report['addresses']} addresses, {case}"]
    return found, Counter({"networks": 1, "addresses": report["addresses"], "open": len(opened), "seconds": round(report["took_s"])})


def limited(seed):
    """UDP where the target's kernel refuses once a second, as kernels do: services found, nothing false, the time for the rest told."""
    dice = random.Random(f"udp {seed}")
    family = dice.choice((4, 6))
    with Sandbox() as sandbox:
        scanner, target = sandbox.host("scanner"), sandbox.host("target")
        sandbox.link(scanner, target)
        limit_icmp(target)
        serve(target, (), {53: 53, 123: 123, 161: 161})
        ports = sorted({53, 123, 161, *dice.sample(range(20_000, 30_000), 400)})
        address = target.address if family == 4 else target.address6
        report = scan(scanner, address, "-p", ",".join(map(str, ports)), "--method", "udp")
    said = said_of(report)
    found = [
        f"port {port}: {state} ({reason})"
        for port, (state, reason) in said.items()
        if state not in {"closed", "open|filtered", "open", "closed|filtered"}
    ]
    opened = {port for port, (state, _) in said.items() if state == "open"}
    if opened != {53, 123, 161}:
        found.append(f"open: {sorted(opened)}")
    closed = sum(state == "closed" for state, _ in said.values())
    if closed < len(ports) - 3 and report["passes"][0]["certainty"]["exact"]:
        found.append("called exact, although most ports did not answer in time")
    return found, Counter({"scans": 1, "ports": len(ports), "refused in time": closed})


def scan(host, *arguments):
    """The report of `portulan scan … --json` on a host."""
    command = [sys.executable, "-m", "portulan", "scan", *map(str, arguments), "--json"]
    done = host.run(command, timeout_s=TIMEOUT_S, environment={"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout)


def said_of(report):
    """Port -> (state, reason), of a report about one host."""
    (host,) = report["hosts"]
    said = {row["port"]: (row["state"], row["reason"]) for row in report["items"]}
    for other in host["others"]:
        said |= dict.fromkeys(numbers(other["ports"]), (other["state"], other["reason"]))
    return said


def numbers(text):
    """The ports of `1-21,23`."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def peers():
    from proofs import find_peers

    root = find_peers()
    assert root is not None, "no private root with nft"
    return root
