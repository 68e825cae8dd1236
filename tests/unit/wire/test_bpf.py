"""The program that lists holders, run by a small machine of the tests' own: what the kernel does with it, instruction by instruction."""

from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.wire.bpf import HOLDER, ITERATOR, NEEDED, REUSE_ADDRESS, REUSE_PORT, STRUCTS, build_holders_program

SIZES = {
    "task_struct.tgid": 4, "task_struct.start_boottime": 8, "task_struct.comm": 16, "task_struct.group_leader": 8, "task_struct.cred": 8,
    "cred.euid": 4, "socket.sk": 8, "net.ns": 0, "ns_common.inum": 4, "sock.sk_type": 2, "sock_common.skc_num": 2, "sock_common.skc_family": 2,
    "sock_common.skc_state": 2, "sock_common.skc_net": 8, "sock_common.skc_cookie": 8,
}  # fmt: skip
"""Bytes of each member (the flags byte behind skc_state counted with it)."""
OFFSETS = {
    "task_struct.tgid": 1512, "task_struct.start_boottime": 1600, "task_struct.comm": 1984, "task_struct.group_leader": 1576,
    "task_struct.cred": 1968, "cred.euid": 20, "socket.sk": 24, "net.ns": 144, "ns_common.inum": 16, "sock.sk_type": 516,
    "sock_common.skc_num": 14, "sock_common.skc_family": 16, "sock_common.skc_state": 18, "sock_common.skc_net": 48,
    "sock_common.skc_cookie": 96, ITERATOR: 4711,
}  # fmt: skip
TCP, UDP = 1, 2
"""Kinds of socket: SOCK_STREAM and SOCK_DGRAM."""
ESTABLISHED, TIME_WAIT, CLOSE, LISTEN = 1, 6, 7, 10


class Kernel:
    """Memory with a process, an open file and a socket in it, as the iterator shows them to the program."""

    def __init__(self, at=OFFSETS):
        self.at = at
        self.memory = {}
        self.written = []
        self.seq = self.place(bytes(8))
        self.meta = self.place(self.seq.to_bytes(8, "little"))

    def place(self, data):
        """Put bytes somewhere; the address."""
        base = 0x1000 * (len(self.memory) + 1)
        assert len(data) < 0x1000
        self.memory[base] = bytearray(data)
        return base

    def struct(self, **members):
        """A struct in memory, with members at their offsets in this kernel; what is not given reads as 0xEE."""
        data = bytearray(b"\xee" * 0xFF0)
        for name, value in members.items():
            full = name.replace("__", ".")
            data[self.at[full] : self.at[full] + SIZES[full]] = value if isinstance(value, bytes) else value.to_bytes(SIZES[full], "little")
        return self.place(data)

    def task(self, *, pid=77, start=123_456_789, name=b"nginx", uid=33, leader=None, cred=True):
        """A process; `leader` makes it a thread of another."""
        cred_at = self.struct(cred__euid=uid) if cred else 0
        task = self.struct(
            task_struct__tgid=pid, task_struct__start_boottime=start, task_struct__comm=name.ljust(16, b"\0"), task_struct__cred=cred_at,
        )  # fmt: skip
        place = self.at["task_struct.group_leader"]
        self.memory[task][place : place + 8] = (task if leader is None else leader).to_bytes(8, "little")
        return task

    def socket(self, *, port=80, family=2, state=LISTEN, kind=TCP, flags=0, inode=4026531840, cookie=0x1122334455667788):
        """A socket behind a file: the address that bpf_sock_from_file gives. `inode` None: no namespace; `port` None: no sock."""
        if port is None:
            return self.struct(socket__sk=0)
        net = 0
        if inode is not None:
            net = self.place(bytes(0xFF0))
            place = self.at["net.ns"] + self.at["ns_common.inum"]
            self.memory[net][place : place + 4] = inode.to_bytes(4, "little")
        sock = self.struct(
            sock_common__skc_num=port, sock_common__skc_family=family, sock_common__skc_state=bytes([state, flags]),
            sock_common__skc_net=net, sock__sk_type=kind, sock_common__skc_cookie=cookie,
        )  # fmt: skip
        return self.struct(socket__sk=sock)

    def load(self, address, size):
        base = address & ~0xFFF
        data = self.memory[base]
        assert address - base + size <= len(data), "read behind an object"
        return bytes(data[address - base : address - base + size])

    def run(self, program, *, task, descriptor=3, file=1, socket=0):
        """Run the program for one open file; the HOLDER records it wrote."""
        self.written.clear()
        context = self.place(
            self.meta.to_bytes(8, "little")
            + task.to_bytes(8, "little")
            + descriptor.to_bytes(8, "little")
            + (self.place(bytes(8)) if file else 0).to_bytes(8, "little")
        )
        Machine(self, program, context, socket).run()
        return [HOLDER.unpack(record) for record in self.written]


