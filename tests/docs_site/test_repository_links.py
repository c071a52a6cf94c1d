"""Links of the repository work on the site, and links to other files become text."""

from __future__ import annotations

import pytest

from docs_site.repository_links import pages_outside, resolve_page_links, rewrite_links
from tests.builders.repository import ROOT

PAGES = [
    "index.md",
    "model.md",
    "gantt.png",
    "experiments/index.md",
    "experiments/2026-11-23-planners.md",
    "project/contributing.md",
]


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("index.md", "[m](model.md#1-time)", "[m](model.md#1-time)"),
        ("index.md", "[s](../experiments/README.md)", "[s](experiments/index.md)"),
        ("index.md", "[s](../experiments/)", "[s](experiments/index.md)"),
        ("index.md", "[c](../CONTRIBUTING.md)", "[c](project/contributing.md)"),
        ("index.md", "[`k`](../factory/model.py)", "`k`"),
        ("experiments/index.md", "[m](../docs/model.md)", "[m](../model.md)"),
        ("experiments/index.md", "[a](2026-11-23-planners.md)", "[a](2026-11-23-planners.md)"),
        ("project/contributing.md", "[m](docs/model.md)", "[m](../model.md)"),
        ("project/contributing.md", "[r](README.md)", "[r](../index.md)"),
        ("experiments/2026-11-23-planners.md", "![p](../docs/gantt.png)", "![p](../gantt.png)"),
        ("index.md", "[w](https://semver.org)", "[w](https://semver.org)"),
        ("index.md", "[h](#here)", "[h](#here)"),
    ],
)
def test_links_are_those_of_the_site(page: str, link: str, expected: str) -> None:
    assert rewrite_links(f"See {link}.", page, PAGES) == f"See {expected}."


def test_links_in_fenced_code_are_left_alone() -> None:
    text = "[a](../x.py)\n\n```python\n[b](../x.py)\n```\n\n[c](../x.py)\n"
    expected = "a\n\n```python\n[b](../x.py)\n```\n\nc\n"
    assert rewrite_links(text, "index.md", PAGES) == expected


def test_studies_and_pages_of_the_project_are_on_the_site() -> None:
    pages = pages_outside(ROOT)
    assert pages["experiments/index.md"] == ROOT / "experiments" / "README.md"
    assert pages["project/contributing.md"] == ROOT / "CONTRIBUTING.md"
    assert all(path.is_file() for path in pages.values())


def test_links_of_notebooks_lead_to_pages() -> None:
    addresses = {"glossary.md": "../../glossary/", "notebooks/2_own_rule.ipynb": "../2_own_rule/"}
    html = (
        '<a href="../glossary.md#rate">g</a> <a href="2_own_rule.ipynb">r</a>'
        ' <a href="https://a.org/x.md">w</a> <a href="gone.md">n</a>'
    )
    expected = (
        '<a href="../../glossary/#rate">g</a> <a href="../2_own_rule/">r</a>'
        ' <a href="https://a.org/x.md">w</a> <a href="gone.md">n</a>'
    )
    assert resolve_page_links(html, "notebooks/1_first_steps.ipynb", addresses.get) == expected
