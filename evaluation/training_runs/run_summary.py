"""Summaries of training runs: what a finished run has reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agents.training.config import TrainingConfig

SUMMARY_FILE = "summary.json"
"""File that a run writes at its end."""


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Return the summary of a run; None if it has not come to its end."""
    try:
        summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def is_run_finished(config: TrainingConfig, folder: Path, *, compared: bool) -> bool:
    """Return True if a run has come to the end that the config describes."""
    summary = read_summary(folder)
    if summary is None or (compared and not summary.get("test")):
        return False
    return (
        summary.get("total_timesteps", -1) >= config.learning.total_timesteps
        and summary.get("iterations", -1) >= config.expert_iteration.iterations
    )
