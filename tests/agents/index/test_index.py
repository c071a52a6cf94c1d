"""The evolved index: features as documented, best row, and the same decisions as in the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.index.feature_table import FEATURE_INDEX, FEATURES
from agents.index.policy import IndexPolicy, as_array, atcs_weights
from agents.index.transforms import fill_row_features
from agents.policy import play
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX, SHOP_INDEX
from envs.observation.tables import as_observation
from envs.seed_splits import episode_seeds
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuning.objective import Objective
from factory.generation.generator import draw_factory
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import find_factory, find_single_factory

EPISODES = 4


def drawn_factory(seed: int) -> Any:
    ranges = find_factory("randomised")
    assert isinstance(ranges, RandomisedRanges)
    return draw_factory(seed, ranges)


def observations(steps: int) -> list[dict[str, Any]]:
    """Return observations of several factories under ATCS.

    Changeovers ahead, detours, waits and rework are among them.
    """
    batch = Batch(
        [find_single_factory("unreliable"), *(drawn_factory(seed) for seed in range(3))],
        num_envs=4,
        num_tables=steps + 1,
    )
    tables = batch.reset(episode_seeds("tune", 4))
    seen = [as_observation(tables)]
    for _ in range(steps - 1):
        tables = batch.step(
            np.asarray(make_rule("ATCS").decide(as_observation(tables))), autoreset=False
        )
        seen.append(as_observation(tables))
    return seen


def share(value: float, half: float) -> float:
    return value / (abs(value) + half)


def expected_features(column: dict[str, float], here: dict[str, float]) -> dict[str, float]:
    """Return the features of one row, worked out from their definitions."""
    unit = here["mean_process_time"] or max(1.0, here["longest_wait"] / 2)
    halves = arrival_halves(unit)
    if not column["is_wait"]:
        halves |= action_halves(unit)
    saturated = {name: share(column[name], half) for name, half in halves.items()}
    others = wait_features if column["is_wait"] else action_features
    return {**saturated, **others(column, here, unit)}


def arrival_halves(unit: float) -> dict[str, float]:
    return {
        "arrivals_meanwhile": 2,
        "fits_meanwhile": 1,
        "first_arrival_in": unit,
        "first_arrival_setup_time": unit,
        "first_arrival_slack": 10 * unit,
        "first_arrival_weight": 2,
        "second_arrival_in": unit,
        "second_arrival_setup_time": unit,
        "onward_setup_time": unit,
    }


def action_halves(unit: float) -> dict[str, float]:
    return {
        "slack": 10 * unit,
        "due_in": 10 * unit,
        "operation_due_in": 2 * unit,
        "work_left": 5 * unit,
        "operations_left": 4,
        "time_in_queue": 5 * unit,
        "time_in_shop": 20 * unit,
        "ready_in": unit,
        "family_ready": 2,
        "family_ready_work": 2 * unit,
        "family_upcoming": 2,
        "family_slack": 10 * unit,
        "family_due_in": 10 * unit,
        "family_time_in_queue": 5 * unit,
        "family_critical_ratio": 2,
        "family_ready_in": unit,
        "twins_in_setup": 1,
        "twin_free_in": unit,
        "next_process_time": unit,
        "next_queue_work": 5 * unit,
        "next_fits": 1,
        "next_family_ready": 2,
        "attempt": 1,
        "twin_start_in": unit,
        "path_slack": 10 * unit,
        "longer_path": 2 * unit,
        "join_in": 2 * unit,
        "next_start_in": unit,
        "next_setup_time": unit,
        "next_upcoming": 4,
        "maintenance_left": 1,
        "pause": 4 * unit,
        "open_due_in": 10 * unit,
        "run_length": 4,
        "people_spare": 1,
    }


def wait_features(
    column: dict[str, float], here: dict[str, float], unit: float
) -> dict[str, float]:
    return {
        "wait": 1,
        "wait_ready_in": share(column["ready_in"], unit),
        "wait_upcoming": share(column["family_upcoming"], 2),
        "wait_queue": share(here["ready_here"], 2),
        "wait_fitting": share(here["fitting_ready"], 1),
        "wait_fitting_upcoming": share(here["fitting_upcoming"], 1),
        "wait_fitting_ready_in": share(here["fitting_ready_in"], unit),
        "wait_fitting_slack": share(here["fitting_slack"], 10 * unit),
    }


def action_features(
    column: dict[str, float], here: dict[str, float], unit: float
) -> dict[str, float]:
    time = max(column["process_time"], 1.0) / unit
    cent = here["cost_scale"] / 100
    return {
        "changeover": column["is_changeover"] * (column["family_ready"] == 0),
        "detour": column["is_changeover"] * (column["family_ready"] > 0),
        "value": np.log(column["weight"] / time),
        "length": np.log(time),
        "allowance": max(0, column["operation_due_in"] - column["process_time"]) / unit,
        "setup_to_mean": (
            column["setup_time"] / (here["mean_setup_time"] or max(column["setup_time"], 1))
        ),
        "setup": column["setup_time"] / unit,
        "setup_a_member": column["setup_time"] / unit / max(1, column["family_ready"]),
        "mounted": column["is_mounted"],
        "changeover_cost": column["setup_cost"] / cent,
        "energy": column["energy_cost"] / cent,
        "overdue": float(column["due_in"] < 0),
        "slower_here": 1 - column["fastest_time"] / column["process_time"],
        "unblocks": column["unblocks"],
        "rework_probability": column["rework_probability"],
        "maintenance": column["is_maintenance"],
        "run_missing": column["run_missing"],
        "run_used": column["run_used"],
    }


def test_features_are_what_their_table_says() -> None:
    kinds, out = set(), np.zeros(len(FEATURES))
    for observation in observations(120):
        for candidates, shop, mask in zip(
            observation["candidates"], observation["shop"], observation["action_mask"], strict=True
        ):
            here = {name: float(shop[index]) for name, index in SHOP_INDEX.items()}
            for row in candidates[mask]:
                column = {name: float(row[index]) for name, index in CANDIDATE_INDEX.items()}
                expected = expected_features(column, here)
                fill_row_features(row, shop, out)
                np.testing.assert_allclose(
                    out,
                    [expected.get(feature.name, 0.0) for feature in FEATURES],
                    rtol=1e-12,
                    atol=1e-12,
                )
                kinds.add(
                    next(
                        (kind for kind in ("wait", "changeover", "detour") if expected.get(kind)),
                        "job",
                    )
                )
    assert kinds == {"wait", "changeover", "detour", "job"}, "every kind of row was met"


def test_features_stay_of_about_unit_size() -> None:
    """So that one step of a search means about the same for each."""
    out, rows = np.zeros(len(FEATURES)), []
    for observation in observations(60):
        for candidates, shop, mask in zip(
            observation["candidates"], observation["shop"], observation["action_mask"], strict=True
        ):
            for row in candidates[mask]:
                fill_row_features(row, shop, out)
                rows.append(out.copy())
    sizes = dict(zip(FEATURE_INDEX, np.quantile(np.abs(rows), 0.9, axis=0), strict=True))
    del sizes["allowance"]  # as in ATC, without bounds
    assert max(sizes.values()) < 5, sizes


def test_highest_index_wins_and_the_first_row_on_ties() -> None:
    (observation,) = observations(1)
    mask = observation["action_mask"]
    np.testing.assert_array_equal(IndexPolicy({}).decide(observation), np.argmax(mask, axis=1))
    wait = mask.shape[1] - 1
    waits = IndexPolicy({"wait": 5.0}).decide(observation)
    np.testing.assert_array_equal(waits, np.where(mask[:, wait], wait, np.argmax(mask, axis=1)))


def test_weights_rank_jobs_as_the_rule_of_that_feature() -> None:
    longest_first = IndexPolicy(
        {"length": 1.0, "detour": -50.0, "wait": -100.0, "changeover": -200.0}
    )
    for observation in observations(30):
        has_job = (
            observation["action_mask"]
            & (observation["candidates"][..., CANDIDATE_INDEX["is_job"]] > 0)
        ).any(axis=1)
        by_rule = make_rule("LPT").decide(observation)
        np.testing.assert_array_equal(
            np.asarray(longest_first.decide(observation))[has_job], np.asarray(by_rule)[has_job]
        )


def test_single_environment_decides_as_in_a_batch() -> None:
    policy = IndexPolicy(atcs_weights(2.0, 0.5, wait=-3.0, ahead=-2.0))
    for observation in observations(10):
        actions = policy.decide(observation)
        alone = [
            policy.decide({name: table[e] for name, table in observation.items()})
            for e in range(len(actions))
        ]
        assert alone == list(actions)


def test_no_legal_row_answers_0() -> None:
    (observation,) = observations(1)
    observation["action_mask"] = np.zeros_like(observation["action_mask"])
    assert not IndexPolicy({"wait": 1.0}).decide(observation).any()


@pytest.mark.parametrize(("k1", "k2"), [(2.0, 0.5), (5.0, 0.2)])
def test_index_with_the_weights_of_atcs_is_atcs(k1: float, k2: float) -> None:
    """No changeover is forbidden here; the order of detours would differ."""
    (scenario,) = find_scenarios(["scarce_crew"])
    objective = Objective(scenario, "tune", 0, EPISODES)
    np.testing.assert_array_equal(
        objective.play(IndexPolicy(atcs_weights(k1, k2))),
        objective.play(make_rule("ATCS", k1=k1, k2=k2)),
    )


@pytest.mark.parametrize("factory", ["microfactory", "randomised"])
def test_search_plays_what_the_policy_decides(factory: str) -> None:
    (scenario,) = find_scenarios([factory])
    objective = Objective(scenario, "tune", 0, EPISODES)
    random = np.random.default_rng(1)
    for _ in range(3):
        weights = dict(zip(FEATURE_INDEX, random.normal(size=len(FEATURES)), strict=True)) | {
            "wait": -20.0,
            "changeover": -20.0,
        }
        costs = objective.play_index(as_array(weights))
        if np.isinf(costs).any():  # an episode without an end ends the play of a policy
            costs[:] = np.inf
        np.testing.assert_array_equal(costs, objective.play(IndexPolicy(weights)))


def test_bug_index_that_always_waits_comes_to_an_end() -> None:
    """The last machine that could start something does not wait as well."""
    batch = Batch([find_single_factory("tiny")], num_envs=1)
    play(batch, IndexPolicy({"wait": 1000.0}), episode_seeds("tune", 1))
    assert batch.over.all()


def test_unknown_feature_is_refused_with_the_closest_known_one() -> None:
    with pytest.raises(
        ValueError, match="feature 'famly_slack' is not known; did you mean 'family_slack'"
    ):
        IndexPolicy({"famly_slack": 1.0})


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weight_that_is_not_finite_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=r"weight slack = .*must be a finite number"):
        IndexPolicy({"slack": weight})


def test_tables_of_another_version_are_refused() -> None:
    (observation,) = observations(1)
    observation["candidates"] = observation["candidates"][..., :-1]
    with pytest.raises(ValueError, match=r"columns; must have .* columns"):
        IndexPolicy({}).decide(observation)
