"""Results of a sweep: the table of trials, the best config, and the importance of each key."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from agents.training.config_files import write_toml
from evaluation.sweeps.search_space import Values
from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.trial_records import TrialRecord
from factory.io.atomic_write import write_atomically

BEST_FILE, TABLE_FILE = "best.toml", "trials.csv"
_FEWEST = 4
"""Number of trials below which nothing is said about importance."""


@dataclass(frozen=True)
class SweepResults:
    """Trials of a sweep so far, the best first.

    Parameters
    ----------
    sweep
        The sweep.
    trials
        Records of its trials.
    """

    sweep: Sweep
    trials: Sequence[TrialRecord]

    @property
    def ranked(self) -> list[TrialRecord]:
        """Return the trials: what trained longest first among equals, the cheapest first.

        Trials without a cost come last.
        """
        rated = [trial for trial in self.trials if trial.cost is not None]
        rest = [trial for trial in self.trials if trial.cost is None]
        return [*sorted(rated, key=lambda trial: (trial.cost, trial.number)), *rest]

    @property
    def best(self) -> TrialRecord | None:
        """Return the cheapest trial; None if no trial has a cost."""
        first = self.ranked[:1]
        return first[0] if first and first[0].cost is not None else None

    @property
    def own(self) -> TrialRecord | None:
        """Return the trial of the config's own values; None if there is none."""
        values = self.sweep.own_values
        used = [trial for trial in self.trials if trial.cost is not None and trial.values]
        for trial in used:
            if all(values[key] == value for key, value in trial.values.items()):
                return trial
        return None

    def study(self) -> optuna.Study:
        """Return the trials as a study of Optuna in memory."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="minimize", study_name=self.sweep.name)
        space = self.sweep.settings.space
        for trial in self.trials:
            if trial.cost is None:
                continue
            values = trial.last_values
            study.add_trial(
                create_trial(
                    state=TrialState.COMPLETE,
                    value=trial.cost,
                    params=values,
                    distributions={key: space[key].distribution() for key in values},
                    intermediate_values={each.step: each.cost for each in trial.reports},
                )
            )
        return study

    def importances(self) -> dict[str, float]:
        """Return the share of each key in what makes trials good, the largest first.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023). Empty where there are too few trials.
        """
        study = self.study()
        costs = {trial.value for trial in study.trials}
        if len(study.trials) < _FEWEST or len(costs) < 2:
            return {}
        evaluator = PedAnovaImportanceEvaluator(evaluate_on_local=True)
        shares = get_param_importances(study, evaluator=evaluator)
        return {key: float(share) for key, share in shares.items()}


def write_trial_files(results: SweepResults, folder: Path) -> list[Path]:
    """Write the table of trials, and the best config if there is one; return the files."""
    files = [folder / TABLE_FILE]
    write_atomically(files[0], format_trial_table(results))
    if results.best is not None:
        files.append(folder / BEST_FILE)
        write_atomically(files[1], best_config(results, results.best))
    return files


def format_trial_table(results: SweepResults) -> str:
    """Return a row for each trial, the cheapest first."""
    text, keys = StringIO(), list(results.sweep.settings.space)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "timesteps", "cost", *keys, "problem"])
    for trial in results.ranked:
        values = [trial.last_values.get(key, "") for key in keys]
        cost = "" if trial.cost is None else trial.cost
        problem = " ".join(trial.problem.split())
        writer.writerow([trial.number, trial.state, trial.step, cost, *values, problem])
    return text.getvalue()


def best_config(results: SweepResults, best: TrialRecord) -> str:
    """Return the training config with the values of a trial, as TOML."""
    sweep = results.sweep
    rounded = {key: _round(value) for key, value in best.last_values.items()}
    own = "" if results.own is None else f", {results.own.cost:.4f} with the config's own values"
    head = (
        f"# The cheapest of {len(results.trials)} trials of {sweep.name}: trial {best.number},"
        f" {sweep.metric_name} {best.cost:.4f}\n# after {best.step:,} decisions{own}."
    )
    return f"{head}\n\n{write_toml(sweep.tables_of(rounded))}"


def _round(value: Any) -> Any:
    """Return a number with four digits: more are of no use to anybody."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def describe_values(values: Values) -> str:
    """Return values as text: ``learning_rate=0.001, ent_coef=0.02``."""
    return ", ".join(f"{key.partition('.')[2]}={_round(value)}" for key, value in values.items())
