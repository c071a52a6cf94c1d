"""Queue of plans, explanations and comparisons: one after the other, beside the decisions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from scheduler.compilation import PARTS, PLAN_PARTS
from scheduler.decisions.explanations import Explanation
from scheduler.outcomes.active_policy import ActivePolicy
from scheduler.outcomes.choice_costs import explain_with_costs
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.portfolio.planner import Planner
from scheduler.service.work.deadlines import Work, WorkClock
from scheduler.service.work.schemas import ExplainRequest, PlanRequest, WhatIfRequest


class PlanQueue:
    """Queue of the slow work of one factory.

    Parameters
    ----------
    planner
        Planner; nothing else uses it.
    policy
        Policy that plans.
    clock
        Clock of the planner.
    seconds
        Deadline of a plan, an explanation or a comparison.
    """

    def __init__(
        self, planner: Planner, policy: ActivePolicy, clock: WorkClock, seconds: float
    ) -> None:
        self.planner, self.policy, self.seconds = planner, policy, seconds
        self.is_warm = False
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "plan")
        self._closing = threading.Event()

    def warm_up(self) -> Future[None]:
        """Compile and load the code of plans, before the first plan and beside decisions."""
        return self._thread.submit(self._compile)

    def plan(self, read: Callable[[], PlanRequest]) -> Work[Plan]:
        """Make a plan, and compare it with the previous one if there is one."""

        def work() -> Plan:
            request = read()
            return self.planner.plan(
                request.snapshot,
                by=request.by,
                seconds=request.seconds,
                futures=request.futures,
                seed=request.seed,
                previous=request.previous,
                frozen=request.frozen,
            )

        return self._submit(work)

    def explain(self, read: Callable[[], ExplainRequest]) -> Work[Explanation]:
        """Explain the next decision, and compare costs of its alternatives if asked for."""

        def work() -> Explanation:
            request = read()
            return explain_with_costs(
                self.planner, request.snapshot, futures=request.futures, seed=request.seed
            )

        return self._submit(work)

    def what_if(self, read: Callable[[], WhatIfRequest]) -> Work[PlanComparison]:
        """Plan before and after some changes."""

        def work() -> PlanComparison:
            request = read()
            return self.planner.what_if(
                request.snapshot,
                request.changes,
                by=request.by,
                seconds=request.seconds,
                futures=request.futures,
                seed=request.seed,
            )

        return self._submit(work)

    def close(self) -> None:
        """Finish the work in progress; what was given up ends at its next step."""
        self._closing.set()
        self._thread.shutdown()

    def _submit(self, work: Callable[[], Any]) -> Work[Any]:
        answer = Work[Any]()

        def run() -> Any:
            self.policy.loaded.use_in(self.planner.decider)
            return work()

        def run_by_clock() -> None:
            self._clock.work = answer
            answer.run(run)
            self._clock.work = None

        self._thread.submit(run_by_clock)
        return answer

    def _compile(self) -> None:
        self.policy.loaded.use_in(self.planner.decider)
        for name in PLAN_PARTS:
            if self._closing.is_set():
                return
            PARTS[name](self.planner.decider)
        self.is_warm = True