class Machine:
    """An eBPF processor with the instructions that the program uses, as strict about what is read as the kernel's verifier."""

    STACK = 0x7F00_0000_0000

    def __init__(self, kernel, program, context, socket):
        self.kernel, self.socket = kernel, socket
        assert len(program) % 8 == 0
        self.code = [unpack_from("<BBhi", program, at) for at in range(0, len(program), 8)]
        self.registers = {1: context, 10: self.STACK}
        self.stack = {}

    def read(self, address, size):
        if self.STACK - 512 <= address < self.STACK:
            return bytes(self.stack[address + each] for each in range(size))  # KeyError: never written
        return self.kernel.load(address, size)

    def run(self):
        at = 0
        while True:
            code, pair, offset, value = self.code[at]
            at += 1
            target, source = pair & 15, pair >> 4
            if code == 0x95:
                assert self.registers[0] in (0, 1)
                return
            if code in (0x61, 0x69, 0x71, 0x79):
                size = {0x61: 4, 0x69: 2, 0x71: 1, 0x79: 8}[code]
                self.registers[target] = int.from_bytes(self.read(self.registers[source] + offset, size), "little")
            elif code in (0x63, 0x6B, 0x73, 0x7B):
                size = {0x63: 4, 0x6B: 2, 0x73: 1, 0x7B: 8}[code]
                address = self.registers[target] + offset
                assert self.STACK - 512 <= address <= self.STACK - size, "write outside the stack"
                assert address % size == 0, "unaligned"
                data = (self.registers[source] & (1 << 8 * size) - 1).to_bytes(size, "little")
                self.stack.update({address + each: byte for each, byte in enumerate(data)})
            elif code == 0xBF:
                self.registers[target] = self.registers[source]
            elif code == 0xB7:
                self.registers[target] = value & 0xFFFF_FFFF_FFFF_FFFF
            elif code == 0x07:
                self.registers[target] = (self.registers[target] + value) & 0xFFFF_FFFF_FFFF_FFFF
            elif code in (0x15, 0x55):
                if (self.registers[target] == value) == (code == 0x15):
                    assert offset > 0, "a jump back"
                    at += offset
            else:
                assert code == 0x85, f"unknown instruction {code:#x}"
                self.call(value)

    def call(self, helper):
        arguments = [self.registers.get(each) for each in range(1, 6)]
        for each in range(1, 6):
            self.registers.pop(each, None)  # a call leaves nothing in them
        if helper == 162:  # bpf_sock_from_file(file)
            assert arguments[0]
            result = self.socket
        elif helper == 46:  # bpf_get_socket_cookie(sock)
            place = arguments[0] + self.kernel.at["sock_common.skc_cookie"]
            result = int.from_bytes(self.kernel.load(place, 8), "little")
        elif helper == 113:  # bpf_probe_read_kernel(to, size, from)
            to, size, source = arguments[:3]
            assert self.STACK - 512 <= to <= self.STACK - size
            self.stack.update({to + each: byte for each, byte in enumerate(self.kernel.load(source, size))})
            result = 0
        else:
            assert helper == 127, f"unknown helper {helper}"  # bpf_seq_write(seq, data, size)
            assert arguments[0] == self.kernel.seq
            self.kernel.written.append(self.read(arguments[1], arguments[2]))
            result = 0
        self.registers[0] = result


@pytest.fixture
def kernel():
    return Kernel()


EVERY, USUAL = (build_holders_program(OFFSETS, every_state=each) for each in (True, False))
both = pytest.mark.parametrize("program", [EVERY, USUAL], ids=["every state", "usual"])


def test_what_is_needed_of_a_kernel():
    assert {*SIZES, ITERATOR} == set(NEEDED)
    assert len(NEEDED) == len(set(NEEDED))
    assert {name.partition(".")[0] for name in SIZES} == set(STRUCTS)


def test_the_record_has_the_size_that_the_reader_expects():
    assert HOLDER.size == 56
    assert HOLDER.size % 8 == 0, "the kernel's stack is written in words"


@both
def test_a_listener_is_told_with_its_holder(kernel, program):
    task = kernel.task(pid=812, start=987_654_321_000, name=b"nginx", uid=33)
    socket = kernel.socket(port=443, state=LISTEN, flags=0x1F, inode=4026532001, cookie=0xFEDC_BA98_7654_3210)
    records = kernel.run(program, task=task, descriptor=6, socket=socket)
    assert records == [
        (0xFEDC_BA98_7654_3210, 987_654_321_000, b"nginx".ljust(16, b"\0"), 812, 6, 4026532001, 33, LISTEN, 0x1F, 443),
    ]  # fmt: skip


