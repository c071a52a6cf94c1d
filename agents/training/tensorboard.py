"""TensorBoard events of a training run; docs/training.md defines each tag."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import Logger
from torch.utils.tensorboard import SummaryWriter

from agents.ppo.rollout_collector import RolloutStats
from agents.training.user_hooks import LoggingHook
from agents.training.validation import ValidationResult, mean_ratio
from factory.cost_terms import COST_TERMS
from factory.model import Factory
from factory.schedule.gantt import gantt_rgb
from factory.validation.names import file_name

_TRAINING = {
    "train/approx_kl": "learn/approx_kl",
    "train/clip_fraction": "learn/clip_fraction",
    "train/explained_variance_of_returns": "learn/explained_variance",
    "train/policy_gradient_loss": "learn/policy_loss",
    "train/value_loss": "learn/value_loss",
    "train/learning_rate": "learn/learning_rate",
}
"""Names that MaskablePPO records, and their tags."""


class TrainingLog:
    """Writer of a run's events.

    The figures of the best rule go to a run ``best_rule`` of their own, so that TensorBoard draws
    both in one chart.

    Parameters
    ----------
    folder
        Folder of the event files.
    first_step
        First step to write: 0 at the start of a run, one more than the checkpoint's in a resumed
        run. Points that an interrupted run wrote from there on are hidden.
    hook
        A user's logger, which receives the same figures.
    """

    def __init__(self, folder: Path, first_step: int, hook: LoggingHook | None = None) -> None:
        self._hook = hook
        settings: dict[str, Any] = {"purge_step": first_step, "max_queue": 1000, "flush_secs": 30}
        self._writer = SummaryWriter(str(folder), **settings)
        self._rule_writer = SummaryWriter(str(folder / "best_rule"), **settings)

    def log_rollout(self, step: int, stats: RolloutStats, recorded: Logger, envs: int) -> None:
        """Write the statistics of a rollout and of the update after it."""
        values, scalars = recorded.name_to_value, dict[str, float]()
        scalars |= {tag: values[source] for source, tag in _TRAINING.items() if source in values}
        if "train/entropy_loss" in values:
            scalars["learn/entropy"] = -values["train/entropy_loss"]
        decisions = max(1, stats.decisions)
        for name in ("jobs", "changeovers", "waits"):
            scalars[f"actions/{name}"] = getattr(stats, name) / decisions
        if stats.episode_costs:
            costs = np.mean(stats.episode_costs, axis=0)
            scalars["episodes/total_cost"] = float(costs.sum())
            for term, cost in zip(COST_TERMS, costs, strict=True):
                scalars[f"episodes/{term}"] = float(cost)
        for name in ("simulate", "infer", "collect", "learn"):
            seconds = getattr(stats, f"{name}_seconds")
            if seconds > 0:
                scalars[f"speed/{name}_steps_per_second"] = decisions / seconds
        total = stats.collect_seconds + stats.learn_seconds
        if total > 0:
            scalars["speed/steps_per_second"] = decisions / total
        self._write(scalars, step)

    def _write(self, scalars: Mapping[str, float], step: int) -> None:
        """Write figures of the run by tag, and pass them to the user's logger."""
        for tag, value in scalars.items():
            self._writer.add_scalar(tag, value, step)
        if self._hook is not None:
            self._hook(scalars, step)

    def log_validation(
        self,
        step: int,
        results: Mapping[str, ValidationResult],
        reference: Mapping[str, ValidationResult],
    ) -> None:
        """Write the validation figures of every scenario, and those of the best rule."""
        scalars = {"validate/ratio_to_best_rule": mean_ratio(results, reference)}
        for name, own in results.items():
            label = f"validate_{file_name(name)}"
            cost = max(reference[name].total_cost, 1e-12)
            scalars[f"{label}/ratio_to_best_rule"] = own.total_cost / cost
            scalars |= {f"{label}/{tag}": value for tag, value in _figures(own).items()}
            for tag, value in _figures(reference[name]).items():
                self._rule_writer.add_scalar(f"{label}/{tag}", value, step)
        self._write(scalars, step)

    def log_gantt(
        self,
        step: int,
        results: Mapping[str, ValidationResult],
        factories: Mapping[str, list[Factory]],
    ) -> None:
        """Write a Gantt chart of the first validation episode of the first scenario."""
        name = next(iter(results))
        chart = gantt_rgb(
            results[name].first,
            factories[name][0],
            title=f"{name}, first validation episode, after {step:,} decisions",
        )
        self._writer.add_image(f"gantt/{file_name(name)}", chart, step, dataformats="HWC")

    def log_end(
        self,
        step: int,
        settings: Mapping[str, str | int | float | bool],
        metrics: Mapping[str, float],
    ) -> None:
        """Write the settings and the final figures of the run."""
        self._writer.add_hparams(dict(settings), dict(metrics), run_name=".", global_step=step)
        if self._hook is not None:
            self._hook(metrics, step)

    def flush(self) -> None:
        """Write all pending events to disk, so that a kill cannot lose them."""
        self._writer.flush()
        self._rule_writer.flush()

    def close(self) -> None:
        """Write all pending events and close the files, and the user's logger."""
        if self._hook is not None:
            self._hook.close()
        self._writer.close()
        self._rule_writer.close()


def _figures(result: ValidationResult) -> dict[str, float]:
    """Return the figures of a scenario's validation episodes by name."""
    return {
        "total_cost": result.total_cost,
        **result.terms,
        "on_time_share": result.on_time_share,
        "changeovers_per_order": result.changeovers_per_order,
    }
