"""A kernel that lacks something, as far as one process and its children can tell: their messages to it are looked at, and refused or made to fail, by seccomp(2).

- A netlink protocol may be missing as a whole: socket(2) fails as it does there.
- A kind of message may be unknown: what is sent fails with the error that the kernel would answer with.
- An expression of nftables may be missing: its name is changed on the way, so that the kernel itself refuses what it does not know, in its own words.
"""

import array
import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading

NUMBERS = {"x86_64": (41, 44, 46, 317, 0xC000003E), "aarch64": (198, 206, 211, 277, 0xC00000B7)}
"""By processor: socket, sendto, sendmsg, seccomp, and its AUDIT_ARCH (linux/audit.h)."""
KNOWN = platform.machine() in NUMBERS
_PIDFD_GETFD = 438
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
"""SECCOMP_IOCTL_NOTIF_RECV and _SEND (linux/seccomp.h)."""
_CONTINUE, _NONE = 1, 0xFFFFFFFF
NETFILTER, CONNTRACK, SOCK_DESTROY = 12, 1, 21

# In the process itself: a filter of which whoever has the other end of the socket is told; then the program.
_LAUNCH = """
import ctypes, os, socket, struct, sys
one, numbers, missing = socket.socket(fileno=int(sys.argv[1])), eval(sys.argv[2]), int(sys.argv[3])
open_socket, sendto, sendmsg, seccomp, machine = numbers
ALLOW, NOTIFY, REFUSE = 0x7fff0000, 0x7fc00000, 0x00050000 | 93
load, equal, give = 0x20, 0x15, 0x06
lines = [(load, 0, 0, 4), (equal, 1, 0, machine), (give, 0, 0, ALLOW), (load, 0, 0, 0),
         (equal, 0, 5, open_socket), (load, 0, 0, 16), (equal, 0, 7, 16), (load, 0, 0, 32), (equal, 0, 5, missing), (give, 0, 0, REFUSE),
         (equal, 1, 0, sendto), (equal, 0, 2, sendmsg), (give, 0, 0, NOTIFY), (give, 0, 0, ALLOW), (give, 0, 0, ALLOW)]
code = b"".join(struct.pack("HBBI", *line) for line in lines)
text = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
listener = libc.syscall(seccomp, 1, 8, ctypes.byref(program))
if listener < 0:
    os._exit(99)
# Its first messages are looked at too: by whom the descriptor is taken away.
os.write(one.fileno(), struct.pack("ii", os.getpid(), listener))
one.recv(1)
os.close(listener)
one.close()
os.execv(sys.argv[4], sys.argv[4:])
"""


class Lacking:
    """What is missing: `protocol` (a netlink protocol), `messages` (a function: message's type -> errno or None), `expression` (of nftables)."""

    def __init__(self, *, protocol=None, messages=None, expression=None):
        self.protocol, self.messages, self.expression = protocol, messages or (lambda _: None), expression
        self.refused = 0
        """Messages that met the lack."""

    def run(self, host, command, **options):
        """A program to its end on such a kernel; (status, stdout, stderr)."""
        ours, theirs = socket.socketpair()
        words = [
            sys.executable,
            "-c",
            _LAUNCH,
            theirs.fileno(),
            NUMBERS[platform.machine()],
            _NONE if self.protocol is None else self.protocol,
            *command,
        ]
        process = host.start(list(map(str, words)), pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        theirs.close()
        with ours:
            told = ours.recv(8)
            assert len(told) == 8, process.communicate()
            listener = _take(*struct.unpack("ii", told))
            over = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(listener, over), daemon=True)
            watcher.start()
            ours.send(b"!")
        out, err = process.communicate(timeout=60)
        over.set()
        watcher.join()
        os.close(listener)  # what it has left behind finds no kernel at all
        return process.returncode, out, err

    def _watch(self, listener, over):
        """Until nobody is left to be watched, or it is over."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not over.is_set():
            events = poll.poll(50)
            if any(event & (select.POLLHUP | select.POLLERR) for _, event in events):
                return
            if not events:
                continue
            question = array.array("B", bytes(80))
            try:
                fcntl.ioctl(listener, _RECEIVE, question)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):  # it ended before it could be asked about
                    continue
                return
            number, pid, _, call, _, _, *arguments = struct.unpack("QIIiIQ6Q", question.tobytes())
            value, error, flags = self._judge(pid, call, arguments)
            try:
                fcntl.ioctl(listener, _SEND, array.array("B", struct.pack("QqiI", number, value, error, flags)))
            except OSError:
                continue

    def _judge(self, pid, call, arguments):
        """(what the call returns, its error, whether it is just done)"""
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            if call == NUMBERS[platform.machine()][1]:
                data = _read(memory, arguments[1], arguments[2])
            else:
                _, _, vector, count = struct.unpack("QIxxxxQQ", _read(memory, arguments[1], 32))
                places = struct.iter_unpack("QQ", _read(memory, vector, 16 * count))
                data = b"".join(_read(memory, at, size) for at, size in places)
        if len(data) >= 16 and (refusal := self.messages(struct.unpack_from("H", data, 4)[0])) is not None:
            self.refused += 1
            return 0, -refusal, 0
        if self.expression is not None:
            name = self.expression.encode() + b"\0"
            head = struct.pack("HH", 4 + len(name), 1)  # NFTA_EXPR_NAME
            if head + name in data:
                self.refused += 1
                other = data.replace(head + name, head + b"x" * (len(name) - 1) + b"\0")
                with socket.socket(fileno=_take(pid, arguments[0])) as one:
                    return one.sendmsg([other], [], 0, (0, 0)), 0, 0
        return 0, 0, _CONTINUE


def _read(memory, at, size):
    memory.seek(at)
    return memory.read(size)


def _take(pid, descriptor):
    """Another process's descriptor, as one of ours (pidfd_getfd(2))."""
    holder = os.pidfd_open(pid)
    try:
        found = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, holder, descriptor, 0)
        if found < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return found
    finally:
        os.close(holder)