@both
@pytest.mark.parametrize(
    ("flags", "address", "port"), [(0x00, False, False), (0x01, True, False), (0x10, False, True), (0x11, True, True), (0x6E, True, False)]
)
def test_how_a_port_is_shared(kernel, program, flags, address, port):
    ((*_, told, _),) = kernel.run(program, task=kernel.task(), socket=kernel.socket(flags=flags))
    assert (told & REUSE_ADDRESS != 0, told & REUSE_PORT != 0) == (address, port)


@both
def test_of_a_thread_the_process_is_told(kernel, program):
    leader = kernel.task(pid=812, start=1, name=b"java")
    thread = kernel.task(pid=812, start=999, name=b"GC Thread#0", uid=5, leader=leader)
    ((_, start, name, pid, *_),) = kernel.run(program, task=thread, socket=kernel.socket())
    assert (start, name.rstrip(b"\0"), pid) == (1, b"java", 812)


@both
@pytest.mark.parametrize("family", [0, 1, 3, 9, 11, 16, 17, 29, 40, 65535])
def test_sockets_that_are_no_internet_sockets_are_passed_over(kernel, program, family):
    assert kernel.run(program, task=kernel.task(), socket=kernel.socket(family=family)) == []


@both
@pytest.mark.parametrize("family", [2, 10])
def test_both_families_are_told(kernel, program, family):
    assert len(kernel.run(program, task=kernel.task(), socket=kernel.socket(family=family))) == 1


@both
def test_what_has_no_port_is_passed_over(kernel, program):
    assert kernel.run(program, task=kernel.task(), socket=kernel.socket(port=0)) == []


@both
def test_a_file_that_is_no_socket_is_passed_over(kernel, program):
    assert kernel.run(program, task=kernel.task(), socket=0) == []
    assert kernel.run(program, task=kernel.task(), socket=kernel.socket(port=None)) == []


@both
def test_the_last_call_of_the_iterator_has_nothing(kernel, program):
    assert kernel.run(program, task=0, file=0) == []
    assert kernel.run(program, task=0, socket=kernel.socket()) == []
    assert kernel.run(program, task=kernel.task(leader=0), socket=kernel.socket()) == []


@both
def test_what_the_kernel_has_not_reads_as_zero(kernel, program):
    ((*_, netns, uid, _, _, _),) = kernel.run(program, task=kernel.task(cred=False), socket=kernel.socket(inode=None))
    assert (netns, uid) == (0, 0)


@pytest.mark.parametrize(("kind", "states"), [(TCP, {CLOSE, LISTEN}), (UDP, {ESTABLISHED, CLOSE, LISTEN})])
def test_usually_only_those_that_take_newcomers(kernel, kind, states):
    told = {state for state in range(14) if kernel.run(USUAL, task=kernel.task(), socket=kernel.socket(state=state, kind=kind))}
    assert told == states


@pytest.mark.parametrize("kind", [TCP, UDP])
def test_all_when_all_are_asked_for(kernel, kind):
    told = {state for state in range(14) if kernel.run(EVERY, task=kernel.task(), socket=kernel.socket(state=state, kind=kind))}
    assert told == set(range(14))


@both
def test_no_jump_leaves_the_program_or_goes_back(program):
    code = [unpack_from("<BBhi", program, at) for at in range(0, len(program), 8)]
    assert code[-1][0] == 0x95
    for at, (operation, _, offset, _) in enumerate(code):
        if operation in (0x05, 0x15, 0x55):
            assert 0 < offset < len(code) - at - 1


@given(
    data=st.data(),
    port=st.integers(1, 65_535),
    pid=st.integers(1, 2**22),
    descriptor=st.integers(0, 2**20),
    uid=st.integers(0, 2**32 - 1),
    start=st.integers(0, 2**64 - 1),
    every=st.booleans(),
)
def test_any_layout_of_the_structs(data, port, pid, descriptor, uid, start, every):
    at = {ITERATOR: 1}
    for struct, members in STRUCTS.items():
        room = 0
        for member in data.draw(st.permutations(members)):
            room += data.draw(st.integers(0, 20)) * 4
            at[f"{struct}.{member}"] = room
            room += max(SIZES[f"{struct}.{member}"], 8)
    at["sock.sk_type"] += 512  # struct sock begins with its struct sock_common
    kernel = Kernel(at)
    program = build_holders_program(at, every_state=every)
    records = kernel.run(
        program,
        task=kernel.task(pid=pid, uid=uid, start=start),
        descriptor=descriptor,
        socket=kernel.socket(port=port, kind=UDP, state=CLOSE, cookie=start),
    )
    assert records == [(start, start, b"nginx".ljust(16, b"\0"), pid, descriptor, 4026531840, uid, CLOSE, 0, port)]
