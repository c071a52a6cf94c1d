"""A floor like that of the training raises no alarm; other demand or products do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from agents.column_ranges import find_ranges
from agents.network.inference import greedy_decider
from envs.observation.columns import CANDIDATES, MACHINES, SHOP, SHOP_INDEX
from envs.observation.tables import Observation
from envs.seed_splits import episode_seeds
from factory.model import Factory
from factory.tick_dates import TickDates
from scheduler.decisions.bundle import read_manifest
from scheduler.decisions.explanations import ask_first
from scheduler.floor.floor import ShopFloor
from scheduler.outcomes.training_drift import MAX_SNAPSHOTS, DriftMonitor, read_ranges
from tests.builders.plant_days import play_snapshots, with_demand
from tests.builders.repository import ROOT
from tests.builders.snapshots import FACTORY, RULE

DATES = TickDates(1.0)
FRESH = [int(seed) for seed in episode_seeds("test", 3)]
MIX = {"pod": 0.05, "pickup": 0.05, "van": 0.1, "shuttle": 0.8}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The ranges of the shipped policy."""
    return {"column_ranges": find_ranges(ROOT / "policies" / "microfactory", greedy_decider)}


def drift_of(manifest: dict[str, Any], factory: Factory, seed: int) -> dict[str, str]:
    """Return the columns that counted as drifted at any time, with their sentences."""
    monitor, floor, found = DriftMonitor(manifest, DATES), ShopFloor(factory), dict[str, str]()
    for snapshot in play_snapshots(factory, RULE, seed):
        ask_first(floor, snapshot)
        monitor.observe(
            {
                "candidates": floor.tables.candidates,
                "machines": floor.tables.machines,
                "shop": floor.tables.shop,
                "action_mask": floor.tables.action_mask,
            }
        )
        found |= {each.column: each.sentence for each in monitor.drifted()}
    return found


@pytest.mark.parametrize("seed", FRESH)
def test_days_like_those_of_the_training_raise_no_alarm(
    manifest: dict[str, Any], seed: int
) -> None:
    assert drift_of(manifest, FACTORY, seed) == {}


def test_twice_the_orders_are_seen(manifest: dict[str, Any]) -> None:
    drifted = drift_of(manifest, with_demand(FACTORY, interarrival_time=12.0), FRESH[0])
    assert {"queue_work", "queue_length"} <= drifted.keys()


def test_another_product_mix_is_seen(manifest: dict[str, Any]) -> None:
    assert drift_of(manifest, with_demand(FACTORY, mix=MIX), FRESH[0])


def made_up(low: float = 0.0, high: float = 10.0) -> dict[str, Any]:
    """Return a manifest in which every column has the same range, and means from 4 to 6."""
    column = [low, high, 4.0, 6.0]
    tables = {"candidates": CANDIDATES, "machines": MACHINES, "shop": SHOP}
    listed = {name: [column] * len(columns) for name, columns in tables.items()}
    return {"column_ranges": {"window": 100, **listed}}


def tables(**shop: float) -> Observation:
    """Return tables that are 5 everywhere, but for some columns of the shop row."""
    observation: Observation = {
        "candidates": np.full((1, 2, len(CANDIDATES)), 5.0, np.float32),
        "machines": np.full((1, 2, len(MACHINES)), 5.0, np.float32),
        "shop": np.full((1, len(SHOP)), 5.0, np.float32),
        "action_mask": np.ones((1, 2), np.bool_),
    }
    for name, value in shop.items():
        observation["shop"][0, SHOP_INDEX[name]] = value
    return observation


def watched(values: Callable[[int], float], count: int) -> DriftMonitor:
    """Return a monitor after some snapshots with these numbers of late orders."""
    monitor = DriftMonitor(made_up(), DATES)
    for number in range(count):
        monitor.observe(tables(late_orders=values(number)))
    return monitor


def test_values_outside_count_once_they_are_the_rule() -> None:
    assert watched(lambda _: 30.0, 49).drifted() == ()
    (drifted,) = watched(lambda _: 30.0, 50).drifted()
    assert (drifted.table, drifted.column, drifted.kind) == ("shop", "late_orders", "values")
    assert (drifted.share, drifted.low, drifted.high, drifted.newest) == (1.0, 0.0, 10.0, 30.0)
    assert drifted.sentence == (
        "active orders past their due date: 100% of the snapshots outside, last 30; in the"
        " training 0 to 10"
    )


def test_single_values_outside_do_not_count() -> None:
    assert watched(lambda number: 11.5 if number % 3 == 0 else 5.0, 99).drifted() == ()


def test_a_value_within_the_margin_is_inside() -> None:
    assert watched(lambda _: 10.9, 99).drifted() == ()


def test_a_mean_outside_of_the_range_of_means_counts_once_it_is_as_long() -> None:
    assert watched(lambda _: 8.0, 99).drifted() == ()
    (drifted,) = watched(lambda _: 8.0, 100).drifted()
    assert (drifted.kind, drifted.low, drifted.high, drifted.newest) == ("mean", 4.0, 6.0, 8.0)
    assert drifted.sentence.endswith("mean 8; in the training 4 to 6")


def test_a_mean_within_its_margin_is_inside() -> None:
    assert watched(lambda _: 6.9, 200).drifted() == ()


def test_old_snapshots_are_forgotten() -> None:
    monitor = watched(lambda number: 30.0 if number < 60 else 5.0, 60 + MAX_SNAPSHOTS)
    assert monitor.snapshots == MAX_SNAPSHOTS
    assert monitor.drifted() == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda ranges: ranges.pop("window"),
        lambda ranges: ranges.update(window=0),
        lambda ranges: ranges.update(window=True),
        lambda ranges: ranges.update(shop=[]),
        lambda ranges: ranges.update(shop="all"),
        lambda ranges: ranges["machines"].pop(),
        lambda ranges: ranges["candidates"].__setitem__(0, [0.0, float("nan"), 0.0, 1.0]),
        lambda ranges: ranges["candidates"].__setitem__(0, [1.0, 0.0, 0.0, 1.0]),
    ],
)
def test_ranges_that_do_not_fit_are_none(change: Callable[[dict[str, Any]], Any]) -> None:
    ranges = made_up()["column_ranges"]
    change(ranges)
    assert read_ranges(ranges) is None
    monitor = DriftMonitor({"column_ranges": ranges}, DATES)
    monitor.observe(tables())
    assert (monitor.is_known, monitor.snapshots, monitor.drifted()) == (False, 0, ())


def test_a_bundle_without_ranges_is_not_compared() -> None:
    assert not DriftMonitor({}, DATES).is_known


def test_an_exported_bundle_has_ranges(bundle_folder: Path) -> None:
    ranges = read_ranges(read_manifest(bundle_folder)["column_ranges"])
    assert ranges is not None
    assert (ranges.low <= ranges.mean_low).all()
    assert (ranges.mean_high <= ranges.high).all()
