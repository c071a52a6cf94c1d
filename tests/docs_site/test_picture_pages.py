"""Pages with pictures are made once for a state of the sources."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from docs_site.picture_pages import factory_places, hash_files, make_missing, source_files
from factory.io.catalogue import shipped
from tests.builders.repository import ROOT


def test_each_shipped_factory_has_a_place_after_the_list() -> None:
    places = factory_places()
    assert places[0] == "shipped_factories/index.md"
    assert places[1] == "shipped_factories/microfactory.md"
    assert sorted(places[1:]) == [f"shipped_factories/{name}.md" for name in shipped()]


def test_the_hash_follows_contents_and_names(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("a", encoding="utf-8")
    two.write_text("b", encoding="utf-8")
    before = hash_files([one, two])
    assert hash_files([one, two]) == before
    two.write_text("c", encoding="utf-8")
    assert hash_files([one, two]) != before
    assert hash_files([one]) != before


def test_sources_hold_factories_tuned_parameters_policies_and_results() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in source_files(ROOT)}
    assert {
        "configs/factories/tiny.toml",
        "configs/evaluation/tuned/tiny.toml",
        "policies/microfactory/weights.npz",
        "docs/results.md",
        "factory/schedule/shop_floor/floor_painter.py",
        "docs_site/factory_pages/gallery_page.py",
    } <= files


def write_file(path: Path) -> None:
    """Write a file; one that exists is an error."""
    with path.open("x", encoding="utf-8") as file:
        file.write("made")


def test_a_task_runs_once(tmp_path: Path) -> None:
    tasks = {"page": partial(write_file, tmp_path / "page.md")}
    make_missing(tasks, tmp_path)
    make_missing(tasks, tmp_path)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "made"


def test_a_task_that_failed_runs_again(tmp_path: Path) -> None:
    (tmp_path / "page.md").touch()
    tasks = {"page": partial(write_file, tmp_path / "page.md")}
    with pytest.raises(FileExistsError):
        make_missing(tasks, tmp_path)
    (tmp_path / "page.md").unlink()
    make_missing(tasks, tmp_path)
    assert (tmp_path / "page.md").exists()
