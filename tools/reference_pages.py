"""The manual's reference, made from the code: exit statuses, states, causes, findings, services, JSON and messages, in both languages.

`tools/make_docs.py` writes the pages to `docs/LANG/reference/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from portulan.audit.risks import risks
from portulan.cli.commands import COMMANDS
from portulan.cli.contract import ENVELOPES, schema_of
from portulan.cli.parser import build_parser, module_of, parts_of
from portulan.model.record import Record
from portulan.model.traffic import PROTOCOLS
from portulan.registry.well_known import well_known
from portulan.text import errors, findings, guard_check, guard_life, guard_plan, meanings
from portulan.text import risks as reasons
from portulan.text.traffic import LIKELY
from portulan.text.voice import Voice
from portulan.text.well_known import WELL_KNOWN

PAGES: dict[str, tuple[str, str]] = {
    "exit-statuses": ("Exit statuses", "終了コード"),
    "states": ("States", "状態"),
    "causes": ("Causes", "原因"),
    "findings": ("Findings", "指摘"),
    "services": ("Services", "サービス"),
    "json": ("JSON, field by field", "JSON の項目"),
    "messages": ("Messages", "メッセージ"),
}
"""File name without its ending -> title in English and in Japanese."""
STATES = (
    "CLASSES", "PORT_STATES", "REASONS", "SOCKET_STATES", "OWNERSHIPS", "REACHES", "OUTCOMES", "PATHS", "GUARANTEES", "STOPS", "SCANNERS", "KINDS",
    "PHASES", "ROADS",
)  # fmt: skip
"""The tables of `portulan.text.meanings` on the page of states; the others are on that of causes."""
CAUSES = ("CAUSES", "DECLARED")
OF_GUARD = {
    "of-check": guard_check.DOUBTS, "of-plan": guard_plan.REMARKS, "of-life": {**guard_life.SHUT, **guard_life.CONCERNS},
}  # fmt: skip
"""What `guard` finds: code -> sentence."""
WORDS: dict[str, tuple[str, str]] = {
    "index": ("Reference", "リファレンス"),
    "made": ("Made from the code by `make docs`.", "`make docs` がコードから作成しています。"),
    "status": ("status", "コード"),
    "means": ("means", "意味"),
    "code": ("code", "コード"),
    "command": ("command", "コマンド"),
    "port": ("port", "ポート"),
    "service": ("service", "サービス"),
    "what": ("what it is", "説明"),
    "why": ("why it should not be open to everyone", "誰にでも開いているべきでない理由"),
    "level": ("level", "程度"),
    "finding": ("finding", "指摘"),
    "field": ("field", "項目"),
    "type": ("type", "型"),
    "says": ("says", "文"),
    "way-out": ("way out", "対処"),
    "one": ("1, the answer is no, means for each command:", "1 (答えは「いいえ」) のコマンドごとの意味:"),
    "never": ("never", "なし"),
    "0": (
        "yes, or done; a partial answer that is true for what it shows is 0 too",
        "はい、または完了。示した範囲で正しければ、部分的な答えも 0",
    ),
    "1": ("the answer is no", "答えは「いいえ」"),
    "2": ("bad input", "入力の誤り"),
    "3": ("could not find out, or not permitted", "調べられなかった、または許可されていない"),
    "4": ("the machine failed", "マシンの側の失敗"),
    "130": ("interrupted (Ctrl-C)", "中断された (Ctrl-C)"),
    "common": (
        "The ports that everyone should know (`portulan lookup --common`)",
        "誰もが知っておくべきポート (`portulan lookup --common`)",
    ),
    "dangerous": (
        "Services that should not be open to everyone (`portulan audit`)",
        "誰にでも開いているべきでないサービス (`portulan audit`)",
    ),
    "told": ("Protocols that first bytes tell (`portulan traffic`)", "最初のバイトから見分けるプロトコル (`portulan traffic`)"),
    "likely": ("{names} is only likely, and is shown with a question mark.", "{names} は推定で、疑問符を付けて示します。"),
    "all-findings": ("Findings of `portulan audit`", "`portulan audit` の指摘"),
    "of-check": ("What `portulan guard check` finds in a policy", "`portulan guard check` がポリシーに見つけるもの"),
    "of-plan": ("Remarks of `portulan guard plan`", "`portulan guard plan` の注記"),
    "of-life": (
        "What stands against the rules: `portulan guard` and `guard apply`",
        "規則の妨げになるもの: `portulan guard` と `guard apply`",
    ),
    "envelope": (
        "Every answer is one object with `schema`, `taken_at`, `complete`, `missing` and `items`, and these facts beside. Keys and codes are never translated.",
        "答えはどれも、`schema`、`taken_at`、`complete`、`missing`、`items` と、次の項目を持つ 1 つのオブジェクトです。キーとコードは翻訳しません。",
    ),
    "items": ("each of `items`:", "`items` のそれぞれ:"),
    "schema": ("schema", "スキーマ"),
    "types": ("Types", "型の一覧"),
    "braces": ("What stands in braces is filled in.", "波かっこの中は、実際の値になります。"),
}


def reference(language: str) -> dict[str, str]:
    """File name -> text of each page of the reference, and of its index."""
    voice = Voice(language)
    makers = {
        "exit-statuses": _exit_statuses, "states": _states, "causes": _causes, "findings": _findings, "services": _services, "json": _json, "messages": _messages,
    }  # fmt: skip
    pages = {name: [f"# {title(name, language)}", "", word("made", language), "", *makers[name](voice)] for name in PAGES}
    index = [f"# {word('index', language)}", "", *(f"- [{title(name, language)}]({name}.md)" for name in PAGES)]
    return {f"{name}.md": "\n".join(lines).rstrip("\n") + "\n" for name, lines in {"README": index, **pages}.items()}


def title(name: str, language: str) -> str:
    """A page's title."""
    return PAGES[name][language == "ja"]


