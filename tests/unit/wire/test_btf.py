"""The kernel's description of its types, made by hand and by the running kernel."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import CONST, FUNCTION, PROTOTYPE, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, UNION, VOLATILE, Btf, number
from portulan.errors import ParseError
from portulan.wire.bpf import ITERATOR, NEEDED, STRUCTS
from portulan.wire.btf import parse_btf

RUNNING = Path("/sys/kernel/btf/vmlinux")


# --- a second reader, which keeps everything it reads: obvious, and slow ---


def slow_types(blob):
    """[(kind, name, third, flag, members)] by type id; members are (name, type, offset in bits)."""

    def long(at):
        return int.from_bytes(blob[at : at + 4], "little")

    header, types_at, types_length, text_at = (long(at) for at in (4, 8, 12, 16))

    def text(at):
        start = header + text_at + at
        return blob[start : blob.index(b"\0", start)].decode()

    found = [(0, "", 0, 0, [])]
    at, end = header + types_at, header + types_at + types_length
    while at < end:
        name, info, third = long(at), long(at + 4), long(at + 8)
        kind, count = info >> 24 & 31, info & 0xFFFF
        members = []
        if kind in (4, 5):
            members = [(text(long(one)), long(one + 4), long(one + 8)) for one in range(at + 12, at + 12 + 12 * count, 12)]
        found.append((kind, text(name), third, info >> 31, members))
        at += 12 + {
            1: 4,
            3: 12,
            4: 12 * count,
            5: 12 * count,
            6: 8 * count,
            13: 8 * count,
            14: 4,
            15: 12 * count,
            17: 4,
            19: 12 * count,
        }.get(kind, 0)
    return found


def slow_offset(types, struct, member):
    """Where a member of a struct lies, in bytes; None where there is none."""
    _, _, _, flag, members = types[struct]
    for name, target, bits in members:
        offset = (bits & 0xFFFFFF if flag else bits) // 8
        if name == member:
            return offset
        if not name:
            inner = target
            while types[inner][0] in (8, 9, 10, 11, 18):
                inner = types[inner][2]
            inside = slow_offset(types, inner, member)
            if inside is not None:
                return offset + inside
    return None


# --- made by hand ---


def sample():
    """struct sock { int before; <typedef of an anonymous union { struct { int deep; int deeper; }; long other; }>; const-int tail : 4; }."""
    btf = Btf()
    btf.one_of_each()
    base = btf.integer()
    inner = btf.composite("", [("deep", base, 0), ("deeper", base, 32)])
    union = btf.composite("", [("", inner, 0), ("other", base, 0)], kind=UNION)
    named = btf.add(TYPEDEF, "either", btf.add(CONST, "", union))
    fields = [("before", base, 0), ("", named, 64), ("flags", base, 3 << 24 | 129), ("tail", base, 160)]
    btf.composite("sock", fields, bit_fields=True)
    btf.composite("socket", [("sk", btf.add(2, "", base), 24 * 8)])
    btf.function = btf.add(FUNCTION, "iterate", btf.add(PROTOTYPE, ""), count=1)
    return btf


def test_offsets_are_in_bytes_and_look_into_what_has_no_name():
    wanted = {"sock": ["before", "deep", "deeper", "other", "tail", "missing"], "socket": ["sk"], "nowhere": ["x"]}
    assert parse_btf(sample().blob(), wanted, []) == {
        "sock.before": 0, "sock.deep": 8, "sock.deeper": 12, "sock.other": 8, "sock.tail": 20, "socket.sk": 24,
    }  # fmt: skip


def test_a_bit_field_lies_in_its_first_byte():
    assert parse_btf(sample().blob(), {"sock": ["flags"]}, []) == {"sock.flags": 16}


def test_without_bit_fields_an_offset_has_all_its_32_bits():
    btf = Btf()
    btf.composite("big", [("far", btf.integer(), 1 << 27)])
    assert parse_btf(btf.blob(), {"big": ["far"]}, []) == {"big.far": 1 << 24}


def test_a_function_is_found_by_its_id():
    btf = sample()
    assert parse_btf(btf.blob(), {}, ["iterate", "unknown"]) == {"iterate": btf.function}


@pytest.mark.parametrize("kind", [TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG])
def test_names_for_a_type_are_seen_through(kind):
    btf = Btf()
    base = btf.integer()
    inner = btf.composite("", [("found", base, 32)])
    btf.composite("outer", [("", btf.add(kind, "x", btf.add(kind, "y", inner)), 64)])
    assert parse_btf(btf.blob(), {"outer": ["found"]}, []) == {"outer.found": 12}


def test_a_named_member_is_not_looked_into():
    btf = Btf()
    base = btf.integer()
    btf.composite("outer", [("inner", btf.composite("", [("hidden", base, 0)]), 0), ("", base, 64)])
    assert parse_btf(btf.blob(), {"outer": ["hidden", "inner"]}, []) == {"outer.inner": 0}


def test_of_two_structs_of_one_name_the_first_counts():
    btf = Btf()
    base = btf.integer()
    btf.composite("twin", [("at", base, 32)])
    name = btf.text.index(b"\0twin\0") + 1
    more = number(btf.name("at"), 4, "little") + number(base, 4, "little") + number(96, 4, "little")
    btf.types.append(number(name, 4, "little") + number(STRUCT << 24 | 1, 4, "little") + number(64, 4, "little") + more)
    assert parse_btf(btf.blob(), {"twin": ["at"]}, []) == {"twin.at": 4}


def test_a_union_or_a_typedef_of_the_name_is_not_the_struct():
    btf = Btf()
    base = btf.integer()
    btf.composite("thing", [("at", base, 32)], kind=UNION)
    assert parse_btf(btf.blob(), {"thing": ["at"]}, []) == {}


def test_a_part_of_a_name_is_not_the_name():
    btf = Btf()
    btf.composite("sock_common", [("a", btf.integer(), 0)])
    btf.composite("asock", [("a", 1, 0)])
    assert parse_btf(btf.blob(), {"sock": ["a"]}, ["sock_commo"]) == {}


def test_a_longer_header_and_a_gap_before_the_strings_are_allowed():
    assert parse_btf(sample().blob(header=32, gap=bytes(8)), {"sock": ["tail"]}, []) == {"sock.tail": 20}


def test_nothing_described_is_nothing_found():
    assert parse_btf(Btf().blob(), {"sock": ["tail"]}, ["f"]) == {}


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x9f\xeb",
        b"\x9f\xeb\x01\x00" + bytes(19),
        b"\xeb\x9f" + sample().blob()[2:],
        b"\x7fELF" + bytes(64),
    ],
    ids=["empty", "magic only", "short header", "big-endian", "elf"],
)
def test_what_is_no_btf_is_a_parse_error(blob):
    with pytest.raises(ParseError) as raised:
        parse_btf(blob, STRUCTS, [ITERATOR])
    assert (raised.value.code, raised.value.facts) == ("btf.damaged", {"offset": 0})


def damaged(build):
    """A blob with a struct `s` whose member `m` was built wrongly."""
    btf = Btf()
    build(btf)
    return btf.blob()


@pytest.mark.parametrize(
    "build",
    [
        lambda btf: btf.add(20, "unknown kind"),
        lambda btf: btf.add(31, "unknown kind"),
        lambda btf: btf.composite("s", [("", 99, 0)]),
        lambda btf: btf.add(STRUCT, "s", 8, count=3, more=bytes(12)),
        lambda btf: btf.types.append(bytes(7)),
        lambda btf: btf.add(STRUCT, "s", 8, count=1, more=b"\xff\xff\xff\x7f" + bytes(8)),
        lambda btf: btf.add(STRUCT, "s", 8, count=1, more=bytes(3)),
    ],
    ids=["kind 20", "kind 31", "type out of range", "members missing", "half a type", "name out of range", "half a member"],
)
def test_a_damaged_description_is_a_parse_error(build):
    with pytest.raises(ParseError) as raised:
        parse_btf(damaged(build), {"s": ["m"]}, [])
    assert raised.value.code == "btf.damaged"


def test_a_name_for_itself_is_not_followed_for_ever():
    btf = Btf()
    btf.add(TYPEDEF, "loop", 1)
    btf.composite("s", [("", 1, 0), ("m", 1, 64)])
    with pytest.raises(ParseError) as raised:
        parse_btf(btf.blob(), {"s": ["m"]}, [])
    assert raised.value.code == "btf.damaged"


def test_a_struct_inside_itself_is_not_followed_for_ever():
    btf = Btf()
    btf.composite("s", [("", 1, 0), ("", 1, 8), ("m", 1, 64)])
    assert parse_btf(btf.blob(), {"s": ["m", "n"]}, []) == {"s.m": 8}


def test_nested_twins_do_not_take_for_ever():
    # Each struct holds the one before it twice: 2^64 paths to the innermost one.
    btf = Btf()
    inner = btf.composite("", [("m", btf.integer(), 0)])
    for _ in range(64):
        inner = btf.composite("", [("", inner, 64), ("", inner, 128)])
    btf.composite("s", [("", inner, 0)])
    assert parse_btf(btf.blob(), {"s": ["m", "n"]}, []) == {"s.m": 64 * 8}


def test_structs_nested_deeper_than_any_are_a_parse_error():
    btf = Btf()
    inner = btf.composite("", [])
    for _ in range(5000):
        inner = btf.composite("", [("", inner, 0)])
    btf.composite("s", [("", inner, 0)])
    with pytest.raises(ParseError) as raised:
        parse_btf(btf.blob(), {"s": ["m"]}, [])
    assert raised.value.code == "btf.damaged"


names = st.sampled_from(["", "", "a", "b", "c"])


@st.composite
def descriptions(draw):
    """Structs within unions within typedefs; only earlier types are referred to."""
    btf = Btf()
    btf.integer()
    for _ in range(draw(st.integers(1, 8))):
        earlier = st.integers(1, len(btf.types))
        kind = draw(st.sampled_from([STRUCT, STRUCT, UNION, TYPEDEF, CONST, 0]))
        if kind in (STRUCT, UNION):
            flag = draw(st.booleans())
            members = draw(st.lists(st.tuples(names, earlier, st.integers(0, 4000)), max_size=4))
            if flag:
                members = [(name, type_, draw(st.integers(0, 31)) << 24 | bits) for name, type_, bits in members]
            btf.composite(draw(st.sampled_from(["", "", f"s{len(btf.types)}"])), members, kind=kind, bit_fields=flag)
        elif kind:
            btf.add(kind, "t", draw(earlier))
        else:
            btf.one_of_each()
    btf.composite("s", draw(st.lists(st.tuples(names, st.integers(1, len(btf.types)), st.integers(0, 4000)), max_size=5)))
    return btf


@given(btf=descriptions())
def test_the_offsets_are_those_of_the_slow_reader(btf):
    blob = btf.blob()
    types = slow_types(blob)
    structs = {name: ("a", "b", "c") for kind, name, *_ in types if kind == STRUCT and name}
    expected = {}
    for struct, members in structs.items():
        first = next(at for at, (kind, name, *_) in enumerate(types) if (kind, name) == (STRUCT, struct))
        for member in members:
            offset = slow_offset(types, first, member)
            if offset is not None:
                expected[f"{struct}.{member}"] = offset
    assert parse_btf(blob, structs, ()) == expected


@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6), cut=st.integers(0, 600))
def test_a_changed_blob_is_a_value_or_a_parse_error(changes, cut):
    blob = bytearray(sample().blob())
    for at, value in changes:
        blob[at % len(blob)] = value
    with suppress(ParseError):
        found = parse_btf(bytes(blob[: len(blob) - cut]), {"sock": ["deep", "tail"], "socket": ["sk"]}, ["iterate"])
        assert found.keys() <= {"sock.deep", "sock.tail", "socket.sk", "iterate"}


@pytest.mark.skipif(not RUNNING.exists(), reason="this kernel does not describe its types")
def test_the_running_kernels_types_are_read_as_the_slow_reader_reads_them():
    blob = RUNNING.read_bytes()
    types = slow_types(blob)
    found = parse_btf(blob, STRUCTS, [ITERATOR])
    for struct, members in STRUCTS.items():
        first = next(at for at, (kind, name, *_) in enumerate(types) if (kind, name) == (STRUCT, struct))
        for member in members:
            assert found.get(f"{struct}.{member}") == slow_offset(types, first, member), member
    function = next((at for at, (kind, name, *_) in enumerate(types) if (kind, name) == (FUNCTION, ITERATOR)), None)
    assert found.get(ITERATOR) == function
    assert found.keys() <= set(NEEDED)
