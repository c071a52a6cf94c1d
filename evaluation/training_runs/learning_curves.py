"""Learning curves: cost over that of the best rule on validation episodes, by training step."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from factory.io.atomic_write import write_atomically
from factory.schedule.gantt_style import shorten

_FloatArray = NDArray[np.float64]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a828c")
"""Colours that people with any colour vision can distinguish (Okabe and Ito 2008)."""
_CSV_COLUMNS = ("curve", "seeds", "step", "ratio", "low", "high")
_SEED_FOLDER = re.compile(r"seed-\d+")
_MAX_LETTERS = 40


@dataclass(frozen=True)
class LearningCurve:
    """Curve of a run, or mean of the runs of several seeds with their range.

    Parameters
    ----------
    name
        Name in the legend.
    seeds
        Number of runs.
    steps
        Decisions, ascending ``[N]``.
    ratios, low, high
        Mean, minimum and maximum over the runs of the cost over the best rule's ``[N]``.
    """

    name: str
    seeds: int
    steps: _FloatArray
    ratios: _FloatArray
    low: _FloatArray
    high: _FloatArray


def find_curves(folders: Sequence[Path]) -> list[LearningCurve]:
    """Return a curve for each run, and one for each group of seeds.

    Parameters
    ----------
    folders
        Folders of runs, and folders with runs of several seeds (``seed-0`` and so on). Runs of
        seeds in one folder are a group. Other folders and files are left out.

    Raises
    ------
    ValueError
        If no folder holds a run with a validation.
    """
    groups: dict[str, list[Path]] = {}
    for folder in folders:
        for run in _runs_in(folder):
            is_seed = _SEED_FOLDER.fullmatch(run.name) is not None
            groups.setdefault(str(run.parent if is_seed else run), []).append(run)
    curves = [
        _average(name, [read_validations(run) for run in runs]) for name, runs in groups.items()
    ]
    if not curves:
        raise ValueError(
            f"{', '.join(map(str, folders))}: no folder of a run with validation.json. Give folders"
            " that train.py wrote, such as runs/*."
        )
    return curves


def read_validations(run: Path) -> tuple[_FloatArray, _FloatArray]:
    """Return steps and cost ratios of a run's validations, both ``[N]``.

    Raises
    ------
    ValueError
        If ``validation.json`` is damaged.
    """
    path = run / "validation.json"
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        steps = np.array([float(entry["step"]) for entry in entries])
        ratios = np.array([float(entry["ratio"]) for entry in entries])
        if not entries:
            raise ValueError("it has no validation")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path}: is not the file of a run's validations ({error}). Train the run again, or"
            " leave it out."
        ) from None
    return steps, ratios


def write_curves(curves: Sequence[LearningCurve], folder: Path) -> list[Path]:
    """Write ``curves.png`` and ``curves.csv``; return their paths."""
    picture, table = folder / "curves.png", folder / "curves.csv"
    write_atomically(picture, draw_curves(curves))
    write_atomically(table, format_curves(curves))
    return [picture, table]


def format_curves(curves: Sequence[LearningCurve]) -> str:
    """Return all points as CSV text."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for curve in curves:
        columns = (curve.steps, curve.ratios, curve.low, curve.high)
        for step, *values in zip(*columns, strict=True):
            writer.writerow([curve.name, curve.seeds, int(step), *(f"{v:.6g}" for v in values)])
    return text.getvalue()


def draw_curves(curves: Sequence[LearningCurve]) -> bytes:
    """Return a chart as PNG: a line for each curve, and a band from minimum to maximum."""
    figure = Figure(figsize=(9, 5), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        label = shorten(curve.name, _MAX_LETTERS)
        if curve.seeds > 1:
            label += f" ({curve.seeds} seeds: mean, lowest to highest)"
            axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
        marker = "o" if len(curve.steps) == 1 else None
        axes.plot(curve.steps, curve.ratios, color=colour, label=label, marker=marker, lw=1.6)
    axes.axhline(1.0, color="#7a828c", lw=1, ls="--", label="best rule")
    axes.set_xlabel("decisions")
    axes.set_ylabel("cost over the best rule's, validation")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False, fontsize="small")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def summarise_curves(curves: Sequence[LearningCurve]) -> str:
    """Return last and lowest point of each curve as text."""
    width = max(len(curve.name) for curve in curves)
    return "\n".join(
        f"{curve.name:{width}s}  {curve.seeds} run{'s' * (curve.seeds > 1)}:"
        f" {curve.ratios[-1]:.3f} after {curve.steps[-1]:,.0f} decisions,"
        f" lowest {curve.ratios.min():.3f} after {curve.steps[curve.ratios.argmin()]:,.0f}"
        for curve in curves
    )


def _runs_in(folder: Path) -> list[Path]:
    """Return the runs with a validation: the folder itself, or its seeds in order."""
    if (folder / "validation.json").is_file():
        return [folder]
    seeds = [path for path in folder.glob("seed-*") if (path / "validation.json").is_file()]
    return sorted(seeds, key=lambda path: (len(path.name), path.name))


def _average(name: str, runs: Sequence[tuple[_FloatArray, _FloatArray]]) -> LearningCurve:
    """Return the curve of runs: their mean at the steps of all that every run has reached."""
    last = min(float(steps[-1]) for steps, _ in runs)
    steps = np.unique(np.concatenate([steps[steps <= last] for steps, _ in runs]))
    values = np.array([np.interp(steps, own_steps, ratios) for own_steps, ratios in runs])
    values[~np.isfinite(values)] = math.nan
    return LearningCurve(
        name, len(runs), steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0)
    )
