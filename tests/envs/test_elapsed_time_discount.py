"""Discount by elapsed time as a random end of the episode."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.monitor import Monitor

from agents.rules.registry import make_rule
from envs.elapsed_time_discount import ElapsedTimeDiscount
from envs.env import ChangeoverEnv
from envs.registration import ENV_ID
from envs.time_unit import mean_process_times

Step = tuple[float, bool, bool, dict[str, Any]]


def discounted(factory: str = "tiny", discount_time: float = 2.0) -> ElapsedTimeDiscount:
    return ElapsedTimeDiscount(ChangeoverEnv(factory), discount_time)


def play(env: Any, seed: int, limit: int = 10**6) -> list[Step]:
    """Return the steps of an episode under ATCS, without observations."""
    rule, steps = make_rule("ATCS"), list[Step]()
    observation, _ = env.reset(seed=seed)
    while len(steps) < limit and not (steps and (steps[-1][1] or steps[-1][2])):
        observation, *step = env.step(int(rule.decide(observation)))
        steps.append(tuple(step))  # type: ignore[arg-type]
    return steps


def test_the_mean_return_is_the_return_discounted_by_elapsed_time() -> None:
    """The difference between the two has mean 0, over 400 episodes of the same orders."""
    env, plain = discounted(), ChangeoverEnv("tiny")
    tau = 2.0 * float(mean_process_times(plain.arrays)[0])
    differences = []
    for seed in range(400):
        dates, expected = 0, 0.0
        for reward, _, _, info in play(plain, seed):
            expected += math.exp(-dates / tau) * reward
            dates += info["elapsed"]
        differences.append(sum(step[0] for step in play(env, seed)) - expected)
    error = np.std(differences) / math.sqrt(len(differences))
    assert 0 < error < 0.05
    assert abs(np.mean(differences)) < 3 * error


def test_a_lifetime_terminates_the_episode_and_says_so() -> None:
    env = discounted(discount_time=0.01)
    *_, (_, terminated, truncated, info) = play(env, 1)
    assert (terminated, truncated, info["ended_by_discount"]) == (True, False, True)
    assert "episode_cost" not in info
    with pytest.raises(RuntimeError, match="Call reset"):
        env.step(0)
    assert not env.reset(seed=1)[1]["ended_by_discount"]


def test_after_a_lifetime_a_reset_without_a_seed_continues_the_episode() -> None:
    """All lifetimes together are the episode without the wrapper."""
    env, plain = discounted(discount_time=0.5), play(ChangeoverEnv("tiny"), 1)
    rule, steps = make_rule("ATCS"), list[Step]()
    observation, _ = env.reset(seed=1)
    lifetimes = [env.ticks_left]
    while not (steps and "episode_cost" in steps[-1][3]):
        if steps and steps[-1][1]:
            continued, info = env.reset()
            lifetimes.append(env.ticks_left)
            assert all((continued[name] == observation[name]).all() for name in continued)
            assert not info["ended_by_discount"]
        observation, *step = env.step(int(rule.decide(observation)))
        steps.append(tuple(step))  # type: ignore[arg-type]
    assert [step[0] for step in steps] == [step[0] for step in plain]
    assert len(lifetimes) == len(set(lifetimes)) > 1
    assert env.microfactory.episode_seed == 1
    env.reset()
    assert env.microfactory.episode_seed != 1


def test_a_seed_or_options_begin_a_new_episode_even_after_a_lifetime() -> None:
    env = discounted(discount_time=0.01)
    for arguments in ({"seed": 5}, {"options": {"num_orders": 3}}):
        play(env, 1)
        env.reset(**arguments)
        assert env.microfactory.schedule().operations == ()


def test_a_long_discount_time_leaves_an_episode_as_it_is() -> None:
    long, plain = play(discounted(discount_time=1e9), 1), play(ChangeoverEnv("tiny"), 1)
    assert [step[:3] for step in long] == [step[:3] for step in plain]
    assert long[-1][3]["episode_cost"] == plain[-1][3]["episode_cost"]
    assert not long[-1][3]["ended_by_discount"]


def test_a_truncated_episode_stays_truncated() -> None:
    env = ElapsedTimeDiscount(ChangeoverEnv("tiny", max_decisions=2), 1e9)
    assert play(env, 1)[-1][1:3] == (False, True)


def test_the_seed_of_the_episode_determines_its_lifetime() -> None:
    first, second = (play(discounted(), seed=7) for _ in range(2))
    assert [step[:3] for step in first] == [step[:3] for step in second]
    lengths = {len(play(discounted(), seed)) for seed in range(20)}
    assert len(lengths) > 5


def test_the_unit_of_the_discount_time_is_the_mean_process_time_of_the_episodes_factory() -> None:
    """With the same draw, twice the discount time is twice the lifetime."""
    env = ChangeoverEnv("microfactory", num_orders=20)
    lifetimes = []
    for discount_time in (0.5, 1.0):
        wrapper = ElapsedTimeDiscount(env, discount_time)
        wrapper.reset(seed=3)
        lifetimes.append(wrapper.ticks_left / float(mean_process_times(env.arrays)[0]))
    assert lifetimes[1] == pytest.approx(2 * lifetimes[0])


def return_of(steps: list[Step], gamma: float) -> float:
    return float(sum(gamma**k * step[0] for k, step in enumerate(steps)))


def wait_for_ever(env: Any, seed: int) -> list[Step]:
    observation, _ = env.reset(seed=seed)
    steps: list[Step] = []
    while not (steps and (steps[-1][1] or steps[-1][2])):
        _, *step = env.step(len(observation["action_mask"]) - 1)
        steps.append(tuple(step))  # type: ignore[arg-type]
    return steps


def test_waiting_for_ever_pays_by_decision_but_not_by_elapsed_time() -> None:
    """The reason for the wrapper: many short waits make distant costs cheap."""
    env = ChangeoverEnv("microfactory")
    gamma = 0.9
    assert return_of(wait_for_ever(env, 1), gamma) > return_of(play(env, 1), gamma)
    work, waiting = (
        np.mean([return_of(run(discounted("microfactory", 48.0), seed), 1.0) for seed in range(20)])
        for run in (play, wait_for_ever)
    )
    assert work > waiting


def test_wrappers_around_it_see_whole_episodes() -> None:
    recorded = gymnasium.wrappers.RecordEpisodeStatistics(discounted())
    steps = play(recorded, 1)
    assert steps[-1][3]["episode"]["l"] == len(steps)
    steps = play(Monitor(discounted()), 1)
    assert steps[-1][3]["episode"]["r"] == pytest.approx(sum(step[0] for step in steps), abs=1e-5)
    env: Any = gymnasium.wrappers.TimeLimit(discounted(), 3)
    env.reset(seed=1)
    assert env.get_wrapper_attr("action_masks")().any()


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version.*")
def test_it_passes_gymnasiums_checker() -> None:
    check_env(ElapsedTimeDiscount(gymnasium.make(ENV_ID, factory="tiny")), skip_render_check=True)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, "240", True, None], ids=str)
def test_a_wrong_discount_time_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"discount_time = .*; must be"):
        ElapsedTimeDiscount(ChangeoverEnv("tiny"), value)


def test_another_environment_is_refused() -> None:
    with pytest.raises(TypeError, match="an environment of microfactories"):
        ElapsedTimeDiscount(gymnasium.make("CartPole-v1"))