def word(key: str, language: str) -> str:
    """A word of the reference itself."""
    return WORDS[key][language == "ja"]


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown, with an empty line behind."""
    return [
        "| " + " | ".join(headers) + " |",
        "|" + " --- |" * len(headers),
        *("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows),
        "",
    ]


def _exit_statuses(voice: Voice) -> list[str]:
    language = voice.language
    lines = table(
        [word("status", language), word("means", language)], [[f"`{n}`", word(n, language)] for n in ("0", "1", "2", "3", "4", "130")]
    )
    lines += [word("one", language), ""]
    rows = []
    for name, command in COMMANDS.items():
        no: str = getattr(module_of(command), "NO", "")
        rows.append([f"[{name}](../{name}.md)", voice.say(no) if no else word("never", language)])
        for part in parts_of(build_parser(command, voice)):
            no = getattr(import_module(f"{command.module}_{part}"), "NO", "")
            rows.append([f"[{name} {part}](../{name}.md#portulan-{name}-{part})", voice.say(no) if no else word("never", language)])
    return [*lines, *table([word("command", language), word("means", language)], rows)]


def _meanings(voice: Voice, names: tuple[str, ...]) -> list[str]:
    lines = []
    for name in names:
        rows = [[f"`{code}`", voice.say(text)] for code, text in getattr(meanings, name).items()]
        lines += [
            f"## {voice.say(meanings.TITLES[name]).rstrip('.。')}",
            "",
            *table([word("code", voice.language), word("means", voice.language)], rows),
        ]
    return lines


def _states(voice: Voice) -> list[str]:
    return _meanings(voice, STATES)


def _causes(voice: Voice) -> list[str]:
    return _meanings(voice, CAUSES)


def _findings(voice: Voice) -> list[str]:
    rows = [[f"`{id_}`", voice.say(text)] for id_, text in findings.ABOUT.items()]
    lines = [
        f"## {word('all-findings', voice.language)}",
        "",
        *table([word("finding", voice.language), word("means", voice.language)], rows),
    ]
    lines += _meanings(voice, ("DECLARED",))
    for key, sentences in OF_GUARD.items():
        said = [[f"`{code}`", _shown(voice.say(text))] for code, text in sentences.items()]
        lines += [
            f"## {word(key, voice.language)}",
            "",
            word("braces", voice.language),
            "",
            *table([word("code", voice.language), word("says", voice.language)], said),
        ]
    return lines


def _services(voice: Voice) -> list[str]:
    language = voice.language
    common = [
        [
            "-".join(map(str, dict.fromkeys((part.first, part.last)))) + "/" + "+".join(one.transports),
            one.service,
            voice.say(WELL_KNOWN[one.key]),
        ]
        for one in well_known()
        for part in one.ports
    ]
    dangerous = [
        [
            f"{one.ports}/" + "+".join(one.transports),
            voice.say(one.name),
            f"`{one.id}`",
            str(one.level),
            voice.say(reasons.REASONS[one.key]),
        ]
        for one in risks()
    ]
    names = ", ".join(f"`{name}`" for name in PROTOCOLS if name != "unknown")
    likely = word("likely", language).format(names=", ".join(f"`{name}`" for name in sorted(LIKELY)))
    return [
        f"## {word('common', language)}", "", *table([word("port", language), word("service", language), word("what", language)], common),
        f"## {word('dangerous', language)}", "",
        *table([word(key, language) for key in ("port", "service", "finding", "level", "why")], dangerous),
        f"## {word('told', language)}", "", f"{names}.", "", likely,
    ]  # fmt: skip


def _json(voice: Voice) -> list[str]:
    language = voice.language
    types = _types()
    places = {(one.name, user): one.heading for one in types for user in one.users}
    lines = [word("envelope", language), ""]
    headers = [word("field", language), word("type", language)]
    for name in ENVELOPES:
        schema = schema_of(name)
        facts = {
            key: value for key, value in schema["properties"].items() if key not in ("schema", "taken_at", "complete", "missing", "items")
        }
        lines += [f"## {schema['$id']}", "", f"`{schema['title']}` · [{word('schema', language)}](../../schema/{name}.json)", ""]
        if facts:
            lines += table(headers, _fields(facts, name, places))
        item = schema["properties"]["items"]["items"]
        rows = schema["$defs"][item["$ref"].rpartition("/")[2]]["properties"]
        lines += [word("items", language), "", *table(headers, _fields(rows, name, places))]
    lines += [f"## {word('types', language)}", ""]
    for one in types:
        fields = one.schema.get("properties")
        shown = table(headers, _fields(fields, one.users[0], places)) if fields else [kind_of(one.schema), ""]
        lines += [f"### {one.heading}", "", *shown]
    return lines


class _Type(Record):
    """A type that fields name."""

    name: str
    schema: dict[str, Any]
    users: list[str]
    """The envelopes in which this name is this type."""
    alone: bool
    """Whether it is this type in all of them."""

    @property
    def heading(self) -> str:
        """Of its place on the page."""
        return self.name if self.alone else f"{self.name} ({', '.join(self.users)})"


def _types() -> list[_Type]:
    """Every type that a field names: one name may be several types, each of other commands."""
    shapes: dict[str, dict[str, tuple[dict[str, Any], list[str]]]] = {}
    for envelope in ENVELOPES:
        known = schema_of(envelope)["$defs"]
        for name, schema in known.items():
            _, users = shapes.setdefault(name, {}).setdefault(_whole(schema, known, ()), (schema, []))
            users.append(envelope)
    return [_Type(name, schema, users, len(of_name) == 1) for name, of_name in sorted(shapes.items()) for schema, users in of_name.values()]


def _whole(schema: Any, known: dict[str, Any], inside: tuple[str, ...]) -> str:
    """A type with all that it is made of, as text to compare."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name in known and name not in inside:
            return _whole(known[name], known, (*inside, name))
        return "{" + ",".join(f"{key}:{_whole(value, known, inside)}" for key, value in schema.items()) + "}"
    if isinstance(schema, list):
        return "[" + ",".join(_whole(one, known, inside) for one in schema) + "]"
    return repr(schema)


