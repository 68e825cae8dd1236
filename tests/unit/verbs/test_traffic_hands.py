"""Who helps to read captures is known before anything is read."""

import os

import pytest

from portulan.system.workers import LocalWorkers, processors
from portulan.verbs.traffic import traffic
from portulan.verbs.traffic_hands import WORTH_A_WORKER, begin_early


def file_of(folder, size, head=b"\xd4\xc3\xb2\xa1"):
    path = folder / "capture"
    path.write_bytes(head)
    os.truncate(path, size)
    return str(path)


def test_a_small_file_is_read_alone(tmp_path):
    assert begin_early([file_of(tmp_path, WORTH_A_WORKER - 1)]) is None


def test_a_large_one_is_not(tmp_path):
    crew = begin_early([file_of(tmp_path, WORTH_A_WORKER)])
    if processors() < 2:
        assert crew is None
        return
    assert crew.at_once == processors() - 1
    crew.close()


@pytest.mark.parametrize("head", [b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"])
def test_what_is_compressed_is_read_from_its_beginning(tmp_path, head):
    assert begin_early([file_of(tmp_path, WORTH_A_WORKER, head)], 2) is None


def test_one_who_is_asked_for_alone_gets_no_help(tmp_path):
    assert begin_early([file_of(tmp_path, WORTH_A_WORKER)], 1) is None


def test_nothing_is_taken_from_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, b"\xd4\xc3\xb2\xa1")
    assert begin_early([str(path), "-", str(tmp_path / "missing")], 2) is None
    assert os.read(reader, 4) == b"\xd4\xc3\xb2\xa1"
    os.close(reader)
    os.close(writer)


def test_helpers_for_once_are_let_go_and_others_stay(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    once, lasting = LocalWorkers(1, once=True), LocalWorkers(1)
    for crew in (once, lasting):
        assert traffic([str(path)], workers=crew).packets == 0
    assert lasting.submit(len, "four").result() == 4
    with pytest.raises(RuntimeError):
        once.submit(len, "four")
    for crew in (once, lasting):
        crew.close()
        crew.close()
