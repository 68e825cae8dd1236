"""The answer to "who", in words."""

import pytest
from hypothesis import given

from builders import packed
from chart_samples import BLUE, NOW, OWN, PARENTS, UDP, ago, endpoints, owner, row, survey, who
from portulan.model.chart import Ancestor, Gap, State
from portulan.model.port import Port, Transport
from portulan.model.who import Remedy, Who
from portulan.text.voice import LANGUAGES, Voice
from portulan.text.who import blocks, elsewhere, named_port, nobody, shell_words
from strategies import acts, hostile_text, nasty, surveys

ENGLISH = Voice()


def only(port, **more):
    (block,) = blocks(ENGLISH, who(port, **more))
    return block


def facts(block):
    return dict(block.facts)


def asked(*sockets, processes=(), parents=None, **more):
    """The blocks of a few sockets, held by these processes."""
    found = survey(sockets)._replace(processes={one.pid: one for one in processes}, connections=None, **more)
    items = endpoints(found)
    if parents is not None:
        items = tuple(
            item._replace(owners=tuple(one._replace(parents=parents.get(one.pid)) for one in item.owners)) if item.owners else item
            for item in items
        )
    return blocks(ENGLISH, Who(port=Port(sockets[0][0].port), host="h", taken_at=NOW, service=None, items=items, source="bpf"))


def chain(*pids):
    return tuple(Ancestor(pid=pid, name=f"p{pid}") for pid in pids)


# --- the sentence ---


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        (22, "22/tcp (ssh) is held by sshd on all addresses; running for 12 days."),
        (443, "443/tcp (https) is held by nginx on all addresses; running for 12 days."),
        (631, "631/tcp (ipp) is held by systemd on 127.0.0.1 ::1; running for 90 days."),
        (3389, "3389/tcp (ms-wbt-server) is open on all IPv4 addresses, but the process that holds it may not be looked into."),
        (4789, "4789/udp is held by the kernel itself on all IPv4 addresses, for vxlan vx0."),
        (5000, "Nobody holds 5000/tcp, but a connection on it is still closing (TIME_WAIT, 42 s left): 127.0.0.1 -> 127.0.0.1:40000."),
        (7000, "7000/tcp is kept by firefox on all IPv4 addresses, without listening: no client gets in."),
        (8000, "8000/tcp is held by python3 -m http.server on all IPv4 addresses; running for 1 min."),
        (9999, "9999/tcp is open on 10.0.0.5, but no process is seen to hold it."),
        (40000, "Nobody serves 40000/tcp; a connection of firefox uses it (established): 192.168.1.20 -> 203.0.113.7:443."),
        (6666, r"6666/tcp is held by evil\x1b[2J\u202e on 192.168.1.20 %eth0; running for 24 h."),
    ],
)
def test_the_answer_first(port, sentence):
    assert only(port).sentence == sentence


