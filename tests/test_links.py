"""Links of the Markdown pages lead to files and headings of the repository."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from tests.builders.markdown_pages import LINKING_PAGES, anchors, links, read_page
from tests.builders.repository import ROOT

MADE_BY_THE_SITE = ("docs/factories/", "docs/gallery", "docs/pictures/")
"""Places of what `make docs` makes; it also checks the links to them."""
ADDRESS = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?(?:/[^\s\"<>]*)?", re.IGNORECASE)
"""Addresses outside the repository: checked for their form alone, as tests have no network."""


def problem_of(page: str, target: str, root: Path = ROOT) -> str:
    """Return the reason why a link leads nowhere; empty where it leads somewhere."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
        return "" if ADDRESS.fullmatch(target) else "is no address that begins with https://"
    path, _, anchor = target.partition("#")
    if target.startswith("/"):
        return "is an absolute path; write it relative to the page"
    place = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if place.startswith(MADE_BY_THE_SITE):
        return ""
    if not (root / place).exists():
        return f"there is no {place}"
    if not anchor:
        return ""
    if not place.endswith(".md"):
        return f"{place} has no headings"
    text = (root / place).read_text(encoding="utf-8")
    return "" if anchor in anchors(text) else f"{place} has no heading for #{anchor}"


@pytest.mark.parametrize("page", LINKING_PAGES)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    problems = [
        f"{page}:{line}: {target}: {problem}"
        for line, target in links(read_page(page))
        if (problem := problem_of(page, target))
    ]
    assert not problems, "\n".join(problems)


def test_pages_are_linked() -> None:
    """The links that the other test reads are those that readers see."""
    targets = {target for _, target in links(read_page("README.md"))}
    assert {"docs/gantt.png", "docs/results.md#limits-and-losses", "CONTRIBUTING.md"} <= targets


PAGE = """# Title of *this* page

## `code` and more
[up](../README.md) [here](#code-and-more) ![picture](a.png "A title")
[two
lines](b.md#x) [`name`](c.md) [![badge](d.png)](e.md)
`[no](link.md)`

```
# no heading
[no](link.md)
```

## Twice
## Twice
<a id="set-by-hand"></a><img src="f.png" width="3">

[definition]: g.md
"""


def test_links_and_anchors_are_found_outside_code() -> None:
    assert {target for _, target in links(PAGE)} == {
        *("../README.md", "#code-and-more", "a.png", "b.md#x", "c.md"),
        *("d.png", "e.md", "f.png", "g.md"),
    }
    assert (6, "c.md") in set(links(PAGE))
    assert anchors(PAGE) == {
        *("title-of-this-page", "code-and-more", "twice", "twice-1", "set-by-hand"),
    }


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("page.md#twice-1", ""),
        ("#twice", ""),
        ("https://example.org/a?b=c#d", ""),
        ("https:/example.org", "is no address"),
        ("pictures/rows.svg", ""),
        ("mailto:someone", "is no address"),
        ("nowhere.md", "there is no docs/nowhere.md"),
        ("page.md#nowhere", "docs/page.md has no heading for #nowhere"),
        ("a.png#twice", "docs/a.png has no headings"),
        ("/docs/page.md", "is an absolute path"),
    ],
)
def test_a_link_that_leads_nowhere_is_reported(target: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "docs" / "a.png").touch()
    told = problem_of("docs/page.md", target, tmp_path)
    assert told.startswith(problem) if problem else told == ""
