"""A plan by one who knows the whole drawn episode: a yardstick of what perfect foresight would
bring, never a rival."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import StatefulPolicy, as_observation
from agents.rules.registry import RULES, Rule, make_rule
from agents.solver.bounds import bound_cost
from agents.solver.clairvoyant_state import FuturePlanner
from agents.solver.known_state import Key
from agents.solver.plan_following import MachineSequences, ObservationTables
from agents.solver.planner import HINT_RULES, SolverPlanner
from agents.solver.rolling_horizon import RollingHorizonPolicy, progress, surprises
from envs.batch import Batch
from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule, unload
from factory.simulation.arrays import ShopState

BASELINE_RULES: tuple[Rule, ...] = (
    make_rule("ATCS", k1=2, k2=0.5),
    *HINT_RULES,
    *(RULES[name] for name in ("ATC", "EDD", "WMDD", "SPT", "SST>SPT", "FIFO")),
)
"""Rules whose episodes compete with the plan's; the cheapest is kept."""
_LOG_LINES = 8192


@dataclass(frozen=True)
class ClairvoyantPlan:
    """The cheapest episode that was found under a seed."""

    schedule: Schedule
    cost: float
    bound: float | None  # no episode under the seed costs less; None: unknown
    status: str  # who it is by: "plan", or the rule
    rows: tuple[int, ...]  # the choices that lead to it