@pytest.mark.parametrize(
    ("socket", "sentence"),
    [
        (row(81, "::", "?unknown"), "81/tcp is open on all addresses; this way of looking does not tell who holds it."),
        (row(81, "::", "?none", v6_only=True), "81/tcp is open on all IPv6 addresses; this way of looking does not tell who holds it."),
        (row(81, "::", "?hidden", state=State.BOUND), "81/tcp is kept on all addresses without listening; the process that keeps it is not seen."),
        (row(81, "::", "?hidden", transport=UDP), "81/udp is open on all addresses, but no process is seen to hold it."),
        (row(81, "::", "5:1"), "81/tcp is held by a on all addresses."),
        (row(81, "0.0.0.0", "5:1", device=2), "81/tcp is held by a on all IPv4 addresses %eth0."),
        (row(81, "::1", "5:1 6:1"), "81/tcp is held by a and b on ::1."),
        (row(81, "::1", "5:1 6:1 7:1 8:1"), "81/tcp is held by a, b and c on ::1."),
        (row(81, "::1", "5:1", transport=UDP), "81/udp is held by a on ::1."),
        (row(81, "::1", "?kernel"), "81/tcp is held by the kernel itself on ::1, for kernel."),
        (
            row(81, "::1", "?forbidden", state=State.CLOSE_WAIT, peer_port=9, destination=packed("::1")),
            "Nobody serves 81/tcp; a connection uses it (close-wait): ::1 -> [::1]:9.",
        ),
        (row(81, "::1", "?forbidden", state=State.SYN_SENT), "Nobody serves 81/tcp; a connection uses it (syn-sent): ::1 -> ?."),
        (row(81, "::1", "?none", state=State.TIME_WAIT, peer_port=9, expires_ms=0), "Nobody holds 81/tcp, but a connection on it is still closing (TIME_WAIT, 0 s left): ::1 -> [::]:9."),
    ],
)  # fmt: skip
def test_other_answers(socket, sentence):
    (block,) = asked(socket, processes=[owner(5, "a"), owner(6, "b"), owner(7, "a"), owner(8, "c")])
    assert block.sentence == sentence


def test_the_last_connection_to_close_says_how_long():
    one, other = (
        row(81, "::1", "?none", state=State.TIME_WAIT, peer_port=peer, destination=packed("::1"), expires_ms=left)
        for peer, left in ((5, 7_000), (6, 58_001))
    )
    (block,) = asked(one, other)
    assert "59 s left" in block.sentence


def test_all_addresses_and_one_more():
    (block,) = asked(row(81, "0.0.0.0", "5:1"), row(81, "10.0.0.5", "5:2"), processes=[owner(5, "a")])
    assert block.sentence == "81/tcp is held by a on all IPv4 addresses 10.0.0.5."


def test_each_set_of_holders_is_a_block():
    processes = [owner(5, "a"), owner(6, "b")]
    assert len(asked(row(81, "::1", "5:1"), row(81, "127.0.0.1", "5:2"), processes=processes)) == 1
    assert len(asked(row(81, "::1", "5:1"), row(81, "127.0.0.1", "6:2"), processes=processes)) == 2
    assert len(asked(row(81, "::1", "5:1"), row(81, "::1", "5:1", transport=UDP), processes=processes)) == 2
    assert len(asked(row(81, "::1", "?forbidden"), row(81, "127.0.0.1", "?forbidden"))) == 1
    assert len(asked(row(81, "::1", "?forbidden", uid=5), row(81, "127.0.0.1", "?forbidden"))) == 2


def test_namespaces_are_told_where_there_is_more_than_ours():
    mine, blue = blocks(ENGLISH, who(80, one_namespace=False))
    assert "lives in" not in facts(mine)
    assert facts(blue)["lives in"] == "another network namespace: blue"
    assert "lives in" not in facts(only(80))
    (alone,) = asked(row(81, "::", "5:1", netns=BLUE), processes=[owner(5, "a")])
    assert facts(alone)["lives in"] == "another network namespace: blue"


# --- nobody ---


@pytest.mark.parametrize(
    ("port", "service", "gaps", "sentence"),
    [
        (Port(80), "http", (), "Nobody holds 80 (http) on this machine."),
        (Port(80, Transport.TCP), "http", (), "Nobody holds 80/tcp (http) on this machine."),
        (Port(81), None, (), "Nobody holds 81 on this machine."),
        (Port(80), "http", (Gap("namespace.forbidden"),), "Nobody that may be seen holds 80 (http)."),
        (Port(80), "\x1b", (), r"Nobody holds 80 (\x1b) on this machine."),
    ],
)
def test_nobody(port, service, gaps, sentence):
    answer = Who(port=port, host="h", taken_at=NOW, service=service, items=(), gaps=gaps, source="bpf")
    assert nobody(ENGLISH, answer) == sentence
    assert blocks(ENGLISH, answer) == []


