"""Plans with perfect foresight of the realised episode, as a yardstick for reports."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import StatefulPolicy
from agents.rules.registry import RULES, Rule, make_rule
from agents.solver.foresight.bounds import bound_cost
from agents.solver.foresight.future_planner import FuturePlanner
from agents.solver.known_state import Key
from agents.solver.plan_following import MachineSequences, ObservationArrays
from agents.solver.planner import HINT_RULES, SolverPlanner
from agents.solver.rolling_horizon import RollingHorizonPolicy, progress, surprises
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule, unload
from factory.simulation.arrays import ShopState

BASELINE_RULES: tuple[Rule, ...] = (
    make_rule("ATCS", k1=2, k2=0.5),
    *HINT_RULES,
    *(RULES[name] for name in ("ATC", "EDD", "WMDD", "SPT", "SST>SPT", "FIFO")),
)
"""Rules whose episodes the plan is compared with; the cheapest is kept."""
_LOG_LINES = 8192


@dataclass(frozen=True)
class ClairvoyantPlan:
    """The cheapest known episode of a seed."""

    schedule: Schedule
    cost: float
    bound: float | None  # lower bound on the cost of any episode of the seed; None: unknown
    status: str  # origin: "plan", or the rule
    rows: tuple[int, ...]  # choices of the episode


class ThriftyPolicy(RollingHorizonPolicy):
    """Rolling-horizon planning with a time limit for the whole episode.

    The time is divided by the expected number of plans, estimated from a known schedule.

    Parameters
    ----------
    incumbent
        Known schedule of the episode.
    seconds
        Nominal time for all solves of the episode together.
    settings
        Arguments of :class:`agents.solver.rolling_horizon.RollingHorizonPolicy`.
    """

    def __init__(self, incumbent: Schedule, seconds: float, **settings: Any) -> None:
        super().__init__(0.0, **settings)
        self.incumbent, self.seconds_left = incumbent, seconds

    def replan(
        self, e: int, seen: ObservationArrays, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from the clock on, made in its share of the remaining time."""
        clock, num_started = int(self.batch.shop.env.clock[e]), progress(self.batch.shop, e)[0]
        seconds = self.seconds_left / max(1, self.expect_plans(clock, num_started))
        self.seconds_left -= seconds
        self.planner.settings = replace(self.settings, seconds=seconds)
        return super().replan(e, seen, in_force)

    def expect_plans(self, clock: int, num_started: int) -> int:
        """Return the expected number of plans from ``clock`` on.

        Parameters
        ----------
        num_started
            Number of operations that have started.
        """
        releases = sum(order.release_date >= clock for order in self.incumbent.orders)
        by_time = math.ceil((self.incumbent.end_date - clock) / self._intervals[0])
        by_work = 2 * (len(self.incumbent.operations) - num_started)
        return releases + min(by_time, by_work) + self.expect_surprises(clock)

    def expect_surprises(self, clock: int) -> int:
        """Return the number of failures, repairs and repeated attempts from ``clock`` on."""
        failures = sum(failure.start_date >= clock for failure in self.incumbent.failures)
        again = (done for done in self.incumbent.operations if done.attempt > 0)
        return 2 * failures + sum(done.start_date >= clock for done in again)


