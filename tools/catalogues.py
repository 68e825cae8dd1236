"""The message catalogues: extract the sentences, bring the .po files up to date, compile them, or check that nothing is missing.

python tools/catalogues.py update | compile | check
"""

from __future__ import annotations

import ast
import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "src/portulan"
LOCALE = f"{SOURCE}/text/locale"
CALLS = {"say": 1, "mark": 1, "count": 2}
# What argparse says by itself, through gettext: a person reads it, so it is translated too.
ARGPARSE = (
    "usage: ", "options", "positional arguments", "optional arguments", "show this help message and exit", "%(prog)s: error: %(message)s\n",
    "unrecognized arguments: %s", "the following arguments are required: %s", "expected one argument", "expected at least one argument",
    "expected at most one argument", "invalid choice: %(value)r (choose from %(choices)s)", "invalid %(type)s value: %(value)r",
    "argument %(argument_name)s: %(message)s", "not allowed with argument %s", "ambiguous option: %(option)s could match %(matches)s",
    "ignored explicit argument %r", "one of the arguments %s is required",
)  # fmt: skip


def constant(node: ast.expr) -> str | None:
    """The text of a string literal, implicit concatenation included."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def extract(root: Path) -> Catalog:
    """Every message of the source: the literal arguments of say(), mark() and count()."""
    catalogue = Catalog(project="portulan", charset="utf-8", fuzzy=False)
    for path in sorted((root / SOURCE).rglob("*.py")):
        place = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
            texts = [constant(argument) or "" for argument in node.args[: CALLS.get(name, 0)]]
            if len(texts) != CALLS.get(name, 0) or not all(texts) or not texts:  # str.count() has one argument
                continue
            key = texts[0] if len(texts) == 1 else tuple(texts)
            catalogue.add(key, locations=[(place, node.lineno)])
    for text in ARGPARSE:
        catalogue.add(text, locations=[("argparse", 0)])
    return catalogue


def po_files(root: Path) -> list[Path]:
    """The translations at hand."""
    return sorted((root / LOCALE).glob("*/LC_MESSAGES/portulan.po"))


def load(path: Path) -> Catalog:
    """One translation."""
    return read_po(BytesIO(path.read_bytes()), locale=path.parent.parent.name)


def compile_all(root: Path = ROOT) -> None:
    """Write each .mo beside its .po, by a rename."""
    for path in po_files(root):
        fresh = path.with_suffix(".mo.new")
        with fresh.open("wb") as file:
            write_mo(file, load(path))
        fresh.replace(path.with_suffix(".mo"))


def update(root: Path = ROOT) -> None:
    """Bring every .po up to date with the source: new messages empty, gone ones dropped, translations kept."""
    template = extract(root)
    for path in po_files(root):
        old = load(path)
        fresh = Catalog(locale=old.locale, project="portulan", charset="utf-8", fuzzy=False)
        for message in template:
            if not message.id:
                continue
            known = old.get(message.id)
            fresh.add(message.id, known.string if known else None, locations=[(place, 0) for place, _ in message.locations])
        out = BytesIO()
        write_po(out, fresh, width=130, omit_header=False, sort_output=True, include_lineno=False)
        # Dates would make every run a change.
        text = re.sub(
            r'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By|Report-Msgid-Bugs-To):.*\n',
            "",
            out.getvalue().decode(),
            flags=re.MULTILINE,
        )
        text = re.sub(r"\A(#.*\n)+", "", text)
        path.write_text(text, "utf-8")


def fields(text: str) -> set[str]:
    """The {fields} and %-fields of a message."""
    return set(re.findall(r"\{[a-z_]+(?:[:!][^}]*)?\}|%\(\w+\)[sr]|%[sr]", text))


def problems(root: Path = ROOT) -> list[str]:
    """What is missing or wrong in the translations; empty when complete."""
    found, template = [], extract(root)
    for path in po_files(root):
        translation = load(path)
        for message in template:
            if message.id:
                found += [f"{path.parent.parent.name}: {text}" for text in faults(message, translation)]
        known = {message.id if isinstance(message.id, str) else message.id[0] for message in template}
        found += [
            f"{path.parent.parent.name}: no longer said: {m.id!r}"
            for m in translation
            if m.id and (m.id if isinstance(m.id, str) else m.id[0]) not in known
        ]
    return found


def faults(message: Message, translation: Catalog) -> list[str]:
    """What is wrong with one message's translation."""
    known = translation.get(message.id)
    strings = () if known is None or not known.string else (known.string,) if isinstance(known.string, str) else tuple(known.string)
    if not strings or not all(strings):
        return [f"not translated: {message.id!r}"]
    ids = (message.id,) if isinstance(message.id, str) else message.id
    wanted = fields(ids[-1])
    return [f"fields differ: {message.id!r} -> {text!r}" for text in strings if fields(text) | {"{n}"} != wanted | {"{n}"}]


def main() -> int:
    """Run one of the three."""
    action = sys.argv[1] if len(sys.argv) > 1 else ""
    if action == "update":
        update()
    elif action == "compile":
        compile_all()
    elif action == "check":
        found = problems()
        print("\n".join(found) or "catalogues complete")
        return bool(found)
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