def test_a_port_goes_by_its_service():
    assert named_port(who(80)) == "80 (http)"
    assert named_port(who(80, Transport.TCP)) == "80/tcp (http)"


# --- the processes ---


def test_a_master_and_its_workers():
    assert only(80).processes == (
        ("nginx", "pid 812", "root", "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;"),
        ("└ 4 x nginx", "pid 815 … 818", "www-data", "nginx: worker process"),
    )


def test_one_worker_is_shown_as_itself_and_unlike_ones_apart():
    found = [owner(5, "a", user="root"), owner(6, "a", user="web"), owner(7, "a", user="db"), owner(8, "a", user="db")]
    parents = {5: (), **dict.fromkeys((6, 7, 8), chain(5, 1))}
    (block,) = asked(row(81, "::", "5:1 6:1 7:1 8:1"), processes=found, parents=parents)
    assert [(name, pid, user) for name, pid, user, _ in block.processes] == [
        ("a", "pid 5", "root"), ("└ a", "pid 6", "web"), ("└ 2 x a", "pid 7 … 8", "db"),
    ]  # fmt: skip


def test_a_family_of_three_generations():
    found = [owner(pid, f"p{pid}") for pid in (5, 6, 7, 8)]
    parents = {5: chain(1), 6: chain(5, 1), 7: chain(99, 6, 5, 1), 8: chain(5, 1)}
    (block,) = asked(row(81, "::", "5:1 6:1 7:1 8:1"), processes=found, parents=parents)
    assert [name for name, *_ in block.processes] == ["p5", "└ p6", "  └ p7", "└ p8"]


def test_many_holders_are_counted_after_the_first_dozen():
    found = [owner(pid, f"p{pid}") for pid in range(10, 40)]
    (block,) = asked(row(81, "::", " ".join(f"{one.pid}:1" for one in found)), processes=found)
    assert len(block.processes) == 13
    assert block.processes[-1] == ("18 more", "", "", "")
    assert block.processes[11][0] == "p21"


def test_a_dozen_holders_are_all_shown():
    found = [owner(pid, f"p{pid}") for pid in range(10, 22)]
    (block,) = asked(row(81, "::", " ".join(f"{one.pid}:1" for one in found)), processes=found)
    assert [name for name, *_ in block.processes] == [f"p{pid}" for pid in range(10, 22)]


@pytest.mark.parametrize(
    ("more", "user", "command"),
    [
        ({"user": "ann", "uid": 1000}, "ann", "a"),
        ({"uid": 1000}, "1000", "a"),
        ({}, "?", "a"),
        ({"command": None, "executable": "/bin/a"}, "?", "/bin/a"),
        ({"command": (), "executable": None}, "?", ""),
    ],
)
def test_what_is_not_known_of_a_process(more, user, command):
    (block,) = asked(row(81, "::", "5:1"), processes=[owner(5, "a")._replace(**more)])
    assert block.processes == (("a", "pid 5", user, command),)


def test_one_descriptor_or_two_are_one_process():
    (block,) = asked(row(81, "::", "5:1 5:2"), row(81, "0.0.0.0", "5:3"), processes=[owner(5, "a")])
    assert len(block.processes) == 1


