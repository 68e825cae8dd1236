"""The site: all pages, no dead link, nothing from outside, both languages side by side."""

import re
from posixpath import dirname, normpath
from urllib.parse import unquote

import pytest

import make_site
from portulan.cli.commands import COMMANDS
from portulan.scan.estimate import rounds_needed
from portulan.scan.stopping import Rules
from portulan.text.voice import LANGUAGES
from proof_quotes import quoted
from site_words import ONE_TEXT


@pytest.fixture(scope="module")
def site():
    return make_site.whole_site()


def links(text):
    return [target for target in re.findall(r'(?:href|src)="([^"]*)"', text) if not re.match(r"[a-z]+:", target)]


def test_every_link_leads_to_a_page_and_a_place_on_it(site):
    dead = []
    for place, text in site.items():
        for target in links(text):
            path, _, anchor = target.partition("#")
            there = normpath(f"{dirname(place) or '.'}/{path}") if path else place
            if there.startswith(("schema/", "images/")) and (make_site.DOCS / there).exists():
                continue
            if there not in site or (anchor and f'id="{unquote(anchor)}"' not in site[there]):
                dead.append((place, target))
    assert dead == []


def test_nothing_is_loaded_from_outside(site):
    for place, text in site.items():
        assert "<script" not in text, place
        assert not re.search(r'(?:src|<link[^>]*href)="[a-z]+:', text), place
        assert "url(" not in text, place


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_map_is_in_its_page_and_a_click_shows_it_whole(site, language):
    picture = f"../../images/map{'.ja' if language == 'ja' else ''}.png"
    page = site[f"{language}/questions/all-65-536-ports-at-a-glance.html"]
    assert re.search(rf'<a href="{picture}"><img src="{picture}" alt="[^"]{{40,}}"', page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_is_shown_by_the_page_of_a_question(language):
    text = "".join(page.text for page in make_site.pages(language) if page.group in ("questions", "start"))
    assert [name for name in COMMANDS if f"(docs/{language}/{name}.md)" not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_of_the_readme_has_its_page(site, language):
    _, parts = make_site.sections(make_site.READMES[language].read_text("utf-8"))
    titles = {
        re.search(r"<h1[^>]*>(.*?)</h1>", text)[1]
        for place, text in site.items()
        if place.startswith((f"{language}/q", f"{language}/start"))
    }
    assert len(titles) == len(parts) - 1
    assert len([place for place in site if place.startswith(f"{language}/questions/")]) > 12


def test_both_languages_have_the_same_pages(site):
    english, japanese = ({place.partition("/")[2] for place in site if place.startswith(f"{language}/")} for language in LANGUAGES)
    assert english == japanese


KANA = re.compile(r"[\u3040-\u30ff]")


def shape(text):
    """What a translation keeps: the headings' levels, the lists, the tables' rows and columns, and the programs' words."""
    blocks = re.split(r"^```\w*\n(.*?)^```$", make_site._without_switch(text), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks[::2] for line in block.split("\n")]
    marks = [re.match(r"#+ |- |\d+\. |> ", line) for line in lines]
    tables = [line.count(" | ") for line in lines if line.startswith("|")]
    code = [
        re.sub(r'[ \t]*#.*$|(?<=note = )"[^"]*"', "", block, flags=re.MULTILINE) for block in blocks[1::2] if not block.startswith("$ ")
    ]
    return [mark[0] for mark in marks if mark], tables, code


def by_place(language):
    return {page.place.partition("/")[2]: page for page in make_site.pages(language)}


def test_every_page_has_both_languages():
    english, japanese = by_place("en"), by_place("ja")
    once = {page.source for place, page in english.items() if japanese[place].source == page.source}
    assert once == set(ONE_TEXT), "a page without its Japanese: write it, or say why it needs none"
    for place, page in japanese.items():
        if page.source not in once:
            assert len(KANA.findall(page.text)) > 10, f"{page.source} is not Japanese"
            assert not KANA.search(re.sub(r"`[^`]*`|^```.*?^```$", "", english[place].text, flags=re.MULTILINE | re.DOTALL)), english[
                place
            ].source


@pytest.mark.parametrize("place", [place for place, page in by_place("ja").items() if re.search(r"/(more|how)/", page.source)])
def test_a_translation_leaves_nothing_out(place):
    english, japanese = by_place("en")[place], by_place("ja")[place]
    for name, of_english, of_japanese in zip(("marks", "tables", "code"), shape(english.text), shape(japanese.text), strict=True):
        if name != "code" or "/more/" in japanese.source:  # a formula has words
            assert of_japanese == of_english, japanese.source


def test_both_languages_lead_to_each_other():
    for source in set(make_site.MORE) - set(ONE_TEXT):
        english, japanese = (make_site.ROOT / one for one in (source, make_site.in_japanese(source)))
        for one, other, name in ((english, japanese, "日本語"), (japanese, english, "English")):
            [link] = re.findall(rf"^\[{name}\]\((.*)\)$", one.read_text("utf-8"), re.MULTILINE)
            assert (one.parent / link).resolve() == other


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_takes_the_place_of_another(language):
    made = make_site.pages(language)
    assert len({page.place for page in made}) == len(made)
    assert [page.source for page in made if page.place == f"{language}/index.html"] == [make_site.READMES[language].name]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rounds_that_the_page_tells_are_those_that_a_scan_makes(language):
    text = (make_site.DOCS / language / "how" / "exact-under-loss.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) %.* \| ([\d,]+) \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for loss, ports, rounds in rows:
        assert rounds_needed(int(ports.replace(",", "")), int(loss) / 100, Rules().goal) == int(rounds)


def test_every_file_of_the_manual_is_in_it(site):
    for language in LANGUAGES:
        for path in (make_site.DOCS / language).rglob("*.md"):
            name = path.relative_to(make_site.DOCS / language)
            place = (
                str(f"{language}/{name if name.parent.name else f'commands/{name}'}")
                .replace("README.md", "index.html")
                .replace(".md", ".html")
            )
            assert place in site, path
    for path in make_site.DOCS.glob("*.md"):
        assert f"en/more/{path.stem}.html" in site or path.name == "README.md", path


def test_a_link_that_leads_nowhere_is_found():
    page = make_site.Page(source="docs/x.md", place="en/x.html", group="", name="x", text="[a](gone.md)")
    with pytest.raises(ValueError, match=r"docs/x.md: the link to gone.md leads nowhere"):
        make_site.build("en", [page], set())


def test_what_a_page_quotes_of_the_proof_is_what_it_says():
    proof = "| proof | seeds |\n|---|---|\n| scan | 1 to 4 | 0 | 5 s | Linux | abc, today |\n| slow | not run | | | | |\n\n## scan\n\nFinds all.\n\nCounted: 9.\n\n## slow\n\nNever.\n"
    text = quoted("a\n<!-- proof scan slow -->\nold\n<!-- end -->\nb", "en", proof)
    assert text == (
        "a\n<!-- proof scan slow -->\n> **scan**: seeds 1 to 4; differences: **0** (version abc, today).\n>\n> Finds all.\n>\n> Counted: 9.\n\n"
        "> **slow**: Not run yet.\n>\n> Never.\n\n<!-- end -->\nb"
    )
    assert quoted(text, "en", proof) == text
