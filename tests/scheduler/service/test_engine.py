"""The engine compiles everything before it answers."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")


from scheduler.log.decision_log import DecisionLog
from scheduler.plans import plan_simulation
from scheduler.portfolio.planner import PlanError
from scheduler.service.engine import Engine
from tests.builders.event_waits import Clock
from tests.builders.snapshots import FACTORY


def test_bug_warming_up_takes_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warming up used to end after the longest time for a plan."""
    monkeypatch.setattr(plan_simulation, "_DECISIONS_PER_CALL", 1)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        engine = Engine(FACTORY, None, decision_log, plan_seconds=0.0, clock=Clock(step=1.0))
        engine.warm_up()
        engine.plans.warm_up().result()
        with pytest.raises(PlanError, match="0 s are over"):  # the limit holds for requests
            engine.plans.planner.plan(engine.example())
        engine.close()
