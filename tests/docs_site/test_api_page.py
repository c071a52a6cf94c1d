"""The page of the Python API documents what exists."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.builders.repository import ROOT

PAGE = ROOT / "docs" / "reference" / "api.md"
NAMES = re.findall(r"^::: ([\w.]+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_each_directive_names_something_that_exists(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)


def test_the_page_has_the_public_face() -> None:
    assert "changeover" in {name.partition(".")[0] for name in NAMES}
