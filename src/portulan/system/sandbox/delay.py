"""Delay on a link: between its two ends a process takes every frame in, holds it for a while and passes it on, in order.

The kernel's own way (the netem queueing discipline) is missing from many kernels and bypassed by packet sockets. This one is a wire that is long: whatever is sent, however
it is sent, arrives later. The process has a network namespace of its own, with one end of two cables and no addresses; it ends with the sandbox.
"""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import select
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from struct import pack, pack_into, unpack_from
from typing import TYPE_CHECKING

from portulan.errors import BadInput, CannotTell, failed

if TYPE_CHECKING:
    from portulan.system.sandbox.host import Host

INTERFACES = "eth0", "eth1"
"""Towards the link's first end, and towards its second."""
CONTROL_SIZE = 128
DIRECTION_SIZE = 64
"""Of the control page, one part a direction: delay in nanoseconds (the parent writes it), then frames passed, frames lost because the relay was full, the latest one in
nanoseconds after its time, and the sum of that over all (the relay writes them); eight bytes each."""
MOST_DELAY_MS = 60_000.0
PACKETS = 65_536
READY = b"ready"
_START_TIMEOUT_S = 30.0
_SIOCETHTOOL, _SET_TRANSMIT_CHECKSUM = 0x8946, 0x17  # include/uapi/linux/sockios.h, ethtool.h


@dataclass(frozen=True, slots=True)
class Relayed:
    """What the relay of a link has done in one direction."""

    frames: int
    lost: int
    """Frames for which it had no room: the link was asked to hold more than it can."""
    most_late_ms: float
    """How much later than asked a frame went on, at the worst."""
    mean_late_ms: float


class Relay:
    """The process between two ends, and the page of memory shared with it."""

    def __init__(self, host: Host, mtu: int, packets: int) -> None:
        """Start the process on a host that has both cables; returns when it relays. Raises CannotTell, MachineFailed."""
        self.host = host
        page = os.memfd_create("portulan-relay")
        try:
            os.ftruncate(page, CONTROL_SIZE)
            self._control = mmap.mmap(page, CONTROL_SIZE)
            # Not from the folder of whoever runs us (-P), and with the very modules that we are.
            command = [sys.executable, "-P", "-m", "portulan.system.sandbox.relaying", *map(str, (page, mtu, packets))]
            environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
            process = host.start(command, environment=environment, stdout=subprocess.PIPE, pass_fds=[page])
        finally:
            os.close(page)
        assert process.stdout is not None
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        if not poll.poll(_START_TIMEOUT_S * 1000) or os.read(process.stdout.fileno(), len(READY)) != READY:
            raise CannotTell("sandbox.no-relay-started", packets=packets)

    def set_delay(self, direction: int, delay_ms: float) -> None:
        """Hold frames for so long; 0 towards the second end, 1 towards the first. Raises BadInput."""
        check_delay(delay_ms)
        pack_into("=q", self._control, direction * DIRECTION_SIZE, round(delay_ms * 1_000_000))

    def relayed(self, direction: int) -> Relayed:
        """What has been done so far."""
        frames, lost, most, total = unpack_from("=4q", self._control, direction * DIRECTION_SIZE + 8)
        return Relayed(frames, lost, most / 1_000_000, total / 1_000_000 / max(1, frames))


def check_delay(delay_ms: float) -> None:
    """Make sure that a delay is one. Raises BadInput."""
    if not 0 <= delay_ms <= MOST_DELAY_MS:
        raise BadInput("sandbox.delay", delay_ms=delay_ms)


def prepare(host: Host) -> None:
    """The relay's namespace says nothing of its own. Raises MachineFailed."""
    if host.has_ipv6:
        host.set("net.ipv6.conf.all.disable_ipv6", 1)
        host.set("net.ipv6.conf.default.disable_ipv6", 1)


def fill_in_checksums(host: Host, interface: str) -> None:
    """Let an interface send whole packets: by default the kernel leaves checksums, and cutting to size, to hardware that a veth has not. Raises MachineFailed."""
    value = array.array("I", [_SET_TRANSMIT_CHECKSUM, 0])
    request = pack("=16sQ8x", interface.encode(), value.buffer_info()[0])
    try:
        with host.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, _SIOCETHTOOL, request)
    except OSError as error:
        raise failed("set", f"checksums of {interface}", error) from error