# --- the story ---


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (80, {"why it runs": "systemd > nginx.service", "program": "/usr/sbin/nginx", "traffic": "2 connections · queue 2 of 511 · 3 turned away"}),
        (443, {"why it runs": "systemd > nginx.service", "program": "/usr/sbin/nginx", "traffic": "1,041 connections · queue 0 of 511 · none turned away"}),
        (631, {"why it runs": "cups.socket", "program": "/usr/lib/systemd/systemd", "traffic": "0 connections · queue 0 of 4096 · none turned away"}),
        (3389, {"made by": "user root", "unit": "xrdp.service", "probably": "vault (pid 3100)", "traffic": "0 connections · queue 0 of 16 · none turned away"}),
        (5353, {"why it runs": "systemd > avahi-daemon.service", "program": "/usr/sbin/avahi-daemon", "works in": "/etc/avahi", "traffic": "none turned away"}),
        (8000, {"why it runs": "systemd > sshd > … > tmux: server > bash", "program": "/usr/bin/python3.11", "works in": "/home/ann/my site", "traffic": "0 connections · queue 0 of 5 · none turned away"}),
        (8080, {"why it runs": "systemd > dockerd", "container": "docker:shop-web", "program": "/usr/bin/docker-proxy", "traffic": "0 connections · queue 0 of 4096 · none turned away"}),
        (5000, {"made by": "user root"}),
        (7000, {"why it runs": "systemd > systemd > gnome-shell", "program": "/usr/lib/firefox/firefox", "works in": "/home/ann"}),
        (40000, {"why it runs": "systemd > systemd > gnome-shell", "program": "/usr/lib/firefox/firefox", "works in": "/home/ann"}),
    ],
)  # fmt: skip
def test_why_it_runs_and_what_comes_in(port, expected):
    found = facts(only(port))
    found.pop("command", None)  # only where it is long: tested below
    assert found == expected


def test_a_long_command_is_told_whole():
    (block,) = asked(
        row(81, "::1", "5:1"), processes=[owner(5, "a")._replace(command=("/opt/shop/bin/shop", "--config", "/etc/shop/my shop.conf"))]
    )
    assert facts(block)["command"] == "/opt/shop/bin/shop --config '/etc/shop/my shop.conf'"
    (block,) = asked(row(81, "::1", "5:1"), processes=[owner(5, "a")._replace(command=("shop",))])
    assert "command" not in facts(block)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (0, None),
        (1, "p1"),
        (5, "p1 > p2 > p3 > p4 > p5"),
        (6, "p1 > p2 > … > p5 > p6"),
        (9, "p1 > p2 > … > p8 > p9"),
    ],
)
def test_a_long_chain_keeps_its_first_and_its_nearest_steps(steps, words):
    parents = {50: chain(*range(steps, 0, -1))}
    (block,) = asked(row(81, "::", "50:1"), processes=[owner(50, "a")], parents=parents)
    assert facts(block).get("why it runs") == words


def test_unknown_parents_are_no_story():
    (block,) = asked(row(81, "::", "5:1"), processes=[owner(5, "a")], parents={5: None})
    assert facts(block) == {"traffic": "queue 0 of 511 · none turned away"}


def test_without_a_user_nothing_is_said_of_who_made_it():
    (block,) = asked(row(81, "::", "?forbidden", uid=None))
    assert "made by" not in facts(block)
    (block,) = asked(row(81, "::", "?forbidden", uid=4711))
    assert facts(block)["made by"] == "user 4711"


def test_few_candidates_are_named_and_many_are_not():
    found = [owner(pid, f"p{pid}") for pid in range(5, 10)]
    (four,) = asked(row(81, "::", "?forbidden 5 6 7 8"), processes=found)
    (five,) = asked(row(81, "::", "?forbidden 5 6 7 8 9"), processes=found)
    assert facts(four)["probably"] == "p5 (pid 5), p6 (pid 6), p7 (pid 7), p8 (pid 8)"
    assert facts(five)["probably"] == facts(four)["probably"] + "…"


def test_the_fullest_queue_is_told():
    (block,) = asked(
        row(81, "::1", "5:1", rqueue=3, wqueue=10), row(81, "127.0.0.1", "5:2", rqueue=9, wqueue=500), processes=[owner(5, "a")]
    )
    assert facts(block)["traffic"] == "queue 9 of 500 · none turned away"


def test_drops_that_nobody_counted_are_not_told():
    (block,) = asked(row(81, "::1", "5:1", drops=None), processes=[owner(5, "a")])
    assert facts(block)["traffic"] == "queue 0 of 511"
    (block,) = asked(row(81, "::1", "5:1", drops=None, transport=UDP), processes=[owner(5, "a")])
    assert "traffic" not in facts(block)


