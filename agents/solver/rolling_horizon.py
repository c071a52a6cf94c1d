"""Rolling-horizon planning: at decision epochs CP-SAT plans the known orders anew, and only the
next decisions of each plan are carried out.

What a good APS does: it starts from its dispatching rules' own plans, so that a plan is never worse
in the model than they are; it plans what matters now (a window of operations, the rule's plan
beyond it); it knows nothing of what is to come. Ovacik and Uzsoy (1995), Rolling horizon procedures
for dynamic parallel machine scheduling with sequence-dependent setup times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule, make_rule
from agents.solver.plan_following import (
    MachineSequences,
    ObservationTables,
    row_by_plan,
    row_by_rule,
)
from agents.solver.planner import HINT_RULES, PlannerConfig, PlannerStats, SolverPlanner
from envs.batch import Batch
from factory.simulation.arrays import DONE, DOWN, IDLE, IN_PROCESS, FactoryArrays, ShopState


class RollingHorizonPolicy:
    """Plans with CP-SAT, follows the plan, and plans again.

    Parameters
    ----------
    seconds
        Nominal time of one solve. It is counted in CP-SAT's deterministic time, so that results do
        not depend on the machine or its load.
    every
        Ticks after which a plan is made anew at the next decision, if an operation has begun or
        ended since; it is also whenever an order was released, a machine has failed or been
        repaired, or an operation must be done again. None: about the factory's mean process time
        (half the mean of its work centres' longest waits).
    rule
        Whose plan is tried first as a hint, and who decides where the plan says nothing.
    max_tasks
        Operations in the window.
    changing
        Shadow price of a tick of changeover, as a multiple of what it costs to delay one order of
        mean weight by a tick. It stands for the orders that are still to come and will need the
        machine's time.
    starting
        Price of a tick by which one operation starts later, as a multiple of the same.
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
        """The shops to decide for, their episodes just begun."""
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
        """Who plans for ``batch``."""
        return SolverPlanner(batch, self.settings)

    def decide(self, observation: ObservationTables) -> NDArray[np.int64]:
        """A legal row for each environment; 0 where the episode is over."""
        rows = [
            self._decide(observation, e) if machine >= 0 else 0
            for e, machine in enumerate(self.batch.shop.env.deciding.tolist())
        ]
        return np.array(rows, np.int64)

    def _decide(self, observation: ObservationTables, e: int) -> int:
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

    def _end_idle_waits(self, e: int, row: int, seen: ObservationTables) -> int:
        """Return ``row``, or, where all machines have waited and nothing is under way, what the
        rule starts.
        """
        shop, mask = self.batch.shop, seen["action_mask"].copy()
        waits = row == mask.shape[1] - 1 and not self.is_under_way(shop, e)
        self._idle_waits[e] = self._idle_waits[e] + 1 if waits else 0
        mask[0, -1] = 0
        if self._idle_waits[e] <= 2 * shop.machines.shape[1] or not mask.any():
            return row
        return int(np.asarray(self.rule.decide({**seen, "action_mask": mask}))[0])

    def is_under_way(self, shop: ShopState, e: int) -> bool:
        """Return whether anything known is going to happen by itself."""
        return bool(shop.env.num_travelling[e] > 0 or (shop.machines.status[e] != IDLE).any())

    def replan(
        self, e: int, seen: ObservationTables, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from now on."""
        return self.planner.plan(e, seen, in_force)

    def _is_stale(self, plan: MachineSequences, shop: ShopState, e: int) -> bool:
        if self.news(shop, e) != self._news[e]:
            return True
        late = int(shop.env.clock[e]) - plan.date >= self._intervals[int(shop.env.factory[e])]
        return late and progress(shop, e) != self._progress[e]

    def news(self, shop: ShopState, e: int) -> tuple[int, ...]:
        """Return what makes a plan anew if it changes: orders released, and surprises."""
        return int(shop.env.num_released[e]), *surprises(shop, e)


def usual_interval(arrays: FactoryArrays, g: int) -> int:
    """Ticks between plans that suit factory ``g``: about its mean process time."""
    return max(
        1, int(arrays.centres.longest_wait[g, : int(arrays.plant.num_centres[g])].mean()) // 2
    )


def surprises(shop: ShopState, e: int) -> tuple[int, ...]:
    """Return the numbers of failures, machines under repair and operations that must be done
    again."""
    released = int(shop.env.num_released[e])
    machines, attempts = shop.machines, shop.operations.attempt[e, :released]
    failures, repairs = machines.num_failures[e].sum(), (machines.status[e] == DOWN).sum()
    return int(failures), int(repairs), int(attempts.sum())


def progress(shop: ShopState, e: int) -> tuple[int, int]:
    """Return the numbers of operations that have begun, and of those that are done."""
    status = shop.operations.status[e, : int(shop.env.num_released[e])]
    return int((status >= IN_PROCESS).sum()), int((status == DONE).sum())