def _fields(properties: dict[str, Any], envelope: str, places: dict[tuple[str, str], str]) -> list[list[str]]:
    def link(name: str) -> str:
        return f"[{name}](#{re.sub(r'[^a-z0-9]+', '-', places[name, envelope].lower()).strip('-')})"

    return [[f"`{name}`", kind_of(value, link)] for name, value in properties.items()]


def kind_of(schema: dict[str, Any], link: Callable[[str], str] = str) -> str:  # noqa: PLR0911 - one line for each form of a schema
    """The type of a field in few words: `string or null`, `list of Owner`; `link` says how a type's name is written."""
    inner = partial(kind_of, link=link)
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(inner, schema["anyOf"])))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        items, parts = schema.get("items"), schema.get("prefixItems")
        if parts:
            return "[" + ", ".join(map(inner, parts)) + "]"
        return f"list of {inner(items)}" if isinstance(items, dict) else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {inner(schema['additionalProperties'])}"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    return str(kind)


def _messages(voice: Voice) -> list[str]:
    sentences, ways = errors.tables()
    rows = [
        [f"`{code}`", _shown(voice.say(text)), _shown(voice.say(ways[code])) if code in ways else ""]
        for code, text in sorted(sentences.items())
        if text != "{message}"
    ]
    headers = [word(key, voice.language) for key in ("code", "says", "way-out")]
    return [word("braces", voice.language), "", *table(headers, rows)]


def _shown(text: str) -> str:
    """A message as Markdown: a command in it as what is typed, nothing else of it anything but itself."""
    parts = re.split(r"(?<=:) {2}((?:portulan|sudo|chmod|pip|ip|cat|-)[ -~]*?)(?= *$| [^ -~]|[^ -~]| {2}|, or | for )", text)
    return "".join(re.sub(r"([*_`<\[\]])", r"\\\1", part) if at % 2 == 0 else f" `{part}`" for at, part in enumerate(parts))
