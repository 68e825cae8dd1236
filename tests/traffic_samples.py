"""An office's traffic that never was, and sources that never tried its doors: for what faces show."""

from datetime import UTC, datetime, timedelta

from portulan.model.port import Transport
from portulan.model.scanner import Kind, Outcome, Scanner, Scanners, Tried, Verdict
from portulan.model.traffic import Aside, Bucket, Ended, FlowRow, Held, HostTraffic, Mark, Origin, PortTraffic, Skipped, Traffic

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TCP, UDP = Transport.TCP, Transport.UDP
ALL_BYTES = 1_400_000_000


def port(transport, number, service, bytes_, flows, protocols, marks=(), processes=None):
    return PortTraffic(
        transport, number, service, bytes_ // 700, bytes_, flows, bytes_ // 10, bytes_ - bytes_ // 10, bytes_ / ALL_BYTES, protocols, marks, processes
    )  # fmt: skip


PORTS = (
    port(TCP, 443, "https", 1_031_000_000, 9_121, {"tls": 9_100, "ssh": 1}, (Mark("ssh", "10.0.0.7", "203.0.113.80", 1, 31_000_000),)),
    port(UDP, 443, "https", 201_000_000, 812, {"quic": 812}),
    port(TCP, 80, "http", 92_000_000, 4_400, {"http": 4_301, "tls": 20, "rtsp": 1, "dns": 1}, (Mark("tls", "10.0.0.9", "2001:db8::53", 20, 4_000_000, "vpn.example.org"),)),
    port(TCP, 22, "ssh", 40_000_000, 12, {"ssh": 12}),
    port(UDP, 53, "domain", 14_200_000, 201_000, {"dns": 200_998}),
    port(UDP, 51820, None, 9_999_999, 2, {"wireguard": 2}),
    *(port(TCP, 40_000 + at, None, 100_000 - at, 1, {}) for at in range(8)),
    port(TCP, 993, "imaps", 900, 1, {"http": 1}, (Mark("http", "10.0.0.7", "198.51.100.4", 1, 900),)),
)  # fmt: skip
HOSTS = (
    HostTraffic("10.0.0.7", 1_200_000, 700_000_000, 60_000_000, 120_000, 12),
    HostTraffic("2001:db8:1234:5678:9abc:def0:1234:5678", 12, 900, 450, 1, 1),
)
ROWS = (
    FlowRow(TCP, "10.0.0.7", 50_123, "203.0.113.80", 443, "https", 20_000, 1_000_000, 21_000, 30_000_000, T0, T0 + timedelta(minutes=61), "ssh"),
    FlowRow(TCP, "10.0.0.9", 50_124, "198.51.100.4", 443, "https", 12, 2_000, 14, 90_000, T0, T0 + timedelta(seconds=2.5), "tls", "www.example.org"),
    FlowRow(UDP, "2001:db8::7", 50_125, "2001:db8::53", 53, "domain", 1, 90, 1, 210, T0, T0 + timedelta(milliseconds=3), "dns"),
    FlowRow(TCP, "10.0.0.9", 50_126, "198.51.100.5", 40_000, None, 1, 60, 0, 0, T0, T0, None, "evil\x1b[2J\u202e.example"),
)  # fmt: skip
SERVICES = (
    (TCP, 443, "https", 9),
    (UDP, 443, "https", 4),
    (TCP, 80, "http", 3),
    (TCP, 22, "ssh", 2),
    (UDP, 53, "domain", 1),
    (TCP, None, None, 1),
)
BUCKETS = tuple(
    Bucket(T0 + timedelta(minutes=at), 60.0, transport, number, service, 100 * weight, 100_000 * weight * (1 + (at * 7 + weight) % 13))
    for at in range(62)
    for transport, number, service, weight in SERVICES
    if (at + weight) % 5
)  # fmt: skip
OFFICE = Traffic(
    (Origin("office.pcap", "pcap", 4_241_806, 1_470_000_000, Ended.COMPLETE),), 4_241_806, ALL_BYTES, 241_851, T0, T0 + timedelta(minutes=62), PORTS, HOSTS, ROWS,
    BUCKETS, (Aside("not-ip", 8_000, 480_000), Aside("icmp", 300, 30_000)), 500_000,
)  # fmt: skip
TRAFFIC = {
    "office": OFFICE,
    "truncated": OFFICE._replace(origins=(Origin("office.pcap", "pcap", 10, 1_000, Ended.TRUNCATED, 1_234_567),), aside=()),
    "damaged": OFFICE._replace(origins=(Origin("a.pcapng", "pcapng", 10, 1_000, Ended.DAMAGED, 96),), aside=()),
    "resynced": OFFICE._replace(origins=(Origin("a.pcap", "pcap", 10, 1_000, Ended.COMPLETE, skipped=(Skipped(96, 4_095), Skipped(9_000, 9_010))),), aside=()),
    "past the cap": OFFICE._replace(aside=(Aside("past-the-cap", 12, 900), Aside("later-fragment", 1, 60)), cap=1_000),
    "live": OFFICE._replace(
        origins=(Origin("eth0", "live", 990_000, 1_470_000_000, Ended.STOPPED, dropped=10_000, sampled=10),), aside=(),
        ports=(PORTS[0]._replace(processes=(Held(812, "nginx", 9_000, 9), Held(4242, "ssh\x1b[1m", 1, 1))), PORTS[4]._replace(processes=())),
    ),
    "nothing": Traffic((Origin("empty.pcap", "pcap", 0, 24, Ended.COMPLETE),), 0, 0, 0, None, None, (), (), (), (), (), 500_000),
}  # fmt: skip
EVIDENCE = tuple(
    Tried(T0 + timedelta(milliseconds=250 * at), "198.18.0.2", number, "tcp", outcome)
    for at, (number, outcome) in enumerate(((21, Outcome.REFUSED), (22, Outcome.ANSWERED), (23, Outcome.REFUSED), (25, Outcome.SILENT), (53, Outcome.REFUSED)))
)  # fmt: skip
PORTS_TRIED = tuple(f"{number}/tcp" for number in range(1, 213))
VERTICAL = Scanner(
    ("203.0.113.66",), Verdict.SCANNER, Kind.VERTICAL, T0, T0 + timedelta(seconds=9), 5, 212, 1, PORTS_TRIED, 0, ("22/tcp", "443/tcp"), EVIDENCE, 256.0
)  # fmt: skip
HORIZONTAL = Scanner(
    ("2001:db8::66",), Verdict.SCANNER, Kind.HORIZONTAL, T0, T0 + timedelta(hours=3), 4, 254, 254, ("23/tcp",), 0, (), EVIDENCE[:4], 256.0
)  # fmt: skip
DISTRIBUTED = Scanner(
    tuple(f"198.51.100.{at}" for at in range(1, 40)), Verdict.SCANNER, Kind.DISTRIBUTED, T0, T0 + timedelta(minutes=5), 6, 78, 1, PORTS_TRIED[:78], 22, ("22/tcp", "53/udp", "80/tcp", "443/tcp"), EVIDENCE, 1024.0,
)  # fmt: skip
BACKSCATTER = Scanner(("192.0.2.80",), Verdict.BACKSCATTER, Kind.BACKSCATTER, T0, T0 + timedelta(seconds=30), None, 900, 300, ("80/tcp",), 0, (), (), 0.0)  # fmt: skip
SCANNERS = {
    "one": Scanners((VERTICAL,), 14, 12, 1, 0, 0, T0, T0 + timedelta(minutes=10)),
    "all kinds": Scanners((VERTICAL, HORIZONTAL, DISTRIBUTED, BACKSCATTER), 1_400, 1_200, 100, 3, 1_000_000, T0, T0 + timedelta(hours=4)),
    "nobody": Scanners((), 14, 13, 1, 0, 0, T0, T0 + timedelta(minutes=10)),
    "one way": Scanners((), 0, 0, 0, 31, 0, T0, T0 + timedelta(minutes=10)),
    "nothing at all": Scanners((), 0, 0, 0, 0, 0, None, None),
}  # fmt: skip
