"""Rules drawn by lot, as nft's own text: everything that decides about a new packet, in every combination that nft takes; and packets to try them with."""

from ipaddress import ip_network

from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Packet

NETS4 = ("198.18.128.0/18", "198.18.128.0/24", "198.18.130.0/25", "198.18.200.7", "198.19.0.0/17", "198.19.4.0/22", "198.19.7.7", "198.18.128.0/17", "203.0.113.0/24", "10.0.0.0/8", "192.0.2.99", "198.18.0.0/24", "198.18.1.7")  # fmt: skip
NETS6 = ("fd00:128::/32", "fd00:128:1::/48", "fd00:128:1:2::/64", "fd00:128::7", "fd00:19::/32", "fd00:19:0:4::/62", "fd00:19::99", "2001:db8::/32", "fd00::/8", "fd00:0::/64")  # fmt: skip
HOST4, HOST6 = ("198.18.0.2", "198.18.1.2", "198.18.2.1"), ("fd00:0::2", "fd00:1::2", "fd00:2::1")
BACK4, BACK6 = ("198.18.2.2", "198.18.64.1", "198.18.64.77", "198.18.100.0"), ("fd00:2::2", "fd00:64::1", "fd00:64::77", "fd00:64:9::9")
PORTS = (22, 53, 80, 443, 1000, 2049, 5432, 8000, 8080, 8443, 9100, 30000, 65535)
MARKS = (0x1, 0x2, 0x10, 0xFF, 0x100)
STRANGE4 = ("127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.9", "255.255.255.255", "198.18.0.2", "198.18.2.1", "198.18.0.255", "240.0.0.1")
STRANGE6 = ("::1", "ff02::9", "fd00:0::2", "fd00:2::1", "::ffff:1.2.3.4", "fe80::9", "::", "2002::1")


