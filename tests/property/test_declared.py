"""Laws of what files declare: any text is read in bounded ways, a port is where its line is, and order decides nothing about a collision."""

from hypothesis import given
from hypothesis import strategies as st

from declared_files import desk_of
from portulan.host.collisions import Surroundings, find_collisions, meets
from portulan.host.declared.places import find_spots, pack, parse_range, split_port
from portulan.host.declared.reading import read_file
from portulan.model.address import format_address
from portulan.model.declared import Declared, Kind
from portulan.model.port import Transport
from portulan.text.conflicts import PROBLEMS

READ = [kind for kind in Kind if kind is not Kind.SYSTEMD]
WORDS = st.sampled_from([
    "listen", "Listen", "Port", "include", "{", "}", ";", "\n", " ", "80", "=", "[::1]:81", "127.0.0.1", "http", "server", "<IfModule x>", "</IfModule>", "$x", '"', "'", "#", "\\",
    "[mysqld]", "server.port", "port", "bind", "services:", "ports:", "- ", "  ", "a:", "*", "PORT=", "web:", "vite --port", "&a", "*a",
])  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map("".join), st.lists(WORDS, max_size=40).map(" ".join))
ADDRESSES = st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", None])


@given(st.sampled_from(READ), TEXTS, TEXTS)
def test_any_text_is_declarations_and_problems(kind, text, other):
    path = f"/etc/x/{kind}"
    desk = desk_of({path: text, "/etc/x/a": other})
    read_file(kind, path, desk)
    assert all(0 < one.port < 65_536 for one in desk.declared)
    assert {problem.code for problem in desk.problems} <= PROBLEMS.keys()


@given(st.binary(min_size=16, max_size=16) | st.binary(min_size=4, max_size=4))
def test_an_address_is_read_as_it_is_written(packed):
    text = format_address(packed)
    assert pack(text) == packed
    assert pack(text.upper()) == packed
    assert split_port(f"[{text}]:80" if ":" in text else f"{text}:80") == (text, "80")
    assert [spot.address for spot in find_spots(text, desk_of({}).around)] == [text]


@given(st.text(max_size=50))
def test_any_word_is_an_address_or_none(text):
    packed = pack(text)
    assert packed is None or len(packed) in (4, 16)
    host, port = split_port(text)
    assert host is None or host in text
    assert port is None or port in text
    assert parse_range(text) is None or len(parse_range(text)) > 0


def declared(name, address, *, v6_only=False, reuse_port=False, kind=Kind.NGINX, starts=None, transport=Transport.TCP):
    only = v6_only if address == "::" else True if address and ":" in address and not address.startswith("::ffff") else None
    return Declared(kind, name, f"/etc/{name}", 1, None, transport, address, 80, f"/etc/{name}", only, reuse_port, starts=starts)


DECLARED = st.builds(
    declared, st.sampled_from("abc"), ADDRESSES, v6_only=st.booleans(), reuse_port=st.booleans(), kind=st.sampled_from([Kind.NGINX, Kind.APACHE, Kind.ENV]),
    starts=st.sampled_from([True, False, None]), transport=st.sampled_from([Transport.TCP, Transport.UDP]),
)  # fmt: skip


@given(DECLARED, DECLARED)
def test_it_does_not_matter_which_is_first(one, other):
    assert meets(one, other) == meets(other, one)


@given(st.lists(DECLARED, max_size=6), st.randoms(use_true_random=False))
def test_findings_do_not_depend_on_the_order_of_files(ones, dice):
    def said(items):
        return sorted(
            (one.code, one.severity, one.transport, frozenset(one.declared)) for one in find_collisions(items, (), Surroundings())
        )

    shuffled = list(ones)
    dice.shuffle(shuffled)
    assert said(ones) == said(shuffled)


@given(st.lists(DECLARED, max_size=6))
def test_every_finding_has_its_lines(ones):
    for finding in find_collisions(ones, (), Surroundings(ephemeral=(1, 100), unprivileged_start=1024, user="ann")):
        assert finding.declared
        assert all((one.port, one.transport) == (finding.port, finding.transport) for one in finding.declared)
