"""Scenarios by the names and files of factories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import FACTORIES_FOLDER
from factory.validation.errors import FactoryError


def test_a_factory_file_whose_name_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    shutil.copy(FACTORIES_FOLDER / "randomised.toml", tmp_path / "a\nb.toml")
    with pytest.raises(
        FactoryError,
        match=r"its name must be printable, and the character U\+000A is not. Rename its file.",
    ):
        find_scenarios([str(tmp_path / "a\nb.toml")])


def test_two_factories_of_one_name_are_refused(tmp_path: Path) -> None:
    shutil.copy(FACTORIES_FOLDER / "tiny.toml", tmp_path / "mine.toml")
    with pytest.raises(FactoryError, match=r"two are called 'tiny'.* Rename one of them"):
        find_scenarios(["tiny", str(tmp_path / "mine.toml")])


def test_a_factory_named_twice_is_one_scenario() -> None:
    assert [scenario.name for scenario in find_scenarios(["tiny", "tiny"])] == ["tiny"]
