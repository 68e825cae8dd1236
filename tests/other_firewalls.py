"""Other people's firewalls at work on the host of a lab: the real ufw, firewalld and dockerd, which write their rules anew when they are told to.

Each knows what it lets in by itself, so that what a new connection meets can be judged: it comes in only if all let it in.
"""

import signal
import subprocess
from pathlib import Path

from firewalls import run_all, start_firewalld
from guard_life_lab import FIRST, MANAGEMENT, PORTS, SECOND
from portulan.system.sandbox.root import open_root

BESIDE = Path(__file__).resolve().parent.parent / ".cache/roots/beside"
TOGGLED = (FIRST, SECOND)
READY_S = 30


class Ufw:
    """`ufw`, which writes what it is told into its files and loads them with iptables-restore."""

    in_order = True

    def __init__(self, host, dice):
        self.host, self.dice = host, dice
        self.enabled, self.allowed = False, {MANAGEMENT, FIRST}

    def start(self):
        self.run("allow 22/tcp", "allow 8001/tcp", "--force enable")
        self.enabled = True

    def act(self):
        kind = self.dice.choice(("port", "port", "reload", "switch"))
        if kind == "port":
            port = self.dice.choice(TOGGLED)
            self.run(f"{'delete ' if port in self.allowed else ''}allow {port}/tcp")
            self.allowed ^= {port}
        elif kind == "reload":
            self.run("reload")
        else:
            self.run("disable" if self.enabled else "--force enable")
            self.enabled = not self.enabled
        return kind

    def rewrite(self):
        """All of its rules, as it writes them when nothing is there yet."""
        self.run(*(("reload",) if self.enabled else ("--force enable",)))
        self.enabled = True

    def lets_in(self):
        return frozenset(self.allowed) if self.enabled else frozenset(PORTS)

    def refuses(self):
        """Its name, where it refuses anything now."""
        return {"ufw"} if self.enabled else set()

    def run(self, *lines):
        run_all(self.host, "\n".join(f"ufw {line}" for line in lines))

    def stop(self):
        pass


class Firewalld:
    """`firewalld` with its nftables backend, told through its bus."""

    in_order = True

    def __init__(self, host, dice):
        self.host, self.dice = host, dice
        self.now, self.kept = set(), set()

    def start(self):
        start_firewalld(self.host, "nftables")

    def act(self):
        kind = self.dice.choice(("port", "port", "kept", "reload"))
        port = self.dice.choice(TOGGLED)
        if kind == "reload":
            self.rewrite()
            return kind
        ports, more = (self.now, "") if kind == "port" else (self.kept, " --permanent")
        self.run(f"{'--remove' if port in ports else '--add'}-port={port}/tcp{more}")
        ports ^= {port}
        return kind

    def rewrite(self):
        self.run("--reload")
        self.now = set(self.kept)

    def lets_in(self):
        return frozenset({MANAGEMENT, *self.now})  # its zone for all lets ssh in

    def refuses(self):
        return {"firewalld"}

    def run(self, *lines):
        run_all(self.host, "\n".join(f"firewall-cmd {line}" for line in lines))

    def stop(self):
        pass


class Docker:
    """`dockerd`, which writes its chains when it starts and whenever a network is made or taken away. No container is needed for that."""

    in_order = False
    """Of several networks it writes one first or another, as it happens."""

    def __init__(self, host, dice):
        self.host, self.dice, self.root = host, dice, open_root(BESIDE)
        self.networks, self.process = set(), None

    def start(self):
        words = ["dockerd", "--data-root", "/run/docker-data", "--storage-driver", "vfs", "--log-level", "error", "--userland-proxy=false"]
        self.process = self.host.start(words, root=self.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run_all(
            Rooted(self.host, self.root),
            f"for i in $(seq {READY_S * 10}); do docker network ls >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1",
        )

    def act(self):
        kind = self.dice.choice(("network", "network", "network", "restart"))
        if kind == "restart":
            self.rewrite()
        else:
            name = self.dice.choice(("one", "two"))
            self.run(f"docker network {'rm' if name in self.networks else 'create'} {name}")
            self.networks ^= {name}
        return kind

    def rewrite(self):
        self.stop()
        self.start()

    def lets_in(self):
        return frozenset(PORTS)  # it judges only what goes through to containers

    def refuses(self):
        return {"docker"}

    def run(self, *lines):
        run_all(Rooted(self.host, self.root), "\n".join(lines))

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(READY_S)
            self.process = None


class Rooted:
    """A host whose programs are those of another private root."""

    def __init__(self, host, root):
        self.host, self.root = host, root

    def run(self, *words, **options):
        return self.host.run(*words, root=self.root, **options)


class Both:
    """ufw and dockerd, which write into the same tables."""

    in_order = False

    def __init__(self, host, dice):
        self.dice, self.parts = dice, (Ufw(host, dice), Docker(host, dice))

    def start(self):
        for each in self.parts:
            each.start()

    def act(self):
        return self.dice.choice(self.parts).act()

    def rewrite(self):
        for each in self.parts:
            each.rewrite()

    def lets_in(self):
        return frozenset.intersection(*(each.lets_in() for each in self.parts))

    def refuses(self):
        return set().union(*(each.refuses() for each in self.parts))

    def stop(self):
        for each in self.parts:
            each.stop()


KINDS = {"ufw": Ufw, "firewalld": Firewalld, "docker": Docker, "ufw and docker": Both}


def their_rules(host, *, in_order=True):
    """All rules but ours, in the order of their lines or sorted, without counters: by nft, and those of iptables by iptables too, which knows what nft has no words for."""
    tables = [line.split()[1:] for line in host.run(["nft", "list", "tables"]).stdout.splitlines()]
    texts = [host.run(["nft", "-s", "list", "table", *table]).stdout for table in sorted(tables) if not table[1].startswith("portulan")]
    for program in ("iptables-save", "ip6tables-save"):
        saved = host.run([program]).stdout.splitlines()
        texts.append("\n".join(line.partition(" [")[0] for line in saved if not line.startswith("#")))
    lines = "\n".join(texts).splitlines()
    return "\n".join(lines if in_order else sorted(lines))
