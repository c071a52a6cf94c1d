"""A whole evaluation: the best rule chosen on ``validate``, everybody scored on ``test``, compared
on the same episodes.

Every rule plays the validation episodes; the cheapest is the best rule. It and all contenders play
the scored episodes. Two of these are then played again to be looked at. Each step consists of units
that are kept (:mod:`factory.io.work_units`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from agents.policy import play
from agents.rules.registry import make_rule
from envs import seed_splits
from envs.batch import Batch
from evaluation.reporting.episodes_csv import EpisodeRow, to_csv
from evaluation.reporting.results import (
    Provenance,
    Results,
    ScenarioResult,
    ScheduleFile,
    write_results,
)
from evaluation.runner import provenance
from evaluation.runner.contenders import Contender, make_policy, parse_contenders
from evaluation.runner.episodes import EPISODES_A_UNIT, Audit, Play, Recording, group_of
from evaluation.runner.scenarios import NamedScenario
from evaluation.summary import Scores, compare_all, gather, over_scenarios, summarise_scores
from evaluation.tuned_parameters import Tuned, read_tuned
from factory.io.atomic_write import write_atomically
from factory.io.catalogue import find_single_factory
from factory.io.work_units import JsonObject, Store, Unit, run_units
from factory.validation.names import file_name

LineUps = dict[str, dict[str, Contender]]
"""Settled contenders by scenario and name."""
Played = dict[str, dict[str, Scores]]
"""Their scores."""
ValidationCosts = dict[str, dict[str, float]]
"""Mean cost of each rule on the validation episodes, by scenario."""

SUCCESSIVE_HALVING = ((16, 2.0), (64, 1.5))
"""After how many validation episodes rules are out that cost how many times as much as the
cheapest: they cannot become the best rule any more."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """How much is played, and how.

    Parameters
    ----------
    episodes, planner_episodes
        Scored episodes; planners, which take long over each decision, play only the first
        ``planner_episodes`` of them.
    validation_episodes
        Episodes that the best rule is chosen on.
    block, first
        Block of the scored episodes, and the first of them.
    versus
        The rule to compare with; None: the best on the validation episodes.
    processes
        How many work at once.
    patience
        Longest time in seconds for one call of a guest.
    tuned
        Folder of tuned parameters; None: those that are shipped.
    """

    episodes: int = 256
    planner_episodes: int = 20
    validation_episodes: int = 128
    block: str = "test"
    first: int = 0
    versus: str | None = None
    processes: int = 2
    patience: float = 60.0
    tuned: Path | None = None


class Benchmark:
    """An evaluation of contenders in scenarios; :meth:`run` writes ``results.json``,
    ``episodes.csv`` and ``schedules/`` into ``folder``.

    Parameters
    ----------
    folder
        Where results go, and where finished units are kept (``.units``).
    command
        What was typed, for the record.
    advance
        Told how many more episodes are done.
    """

    def __init__(
        self,
        scenarios: Sequence[NamedScenario],
        contenders: Sequence[Contender],
        settings: BenchmarkConfig,
        folder: Path,
        *,
        command: str = "",
        advance: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.scenarios, self.contenders, self.settings = (
            tuple(scenarios),
            tuple(contenders),
            settings,
        )
        self.folder, self.command, self._advance = folder, command, advance
        self._store = Store(folder / ".units")
        self._rules = parse_contenders(settings.versus or "rules")

    def size(self) -> int:
        """About how many episodes are to be played (it is not known yet whether the best rule is
        among the contenders)."""
        plays = [
            play
            for scenario in self.scenarios
            for contender in self.contenders
            for play in self._plays(scenario, contender)
        ]
        return sum(play.size for play in [*self._validation_plays(), *plays])

    def run(self) -> Results:
        """Play, score, compare, write.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C; what is done is kept, and the same evaluation goes on from there.
        """
        started, clock = datetime.now(UTC), time.monotonic()
        warm_up()
        validation = self._validate()
        line_ups = {
            scenario.name: self._line_up(scenario, validation[scenario.name])
            for scenario in self.scenarios
        }
        played = self._play(line_ups)
        best = {name: _best_rule(played[name], costs) for name, costs in validation.items()}
        schedules = self._record(played, best)
        scenarios = {
            scenario.name: self._judge(
                scenario,
                played[scenario.name],
                validation[scenario.name],
                best[scenario.name],
                schedules[scenario.name],
            )
            for scenario in self.scenarios
        }
        comparisons = {name: result.comparisons for name, result in scenarios.items()}
        overall = (
            over_scenarios(played, {name: rule for name, rule in best.items() if rule}, comparisons)
            if len(scenarios) > 1
            else {}
        )
        results = Results(
            provenance=self._provenance(started, time.monotonic() - clock),
            scenarios=scenarios,
            overall=overall,
        )
        write_atomically(self.folder / "episodes.csv", to_csv(self._rows(played)))
        write_results(results, self.folder / "results.json")
        return results

    # --- the best rule ----------------------------------------------------------------------------

    @cached_property
    def _tuned(self) -> dict[str, Tuned | None]:
        return {
            scenario.name: read_tuned(scenario.name, self.settings.tuned, scenario.source)
            for scenario in self.scenarios
        }

    def _validation_plays(self) -> list[Play]:
        if self.settings.versus is not None:
            return []
        settings = self.settings
        return [
            Play(
                scenario,
                rule.settle(self._tuned[scenario.name]),
                0,
                "validate",
                first,
                count,
                False,
                settings.patience,
            )
            for scenario in self.scenarios
            for rule in self._rules
            for first, count in _validation_spans(settings.validation_episodes)
        ]

    def _validate(self) -> ValidationCosts:
        """Rules on the validation episodes; where the rule to compare with was named, only that,
        without a cost.

        Those that do not take one of the :data:`SUCCESSIVE_HALVING` play no further, and are left
        out.
        """
        if self.settings.versus is not None:
            return {scenario.name: {self._rules[0].name: 0.0} for scenario in self.scenarios}
        plays = self._validation_plays()
        costs: dict[str, dict[str, list[float]]] = {
            scenario.name: {} for scenario in self.scenarios
        }
        begun = 0
        for hurdle, limit in SUCCESSIVE_HALVING:
            self._note_costs(
                costs,
                [
                    play
                    for play in plays
                    if begun <= play.first < hurdle
                    and (begun == 0 or play.contender.name in costs[play.scenario.name])
                ],
            )
            costs = {name: _within_reach(by_rule, limit) for name, by_rule in costs.items()}
            begun = hurdle
        self._note_costs(
            costs,
            [
                play
                for play in plays
                if play.first >= begun and play.contender.name in costs[play.scenario.name]
            ],
        )
        return {
            name: {rule: float(np.mean(values)) for rule, values in by_rule.items()}
            for name, by_rule in costs.items()
        }

    def _note_costs(self, costs: dict[str, dict[str, list[float]]], plays: Sequence[Play]) -> None:
        """Add the costs of the episodes of ``plays`` to ``costs``, by scenario and rule."""
        for unit, result in zip(plays, self._run(plays), strict=True):
            if "total_cost" in result:
                costs[unit.scenario.name].setdefault(unit.contender.name, []).extend(
                    result["total_cost"]
                )

    # --- the scored episodes ----------------------------------------------------------------------

    def _line_up(
        self, scenario: NamedScenario, validation: Mapping[str, float]
    ) -> dict[str, Contender]:
        """All who play a scenario, with all their parameters, the best rule among them."""
        tuned = self._tuned[scenario.name]
        best = next(
            rule for rule in self._rules if rule.name == min(validation, key=validation.__getitem__)
        ).settle(tuned)
        rule = make_policy(best)
        return {
            best.name: best,
            **{contender.name: contender.settle(tuned, rule) for contender in self.contenders},
        }

    def _plays(self, scenario: NamedScenario, contender: Contender) -> list[Play]:
        """The units in which a contender plays the scored episodes."""
        settings = self.settings
        count, step = settings.episodes, EPISODES_A_UNIT
        if contender.plays_alone:
            count, step = min(count, settings.planner_episodes), 1
        return [
            Play(scenario, contender, run, settings.block, first, size, True, settings.patience)
            for first, size in _spans(settings.first, count, step)
            for run in range(contender.training_seeds)
        ]

    def _play(self, line_ups: LineUps) -> Played:
        """Scores by scenario and contender."""
        units: list[Unit] = []
        for scenario in self.scenarios:
            line_up = line_ups[scenario.name].values()
            units += [
                Audit(scenario, contender)
                for contender in line_up
                if contender.plays_alone and contender.kind != "clairvoyant"
            ]
            scored = [one for contender in line_up for one in self._plays(scenario, contender)]
            # Everybody's units of the same episodes follow each other: the verifier then meets
            # worlds that it knows.
            scored.sort(key=lambda one: (one.contender.plays_alone, one.first))
            units += scored
        done = list(zip(units, self._run(units), strict=True))
        return {
            scenario: {
                name: gather(
                    one,
                    [
                        (unit, result)
                        for unit, result in done
                        if unit.group == group_of(scenario, name)
                    ],
                )
                for name, one in line_up.items()
            }
            for scenario, line_up in line_ups.items()
        }

    def _run(self, units: Sequence[Unit]) -> list[JsonObject]:
        return run_units(units, self._store, self.settings.processes, self._advance)

    # --- the outcome ------------------------------------------------------------------------------

    def _judge(
        self,
        scenario: NamedScenario,
        scores: Mapping[str, Scores],
        validation: Mapping[str, float],
        best: str | None,
        schedules: tuple[ScheduleFile, ...],
    ) -> ScenarioResult:
        settings = self.settings
        chosen = settings.versus is None
        numbers = seed_splits.episode_seeds(settings.block, settings.episodes, settings.first)
        return ScenarioResult(
            factory=scenario.name,
            order_book=scenario.book_file,
            episodes=settings.episodes,
            seed_block=settings.block,
            seeds=(int(numbers[0]), int(numbers[-1])),
            policies={name: summarise_scores(one) for name, one in scores.items()},
            best_rule=best,
            validation=dict(validation) if chosen else {},
            validation_episodes=settings.validation_episodes if chosen else 0,
            comparisons={} if best is None else compare_all(scores, best),
            verified=all(
                one.verified == one.episodes * one.contender.training_seeds
                for one in scores.values()
            ),
            schedules=schedules,
        )

    def _rows(self, played: Played) -> Iterator[EpisodeRow]:
        for scenario, by_policy in played.items():
            for name, scores in by_policy.items():
                numbers = seed_splits.episode_seeds(
                    self.settings.block, max(1, scores.episodes), self.settings.first
                )
                for run in range(scores.contender.training_seeds):
                    for e in range(scores.episodes):
                        metrics = {
                            metric: float(values[run, e])
                            for metric, values in scores.metrics.items()
                        }
                        yield EpisodeRow(
                            scenario, name, run, self.settings.first + e, int(numbers[e]), metrics
                        )

    def _provenance(self, started: datetime, seconds: float) -> Provenance:
        settings = self.settings
        blocks = {
            settings.block: seed_splits.describe_seeds(
                settings.block, settings.episodes, settings.first
            )
        }
        if settings.versus is None:
            blocks["validate"] = seed_splits.describe_seeds(
                "validate", settings.validation_episodes
            )
        return Provenance(
            **provenance.collect_provenance(),
            command=self.command,
            seed_blocks=blocks,
            started=started.isoformat(timespec="seconds"),
            seconds=round(seconds, 1),
        )

    # --- schedules to look at ---------------------------------------------------------------------

    def _record(
        self, played: Played, best: Mapping[str, str | None]
    ) -> dict[str, tuple[ScheduleFile, ...]]:
        """The best rule's and the best other policy's schedules of a typical and of the worst
        episode, as files."""
        wanted = [
            (scenario, view)
            for scenario in self.scenarios
            for view in self._views(played[scenario.name], best[scenario.name])
        ]
        settings = self.settings
        units = [
            Recording(
                scenario,
                played[scenario.name][policy].contender,
                settings.block,
                episode,
                settings.patience,
            )
            for scenario, (policy, episode, _) in wanted
        ]
        found: dict[str, list[ScheduleFile]] = {scenario.name: [] for scenario in self.scenarios}
        for (scenario, (policy, episode, why)), result in zip(
            wanted, self._run(units), strict=True
        ):
            if "schedule" in result:
                file = f"schedules/{file_name(scenario.name)}/{file_name(policy)}-{episode}.json"
                write_atomically(self.folder / file, result["schedule"])
                found[scenario.name].append(
                    ScheduleFile(policy=policy, episode=episode, why=why, file=file)
                )
        return {name: tuple(files) for name, files in found.items()}

    def _views(self, scores: Mapping[str, Scores], best: str | None) -> list[tuple[str, int, str]]:
        """Policy, episode and reason of each schedule to show."""
        rivals = {
            name: one
            for name, one in scores.items()
            if name != best and one.failure is None and one.contender.kind != "clairvoyant"
        }
        others = {
            name: one for name, one in rivals.items() if one.contender.kind != "rule"
        } or rivals
        if best is None or not others:
            return []
        rival = min(others, key=lambda name: float(others[name].costs.mean()))
        costs = others[rival].costs[0]
        typical = int(np.argsort(costs, kind="stable")[(len(costs) - 1) // 2])
        worst = int(np.argmax(costs))
        reasons = (
            (typical, f"typical: median cost of {rival}"),
            (worst, f"worst: highest cost of {rival}"),
        )
        return [
            (policy, self.settings.first + episode, why)
            for episode, why in reasons
            for policy in (best, rival)
        ]


def warm_up() -> None:
    """Compile the simulator, if it is not, here and not in every process at once."""
    batch = Batch([find_single_factory("tiny")], num_envs=1, log_length=1)
    play(batch, make_rule("ATCS"), seed_splits.episode_seeds("tune", 1))


def _spans(first: int, count: int, step: int) -> list[tuple[int, int]]:
    """First episode and number of episodes of each unit."""
    return [(first + start, min(step, count - start)) for start in range(0, count, step)]


def _validation_spans(count: int) -> list[tuple[int, int]]:
    """The same for validation: a unit up to each of the hurdles."""
    ends = [hurdle for hurdle, _ in SUCCESSIVE_HALVING if hurdle < count]
    begun = ends[-1] if ends else 0
    before = [(first, end - first) for first, end in zip([0, *ends], ends, strict=False)]
    return before + _spans(begun, count - begun, EPISODES_A_UNIT)


def _within_reach(costs: Mapping[str, list[float]], limit: float) -> dict[str, list[float]]:
    """The rules that cost no more than ``limit`` times the cheapest."""
    means = {rule: float(np.mean(values)) for rule, values in costs.items()}
    return {
        rule: values for rule, values in costs.items() if means[rule] <= limit * min(means.values())
    }


def _best_rule(scores: Mapping[str, Scores], validation: Mapping[str, float]) -> str | None:
    """The rule that everybody is compared with: the cheapest on the validation episodes of those
    that have scores; None if there is none."""
    scored = (name for name in validation if name in scores and scores[name].failure is None)
    return min(scored, key=validation.__getitem__, default=None)
