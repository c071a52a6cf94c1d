"""Datasets that leave a mark each time they are made, in any process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from agents.policy_improvement.decision_dataset import DecisionDataset


def make_dataset(marks: Path, index: int) -> DecisionDataset:
    """Return a dataset of one decision whose numbers are ``index``; note that it was made."""
    with (marks / f"{index}").open("a") as file:
        file.write("x")
    if (marks / f"fail-{index}").exists():
        raise MemoryError(f"piece {index}")
    if (marks / f"die-{index}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return DecisionDataset(
        rows=np.full((2, 3), index, np.float32),
        prior=np.zeros(2, np.float32),
        count=np.array([2]),
        machines=np.zeros((1, 1, 1), np.float32),
        shop=np.zeros((1, 1), np.float32),
        privileged=np.zeros((1, 1), np.float32),
    )
