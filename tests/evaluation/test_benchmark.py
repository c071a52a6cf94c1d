"""Benchmarks: results, failures of single policies, the choice of the best rule."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.seed_splits import episode_seeds, which_block
from evaluation.benchmark import BenchmarkConfig
from evaluation.reporting.episodes_csv import read_episodes
from evaluation.reporting.results import METRICS, Results, read_results, to_json
from evaluation.runner.batches import open_batch
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.episodes import Play
from evaluation.runner.rule_selection import SUCCESSIVE_HALVING, validation_spans
from evaluation.runner.scenarios import find_scenarios
from evaluation.statistics.comparison import compare_paired
from evaluation.tuned_parameters import read_tuned
from factory.schedule.records import Schedule
from factory.verification.verifier import verify
from factory.work_units.local_processes import LocalProcesses
from tests.builders.evaluations import run_benchmark, without_times
from tests.builders.sandboxed_policies import POLICIES

SMALL = BenchmarkConfig(
    episodes=6,
    validation_episodes=4,
    planner_episodes=3,
    workers=LocalProcesses(1),
    call_timeout=math.inf,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    folder = tmp_path_factory.mktemp("evaluation")
    return folder, run_benchmark(folder, SMALL)


def test_results_hold_what_the_schema_promises(finished: tuple[Path, Results]) -> None:
    content = json.loads((finished[0] / "results.json").read_text())
    assert content["factory"] == "microfactory"
    assert content["seed_block"] == "test"
    assert content["episodes"] == 6
    assert content["verified"] is True
    assert content["best_rule"] in content["policies"]
    for name in METRICS:
        estimate = content["policies"]["EDD"][name]
        assert estimate["ci95"][0] <= estimate["mean"] <= estimate["ci95"][1]
    assert (
        0
        < content["policies"]["EDD"]["decision_microseconds"]["p50"]
        <= content["policies"]["EDD"]["decision_microseconds"]["p99"]
    )
    assert {"versus", "difference", "ci95", "ratio", "probability_of_improvement"} <= set(
        content["comparisons"]["EDD"]
    )
    assert {"versions", "commit", "machine", "seeds"} <= set(content)
    assert {which_block(seed) for seed in content["seeds"]} == {"test"}


def test_results_read_back_as_they_were_written(finished: tuple[Path, Results]) -> None:
    folder, results = finished
    assert read_results(folder / "results.json") == results
    assert (folder / "results.json").read_text() == to_json(results)


def test_cost_terms_add_up_to_the_total_in_every_episode(finished: tuple[Path, Results]) -> None:
    rows = list(read_episodes(finished[0] / "episodes.csv"))
    assert len(rows) == 6 * len(finished[1].scenarios["microfactory"].policies)
    for row in rows:
        assert sum(
            row.metrics[name] for name in ("tardiness", "changeover", "waste", "energy", "holding")
        ) == pytest.approx(row.metrics["total_cost"])


def test_figures_follow_from_the_episodes(finished: tuple[Path, Results]) -> None:
    """Means and comparisons, computed again from the table of episodes."""
    scenario = finished[1].scenarios["microfactory"]
    costs: dict[str, list[float]] = {}
    for row in read_episodes(finished[0] / "episodes.csv"):
        costs.setdefault(row.policy, []).append(row.metrics["total_cost"])
    for name, policy in scenario.policies.items():
        assert policy.total_cost is not None
        assert policy.total_cost.mean == pytest.approx(np.mean(costs[name]))
    best = scenario.best_rule
    assert best is not None
    for name, comparison in scenario.comparisons.items():
        again = compare_paired({name: costs[name], best: costs[best]}, best)[name]
        assert comparison.difference == pytest.approx(again.difference.value)
        assert comparison.ci95 == pytest.approx((again.difference.low, again.difference.high))


def test_the_best_rule_is_the_cheapest_on_validation_episodes_whatever_it_costs_on_test(
    finished: tuple[Path, Results],
) -> None:
    scenario = finished[1].scenarios["microfactory"]
    assert scenario.best_rule == min(scenario.validation, key=scenario.validation.__getitem__)
    assert "ATCS" in scenario.validation
    assert "LPT" not in scenario.validation  # eliminated at the first stage
    (source,) = find_scenarios(["microfactory"])
    rule = parse_contenders("ATCS")[0].settle(read_tuned("microfactory"))
    play = Play(source, rule, 0, "validate", 0, 4, False, math.inf)
    assert scenario.validation["ATCS"] == pytest.approx(np.mean(play.run()["total_cost"]))


def test_all_policies_play_the_same_episodes(finished: tuple[Path, Results]) -> None:
    played: dict[str, list[int]] = {}
    for row in read_episodes(finished[0] / "episodes.csv"):
        played.setdefault(row.policy, []).append(row.seed)
    assert all(seeds == episode_seeds("test", 6).tolist() for seeds in played.values())


def test_recorded_schedules_are_those_that_were_scored(finished: tuple[Path, Results]) -> None:
    folder, results = finished
    (scenario,) = find_scenarios(["microfactory"])
    costs = {
        (row.policy, row.episode): row.metrics["total_cost"]
        for row in read_episodes(folder / "episodes.csv")
    }
    files = results.scenarios["microfactory"].schedules
    assert len(files) == 4
    for file in files:
        schedule = Schedule.from_json((folder / file.file).read_text())
        assert verify(schedule, scenario.source).total == pytest.approx(
            costs[file.policy, file.episode]
        )


def test_results_do_not_depend_on_the_number_of_processes(
    tmp_path: Path, finished: tuple[Path, Results]
) -> None:
    run_benchmark(tmp_path, replace(SMALL, workers=LocalProcesses(2)))
    assert without_times(tmp_path / "results.json") == without_times(finished[0] / "results.json")
    for file in (
        "episodes.csv",
        *(file.file for file in finished[1].scenarios["microfactory"].schedules),
    ):
        assert (tmp_path / file).read_bytes() == (finished[0] / file).read_bytes()


def test_policies_that_cheat_or_crash_are_reported_without_effect_on_others(
    tmp_path: Path, finished: tuple[Path, Results]
) -> None:
    source = tmp_path / "policies.py"
    source.write_text(POLICIES)
    reasons_of_failures = {
        "Illegal": "illegal action",
        "Crashing": "crashed",
        "Leaving": "crashed",
        "Stateful": "foresight",
    }
    honest = finished[1].scenarios["microfactory"]
    for call_timeout, expected in (
        (math.inf, reasons_of_failures),
        (0.0, {"Silent": "did not answer"}),
    ):
        policies = ",".join(["EDD,ATCS,RANDOM", *(f"{source}:{name}" for name in expected)])
        settings = replace(SMALL, workers=LocalProcesses(2), call_timeout=call_timeout)
        outcome = run_benchmark(tmp_path / "out", settings, policies)
        results = outcome.scenarios["microfactory"]
        reasons = {
            name: policy.failed.reason for name, policy in results.policies.items() if policy.failed
        }
        assert reasons == expected
        assert not set(results.comparisons) & set(expected)
        for name in ("EDD", "ATCS", "RANDOM"):
            assert results.policies[name].total_cost == honest.policies[name].total_cost


class Forger:
    """A policy that rewrites the simulator's log: every changeover took no time."""

    def __init__(self) -> None:
        self.batch: Any = None

    def bind(self, batch: Any) -> None:
        self.batch = batch

    def decide(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        self.batch.shop.log[:, :, 5] = self.batch.shop.log[:, :, 4]
        return observation["action_mask"].argmax(axis=1)


def test_a_policy_that_edits_the_schedule_is_rejected_by_the_verifier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (scenario,) = find_scenarios(["microfactory"])
    monkeypatch.setattr("evaluation.runner.policies.make_policy", lambda contender: Forger())
    result = Play(
        scenario, Contender("forger", "rule", "EDD"), 0, "test", 0, 2, True, math.inf
    ).run()
    assert result["failed"]["reason"] == "rejected by the verifier"


def test_several_factories_stand_side_by_side_and_are_averaged(tmp_path: Path) -> None:
    settings = BenchmarkConfig(
        episodes=3, validation_episodes=2, versus="ATCS", workers=LocalProcesses(1)
    )
    results = run_benchmark(tmp_path, settings, "EDD,ATCS", "tiny,microfactory,randomised")
    assert read_results(tmp_path / "results.json") == results
    assert set(json.loads((tmp_path / "results.json").read_text())["factories"]) == {
        "tiny",
        "microfactory",
        "randomised",
    }
    ratios = [scenario.comparisons["EDD"].ratio for scenario in results.scenarios.values()]
    overall = results.overall["EDD"]
    assert overall.ratio is not None
    assert overall.ratio.mean == pytest.approx(np.mean(ratios))
    assert overall.worst_ratio == pytest.approx(max(ratio for ratio in ratios if ratio is not None))


def test_each_randomised_episode_has_a_factory_of_its_own() -> None:
    (scenario,) = find_scenarios(["randomised"])
    batch, factories = open_batch(scenario, "test", 5, 3, logged=False)
    assert batch.num_envs == len(factories) == 3
    assert [factory.name for factory in factories] == [
        scenario.scenario.draw(int(seed))[0].name for seed in episode_seeds("test", 3, 5)
    ]


def test_planners_improve_on_the_best_rule_with_its_tuned_parameters(tmp_path: Path) -> None:
    """A rule named in the entry takes precedence."""
    settings = BenchmarkConfig(
        episodes=2, validation_episodes=4, planner_episodes=1, workers=LocalProcesses(1)
    )
    results = run_benchmark(tmp_path, settings, "rollout(futures=2)")
    result = results.scenarios["microfactory"]
    planner = result.policies["rollout(futures=2)"]
    assert planner.failed is None
    assert result.best_rule is not None
    best = result.policies[result.best_rule]
    assert planner.parameters["rule"] == str(make_rule(result.best_rule, **best.parameters))


@pytest.mark.parametrize("count", [1, 16, 17, 64, 65, 128, 200])
def test_validation_plays_every_episode_once_and_pauses_at_each_stage(count: int) -> None:
    spans = validation_spans(count)
    assert [episode for first, size in spans for episode in range(first, first + size)] == list(
        range(count)
    )
    ends = {first + size for first, size in spans}
    assert {episodes for episodes, _ in SUCCESSIVE_HALVING if episodes < count} <= ends
