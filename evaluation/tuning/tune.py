"""Tuning of a factory, ``python evaluate.py --tune``.

It searches the parameters of all rules and the weights of the evolved priority index, and writes
the files that :mod:`evaluation.tuned_parameters` reads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agents.rules.parameters import write_call
from agents.rules.registry import make_rule
from evaluation.runner.scenarios import NamedScenario, find_scenarios
from evaluation.tuned_parameters import (
    TUNED_FOLDER,
    Budget,
    Tuned,
    TunedIndex,
    TunedRule,
    ValidationGain,
    fingerprint,
    write_tuned,
)
from evaluation.tuning.index_search import tune_index
from evaluation.tuning.objective import MAX_FINAL_EPISODES, count_episodes, orders_an_episode
from evaluation.tuning.rule_search import tunable_rules, tune_rule
from factory.io.atomic_write import is_writable
from factory.jit.compile import source_hash
from factory.work_units.result_store import Store
from factory.work_units.units import JsonObject, Workers, digest, run_units


@dataclass(frozen=True)
class RuleSearch:
    """The search for one rule's parameters in one scenario, as a unit of work."""

    scenario: NamedScenario
    rule: str
    budget: Budget

    @property
    def name(self) -> str:
        return f"{self.scenario.name}: parameters of {self.rule}"

    @property
    def key(self) -> str:
        return digest(
            "rule search",
            _sources(),
            self.scenario.fingerprint,
            self.rule,
            self.budget.model_dump(),
        )

    @property
    def size(self) -> int:
        episodes = count_episodes(self.budget.orders, self.scenario)
        final = count_episodes(self.budget.final_orders, self.scenario, MAX_FINAL_EPISODES)
        played = self.budget.settings * episodes + (self.budget.finalists + 1) * final
        return played * orders_an_episode(self.scenario)

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """Return a :class:`TunedRule` as JSON."""
        return tune_rule(make_rule(self.rule), self.scenario, self.budget).model_dump()


@dataclass(frozen=True)
class IndexSearch:
    """The search for the evolved index of one scenario, as a unit of work."""

    scenario: NamedScenario
    budget: Budget

    @property
    def name(self) -> str:
        return f"{self.scenario.name}: evolved index"

    @property
    def key(self) -> str:
        return digest(
            "index search", _sources(), self.scenario.fingerprint, self.budget.model_dump()
        )

    @property
    def size(self) -> int:
        indices = self.budget.generations * self.budget.population
        return (
            indices
            * count_episodes(self.budget.generation_orders, self.scenario)
            * orders_an_episode(self.scenario)
        )

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """Return a :class:`TunedIndex` as JSON."""
        return tune_index(self.scenario, self.budget).model_dump()


@cache
def _sources() -> str:
    """Return a hash of all sources that a result depends on."""
    return source_hash(Path(__file__).resolve())


