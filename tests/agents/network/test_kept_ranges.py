"""Ranges of the columns of a policy folder: kept, and measured anew where they do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agents import column_ranges
from agents.column_ranges import find_ranges
from agents.network.inference import greedy_decider
from tests.builders.repository import ROOT

SHIPPED = ROOT / "policies" / "microfactory"
KEPT = "column_ranges.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a shipped policy."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "policy"))


def test_the_ranges_of_shipped_policies_fit_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_ranges, "measure_ranges", None)  # it would be called
    for name in ("microfactory", "mixture"):
        ranges = find_ranges(ROOT / "policies" / name, greedy_decider)
        assert ranges is not None
        assert ranges["candidates"]


def test_ranges_that_are_kept_are_those_that_are_measured(folder: Path) -> None:
    kept = find_ranges(folder, greedy_decider)
    (folder / KEPT).unlink()
    assert find_ranges(folder, greedy_decider) == kept
    assert not (folder / KEPT).exists()
    find_ranges(folder, greedy_decider, keep=True)
    assert (folder / KEPT).read_text() == (SHIPPED / KEPT).read_text()


@pytest.mark.parametrize("stale", ["weights", "features", "damaged"])
def test_ranges_of_other_weights_or_features_are_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stale: str
) -> None:
    content = json.loads((folder / KEPT).read_text())
    content["measured_with"][stale] = "another"
    (folder / KEPT).write_text("{" if stale == "damaged" else json.dumps(content))
    monkeypatch.setattr(column_ranges, "measure_ranges", lambda *_: {"measured": True})
    assert find_ranges(folder, greedy_decider) == {"measured": True}
