"""``python evaluate.py --tune``: searches the parameters of all rules, and the evolved index, for
factories; writes what :mod:`evaluation.tuned_parameters` reads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
from evaluation.tuning.objective import orders_an_episode
from evaluation.tuning.rule_search import (
    MAX_FINAL_EPISODES,
    count_episodes,
    tunable_rules,
    tune_rule,
)
from factory.io.atomic_write import is_writable
from factory.io.work_units import JsonObject, Store, digest, run_units
from factory.jit.compile import source_hash


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
        episodes = self.budget.settings * count_episodes(self.budget.orders, self.scenario)
        return (
            episodes
            + (self.budget.finalists + 1)
            * count_episodes(self.budget.final_orders, self.scenario, MAX_FINAL_EPISODES)
        ) * orders_an_episode(self.scenario)

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """A :class:`TunedRule`."""
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
        """A :class:`TunedIndex`."""
        return tune_index(self.scenario, self.budget).model_dump()


@cache
def _sources() -> str:
    """Hash of all sources that a result depends on."""
    return source_hash(Path(__file__).resolve())


def run_tuning(
    factories: Sequence[str],
    out: Path | None,
    work: Path,
    *,
    processes: int,
    budget: Budget | None = None,
    orders: Path | None = None,
) -> list[Tuned]:
    """Search, write ``<factory>.toml`` into ``out`` for every factory, and print what it brought.

    Parameters
    ----------
    factories
        Names of shipped factories or paths of files; ``all`` for all that are shipped.
    out
        Folder for the results; None for that of the shipped ones
        (:data:`evaluation.tuned_parameters.TUNED_FOLDER`).
    work
        Folder in which finished searches are kept, so that a second start goes on.
    processes
        How many searches run at once.
    orders
        A plant's own order book, for a single factory.

    Raises
    ------
    FactoryError
        A factory or the order book is unknown or wrong.
    ValueError
        The library ``cma`` is missing, or ``out`` cannot be written.
    ChildProcessError
        A process was killed, e.g. for want of memory; finished searches are kept.
    KeyboardInterrupt
        On Ctrl-C; finished searches are kept.
    """
    if importlib.util.find_spec("cma") is None:
        raise ValueError(
            "--tune: the library cma, with which the evolved index is searched, is not installed."
            " Install it: pip install -e .[tune]"
        )
    if not is_writable(out or TUNED_FOLDER):
        raise ValueError(
            f"--tuned {out or TUNED_FOLDER}: the folder cannot be written. Give another, here and"
            " where the results are to be used: --tuned DIR."
        )
    budget = budget or Budget()
    scenarios = find_scenarios(factories, orders)
    units: list[RuleSearch | IndexSearch] = [
        *(IndexSearch(scenario, budget) for scenario in scenarios),  # the longest first
        *(
            RuleSearch(scenario, rule.name, budget)
            for scenario in scenarios
            for rule in tunable_rules()
        ),
    ]
    with tqdm(
        total=sum(unit.size for unit in units),
        unit=" orders",
        unit_scale=True,
        smoothing=0.05,
        dynamic_ncols=True,
    ) as bar:
        results = run_units(units, Store(work), processes, bar.update)
    found = {
        unit.name: _check(unit.name, result) for unit, result in zip(units, results, strict=True)
    }
    tuned = [_gather(scenario, budget, found) for scenario in scenarios]
    files = [write_tuned(each, out) for each in tuned]
    print(format_tuning(tuned))
    print(f"Written: {', '.join(map(str, files))}")
    return tuned


def _check(name: str, result: JsonObject) -> JsonObject:
    if "failed" in result:
        raise ChildProcessError(
            f"{name}: {result['failed']['message']}. What was searched is kept; start again with"
            " fewer processes."
        )
    return result


def _gather(scenario: NamedScenario, budget: Budget, found: dict[str, JsonObject]) -> Tuned:
    """All that was found for one factory."""
    rules = {
        rule.name: TunedRule.model_validate(found[RuleSearch(scenario, rule.name, budget).name])
        for rule in tunable_rules()
    }
    index = TunedIndex.model_validate(found[IndexSearch(scenario, budget).name])
    return Tuned(
        factory=scenario.name,
        fingerprint=fingerprint(scenario.source),
        budget=budget,
        rules=rules,
        index=index,
    )


def format_tuning(tuned: Sequence[Tuned]) -> str:
    """A table of what tuning brought on the block ``validate``, for people."""
    heads = ["factory", "rule", "default", "tuned", "change", "95 % interval", "parameters"]
    rows = [
        [each.factory, name, *_figures(found.validate_cost), parameters]
        for each in tuned
        for name, found, parameters in (
            *((name, rule, write_call(name, rule.parameters)) for name, rule in each.rules.items()),
            *(
                (("index", each.index, "against ATCS by default"),)
                if each.index is not None
                else ()
            ),
        )
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 1, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _figures(costs: ValidationGain) -> list[str]:
    """Costs before and after, the change in per cent, and its interval."""
    percent = 100 / costs.default if costs.default > 0 else 0.0
    change = f"{costs.difference * percent:+.1f} %"
    return [
        f"{costs.default:,.1f}",
        f"{costs.tuned:,.1f}",
        change,
        f"{costs.low * percent:+.1f} .. {costs.high * percent:+.1f}",
    ]
