"""Text of /proc, from well-behaved processes and from others."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import stat_line
from portulan.errors import ParseError
from portulan.wire.procfs import (
    Stat,
    parse_cgroup,
    parse_cgroup2_mount,
    parse_command,
    parse_nsfs_mounts,
    parse_protocol_counts,
    parse_range,
    parse_stat,
    parse_status_capabilities,
)

# --- stat ---


def test_name_parent_start_and_kind_of_a_process():
    assert parse_stat(stat_line(b"nginx", parent=812, start_ticks=4711)) == Stat("nginx", 812, 4711, kernel_thread=False)


def test_a_kernel_thread():
    assert parse_stat(stat_line(b"kworker/0:1-ev", parent=2, flags=0x4208060)).kernel_thread
    assert not parse_stat(stat_line(b"init", parent=0, flags=0x400100)).kernel_thread


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"a b", "a b"),
        (b") (", ") ("),
        (b"x) S 1 (", "x) S 1 ("),
        (b"((((", "(((("),
        (b"))))", "))))"),
        (b"", ""),
        (b"two\nlines", "two\nlines"),
        (b"tab\tand\rreturn", "tab\tand\rreturn"),
        (b"\x1b[31mred", "\x1b[31mred"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"cut\xe6\x97", "cut\\xe6\\x97"),
        (b"\xed\xb2\x80", "\\xed\\xb2\\x80"),
    ],
)
def test_a_name_may_hold_anything(name, text):
    assert parse_stat(stat_line(name, parent=33, start_ticks=44)) == Stat(text, 33, 44, kernel_thread=False)


@given(name=st.binary(max_size=15).filter(lambda name: b"\0" not in name), parent=st.integers(0, 2**22), start=st.integers(0, 2**63))
def test_no_name_hides_what_follows_it(name, parent, start):
    assert parse_stat(stat_line(name, parent, start)) == Stat(name.decode("utf-8", "backslashreplace"), parent, start, kernel_thread=False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"77",
        b"77 (name",
        b"77 (name) S",
        b"77 (name) S one",
        stat_line(b"x")[:40],
        stat_line(b"x").replace(b"5000", b"soon"),
        b"9" * 9000,
    ],
)
def test_a_damaged_stat_is_a_parse_error(data):
    with pytest.raises(ParseError) as raised:
        parse_stat(data)
    assert (raised.value.code, raised.value.facts) == ("proc.damaged", {"what": "stat"})


def test_the_stat_of_this_very_process():
    stat = parse_stat(Path("/proc/self/stat").read_bytes())
    assert (stat.parent, stat.kernel_thread) == (os.getppid(), False)
    assert stat.start_ticks > 0


# --- cmdline ---


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (b"", ()),
        (b"nginx\0-g\0daemon off;\0", ("nginx", "-g", "daemon off;")),
        (b"sh\0-c\0\0", ("sh", "-c")),
        (b"sh\0\0last\0", ("sh", "", "last")),
        (b"nginx: master process /usr/sbin/nginx", ("nginx: master process /usr/sbin/nginx",)),
        (b"nginx: worker process\0\0\0\0\0\0\0", ("nginx: worker process",)),
        (b"postgres: writer      \0", ("postgres: writer",)),
        (b"two\nlines\0", ("two\nlines",)),
        (b"\xff\xfe\0caf\xc3\xa9\0", ("\\xff\\xfe", "café")),
        (b"\0\0\0", ("",)),
    ],
)
def test_arguments(data, command):
    assert parse_command(data, 4096) == command


def test_a_command_line_of_100_kilobytes_is_cut_and_says_so():
    data = b"java\0" + b"-classpath\0" + b"/lib/a.jar:" * 10_000
    command = parse_command(data, 4096)
    assert command[:2] == ("java", "-classpath")
    assert len(command) == 3
    assert command[2].endswith("…")
    assert sum(len(part) + 1 for part in command) <= 4096 + 2


def test_one_of_just_the_longest_is_whole():
    assert parse_command(b"a" * 10, 10) == ("a" * 10,)
    assert parse_command(b"a" * 11, 10) == ("a" * 10 + "…",)
    assert parse_command(b"aaaa\0bbbb\0cccc", 10) == ("aaaa", "bbbb…")


@given(data=st.binary(max_size=80), longest=st.integers(1, 40))
def test_any_command_line_is_text(data, longest):
    command = parse_command(data, longest)
    assert (command == ()) == (data == b"")
    for part in command:
        part.encode()


# --- cgroup ---


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"0::/system.slice/nginx.service\n", "/system.slice/nginx.service"),
        (b"0::/\n", "/"),
        (b"", "/"),
        (b"garbage\n:\n\n", "/"),
        (b"0::/with:colons:in/it.service\n", "/with:colons:in/it.service"),
        # hybrid: controllers on version 1, systemd's own hierarchy named, the unified one empty or used
        (b"12:cpu,cpuacct:/user.slice\n1:name=systemd:/system.slice/ssh.service\n0::/\n", "/system.slice/ssh.service"),
        (b"12:pids:/x\n1:name=systemd:/old\n0::/system.slice/ssh.service\n", "/system.slice/ssh.service"),
        (b"0::/\n1:name=systemd:/system.slice/ssh.service\n", "/system.slice/ssh.service"),
        # version 1 without systemd
        (b"4:memory:/docker/abc\n3:cpu:/docker/abc\n", "/"),
        (b"10:cpu:/a\n0:cpu:/b\n", "/"),
        (b"0::/caf\xc3\xa9.service\n", "/café.service"),
        (b"0::/\xff.service\n", "/\\xff.service"),
    ],
)
def test_the_control_group_of_a_process(data, path):
    assert parse_cgroup(data) == path


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_a_group_cannot_name_itself_into_another_line(separator):
    # Whoever may make control groups may name them so; only a newline ends a line.
    own = f"/user.slice/x{separator}0::/system.slice/ssh.service"
    assert parse_cgroup(f"1:name=systemd:{own}\n".encode()) == own
    assert parse_cgroup(f"0::{own}\n".encode()) == own


# --- mounts ---

MOUNTS = rb"""22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
610 23 0:4 net:[4026532001] /run/netns/blue rw shared:330 - nsfs nsfs rw
611 23 0:4 net:[4026532002] /run/netns/with\040blank\011tab\012line\134slash rw - nsfs nsfs rw
612 23 0:4 net:[4026532001] /run/docker/netns/blue-again rw - nsfs nsfs rw
613 23 0:4 mnt:[4026532003] /run/mntns/x rw - nsfs nsfs rw
"""


def test_namespaces_that_mounts_keep():
    assert parse_nsfs_mounts(MOUNTS) == {4026532001: "/run/netns/blue", 4026532002: "/run/netns/with blank\ttab\nline\\slash"}


def test_an_escaped_backslash_does_not_escape():
    assert parse_nsfs_mounts(rb"610 23 0:4 net:[5] /run/\134040 rw - nsfs nsfs rw") == {5: "/run/\\040"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"610 23 0:4 net:[5]",
        b"a b c net:[] d e f",
        b"a b c net:[x] d e f",
        b"a b c net:[" + b"1" * 21 + b"] d e f",
        "a b c net:[²] d e f".encode(),
        b"a b c /net:[5] d e f g",
    ],
)
def test_other_lines_are_passed_over(data):
    assert parse_nsfs_mounts(data) == {}


def test_where_the_unified_hierarchy_is_mounted():
    assert parse_cgroup2_mount(MOUNTS) == "/sys/fs/cgroup"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"1 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified"),
        (rb"1 2 0:3 / /odd\040place rw - cgroup2 none rw", "/odd place"),
        (b"1 2 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", None),
        (b"1 2 0:3 / /cgroup2 rw - ext4 cgroup2 rw\n", None),
        (b"", None),
        (b" - cgroup2 cgroup2 rw\n", None),
        (b"1 2 - cgroup2 x\n", None),
    ],
)
def test_where_it_is_mounted_otherwise(data, path):
    assert parse_cgroup2_mount(data) == path


# --- numbers ---


@pytest.mark.parametrize(
    ("data", "capabilities"),
    [
        (b"Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000001\nCapEff:\t000001ffffffffff\nCapBnd:\t2\n", 0x1FFFFFFFFFF),
        (b"Name:\tx\nCapEff:\t0000000000000400\n", 0x400),
        (b"Name:\tx\n", 0),
        (b"", 0),
        (b"\nCapEff:\tnot a number....", 0),
        (b"Name:\tCapEff:\tff\nCapEff:\t0000000000000002\n", 2),
    ],
)
def test_effective_capabilities(data, capabilities):
    assert parse_status_capabilities(data) == capabilities


@pytest.mark.parametrize(
    ("data", "pair"),
    [
        (b"32768\t60999\n", (32768, 60999)),
        (b"1 2", (1, 2)),
        (b"", None),
        (b"32768", None),
        (b"1 2 3", None),
        (b"a b", None),
        (b"-1 5", None),
        (b"\xff \xff", None),
    ],
)
def test_a_range(data, pair):
    assert parse_range(data) == pair


def test_sockets_in_use_of_each_protocol():
    data = (
        b"protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n"
        b"MPTCPv6   1976      3       0   no       0   yes  kernel      y  n  y  y  y  y  y  y  y  y  y  n  n  n  y  y  y  y  n\n"
        b"UDP-Lite  1152      0      -1   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y  y  y  y  n  n  n  y  y  y  n\n"
        b"short 1\nodd 1 x\nthree 1 7\n"
    )
    assert parse_protocol_counts(data) == {"MPTCPv6": 3, "UDP-Lite": 0, "three": 7}
    assert parse_protocol_counts(b"") == {}
    assert parse_protocol_counts(b"protocol size sockets\n") == {}


PARSERS = (
    parse_stat,
    lambda data: parse_command(data, 100),
    parse_cgroup,
    parse_nsfs_mounts,
    parse_cgroup2_mount,
    parse_status_capabilities,
    parse_range,
    parse_protocol_counts,
)
_pieces = st.lists(
    st.sampled_from(
        [b" ", b"\n", b"net:[", b"]", b"7", "²".encode(), b"9" * 5000, b" - cgroup2 ", b"0::", b":", b")", b"(", b"\nCapEff:\t", b"\xff"]
    )
).map(b"".join)


@pytest.mark.parametrize("parse", PARSERS)
@given(data=st.binary(max_size=200) | _pieces)
def test_any_bytes_are_a_value_or_a_parse_error(parse, data):
    with suppress(ParseError):
        parse(data)
