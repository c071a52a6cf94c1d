"""Report of a sweep: table of trials, importance of the keys, history, parallel coordinates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
from matplotlib import pyplot, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning

from evaluation.reporting.charts import figure_to_svg
from evaluation.reporting.document import (
    Code,
    DocumentBlock,
    Heading,
    Paragraph,
    Picture,
    Table,
    to_html,
)
from evaluation.sweeps.sweep_results import BEST_FILE, SweepResults, describe_values
from evaluation.sweeps.trial_records import TrialRecord
from factory.io.atomic_write import write_atomically

_INCHES = (11.0, 4.4)


def write_sweep_report(results: SweepResults, folder: Path) -> Path:
    """Write ``report.html``; return its path."""
    title = f"Sweep {results.sweep.name}"
    path = folder / "report.html"
    write_atomically(path, to_html(title, [Heading(1, title), *_compose(results)]))
    return path


def write_hparams(results: SweepResults, folder: Path) -> None:
    """Write the trials for the page HPARAMS of TensorBoard, into ``events``; old ones go."""
    from torch.utils.tensorboard import SummaryWriter

    events = folder / "events"
    for old in events.glob("**/events.out.tfevents.*"):
        old.unlink()
    with SummaryWriter(str(events)) as writer:
        for trial in results.trials:
            if trial.cost is not None:
                values = dict(trial.last_values)
                metrics = {"sweep/cost": trial.cost, "sweep/timesteps": trial.step}
                writer.add_hparams(values, metrics, run_name=trial.name, global_step=trial.step)


def _compose(results: SweepResults) -> Iterator[DocumentBlock]:
    best, sweep = results.best, results.sweep
    states = [trial.state for trial in results.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    yield Paragraph(f"{len(states)} trials of {sweep.trials}: {counts}. Cost: {sweep.metric_name}.")
    if best is not None:
        yield Paragraph(
            (
                f"The cheapest is trial {best.number} with {best.cost:.4f}. Train with it: ",
                Code(f"python train.py --config {BEST_FILE}"),
            )
        )
    yield Heading(2, "Trials")
    yield _trial_table(results)
    study = results.study()
    if len(study.trials) > 1:
        yield Heading(2, "History")
        yield _picture(
            optuna.visualization.matplotlib.plot_optimization_history,
            study,
            "Cost of each trial in the order of their beginning, and the lowest so far.",
        )
        yield Heading(2, "Parallel coordinates")
        yield _picture(
            optuna.visualization.matplotlib.plot_parallel_coordinate,
            study,
            "A line for each trial: its cost, and its value of each key.",
        )
    shares = results.importances()
    if shares:
        yield Heading(2, "Importance of the keys")
        yield _importance_table(shares)


def _trial_table(results: SweepResults) -> Table:
    keys = list(results.sweep.settings.space)
    rows = tuple(_trial_row(trial, keys) for trial in results.ranked)
    strong = frozenset({0}) if results.best is not None else frozenset[int]()
    head = ("trial", "state", "decisions", "cost", *(key.partition(".")[2] for key in keys))
    return Table(head, rows, numbers=frozenset(range(2, len(head))), strong=strong)


def _trial_row(trial: TrialRecord, keys: list[str]) -> tuple[str, ...]:
    cost = "" if trial.cost is None else f"{trial.cost:.4f}"
    values = [trial.last_values.get(key, "") for key in keys]
    shown = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
    state = f"{trial.state}: {trial.problem}" if trial.problem else trial.state
    return (str(trial.number), state, f"{trial.step:,}", cost, *shown)


def _importance_table(shares: dict[str, float]) -> Table:
    rows = tuple((key, f"{100 * share:.0f} %") for key, share in shares.items())
    return Table(("key", "importance"), rows, numbers=frozenset({1}))


def _picture(plot: Callable[..., Any], study: optuna.Study, caption: str) -> Picture:
    with warnings.catch_warnings(), rc_context():  # Optuna sets a style for the whole process
        warnings.simplefilter("ignore", ExperimentalWarning)
        axes: Axes = plot(study, target_name="cost")
    figure = axes.figure
    assert isinstance(figure, Figure)
    axes.set_title("")
    figure.set_size_inches(*_INCHES)
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.24, top=0.97)
    names = [label.get_text() for label in axes.get_xticklabels()]
    if "cost" in names:  # the axes of the keys, whose names Optuna cuts to their ends
        keys = [key.partition(".")[2] for key in sorted(study.best_params)]
        axes.set_xticks(axes.get_xticks(), ["cost", *keys], rotation=15, ha="right")
    picture = Picture(figure_to_svg(figure), caption, caption)
    pyplot.close(figure)
    return picture


def format_trials(results: SweepResults, count: int = 10) -> str:
    """Return the cheapest trials as lines of text."""
    lines = [f"{'trial':>6} {'state':<9} {'decisions':>12} {'cost':>9}  values"]
    for trial in results.ranked[:count]:
        cost = "" if trial.cost is None else f"{trial.cost:.4f}"
        lines.append(
            f"{trial.number:>6} {trial.state:<9} {trial.step:>12,} {cost:>9} "
            f" {describe_values(trial.last_values)}"
        )
    rest = len(results.trials) - count
    return "\n".join([*lines, *([f"and {rest} more"] if rest > 0 else [])])
