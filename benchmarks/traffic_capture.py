"""A capture of mixed traffic, made by lot from a seed, with the truth about it: as much as is asked for, in seconds."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    I8 = NDArray[np.int64]

_CHUNK = 1 << 18
_BEGIN_S = 1_700_000_000
_REQUESTS = {
    80: b"GET / HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n\r\n",
    443: bytes.fromhex("160301004a010000460303")
    + bytes(32)
    + bytes.fromhex("00000613011302c02b0100001700000010000e00000b")
    + b"example.org"
    + bytes(0),
    22: b"SSH-2.0-OpenSSH_9.2\r\n",
    25: b"EHLO mail.example.org\r\n",
}
_ANSWERS = {
    80: b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 443: bytes.fromhex("160303004a020000460303"), 8443: bytes.fromhex("160303004a020000460303"),
    22: b"SSH-2.0-dropbear_2022\r\n", 25: b"250-mail.example.org\r\n250 SIZE 1000\r\n",
}  # fmt: skip
_QUIC = bytes.fromhex("c300000001080102030405060708081112131415161718")
_NTP = bytes.fromhex("2300060000000000")
_DNS = bytes.fromhex("123401000001000000000000") + b"\x03www\x07example\x03org\x00\x00\x01\x00\x01"
DOORS = ((6, 443, 0.46), (6, 80, 0.14), (6, 22, 0.04), (6, 25, 0.03), (6, 8443, 0.03), (17, 53, 0.14), (17, 443, 0.12), (17, 123, 0.04))
"""Transport, port, share of flows."""
IPV6_SHARE, VLAN_SHARE, ODD_SHARE = 0.12, 0.04, 0.01
"""Of flows; of packets: ARP and ICMP."""


def make(path: Path, packets: int, flows: int, seed: int = 7) -> dict[str, int]:
    """Write it, and tell what is in it: packets, bytes on the wire, flows, packets without ports."""
    truth_path = path.with_suffix(".json")
    if path.exists() and truth_path.exists():
        truth: dict[str, int] = json.loads(truth_path.read_text("ascii"))
        return truth
    path.parent.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(seed)
    door = dice.choice(len(DOORS), flows, p=np.array([share for *_, share in DOORS]))
    weight = dice.pareto(1.2, flows) + 0.3
    number = np.sort(dice.choice(flows, packets - flows, p=weight / weight.sum()))
    number = np.concatenate((np.arange(flows), number))
    begin = dice.random(flows) * 600
    when = begin[number] + dice.exponential(3.0, packets) * (np.arange(packets) >= flows)
    order = np.argsort(when, kind="stable")
    number, when = number[order], when[order]
    nth = _nth(number, flows)
    tables = _templates(dice, door)
    total = odd_count = 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for at in range(0, packets, _CHUNK):
            part = slice(at, at + _CHUNK)
            odd = dice.random(len(number[part])) < ODD_SHARE
            odd &= nth[part] > 0  # a flow's first packet is its own
            data, length = _chunk(dice, tables, door, number[part], nth[part], when[part], odd)
            file.write(data)
            total += length
            odd_count += int(odd.sum())
    truth = {"packets": packets, "bytes": total, "flows": flows, "aside": odd_count}
    truth_path.write_text(json.dumps(truth), "ascii")
    return truth


def _nth(number: I8, flows: int) -> I8:
    """Which of its flow each packet is."""
    order = np.argsort(number, kind="stable")
    begin = np.searchsorted(number[order], np.arange(flows))
    nth = np.empty(len(number), np.int64)
    nth[order] = np.arange(len(number)) - begin[number[order]]
    return nth


def _templates(dice: np.random.Generator, door: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(headers up to the transport's end, of 82 bytes at most, of each direction of each flow; their kind: 4 or 6, + 10 with a tag)."""
    flows = len(door)
    kind = np.where(dice.random(flows) < IPV6_SHARE, 6, 4) + np.where(dice.random(flows) < VLAN_SHARE, 10, 0)
    transport = np.array([transport for transport, *_ in DOORS])[door]
    port = np.array([port for _, port, _ in DOORS])[door]
    source = np.arange(flows) % 28_000 + 32_768
    client, server = np.arange(flows) // 28_000 * 4096 + dice.integers(0, 4096, flows), dice.integers(0, 2000, flows)
    found = np.zeros((2, flows, 82), np.uint8)
    for way, (here, there, from_port, to_port) in enumerate(((client, server, source, port), (server, client, port, source))):
        for tagged in (0, 10):
            for version in (4, 6):
                rows = np.flatnonzero(kind == version + tagged)
                frame = found[way, rows]
                at = 14 + (4 if tagged else 0)
                frame[:, :12] = (2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2)
                ethertype = (0x08, 0x00) if version == 4 else (0x86, 0xDD)
                frame[:, 12:at] = (0x81, 0x00, 0, 77, *ethertype) if tagged else ethertype
                base = (10, 172) if way == 0 else (172, 10)
                if version == 4:
                    frame[:, at], frame[:, at + 8], frame[:, at + 9] = 0x45, 64, transport[rows]
                    _put(frame, at + 12, here[rows], 4, base[0])
                    _put(frame, at + 16, there[rows], 4, base[1])
                    above = at + 20
                else:
                    frame[:, at], frame[:, at + 6], frame[:, at + 7] = 0x60, transport[rows], 64
                    _put(frame, at + 8, here[rows], 16, base[0])
                    _put(frame, at + 24, there[rows], 16, base[1])
                    above = at + 40
                _put(frame, above, from_port[rows], 2)
                _put(frame, above + 2, to_port[rows], 2)
                frame[transport[rows] == 6, above + 12] = 0x50
                found[way, rows] = frame
    return found, kind


