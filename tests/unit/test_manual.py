"""The manual leaves nothing out: whatever an answer can name has its place in the reference, in both languages."""

import re
import shlex
from pathlib import Path

import pytest

import catalogues
from portulan.cli import guard
from portulan.cli.commands import COMMANDS
from portulan.cli.contract import ENVELOPES, schema_of
from portulan.cli.envelope import VERSIONS
from portulan.cli.parser import build_parser, module_of, parts_of
from portulan.host import collisions
from portulan.model import chart, guard_life, guard_proof, lease, path, port, reach, scan, scanner, stop, why
from portulan.model.traffic import PROTOCOLS
from portulan.registry.well_known import well_known
from portulan.text import errors, findings, guard_check, guard_plan, meanings
from portulan.text import guard_life as guard_text
from portulan.text.voice import LANGUAGES, Voice

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CODES = {
    "CAUSES": why.Cause, "PORT_STATES": scan.State, "REASONS": scan.Reason, "SOCKET_STATES": chart.State, "OWNERSHIPS": chart.Ownership, "OUTCOMES": reach.Outcome,
    "PATHS": path.Finding, "GUARANTEES": lease.Guarantee, "STOPS": stop.Verdict, "SCANNERS": scanner.Verdict, "KINDS": scanner.Kind, "CLASSES": port.PortClass,
    "PHASES": guard_life.Phase, "ROADS": guard_proof.Road,
}  # fmt: skip
"""Table of meanings -> the codes that it must explain, no more and no fewer."""


