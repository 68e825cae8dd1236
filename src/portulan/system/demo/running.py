"""A program at work on a host of a sandbox, whose talk is gathered as it comes: through a pipe, or on a terminal of its own, for programs that draw."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import termios
import time
import tty
from typing import TYPE_CHECKING

from portulan.errors import CannotTell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.system.sandbox import Host

_PART = 1 << 16
PATIENCE_S = 60.0


class Running:
    """Begun when it is made. What it says on standard error stands where it came among what it says on standard output."""

    def __init__(
        self,
        host: Host,
        command: Sequence[str],
        *,
        folder: str | None = None,
        terminal: tuple[int, int] | None = None,
        keyboard: bool = False,
        talk: bool = True,
    ) -> None:
        """`terminal`: columns and lines of one, else it writes to a pipe. `keyboard`: it may be typed to. `talk`: standard error is gathered too. Raises as `Host.start` does."""
        self._gathered = bytearray()
        self._keyboard: int | None = None
        self._sources: list[int] = []
        error = subprocess.DEVNULL
        ends: list[int] = []
        if terminal is not None:
            near, out = os.openpty()
            tty.setraw(out)
            termios.tcsetwinsize(out, (terminal[1], terminal[0]))
            self._keyboard = near if keyboard else None
        else:
            near, out = os.pipe()
        self._sources.append(near)
        ends.append(out)
        if talk and terminal is not None:  # standard error is no terminal, so that nothing draws there
            near, error = os.pipe()
            self._sources.append(near)
            ends.append(error)
        elif talk:
            error = out
        try:
            self._process = host.start(command, folder=folder, stdin=out if keyboard else subprocess.DEVNULL, stdout=out, stderr=error)
        except BaseException:
            self._close()
            raise
        finally:
            for end in ends:
                os.close(end)

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._gathered.decode("utf-8", "replace")

    def gather(self, wait_s: float) -> bool:
        """Gather what it says, for so long at most; False when it has said all."""
        end_s = time.monotonic() + wait_s
        while self._sources:
            poll = select.poll()
            for source in self._sources:
                poll.register(source, select.POLLIN)
            if not (ready := poll.poll(max(0.0, end_s - time.monotonic()) * 1000)):
                return True
            for source, _ in sorted(ready, key=lambda each: self._sources.index(each[0])):
                self._take(source)
        return False

    def _take(self, source: int) -> None:
        try:
            part = os.read(source, _PART)
        except OSError:  # EIO: nobody has the terminal any more
            part = b""
        self._gathered += part
        if not part:
            self._sources.remove(source)
            os.close(source)
            if source == self._keyboard:
                self._keyboard = None

    def stop(self) -> None:
        """Ask it to end as its reader would: by q where it has a keyboard, else by Ctrl-C."""
        if self._keyboard is not None:
            os.write(self._keyboard, b"q")
        else:
            self._process.send_signal(signal.SIGINT)

    def end(self, patience_s: float = PATIENCE_S) -> int:
        """Wait until it has ended; its exit status. Raises CannotTell when it takes too long: it is killed then."""
        if self.gather(patience_s):
            self._process.kill()
            self._process.wait()
            self._close()
            raise CannotTell("sandbox.timeout", command=" ".join(map(str, self._process.args)), timeout_s=patience_s)  # type: ignore[arg-type] # a list
        return self._process.wait()

    def _close(self) -> None:
        for source in self._sources:
            os.close(source)
        self._sources.clear()


def await_ears(host: Host, patience_s: float = PATIENCE_S) -> None:
    """Wait until somebody on that host hears packets (packet(7)). Raises CannotTell."""
    end_s = time.monotonic() + patience_s
    with host.enter():
        while not any(line.split()[5] == "1" for line in _packet_sockets()):
            if time.monotonic() > end_s:
                raise CannotTell("demo.deaf", host=host.name, timeout_s=patience_s)
            time.sleep(0.01)


def _packet_sockets() -> list[str]:
    """Lines of /proc/net/packet; the sixth word tells whether the socket is at work (net/packet/af_packet.c, packet_seq_show)."""
    with open("/proc/thread-self/net/packet", encoding="ascii") as file:
        return file.read().splitlines()[1:]
