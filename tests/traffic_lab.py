"""Traffic for the lab tests of listening: programs that make some, and judges that count it."""

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATAGRAMS, CONNECTIONS = 7001, 7002
CLIENT = """
import socket, sys
open("/proc/self/comm", "w").write("short-client")
for number in range(int(sys.argv[2])):
    one = socket.create_connection((sys.argv[1], 7002)); one.sendall(b"ask"); one.recv(8); one.close()
    two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); two.sendto(b"ask", (sys.argv[1], 7001)); two.close()
"""
SERVER = """
import socket
open("/proc/self/comm", "w").write("test-server")
door, other = socket.create_server(("", 7002), backlog=256), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.bind(("", 7001))
while True:
    one, _ = door.accept(); one.recv(8); one.sendall(b"answer"); one.close()
"""


def root_of_watchers():
    """The private root with tcpdump, tshark and libpcap, or why there is none."""
    from portulan.system.sandbox.root import open_root

    return open_root(REPOSITORY / ".cache/roots/watchers")


def send(host, address, count, *, port=DATAGRAMS, source=None, sizes=range(1, 1200)):
    """So many datagrams of different sizes from there."""
    with host.enter():
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with one:
        if source is not None:
            one.bind(("", source))
        sizes = list(sizes)
        for number in range(count):
            one.sendto(bytes(sizes[number % len(sizes)]), (address, port))


def send_frames(host, frames, interface="eth0"):
    """Frames as they are."""
    with host.enter():
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with one:
        one.bind((interface, 0))
        for frame in frames:
            one.send(frame)


def frame(payload=b"", *, tags=(), source_port=40000, port=DATAGRAMS):
    """A datagram in an Ethernet frame, behind VLAN tags (kind, number), the outer first."""
    udp = source_port.to_bytes(2) + port.to_bytes(2) + (8 + len(payload)).to_bytes(2) + bytes(2) + payload
    ip = (
        bytes([0x45, 0])
        + (20 + len(udp)).to_bytes(2)
        + bytes(4)
        + bytes([64, 17, 0, 0])
        + socket.inet_aton("198.18.0.1")
        + socket.inet_aton("198.18.0.2")
    )
    words = b"".join(kind.to_bytes(2) + number.to_bytes(2) for kind, number in tags)
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + words + b"\x08\0" + ip + udp


def counters(host, interface="eth0"):
    """(packets, bytes) that the kernel has counted on an interface, both ways."""
    with host.enter():
        text = Path("/proc/thread-self/net/dev").read_text("ascii")
    values = [int(word) for word in re.search(rf"{interface}:(.*)", text)[1].split()]
    return values[1] + values[9], values[0] + values[8]


@contextmanager
def tcpdump(host, root, *words, file="/dev/null"):
    """tcpdump at work there; afterwards `.captured` is how many packets the kernel kept for it: it ends without a look at the last of them."""
    process = host.start(["tcpdump", "-i", "eth0", "-n", "-U", "-w", str(file), *words], root=root, stderr=subprocess.PIPE)
    while "listening on" not in process.stderr.readline():
        assert process.poll() is None
    yield process
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert "\n0 packets dropped by kernel" in said, said
    process.captured = int(re.search(r"(\d+) packets? received by filter", said)[1])


def tshark(host, root, path, *fields):
    """One row of fields for each packet of a file."""
    words = [word for field in fields for word in ("-e", field)]
    done = host.run(["tshark", "-n", "-r", str(path), "-T", "fields", *words], root=root, timeout_s=60)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def script(host, text, *words, **options):
    """Python of this environment there."""
    return host.start([sys.executable, "-c", text, *map(str, words)], **options)