def test_what_the_kernel_holds_is_stopped_by_its_interface():
    (block,) = blocks(ENGLISH, who(4789))
    assert block.stops == ("ip link delete vx0",)


def test_how_to_stop_it():
    (block,) = blocks(ENGLISH, who(80))
    assert block.stops == ("systemctl stop nginx.service",)
    pids = {owner.pid for item in who(80).items for owner in item.owners}
    answer = who(80)._replace(
        remedies=(
            Remedy(code="container", command="docker stop '\x1b'", pids=(min(pids),), netns=OWN),
            Remedy(code="process", command="kill 4294967", pids=(4294967,), netns=OWN),
            Remedy(code="process", command="kill 5", pids=tuple(pids), netns=OWN + 1),
        )
    )
    (block,) = blocks(ENGLISH, answer)
    assert block.stops == (r"docker stop '\x1b'",)


def test_what_is_held_elsewhere_is_not_held_here():
    assert elsewhere(ENGLISH, who(80)) is None
    away = who(80)._replace(items=tuple(item._replace(netns_name="blue") for item in who(80).items))
    assert elsewhere(ENGLISH, away) == "Nobody holds 80 (http) in this network namespace; in others it is held:"


def test_a_command_is_told_as_a_shell_would_take_it():
    assert shell_words(("ls", "a b")) == "ls 'a b'"
    assert shell_words(("nginx: master process",)) == "nginx: master process"
    assert shell_words(()) == ""


# --- whatever the names are ---


@nasty("name")
@given(name=hostile_text)
def test_no_name_reaches_a_terminal_raw(name):
    process = owner(
        5, name, name, executable=name, cwd=name, user=name, unit=f"{name}.service", container=name or None, started_at=ago(hours=1)
    )
    found = survey(
        (row(80, "0.0.0.0", "5:1 6:1", device=2), row(80, "10.0.0.1", "?forbidden 5", cgroup=9), row(80, "::", "?kernel", transport=UDP))
    )._replace(
        processes={5: process, 6: process._replace(pid=6)},
        devices={(OWN, 2): name},
        cgroups={9: f"/{name}.service"},
        kernel={(OWN, UDP, 80): name},
    )
    items = tuple(
        item._replace(
            service=name, user=name, netns_name=name,
            owners=tuple(one._replace(parents=(Ancestor(pid=1, name=name),)) for one in item.owners) if item.owners else item.owners,
        )
        for item in endpoints(found)
    )  # fmt: skip
    answer = Who(
        port=Port(80), host=name, taken_at=NOW, service=name, items=items, remedies=(Remedy(code="process", command=name),), source="bpf"
    )
    for language in LANGUAGES:
        voice = Voice(language)
        texts = [nobody(voice, answer), elsewhere(voice, answer) or "", *(stop for block in blocks(voice, answer) for stop in block.stops)]
        for block in blocks(voice, answer):
            texts += [block.sentence, *(cell for one in block.processes for cell in one), *(part for fact in block.facts for part in fact)]
        for text in texts:
            assert not any(map(acts, text))
            text.encode()
            assert len(text) < 2_000


@given(found=surveys())
def test_any_survey_has_an_answer_in_both_languages(found):
    items = tuple(
        item._replace(owners=tuple(one._replace(parents=PARENTS.get(one.pid)) for one in item.owners)) if item.owners else item
        for item in endpoints(found)
    )
    answer = Who(port=Port(80), host="h", taken_at=NOW, service="http", items=items, source="bpf")
    english, japanese = (blocks(Voice(language), answer) for language in LANGUAGES)
    assert len(english) == len(japanese) <= len(items)
    assert bool(english) == bool(items)
    assert all(one.sentence != other.sentence for one, other in zip(english, japanese, strict=True))
