"""Captures drawn by lot, in every form there is, and what can be done to them."""

from struct import pack

from capture_loop import MARK, SECTION

PCAP_FORMS = [(order, magic) for order in "<>" for magic in (0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34)]


def pcap_head(order="<", magic=0xA1B2C3D4, *, minor=4, snap=262_144, link=1):
    return pack(order + "IHHIIII", magic, 2, minor, 0, 0, snap, link)


def pcap_record(frame, order="<", magic=0xA1B2C3D4, *, seconds=1_700_000_000, part=0, length=None, minor=4):
    length = len(frame) if length is None else length
    lengths = (len(frame), length) if minor >= 3 else (length, len(frame))
    more = b"\x02\x00\x00\x00\x08\x00\x00\x00" if magic == 0xA1B2CD34 else b""
    return pack(order + "IIII", seconds, part, *lengths) + more + frame


def block(kind, body, order="<"):
    """A pcapng block of any kind; the body is padded."""
    body += bytes(-len(body) % 4)
    size = pack(order + "I", len(body) + 12)
    return pack(order + "I", kind) + size + body + size


def option(code, value, order="<"):
    return pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<", options=b""):
    return block(SECTION, pack(order + "IHHq", MARK, 1, 0, -1) + options, order)


def interface(order="<", link=1, snap=262_144, options=b""):
    return block(1, pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(frame, order="<", which=0, ticks=1_700_000_000_000_000, length=None, options=b""):
    head = pack(order + "IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) if length is None else length)
    return block(6, head + frame + bytes(-len(frame) % 4) + options, order)


def obsolete(frame, order="<", which=0, ticks=1_700_000_000_000_000, length=None):
    head = pack(order + "HHIIII", which, 3, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) if length is None else length)
    return block(2, head + frame, order)


def simple(frame, order="<", length=None):
    return block(3, pack(order + "I", len(frame) if length is None else length) + frame, order)


def frame_by(dice, most=200):
    """Bytes of a packet; at times they look like records themselves, or like anything that is often met."""
    kind = dice.random()
    if kind < 0.1:
        return bytes(dice.randrange(most))
    if kind < 0.2:
        inner = b"".join(pcap_record(dice.randbytes(dice.randrange(30))) for _ in range(dice.randrange(8)))
        return inner[: dice.randrange(len(inner) + 1)]
    if kind < 0.3:
        return bytes(-(dice.randrange(4)) % 4) + b"".join(enhanced(dice.randbytes(dice.randrange(30))) for _ in range(dice.randrange(6)))
    return dice.randbytes(dice.randrange(most))


def pcap_by(dice, count=None, most=200):
    """A pcap file, sound."""
    order, magic = dice.choice(PCAP_FORMS)
    minor = dice.choice((4, 4, 4, 3, 2))
    ticks = 10**9 if magic == 0xA1B23C4D else 10**6
    now, parts = (
        dice.randrange(2**32),
        [pcap_head(order, magic, minor=minor, snap=dice.choice((0, 96, 65_535, 2**31)), link=dice.choice((0, 1, 113)))],
    )
    for _ in range(dice.randrange(40) if count is None else count):
        frame = frame_by(dice, most)
        length = len(frame) + dice.choice((0, 0, 0, 1000))
        parts.append(pcap_record(frame, order, magic, seconds=now % 2**32, part=dice.randrange(ticks), length=length, minor=minor))
        now += dice.choice((0, 0, 0, 1, 1, 100_000))
    return b"".join(parts)


def options_by(dice, order):
    """Options of an interface."""
    parts = [b""]
    if dice.random() < 0.6:
        parts.append(
            option(9, bytes((dice.choice((3, 6, 6, 9, 9, 0, 12, 19, 20, 0x80, 0x8A, 0x9E, 0xA0, 0xA2, 0xA3, 0xBF, 0xC0, 0xFF)),)), order)
        )
    if dice.random() < 0.3:
        parts.append(option(14, pack(order + "q", dice.choice((0, 3600, -7200, 2**33, -(2**63), 2**63 - 1))), order))
    if dice.random() < 0.5:
        parts.append(option(2, b"eth0", order))
    if dice.random() < 0.2:
        parts.append(option(12, b"Linux", order)[: dice.randrange(9)])
    dice.shuffle(parts)
    if dice.random() < 0.5:
        parts.append(option(0, b"", order))
    return b"".join(parts)


def pcapng_by(dice, count=None, most=200):
    """A pcapng file, sound: sections of both byte orders, interfaces of several kinds at any place, packets in all three forms, and other blocks."""
    order, parts, described = dice.choice("<>"), [], 0
    restless = dice.choice((0.0, 0.05, 0.3))
    for step in range(dice.randrange(50) if count is None else count):
        lot = dice.random()
        if step == 0 or lot < restless * 0.4:
            order, described = dice.choice("<>"), 0
            parts.append(section(order, option(4, b"by lot", order) if dice.random() < 0.5 else b""))
        elif (not described and lot < 0.95) or lot < restless:
            parts.append(interface(order, dice.choice((1, 1, 101, 113)), dice.choice((0, 0, 64, 262_144)), options_by(dice, order)))
            described += 1
        elif lot < restless + 0.05:
            parts.append(block(dice.choice((4, 5, 9, 10, 0xBAD, 0x40000BAD, 0)), dice.randbytes(dice.randrange(60)), order))
        else:
            parts.append(packet_by(dice, order, described, most))
    return b"".join(parts) or section(order)


def packet_by(dice, order, described, most):
    frame, which = frame_by(dice, most), dice.randrange(described + 1) if dice.random() < 0.03 else dice.randrange(max(described, 1))
    length = len(frame) + dice.choice((0, 0, 0, 500))
    ticks = dice.choice((1_700_000_000_000_000 + dice.randrange(10**10), dice.randrange(2**64)))
    lot = dice.random()
    if lot < 0.1:
        return simple(frame, order, length)
    if lot < 0.2:
        return obsolete(frame, order, which, ticks, length)
    return enhanced(frame, order, which, ticks, length, option(2, bytes(4), order) if dice.random() < 0.2 else b"")


def capture_by(dice, count=None, most=200):
    """A sound file of either format."""
    return (pcap_by if dice.random() < 0.5 else pcapng_by)(dice, count, most)


def spoil(dice, data):
    """Something is done to a file, anywhere behind its header."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        at = dice.randrange(min(28, len(changed)), len(changed) + 1)
        lot = dice.randrange(6)
        if lot == 0 and at < len(changed):
            changed[at] ^= 1 << dice.randrange(8)
        elif lot == 1:
            value = dice.choice((0, 1, 4, 8, 11, 12, 16, 28, 2**18, 2**24, 2**31, 2**32 - 1, len(data) - at, dice.randrange(300)))
            at &= ~3 if dice.random() < 0.7 else ~0
            changed[at : at + 4] = pack(dice.choice("<>") + "I", value % 2**32)
        elif lot == 2:
            del changed[at:]
        elif lot == 3:
            del changed[at : at + dice.randrange(1, 40)]
        elif lot == 4:
            changed[at:at] = dice.randbytes(dice.randrange(1, 40))
        else:
            changed[at : at + dice.randrange(200)] = bytes(dice.randrange(200))
    return bytes(changed)
