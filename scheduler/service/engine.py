"""The service without HTTP: one decider for decisions, another for plans, and reloading."""

from __future__ import annotations

import datetime
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agents.rules.registry import make_rule
from envs.seed_splits import episode_seeds
from factory.model import Factory
from scheduler.board.page_events import PageEvents
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import BUDGET_SECONDS, Decider
from scheduler.decisions.explanations import Explanation, explain
from scheduler.decisions.loaded_policy import (
    UNSIGNED,
    BundleAdmission,
    LoadedPolicy,
    load_scheduler_policy,
    reload_scheduler_policy,
)
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.log.decision_log import DecisionLog, LogFailure
from scheduler.log.entry_format import DecisionLogError
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.plans.work_limit import PLAN_SECONDS
from scheduler.portfolio.planner import Planner
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.service.schemas import (
    DecideAnswer,
    PlanRequest,
    PolicyAnswer,
    PolicyState,
    WhatIfRequest,
)
from scheduler.simulated_plant import simulate
from scheduler.snapshot.lock_checks import eligible_machines
from scheduler.snapshot.read import read_snapshot
from scheduler.snapshot.schema import Snapshot, SnapshotText

_EXAMPLE_DECISIONS = 70


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
    plan_seconds
        Time limit of one plan.
    log_failure
        Refuse decisions that cannot be written to the log, or answer them all the same.
    admission
        Conditions under which a bundle may decide.
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
        log_failure: LogFailure = "refuse",
        admission: BundleAdmission = UNSIGNED,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.factory, self.folder = factory, bundle
        self.decision_log, self.shadow, self.log_failure = decision_log, shadow, log_failure
        self.admission, self.loaded = admission, load_scheduler_policy(bundle, factory, admission)
        self._refused: tuple[str, str] | None = None  # reason and date
        if bundle is not None and self.loaded.bundle is None:
            self._note_refusal(str(self.loaded.fault))
        self.newest: tuple[Snapshot, str] | None = None
        self.events = PageEvents()
        policy = (self.loaded.bundle, self.loaded.rule, budget)
        self._decider, slow = (
            Decider(ShopFloor(factory), *policy, shadow=shadow, clock=clock) for _ in range(2)
        )
        self._planner = Planner(slow, plan_seconds)
        self._fast, self._slow = ThreadPoolExecutor(1, "decide"), ThreadPoolExecutor(1, "plan")
        self._deciding, self._reloading = threading.Lock(), threading.Lock()

    def warm_up(self) -> None:
        """Compile and load all code, so that no request waits for that."""
        example = read_snapshot(self.example().model_dump_json(), self.factory)
        self._decider.decide(example)
        planner = Planner(self._planner.decider, budget=SearchBudget(1.0, 1, 1))
        planner.plan(example, futures=1)
        planner.plan(example, by="search", futures=1)
        if self.loaded.bundle is not None:
            explain(self._planner.decider, example)

    def close(self) -> None:
        """Finish the work in progress."""
        self._fast.shutdown()
        self._slow.shutdown()

    def example(self) -> Snapshot:
        """Return a simulated snapshot."""
        rule, decisions = make_rule("ATCS"), _EXAMPLE_DECISIONS
        while True:
            try:
                shop = simulate(self.factory, rule, int(episode_seeds("tune", 1)[0]), decisions)
                return take_snapshot(ShopFloor(self.factory), shop, 0)
            except ValueError:  # a short episode
                decisions //= 2

    # --- answers ----------------------------------------------------------------------------------

    def decide(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]]
    ) -> Future[DecideAnswer]:
        """Decide for a snapshot; the answer comes once it is in the log.

        Parameters
        ----------
        read
            Function that returns the snapshot, and its JSON if it is known.
        """
        answer: Future[DecideAnswer] = Future()
        answer.set_running_or_notify_cancel()  # a client that leaves cannot cancel it
        self._fast.submit(self._decide_in_turn, read, answer)
        return answer

    def decide_at_once(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]]
    ) -> Future[DecideAnswer]:
        """Decide as :meth:`decide`, but in this thread, unless another decision is in progress.

        A decision takes about a millisecond, less than handing it to another thread.
        """
        if not self._deciding.acquire(blocking=False):
            return self.decide(read)
        answer: Future[DecideAnswer] = Future()
        answer.set_running_or_notify_cancel()
        try:
            self._decide(read, answer)
        finally:
            self._deciding.release()
        return answer

    def _decide_in_turn(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]], answer: Future[DecideAnswer]
    ) -> None:
        with self._deciding:
            self._decide(read, answer)

    def _decide(
        self, read: Callable[[], tuple[Snapshot, SnapshotText | None]], answer: Future[DecideAnswer]
    ) -> None:
        try:
            (snapshot, text), loaded = read(), self.loaded
            loaded.use_in(self._decider)
            decisions = tuple(self._decider.decide(snapshot))
            self.receive(snapshot)
            policy, rule = loaded.sha256, str(loaded.rule)
            written = self.decision_log.submit(
                snapshot, decisions, policy=policy, rule=rule, shadow=self.shadow, text=text
            )
        except BaseException as error:
            answer.set_exception(error)
        else:
            content = DecideAnswer(
                decisions=decisions,
                entry=None,
                logged=False,
                policy=policy,
                rule=rule,
                set_aside=snapshot.set_aside,
            )
            written.add_done_callback(
                lambda _: _resolve(written, answer, content, self.log_failure)
            )

    def plan(self, read: Callable[[], PlanRequest]) -> Future[Plan]:
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

    def explain(self, read: Callable[[], Snapshot]) -> Future[Explanation]:
        """Explain the next decision."""
        return self._submit_slow(lambda planner: explain(planner.decider, read()))

    def what_if(self, read: Callable[[], WhatIfRequest]) -> Future[PlanComparison]:
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

    def _submit_slow(self, work: Callable[[Planner], Any]) -> Future[Any]:
        def run() -> Any:
            self.loaded.use_in(self._planner.decider)
            return work(self._planner)

        return self._slow.submit(run)

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
        )

    def receive(self, snapshot: Snapshot) -> None:
        """Keep the newest snapshot for the page."""
        self.newest = (snapshot, _now())
        self.events.send("floor")

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
                self.loaded = reload_scheduler_policy(self.folder, self.factory, self.admission)
            except BundleError as error:
                self._note_refusal(str(error))
                raise
            self._refused = None
            return self.loaded

    def _note_refusal(self, reason: str) -> None:
        """Note that the newest bundle was refused; its files are named without their folder."""
        self._refused = (reason.replace(f"{self.folder}{os.sep}", ""), _now())


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
