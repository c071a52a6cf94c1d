"""A plan by one who knows the whole drawn episode: a yardstick of what perfect foresight would bring, never a rival."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.play import ShopPolicy, as_observation
from agents.rules import RULES, Rule, make_rule
from agents.solver.bounds import bound_cost
from agents.solver.follow import Observation
from agents.solver.future import FuturePlanner
from agents.solver.horizon import RollingHorizonPolicy, usual_interval
from agents.solver.planner import HINT_RULES, Planner
from envs.batch import Batch
from factory.model import Factory, OrderBook
from factory.schedule import Schedule, unload

RIVALS: tuple[Rule, ...] = (make_rule("ATCS", k1=2, k2=0.5), *HINT_RULES, *(RULES[name] for name in ("ATC", "EDD", "WMDD", "SPT", "SST>SPT", "FIFO")))
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


class ForesightPolicy(RollingHorizonPolicy):
    """Rolling-horizon planning with the drawn orders, durations and deliveries in view; breakdowns come as a surprise."""

    sees_the_future = True

    def make_planner(self, batch: Batch) -> Planner:
        """One who sees the future."""
        return FuturePlanner(batch, self.settings)


def plan_clairvoyant(
    factory: Factory, book: OrderBook | None, seed: int, seconds: float = 60.0, *, every: int | None = None, job_rows: int = 0, changeover_rows: int = 0
) -> ClairvoyantPlan:
    """The cheapest episode found by one who knows everything that ``seed`` has drawn.

    Plans with CP-SAT on a rolling window, carries the plans out in the simulator, and keeps the cheapest of that and many rules' own episodes. So the
    schedule passes the verifier, and never costs more than any of those rules.

    Parameters
    ----------
    factory, book, seed
        The episode.
    seconds
        Nominal time for all solves together.
    every
        Ticks between plans; None: twice what suits rolling planning.
    job_rows, changeover_rows
        Rows of the candidate table that :attr:`ClairvoyantPlan.rows` number; 0 for no cap.
    """
    batch = Batch([factory], [book], num_envs=1, job_rows=job_rows, changeover_rows=changeover_rows, log_length=_LOG_LINES)
    found = [_play_recorded(batch, rule, seed, str(rule)) for rule in RIVALS]
    every = 2 * usual_interval(batch.arrays, 0) if every is None else every
    solves = max(1, math.ceil(min(episode.schedule.end_date for episode in found) / every))
    policy = ForesightPolicy(seconds / solves, every=every)
    found.append(_play_recorded(batch, policy, seed, "plan"))
    best = min(found, key=lambda episode: episode.cost)
    return ClairvoyantPlan(best.schedule, best.cost, bound_cost(batch.arrays, batch.shop, 0), best.status, best.rows)


def _play_recorded(batch: Batch, policy: Rule | RollingHorizonPolicy, seed: int, name: str) -> ClairvoyantPlan:
    """One episode, with its choices."""
    tables = batch.reset(np.array([seed], np.uint64))
    rows: list[int] = []
    if isinstance(policy, ShopPolicy):
        policy.watch(batch)
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
        """Lower bound on the cost of each environment's episode, whoever decides; None where none is known."""
        return [plan.bound for plan in self.plans]

    def watch(self, batch: Batch) -> None:
        """Plan every environment's episode."""
        self.batch = batch
        rows = {"job_rows": batch.shop.job_row.shape[1], "changeover_rows": batch.shop.changeover_target.shape[1]}
        floor = batch.shop.floor
        self.plans = [
            plan_clairvoyant(batch.factories[g], batch.books[g], int(seed), self.seconds, every=self.every, **rows)
            for g, seed in zip(floor.factory.tolist(), floor.seed.tolist(), strict=True)
        ]

    def decide(self, observation: Observation) -> NDArray[np.int64]:
        """The planned row for each environment; 0 where the episode is over."""
        floor = self.batch.shop.floor
        taken = zip(self.plans, floor.decisions.tolist(), floor.deciding.tolist(), strict=True)
        return np.array([plan.rows[number] if machine >= 0 else 0 for plan, number, machine in taken], np.int64)
