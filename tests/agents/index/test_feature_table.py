"""The feature table: one source for compiled loops, torch, words and hash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.index.feature_table import (
    FEATURE_TABLE,
    FORMULAS,
    MACHINE_PART,
    ROW_PART,
    SHOP_PART,
    formula_of,
    network_input_hash,
    part_of,
)
from agents.index.policy import as_array
from agents.network.feature_sizes import FALLBACKS
from agents.network.features_torch import machine_features, row_features, shop_features
from agents.network.packed_tables import PackedTables
from envs.observation.columns import CANDIDATES, MACHINES, SHOP, SHOP_INDEX, Column
from tests.builders.networks import WEIGHTS
from tests.builders.repository import ROOT


def test_a_changed_constant_changes_the_hash() -> None:
    known = network_input_hash()
    for i, feature in enumerate(FEATURE_TABLE):
        if "{h}" in FORMULAS[feature.transform]:
            changed = feature._replace(scale=feature.scale * (1 + 1e-12))
            assert network_input_hash(_with(i, changed)) != known, feature.name


def test_a_changed_formula_changes_the_hash() -> None:
    known = network_input_hash()
    for i, feature in enumerate(FEATURE_TABLE):
        other = "log" if feature.transform == "copy" else "copy"
        operands = (*feature.operands, "is_job")[:1]
        for changed in (
            feature._replace(transform=other, operands=operands),
            feature._replace(name="other"),
            feature._replace(rows="other"),
        ):
            assert network_input_hash(_with(i, changed)) != known, feature.name


def test_the_order_of_features_changes_the_hash() -> None:
    reordered = (*FEATURE_TABLE[1::-1], *FEATURE_TABLE[2:])
    assert network_input_hash(reordered) != network_input_hash()


def test_a_constant_of_a_shared_quantity_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    from agents.index import feature_table

    known = network_input_hash()
    for name in ("unit", "relative_time", "cent", "has_ready", "price", "minute_of_delay", "rate"):
        with monkeypatch.context() as patch:
            patch.setitem(feature_table.QUANTITIES, name, "something else")
            assert network_input_hash() != known, name


def _with(i: int, feature: object) -> tuple:
    return (*FEATURE_TABLE[:i], feature, *FEATURE_TABLE[i + 1 :])


def test_names_are_unique_within_a_part() -> None:
    for part in (ROW_PART, MACHINE_PART, SHOP_PART):
        names = [feature.name for feature in part_of(part)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("slack", "s(slack, 10 mean p)"),
        ("value", "log(max(weight, 1e-06) / relative_time)"),
        ("setup_a_member", "setup_time / (mean p max(family_ready, 1))"),
        ("processing_cost", "s(processing_cost, 60 minute_of_delay)"),
        ("speed", "speed - 1"),
    ],
)
def test_formulas_in_words(name: str, formula: str) -> None:
    (feature,) = (feature for feature in FEATURE_TABLE if feature.name == name)
    assert formula_of(feature) == formula


@pytest.mark.parametrize("seed", range(3))
def test_transforms_of_numba_and_torch_agree_on_drawn_tables(seed: int) -> None:
    """Columns are zero, negative, tiny or large, so that each branch of each transform is met."""
    random = np.random.default_rng(seed)
    envs, rows, machines = 40, 12, 5
    tables = {
        "candidates": _draw(random, CANDIDATES, (envs, rows)),
        "machines": _draw(random, MACHINES, (envs, machines)),
        "shop": _draw(random, SHOP, (envs,)),
        "action_mask": np.ones((envs, rows), np.bool_),
    }
    tables["shop"][..., SHOP_INDEX["cost_scale"]] += 1.0  # the cost scale is never 0
    weights = np.append(as_array(WEIGHTS), np.zeros(FALLBACKS))
    network_input = PackedTables(**tables, weights=weights).network_input
    shop = torch.from_numpy(tables["shop"]).double()
    features = row_features(
        torch.from_numpy(tables["candidates"]).double().flatten(0, 1),
        shop.repeat_interleave(rows, dim=0),
    )
    symlog = torch.sign(features) * torch.log1p(features.abs())
    of_machines = machine_features(torch.from_numpy(tables["machines"]).double(), shop)
    for ours, theirs in (
        (network_input.rows, symlog),
        (network_input.machines, of_machines),
        (network_input.shop, shop_features(shop)),
    ):
        torch.testing.assert_close(ours, theirs.float(), rtol=1e-6, atol=1e-7)


FILL = """
import numpy as np
from agents.network.features_compiled import _fill_machine
row, out = np.ones(64, np.float32), np.zeros(64, np.float32)
_fill_machine(row, row, 3.0, out)
print(sum(_fill_machine.stats.cache_hits.values()), out.sum())
"""


def test_bug_generated_functions_are_loaded_from_the_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FILL]
    first, second = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    (compiled, before), (loaded, after) = first.stdout.split(), second.stdout.split()
    assert (compiled, loaded) == ("0", "1")
    assert before == after


def _draw(
    random: np.random.Generator, columns: tuple[Column, ...], shape: tuple[int, ...]
) -> np.ndarray:
    """Return values within the bounds of the columns, a third of them 0."""
    values = random.exponential(10.0, (*shape, len(columns)))
    signs = np.where([column.low < 0 for column in columns], -1.0, 1.0)
    values *= np.where(random.random(values.shape) < 0.5, signs, 1.0)
    values[random.random(values.shape) < 1 / 3] = 0.0
    high = np.array([column.high for column in columns])
    flags = np.array([column.unit == "flag" for column in columns])
    return np.where(flags, values != 0, np.minimum(values, high)).astype(np.float32)
