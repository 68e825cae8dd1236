"""Who holds which socket, from the kernel in one pass: loads the iterator of `wire.bpf` and reads it.

Needs CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN), BTF in /sys/kernel/btf/vmlinux and Linux 5.12
(bpf_get_socket_cookie for such programs: it gives a socket its cookie, so it does not matter whether sock_diag or the iterator comes first). It is used only in the first PID
namespace: the pids it tells are those of the machine, not of a container.
"""

from __future__ import annotations

import os
from struct import pack

from portulan.errors import CannotTell, NotPermitted, ParseError
from portulan.system.linux.procfs import effective_capabilities, read_file
from portulan.system.linux.syscall import syscall
from portulan.system.places import cache_folder
from portulan.wire.bpf import HOLDER, ITERATOR, NEEDED, STRUCTS, build_holders_program
from portulan.wire.btf import parse_btf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 21, 38, 39
_FIRST_PID_NAMESPACE = 0xEFFF_FFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h
_PROG_LOAD, _LINK_CREATE, _ITER_CREATE = 5, 28, 33
_TYPE_TRACING, _TRACE_ITER = 26, 28
_TYPES = "/sys/kernel/btf/vmlinux"


def check() -> None:
    """Raises NotPermitted or CannotTell where the iterator cannot be used; cheap, asks nothing of BPF yet."""
    held = effective_capabilities()
    if not (held >> CAP_SYS_ADMIN & 1 or (held >> CAP_PERFMON & 1 and held >> CAP_BPF & 1)):
        raise NotPermitted("bpf.forbidden", needs="CAP_BPF, CAP_PERFMON")
    try:
        if os.stat("/proc/self/ns/pid").st_ino != _FIRST_PID_NAMESPACE:
            raise CannotTell("bpf.pid-namespace")
    except OSError:
        raise CannotTell("bpf.pid-namespace") from None


def kernel_offsets(
    structs: Mapping[str, Sequence[str]] = STRUCTS,
    functions: Sequence[str] = (ITERATOR,),
    needed: Sequence[str] = NEEDED,
    name: str = "btf",
) -> dict[str, int]:
    """What a program must know of this kernel's structs, from a small cache of ours of that name or from BTF (50-110 ms, once a kernel).

    Raises CannotTell for a kernel without BTF, or whose BTF lacks what we need.
    """
    build = read_file("/sys/kernel/notes").hex()[-120:]  # ends with the build id
    path = os.path.join(cache_folder(), name)
    cached = _cached_offsets(path, build, needed)
    if cached is not None:
        return cached
    try:
        with open(_TYPES, "rb") as file:
            offsets = parse_btf(file.read(), structs, functions)
    except (OSError, ParseError):
        raise CannotTell("bpf.no-btf") from None
    if any(each not in offsets for each in needed):
        raise CannotTell("bpf.old-kernel")
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(fresh, "w", encoding="ascii") as file:
            file.write("\n".join([build, *(f"{each} {value}" for each, value in offsets.items()), _seal(offsets)]))
        os.replace(fresh, path)
    except OSError:
        pass  # nowhere to write: costs the parse again next time, nothing else
    return offsets


def _cached_offsets(path: str, build: str, needed: Sequence[str]) -> dict[str, int] | None:
    """The cache's content, if it is ours, whole, and of this kernel."""
    try:
        if os.stat(path).st_uid != os.geteuid():
            return None
        lines = read_file(path).decode("ascii").split("\n")
        offsets = {name: int(value) for name, value in (line.split(" ") for line in lines[1:-1])}
    except (OSError, ValueError):
        return None
    whole = lines[0] == build and lines[-1] == _seal(offsets)
    return offsets if whole and all(name in offsets for name in needed) else None


def _seal(offsets: Mapping[str, int]) -> str:
    """The last line of the cache: a cut or changed one does not have it."""
    return f"end {len(offsets)} {sum(offsets.values())}"


def read_holders(*, every_state: bool = False) -> Iterator[tuple[int, int, bytes, int, int, int, int, int, int, int]]:
    """HOLDER records of every descriptor of every process. Raises NotPermitted, CannotTell; OSError while loading."""
    check()
    import ctypes

    code = ctypes.create_string_buffer(build_holders_program(kernel_offsets(), every_state=every_state))
    licence = ctypes.create_string_buffer(b"GPL")  # the helpers it calls ask for it
    size = len(code) - 1
    program = link = iterator = -1
    try:
        attribute = pack(
            "<IIQQIIQII16sIIIIQIIQIII", _TYPE_TRACING, size // 8, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0,
            b"portulan", 0, _TRACE_ITER, 0, 0, 0, 0, 0, 0, 0, kernel_offsets()[ITERATOR], 0,
        )  # fmt: skip
        program = _bpf(_PROG_LOAD, attribute)
        link = _bpf(_LINK_CREATE, pack("<IIIIQII", program, 0, _TRACE_ITER, 0, 0, 0, 0))
        iterator = _bpf(_ITER_CREATE, pack("<II", link, 0))
        while True:
            try:
                data = os.read(iterator, 1 << 16)
            except BlockingIOError:
                continue  # a million descriptors without a record: the kernel asks us to go on
            if not data:
                return
            yield from HOLDER.iter_unpack(data)
    finally:
        for descriptor in (iterator, link, program):
            if descriptor >= 0:
                os.close(descriptor)


def _bpf(command: int, attribute: bytes) -> int:
    import ctypes

    return syscall("bpf", command, ctypes.create_string_buffer(attribute, len(attribute)), len(attribute))
