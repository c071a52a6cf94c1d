"""The service without HTTP: one decider for decisions, another for plans, and reloading."""

from __future__ import annotations

import datetime
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from factory.model import Factory
from factory.tick_dates import TickDates
from scheduler.board.page_events import PageEvents
from scheduler.compilation import PARTS, PLAN_PARTS, compile_decisions, example_snapshot
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import BUDGET_SECONDS, Decider
from scheduler.decisions.decision import Decision
from scheduler.decisions.explanations import Explanation
from scheduler.decisions.loaded_policy import (
    UNSIGNED,
    BundleAdmission,
    LoadedPolicy,
    load_scheduler_policy,
    reload_scheduler_policy,
)
from scheduler.floor.floor import ShopFloor
from scheduler.log.decision_log import DecisionLog, LogFailure
from scheduler.log.entry_format import DecisionLogError
from scheduler.outcomes.choice_costs import explain_with_costs
from scheduler.outcomes.policy_monitor import MonitorSettings, PolicyMonitor
from scheduler.outcomes.policy_watch import OnDrift, PolicyWatch
from scheduler.outcomes.schema import OutcomeState
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.plans.work_limit import PLAN_SECONDS
from scheduler.portfolio.planner import Planner
from scheduler.service.deadlines import Work, WorkClock
from scheduler.service.schemas import (
    DatedDecision,
    DecideAnswer,
    ExplainRequest,
    PlanRequest,
    PolicyAnswer,
    PolicyState,
    WhatIfRequest,
)
from scheduler.snapshot.calendar import iso_date, snapshot_dates
from scheduler.snapshot.lock_checks import eligible_machines, operation_predecessors
from scheduler.snapshot.schema import Snapshot, SnapshotText

