"""The texts of the planner's page: one file, every text in every language."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from envs.observation.candidate_columns import CANDIDATES
from factory.cost_terms import COST_TERMS
from scheduler.decisions.column_texts import COLUMN_TEXTS
from tests.builders.board_visits import focus_movable, show_what_ifs
from tests.builders.browser import Visit
from tests.builders.repository import ROOT
from tests.builders.service_process import ServiceProcess

PAGE = ROOT / "scheduler" / "page"
LANGUAGES = ("en", "de")
NAMED_BY_THE_SERVICE = (
    *("column_", "unit_", "status_", "stop_", "cost_", "source_", "by_"),
    *("plan_by_", "verdict_"),
)
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
    rf"|=== {_STRINGS}|add\([^;]*;|KNOWN_VALUES = {_STRINGS}|/\^[^;]*;"
)
"""Strings that nobody reads: classes, selectors, shapes, keys, compared names; and errors of
modules."""
READ = re.compile(r"\w{2,} \w{2,}|^\"(?!Arrow|Enter|Escape|Authorization)[A-Z][a-z]+\"$")
"""Strings that look like a text: two words, or one with a capital that names no key or header."""


def test_modules_have_no_texts_of_their_own() -> None:
    found = []
    for name, source in sources().items():
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


NO_CHANGES = "Es gibt keine Änderungen zu behalten. Erst eine Änderung hinzufügen."


def switch(visit: Visit, language: str) -> None:
    visit.page.select_option("#language", language)
    visit.settle()


def seen(visit: Visit, identifier: str) -> str:
    return str(visit.page.text_content(f"#{identifier}"))


def test_texts_of_moves_comparisons_scenarios_and_outcomes_follow_the_switch(
    planned: Visit,
) -> None:
    planned.page.locator("#outcomes p").first.wait_for(state="attached")
    focus_movable(planned)
    with planned.page.expect_response("**/v1/plan"):
        planned.page.keyboard.press("l")
    planned.settle()
    switch(planned, "de")
    assert " fixiert: Kosten " in seen(planned, "board-note")
    assert seen(planned, "lock") == "Freigeben"
    assert seen(planned, "published") == "Kein Plan veröffentlicht"
    assert seen(planned, "outcomes").startswith("Noch zu wenige Zeiträume für ein Urteil")
    show_what_ifs(planned)
    assert seen(planned, "comparison").startswith("Änderungen hinzufügen und ausprobieren")
    planned.click("#keep-scenario")
    assert planned.problems() == [
        "Es gibt keine Änderungen zu behalten. Erst eine Änderung hinzufügen."
    ]
    planned.click('#change-kinds [data-kind="machine_down"]')
    planned.click('#change-form button[value="add"]')
    planned.page.fill("#scenario-name", "gestört")
    planned.page.fill("#scenario-author", "Ada")
    planned.click("#keep-scenario")
    planned.settle()
    assert seen(planned, "scenarios").startswith("gestört1 Änderung, behalten von Ada vor ")
    planned.click("#compare")
    planned.page.select_option("#compare-before", label="der Plan vor der letzten Verschiebung")
    planned.page.select_option("#compare-after", label="der Plan auf dem Bildschirm")
    planned.click('#compare-form button[value="compare"]')
    planned.settle()
    assert seen(planned, "comparison").startswith("Vorher: der Plan vor der letzten Verschiebung.")
    switch(planned, "en")
    assert seen(planned, "comparison").startswith("Before: the plan before the last move.")
    assert seen(planned, "scenarios").startswith("gestört1 change, kept by Ada ")
    assert seen(planned, "outcomes").startswith("Too few periods for a verdict yet")
    assert seen(planned, "board-note").startswith("This is a comparison.")
    planned.click("#back")
    assert " locked on " in seen(planned, "board-note")
    planned.click('[data-scenario="gestört"] button >> nth=1')
    planned.settle()


def test_a_problem_that_the_page_names_follows_the_switch(planned: Visit) -> None:
    show_what_ifs(planned)
    planned.click("#keep-scenario")
    assert planned.problems() == ["There are no changes to keep. Add a change first."]
    switch(planned, "de")
    assert planned.problems() == [
        "Es gibt keine Änderungen zu behalten. Erst eine Änderung hinzufügen."
    ]
    assert seen(planned, "keep-scenario") == "Behalten"


def test_the_keys_of_the_chart_are_named(visit: Visit) -> None:
    assert "r does it again" in seen(visit, "gantt-keys")
    switch(visit, "de")
    assert "r wiederholt sie" in seen(visit, "gantt-keys")