def page(language, name):
    return (DOCS / language / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", CODES)
def test_every_code_has_its_meaning(name):
    assert set(getattr(meanings, name)) == {str(code) for code in CODES[name]}


def test_every_declared_code_has_its_meaning():
    source = "".join(path.read_text("utf-8") for path in Path(collisions.__file__).parent.glob("*.py"))
    said = set(re.findall(r'"((?:declared|running|port)\.[a-z-]+)"', source))
    assert {code for code in said if code.split(".")[0] in ("declared", "running")} == {
        code for code in meanings.DECLARED if not code.startswith("port.")
    }
    assert {"port.ephemeral", "port.privileged"} <= said & set(meanings.DECLARED)


def test_every_table_has_a_title():
    tables = {name for name, value in vars(meanings).items() if name.isupper() and isinstance(value, dict)} - {"TITLES"}
    assert tables == set(meanings.TITLES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_meaning_has_its_place(language):
    text = page(language, "reference/states") + page(language, "reference/causes")
    for name in meanings.TITLES:
        for code in getattr(meanings, name):
            assert f"`{code}`".replace("|", "\\|") in text, code


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_has_its_place(language, name):
    text = page(language, name)
    whole = build_parser(COMMANDS[name], Voice(language))
    pieces = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    said = {f"portulan {name}": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}
    parsers = {f"portulan {name}": whole, **{f"portulan {name} {part}": parser for part, parser in parts_of(whole).items()}}
    assert list(said) == list(parsers)
    for place, parser in parsers.items():
        options = [option for action in parser._actions for option in action.option_strings]
        assert "--json" in options
        assert [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", said[place])] == [], place
        part = place.removeprefix("portulan ")
        anchor = "" if part == name else f"#{place.replace(' ', '-')}"
        assert f"[{part}](../{name}.md{anchor})" in page(language, "reference/exit-statuses")


def test_every_command_that_may_answer_no_says_when():
    """By what its source returns: `return 1`, `else 1`, or a comparison as a number."""
    modules = [*map(module_of, COMMANDS.values()), *guard.parts().values()]
    silent = []
    for module in modules:
        source = Path(module.__file__).read_text("utf-8")
        if re.search(r"\breturn 1$|\breturn .* else 1$|\breturn int\(.*==|= 0 if .* else 1$", source, re.MULTILINE) and not getattr(
            module, "NO", ""
        ):
            silent.append(module.__name__)
    assert silent == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_service_and_message_has_its_place(language):
    told, services, messages = (page(language, f"reference/{name}") for name in ("findings", "services", "messages"))
    assert [id_ for id_ in findings.ABOUT if f"`{id_}`" not in told] == []
    guards = {*guard_check.DOUBTS, *guard_plan.REMARKS, *guard_text.SHUT, *guard_text.CONCERNS}
    assert [code for code in guards if f"`{code}`" not in told] == []
    assert [one.key for one in well_known() if f"| {one.service} |" not in services] == []
    assert [name for name in PROTOCOLS if name != "unknown" and f"`{name}`" not in services] == []
    assert [code for code in errors.tables()[0] if f"`{code}`" not in messages] == ["usage"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_has_its_place(language):
    text = page(language, "reference/json")
    for name in ENVELOPES:
        schema = schema_of(name)
        assert f"## {schema['$id']}\n" in text
        properties = [schema["properties"], *(kind.get("properties", {}) for kind in schema["$defs"].values())]
        fields = {field for fields in properties for field in fields} - {"schema", "taken_at", "complete", "missing", "items"}
        assert [field for field in fields if f"| `{field}` |" not in text] == []


def test_every_envelope_that_a_command_prints_has_its_schema():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/portulan/cli").glob("*.py"))
    printed = set(re.findall(r'\.envelope\(\s*"([a-z-]+)"', source))
    assert len(printed) > 35
    assert printed <= set(ENVELOPES)
    assert set(ENVELOPES) == set(VERSIONS)


def written():
    """(where, command line) of every command of ours that a text shows: in the READMEs, the docs, and the sentences of the catalogue."""
    pages = [ROOT / "README.md", ROOT / "README.ja.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *DOCS.glob("*/how/*.md")]
    for one in pages:
        text = one.read_text("utf-8")
        for span in [*re.findall(r"`([^`\n]*)`", text), *re.findall(r"^\$ (.*)$", text, re.MULTILINE)]:
            yield from ((one.name, line) for line in re.findall(r"(?<![\w./-])(?<!inet )portulan (?!trial \d)[^;&|)#…]*", span))
    [catalogue] = catalogues.po_files(ROOT)
    for message in catalogues.load(catalogue):
        for text in (message.id, message.string) if isinstance(message.id, str) and message.id else ():
            yield from (("catalogue", line) for line in re.findall(r"(?:: {2}|\(|`|^|sudo )(portulan [^ ,;)`。][^,;)`。]*)", text))


def options_of(parser):
    """The options of a command and of all its parts."""
    parts = [part for action in parser._actions if isinstance(action.choices, dict) for part in action.choices.values()]
    return {option for action in parser._actions for option in action.option_strings}.union(*map(options_of, parts))


def test_every_command_that_a_text_shows_is_one():
    parsers = {name: build_parser(command, Voice()) for name, command in COMMANDS.items()}
    lines = list(dict.fromkeys(written()))
    wrong = []
    for where, line in lines:
        words = line.partition(" -- ")[0].split()[1:]
        known = {"--help", "--version", "--lang", "--json", "--color", "--source"}
        if not words:
            continue
        if words[0] in parsers:
            known |= options_of(parsers[words[0]])
            words = words[1:]
        elif not re.fullmatch(r"\d+|ssh|help|COMMAND|PORT|\{\w+\}|-.*", words[0]):
            wrong.append((where, line))
        options = [re.split(r"[=\[{]", word)[0].rstrip(".:") for word in words if word.startswith("--") and word != "--"]
        wrong += [(where, line) for option in options if option and option not in known]
    assert wrong == []
    assert len(lines) > 150


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_example_of_a_help_is_understood(name):
    parser = build_parser(COMMANDS[name], Voice())
    for example, _ in module_of(COMMANDS[name]).EXAMPLES:
        _, _, words = re.search(r"\bportulan\b[^>|)&]*", example)[0].partition("portulan")
        words = shlex.split(words.partition(" -- ")[0])
        parser.parse_args(words[1:] if words[:1] == [name] else words)


def test_every_link_of_a_text_leads_to_a_file():
    pages = [ROOT / "README.md", ROOT / "README.ja.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    links = [(one, target) for one in pages for target in re.findall(r"(?<!\\)\]\(([^)#:]+)(?:#[^)]*)?\)", one.read_text("utf-8"))]
    assert len(links) > 100
    assert [(one.name, target) for one, target in links if not (one.parent / target).exists()] == []
