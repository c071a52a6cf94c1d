"""Decision logs of a few snapshots, and policies that decide for them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import make_rule
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Decision
from scheduler.floor.floor import ShopFloor
from scheduler.log.decision_log import DecisionLog
from tests.builders.snapshots import FACTORY, RULE, snapshots

ANSWERS: dict[str, Any] = {"policy": "abc", "rule": str(RULE), "shadow": False}


class EarliestDueDate:
    """Stands for a bundle: the job that is due first, else the first legal row."""

    manifest: dict[str, Any] = {}

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        return np.asarray(make_rule("EDD").decide(observation), np.int64)


class LateFailure(EarliestDueDate):
    """Stands for a bundle that fails at every second decision."""

    calls = 0

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        self.calls += 1
        if self.calls % 2 == 0:
            raise FloatingPointError("not finite")
        return super().decide(observation)


def decider_with(bundle: Any = None, **settings: Any) -> Decider:
    """Return a decider that takes as long as it needs."""
    return Decider(ShopFloor(FACTORY), cast(Bundle, bundle), RULE, budget=math.inf, **settings)


def log_decisions(path: Path, decider: Decider, **answers: Any) -> list[list[Decision]]:
    """Decide for some snapshots, and write the decisions to a log."""
    taken = []
    with DecisionLog(path) as decision_log:
        for snapshot in snapshots():
            taken.append(decider.decide(snapshot))
            decision_log.append(snapshot, taken[-1], **{**ANSWERS, **answers})
    return taken