def run_tuning(
    factories: Sequence[str],
    out: Path | None,
    work: Path,
    *,
    workers: Workers,
    budget: Budget | None = None,
    orders: Path | None = None,
    costs: Mapping[str, Any] | None = None,
) -> list[Tuned]:
    """Tune factories, write ``<factory>.toml`` for each, and print the changes in cost.

    Parameters
    ----------
    factories
        Names of shipped factories or paths of files; ``all`` for all shipped factories.
    out
        Folder for the results; None for :data:`evaluation.tuned_parameters.TUNED_FOLDER`.
    work
        Folder in which finished searches are kept, so that the same command resumes.
    workers
        Processes that search; they change no result.
    budget
        Size of the searches; None for the default.
    orders
        Path of an order book, for a single factory.
    costs
        Cost rates in place of those of the files; ``out`` must then be named.

    Raises
    ------
    FactoryError
        If a factory or the order book is unknown or wrong.
    ValueError
        If the library ``cma`` is missing, ``out`` cannot be written, or costs are changed and the
        results would replace those of the shipped factories.
    ChildProcessError
        If a process was killed, such as for lack of memory; finished searches are kept.
    KeyboardInterrupt
        On Ctrl-C; finished searches are kept.
    """
    if importlib.util.find_spec("cma") is None:
        raise ValueError(
            "--tune: the library cma, which searches the index, is not installed."
            " Install it: pip install 'changeover-optimiser[tune]'"
        )
    if not is_writable(out or TUNED_FOLDER):
        raise ValueError(
            f"--tuned {out or TUNED_FOLDER}: the folder cannot be written. Give another, here and"
            " where the results are to be used: --tuned DIR."
        )
    if costs and out is None:
        raise ValueError(
            "--tune with changed costs: the results would replace those for the costs of the files."
            " Name a folder of their own: --tuned DIR."
        )
    budget = budget or Budget()
    scenarios = find_scenarios(factories, orders, costs)
    units = _plan_searches(scenarios, budget)
    size = sum(unit.size for unit in units)
    with tqdm(
        total=size, unit=" orders", unit_scale=True, smoothing=0.05, dynamic_ncols=True
    ) as bar:
        results = run_units(units, Store(work), workers, bar.update)
    by_name = {
        unit.name: _check(unit.name, result) for unit, result in zip(units, results, strict=True)
    }
    tuned = [_gather(scenario, budget, by_name) for scenario in scenarios]
    files = [write_tuned(each, out) for each in tuned]
    print(format_tuning(tuned))
    print(f"Written: {', '.join(map(str, files))}")
    return tuned


def _plan_searches(
    scenarios: Sequence[NamedScenario], budget: Budget
) -> list[RuleSearch | IndexSearch]:
    """Return the searches, the longest first."""
    return [
        *(IndexSearch(scenario, budget) for scenario in scenarios),
        *(
            RuleSearch(scenario, rule.name, budget)
            for scenario in scenarios
            for rule in tunable_rules()
        ),
    ]


def _check(name: str, result: JsonObject) -> JsonObject:
    if "failed" in result:
        raise ChildProcessError(
            f"{name}: {result['failed']['message']}. Finished searches are kept; start again with"
            " fewer processes."
        )
    return result


def _gather(scenario: NamedScenario, budget: Budget, results: dict[str, JsonObject]) -> Tuned:
    """Return the tuned parameters of one factory."""
    rules = {
        rule.name: TunedRule.model_validate(results[RuleSearch(scenario, rule.name, budget).name])
        for rule in tunable_rules()
    }
    return Tuned(
        factory=scenario.name,
        fingerprint=fingerprint(scenario.source),
        budget=budget,
        rules=rules,
        index=TunedIndex.model_validate(results[IndexSearch(scenario, budget).name]),
    )


_HEAD = ["factory", "rule", "default", "tuned", "change", "95 % interval", "parameters"]
_TEXT_COLUMNS = (0, 1, 6)


def format_tuning(tuned: Sequence[Tuned]) -> str:
    """Return a table of the changes in cost on the block ``validate``."""
    rows = [_HEAD]
    for each in tuned:
        for name, rule in each.rules.items():
            parameters = write_call(name, rule.parameters)
            rows.append([each.factory, name, *_figures(rule.validate_cost), parameters])
        if each.index is not None:
            figures = _figures(each.index.validate_cost)
            rows.append([each.factory, "index", *figures, "against ATCS with defaults"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in _TEXT_COLUMNS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _figures(costs: ValidationGain) -> list[str]:
    """Return the costs of default and tuned parameters, the change in per cent and its interval."""
    percent = 100 / costs.default if costs.default > 0 else 0.0
    change = f"{costs.difference * percent:+.1f} %"
    return [
        f"{costs.default:,.1f}",
        f"{costs.tuned:,.1f}",
        change,
        f"{costs.low * percent:+.1f} .. {costs.high * percent:+.1f}",
    ]
