import ast
from pathlib import Path
from string import Formatter

import portulan.system.sandbox
from portulan.system.linux import links
from portulan.text.sandbox import SENTENCES, WAYS_OUT

SOURCES = [*Path(portulan.system.sandbox.__file__).parent.glob("*.py"), Path(links.__file__)]
ERRORS = {"BadInput", "CannotTell", "NotPermitted", "MachineFailed"}


def raised():
    """(code, names of its facts) of every error that is made with a literal code."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ERRORS
                and isinstance(node.args[0], ast.Constant)
            ):
                yield node.args[0].value, {keyword.arg for keyword in node.keywords}


def test_every_error_has_a_sentence_made_of_its_facts():
    found = list(raised())
    assert len(found) > 25
    for code, facts in found:
        for table in (SENTENCES, WAYS_OUT):
            fields = {field for _, field, _, _ in Formatter().parse(table.get(code, "")) if field}
            assert fields <= facts, code
        assert code in SENTENCES


def test_every_sentence_is_said_somewhere():
    literals = {node.value for path in SOURCES for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)}
    assert set(SENTENCES) - literals <= {"netlink.damaged"}  # said by wire/rtnetlink.py
    assert set(WAYS_OUT) <= set(SENTENCES)
