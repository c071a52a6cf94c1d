"""The service without HTTP: queues of decisions and of plans, the policy, and the newest floor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from factory.model import Factory
from scheduler.board.page_events import PageEvents
from scheduler.compilation import compile_decisions, example_snapshot
from scheduler.decisions.decider import BUDGET_SECONDS, Decider
from scheduler.decisions.loaded_policy import UNSIGNED, BundleAdmission, LoadedPolicy
from scheduler.floor.floor import ShopFloor
from scheduler.held_floor.held_floor import FloorVersion, HeldFloor
from scheduler.log.decision_log import DecisionLog, LogFailure
from scheduler.outcomes.active_policy import ActivePolicy
from scheduler.outcomes.policy_monitor import MonitorSettings
from scheduler.outcomes.schema import OnDrift
from scheduler.plans.work_limit import PLAN_SECONDS
from scheduler.portfolio.planner import Planner
from scheduler.service.work.deadlines import Work, WorkClock
from scheduler.service.work.decision_queue import DecisionQueue
from scheduler.service.work.plan_queue import PlanQueue
from scheduler.service.work.schemas import PolicyAnswer, PolicyState
from scheduler.snapshot.lock_checks import eligible_machines, operation_predecessors
from scheduler.snapshot.schema import Snapshot, SnapshotText

_Result = TypeVar("_Result")


class Engine:
    """Engine for one factory. Decisions wait only for decisions, plans only for plans.

    Parameters
    ----------
    factory
        The factory.
    bundle
        Folder of the policy; None: the rule decides.
    decision_log
        Log of the decisions.
    budget, shadow
        See :class:`scheduler.decisions.decider.Decider`.
    plan_seconds, decide_seconds
        Deadlines of plans, explanations and comparisons, and of decisions.
    log_failure
        See :class:`scheduler.service.work.decision_queue.DecisionQueue`.
    admission, monitoring, on_drift
        See :class:`scheduler.outcomes.active_policy.ActivePolicy`.
    floor_minutes
        Age from which the page calls the newest snapshot old.
    clock
        Clock that times are measured with, in seconds from any moment on.
    """

    def __init__(
        self,
        factory: Factory,
        bundle: Path | None,
        decision_log: DecisionLog,
        *,
        budget: float = BUDGET_SECONDS,
        shadow: bool = False,
        plan_seconds: float = PLAN_SECONDS,
        decide_seconds: float = math.inf,
        log_failure: LogFailure = "refuse",
        admission: BundleAdmission = UNSIGNED,
        monitoring: MonitorSettings | None = None,
        on_drift: OnDrift = "warn",
        floor_minutes: float = 10.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.factory, self.decision_log, self.shadow = factory, decision_log, shadow
        self.policy = ActivePolicy(
            factory,
            bundle,
            admission,
            monitoring=monitoring,
            on_drift=on_drift,
            hidden=(decision_log.path.parent,),
            budget=budget,
            plan_seconds=plan_seconds,
            clock=clock,
        )
        self.held = HeldFloor(clock)
        self.floor_minutes = floor_minutes
        self.events = PageEvents()
        slow_clock = WorkClock(clock)
        fast, slow = (
            Decider(
                ShopFloor(factory),
                self.loaded.bundle,
                self.loaded.rule,
                budget,
                shadow=shadow,
                clock=each,
            )
            for each in (clock, slow_clock)
        )
        self.decisions = DecisionQueue(
            fast,
            self.policy,
            decision_log,
            self.receive,
            log_failure=log_failure,
            seconds=decide_seconds,
        )
        self.plans = PlanQueue(Planner(slow, plan_seconds), self.policy, slow_clock, plan_seconds)

    @property
    def loaded(self) -> LoadedPolicy:
        """Return the policy that decides."""
        return self.policy.loaded

    def warm_up(self) -> None:
        """Compile and load the code of decisions, so that no decision waits for that."""
        compile_decisions(self.decisions.decider)

    def close(self) -> None:
        """Finish the work in progress; work that was given up ends at its next step."""
        self.policy.watch.close()
        self.decisions.close()
        self.plans.close()

    def example(self) -> Snapshot:
        """Return a simulated snapshot."""
        return example_snapshot(self.factory)

    def policy_answer(self) -> PolicyAnswer:
        """Return the factory, the active policy, the fallback rule, products and machines."""
        loaded, factory = self.loaded, self.factory
        products = {
            product.name: {
                "options": {
                    option.name: [value.name for value in option.values]
                    for option in factory.options
                    if option.products is None or product.name in option.products
                }
            }
            for product in factory.products
        }
        machines = [
            {"name": machine.name, "work_centre": centre.name}
            for centre in factory.work_centres
            for machine in centre.machines
        ]
        return PolicyAnswer(
            factory=factory.name,
            tick_minutes=factory.tick_minutes,
            start_hour=factory.start_hour,
            policy=self._policy_state(),
            rule=str(loaded.rule),
            shadow=self.shadow,
            products=products,
            machines=machines,
            eligible_machines=eligible_machines(factory),
            predecessors=operation_predecessors(factory),
            calendars=[calendar.name for calendar in factory.calendars],
            groups=[group.name for group in factory.staff if factory.start is not None],
            floor_minutes=None if math.isinf(self.floor_minutes) else self.floor_minutes,
        )

    def receive(
        self, snapshot: Snapshot, text: SnapshotText | None, before: FloorVersion | None = None
    ) -> FloorVersion:
        """Keep the newest snapshot, made from the version ``before``, and tell the open pages."""
        version = self.held.replace(snapshot, text, before)
        self.events.send("floor")
        return version

    def read(self, read: Callable[[Work[_Result]], _Result]) -> Work[_Result]:
        """Read or write something large, beside decisions and plans."""
        return self.decisions.read(read)

    def _policy_state(self) -> PolicyState:
        loaded, refused = self.loaded, self.policy.refused
        training = loaded.bundle.manifest["training"] if loaded.bundle else {}
        return PolicyState(
            loaded=loaded.bundle is not None,
            sha256=loaded.sha256 or None,
            trained_steps=training.get("steps"),
            fault=loaded.fault,
            refused=refused and refused.reason,
            refused_date=refused and refused.date,
        )
