"""Doors opened and closed in a policy's text: what is changed, and that nothing else is."""

from datetime import date

import pytest

from policies import policy_of, table
from portulan.errors import BadInput
from portulan.guard.policy.edit import close_door, open_door
from portulan.guard.policy.services import door_ports

TEXT = """# the head
[sources]
office = "192.0.2.0/24"   # them
lan = "interface eth1"

[doors]   # what is open
https = "everyone"   # nginx
ssh = { from = ["office", "lan"], limit = "10/minute" } # sshd
"8000-8010/tcp" = [
  "office", # all of them
  "lan",
]
3306 = "this-host"

# the other way
[outgoing]
https = "everyone"
"""


def ports_of(door):
    return door_ports(door, table())


def opened(door, *senders, text=TEXT, **options):
    return difference(text, open_door(text, "f", door, senders or ("everyone",), options, ports_of))


def closed(door, *senders, text=TEXT):
    return difference(text, close_door(text, "f", door, senders, ports_of))


def difference(before, after):
    """Lines that went, with -, and that came, with +."""
    policy_of(after)
    from difflib import ndiff

    return [line.rstrip() for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"]


def test_a_new_line_stands_at_the_end_of_the_doors():
    assert opened("smtp") == ['+ smtp = "everyone"']
    after = open_door(TEXT, "f", "smtp", ("everyone",), {}, ports_of)
    assert '3306 = "this-host"\nsmtp = "everyone"\n\n# the other way' in after


@pytest.mark.parametrize(("door", "senders", "options", "line"), [
    ("5432/tcp", ("office",), {}, '+ "5432/tcp" = "office"'),
    ("5432/tcp", ("office", "192.0.2.1"), {}, '+ "5432/tcp" = ["office", "192.0.2.1"]'),
    ("5432", ("office",), {"limit": "5/minute", "log": True, "note": 'a "b"'}, '+ 5432 = { from = "office", limit = "5/minute", log = true, note = "a \\"b\\"" }'),
    ("ftp", ("everyone",), {"helper": "ftp"}, '+ ftp = { from = "everyone", helper = "ftp" }'),
    ("ping", ("office",), {}, '+ ping = "office"'),
])  # fmt: skip
def test_new_lines(door, senders, options, line):
    assert opened(door, *senders, **options) == [line]


def test_a_line_for_the_same_ports_on_the_same_terms_lets_more_in():
    assert opened("22/tcp", "192.0.2.1", limit="10/minute burst 10") == [
        '- ssh = { from = ["office", "lan"], limit = "10/minute" } # sshd',
        '+ ssh = { from = ["office", "lan", "192.0.2.1"], limit = "10/minute" } # sshd',
    ]
    assert opened("443", "office") == []
    assert opened("ssh", "everyone", limit="10/minute")[1] == '+ ssh = { from = "everyone", limit = "10/minute" } # sshd'
    assert opened("3306", "office") == ['- 3306 = "this-host"', '+ 3306 = "office"']


def test_a_line_for_just_these_senders_is_given_other_terms():
    assert opened("https", "everyone", note="x") == [
        '- https = "everyone"   # nginx',
        '+ https = { from = "everyone", note = "x" }   # nginx',
    ]
    assert opened("ssh", "lan", "office", limit="5/minute")[1] == '+ ssh = { from = ["office", "lan"], limit = "5/minute" } # sshd'


POSTGRES = '[doors]\npostgres = { from = "office", note = "office database" }\n[sources]\noffice = "192.0.2.0/24"\nlan = "interface eth1"\n'
SUPPLIER = {"until": date(2026, 12, 31), "note": "supplier"}


def test_senders_on_other_terms_get_a_line_of_their_own():
    assert opened("5432/tcp", "198.18.1.2", text=POSTGRES, **SUPPLIER) == [
        '+ "5432/tcp" = { from = "198.18.1.2", until = 2026-12-31, note = "supplier" }'
    ]
    assert opened("postgres", "198.18.1.2", text=POSTGRES, limit="1/day") == ['+ "5432/tcp" = { from = "198.18.1.2", limit = "1/day" }']
    assert opened("ssh", "192.0.2.1") == ['+ "22/tcp" = "192.0.2.1"']
    assert opened("postgres", "lan", text=POSTGRES, log=True) == ['+ "5432/tcp" = { from = "lan", log = true }']
    # Nobody loses a note, and nobody takes one over who came with his own.
    assert opened("postgres", "lan", text=POSTGRES, note="lan too")[0].startswith('+ "5432/tcp" = { from = "lan"')
    assert opened("postgres", "lan", text=POSTGRES)[1] == '+ postgres = { from = ["office", "lan"], note = "office database" }'


@pytest.mark.parametrize("terms", ["until = 2026-12-31", 'until = "2026-12-31"', 'limit = "10/minute"', "log = true"])
def test_who_asks_for_no_terms_gets_none_from_a_line_that_has_some(terms):
    text = f'[doors]\npostgres = {{ from = "192.0.2.1", {terms} }}\n'
    assert opened("5432/tcp", "192.0.2.2", text=text) == ['+ "5432/tcp" = "192.0.2.2"']


def test_the_same_day_is_the_same_however_it_is_written():
    text = '[doors]\npostgres = { from = "192.0.2.1", until = "2026-12-31" }\n'
    assert opened("postgres", "192.0.2.2", text=text, until=date(2026, 12, 31))[1].startswith(
        '+ postgres = { from = ["192.0.2.1", "192.0.2.2"]'
    )
    assert opened("postgres", "192.0.2.2", text=text, until=date(2026, 12, 30))[0].startswith('+ "5432/tcp"')


def test_a_line_that_let_nobody_in_gives_its_terms_to_nobody():
    text = '[doors]\n3306 = { from = "this-host", limit = "1/day", until = 2026-01-01, note = "mine" }\n'
    assert opened("3306", "192.0.2.1", text=text)[1] == '+ 3306 = { from = "192.0.2.1", note = "mine" }'


def test_each_free_spelling_of_the_ports_and_then_none():
    text, found = POSTGRES, []
    ask = {"door": "5432/tcp", "senders": ("192.0.2.9",), "ports_of": ports_of, "usual": "postgresql"}
    for day in range(1, 6):
        after = open_door(text, "f", options={"until": date(2026, 1, day)}, **ask)
        (line,) = [each for each in after.splitlines() if each not in text.splitlines()]
        found.append(line.partition(" = ")[0].strip('"'))
        text = after.replace('"192.0.2.9"', f'"192.0.2.10{day}"')  # somebody else's
        policy_of(text)
    assert found == ["5432/tcp", "postgresql", "5432-5432/tcp", "tcp/5432", "tcp/5432-5432"]
    with pytest.raises(BadInput) as raised:
        open_door(text, "f", options={"until": date(2026, 1, 9)}, **ask)
    assert (raised.value.code, raised.value.facts["text"]) == ("policy.no-spelling", "5432/tcp")
    both = '[doors]\n9000 = { from = "192.0.2.1", log = true }\n'
    assert opened("9000", "192.0.2.2", text=both) == ['+ 9000-9000 = "192.0.2.2"']


def test_ping_has_one_key():
    assert opened("ping", "lan", text=POSTGRES + '[zones]\nz = "eth9"\n') == ['+ ping = "lan"']
    with pytest.raises(BadInput) as raised:
        opened("ping", "192.0.2.1", text='[doors]\nping = { from = "192.0.2.2", note = "a" }\n', note="b")
    assert raised.value.code == "policy.no-spelling"


def test_a_needed_helper_goes_with_the_port_and_any_other_with_the_line():
    text = '[doors]\nftp = { from = "192.0.2.1", helper = "ftp" }\n2121 = { from = "192.0.2.1", helper = "ftp" }\n'
    assert opened("ftp", "192.0.2.2", text=text)[1] == '+ ftp = { from = ["192.0.2.1", "192.0.2.2"], helper = "ftp" }'
    assert opened("2121", "192.0.2.2", text=text) == ['+ 2121-2121 = "192.0.2.2"']


def test_closing_to_one_leaves_the_terms_of_the_others():
    text = POSTGRES.replace("[sources]", '"5432/tcp" = { from = "198.18.1.2", until = 2026-12-31, note = "supplier" }\n[sources]')
    assert closed("5432/tcp", "198.18.1.2", text=text) == ['- "5432/tcp" = { from = "198.18.1.2", until = 2026-12-31, note = "supplier" }']
    assert closed("5432/tcp", "office", text=text) == ['- postgres = { from = "office", note = "office database" }']


def test_where_there_are_no_doors_yet():
    assert open_door("", "f", "ssh", ("everyone",), {}, ports_of) == '[doors]\nssh = "everyone"\n'
    assert open_door("[doors]", "f", "ssh", ("everyone",), {}, ports_of) == '[doors]\nssh = "everyone"\n'
    assert open_door('[sources]\na = "192.0.2.1"', "f", "ssh", ("a",), {}, ports_of) == '[sources]\na = "192.0.2.1"\n\n[doors]\nssh = "a"\n'
    assert (
        open_door("[doors]\n# none\n\n[zones]\n", "f", "ssh", ("everyone",), {}, ports_of)
        == '[doors]\nssh = "everyone"\n# none\n\n[zones]\n'
    )
    assert open_door('[doors]\r\nhttp = "everyone"\r\n', "f", "ssh", ("everyone",), {}, ports_of).endswith('ssh = "everyone"\n')


def test_a_line_is_closed_with_its_comment():
    assert closed("ssh") == ['- ssh = { from = ["office", "lan"], limit = "10/minute" } # sshd']
    assert closed("8000-8010") == ['- "8000-8010/tcp" = [', '-   "office", # all of them', '-   "lan",', "- ]"]


def test_other_ports_of_a_line_stay():
    assert closed("443/udp") == ['- https = "everyone"   # nginx', '+ "443/tcp" = "everyone"   # nginx']
    assert closed("8005/tcp")[1:] == ['+ "8000-8004,8006-8010/tcp" = [']


def test_one_of_several_senders():
    assert closed("ssh", "lan")[1] == '+ ssh = { from = "office", limit = "10/minute" } # sshd'
    assert closed("8005/tcp", "lan")[-1] == '+ "8005/tcp" = "office"'
    assert closed("ssh", "lan", "office") == closed("ssh")
    assert closed("ssh", "192.0.2.1") == []


def test_what_is_closed_stays_as_it_is():
    assert closed("smtp") == closed("3306") == closed("ping") == []
    assert closed("ping", text='[doors]\nping = ["everyone"]\n') == ['- ping = ["everyone"]']


def test_several_lines_for_one_port():
    text = '[doors]\nhttps = "everyone"\n"443/tcp" = "192.0.2.1"\n"400-500" = { from = "192.0.2.2", note = "x" }\n'
    assert closed("443", text=text) == [
        '- https = "everyone"', '- "443/tcp" = "192.0.2.1"', '- "400-500" = { from = "192.0.2.2", note = "x" }',
        '+ "400-442,444-500" = { from = "192.0.2.2", note = "x" }',
    ]  # fmt: skip
    assert closed("443/udp", text=text)[1] == '+ "tcp/443" = "everyone"'  # 443/tcp is there


def test_where_no_key_is_left():
    text = '[doors]\nhttps = "everyone"\n"443/tcp" = { from = "192.0.2.1", log = true }\n"tcp/443" = "192.0.2.2"\n'
    with pytest.raises(BadInput) as raised:
        closed("443/udp", text=text)
    assert raised.value.code == "policy.by-hand"


def test_a_helper_goes_with_its_port():
    text = '[doors]\n"20-21" = { from = "everyone", helper = "ftp" }\n'
    assert closed("20-21/tcp", text=text)[1].split() == ["+", '"20-21/udp"', "=", "{", "from", "=", '"everyone"', "}"]


@pytest.mark.parametrize(
    "text",
    ['doors.ssh = "everyone"\n', '[doors.ssh]\nfrom = "everyone"\n', 'doors = { ssh = "everyone" }\n', '[doors]\nssh.from = "everyone"\n'],
)
def test_unusual_forms_are_left_to_people(text):
    for change in (lambda: closed("ssh", text=text), lambda: opened("smtp", text=text)):
        with pytest.raises(BadInput) as raised:
            change()
        assert (raised.value.code, raised.value.facts["text"]) == ("policy.by-hand", "ssh")


@pytest.mark.parametrize("text", ['doors.ssh = "lan"\n', 'doors = { ssh = "lan" }\n'])
def test_a_value_is_changed_wherever_it_stands(text):
    after = open_door(text, "f", "ssh", ("192.0.2.1",), {}, ports_of)
    assert after == text.replace('"lan"', '["lan", "192.0.2.1"]')


def test_words_that_are_no_door():
    with pytest.raises(BadInput) as raised:
        opened("htpps")
    assert raised.value.code == "policy.port"
