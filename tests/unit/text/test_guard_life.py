"""Everything that may stand against the rules has a sentence, and what can be done about it a way out."""

import re
from pathlib import Path

import pytest

from portulan.model.guard_life import BootState as Boot
from portulan.model.guard_life import Concern, GuardStatus, Notes, Phase, Running, Shut
from portulan.text.guard_life import CONCERN_WAYS, CONCERNS, PHASES, SHUT, concern_lines, shut_lines, status_line, takeover_lines
from portulan.text.voice import Voice

SOURCE = Path(__file__).resolve().parents[3] / "src/portulan"
CONFIRM = (SOURCE / "verbs/guard_confirm.py").read_text()


def codes(kind):
    """The codes that the program gives this kind of value."""
    text = "\n".join(path.read_text() for folder in ("verbs", "system/firewall") for path in (SOURCE / folder).glob("*.py"))
    return set(re.findall(kind + r'\(\s*"(guard\.[a-z-]+)"', text))


def test_every_concern_and_every_shut_way_in_has_a_sentence():
    assert codes("Concern") | set(re.findall(r'_told\(concerns, "(.*?)"', CONFIRM)) == set(CONCERNS)
    assert set(CONCERN_WAYS) < set(CONCERNS)
    assert codes("Shut") == set(SHUT)
    assert set(PHASES) == set(Phase)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_is_left_unsaid_and_no_field_is_left_open(language):
    voice = Voice(language)
    lines = concern_lines(voice, tuple(Concern(code, "SUBJECT", "DETAIL") for code in CONCERNS))
    lines += shut_lines(voice, tuple(Shut(code, "22/tcp", "198.51.100.4", "eth0") for code in SHUT))
    tables = tuple(Concern("guard.other-table", f"ip {author or 'mine'}", author) for author in ("ufw", "firewalld", "docker", "", ""))
    lines += takeover_lines(voice, tables)
    for phase in Phase:
        lines.append(
            status_line(voice, GuardStatus(phase, Running(True, "a" * 64, "b" * 64, True, 12.4), Notes(), Boot("/etc/portulan/boot.nft")))
        )
    assert all(line.strip() and "{" not in line and "}" not in line for line in lines)
    assert sum("ip mine" in line for line in lines) == 1


def test_a_table_whose_maker_is_not_known_is_named_without_one():
    (line, _) = concern_lines(Voice("en"), (Concern("guard.other-table", "inet mine"),))
    assert line.startswith("! the table inet mine refuses packets too")


def test_nobody_else_means_nothing_to_take_over():
    assert len(takeover_lines(Voice("en"), (Concern("guard.wiped"),))) == 1
