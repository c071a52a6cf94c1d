"""Ranges of columns come from the scenarios of the training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import column_ranges
from agents.column_ranges import MEAN_WINDOW, ColumnRanges, Decide, measure_ranges
from agents.rules.registry import make_rule
from envs.observation.columns import CANDIDATES, MACHINES, SHOP, SHOP_INDEX
from factory.io.catalogue import find_single_factory
from factory.io.factory_toml import save_factory
from tests.builders.plant_days import with_demand

MICRO = find_single_factory("microfactory")


@pytest.fixture(scope="module", autouse=True)
def _few_short_episodes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_ranges, "_EPISODES", 6)
        patch.setattr(column_ranges, "_DRAWN", 3)
        patch.setattr(column_ranges, "_STEPS", MEAN_WINDOW + 100)
        yield


@pytest.fixture(scope="module")
def decide() -> Decide:
    return make_rule("EDD").decide


@pytest.fixture(scope="module")
def ranges(decide: Decide) -> Any:
    return measure_ranges(decide, 'scenario.factories = ["microfactory"]', [])


def test_every_column_has_a_range_of_values_and_one_of_means(ranges: Any) -> None:
    for table, columns in (("candidates", CANDIDATES), ("machines", MACHINES), ("shop", SHOP)):
        low, high, mean_low, mean_high = np.array(ranges[table]).T
        assert len(low) == len(columns)
        tolerance = 1e-5 * (1 + np.abs(high) + np.abs(low))
        assert (low <= mean_low + tolerance).all()
        assert (mean_low <= mean_high).all()
        assert (mean_high <= high + tolerance).all()
    assert ranges["window"] == MEAN_WINDOW


def test_the_same_policy_has_the_same_ranges(decide: Decide, ranges: Any) -> None:
    assert measure_ranges(decide, "seed = 0", ["microfactory"]) == ranges


def test_factories_of_one_s_own_are_found_by_the_files_in_the_config(
    decide: Decide, ranges: Any, tmp_path: Path
) -> None:
    path = tmp_path / "busy.toml"
    save_factory(with_demand(MICRO, interarrival_time=12.0), path)
    own = measure_ranges(decide, f"scenario.factories = ['{path}']", ["unknown"])
    assert own is not None
    late = SHOP_INDEX["late_orders"]
    assert own["shop"][late][1] > ranges["shop"][late][1]


def test_ranges_of_factories_are_drawn_as_in_the_training(decide: Decide) -> None:
    drawn = measure_ranges(decide, 'scenario.factories = ["randomised"]', [])
    assert drawn is not None
    low, high = drawn["shop"][SHOP_INDEX["cost_scale"]][:2]
    assert low < high


@pytest.mark.parametrize(
    "config",
    [
        'scenario.factories = ["no_such_factory"]',
        'scenario.factories = ["microfactory"]\nscenario.orders = "no_such_list.csv"',
    ],
)
def test_without_a_scenario_there_are_no_ranges(decide: Decide, config: str) -> None:
    assert measure_ranges(decide, config, ["microfactory"]) is None


def test_means_are_those_of_as_many_consecutive_decisions() -> None:
    ranges, steps = ColumnRanges(), np.arange(MEAN_WINDOW + 1, dtype=np.float64)[:, None]
    ranges.add_values("shop", steps)
    ranges.add_episode("shop", steps)
    middle = (MEAN_WINDOW - 1) / 2
    assert ranges.listed()["shop"] == [[0.0, float(MEAN_WINDOW), middle, middle + 1]]


def test_episodes_that_are_too_short_leave_the_range_of_the_values() -> None:
    ranges = ColumnRanges()
    ranges.add_values("shop", np.array([[1.0], [4.0]]))
    ranges.add_episode("shop", np.ones((MEAN_WINDOW - 1, 1)))
    assert ranges.listed()["shop"] == [[1.0, 4.0, 1.0, 4.0]]
