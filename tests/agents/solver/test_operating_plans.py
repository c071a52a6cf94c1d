"""Plans of factories with calendars, people, maintenance and runs are carried out legally."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("ortools", reason="the extra `solver` (OR-Tools) is not installed")

from agents.policy import play
from agents.solver.rolling_horizon import RollingHorizonPolicy
from envs.batch import Batch
from factory.schedule.records import unload
from factory.verification.verifier import verify
from tests.builders.operating_factories import random_operating_factory


@pytest.mark.parametrize("seed", [1, 2, 5, 7, 8, 11, 13, 14, 15, 16, 17, 19])
def test_plans_of_random_operating_factories_never_get_stuck(seed: int) -> None:
    """They end, and their schedules pass the verifier."""
    factory, orders = random_operating_factory(random.Random(seed))
    policy = RollingHorizonPolicy(0.002, every=40)
    batch = Batch([factory], [orders], num_envs=1, log_length=8192)
    play(batch, policy, np.array([seed], np.uint64))
    assert policy.figures.calls > 0
    bill = verify(unload(factory, orders, batch.arrays, batch.shop, 0), factory, orders)
    assert bill.total == pytest.approx(float(batch.shop.cost[0].sum()))