class Writer:
    """Writes one set of rules with a random.Random."""

    def __init__(self, dice, *, unknowable=True):
        self.dice, self.unknowable = dice, unknowable
        self.sets, self.chains = [], []

    def any(self, values):
        return values[self.dice.randrange(len(values))]

    def chance(self, percent):
        return self.dice.randrange(100) < percent

    # constants

    def port(self):
        return str(self.any(PORTS) if self.chance(80) else self.dice.randrange(65536))

    def ports(self):
        if self.chance(40):
            first = self.dice.randrange(65000)
            return f"{first}-{first + self.dice.randrange(1, 500 if self.chance(50) else 65535 - first)}"
        return self.port()

    def address(self, family, side):
        """One address or network of senders, or of what they ask for."""
        if side == "saddr":
            return self.any(NETS4 if family == "ip" else NETS6)
        return self.any((*HOST4, *BACK4, "198.18.64.0/18", "198.18.0.0/16") if family == "ip" else (*HOST6, *BACK6, "fd00:64::/32"))

    def braces(self, make, *, single=True):
        """`{ a, b, c }` without overlaps, or one."""
        if single and self.chance(50):
            return make()
        return f"{{ {', '.join(disjoint(make() for _ in range(self.dice.randrange(1, 5))))} }}"

    def protocols(self, table):
        if table in ("inet", "netdev"):
            return ("ip", "ip6")
        return (table,)

    # conditions

    def condition(self, table, hook, early):
        """One match."""
        family = self.any(self.protocols(table))
        not_ = "!= " if self.chance(20) else ""
        made = [
            lambda: f"{family} saddr {not_}{self.braces(lambda: self.address(family, 'saddr'))}",
            lambda: f"{family} saddr {not_}{self.braces(lambda: self.address(family, 'saddr'))}",
            lambda: f"{family} daddr {not_}{self.braces(lambda: self.address(family, 'daddr'))}",
            lambda: f"{self.any(('tcp', 'udp', 'tcp'))} dport {not_}{self.braces(self.ports)}",
            lambda: f"{self.any(('tcp', 'udp', 'tcp'))} dport {not_}{self.braces(self.ports)}",
            lambda: f"{self.any(('tcp', 'udp'))} sport {not_}{self.ports()}",
            lambda: f"meta l4proto {{ tcp, udp }} th dport {not_}{self.braces(self.ports)}",
            lambda: f"th dport {self.any(('<', '>', '<=', '>='))} {self.port()}",
            lambda: f"meta l4proto {not_}{self.any(('tcp', 'udp', '{ tcp, udp }'))}",
            lambda: f"meta mark {not_}{self.any(MARKS):#x}",
            lambda: f"meta mark & {self.any((0xF, 0xF0, 0x3)):#x} {self.any(('==', '!='))} {self.any((0, 1, 2, 0x10)):#x}",
            lambda: (
                f"{family} saddr . tcp dport {not_}{{ {', '.join(disjoint_pairs((self.address(family, 'saddr'), self.ports()) for _ in range(self.dice.randrange(1, 4))))} }}"
            ),
            lambda: (
                f"{family} saddr & {'0.0.0.3' if family == 'ip' else '::3'} {self.any(('==', '!='))} {'0.0.0.1' if family == 'ip' else '::1'}"
            ),
            lambda: self.in_set(family),
            lambda: f"tcp flags {self.any(('syn', '& (fin | syn | rst | ack) == syn', '! syn', '& ack == ack', '!= syn', '== syn'))}",
            lambda: f"@th,16,16 {not_}{self.port()}",
            lambda: f"@th,0,8 {self.any(('<', '>'))} {self.dice.randrange(256)}",
        ]
        if table != "netdev":
            made += [
                lambda: f"iifname {not_}{self.any(('eth0', 'eth1', 'eth*', 'lo', '{ eth0, eth2 }', 'et*'))}",
                lambda: f"iif {not_}{self.any(('eth0', 'eth1', '{ eth0, lo }'))}",
                lambda: (
                    f"ct state {not_}{self.any(('new', 'established,related', 'invalid', 'untracked', 'new,untracked', '{ new, established }'))}"
                ),
                lambda: (
                    f"fib daddr type {not_}{self.any(('local', 'unicast', '{ local, broadcast }'))}"
                    if hook == "prerouting"
                    else "meta pkttype host"
                ),
                lambda: (
                    f"fib saddr . iif oif {self.any(('missing', 'exists', 'eth0'))}"
                    if hook in ("prerouting", "input")
                    else "meta pkttype != broadcast"
                ),
                lambda: f"fib saddr type {not_}{self.any(('unicast', 'local'))}",
                lambda: f"meta nfproto {self.any(('ipv4', 'ipv6'))}" if table == "inet" else "iiftype ether",
                lambda: "iifgroup 0" if self.chance(50) else "iifgroup != 0",
                lambda: f"exthdr frag {self.any(('missing', 'exists'))}" if family == "ip6" else "ip hdrlength 5",
                lambda: f"oifname {not_}{self.any(('eth2', 'eth*', 'lo'))}",
            ]
            if not early:
                made += [
                    lambda: f"meta l4proto {self.any(('tcp', 'udp'))} ct original proto-dst {not_}{self.port()}",
                    lambda: f"ct original {family} daddr {self.address(family, 'daddr')}",
                    lambda: f"ct status {not_}{self.any(('dnat', 'snat', 'confirmed'))}",
                    lambda: f"ct mark {not_}{self.any((0, *MARKS)):#x}",
                    lambda: f"ct direction {self.any(('original', 'reply'))}",
                    lambda: f"ct reply {family} saddr {self.address(family, 'daddr')}",
                ]
        return self.any(made)()

    def unknown(self, table):
        """Something that nobody can tell beforehand."""
        return self.any(
            (
                "limit rate 3/minute", "limit rate over 10/second burst 20 packets", "numgen random mod 4 < 2", "ip ttl > 63" if table != "ip6" else "ip6 hoplimit < 65",
                "meta length > 50", "ct count over 3" if table != "netdev" else "meta length 44", "quota over 3000 bytes", "meta random > 2000000000",
                "numgen inc mod 2 0", "tcp window 65280", 'meta hour "08:00"-"17:00"', "ether saddr 02:00:00:00:00:01",
            )
        )  # fmt: skip

    def in_set(self, family):
        """A named set, made for the occasion."""
        name = f"s{len(self.sets)}"
        kind = "ipv4_addr" if family == "ip" else "ipv6_addr"
        form = self.any(("addresses", "pairs", "ports"))
        if form == "addresses":
            elements = ", ".join(disjoint(self.address(family, "saddr") for _ in range(self.dice.randrange(6))))
            body, left = f"type {kind}; flags interval;", f"{family} saddr"
        elif form == "pairs":
            elements = ", ".join(disjoint_pairs((self.address(family, "saddr"), self.ports()) for _ in range(self.dice.randrange(4))))
            body, left = f"type {kind} . inet_service; flags interval;", f"{family} saddr . {self.any(('tcp', 'udp'))} dport"
        else:
            elements = ", ".join(disjoint(self.ports() for _ in range(self.dice.randrange(6))))
            body, left = "type inet_service; flags interval;", f"{self.any(('tcp', 'udp'))} dport"
        self.sets.append(f"set {name} {{ {body} {f'elements = {{ {elements} }};' if elements else ''} }}")
        return f"{left} {'!= ' if self.chance(20) else ''}@{name}"

    # rules

    def conditions(self, table, hook, early):
        number = self.any((1, 1, 1, 1, 2, 2, 3))
        made = []
        for _ in range(number):
            one = self.condition(table, hook, early)
            # nft refuses a rule that asks for two protocols at once
            if not any(clash(one, other) for other in made):
                made.append(one)
        if self.unknowable and self.chance(3):
            made.insert(self.dice.randrange(len(made) + 1), self.unknown(table))
        return " ".join(made)

    def verdict(self, table, hook, targets):
        choices = ["accept", "accept", "accept", "drop", "drop", "return", "continue", "counter"]
        if hook in ("input", "forward") and table != "netdev":
            choices += ["reject", "reject"]
        if hook in ("prerouting", "ingress"):  # what is dropped early tells little of what comes later
            choices = [
                "accept",
                "accept",
                "return",
                "continue",
                "drop" if self.chance(30) else "accept",
                "reject" if self.chance(20) and table != "netdev" else "return",
            ]
        if targets:
            choices += [f"{self.any(('jump', 'goto'))} {self.any(targets)}" for _ in range(5)]
        return self.any(choices)

    def change(self, table, early):
        choices = [
            f"meta mark set {self.any(MARKS):#x}",
            f"meta mark set meta mark | {self.any(MARKS):#x}",
            f"meta mark set meta mark & {self.any((0xFFFFFFF0, 0xF)):#x}",
        ]
        if table != "netdev" and not early:
            choices += [f"ct mark set {self.any(MARKS):#x}", "meta mark set ct mark", "ct mark set meta mark"]
        if table in ("ip", "inet"):
            choices.append("meta mark set ip saddr map { 198.18.128.0/18 : 0x1, 198.19.0.0/16 : 0x10, 198.18.200.7 : 0xff }")
        choices.append("meta mark set tcp dport map { 0-1023 : 0x2, 8000-8999 : 0x100 }")
        return self.any(choices)

    def chooser(self, table, hook, targets):
        """A verdict map."""
        family, late = self.any(self.protocols(table)), hook not in ("prerouting", "ingress") or self.chance(30)

        def arm():
            return self.any(
                [
                    "accept",
                    "drop" if late else "accept",
                    "return",
                    "continue",
                    *(f"jump {one}" for one in targets),
                    *(f"goto {one}" for one in targets),
                ]
            )

        form = self.any(("port", "address", "pair", "protocol", "mark"))
        if form == "port":
            keys, left = disjoint(self.ports() for _ in range(self.dice.randrange(1, 5))), f"{self.any(('tcp', 'udp'))} dport"
        elif form == "address":
            keys, left = disjoint(self.address(family, "saddr") for _ in range(self.dice.randrange(1, 5))), f"{family} saddr"
        elif form == "pair":
            keys = disjoint_pairs((self.address(family, "saddr"), self.ports()) for _ in range(self.dice.randrange(1, 4)))
            left = f"{family} saddr . tcp dport"
        elif form == "protocol":
            keys, left = ["tcp"] if self.chance(50) else ["tcp", "udp"], "meta l4proto"
        else:
            keys, left = [f"{mark:#x}" for mark in self.dice.sample(MARKS, 2)], "meta mark"
        arms = [f"{key} : {arm()}" for key in keys]
        if form in ("port", "address") and self.chance(20):
            arms.append(f"* : {arm()}")
        return f"{left} vmap {{ {', '.join(arms)} }}"

    def rule(self, table, hook, early, targets, *, reject=True):
        parts = [self.conditions(table, hook, early)]
        roll = self.dice.randrange(100)
        if roll < 15:
            parts.append(self.change(table, early))
            if self.chance(30):
                parts.append(self.any(("accept", "drop", "return")))
        elif roll < 30:
            parts.append(self.chooser(table, hook, targets))
        elif roll < 34:
            parts += [self.change(table, early), self.condition(table, hook, early), self.verdict(table, hook, targets)]
        else:
            parts.append(self.verdict(table, hook, targets))
        if reject and parts[-1] == "reject":
            parts[-1] = self.reject(table)
            if "tcp reset" in parts[-1] and "nfproto" in " ".join(parts):
                parts[-1] = "drop"  # nft 1.0.6 leaves `meta nfproto` out of what it prints of such a rule
        return " ".join(part for part in parts if part)

    def reject(self, table):
        if table == "inet":
            return self.any(
                (
                    "reject",
                    "reject with icmpx type admin-prohibited",
                    "reject with icmp type host-prohibited",
                    "reject with icmpv6 type no-route",
                    "meta l4proto tcp reject with tcp reset",
                )
            )
        return "reject" if table != "ip" else self.any(("reject", "reject with icmp type net-unreachable"))

    def translation(self, table, hook):
        family = self.any(self.protocols(table))
        condition = self.any(
            (
                f"{family} saddr {self.address(family, 'saddr')} ",
                f"{family} daddr {self.any(HOST4 if family == 'ip' else HOST6)} ",
                "iifname eth0 ",
                "",
            )
        )
        protocol = self.any(("tcp", "udp"))
        back = self.any(BACK4 if family == "ip" else BACK6)
        own = self.any(HOST4 if family == "ip" else HOST6)
        to = f"dnat {family} to" if table == "inet" else "dnat to"
        shown = back if family == "ip" else f"[{back}]"
        forms = [
            f"{to} {shown}:{self.port()}", f"{to} {shown}:{self.port()}", f"{to} {back}", f"{to} {own}", f"redirect to :{self.port()}", "redirect",
            self.any(("accept", "return", "drop", "meta mark set 0x10")),
        ]  # fmt: skip
        if family == "ip":
            forms.append(f"{to} tcp dport map {{ 80 : 198.18.64.1, 443 : 198.18.64.77, 8000-8999 : 198.18.2.2 }}")
        if self.unknowable and self.chance(10) and family == "ip":
            forms = [f"{to} 198.18.64.1-198.18.64.4", f"{to} 198.18.64.1:8000-8003"]
        chosen = self.any(forms)
        if "tcp dport map" in chosen:
            return f"{condition}{chosen}"
        return f"{condition}{protocol} dport {self.braces(self.ports)} {chosen}"

    # the whole

    def write(self):
        """The text of a set of rules."""
        tables = [self.table(self.any(("inet", "inet", "ip", "ip6")), number) for number in range(self.any((1, 1, 2, 2, 3)))]
        if self.chance(30):
            tables.append(self.device_table())
        return "\n".join(tables)

    def table(self, family, number):
        self.sets, chains = [], []
        plan = [("input", "filter")] if self.chance(90) else []
        plan += [("forward", "filter")] if self.chance(70) else []
        plan += [("prerouting", "filter")] * self.any((0, 0, 1, 1, 2))
        plan += [("prerouting", "nat")] * self.any((0, 1, 1, 2))
        plan += [("input", "filter")] if self.chance(20) else []
        plan += [("postrouting", "filter")] if self.chance(15) else []
        plan += [("postrouting", "nat")] if self.chance(15) else []
        for at, (hook, kind) in enumerate(plan):
            chains.append(self.base(family, hook, kind, at))
        return f"table {family} t{number} {{\n" + "\n".join([*self.sets, *chains]) + "\n}\n"

    def base(self, family, hook, kind, at):
        """A base chain and the chains below it, the deepest first."""
        if kind == "nat":
            priority = self.dice.randrange(-110, -90) if hook == "prerouting" else 100
        else:
            priority = self.any((-300, -300, -150, -99, -101, 0, 10)) if hook == "prerouting" else self.any((-150, 0, 0, 0, 5, 50, 150))
        early = priority <= -200
        below, text = [], []
        for level in range(self.any((0, 1, 2, 3)) if kind == "filter" else 0):
            name = f"c{at}_{level}"
            rules = [self.rule(family, hook, early, list(below)) for _ in range(self.dice.randrange(1, 6))]
            text.append(f"chain {name} {{\n  " + "\n  ".join(rules) + "\n}")
            below.append(name)
        if kind == "nat":
            if hook == "postrouting":
                out = self.any(("masquerade", "accept"))
                rules = [f"oifname eth2 meta l4proto {{ tcp, udp }} {out}" for _ in range(1)]
            else:
                rules = [self.translation(family, hook) for _ in range(self.dice.randrange(1, 6))]
        else:
            rules = [self.rule(family, hook, early, list(below)) for _ in range(self.dice.randrange(2, 10))]
        if early and self.chance(40):
            rules.append(f"{self.conditions(family, hook, early)} notrack")
        if hook == "prerouting" and kind == "filter" and self.chance(10):
            rules.append(
                "ip daddr 198.18.0.2 tcp dport 80 ip daddr set 198.18.64.1"
                if family in ("ip", "inet")
                else "tcp dport 443 tcp dport set 8443"
            )
        policy = "drop" if self.chance(25 if hook in ("input", "forward") else 5) else "accept"
        head = f"chain b{at} {{\n  type {kind} hook {hook} priority {priority}; policy {policy};\n  "
        return "\n".join([*text, head + "\n  ".join(rules) + "\n}"])

    def device_table(self):
        self.sets = []
        chains = []
        for at, link in enumerate(self.dice.sample(("eth0", "eth1", "eth2"), self.any((1, 2)))):
            below = []
            if self.chance(50):
                chains.append(f"chain d{at} {{\n  " + "\n  ".join(self.rule("netdev", "ingress", True, []) for _ in range(3)) + "\n}")
                below = [f"d{at}"]
            rules = [self.rule("netdev", "ingress", True, below) for _ in range(self.dice.randrange(1, 6))]
            hook = "egress" if link == "eth2" else "ingress"
            chains.append(
                f'chain b{at} {{\n  type filter hook {hook} device "{link}" priority {self.any((0, 5))}; policy accept;\n  '
                + "\n  ".join(rules)
                + "\n}"
            )
        return "table netdev nd {\n" + "\n".join([*self.sets, *chains]) + "\n}\n"