_PUT_ASIDE = "the policy was put aside: "


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
        Refuse decisions that cannot be written to the log, or answer them all the same.
    admission
        Conditions under which a bundle may decide.
    monitoring
        Comparison of the policy with the rule beside the decisions; None: none.
    on_drift
        After an alarm of that comparison, let the rule decide, or only report it.
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
        self.factory, self.folder = factory, bundle
        self.decision_log, self.shadow, self.log_failure = decision_log, shadow, log_failure
        self.admission, self.decide_seconds, self.plan_seconds = (
            admission,
            decide_seconds,
            plan_seconds,
        )
        self.loaded = self._without_folders(load_scheduler_policy(bundle, factory, admission))
        self._refused: tuple[str, str] | None = None  # reason and date
        if bundle is not None and self.loaded.bundle is None:
            self._note_refusal(str(self.loaded.fault))
        self.newest: tuple[Snapshot, str] | None = None
        self._clock, self._received = clock, 0.0
        self.floor_minutes = floor_minutes
        self.on_drift, self.alarm_listener = on_drift, _ignore_alarm
        self.events = PageEvents()
        policy = (self.loaded.bundle, self.loaded.rule, budget)
        self._slow_clock = WorkClock(clock)
        self._decider, slow = (
            Decider(ShopFloor(factory), *policy, shadow=shadow, clock=each)
            for each in (clock, self._slow_clock)
        )
        self._planner = Planner(slow, plan_seconds)
        self._fast, self._slow = ThreadPoolExecutor(1, "decide"), ThreadPoolExecutor(1, "plan")
        self._reading = ThreadPoolExecutor(1, "read")
        self._deciding, self._reloading = threading.Lock(), threading.Lock()
        self._closing, self.plans_ready = threading.Event(), False

        def make_monitor() -> PolicyMonitor:
            decider = Decider(ShopFloor(factory), None, self.loaded.rule, budget, clock=clock)
            self.loaded.use_in(decider)
            return PolicyMonitor(decider, monitoring or MonitorSettings(), plan_seconds)

        watched = monitoring is not None and self.loaded.bundle is not None
        self.watch = PolicyWatch(make_monitor if watched else None, self._take_alarm)

    def warm_up(self) -> None:
        """Compile and load the code of decisions, so that no decision waits for that."""
        compile_decisions(self._decider)

    def warm_up_plans(self) -> Future[None]:
        """Compile and load the code of plans, before the first plan and beside decisions."""
        return self._slow.submit(self._compile_plans)

    def _compile_plans(self) -> None:
        self.loaded.use_in(self._planner.decider)
        for name in PLAN_PARTS:
            if self._closing.is_set():
                return
            PARTS[name](self._planner.decider)
        self.plans_ready = True

    def close(self) -> None:
        """Finish the work in progress; work that was given up ends at its next step."""
        self._closing.set()
        self.watch.close()
        self._reading.shutdown()
        self._fast.shutdown()
        self._slow.shutdown()

    def example(self) -> Snapshot:
        """Return a simulated snapshot."""
        return example_snapshot(self.factory)

    # --- answers ----------------------------------------------------------------------------------

    def decide(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]]
    ) -> Work[DecideAnswer]:
        """Decide for a snapshot; the answer comes once it is in the log.

        Parameters
        ----------
        read
            Function that returns the snapshot, and its JSON if it is known.
        """
        answer = Work[DecideAnswer]()
        self._fast.submit(self._decide_in_turn, read, answer)
        return answer

    def decide_after(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]]
    ) -> Work[DecideAnswer]:
        """Decide as :meth:`decide`, but read first, in another thread than that of decisions."""
        answer = Work[DecideAnswer]()

        def read_first() -> None:
            try:
                answer.check()
                content = read()
            except BaseException as error:
                answer.set_exception(error)
            else:
                self._fast.submit(self._decide_in_turn, lambda: content, answer)

        self._reading.submit(read_first)
        return answer

    def decide_at_once(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]]
    ) -> Work[DecideAnswer]:
        """Decide as :meth:`decide`, but in this thread, unless another decision is in progress.

        A decision takes about a millisecond, less than handing it to another thread.
        """
        if not self._deciding.acquire(blocking=False):
            return self.decide(read)
        answer = Work[DecideAnswer]()
        try:
            self._decide(read, answer)
        finally:
            self._deciding.release()
        return answer

    def _decide_in_turn(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]], answer: Work[DecideAnswer]
    ) -> None:
        with self._deciding:
            self._decide(read, answer)

    def _decide(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]], answer: Work[DecideAnswer]
    ) -> None:
        try:
            answer.check()
            (snapshot, text), loaded = read(), self.loaded
            loaded.use_in(self._decider)
            decisions = tuple(self._decider.decide(snapshot))
            answer.check()  # what nobody waits for is not logged
            self.receive(snapshot)
            self.watch.offer(snapshot)
            policy, rule = loaded.sha256, str(loaded.rule)
            written = self.decision_log.submit(
                snapshot, decisions, policy=policy, rule=rule, shadow=self.shadow, text=text
            )
        except BaseException as error:
            answer.set_exception(error)
        else:
            dates = snapshot_dates(snapshot, self.factory)
            content = DecideAnswer(
                decisions=tuple(date_decision(decision, dates) for decision in decisions),
                clock=snapshot.clock,
                clock_date=iso_date(dates, snapshot.clock),
                entry=None,
                logged=False,
                policy=policy,
                rule=rule,
                set_aside=snapshot.set_aside,
            )
            written.add_done_callback(
                lambda _: _resolve(written, answer, content, self.log_failure)
            )

    def plan(self, read: Callable[[], PlanRequest]) -> Work[Plan]:
        """Make a plan, and compare it with the previous one if there is one."""

        def work(planner: Planner) -> Plan:
            request = read()
            return planner.plan(
                request.snapshot,
                by=request.by,
                seconds=request.seconds,
                futures=request.futures,
                seed=request.seed,
                previous=request.previous,
                frozen=request.frozen,
            )

        return self._submit_slow(work)

    def explain(self, read: Callable[[], ExplainRequest]) -> Work[Explanation]:
        """Explain the next decision, and compare costs of its alternatives if asked for."""

        def work(planner: Planner) -> Explanation:
            request = read()
            return explain_with_costs(
                planner, request.snapshot, futures=request.futures, seed=request.seed
            )

        return self._submit_slow(work)

    def what_if(self, read: Callable[[], WhatIfRequest]) -> Work[PlanComparison]:
        """Plan before and after some changes."""

        def work(planner: Planner) -> PlanComparison:
            request = read()
            return planner.what_if(
                request.snapshot,
                request.changes,
                by=request.by,
                seconds=request.seconds,
                futures=request.futures,
                seed=request.seed,
            )

        return self._submit_slow(work)

    def _submit_slow(self, work: Callable[[Planner], Any]) -> Work[Any]:
        answer = Work[Any]()

        def run() -> Any:
            self.loaded.use_in(self._planner.decider)
            return work(self._planner)

        def run_by_clock() -> None:
            self._slow_clock.work = answer
            answer.run(run)
            self._slow_clock.work = None

        self._slow.submit(run_by_clock)
        return answer

    def policy_answer(self) -> PolicyAnswer:
        """Return the factory, the active policy, the fallback rule, products and machines."""
        loaded, factory = self.loaded, self.factory
        training = loaded.bundle.manifest["training"] if loaded.bundle else {}
        state = PolicyState(
            loaded=loaded.bundle is not None,
            sha256=loaded.sha256 or None,
            trained_steps=training.get("steps"),
            fault=loaded.fault,
            refused=self._refused and self._refused[0],
            refused_date=self._refused and self._refused[1],
        )
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
            policy=state,
            rule=str(loaded.rule),
            shadow=self.shadow,
            products=products,
            machines=machines,
            eligible_machines=eligible_machines(factory),
            predecessors=operation_predecessors(factory),
            floor_minutes=None if math.isinf(self.floor_minutes) else self.floor_minutes,
        )

    def receive(self, snapshot: Snapshot) -> None:
        """Keep the newest snapshot for the page."""
        self.newest, self._received = (snapshot, _now()), self._clock()
        self.events.send("floor")

    def snapshot_age(self) -> float:
        """Return the seconds since a snapshot came; NaN if none has come."""
        return math.nan if self.newest is None else self._clock() - self._received

    def reload(self) -> LoadedPolicy:
        """Read the bundle folder again; work in progress ends with the old policy.

        Raises
        ------
        BundleError
            If the bundle fails verification; the old policy then stays active.
        """
        with self._reloading:
            if self.folder is None:
                raise BundleError(
                    "reload: the service was started without a bundle. Start it with --bundle DIR."
                )
            try:
                loaded = reload_scheduler_policy(self.folder, self.factory, self.admission)
                self.loaded = self._without_folders(loaded)
            except BundleError as error:
                self._note_refusal(str(error))
                raise
            self._refused = None
            self.watch.restart()
            return self.loaded

    def hide_folders(self, text: str) -> str:
        """Return a text that names the files of bundle and log without their folders."""
        own = [path for path in (self.folder, self.decision_log.path.parent) if path is not None]
        folders = {str(form) for path in own for form in (path, path.resolve())} - {".", os.sep}
        for folder in sorted(folders, key=len, reverse=True):
            text = text.replace(f"{folder}{os.sep}", "").replace(folder, Path(folder).name)
        return text

    def _without_folders(self, loaded: LoadedPolicy) -> LoadedPolicy:
        return replace(loaded, fault=loaded.fault and self.hide_folders(loaded.fault))

    def outcome_state(self) -> OutcomeState:
        """Return the comparison of policy and rule so far."""
        put_aside = self.loaded.fault is not None and self.loaded.fault.startswith(_PUT_ASIDE)
        return self.watch.state.model_copy(update={"put_aside": put_aside})

    def _take_alarm(self, reason: str | None) -> None:
        """Report an alarm, and let the rule decide if told to; only a reload ends that."""
        if reason is not None and self.on_drift == "rule" and self.loaded.bundle is not None:
            with self._reloading:
                self.loaded = LoadedPolicy(None, self.loaded.rule, f"{_PUT_ASIDE}{reason}")
        self.alarm_listener(reason)

    def _note_refusal(self, reason: str) -> None:
        """Note that the newest bundle was refused."""
        self._refused = (self.hide_folders(reason), _now())


def date_decision(decision: Decision, dates: TickDates) -> DatedDecision:
    """Return a decision with its date."""
    return DatedDecision(**vars(decision), until_date=iso_date(dates, decision.until))


def _ignore_alarm(reason: str | None) -> None:
    """Do nothing about an alarm."""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _resolve(
    written: Future[int],
    answer: Future[DecideAnswer],
    content: DecideAnswer,
    log_failure: LogFailure,
) -> None:
    """Answer once the decisions are on the disk, or cannot be written there."""
    error = written.exception()
    if error is None:
        entry = {"entry": written.result(), "logged": True}
        answer.set_result(content.model_copy(update=entry))
    elif isinstance(error, DecisionLogError) and log_failure == "answer":
        answer.set_result(content)
    else:
        answer.set_exception(error)