class ForesightPolicy(ThriftyPolicy):
    """Planning with realised orders, durations and deliveries; breakdowns stay unforeseen.

    It improves on a known schedule. A new plan is made when half of the operations of the last have
    started, or after a breakdown; with ``every`` also after so many ticks.
    """

    sees_the_future = True

    def make_planner(self, batch: Batch) -> SolverPlanner:
        """Return a planner with foresight."""
        return FuturePlanner(batch.arrays, batch.shop, batch.tables, self.settings)

    @property
    def step(self) -> int:
        """Return the number of operations that start between two plans."""
        return max(1, self.settings.max_tasks // 2)

    def news(self, shop: ShopState, e: int) -> tuple[int, ...]:
        """Return the numbers of unforeseen events; releases are foreseen."""
        return surprises(shop, e)

    def is_under_way(self, shop: ShopState, e: int) -> bool:
        """Return True if any event is to come, releases included."""
        to_come = bool(shop.env.num_released[e] < shop.env.num_orders[e])
        return to_come or super().is_under_way(shop, e)

    def replan(
        self, e: int, seen: ObservationArrays, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from the clock on; the first improves on the schedule."""
        return super().replan(e, seen, _as_plan(self.incumbent) if in_force is None else in_force)

    def expect_plans(self, clock: int, num_started: int) -> int:
        """Return the expected number of plans from ``clock`` on.

        Parameters
        ----------
        num_started
            Number of operations that have started.
        """
        plans = math.ceil((len(self.incumbent.operations) - num_started) / self.step)
        if self.every is not None:
            plans = max(plans, math.ceil((self.incumbent.end_date - clock) / self.every))
        return plans + self.expect_surprises(clock)

    def _is_stale(self, plan: MachineSequences, shop: ShopState, e: int) -> bool:
        num_started = progress(shop, e)[0] - self._progress[e][0]
        if num_started >= self.step or self.news(shop, e) != self._news[e]:
            return True
        return self.every is not None and super()._is_stale(plan, shop, e)


def _as_plan(schedule: Schedule) -> MachineSequences:
    """Return the operations of each machine in their order."""
    machines = range(len(schedule.machine_names))
    sequences: dict[int, list[tuple[Key, int]]] = {machine: [] for machine in machines}
    for record in sorted(schedule.operations, key=lambda record: record.selected_date):
        if record.attempt == 0:
            sequences[record.machine].append(((record.order, record.operation), record.start_date))
    return MachineSequences(0, sequences)


_PASSES: tuple[tuple[float, type[ThriftyPolicy], dict[str, Any]], ...] = (
    (0.15, ThriftyPolicy, {}),
    (0.3, ForesightPolicy, {"max_tasks": 60}),
    (0.3, ForesightPolicy, {"max_tasks": 60, "changing": 0.1, "starting": 0.001}),
    (0.25, ForesightPolicy, {"max_tasks": 30, "changing": 0.2, "starting": 0.001}),
)
"""Passes through an episode: share of the time, class of the policy, and its settings.

Each starts from the cheapest schedule so far. The first has no foresight, for a different start;
windows of different lengths and shadow prices of changeovers find different schedules.
"""


def plan_clairvoyant(
    factory: Factory,
    book: OrderBook | None,
    seed: int,
    seconds: float = 60.0,
    *,
    every: int | None = None,
    job_rows: int = 0,
    changeover_rows: int = 0,
) -> ClairvoyantPlan:
    """Return the cheapest episode that planning with full knowledge of a seed finds.

    It starts from the cheapest of many rules' episodes, plans with CP-SAT on a moving window,
    carries the plans out in the simulator, and starts again from the cheapest so far. The schedule
    therefore passes the verifier, and never costs more than any of those rules.

    Parameters
    ----------
    factory, book, seed
        Factory, order book and seed of the episode.
    seconds
        Nominal time for all solves together.
    every
        Ticks between plans; None: a new plan is made when half of its operations have started.
    job_rows, changeover_rows
        Sizes of the candidate table that :attr:`ClairvoyantPlan.rows` refers to; 0: no cap.
    """
    batch = Batch(
        [factory],
        [book],
        num_envs=1,
        job_rows=job_rows,
        changeover_rows=changeover_rows,
        log_length=_LOG_LINES,
    )
    episodes = [_play_recorded(batch, rule, seed, str(rule)) for rule in BASELINE_RULES]
    for share, kind, settings in _PASSES:
        incumbent = min(episodes, key=lambda episode: episode.cost)
        policy = kind(incumbent.schedule, share * seconds, every=every, **settings)
        episodes.append(_play_recorded(batch, policy, seed, "plan"))
    best = min(episodes, key=lambda episode: episode.cost)
    return ClairvoyantPlan(
        best.schedule, best.cost, bound_cost(batch.arrays, batch.shop, 0), best.status, best.rows
    )


def _play_recorded(
    batch: Batch, policy: Rule | RollingHorizonPolicy, seed: int, name: str
) -> ClairvoyantPlan:
    """Play one episode and record its choices."""
    tables = batch.reset(np.array([seed], np.uint64))
    rows: list[int] = []
    if isinstance(policy, StatefulPolicy):
        policy.bind(batch)
    while not batch.over[0]:
        batch.grow_log()
        rows.append(int(np.asarray(policy.decide(as_observation(tables)))[0]))
        tables = batch.step(np.array(rows[-1:], np.int64), autoreset=False)
    schedule = unload(batch.factories[0], batch.books[0], batch.arrays, batch.shop, 0)
    return ClairvoyantPlan(schedule, sum(batch.shop.cost[0].tolist()), None, name, tuple(rows))


class ClairvoyantPolicy:
    """Policy that carries out the clairvoyant plan of each episode, as a yardstick for reports.

    Parameters
    ----------
    seconds
        Nominal time for all solves of an episode together.
    every
        Ticks between plans, as for :func:`plan_clairvoyant`.
    """

    sees_the_future = True

    def __init__(self, seconds: float = 60.0, every: int | None = None) -> None:
        self.seconds, self.every = seconds, every
        self.plans: list[ClairvoyantPlan] = []

    @property
    def bounds(self) -> list[float | None]:
        """Return a lower bound on the cost of each environment's episode; None if unknown."""
        return [plan.bound for plan in self.plans]

    def bind(self, batch: Batch) -> None:
        """Plan every environment's episode."""
        self.batch = batch
        rows = {
            "job_rows": batch.shop.job_row.shape[1],
            "changeover_rows": batch.shop.changeover_target.shape[1],
        }
        env = batch.shop.env
        self.plans = [
            plan_clairvoyant(
                batch.factories[g],
                batch.books[g],
                int(seed),
                self.seconds,
                every=self.every,
                **rows,
            )
            for g, seed in zip(env.factory.tolist(), env.seed.tolist(), strict=True)
        ]

    def decide(self, observation: ObservationArrays) -> NDArray[np.int64]:
        """Return the planned row of each environment; 0 where the episode is over."""
        env = self.batch.shop.env
        rows = [
            plan.rows[decision] if machine >= 0 else 0
            for plan, decision, machine in zip(
                self.plans, env.decisions.tolist(), env.deciding.tolist(), strict=True
            )
        ]
        return np.array(rows, np.int64)
