"""One table over the training seeds of a config."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.statistics.resampling import student_quantile
from factory.validation.names import printable

_HEAD = ("", "mean", "min", "max", "95 % interval of the mean")


def format_seeds(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Return mean, minimum, maximum and 95 % interval over seeds of each final figure.

    The interval is Student's: it is about the next seed's mean, not about the episodes of a seed.

    Parameters
    ----------
    summaries
        Summaries of the finished runs, one for each seed
        (:mod:`evaluation.training_runs.final_comparison`).
    """
    rows = [list(_HEAD)]
    rows.append(["cost of the best rule's, validation", *_ratios(summaries)])
    for name, against in _compared(summaries).items():
        costs = [summary["test"][name]["cost"] for summary in summaries]
        rows.append([f"{name}: cost of a test episode", *_describe(costs, "{:,.1f}")])
        for other in against:
            values = [summary["test"][name]["against"].get(other) for summary in summaries]
            rows.append([f"{name}: against {other}", *_describe(values, "{:+.1%}")])
    seeds = ", ".join(str(summary["seed"]) for summary in summaries)
    title = f"{len(summaries)} training seed{'s' * (len(summaries) != 1)}: {seeds}"
    return "\n".join([title, *_align(rows)])


def _ratios(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    return _describe([summary["validation_ratio"] for summary in summaries], "{:.3f}")


def _compared(summaries: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the factories that all seeds were tested on, and the policies compared with there."""
    names = [name for name in summaries[0]["test"] if all(name in s["test"] for s in summaries)]
    return {
        name: list(dict.fromkeys(other for s in summaries for other in s["test"][name]["against"]))
        for name in names
    }


def _describe(values: Sequence[float | None], form: str) -> list[str]:
    """Return the cells of one row; empty ones where a seed has no figure."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) < len(values):
        return ["", "", "", ""]
    cells = [form.format(value) for value in (np.mean(known), min(known), max(known))]
    return [*cells, _interval(known, form)]


def _interval(values: Sequence[float], form: str) -> str:
    """Return Student's 95 % interval of the mean; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    width = student_quantile(len(values) - 1) * error
    mean = float(np.mean(values))
    return f"{form.format(mean - width)} .. {form.format(mean + width)}"


def _align(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return [
        "  ".join(
            printable(cell).ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
