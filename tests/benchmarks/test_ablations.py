"""Every part that the ablations take away makes a difference to what is learnt, and is there again
afterwards."""

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
def test_a_part_taken_away_makes_a_difference_and_comes_back(change: str, tmp_path: Path) -> None:
    learnt = []
    for number, present in enumerate((True, False, True)):
        run = trainer(tmp_path / str(number), {"learning": {"total_timesteps": 256}})
        with patched("" if present else change):
            run.begin()
        learnt.append(weights_of(run))
    assert any(not torch.equal(value, learnt[1][name]) for name, value in learnt[0].items())
    assert all(torch.equal(value, learnt[2][name]) for name, value in learnt[0].items())


def test_short_waits_change_nothing_but_the_longest_wait() -> None:
    factory = find_single_factory("microfactory")
    changed = with_short_waits(factory)
    assert {centre.longest_wait for centre in changed.work_centres} == {2}
    assert changed.products == factory.products
    assert [centre.machines for centre in changed.work_centres] == [
        centre.machines for centre in factory.work_centres
    ]


def test_runs_that_a_file_holds_are_not_run_again(tmp_path: Path) -> None:
    """With all of them there but those of another length, nothing is left to do, and the file stays
    as it was."""
    path = tmp_path / "found.json"
    runs = [
        {"variant": variant.name, "seed": 0, "best": 0.7, "last": 0.8, "steps_per_second": 1.0}
        for variant in VARIANTS
    ]
    path.write_text(json.dumps({"runs": runs, "steps": 64}))
    ablations.main(["--steps", "64", "--processes", "1", "--json", str(path)])
    assert json.loads(path.read_text()) == {"runs": runs, "steps": 64}
    assert ablations._read_runs(path, 128) == []
