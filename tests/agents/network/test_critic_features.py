"""Privileged features of the critic agree with the shop and the orders to come."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.network.critic_features import CriticFeatures
from agents.network.feature_sizes import DELAYS, PRIVILEGED_FEATURES, WINDOWS
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import PROCESSING

_REMAINING, _UNFINISHED = PRIVILEGED_FEATURES - 5, PRIVILEGED_FEATURES - 4
_LOADS = len(DELAYS)


def features_of(batch: Batch) -> NDArray[np.float32]:
    return CriticFeatures(batch).update()


def play(name: str, steps: int, envs: int = 4) -> Batch:
    batch, rule = Batch([find_single_factory(name)], num_envs=envs), make_rule("ATCS")
    batch.reset(np.arange(envs, dtype=np.uint64))
    for _ in range(steps):
        batch.step(np.asarray(rule.decide(as_observation(batch.tables)), np.int64), autoreset=False)
    return batch


@pytest.mark.parametrize("name", ["microfactory", "large", "one_of_a_kind", "tiny", "supply_shock"])
def test_every_figure_is_finite_and_of_moderate_size(name: str) -> None:
    features = features_of(play(name, 60))
    assert np.isfinite(features).all()
    assert np.abs(features).max() < 12


def test_remaining_orders_are_counted() -> None:
    batch = play("microfactory", 150)
    env = batch.shop.env
    for e, row in enumerate(features_of(batch)):
        orders = int(env.num_orders[e])
        assert row[_REMAINING] == pytest.approx(
            math.log1p(10 * (orders - int(env.num_released[e])) / orders), rel=1e-5
        )
        assert row[_UNFINISHED] == pytest.approx(
            math.log1p(10 * (orders - int(env.num_completed[e])) / orders), rel=1e-5
        )


def test_the_later_all_orders_are_the_more_tardiness_comes() -> None:
    features = features_of(play("microfactory", 200))
    assert (np.diff(features[:, : len(DELAYS)], axis=1) >= 0).all()
    assert (features[:, len(DELAYS) - 1] > features[:, 0]).all()


def test_work_that_arrives_later_is_counted_in_the_wider_windows() -> None:
    features = features_of(play("microfactory", 30))
    mean_loads = [
        features[:, _LOADS + 1],
        *(features[:, _LOADS + 2 + 3 * n + 1] for n in range(len(WINDOWS))),
    ]
    assert (np.diff(np.stack(mean_loads, axis=1), axis=1) >= 0).all()
    assert (mean_loads[-1] > mean_loads[0]).all()


def test_setups_that_suit_and_those_that_do_not_make_up_the_queues() -> None:
    batch = play("microfactory", 180)
    fits = PRIVILEGED_FEATURES - 8 - 8
    for e, row in enumerate(np.expm1(features_of(batch).astype(np.float64))):
        assert row[fits] + row[fits + 1] == pytest.approx(
            batch.shop.centres.queue_length[e].sum(), rel=1e-5
        )
        assert 0 <= row[fits + 2] <= row[fits + 1] + 1e-6


def test_process_times_longer_than_expected_are_felt() -> None:
    batch = play("microfactory", 100)
    before = features_of(batch)
    busy = batch.shop.machines.status[0] == PROCESSING
    assert busy.any()
    batch.shop.machines.process_left[0, busy] += 500
    after = features_of(batch)
    late = PRIVILEGED_FEATURES - 8
    assert after[0, late] > before[0, late] + 1.0
    np.testing.assert_array_equal(np.delete(after, late, axis=1), np.delete(before, late, axis=1))


def test_at_the_end_nothing_is_left() -> None:
    batch = play("tiny", 2000)
    assert batch.over.all()
    idle = PRIVILEGED_FEATURES - 8 - 3
    features = features_of(batch)
    np.testing.assert_allclose(
        features[:, idle], np.log1p(batch.arrays.plant.num_machines[0]), rtol=1e-6
    )
    np.testing.assert_array_equal(np.delete(features, idle, axis=1), 0)