class ThriftyPolicy(RollingHorizonPolicy):
    """Rolling-horizon planning in a given time for the whole episode, which is dealt out by how
    many plans a known schedule of the episode lets expect.

    Parameters
    ----------
    incumbent
        The schedule.
    seconds
        Nominal time for all solves of the episode together.
    settings
        As for :class:`agents.solver.rolling_horizon.RollingHorizonPolicy`.
    """

    def __init__(self, incumbent: Schedule, seconds: float, **settings: Any) -> None:
        super().__init__(0.0, **settings)
        self.incumbent, self.seconds_left = incumbent, seconds

    def replan(
        self, e: int, seen: ObservationTables, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from now on, made in its share of the time that is left."""
        clock, begun = int(self.batch.shop.env.clock[e]), progress(self.batch.shop, e)[0]
        seconds = self.seconds_left / max(1, self.expect_plans(clock, begun))
        self.seconds_left -= seconds
        self.planner.settings = replace(self.settings, seconds=seconds)
        return super().replan(e, seen, in_force)

    def expect_plans(self, clock: int, begun: int) -> int:
        """Return how many plans are to be expected from ``clock`` on, when ``begun`` operations
        have begun.
        """
        releases = sum(order.release_date >= clock for order in self.incumbent.orders)
        by_time = math.ceil((self.incumbent.end_date - clock) / self._intervals[0])
        by_work = 2 * (len(self.incumbent.operations) - begun)
        return releases + min(by_time, by_work) + self.expect_surprises(clock)

    def expect_surprises(self, clock: int) -> int:
        """Return how many failures, repairs and operations to be done again the schedule has from
        ``clock`` on.
        """
        failures = sum(failure.start_date >= clock for failure in self.incumbent.failures)
        again = (done for done in self.incumbent.operations if done.attempt > 0)
        return 2 * failures + sum(done.start_date >= clock for done in again)


class ForesightPolicy(ThriftyPolicy):
    """Improves on a known schedule with the drawn orders, durations and deliveries in view;
    breakdowns come as a surprise.

    As nothing else is unforeseen, a plan is made anew when half of its operations have begun,
    whenever that is, or after a surprise; with ``every`` also after so many ticks.
    """

    sees_the_future = True

    def make_planner(self, batch: Batch) -> SolverPlanner:
        """One who sees the future."""
        return FuturePlanner(batch, self.settings)

    @property
    def step(self) -> int:
        """Return how many operations begin between two plans."""
        return max(1, self.settings.max_tasks // 2)

    def news(self, shop: ShopState, e: int) -> tuple[int, ...]:
        """Return the surprises: releases are foreseen."""
        return surprises(shop, e)

    def is_under_way(self, shop: ShopState, e: int) -> bool:
        """Return whether anything is going to happen by itself, orders to come included."""
        to_come = bool(shop.env.num_released[e] < shop.env.num_orders[e])
        return to_come or super().is_under_way(shop, e)

    def replan(
        self, e: int, seen: ObservationTables, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from now on; the first improves on the schedule."""
        return super().replan(e, seen, _as_plan(self.incumbent) if in_force is None else in_force)

    def expect_plans(self, clock: int, begun: int) -> int:
        """Return how many plans are to be expected from ``clock`` on, when ``begun`` operations
        have begun.
        """
        plans = math.ceil((len(self.incumbent.operations) - begun) / self.step)
        if self.every is not None:
            plans = max(plans, math.ceil((self.incumbent.end_date - clock) / self.every))
        return plans + self.expect_surprises(clock)

    def _is_stale(self, plan: MachineSequences, shop: ShopState, e: int) -> bool:
        begun = progress(shop, e)[0] - self._progress[e][0]
        if begun >= self.step or self.news(shop, e) != self._news[e]:
            return True
        return self.every is not None and super()._is_stale(plan, shop, e)


def _as_plan(schedule: Schedule) -> MachineSequences:
    """Return what each machine did, in its order."""
    machines = range(len(schedule.machine_names))
    sequences: dict[int, list[tuple[Key, int]]] = {machine: [] for machine in machines}
    for done in sorted(schedule.operations, key=lambda done: done.selected_date):
        if done.attempt == 0:
            sequences[done.machine].append(((done.order, done.operation), done.start_date))
    return MachineSequences(0, sequences)


_PASSES: tuple[tuple[float, type[ThriftyPolicy], dict[str, Any]], ...] = (
    (0.15, ThriftyPolicy, {}),
    (0.3, ForesightPolicy, {"max_tasks": 60}),
    (0.3, ForesightPolicy, {"max_tasks": 60, "changing": 0.1, "starting": 0.001}),
    (0.25, ForesightPolicy, {"max_tasks": 30, "changing": 0.2, "starting": 0.001}),
)
"""Passes through an episode: their share of the time, who plans, and how. Each begins with the
cheapest schedule so far. The first has no foresight, as a start of another kind; windows of
different lengths, and changeovers at different prices for what they keep from later orders, find
what others do not.
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
    """The cheapest episode found by one who knows everything that ``seed`` has drawn.

    Begins with the cheapest of many rules' own episodes, plans with CP-SAT on a window that moves
    through it, carries the plans out in the simulator, and begins again with the cheapest so far.
    So the schedule passes the verifier, and never costs more than any of those rules.

    Parameters
    ----------
    factory, book, seed
        The episode.
    seconds
        Nominal time for all solves together.
    every
        Ticks between plans; None: a plan is made anew when half of its operations have begun,
        so that dates and durations do not matter.
    job_rows, changeover_rows
        Rows of the candidate table that :attr:`ClairvoyantPlan.rows` number; 0 for no cap.
    """
    batch = Batch(
        [factory],
        [book],
        num_envs=1,
        job_rows=job_rows,
        changeover_rows=changeover_rows,
        log_length=_LOG_LINES,
    )
    found = [_play_recorded(batch, rule, seed, str(rule)) for rule in BASELINE_RULES]
    for share, kind, settings in _PASSES:
        incumbent = min(found, key=lambda episode: episode.cost)
        policy = kind(incumbent.schedule, share * seconds, every=every, **settings)
        found.append(_play_recorded(batch, policy, seed, "plan"))
    best = min(found, key=lambda episode: episode.cost)
    return ClairvoyantPlan(
        best.schedule, best.cost, bound_cost(batch.arrays, batch.shop, 0), best.status, best.rows
    )


def _play_recorded(
    batch: Batch, policy: Rule | RollingHorizonPolicy, seed: int, name: str
) -> ClairvoyantPlan:
    """One episode, with its choices."""
    tables = batch.reset(np.array([seed], np.uint64))
    rows: list[int] = []
    if isinstance(policy, StatefulPolicy):
        policy.bind(batch)
    while not batch.over[0]:
        batch.grow_log()
        rows.append(int(np.asarray(policy.decide(as_observation(tables)))[0]))
        tables = batch.step(np.array(rows[-1:], np.int64), autoreset=False)
    schedule = unload(batch.factories[0], batch.books[0], batch.arrays, batch.shop, 0)
    return ClairvoyantPlan(schedule, float(batch.shop.cost[0].sum()), None, name, tuple(rows))


class ClairvoyantPolicy:
    """Carries out the clairvoyant plan of each episode; a yardstick for reports, never a rival.

    Parameters
    ----------
    seconds
        Nominal time for all solves of an episode together.
    every
        Ticks between plans; None: as :func:`plan_clairvoyant` has it.
    """

    sees_the_future = True

    def __init__(self, seconds: float = 60.0, every: int | None = None) -> None:
        self.seconds, self.every = seconds, every
        self.plans: list[ClairvoyantPlan] = []

    @property
    def bounds(self) -> list[float | None]:
        """Lower bound on the cost of each environment's episode, whoever decides; None where none
        is known."""
        return [plan.bound for plan in self.plans]

    def bind(self, batch: Batch) -> None:
        """Plan every environment's episode."""
        self.batch = batch
        rows = {
            "job_rows": batch.shop.job_row.shape[1],
            "changeover_rows": batch.shop.changeover_target.shape[1],
        }
        floor = batch.shop.env
        self.plans = [
            plan_clairvoyant(
                batch.factories[g],
                batch.books[g],
                int(seed),
                self.seconds,
                every=self.every,
                **rows,
            )
            for g, seed in zip(floor.factory.tolist(), floor.seed.tolist(), strict=True)
        ]

    def decide(self, observation: ObservationTables) -> NDArray[np.int64]:
        """The planned row for each environment; 0 where the episode is over."""
        floor = self.batch.shop.env
        taken = zip(self.plans, floor.decisions.tolist(), floor.deciding.tolist(), strict=True)
        return np.array(
            [plan.rows[number] if machine >= 0 else 0 for plan, number, machine in taken], np.int64
        )
