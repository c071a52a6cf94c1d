"""Pages of the reference: templates with prose, and tables that are made from the code.

A template has a line ``{{ name }}`` for each table of its page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from docs_site.reference.command_lines import command_tables
from docs_site.reference.config_keys import config_tables, sweep_tables
from docs_site.reference.costs_and_kpis import cost_tables
from docs_site.reference.environment import environment_tables
from docs_site.reference.factory_file import factory_tables
from docs_site.reference.features import feature_tables
from docs_site.reference.http import http_tables
from docs_site.reference.observation import column_tables
from docs_site.reference.order_list import order_list_tables
from docs_site.reference.rules import rule_tables

_TEMPLATES = Path(__file__).resolve().parent / "templates"
REFERENCE_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
"""Folder of the committed pages."""
NOTICE = "This page is generated from the code by `python -m docs_site.reference`."

GENERATED_PAGES: dict[str, Callable[[], dict[str, str]]] = {
    "environment.md": environment_tables,
    "observation.md": column_tables,
    "features.md": feature_tables,
    "rules.md": rule_tables,
    "training_config.md": config_tables,
    "sweep_file.md": sweep_tables,
    "factory_file.md": factory_tables,
    "order_list.md": order_list_tables,
    "costs_and_kpis.md": cost_tables,
    "commands.md": command_tables,
    "http.md": http_tables,
}
"""Functions that make the tables of each page."""

_MARKER = re.compile(r"\{\{ (\w+) \}\}")


def render_reference(name: str) -> str:
    """Return the text of a generated page.

    Raises
    ------
    ValueError
        If the template names a table that is not made, or leaves one out.
    """
    template = (_TEMPLATES / name).read_text(encoding="utf-8")
    tables = GENERATED_PAGES[name]()
    wrong = set(_MARKER.findall(template)) ^ tables.keys()
    if wrong:
        raise ValueError(
            f"docs_site/reference/templates/{name}: {sorted(wrong)}; each table that is made must"
            " stand in the template, and no other. Correct the template."
        )
    title, _, rest = template.partition("\n")
    text = f"{title}\n\n{NOTICE}\n{rest}"
    return _MARKER.sub(lambda match: tables[match[1]], text)


def write_reference(folder: Path = REFERENCE_FOLDER) -> list[str]:
    """Write all pages; return the names of those that have changed."""
    changed = differing_pages(folder)
    for name, text in changed.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return list(changed)


def differing_pages(folder: Path = REFERENCE_FOLDER) -> dict[str, str]:
    """Return the pages that differ from the committed ones, with the text that they should have."""
    pages = {name: render_reference(name) for name in GENERATED_PAGES}
    return {name: text for name, text in pages.items() if _read(folder / name) != text}


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
