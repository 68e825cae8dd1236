"""A plain interpreter of classic BPF (Documentation/networking/filter.rst), as the kernel runs socket filters: the judge of the programs we write."""

from dataclasses import dataclass

ANCILLARY, NETWORK = 0xFFFFF000, 0xFFF00000


@dataclass
class Passing:
    """A packet as a filter sees it."""

    frame: bytes
    network: int = 14
    """Where its IP header begins."""
    protocol: int = 0x0800
    kind: int = 0
    interface: int = 1
    hardware: int = 1
    random: int = 0

    def load(self, at, size):
        if at >= ANCILLARY:
            return {0: self.protocol, 4: self.kind, 8: self.interface, 28: self.hardware, 56: self.random}[at - ANCILLARY]
        if at >= NETWORK:
            at = at - NETWORK + self.network
        if at + size > len(self.frame):
            return None
        return int.from_bytes(self.frame[at : at + size])


def run(steps, packet):
    """What the filter returns: bytes that are kept, 0 for none. A load beyond the end ends it with 0."""
    accumulator = index = at = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code in (0x20, 0x28, 0x30, 0x40, 0x48, 0x50):
            size = {0x00: 4, 0x08: 2, 0x10: 1}[code & 0x18]
            accumulator = packet.load(operand + (index if code & 0x40 else 0), size)
            if accumulator is None:
                return 0
        elif code == 0xB1:
            first = packet.load(operand, 1)
            if first is None:
                return 0
            index = 4 * (first & 15)
        elif code == 0x01:
            index = operand
        elif code == 0x94:
            accumulator %= operand
        elif code == 0x05:
            at += operand
        elif code in (0x15, 0x25, 0x35, 0x45):
            holds = {0x15: accumulator == operand, 0x25: accumulator > operand, 0x35: accumulator >= operand, 0x45: accumulator & operand}[
                code
            ]
            at += if_true if holds else if_false
        else:
            assert code == 0x06, hex(code)
            return operand
