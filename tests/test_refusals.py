"""Refused calls change nothing: later calls have the results that they would have had anyway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.policy import play
from agents.ppo.vec_env import ShopVecEnv
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.vector_env import ChangeoverVectorEnv
from evaluation.runner.measurement import Stopwatch
from factory.io.catalogue import find_single_factory
from factory.simulation_errors import IllegalActionError
from factory.simulator import Simulator
from tests.builders.entry_points import fingerprint
from tests.builders.environment_players import Bare, Drawn, Shops, Single, Vector, play_on
from tests.builders.refused_values import E

TINY = find_single_factory("tiny")
REFUSED = (TypeError, ValueError, RuntimeError, AttributeError)

CHOICES = st.lists(st.integers(0, 9), max_size=12)


def check_no_trace(make: Callable[[], Any], data: st.DataObject) -> None:
    """Check that an environment plays like its twin, which has no refused calls."""
    player, twin = make(), make()
    seed, before, after = data.draw(st.integers(0, 99)), data.draw(CHOICES), data.draw(CHOICES)
    assert fingerprint(player.begin(seed)) == fingerprint(twin.begin(seed))
    assert play_on(player, before) == play_on(twin, before)
    for _ in range(data.draw(st.integers(1, 3))):
        with pytest.raises(REFUSED):
            player.refuse(data.draw)
    assert play_on(player, after) == play_on(twin, after)
    assert fingerprint(player.begin()) == fingerprint(twin.begin())
    with pytest.raises(REFUSED):
        player.refuse(data.draw)
    assert fingerprint(player.begin()) == fingerprint(twin.begin())
    assert play_on(player, before) == play_on(twin, before)


@pytest.mark.parametrize("make", [Single, Vector, Shops, Bare])
@settings(max_examples=60)
@given(data=st.data())
def test_bug_a_refused_call_changes_nothing(make: Callable[[], Any], data: st.DataObject) -> None:
    check_no_trace(make, data)


@settings(max_examples=12)
@given(data=st.data())
def test_bug_a_refused_call_does_not_change_the_next_factory(data: st.DataObject) -> None:
    check_no_trace(Drawn, data)


def test_bug_a_refused_number_of_orders_is_not_kept() -> None:
    for name, option in (("randomised", 200_000), ("tiny", 2.5), ("tiny", True), ("tiny", "3")):
        env, twin = ChangeoverEnv(name), ChangeoverEnv(name)
        for environment in (env, twin):
            environment.reset(seed=1)
        with pytest.raises((TypeError, ValueError), match="num_orders"):
            env.reset(seed=2, options={"num_orders": option})
        assert fingerprint(env.reset()) == fingerprint(twin.reset())


@pytest.mark.parametrize("answer", [0.9, 0.0, True, "0", None], ids=repr)
def test_bug_a_policy_that_returns_no_row_numbers_is_refused(answer: Any) -> None:
    class Answering:
        def decide(self, observation: Any) -> Any:
            return np.array([answer] * E)

    batch = Batch([TINY], num_envs=E)
    for policy in (Answering(), Stopwatch(Answering())):
        with pytest.raises(TypeError, match=r"decide: actions = .* row numbers \(integers\)"):
            play(batch, policy, np.arange(E))
        assert batch.shop.env.decisions.tolist() == [0] * E


def test_bug_a_step_before_the_first_reset_is_refused() -> None:
    batch = Batch([TINY], num_envs=E, illegal_actions="replace")
    for call in (
        lambda: ChangeoverVectorEnv("tiny", E).step(np.zeros(E, np.int64)),
        lambda: ShopVecEnv([TINY], E, illegal_actions="replace").step(np.zeros(E, np.int64)),
        lambda: batch.step(np.zeros(E, np.int64)),
        lambda: batch.restart(np.ones(E, np.bool_), np.arange(E), np.zeros(E, np.int64)),
    ):
        with pytest.raises(RuntimeError, match=r"no episode has begun\. Call reset"):
            call()
    simulator = Simulator(TINY)
    assert simulator.deciding is None
    with pytest.raises(IllegalActionError):
        simulator.decide(0)


def test_bug_actions_of_a_vec_env_are_used_once() -> None:
    shops = Shops()
    shops.begin()
    shops.env.step_async(shops.mask().argmax(axis=1))
    shops.env.step_wait()
    with pytest.raises(RuntimeError, match="no actions are waiting"):
        shops.env.step_wait()
