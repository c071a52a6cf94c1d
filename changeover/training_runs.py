"""Training runs as objects: policy, learning curve, comparison, and their look in a notebook."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import train
from agents.network.trained_policy import TrainedPolicy, load_policy
from agents.training.stop_request import StopRequest
from evaluation.reporting.results import Results, read_results
from evaluation.training_runs.learning_curves import LearningCurve, draw_curves, find_curves
from factory.html_tables import html_heading

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class TrainingRun:
    """A training run in its folder; a notebook shows its learning curve, and its comparison."""

    folder: Path

    def policy(self) -> TrainedPolicy:
        """Load the best policy of the run."""
        return load_policy(self.folder / "policy")

    def learning_curve(self) -> LearningCurve:
        """Return the cost over that of the best rule on validation episodes, by training step."""
        return replace(find_curves([self.folder])[0], name=self.folder.name)

    def results(self) -> Results | None:
        """Return the comparison with the baselines; None if it was left out."""
        path = self.folder / "evaluation" / "results.json"
        return read_results(path) if path.is_file() else None

    def to_frame(self) -> pandas.DataFrame:
        """Return the validations as a table: ``step`` and ``ratio``, the cost over the rule's."""
        import pandas

        curve = self.learning_curve()
        return pandas.DataFrame({"step": curve.steps.astype(int), "ratio": curve.ratios})

    def _repr_html_(self) -> str:
        curve, results = self.learning_curve(), self.results()
        lowest = f"lowest cost {curve.ratios.min():.3f} of the best rule's"
        picture = base64.b64encode(draw_curves([curve])).decode()
        source = f'src="data:image/png;base64,{picture}"'
        image = f'<img alt="learning curve" style="max-width:100%" {source}>'
        table = "" if results is None else results._repr_html_()
        return f"{html_heading(self.folder.name, lowest)}{image}{table}"


def begin_run(config: str | Path, folder: Path, settings: Mapping[str, Any], *options: str) -> None:
    """Train as ``changeover train`` does, with its messages.

    Raises
    ------
    agents.training.config_errors.ConfigError
        If a setting is wrong, or the folder holds a run.
    """
    _run(["--config", str(config), "--out", str(folder), *_changes(settings), *options])


def resume_run(folder: Path, settings: Mapping[str, Any], *options: str) -> None:
    """Continue a run as ``changeover train --resume`` does.

    Raises
    ------
    agents.training.config_errors.ConfigError
        If there is no run, or it cannot follow a setting.
    """
    _run(["--resume", str(folder), *_changes(settings), *options])


def _run(arguments: list[str]) -> None:
    stop = StopRequest()
    with stop.listening():
        train.train(train.read_options(arguments), stop)


def _changes(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as options of the command; JSON of such values is TOML, too."""
    return [
        part
        for key, value in settings.items()
        for part in ("--set", f"{key}={json.dumps(value, default=str)}")
    ]
