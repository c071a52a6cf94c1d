"""Benchmark of policies: the best rule is chosen on ``validate``, all policies play ``test``.

Every rule plays the validation episodes; the cheapest is the best rule. It and all contenders play
the scored episodes, and two of these are played again to record their schedules. Each step consists
of units of work that are kept (:mod:`factory.work_units.units`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agents.compilation import warm_up as warm_up  # train.py takes it from here
from envs import seed_splits
from evaluation.reporting.episodes_csv import EpisodeRow, to_csv
from evaluation.reporting.results import (
    Provenance,
    Results,
    ScenarioResult,
    ScheduleFile,
    write_results,
)
from evaluation.runner import provenance
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.episode_blocks import EPISODES_A_UNIT, group_of
from evaluation.runner.episodes import Audit, Play, Recording
from evaluation.runner.policies import make_policy
from evaluation.runner.rule_selection import (
    ValidationCosts,
    run_validation,
    unit_spans,
    validation_spans,
)
from evaluation.runner.scenarios import NamedScenario
from evaluation.summary import (
    Scores,
    compare_all,
    find_recorded_episodes,
    gather,
    over_scenarios,
    summarise_scores,
)
from evaluation.tuned_parameters import Tuned, read_tuned
from factory.io.atomic_write import write_atomically
from factory.validation.names import file_name
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.result_store import Store
from factory.work_units.units import JsonObject, Unit, Workers, run_units

_LineUps = dict[str, dict[str, Contender]]
"""Settled contenders by scenario and name."""

_Played = dict[str, dict[str, Scores]]
"""Scores by scenario and name."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Settings of a benchmark.

    Parameters
    ----------
    episodes, planner_episodes
        Number of scored episodes; planners, whose decisions take long, play only the first
        ``planner_episodes`` of them.
    validation_episodes
        Number of episodes that the best rule is chosen on.
    block, first
        Seed block of the scored episodes, and the first of them.
    versus
        Rule that policies are compared with; None for the best on the validation episodes.
    workers
        Processes that play; they change no result.
    call_timeout
        Time limit in seconds of one call of a sandboxed policy.
    tuned
        Folder of tuned parameters; None for the shipped ones.
    """

    episodes: int = 256
    planner_episodes: int = 20
    validation_episodes: int = 128
    block: str = "test"
    first: int = 0
    versus: str | None = None
    workers: Workers = field(default_factory=lambda: LocalProcesses(2))
    call_timeout: float = 60.0
    tuned: Path | None = None


class Benchmark:
    """A benchmark of contenders in scenarios.

    :meth:`run` writes ``results.json``, ``episodes.csv`` and ``schedules/`` into ``folder``.

    Parameters
    ----------
    scenarios, contenders
        Scenarios and policies.
    settings
        Settings of the benchmark.
    folder
        Folder of the results, in which finished units are kept too (``.units``).
    command
        Command line, for the record.
    advance
        Function that receives the number of episodes that were finished since its last call.
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
        self.scenarios = tuple(scenarios)
        self.contenders = tuple(contenders)
        self.settings = settings
        self.folder = folder
        self.command = command
        self._advance = advance
        self._store = Store(folder / ".units")
        self._rules = parse_contenders(settings.versus or "rules")
        if settings.versus is not None and [rule.kind for rule in self._rules] != ["rule"]:
            raise ValueError(
                f"--versus {settings.versus}: policies are compared with one rule. Write for"
                " example ATCS."
            )

    def size(self) -> int:
        """Return about the number of episodes to play.

        It does not include the best rule, which may or may not be among the contenders.
        """
        plays = self._validation_plays()
        for scenario in self.scenarios:
            for contender in self.contenders:
                plays += self._plays(scenario, contender)
        return sum(play.size for play in plays)

    def run(self) -> Results:
        """Play, score, compare and write the results.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C; finished units are kept, and the same benchmark resumes.
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
            scenario.name: self._scenario_result(
                scenario,
                played[scenario.name],
                validation[scenario.name],
                best[scenario.name],
                schedules[scenario.name],
            )
            for scenario in self.scenarios
        }
        overall = {}
        if len(scenarios) > 1:
            comparisons = {name: result.comparisons for name, result in scenarios.items()}
            versus = {name: rule for name, rule in best.items() if rule}
            overall = over_scenarios(played, versus, comparisons)
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
        """Return the units of validation; none where the rule to compare with is set."""
        settings = self.settings
        plays = list[Play]()
        if settings.versus is None:
            spans = validation_spans(settings.validation_episodes)
            for scenario in self.scenarios:
                rules = [rule.settle(self._tuned[scenario.name]) for rule in self._rules]
                plays += [
                    Play(scenario, rule, 0, "validate", first, size, False, settings.call_timeout)
                    for rule in rules
                    for first, size in spans
                ]
        return plays

    def _validate(self) -> ValidationCosts:
        """Return validation costs; a rule that was set has the cost 0."""
        if self.settings.versus is not None:
            return {scenario.name: {self._rules[0].name: 0.0} for scenario in self.scenarios}
        return run_validation(self._validation_plays(), self._run)

    # --- the scored episodes ----------------------------------------------------------------------

    def _line_up(
        self, scenario: NamedScenario, validation: Mapping[str, float]
    ) -> dict[str, Contender]:
        """Return the best rule and all contenders of a scenario, with all their parameters."""
        tuned = self._tuned[scenario.name]
        best_name = min(validation, key=validation.__getitem__)
        best = next(rule for rule in self._rules if rule.name == best_name).settle(tuned)
        rule = make_policy(best)
        line_up = {best.name: best}
        for contender in self.contenders:
            line_up[contender.name] = contender.settle(tuned, rule)
        return line_up

    def _plays(self, scenario: NamedScenario, contender: Contender) -> list[Play]:
        """Return the units in which a contender plays the scored episodes."""
        settings = self.settings
        count, step = settings.episodes, EPISODES_A_UNIT
        if contender.plays_alone:
            count, step = min(count, settings.planner_episodes), 1
        return [
            Play(scenario, contender, run, settings.block, first, size, True, settings.call_timeout)
            for first, size in unit_spans(settings.first, count, step)
            for run in range(contender.training_seeds)
        ]

    def _play(self, line_ups: _LineUps) -> _Played:
        """Play the scored episodes and return the scores."""
        units: list[Unit] = []
        for scenario in self.scenarios:
            line_up = line_ups[scenario.name].values()
            units += [
                Audit(scenario, contender)
                for contender in line_up
                if contender.plays_alone and contender.kind != "clairvoyant"
            ]
            plays = [play for contender in line_up for play in self._plays(scenario, contender)]
            # All units of the same episodes follow each other, so that the verifier reuses what it
            # has computed for a seed.
            plays.sort(key=lambda play: (play.contender.plays_alone, play.first))
            units += plays
        by_group: dict[str, list[tuple[Unit, JsonObject]]] = {}
        for unit, result in zip(units, self._run(units), strict=True):
            by_group.setdefault(unit.group, []).append((unit, result))
        return {
            scenario: {
                name: gather(contender, by_group[group_of(scenario, name)])
                for name, contender in line_up.items()
            }
            for scenario, line_up in line_ups.items()
        }

    def _run(self, units: Sequence[Unit]) -> list[JsonObject]:
        return run_units(units, self._store, self.settings.workers, self._advance)

    # --- results ----------------------------------------------------------------------------------

    def _scenario_result(
        self,
        scenario: NamedScenario,
        scores: Mapping[str, Scores],
        validation: Mapping[str, float],
        best: str | None,
        schedules: tuple[ScheduleFile, ...],
    ) -> ScenarioResult:
        settings = self.settings
        is_chosen = settings.versus is None
        seeds = seed_splits.episode_seeds(settings.block, settings.episodes, settings.first)
        return ScenarioResult(
            factory=scenario.name,
            changed_costs=scenario.changed_costs,
            order_book=scenario.book_file,
            episodes=settings.episodes,
            seed_block=settings.block,
            seeds=(int(seeds[0]), int(seeds[-1])),
            policies={name: summarise_scores(score) for name, score in scores.items()},
            best_rule=best,
            validation=dict(validation) if is_chosen else {},
            validation_episodes=settings.validation_episodes if is_chosen else 0,
            comparisons={} if best is None else compare_all(scores, best),
            verified=all(
                score.verified == score.episodes * score.contender.training_seeds
                for score in scores.values()
            ),
            schedules=schedules,
        )

    def _rows(self, played: _Played) -> Iterator[EpisodeRow]:
        for scenario, by_policy in played.items():
            for name, scores in by_policy.items():
                yield from self._rows_of(scenario, name, scores)

    def _rows_of(self, scenario: str, name: str, scores: Scores) -> Iterator[EpisodeRow]:
        first = self.settings.first
        seeds = seed_splits.episode_seeds(self.settings.block, max(1, scores.episodes), first)
        for run in range(scores.contender.training_seeds):
            for e in range(scores.episodes):
                metrics = {
                    metric: float(values[run, e]) for metric, values in scores.metrics.items()
                }
                yield EpisodeRow(scenario, name, run, first + e, int(seeds[e]), metrics)

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

    # --- recorded schedules -----------------------------------------------------------------------

    def _record(
        self, played: _Played, best: Mapping[str, str | None]
    ) -> dict[str, tuple[ScheduleFile, ...]]:
        """Play the recorded episodes again and write their schedules."""
        settings = self.settings
        units, reasons = list[Recording](), list[str]()
        for scenario in self.scenarios:
            scores = played[scenario.name]
            for policy, index, why in find_recorded_episodes(scores, best[scenario.name]):
                units.append(
                    Recording(
                        scenario,
                        scores[policy].contender,
                        settings.block,
                        settings.first + index,
                        settings.call_timeout,
                    )
                )
                reasons.append(why)
        files: dict[str, list[ScheduleFile]] = {scenario.name: [] for scenario in self.scenarios}
        for unit, why, result in zip(units, reasons, self._run(units), strict=True):
            if "schedule" in result:
                files[unit.scenario.name].append(
                    self._write_schedule(unit, why, result["schedule"])
                )
        return {name: tuple(written) for name, written in files.items()}

    def _write_schedule(self, unit: Recording, why: str, schedule: str) -> ScheduleFile:
        policy = unit.contender.name
        folder = f"schedules/{file_name(unit.scenario.name)}"
        file = f"{folder}/{file_name(policy)}-{unit.episode}.json"
        write_atomically(self.folder / file, schedule)
        return ScheduleFile(policy=policy, episode=unit.episode, why=why, file=file)


def _best_rule(scores: Mapping[str, Scores], validation: Mapping[str, float]) -> str | None:
    """Return the rule with scores and the lowest validation cost; None if there is none."""
    scored = (name for name in validation if name in scores and scores[name].failure is None)
    return min(scored, key=validation.__getitem__, default=None)
