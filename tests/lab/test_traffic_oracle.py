"""Packets of every stack of headers, told by us and by tshark."""

from pathlib import Path

import pytest

import compare_tshark
from conftest import NO_PEERS
from packets import ENC, any_packet
from portulan.errors import PortulanError
from portulan.system.sandbox.root import open_root
from proofs_traffic import write

pytestmark = [pytest.mark.lab, pytest.mark.peer]


def test_tshark_tells_the_same(tmp_path, dice, samples, monkeypatch):
    monkeypatch.setattr(compare_tshark, "KEPT", tmp_path)
    try:
        root = open_root(compare_tshark.ROOT)
    except PortulanError as error:
        pytest.skip(f"{NO_PEERS}: {error}")
    by_link = {}
    for _ in range(samples(600, 6000)):
        packet = any_packet(dice, cut=False)
        by_link.setdefault(packet.link, []).append(packet)
    compared, found = 0, []
    with root.open() as here:
        for link, packets in by_link.items():
            if link == ENC:
                continue  # in the byte order of the machine that wrote it, which tshark does not turn
            path = Path(tmp_path, f"link-{link}.pcap")
            write(path, [(packet, 1_700_000_000_000_000_000 + number, 0) for number, packet in enumerate(packets)])
            count, differences, counts = compare_tshark.compare(here, path)
            assert counts is None
            compared += count
            found += [each for each in differences if not any(holds(each) for holds in compare_tshark.EXPLAINED.values())]
    assert compared > 400
    assert not found, "\n".join(map(str, found[:5]))
