"""Policies made by hand, with everything in them that a policy can say."""

from portulan.model.policy import (
    EVERYONE,
    THIS_HOST,
    Crossing,
    Limit,
    Line,
    Part,
    Per,
    Policy,
    Refusal,
    Source,
    Spot,
    Zone,
)
from portulan.model.port import Transport
from portulan.model.portset import parse_portset
from portulan.model.reach import Sources

FILE = "/etc/portulan/portulan.toml"
EVERYBODY, HERE = Source(EVERYONE, (Part(),)), Source(THIS_HOST, ())
TCP, UDP, SCTP = Transport.TCP, Transport.UDP, Transport.SCTP


def spot(line):
    return Spot(FILE, line)


def ports(**texts):
    """ports(tcp="443", udp="53,67")"""
    return tuple((Transport(kind), parse_portset(text)) for kind, text in texts.items())


OFFICE = Source(
    "office",
    (Part(Sources(((0x0A000001, 0x0A000001), (0x0B000003, 0x0B000009), (0xC6336400, 0xC63364FF)), ((0x20010DB8 << 96, (0x20010DB8 << 96) + (1 << 80) - 1),))),),
    spot(3),
)  # fmt: skip
LAN = Source("lan", (Part(None, ("eth1", "wg*")),), spot(4))
VPN = Source('v"p\\n ナ', (Part(Sources(((0x0A080000, 0x0A0800FF),)), ("wg0",)),), spot(5))
HTTPS = Line("https", ports(tcp="443", udp="443"), (EVERYBODY,), spot(10))
SSH = Line(
    "ssh", ports(tcp="22"), (OFFICE, LAN), spot(11), limit=Limit(10, Per.MINUTE, 5), log=True,
    note='he said "x" \\ } drop\n add table ip evil *',
)  # fmt: skip
FTP = Line("ftp", ports(tcp="21"), (OFFICE,), spot(12), helper="ftp")
SIP = Line("sip", ports(tcp="5060", udp="5060"), (EVERYBODY,), spot(13), helper="sip", log=True)
DOORS = (
    HTTPS, SSH, FTP, SIP,
    Line("5432/tcp", ports(tcp="5432"), (OFFICE, VPN), spot(14)),
    Line("8000-8010/tcp", ports(tcp="8000-8010"), (HERE,), spot(15)),
    Line("8005/tcp", ports(tcp="8005"), (OFFICE,), spot(16), note="*"),
    Line("m", ports(sctp="36412"), (LAN,), spot(17), note="*"),
    Line("7000-7010", ports(tcp="7000-7010", udp="7000-7010"), (VPN,), spot(18)),
    Line("7005", ports(tcp="7005", udp="7005"), (LAN,), spot(19), limit=Limit(3, Per.DAY, 20)),
)  # fmt: skip
HOST = Policy(FILE, "", (OFFICE, LAN, VPN), DOORS, refusal=Refusal.REJECT, log=Limit(10, Per.MINUTE, 7), ping=(OFFICE, LAN))
INSIDE, OUTSIDE = Zone("inside", ("eth1", "eth2"), spot(1)), Zone("outside", ("eth0", "ppp*"), spot(2))
CROSSINGS = (
    Crossing(
        "inside -> outside", INSIDE, OUTSIDE, ports(tcp="25,80,443", udp="443"), spot(20), masquerade=True, limit=Limit(1, Per.SECOND, 5)
    ),
    Crossing("outside -> inside", OUTSIDE, INSIDE, (), spot(21), everything=True, log=True),
)
GATEWAY = HOST._replace(zones=(INSIDE, OUTSIDE), crossings=CROSSINGS, outgoing=DOORS[:2], refusal=Refusal.DROP, log=None)
