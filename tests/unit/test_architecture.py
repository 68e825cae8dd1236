"""What holds for the whole house: layers, words for every error, documents in every file, and nothing heavy at the door."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from portulan.model.chart import Gap
from portulan.text.errors import tables
from portulan.text.gaps import gap_sentence
from portulan.text.voice import Voice

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "portulan"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}
ERRORS = {"PortulanError", "BadInput", "ParseError", "CannotTell", "NotPermitted", "Refused", "MachineFailed"}
PURE = ("model", "wire", "registry", "host", "text")
MACHINE = {
    "os",
    "socket",
    "_socket",
    "subprocess",
    "time",
    "random",
    "threading",
    "asyncio",
    "multiprocessing",
    "signal",
    "shutil",
    "pathlib",
    "tempfile",
}
FILE = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])


def calls(path, names):
    """Every call of one of these names in a file."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def literal(node):
    """The text of a literal, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def codes(node, path):
    """The codes that the first argument of an error or a gap may be: a literal, one of two, or a name that stands for such."""
    if isinstance(node, ast.IfExp):
        return codes(node.body, path) + codes(node.orelse, path)
    if isinstance(node, ast.Name):
        values = [each.value for each in ast.walk(TREES[path]) if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == node.id]
        return [code for value in values for code in codes(value, path)] or [None]
    return [literal(node)]


def raised():
    """(file and line, code, names of the facts or None where they are not written out) of every error that is made."""
    for path in FILES:
        for node in calls(path, ERRORS):
            if node.args:
                facts = {keyword.arg for keyword in node.keywords}
                for code in codes(node.args[0], path):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", code, None if None in facts else facts


RAISED = list(raised())
KNOWN, WAYS_OUT = tables()


def fields(message):
    return {name for _, name, _, _ in Formatter().parse(message) if name}


def test_errors_are_found_at_all():
    assert len(RAISED) > 60
    assert {"port.out-of-range", "netlink.truncated", "machine.failed", "registry.damaged"} <= {code for _, code, _ in RAISED}


@pytest.mark.parametrize(("place", "code", "facts"), RAISED, ids=[f"{place} {code}" for place, code, _ in RAISED])
def test_every_error_has_a_sentence_and_the_facts_for_it(place, code, facts):
    assert code is not None, "an error's code stands in the file, so that it can be found"
    assert code in KNOWN, "text has no sentence for it"
    if facts is not None:
        assert fields(KNOWN[code]) - facts == set(), "the sentence speaks of facts that are not given"
        assert fields(WAYS_OUT.get(code, "")) - facts == set(), "the way out speaks of facts that are not given"


def test_every_sentence_belongs_to_an_error():
    made = {code for _, code, _ in RAISED}
    assert KNOWN.keys() - made == set(), "nobody raises these"


def gaps():
    """(file and line, code, names of the facts) of every gap that is noted."""
    for path in FILES:
        for node in calls(path, {"Gap"}):
            given = node.args[1] if len(node.args) > 1 else ast.Dict([], [])
            for code in codes(node.args[0], path):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", code, [literal(key) for key in given.keys]


GAPS = list(gaps())


@pytest.mark.parametrize(("place", "code", "facts"), GAPS, ids=[f"{place} {code}" for place, code, _ in GAPS])
def test_every_gap_has_a_sentence_and_the_facts_for_it(place, code, facts):
    assert code is not None
    sentence = gap_sentence(Voice(), Gap(code, dict.fromkeys(facts, 2)))
    assert code not in sentence


def test_gaps_are_found_at_all():
    assert {"owners.forbidden", "namespace.forbidden", "psutil.limited"} <= {code for _, code, _ in GAPS}


# --- every file ---


@FILE
def test_every_module_says_what_it_is(path):
    documented = ast.get_docstring(TREES[path])
    assert documented
    assert len(documented.splitlines()[0]) > 10


@FILE
def test_no_file_is_longer_than_can_be_read(path):
    assert len(path.read_text("utf-8").splitlines()) <= 500


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.relative_to(SOURCE).parts[0] in PURE], ids=lambda path: str(path.relative_to(SOURCE))
)
def test_pure_rooms_leave_the_machine_alone(path):
    imported = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input", "exec", "eval"), f"line {node.lineno}"
    assert imported & MACHINE == set()


@FILE
def test_no_catch_all_rooms(path):
    assert not {"utils", "util", "common", "helpers", "misc", "manager"} & {
        part.removesuffix(".py") for part in path.relative_to(SOURCE).parts
    }


def test_imports_run_downward_only():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- what a start brings in ---

HEAVY = {
    "numpy", "rich", "json", "asyncio", "PIL", "psutil", "msgspec", "dataclasses", "typing", "inspect", "ctypes", "socket", "subprocess", "logging",
    "xml", "csv", "http", "urllib", "email", "ssl", "pathlib", "tempfile", "concurrent", "shtab", "difflib", "shlex", "argparse",
}  # fmt: skip


def loaded(code):
    """Names of the modules that a fresh interpreter has after running code."""
    code += "\nimport sys; sys.stderr.write('\\n' + '\\n'.join(sys.modules))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environment, cwd="/")
    return set(done.stderr.split("\n"))


@pytest.mark.parametrize(
    "module", ["portulan.cli.ls", "portulan.cli.main", "portulan.cli.who", "portulan.verbs.chart", "portulan.verbs.who"]
)
def test_nothing_heavy_is_imported_to_start(module):
    assert loaded(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize("words", [[], ["1"], ["--version"]])
def test_nothing_heavy_is_imported_for_the_commonest_lines(words):
    allowed = {"ctypes"} if words != ["--version"] else set()  # BPF is a system call of its own
    code = f"import os; os.environ['LANG'] = 'C'\nfrom portulan.cli.main import main\nmain({words!r})"
    assert (loaded(code) & HEAVY) - allowed == set()


def test_the_public_names_are_loaded_when_they_are_used():
    before = loaded("from portulan import verbs\nverbs.chart")
    assert "portulan.verbs.chart" in before
    assert "portulan.verbs.map" not in before
    assert "portulan.verbs.lookup" not in loaded("import portulan.verbs")


def test_every_public_name_is_a_function():
    from portulan import verbs

    for name in verbs.__all__:
        assert callable(getattr(verbs, name))
        assert getattr(verbs, name).__doc__
    assert set(verbs.__all__) <= set(dir(verbs))
    with pytest.raises(AttributeError):
        _ = verbs.no_such_verb


# --- the pages ---


def test_the_version_is_said_once():
    from portulan import __version__

    assert all(part.isdigit() for part in __version__.split("."))
    assert json.dumps(__version__) in (SOURCE / "__init__.py").read_text("utf-8")
