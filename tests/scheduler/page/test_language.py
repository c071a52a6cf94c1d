"""The texts of the planner's page: one file, every text in every language."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from envs.observation.candidate_columns import CANDIDATES
from factory.simulation.arrays import COST_TERMS
from scheduler.decisions.column_texts import COLUMN_TEXTS
from tests.builders.browser import Visit
from tests.builders.repository import ROOT
from tests.builders.service_process import ServiceProcess

PAGE = ROOT / "scheduler" / "page"
LANGUAGES = ("en", "de")
NAMED_BY_THE_SERVICE = ("column_", "unit_", "status_", "stop_", "cost_", "source_", "by_")
"""Texts whose keys are made of names in answers."""
_ENTRY = re.compile(r'^  (\w+): \{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\},$', re.MULTILINE | re.DOTALL)
_STRING = re.compile(r'(\w+):\s*"((?:[^"\\]|\\.)*)"')
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)


def texts() -> dict[str, dict[str, str]]:
    source = (PAGE / "texts.js").read_text(encoding="utf-8")
    return {key: dict(_STRING.findall(body)) for key, body in _ENTRY.findall(source)}


def sources() -> dict[str, str]:
    """The modules of the page without their comments, and without the texts."""
    return {
        path.name: _COMMENT.sub("", path.read_text(encoding="utf-8"))
        for path in sorted(PAGE.glob("*.js"))
        if path.name != "texts.js"
    }


def html_keys() -> set[str]:
    document = (PAGE / "index.html").read_text(encoding="utf-8")
    return set(re.findall(r'data-(?:text|title|aria-label|placeholder)="(\w+)"', document))


def test_every_text_has_every_language_and_the_same_values() -> None:
    source = (PAGE / "texts.js").read_text(encoding="utf-8")
    found = texts()
    assert len(found) == len(re.findall(r"^  \w+: \{", source, re.MULTILINE)) > 200
    for key, words in found.items():
        assert tuple(words) == LANGUAGES, key
        assert all(words.values()), key
        values = [sorted(re.findall(r"\{\w+\}", one)) for one in words.values()]
        assert values[0] == values[1], key
        assert len({one.count("|") for one in words.values()}) == 1, key


def test_every_text_is_used_and_every_key_that_is_used_exists() -> None:
    literals = set(re.findall(r'"(\w+)"', "\n".join(sources().values())))
    used = literals | html_keys()
    unused = [
        key for key in texts() if key not in used and not key.startswith(NAMED_BY_THE_SERVICE)
    ]
    assert unused == []
    said = re.findall(
        r'\bsay(?:Count)?\((?:[^()"]*\? )?"(\w+)"(?: : "(\w+)")?', "\n".join(sources().values())
    )
    assert ({key for pair in said for key in pair if key} | html_keys()) - set(texts()) == set()


def test_columns_costs_and_units_have_plain_words() -> None:
    found = texts()
    assert {
        key.removeprefix("column_"): words["en"]
        for key, words in found.items()
        if key.startswith("column_")
    } == COLUMN_TEXTS
    assert {f"cost_{term}" for term in COST_TERMS} <= set(found)
    assert {f"unit_{column.unit}" for column in CANDIDATES} <= set(found)


def test_the_document_has_no_text_of_its_own() -> None:
    document = (PAGE / "index.html").read_text(encoding="utf-8")
    seen = re.sub(
        r"<!--.*?-->|<noscript>.*?</noscript>|<svg.*?</svg>|&\w+;", "", document, flags=re.S
    )
    words = [text for text in re.findall(r">([^<]*)<", seen) if re.search("[A-Za-z]{2}", text)]
    assert words == []
    assert re.findall(r'\s(?:title|aria-label|placeholder|alt)="[^"]', document) == []


_STRINGS = r'(?:"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)'
UNSEEN = re.compile(
    rf"class: [^,}})]*{_STRINGS}|className = {_STRINGS}|import .*|new Refusal\([^;]*"
    rf"|(?:querySelector(?:All)?|closest|matches|setItem|getItem|translate)\({_STRINGS}"
    rf"|(?:d|font|pen\.font|transform\w*|\.style\.\w+)(?::| =) {_STRINGS}"
    rf"|add\([^;]*;|KNOWN_VALUES = {_STRINGS}|/\^[^;]*;"
)
"""Strings that nobody reads: classes, selectors, shapes, keys; and errors of modules."""


OF_THE_BOARD = {"board.js", "following.js", "freshness.js", "scenarios.js", "service.js"}
"""Modules whose texts are in English only."""
READ = re.compile(r"\w{2,} \w{2,}|^\"(?!Arrow|Enter|Escape|Authorization)[A-Z][a-z]+\"$")
"""Strings that look like a text: two words, or one with a capital that names no key or header."""


def test_modules_have_no_texts_of_their_own() -> None:
    found = []
    for name, source in sources().items():
        if name in OF_THE_BOARD:
            continue
        for line in UNSEEN.sub("", source).splitlines():
            plain = [re.sub(r"\$\{[^}]*\}", "", text) for text in re.findall(_STRINGS, line)]
            found += [f"{name}: {text}" for text in plain if READ.search(text)]
    assert found == []


@pytest.mark.parametrize("way", ["address", "browser", "switch"])
def test_the_language_is_that_of_the_address_the_browser_or_the_switch(
    browser: Any, service: ServiceProcess, way: str
) -> None:
    query = "/?lang=de" if way == "address" else ""
    locale = "de-AT" if way == "browser" else "en-US"
    visit = Visit(browser, service.address + query, locale=locale)
    page = visit.open()
    visit.click("#welcome-example")
    visit.settle()
    if way == "switch":
        assert page.inner_text("#queues-title") == "Queue of each machine"
        page.select_option("#language", "de")
        visit.settle()
    assert page.get_attribute("html", "lang") == "de"
    assert page.inner_text("#queues-title") == "Warteschlange jeder Maschine"
    assert page.text_content("#gantt .now-text").startswith("jetzt ")
    assert "verspätete Aufträge" in page.inner_text("#figures")
    if way == "switch":
        page.reload()
        visit.settle()
        assert page.inner_text("#welcome-title") == "Noch kein Stand der Fertigung"
    visit.close()
