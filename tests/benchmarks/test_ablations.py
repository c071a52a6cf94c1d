"""Each ablation changes the learned weights, and its patch is undone afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import ablations
from benchmarks.ablations import VARIANTS, patched, with_short_waits
from factory.io.catalogue import find_single_factory
from tests.builders.training_runs import trainer, weights_of


@pytest.mark.parametrize(
    "change", sorted({variant.change for variant in VARIANTS if variant.change})
)
def test_an_ablation_changes_the_weights_and_is_undone(change: str, tmp_path: Path) -> None:
    weights = []
    for index, patch in enumerate(("", change, "")):
        run = trainer(tmp_path / str(index), {"learning": {"total_timesteps": 256}})
        with patched(patch):
            run.begin()
        weights.append(weights_of(run))
    before, ablated, after = weights
    assert any(not torch.equal(value, ablated[name]) for name, value in before.items())
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_short_waits_change_nothing_but_the_longest_wait() -> None:
    factory = find_single_factory("microfactory")
    changed = with_short_waits(factory)
    assert {centre.longest_wait for centre in changed.work_centres} == {2}
    assert changed.products == factory.products
    assert [centre.machines for centre in changed.work_centres] == [
        centre.machines for centre in factory.work_centres
    ]


def test_runs_in_the_file_are_not_repeated(tmp_path: Path) -> None:
    """The file holds all runs of this length, so it stays unchanged."""
    path = tmp_path / "runs.json"
    runs = [
        {"variant": variant.name, "seed": 0, "best": 0.7, "last": 0.8, "steps_per_second": 1.0}
        for variant in VARIANTS
    ]
    path.write_text(json.dumps({"runs": runs, "steps": 64}))
    ablations.main(["--steps", "64", "--processes", "1", "--json", str(path)])
    assert json.loads(path.read_text()) == {"runs": runs, "steps": 64}
    assert ablations._read_runs(path, 128) == []
