"""Policies drawn by lot, as the text of a file: everything that one may say, in every mixture."""

from ipaddress import IPv4Network, IPv6Network

SERVICES = ("ssh", "smtp", "http", "https", "domain", "imaps", "postgresql", "ntp", "ldaps", "rdp")
LINKS = ("eth0", "eth1", "wg0", "tun*", "eth*")
NEAR = (0x0A000000, 0x0A0001F0, 0xC6336400, 0xCB007100, 0xC0000200, 0xE0000000 - 512)
NEAR_6 = (0x20010DB8 << 96, (0x20010DB8 << 96) + (5 << 64), 0x2A << 120, 0x3FFF << 112)
FILE = "partners.txt"


def draw_policy(dice):
    """(the text of a policy, the files of networks that it names)"""
    files = {FILE: "# partners\n" + "\n".join(network(dice) for _ in range(dice.randrange(1, 30))) + "\n"}
    zones = draw_zones(dice) if dice.random() < 0.3 else {}
    names = list(zones)
    parts = [draw_settings(dice)]
    lines = []
    for number in range(dice.randrange(5)):
        name = f"net{number}"
        lines.append(f"{name} = {draw_source(dice, [each for each in names if each not in zones])}")
        names.append(name)
    if lines:
        parts.append("[sources]\n" + "\n".join(lines))
    if zones:
        parts.append("[zones]\n" + "\n".join(f"{name} = {quoted(links)}" for name, links in zones.items()))
    senders = [*names, "everyone", "this-host", "nobody"]
    parts.append("[doors]\n" + "\n".join(draw_lines(dice, senders, "from")))
    if dice.random() < 0.25:
        parts.append("[outgoing]\n" + "\n".join(draw_lines(dice, [name for name in senders if name not in ("this-host", "nobody")], "to")))
    if len(zones) > 1:
        parts.append("[forward]\n" + "\n".join(draw_crossings(dice, list(zones))))
    return "\n\n".join(parts) + "\n", files


def draw_settings(dice):
    lines = ["[settings]"]
    if dice.random() < 0.4:
        lines.append(f'refuse = "{dice.choice(("drop", "reject"))}"')
    if dice.random() < 0.2:
        lines.append('log = "10/minute"')
    return "\n".join(lines)


def draw_zones(dice):
    links = [link for link in LINKS if not link.startswith("eth*")]
    dice.shuffle(links)
    return {name: [links.pop() for _ in range(dice.choice((1, 1, 2)))] for name in ("inside", "outside")}


def quoted(words):
    words = [f'"{word}"' for word in words]
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def network(dice):
    """A network, an address or a range, often close to others."""
    if dice.random() < 0.6:
        size = dice.choice((8, 16, 20, 24, 24, 28, 31, 32))
        start = dice.choice(NEAR) + dice.randrange(1024) if dice.random() < 0.8 else dice.randrange(1 << 24, 223 << 24)
        if dice.random() < 0.2:
            last = IPv4Network((start + dice.randrange(1, 700), 32))
            return f"{IPv4Network((start, 32)).network_address}-{last.network_address}"
        return str(IPv4Network((start >> 32 - size << 32 - size, size)))
    size = dice.choice((16, 32, 48, 56, 64, 127, 128))
    start = dice.choice(NEAR_6) + (dice.randrange(1 << 20) << dice.choice((0, 60, 64)))
    return str(IPv6Network((start >> 128 - size << 128 - size, size)))


def draw_source(dice, known):
    kind = dice.random()
    if kind < 0.15:
        return f'"interface {dice.choice(LINKS)}"'
    if kind < 0.35:
        networks = quoted([network(dice) for _ in range(dice.randrange(1, 4))])
        return f'{{ interface = "{dice.choice(LINKS)}", networks = {networks} }}'
    parts = [network(dice) for _ in range(dice.randrange(1, 6))]
    if known and dice.random() < 0.3:
        parts.append(dice.choice(known))
    if dice.random() < 0.15:
        parts.append(f"file {FILE}")
    return quoted(parts)


def draw_door(dice):
    """The key of a line."""
    kind = dice.random()
    if kind < 0.35:
        return dice.choice(SERVICES)
    first = dice.choice((dice.randrange(1, 65_536), dice.randrange(1, 1_100), 65_535, 1, 8_000 + dice.randrange(20)))
    text = str(first) if kind < 0.65 else f"{first}-{min(65_535, first + dice.choice((1, 3, 10, 500, 30_000)))}"
    return f'"{text}{dice.choice(("/tcp", "/udp", "", "/tcp") * 4 + ("/sctp",))}"'


def draw_lines(dice, senders, word):
    lines = {}
    for _ in range(dice.randrange(1, 12)):
        chosen = dice.sample(senders, min(len(senders), dice.choice((1, 1, 1, 2, 3))))
        who = quoted(chosen)
        more = draw_more(dice)
        lines[draw_door(dice)] = f"{{ {word} = {who}{more} }}" if more else who
    if dice.random() < 0.5:
        lines["ping"] = quoted([dice.choice(senders)])
    return [f"{door} = {what}" for door, what in lines.items()]


def draw_more(dice):
    """What a line says besides."""
    more = ""
    if dice.random() < 0.2:
        more += f', limit = "{dice.choice((1, 2, 10))}/{dice.choice(("minute", "hour", "day"))} burst {dice.choice((1, 3, 10))}"'
    if dice.random() < 0.1:
        more += ", log = true"
    if dice.random() < 0.15:
        more += f", until = {dice.choice(('2020-02-29', '2099-12-31'))}"
    if dice.random() < 0.1:
        more += ', note = "a note: } ; # drop"'
    return more


def draw_crossings(dice, zones):
    lines = {}
    for first, second in ((zones[0], zones[1]), (zones[1], zones[0])):
        if dice.random() < 0.3:
            continue
        kind = dice.random()
        if kind < 0.25:
            lines[f'"{first} -> {second}"'] = '"everything"'
        else:
            doors = ", ".join(
                door if door.startswith('"') else f'"{door}"' for door in {draw_door(dice) for _ in range(dice.randrange(1, 5))}
            )
            more = draw_more(dice) + (", masquerade = true" if dice.random() < 0.2 else "")
            lines[f'"{first} -> {second}"'] = f"{{ doors = [{doors}]{more} }}" if more else f"[{doors}]"
    return [f"{way} = {what}" for way, what in lines.items()]
