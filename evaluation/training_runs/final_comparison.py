"""Final comparison of a training run, and the summary of the run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.training.config import TrainingConfig
from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.results import Results, ScenarioResult, read_results
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.scenarios import NamedScenario, find_scenarios
from evaluation.training_runs.baselines import POLICY_NAME, compared_factories, tuned_folder
from evaluation.training_runs.run_summary import SUMMARY_FILE
from factory.io.atomic_write import write_atomically


class ComparisonError(RuntimeError):
    """A final comparison that failed; policy and bundle are written."""


def compare_trained(
    config: TrainingConfig,
    folder: Path,
    begin: Callable[[int], None] = lambda size: None,
    advance: Callable[[int], None] = lambda size: None,
) -> Results:
    """Score the policy of a run and the baselines on test seeds.

    With an order book, each episode has a book of its own, resampled from it.

    Parameters
    ----------
    begin
        Function that receives the number of episodes.
    advance
        Function that receives the number of episodes that were finished since its last call.

    Raises
    ------
    ComparisonError
        If it failed.
    """
    try:
        contenders = [
            *parse_contenders(config.logging.baselines),
            Contender(POLICY_NAME, "learned", paths=(str(folder / "policy"),)),
        ]
        benchmark = Benchmark(
            find_test_scenarios(config),
            contenders,
            BenchmarkConfig(episodes=config.logging.test_episodes, tuned=tuned_folder(config)),
            folder / "evaluation",
            command=shlex.join(["python", "train.py", "--resume", str(folder)]),
            advance=advance,
        )
        begin(benchmark.size())
        return benchmark.run()
    except (ValueError, OSError, RuntimeError) as error:
        raise ComparisonError(
            f"{error}\nThe comparison failed; the policy is kept in {folder / 'policy'}."
            f" --resume {folder} repeats the comparison, and --no-test leaves it out."
        ) from error


def find_test_scenarios(config: TrainingConfig) -> list[NamedScenario]:
    """Return the scenarios of the final comparison."""
    orders = config.scenario.orders
    scenarios = find_scenarios(compared_factories(config), None if orders is None else Path(orders))
    costs = ", ".join(f"{key} = {value}" for key, value in config.costs.changes().items())
    note = f"costs changed: {costs}" if costs else ""
    return [replace(each, changed_costs=note, resampled=orders is not None) for each in scenarios]


def write_summary(config: TrainingConfig, folder: Path, *, compared: bool) -> dict[str, Any]:
    """Write the summary of a finished run, and return it.

    Parameters
    ----------
    compared
        True if the final comparison was made.
    """
    manifest = json.loads((folder / "policy" / "manifest.json").read_text(encoding="utf-8"))
    results = read_results(folder / "evaluation" / "results.json") if compared else None
    summary = {
        "seed": config.seed,
        "total_timesteps": config.learning.total_timesteps,
        "iterations": config.expert_iteration.iterations,
        "validation_ratio": manifest.get("validation_ratio"),
        "changed_costs": config.costs.changes(),
        "test": {} if results is None else _summarise_test(results),
    }
    write_atomically(folder / SUMMARY_FILE, json.dumps(summary, indent=1) + "\n")
    return summary


def _summarise_test(results: Results) -> dict[str, Any]:
    """Return cost and differences of the trained policy, by factory."""
    return {name: _summarise_scenario(each) for name, each in results.scenarios.items()}


def _summarise_scenario(scenario: ScenarioResult) -> dict[str, Any]:
    costs = {
        name: policy.total_cost.mean
        for name, policy in scenario.policies.items()
        if policy.total_cost is not None
    }
    own = costs.get(POLICY_NAME)
    against = {
        name: own / cost - 1
        for name, cost in costs.items()
        if own is not None and name in (scenario.best_rule, "index") and cost > 0
    }
    return {"cost": own, "best_rule": scenario.best_rule, "against": against}