def clash(one, other):
    """Whether two conditions ask for two protocols, which nft refuses in one rule."""

    def asks(text):
        words = set(text.replace(".", " ").split())
        return {
            group
            for group in (("ip", "ip6", "ipv4", "ipv6", "frag"), ("tcp", "udp", "l4proto", "th"))
            for word in group
            if word in words and (group, word)
        }, words

    first, second = asks(one)[1], asks(other)[1]
    for group in ({"ip", "ip6", "ipv4", "ipv6", "frag", "hdrlength"}, {"tcp", "udp", "l4proto", "th"}):
        if first & group and second & group and (first & group != second & group or first & group & {"l4proto", "nfproto"}):
            return True
    return False


def span(text):
    """(first, last) of a port, a range of ports, an address or a network."""
    if "." in text or ":" in text:
        network = ip_network(text)
        return int(network[0]), int(network[-1])
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def disjoint(texts):
    """Those that overlap none before them: nft refuses sets that overlap."""
    kept = []
    for text in texts:
        first, last = span(text)
        if all(last < low or first > high for low, high in map(span, kept)):
            kept.append(text)
    return kept


def disjoint_pairs(pairs):
    kept = []
    for pair in pairs:
        mine = [span(part) for part in pair]
        if all(
            any(last < low or first > high for (first, last), (low, high) in zip(mine, map(span, other), strict=True)) for other in kept
        ):
            kept.append(pair)
    return [" . ".join(pair) for pair in kept]


