"""Rolling-horizon planning: CP-SAT replans the known orders, and the plan is followed until then.

Each plan starts from the schedules of dispatching rules, so that it is never worse in the model.
It covers a window of operations, with a rule's schedule beyond, and uses known state only. Ovacik
and Uzsoy (1995), Rolling horizon procedures for dynamic parallel machine scheduling with
sequence-dependent setup times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule, make_rule
from agents.solver.expected_shop import SHIFT_WAITS
from agents.solver.operating.masked_rows import work_may_come
from agents.solver.plan_following import (
    MachineSequences,
    ObservationArrays,
    row_by_plan,
    row_by_rule,
)
from agents.solver.planner import HINT_RULES, PlannerConfig, PlannerStats, SolverPlanner
from envs.batch import Batch
from factory.simulation.arrays import DONE, DOWN, IDLE, IN_PROCESS, FactoryArrays, ShopState


class RollingHorizonPolicy:
    """Policy that plans with CP-SAT, follows the plan, and replans.

    Parameters
    ----------
    seconds
        Nominal time of one solve. It is counted in CP-SAT's deterministic time, so that results do
        not depend on the machine or its load.
    every
        Ticks after which the next decision replans, if an operation has started or ended since. A
        released order, a failure, a repair and an operation to be repeated cause replanning too.
        None: about the factory's mean process time (half the mean of its work centres' longest
        waits).
    rule
        Rule whose schedule is the first hint, and which decides without a plan.
    max_tasks
        Number of operations in the window.
    changing
        Shadow price of a tick of changeover, as a multiple of the cost of delaying one order of
        mean weight by a tick. It represents the machine time that later orders need.
    starting
        Price of a tick by which one operation starts later, as a multiple of the same cost.
    """

    sees_the_future = False

    def __init__(
        self,
        seconds: float = 1.0,
        every: int | None = None,
        rule: Rule | None = None,
        max_tasks: int = 50,
        changing: float = 0.5,
        starting: float = 0.01,
    ) -> None:
        self.rule = rule if rule is not None else make_rule("ATCS", k1=2, k2=0.5)
        self.every = every
        self.settings = PlannerConfig(
            seconds, max_tasks, changing, starting, (self.rule, *HINT_RULES)
        )
        self.figures = PlannerStats()

    def bind(self, batch: Batch) -> None:
        """Take the shops to decide for; their episodes have just begun."""
        self.batch, self.planner = batch, self.make_planner(batch)
        self.planner.figures = self.figures
        self._intervals = [
            usual_interval(batch.arrays, g) if self.every is None else self.every
            for g in range(len(batch.factories))
        ]
        self.plans: list[MachineSequences | None] = [None] * batch.num_envs
        self._news: list[tuple[int, ...]] = [()] * batch.num_envs
        self._progress: list[tuple[int, int]] = [(0, 0)] * batch.num_envs
        self._idle_waits = [0] * batch.num_envs

    def make_planner(self, batch: Batch) -> SolverPlanner:
        """Return a planner for ``batch``."""
        return SolverPlanner(batch.arrays, batch.shop, batch.tables, self.settings)

    def decide(self, observation: ObservationArrays) -> NDArray[np.int64]:
        """Return a legal row for each environment; 0 where the episode is over."""
        rows = [
            self._decide(observation, e) if machine >= 0 else 0
            for e, machine in enumerate(self.batch.shop.env.deciding.tolist())
        ]
        return np.array(rows, np.int64)

    def _decide(self, observation: ObservationArrays, e: int) -> int:
        shop = self.batch.shop
        seen = {name: table[e : e + 1] for name, table in observation.items()}
        plan = self.plans[e]
        if plan is None or self._is_stale(plan, shop, e):
            plan = self.plans[e] = self.replan(e, seen, plan)
            self._news[e], self._progress[e] = self.news(shop, e), progress(shop, e)
        row = row_by_plan(self.planner.changeovers[int(shop.env.factory[e])], shop, e, plan)
        self.figures.decisions["rule" if row is None else "plan"] += 1
        row = row_by_rule(self.rule, seen, shop, e, plan.planned) if row is None else row
        return self._end_idle_waits(e, row, seen)

    def _end_idle_waits(self, e: int, row: int, seen: ObservationArrays) -> int:
        """Return ``row``, or the rule's choice if all machines wait and no event is to come.

        Shifts and maintenance are no events here, but are given time to pass.
        """
        shop, mask = self.batch.shop, seen["action_mask"].copy()
        max_waits = 2 * shop.machines.shape[1]
        if self.planner.changeovers[int(shop.env.factory[e])].has_operating_rules:
            max_waits = SHIFT_WAITS * shop.machines.shape[1]
            starts = row < shop.job_row.shape[1] or work_may_come(shop, e)
            self._idle_waits[e] = 0 if starts else self._idle_waits[e] + 1
        else:
            waits = row == mask.shape[1] - 1 and not self.is_under_way(shop, e)
            self._idle_waits[e] = self._idle_waits[e] + 1 if waits else 0
        mask[0, -1] = 0
        if self._idle_waits[e] <= max_waits or not mask.any():
            return row
        return int(np.asarray(self.rule.decide({**seen, "action_mask": mask}))[0])

    def is_under_way(self, shop: ShopState, e: int) -> bool:
        """Return True if any known event is to come."""
        return bool(shop.env.num_travelling[e] > 0 or (shop.machines.status[e] != IDLE).any())

    def replan(
        self, e: int, seen: ObservationArrays, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from the clock on."""
        return self.planner.plan(e, seen, in_force)

    def _is_stale(self, plan: MachineSequences, shop: ShopState, e: int) -> bool:
        if self.news(shop, e) != self._news[e]:
            return True
        late = int(shop.env.clock[e]) - plan.date >= self._intervals[int(shop.env.factory[e])]
        return late and progress(shop, e) != self._progress[e]

    def news(self, shop: ShopState, e: int) -> tuple[int, ...]:
        """Return the numbers of released orders and unforeseen events; changes cause replanning."""
        return int(shop.env.num_released[e]), *surprises(shop, e)


def usual_interval(arrays: FactoryArrays, g: int) -> int:
    """Return the usual ticks between plans in factory ``g``: about its mean process time."""
    longest_waits = arrays.centres.longest_wait[g, : int(arrays.plant.num_centres[g])]
    return max(1, int(longest_waits.mean()) // 2)


def surprises(shop: ShopState, e: int) -> tuple[int, ...]:
    """Return the numbers of failures, of machines under repair, and of repeated attempts."""
    released = int(shop.env.num_released[e])
    machines, attempts = shop.machines, shop.operations.attempt[e, :released]
    failures, repairs = machines.num_failures[e].sum(), (machines.status[e] == DOWN).sum()
    return int(failures), int(repairs), int(attempts.sum())


def progress(shop: ShopState, e: int) -> tuple[int, int]:
    """Return the numbers of operations that have started, and that are done."""
    status = shop.operations.status[e, : int(shop.env.num_released[e])]
    return int((status >= IN_PROCESS).sum()), int((status == DONE).sum())
