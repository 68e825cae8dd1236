"""A journal of a scan by its records: what is written is read, and another scan's is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.model.scan import Decided, Method
from portulan.scan.columns import pack_answered, pack_decided, unpack_answered, unpack_decided
from portulan.scan.engine import Engine
from portulan.scan.job import Job
from portulan.scan.journal import Journal, Noted, Spent, shard_of
from portulan.scan.order import Permutation
from portulan.scan.renumber import Responders
from portulan.scan.space import Space
from portulan.scan.standing import Answered
from portulan.scan.stopping import Rules

KEY = (2**64 - 1, 5)
JOB = Job(6, ((2**128 - 4, 2**128 - 1),), (1, 22, 65535), Transport.TCP, Method.SYN, Rules(), KEY, links=((1, 2, "eth0"),))
ASKED = {"TARGET": "ff", "-p": "1"}


def columns(count, dice):
    whole = [dice.integers(0, 256, count).astype(np.uint8) for _ in range(4)]
    rtt_s = np.where(dice.random(count) < 0.5, np.nan, dice.random(count)).astype(np.float32)
    return whole, rtt_s, dice.integers(0, 1 << 16, count).astype(np.uint16)


@given(st.integers(0, 500), st.integers(0, 2**32))
def test_columns_come_back_as_they_went(count, seed):
    dice = np.random.default_rng(seed)
    (state, reason, ttl, tag), rtt_s, by = columns(count, dice)
    pair = dice.integers(0, 1 << 62, count)
    decided = Decided(pair, state, reason, ttl, rtt_s, by)
    for mine, theirs in zip(unpack_decided(pack_decided(decided), pair), decided, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    answered = Answered(np.arange(count), state, reason, ttl, tag, rtt_s, by)
    for mine, theirs in zip(unpack_answered(pack_answered(answered)), answered, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal")


def test_what_is_written_is_read(path):
    space = Space(JOB.version, JOB.ranges, JOB.ports)
    engine = Engine(space, KEY, Rules(), tags=(64, 64))
    noted = Noted(0, JOB, 0, ((2**100, 2**100 + 1, "host-down"),))
    first = Journal(path, ASKED, KEY, 17.5)
    assert first.job(0) is None
    first.add_job(noted)
    first.add_names(0, ["address", "fe80::1"])
    first.add_names(0, ["address", "fe80::1", "fe80::2"])
    assert first.standing(0) is None
    rows = Answered(*(np.array([4, 2], kind) for kind in ("i8", "u1", "u1", "u1", "u1", "f4", "u2")))
    first.add_rows(0, engine.standing(3.0), Spent(1.5, 2, 3), rows)
    first.add_rows(0, engine.standing(3.0)._replace(round=2, next=7), Spent(2.5, 2, 3), rows._replace(verdict=np.array([3, 4], np.uint8)))
    first.close()

    second = Journal(path, ASKED, (1, 1), 99.0)
    assert (second.header.key, second.header.begun) == (KEY, 17.5)
    assert second.job(0) == noted
    assert second.names(0) == ["address", "fe80::1", "fe80::2"]
    standing, answered, spent = second.standing(0)
    assert standing == engine.standing(3.0)._replace(round=2, next=7)
    assert answered.row.tolist() == [4, 2, 4, 2]
    assert answered.verdict.tolist() == [4, 2, 3, 4]
    assert spent == Spent(2.5, 2, 3)
    order = Permutation(space.pairs, KEY)
    done = Decided(order.forward(np.arange(12)), *(np.arange(12).astype(kind) for kind in ("u1", "u1", "u1", "f4", "u2")))
    second.add_block(0, 0, done, engine.standing(4.0)._replace(begin=12), Spent(3.0, 2, 3))
    second.close()

    third = Journal(path, ASKED, (1, 1), 99.0)
    (block,) = third.blocks(0, order)
    for mine, theirs in zip(block, done, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    standing, answered, spent = third.standing(0)
    assert (standing.begin, len(answered.row), spent.took_s) == (12, 0, 3.0)
    third.close()


@pytest.mark.parametrize("other", [{"TARGET": "ff", "-p": "2"}, {"TARGET": "ff"}, ASKED | {"--shard": "1/2"}])
def test_the_journal_of_another_scan_is_refused(path, other):
    Journal(path, ASKED, KEY, 1.0).close()
    with pytest.raises(BadInput) as caught:
        Journal(path, other, KEY, 1.0)
    assert caught.value.code == "journal.other"
    assert caught.value.facts["what"] in ("-p", "--shard")
    Journal(path, ASKED, KEY, 1.0).close()


@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 200))
def test_parts_of_a_shard_are_a_whole(of, parts, pairs):
    for number in range(of):
        job = JOB._replace(shard=(number, of))
        shards = [shard_of(job, part, parts) for part in range(parts)]
        found = sorted(place for begin, step in shards for place in range(begin, pairs, step))
        assert found == list(range(number, pairs, of))


def test_responders_keep_their_numbers():
    known = Responders(["address", "a"])
    by = np.array([0, 2, 1, 2], np.uint16)
    assert known.number(by, ["address", "b", "a"]).tolist() == [0, 1, 2, 1]
    assert known.names == ["address", "a", "b"]
    assert known.number(by, ["address", "b", "c"]).tolist() == [0, 3, 2, 3]
