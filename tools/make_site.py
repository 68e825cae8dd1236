"""The manual as a small site in `site/`, built without a network: `make docs`. With --check, only whether all links lead somewhere.

python tools/make_site.py [--check]

A section of the README is the page of one question; `docs/` gives the rest. Pages link to nothing outside but what their texts name, and load nothing from anywhere.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from string import Template

from markdown_it import MarkdownIt

from portulan.cli.commands import COMMANDS
from portulan.text.voice import LANGUAGES
from reference_pages import PAGES, title
from site_words import HOW, LAST, MORE, ONE_TEXT, START, WORDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = ROOT / "site"
READMES = {"en": ROOT / "README.md", "ja": ROOT / "README.ja.md"}
LOOKS = Path(__file__).resolve().parent / "site"
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the site."""

    source: str
    """The Markdown file it comes from, below the project's folder; with `#` and a number for a section of it."""
    place: str
    """Where it goes, below the site's folder."""
    group: str
    """The key of its heading in the list of pages; empty: not in the list."""
    name: str
    """Its name there."""
    text: str
    """Markdown."""


def sections(readme: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first question, and (heading, text) of each section."""
    head, *rest = re.split(r"^## ", readme, flags=re.MULTILINE)
    return head, [(heading, text) for heading, _, text in (part.partition("\n") for part in rest)]


def slugs() -> list[str]:
    """The name of each section of the READMEs in addresses: by its English heading, in both languages."""
    _, parts = sections(READMES["en"].read_text("utf-8"))
    return [_anchor(heading, {}) for heading, _ in parts]


def pages(language: str) -> list[Page]:
    """All pages of a language, in the order of the list."""
    readme = READMES[language]
    head, parts = sections(readme.read_text("utf-8"))
    head = _without_switch(head)
    made = [Page(source=readme.name, place=f"{language}/index.html", group="", name=_word("home", language), text=head)]
    if len(parts) != len(slugs()):
        problem = f"{readme.name} has {len(parts)} sections, {READMES['en'].name} has {len(slugs())}: the same questions, in the same order, were expected"
        raise ValueError(problem)
    for slug, (heading, text) in zip(slugs(), parts, strict=True):
        if slug != LAST:
            group = "start" if slug in START else "questions"
            whole = f"# {heading}\n{text}" + _see_also(text, language)
            made.append(
                Page(source=f"{readme.name}#{slug}", place=f"{language}/{group}/{slug}.html", group=group, name=heading, text=whole)
            )
    made += [_of_file(f"docs/{language}/how/{name}.md", "how", both[language == "ja"]) for name, both in HOW.items()]
    made.append(_of_file(f"docs/{language}/README.md", "commands", _word("overview", language)))
    made += [_of_file(f"docs/{language}/{name}.md", "commands", name) for name in COMMANDS]
    made.append(_of_file(f"docs/{language}/reference/README.md", "reference", _word("overview", language)))
    made += [_of_file(f"docs/{language}/reference/{name}.md", "reference", title(name, language)) for name in PAGES]
    for source, both in MORE.items():
        once = language == "en" or source in ONE_TEXT
        made.append(_of_file(source if once else in_japanese(source), "more", both[language == "ja"], language if once else ""))
    return made


def in_japanese(source: str) -> str:
    """The Japanese file of a text below `docs/`."""
    return f"docs/ja/more/{PurePosixPath(source).name}"


def _of_file(source: str, group: str, name: str, language: str = "") -> Page:
    place = source.removeprefix("docs/").removesuffix(".md").removesuffix("/README") + (
        "/index.html" if source.endswith("/README.md") else ".html"
    )
    if language:  # a text that is not in a language's folder
        place = f"{language}/more/{place.lower()}"
    elif group == "commands":
        place = place.replace("/", "/commands/", 1)
    text = re.sub(r"^<!-- .* -->\n", "", _without_switch((ROOT / source).read_text("utf-8")), flags=re.MULTILINE)
    return Page(source=source, place=place, group=group, name=name, text=text)


def _without_switch(text: str) -> str:
    """Without the line that leads to the other language: every page of the site has its own."""
    return re.sub(r"^\[(?:English|日本語)\]\([^)]*\)\n\n", "", text, flags=re.MULTILINE)


def _see_also(text: str, language: str) -> str:
    """The commands that the page's examples use."""
    typed = re.findall(r"^(?:\$|eval) .*$|`[^`\n]+`", text, re.MULTILINE)
    shown = re.findall(r"\bportulan (\w+)", " ".join(typed))
    shown += ["who"] if any(word.isdigit() for word in shown) else []  # a number alone means who
    used = [name for name in COMMANDS if name in shown]
    links = [f"[{name}](docs/{language}/{name}.md)" for name in used]
    return f"\n{_word('commands-here', language)} {' · '.join(links)}\n" if links else ""


def _word(key: str, language: str) -> str:
    return WORDS[key][language == "ja"]


def build(language: str, made: list[Page], other: set[str]) -> dict[str, str]:
    """Place -> HTML of every page of a language; `other` are the places of the other one's pages."""
    where = _places(made, language)
    template = Template((LOOKS / "page.html").read_text("utf-8"))
    built = {}
    for page in made:
        body = _rendered(page, where, made, language)
        switch = page.place.replace(f"{language}/", f"{_other(language)}/", 1)
        switch = switch if switch in other else f"{_other(language)}/index.html"
        built[page.place] = template.substitute(
            language=language, title=html.escape("Portulan" if page.place == f"{language}/index.html" else f"{page.name} · Portulan"), body=body,
            list=_list(page, made, language), style=_from(page.place, "style.css"), home=_from(page.place, f"{language}/index.html"),
            switch=_from(page.place, switch), other=_other(language), other_name=_word("language", _other(language)), pages=_word("pages", language),
            skip=_word("skip", language),
        )  # fmt: skip
    return built


def _other(language: str) -> str:
    return next(one for one in LANGUAGES if one != language)


def _places(made: list[Page], language: str) -> dict[str, str]:
    """Where a link to a file leads: file -> place."""
    where = {page.source: page.place for page in made if "#" not in page.source}
    where |= {source: where[in_japanese(source)] for source in MORE if in_japanese(source) in where}  # from a text for both languages
    where["docs/README.md"] = f"{language}/index.html"
    other = _other(language)
    where[READMES[other].name] = f"{other}/index.html"
    return where | {f"docs/{other}/README.md": f"{other}/index.html"}


def _from(place: str, target: str) -> str:
    return relpath(target, str(PurePosixPath(place).parent))


def _rendered(page: Page, where: dict[str, str], made: list[Page], language: str) -> str:
    tokens = _MARKDOWN.parse(page.text)
    folder = str(PurePosixPath(page.source.partition("#")[0]).parent)
    seen: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[at + 1].content, seen))
        for child in token.children or ():
            for attribute in ("href", "src"):
                target = child.attrGet(attribute)
                if isinstance(target, str):
                    child.attrSet(attribute, _target(target, folder, page, where))
    made_html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    if page.place == f"{language}/index.html":
        made_html += _questions(made, language)
    # A picture is smaller here than it was drawn: a click shows its labels.
    made_html = re.sub(r'<img src="([^"]*)"[^>]*>', r'<a href="\1">\g<0></a>', made_html)
    # A wide table scrolls by itself, not the page.
    return made_html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")


