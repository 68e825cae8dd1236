"""Rules to measure on: of every kind that people write, as nft reads them, so many as asked for."""

from __future__ import annotations

import random
from ipaddress import IPv4Network, IPv6Network

_USUAL = (22, 25, 53, 80, 443, 3306, 5432, 8080)


class _Writer:
    """Draws rules."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def ipv4(self) -> str:
        bits = self.dice.choice((8, 16, 20, 24, 24, 24, 28, 32, 32))
        first = self.dice.choice((10, 45, 100, 172, 192, 198, 203)) << 24 | self.dice.getrandbits(24)
        return str(IPv4Network((first >> 32 - bits << 32 - bits, bits)))

    def ipv6(self) -> str:
        bits = self.dice.choice((32, 48, 64, 128))
        first = 0x20010DB8 << 96 | self.dice.getrandbits(96)
        return str(IPv6Network((first >> 128 - bits << 128 - bits, bits)))

    def ports(self) -> str:
        kind, port = self.dice.random(), self.dice.randrange(1, 65_000)
        if kind < 0.6:
            return str(self.dice.choice(_USUAL) if self.dice.random() < 0.4 else port)
        if kind < 0.85:
            return f"{port}-{port + self.dice.randrange(1, 400)}"
        return f"{{ {', '.join(map(str, sorted({self.dice.randrange(1, 65_000) for _ in range(5)})))} }}"

    def rule(self) -> str:
        transport, kind = self.dice.choice(("tcp", "tcp", "udp")), self.dice.random()
        sender = (
            f"ip saddr {self.ipv4()} "
            if kind < 0.6
            else f"ip6 saddr {self.ipv6()} "
            if kind < 0.8
            else "ip saddr @office "
            if kind < 0.85
            else ""
        )
        ports = f"{transport} dport {self.ports()} " if self.dice.random() < 0.93 or not sender else ""
        return sender + ports + self.dice.choice(("accept", "accept", "accept", "drop", "reject", "counter accept"))


def rules(count: int, seed: int = 1) -> str:
    """About `count` rules: sender networks, ports, sets, jumps with returns, marks set on the way, 20 published containers with their forward chain, two base chains of input."""
    writer = _Writer(seed)
    chains = max(4, count // 250)
    each = count * 6 // 10 // chains
    lines = [
        "table inet filter {",
        "set office { type ipv4_addr; flags interval; elements = { 203.0.113.0/24, 198.51.100.0/25, 10.9.0.0/16 }",
        "}",
    ]
    for number in range(chains):
        lines += [f"chain part{number} {{", *(writer.rule() for _ in range(each - 1)), f"tcp dport {number * 10 + 1} return", "}"]
    lines += ["chain marks { type filter hook prerouting priority mangle;"]
    lines += [f"ip saddr {writer.ipv4()} tcp dport {9_000 + mark} meta mark set {mark}" for mark in (1, 2, 3)]
    lines += ["}", "chain publish { type nat hook prerouting priority dstnat;"]
    lines += [f'iifname != "docker0" tcp dport {8_000 + at} dnat ip to 172.17.0.{at + 2}:80' for at in range(20)]
    lines += ["}", "chain onward { type filter hook forward priority 0; policy drop;", "ct state established,related accept"]
    lines += [f"ip daddr 172.17.0.{at + 2} tcp dport 80 accept" for at in range(12)]
    lines += ["}", "chain early { type filter hook input priority -5;", "ip saddr 45.0.0.0/8 tcp dport 22 drop", "}"]
    lines += ["chain input { type filter hook input priority 0; policy drop;", "ct state established,related accept", 'iif "lo" accept']
    lines += [f"meta mark {mark} accept" for mark in (1, 2, 3)]
    only = ("ip saddr 10.0.0.0/8 ", "meta l4proto tcp ", "")
    lines += [f"{only[number % 3]}jump part{number}" for number in range(chains)]
    lines += [writer.rule() for _ in range(max(0, count - each * chains - 40))]
    return "\n".join([*lines, "}", "}", ""])


def ban_list(count: int = 100_000) -> str:
    """A set of so many addresses, and a rule that drops them first."""
    dice = random.Random(count)
    addresses = dice.sample(range(0x2D000000, 0x2DFFFFFF, 4), count)
    elements = ", ".join(".".join(map(str, number.to_bytes(4))) for number in addresses)
    return (
        f"table inet ban {{ set banned {{ type ipv4_addr; elements = {{ {elements} }}\n}}\n"
        "chain first { type filter hook input priority -10;\nip saddr @banned drop\n}\n}\n"
    )