# Packets


def draw_packets(dice, count):
    """Packets whose ports and addresses lie at and around what the rules name; each with a source port of its own."""
    ports = sorted({number for port in PORTS for number in (port - 1, port, port + 1) if 0 < number < 65536})
    source_ports = dice.sample(range(1, 65536), count)
    senders = {4: _edges(NETS4, STRANGE4), 6: _edges(NETS6, STRANGE6)}
    targets = {4: (*HOST4, *HOST4, *BACK4, "198.18.64.200"), 6: (*HOST6, *HOST6, *BACK6, "fd00:64::200")}
    numbers = {version: [span(text)[0] for text in texts] for version, texts in targets.items()}
    packets = []
    for at in range(count):
        version = 4 if dice.randrange(100) < 60 else 6
        usual, strange, wide = senders[version]
        roll = dice.randrange(100)
        if roll < 2:
            source = dice.choice(strange)
        elif roll < 70:
            source = dice.choice(usual)
        else:
            first, last = dice.choice(wide)
            source = dice.randint(first, last)
        port = dice.choice(ports) if dice.randrange(100) < 75 else dice.randrange(65536)
        transport = Transport.TCP if dice.randrange(100) < 60 else Transport.UDP
        link = dice.choice(("eth0", "eth0", "eth1"))
        packets.append(
            Packet(transport, Address(version, source), Address(version, dice.choice(numbers[version])), port, source_ports[at], link)
        )
    return packets


def _edges(nets, strange):
    """Addresses at the ends of the networks and just beside; strange ones; the networks themselves."""
    spans = [span(text) for text in nets]
    # nobody sends from what is left out of here: the sandbox's own ends would answer for it
    usual = sorted({number for first, last in spans for number in (first - 1, first, first + 1, last - 1, last, last + 1)})
    return usual, [span(text)[0] for text in strange], spans