def _anchor(heading: str, seen: dict[str, int]) -> str:
    name = re.sub(r"[^\w-]+", "-", heading.lower()).strip("-")
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}-{seen[name] - 1}"


def _target(target: str, folder: str, page: Page, where: dict[str, str]) -> str:
    """A link of a file as a link of the site. Raises ValueError if it leads nowhere."""
    if re.match(r"[a-z]+:|#", target):
        return target
    path, _, anchor = target.partition("#")
    path = normpath(f"{folder}/{path}")
    if path in where:
        place = where[path]
    elif path.startswith(("docs/schema", "docs/images/")) and (ROOT / path).exists():
        place = path.removeprefix("docs/") + ("/index.html" if path == "docs/schema" else "")
    else:
        problem = f"{page.source}: the link to {target} leads nowhere"
        raise ValueError(problem)
    return _from(page.place, place) + (f"#{anchor}" if anchor else "")


def _questions(made: list[Page], language: str) -> str:
    """The list of questions, on the first page."""
    rows = [
        f'<li><a href="{_from(f"{language}/index.html", one.place)}">{html.escape(one.name)}</a></li>'
        for one in made
        if one.group == "questions"
    ]
    return f"<h2>{html.escape(_word('questions', language))}</h2>\n<ul>\n" + "\n".join(rows) + "\n</ul>\n"


def _list(page: Page, made: list[Page], language: str) -> str:
    """The list of all pages, the group of this one unfolded."""
    lines = []
    for group in ("start", "questions", "how", "commands", "reference", "more"):
        inside = [one for one in made if one.group == group]
        open_ = " open" if group in (page.group or "questions", "start") else ""
        lines.append(f"<details{open_}><summary>{html.escape(_word(group, language))}</summary><ul>")
        for one in inside:
            here = ' aria-current="page"' if one is page else ""
            lines.append(f'<li><a href="{_from(page.place, one.place)}"{here}>{html.escape(one.name)}</a></li>')
        lines.append("</ul></details>")
    return "\n".join(lines)


def schema_index() -> str:
    """A page that lists the schemas."""
    rows = "".join(f'<li><a href="{path.name}">{path.stem}</a></li>' for path in sorted((DOCS / "schema").glob("*.json")))
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>JSON Schema · Portulan</title><ul>{rows}</ul></html>\n'


def whole_site() -> dict[str, str]:
    """Place -> text of every page. Raises ValueError for a link that leads nowhere."""
    made = {language: pages(language) for language in LANGUAGES}
    built: dict[str, str] = {}
    for language in LANGUAGES:
        built |= build(language, made[language], {page.place for page in made[_other(language)]})
    built["style.css"] = (LOOKS / "style.css").read_text("utf-8")
    built["schema/index.html"] = schema_index()
    built["index.html"] = (LOOKS / "index.html").read_text("utf-8")
    return built


def main() -> int:
    """Write the site, or only try."""
    built = whole_site()
    if "--check" in sys.argv:
        return 0
    shutil.rmtree(SITE, ignore_errors=True)
    for place, text in built.items():
        path = SITE / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    shutil.copytree(DOCS / "schema", SITE / "schema", dirs_exist_ok=True)
    shutil.copytree(DOCS / "images", SITE / "images", dirs_exist_ok=True)
    print(f"{len(built)} pages: {SITE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