def _put(frame: NDArray[np.uint8], at: int, value: I8, size: int, first: int | None = None) -> None:
    """A number in network order."""
    for place in range(min(size, 4)):
        frame[:, at + size - 1 - place] = value >> 8 * place & 255
    if first is not None:
        frame[:, at] = first


def _chunk(
    dice: np.random.Generator,
    tables: tuple[NDArray[np.uint8], NDArray[np.int64]],
    door: I8,
    number: I8,
    nth: I8,
    when: NDArray[np.float64],
    odd: NDArray[np.bool_],
) -> tuple[bytes, int]:
    """Some packets as records, and their bytes on the wire."""
    headers, kinds = tables
    count = len(number)
    tcp = np.array([transport == 6 for transport, *_ in DOORS])[door[number]]
    tcp_way = np.where(nth < 4, np.array([0, 1, 0, 0])[np.minimum(nth, 3)], dice.integers(0, 2, count))
    way = np.where(tcp, tcp_way, nth & 1)
    payload = np.where(
        tcp,
        np.where(nth < 3, 0, np.where(way == 1, dice.choice([0, 0, 600, 1400], count), dice.choice([0, 0, 120], count))),
        dice.choice([45, 90, 350], count),
    )
    payload[(nth == 3) & tcp] = 90
    kind = kinds[number]
    network = np.where(kind >= 10, 18, 14)
    six = kind % 10 == 6
    above = network + np.where(six, 40, 20)
    header = above + np.where(tcp, 20, 8)
    size = np.where(odd, 60, np.maximum(header + payload, 60))
    start = np.cumsum(size + 16) - size
    data = np.zeros(int((size + 16).sum()) + 128, np.uint8)
    seconds = when.astype(np.int64)
    record = (
        np.stack((seconds + _BEGIN_S, ((when - seconds) * 1e6).astype(np.int64), size, size), 1)
        .astype("<u4")
        .view(np.uint8)
        .reshape(-1, 16)
    )
    data[start[:, None] + np.arange(60)] = headers[way, number][:, :60]
    data[(start + 60)[:, None] + np.arange(22)] = np.where(
        ((header > 60) & ~odd)[:, None], headers[way, number][:, 60:82], data[(start + 60)[:, None] + np.arange(22)]
    )
    data[(start - 16)[:, None] + np.arange(16)] = record  # last: what was written behind a short frame goes
    total = header - network - np.where(six, 40, 0) + payload
    at = start + network + np.where(six, 4, 2)
    data[at], data[at + 1] = total >> 8, total & 255
    transport_at = start + above
    length = payload + 8
    udp, tcp = ~tcp & ~odd, tcp & ~odd
    data[transport_at[udp] + 4], data[transport_at[udp] + 5] = length[udp] >> 8, length[udp] & 255
    flags = np.where(nth < 3, np.array([2, 18, 16])[np.minimum(nth, 2)], 24)
    data[transport_at[tcp] + 13] = flags[tcp]
    for index, (transport, port, _) in enumerate(DOORS):
        words = _REQUESTS.get(port, _REQUESTS[443]) if transport == 6 else {53: _DNS, 443: _QUIC, 123: _NTP}[port]
        rows = np.flatnonzero(~odd & (door[number] == index) & (nth == (3 if transport == 6 else 0)))
        fits = np.frombuffer(words[:90].ljust(45, b"\0")[: 90 if transport == 6 else 45], np.uint8)
        if len(rows) and words:
            data[(start + header)[rows][:, None] + np.arange(len(fits))] = fits
        rows = np.flatnonzero(~odd & (door[number] == index) & (way == 1) & (payload >= 45))
        fits = np.frombuffer(_ANSWERS[port][:45], np.uint8) if transport == 6 else fits[:45]
        data[(start + header)[rows][:, None] + np.arange(len(fits))] = fits
    rows = np.flatnonzero(odd)
    data[start[rows] + 12], data[start[rows] + 13] = 0x08, 0x06
    return data[: int((size + 16).sum())].tobytes(), int(size.sum())
