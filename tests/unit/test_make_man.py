"""Manual pages: one for each command in each language, and roff has nothing to say against them."""

import re
import shutil
import subprocess
from importlib import import_module

import pytest

from make_man import escaped, man_pages, write_all
from portulan.cli.commands import COMMANDS
from portulan.cli.parser import build_parser, examples_text, module_of, parts_of
from portulan.text.voice import LANGUAGES, Voice


def plain(roff):
    return re.sub(r"\\f[BIR]", "", roff).replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_has_a_page_with_all_that_its_help_says(language):
    pages = man_pages(language)
    assert set(pages) == {"portulan.1", *(f"portulan-{name}.1" for name in COMMANDS)}
    voice = Voice(language)
    for name, command in COMMANDS.items():
        text = plain(pages[f"portulan-{name}.1"])
        parser = build_parser(command, voice)
        for part in (parser, *parts_of(parser).values()):
            assert [option for action in part._actions for option in action.option_strings if option not in text] == []
            assert [action.help for action in part._actions if "%" not in action.help and action.help not in text] == []
        modules = [module_of(command), *(import_module(f"{command.module}_{part}") for part in parts_of(parser))]
        assert [shown for module in modules for shown, _ in getattr(module, "EXAMPLES", ()) if shown not in text] == []
        assert [module for module in modules if voice.say(getattr(module, "NO", "") or command.summary) not in text] == []
        assert examples_text(module_of(command), voice).splitlines()[-1].strip().partition(": ")[2] in text
        assert f"portulan-{name}" in plain(pages["portulan.1"])


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
@pytest.mark.parametrize("language", LANGUAGES)
def test_roff_reads_them_without_a_warning(language):
    # Japanese is written without blanks: roff warns where it can break no line.
    done = subprocess.run(
        ["groff", "-k", "-man", "-Tutf8", "-ww", *(["-Wbreak"] if language == "ja" else []), "-z"],
        input="".join(man_pages(language).values()), text=True, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "roff"), [("-p 1", "\\-p 1"), (".x", "\\&.x"), ("a\n'b", "a\n\\&'b"), ("\\", "\\e"), ("a.b", "a.b"), ("日本", "日本")]
)
def test_nothing_of_a_text_is_a_request(text, roff):
    assert escaped(text) == roff


def test_where_they_go(tmp_path):
    places = {str(path.relative_to(tmp_path)) for path in write_all(tmp_path)}
    assert {"man1/portulan.1", "man1/portulan-why.1", "ja/man1/portulan.1"} <= places
    assert len(places) == 2 * (len(COMMANDS) + 1)
