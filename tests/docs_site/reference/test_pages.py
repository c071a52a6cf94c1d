"""The committed pages of the reference equal the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_site.reference.__main__ import main
from docs_site.reference.pages import (
    GENERATED_PAGES,
    NOTICE,
    REFERENCE_FOLDER,
    differing_pages,
    render_reference,
    write_reference,
)

HAND_WRITTEN = {"api.md"}
"""Pages of directives, which mkdocstrings fills."""


@pytest.mark.parametrize("name", GENERATED_PAGES)
def test_a_committed_page_equals_the_code(name: str) -> None:
    committed = (REFERENCE_FOLDER / name).read_text(encoding="utf-8")
    assert committed == render_reference(name), "run python -m docs_site.reference"


@pytest.mark.parametrize("name", GENERATED_PAGES)
def test_a_page_says_below_its_title_that_it_is_generated(name: str) -> None:
    title, blank, notice, *_ = render_reference(name).splitlines()
    assert (title[:2], blank, notice) == ("# ", "", NOTICE)


def test_every_page_of_the_folder_is_generated_or_written_by_hand() -> None:
    assert {path.name for path in REFERENCE_FOLDER.iterdir()} == {*GENERATED_PAGES, *HAND_WRITTEN}


@pytest.mark.parametrize("name", GENERATED_PAGES)
def test_every_row_has_as_many_cells_as_its_table(name: str) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", render_reference(name), re.MULTILINE):
        rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table.splitlines()]
        assert len({len(row) for row in rows}) == 1, rows[0]


def test_links_inside_a_page_lead_to_its_headings() -> None:
    for name in GENERATED_PAGES:
        text = render_reference(name)
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {
            re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings
        }
        assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors, name


def test_a_page_that_differs_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "docs_site.reference.pages.GENERATED_PAGES",
        {name: GENERATED_PAGES[name] for name in ("features.md", "observation.md")},
    )
    assert write_reference(tmp_path) == ["features.md", "observation.md"]
    assert differing_pages(tmp_path) == {}
    (tmp_path / "features.md").write_text("# Features\n", encoding="utf-8")
    assert list(differing_pages(tmp_path)) == ["features.md"]
    assert write_reference(tmp_path) == ["features.md"]
    assert differing_pages(tmp_path) == {}


def test_a_template_with_another_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATED_PAGES, "observation.md", lambda: {"candidates": "", "other": ""})
    with pytest.raises(ValueError, match=r"\['machines', 'other', 'shop'\]; each table"):
        render_reference("observation.md")


def test_check_names_pages_that_differ_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {"features.md": GENERATED_PAGES["features.md"]}
    monkeypatch.setattr("docs_site.reference.pages.GENERATED_PAGES", pages)
    assert main(["--check"]) == 0
    known = pages["features.md"]
    pages["features.md"] = lambda: {**known(), "shop": "nothing"}
    assert main(["--check"]) == 1
    assert "docs/reference/features.md: differs from the code." in capsys.readouterr().err
