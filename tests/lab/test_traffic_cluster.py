"""A capture of which the workers of a Dask cluster read parts: the same answer."""

import struct
import subprocess
import sys

import msgspec
import pytest

from labs import PORTULAN

pytestmark = pytest.mark.lab
PORT = 8786


def test_a_cluster_reads_the_same(sandbox, tmp_path):
    host = sandbox.host("boss")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "folder": tmp_path}
    dask = [sys.executable, "-m", "dask"]
    host.start([*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard", "--no-show"], **quiet)
    host.wait_for_port(PORT, timeout_s=60)
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0", "--local-directory", str(tmp_path)]
    host.start([*dask, "worker", f"tcp://127.0.0.1:{PORT}", "--host", "127.0.0.1", *options], **quiet)
    path = tmp_path / "many.pcap"
    path.write_bytes(capture(4000))
    words = [PORTULAN, "traffic", "--by", "flow", "--top", "100", "--json", "--read", str(path)]
    alone, together = (host.run([*words, *more], timeout_s=60) for more in ((), ("--cluster", f"tcp://127.0.0.1:{PORT}")))
    assert (alone.returncode, together.returncode, together.stderr) == (0, 0, "")
    first, second = ({**msgspec.json.decode(done.stdout), "taken_at": None} for done in (alone, together))
    assert first == second
    assert (first["packets"], first["flows"], first["items"][0]["name"]) == (4000, 50, "host49.example")


def capture(count):
    """HTTP requests, of 50 flows, the later ones larger."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    for number in range(count):
        flow = number % 50
        payload = b"GET / HTTP/1.1\r\nHost: host%d.example\r\n\r\n" % flow + bytes(flow)
        tcp = struct.pack(">HHIIBBHHH", 40_000 + flow, 80, number, 1, 5 << 4, 24, 1024, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, bytes((10, 0, 0, 7)), bytes((203, 0, 113, 80)))
        frame = bytes(12) + b"\x08\x00" + ip + tcp + payload
        data += struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame
    return data
