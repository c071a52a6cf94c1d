"""Documents name what exists, and the glossary names all that there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from factory import model
from factory.schedule.kpis import Kpis, Use
from factory.simulation import arrays
from tests.builders.repository import ROOT
from tests.builders.source_tree import PACKAGES


def glossary() -> str:
    return (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def names_of_the_domain() -> set[str]:
    """Fields of the domain model, of the arrays' records and of the key figures; the names of lists
    of things stand in the singular."""
    classes = [
        value
        for value in vars(model).values()
        if isinstance(value, type) and issubclass(value, model.Model)
    ]
    names = {field for each in classes for field in each.model_fields}
    names |= {
        field
        for value in vars(arrays).values()
        if isinstance(value, np.dtype)
        for field in value.names or ()
    }
    return names | {
        field.name
        for each in (arrays.FactoryArrays, arrays.ShopState, Kpis, Use)
        for field in dataclasses.fields(each)
    }


NEED_NO_ENTRY = {
    "name",
    "description",
    "default",
    "factory",
    "after",
    "date",
    "time",
    "log",
    "log_setup",
    "log_length",
    "times",
    "hours",
    "floor",
    "plant",
}
"""Plain words, and the shop's bookkeeping, which factory/simulation/arrays.py explains."""


def test_glossary_defines_every_name_of_the_domain() -> None:
    defined = set(re.findall(r"`([a-z0-9_]+)`", glossary())) | set(
        re.findall(r"^\| ([a-z0-9_ ]+) \|", glossary(), re.MULTILINE)
    )
    singular = {
        name: {name, name.removesuffix("s"), name.removesuffix("ies") + "y"}
        for name in names_of_the_domain() - NEED_NO_ENTRY
    }
    missing = sorted(name for name, forms in singular.items() if not forms & defined)
    assert not missing, f"docs/glossary.md lacks {missing}; add a line for each"


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_and_tests_that_exist(document: Path) -> None:
    named = re.findall(
        rf"`((?:{'|'.join([*PACKAGES, 'tests', 'docs', 'configs'])})/[\w/.-]+\.\w+)(?:::(\w+))?`",
        document.read_text(encoding="utf-8"),
    )
    assert not [path for path, _ in named if not (ROOT / path).is_file()], (
        f"{document.name} names files that do not exist"
    )
    tests = [(path, test) for path, test in named if test]
    assert not [
        test
        for path, test in tests
        if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ], f"{document.name} names tests that do not exist"


PROSE = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "configs" / "training").glob("*.toml"),
    ]
)
MAY_HOLD_RESULTS = {"docs/results.md": "the page of results", "README.md": "three of its rows"}
RESULT = re.compile(
    r"[-+−]?\d+(?:\.\d+)? (?:to [-+−]?\d+(?:\.\d+)? )?%"
    r"(?=[^|]*\b(?:below|above|less|more|cheaper|dearer|better|worse|against)\b)"
)
"""A measured difference: a percentage, and what it is less or more than."""


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_measured_percentages_stand_on_the_page_of_results(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in MAY_HOLD_RESULTS:
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if RESULT.search(line)]
    assert not lines, f"{path.name}: {lines}; figures stand in docs/results.md"


def test_a_measured_percentage_is_found() -> None:
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert RESULT.search("costs 0.8 % more than the index")
    assert RESULT.search("35.6 % below the best rule")
    assert not RESULT.search("intervals cover 95 %")
    assert "-45.7 %" in results


PRIVATE_PHRASES = re.compile(
    r"\b(?:imagined|guests?|rivals?|levelled|goes on to|what comes of it|is told)\b"
    r"|\b(?:wanted:|anew\b)|, missed\b"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_are_free_of_private_words(document: Path) -> None:
    lines = [
        line
        for line in document.read_text(encoding="utf-8").splitlines()
        if PRIVATE_PHRASES.search(line)
    ]
    assert not [line for line in lines if "`learning.levelled`" not in line]
