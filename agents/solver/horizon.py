"""Rolling-horizon planning: at decision epochs CP-SAT plans the known orders anew, and only the next decisions of each plan are carried out.

What a good APS does: it starts from its dispatching rules' own plans, so that a plan is never worse in the model than they are; it plans what matters
now (a window of operations, the rule's plan beyond it); it knows nothing of what is to come. Ovacik and Uzsoy (1995), Rolling horizon procedures for
dynamic parallel machine scheduling with sequence-dependent setup times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules import Rule, make_rule
from agents.solver.follow import Observation, Plan, row_by_plan, row_by_rule
from agents.solver.planner import HINT_RULES, Figures, Planner, Settings
from envs.batch import Batch
from factory.arrays import DOWN, FactoryArrays, ShopState


class RollingHorizonPolicy:
    """Plans with CP-SAT, follows the plan, and plans again.

    Parameters
    ----------
    seconds
        Nominal time of one solve. It is counted in CP-SAT's deterministic time, so that results do not depend on the machine or its load.
    every
        Ticks after which a plan is made anew at the next decision; it is also whenever an order was released, a machine has failed or been repaired, or an
        operation must be done again. None: about the factory's mean process time (half the mean of its work centres' longest waits).
    rule
        Whose plan is tried first as a hint, and who decides where the plan says nothing.
    most_tasks
        Operations in the window.
    changing
        Shadow price of a tick of changeover, as a multiple of what it costs to delay one order of mean weight by a tick. It stands for the orders that are
        still to come and will need the machine's time.
    starting
        Price of a tick by which one operation starts later, as a multiple of the same.
    """

    sees_the_future = False

    def __init__(
        self, seconds: float = 1.0, every: int | None = None, rule: Rule | None = None, most_tasks: int = 50, changing: float = 0.5, starting: float = 0.01
    ) -> None:
        self.rule = rule if rule is not None else make_rule("ATCS", k1=2, k2=0.5)
        self.every = every
        self.settings = Settings(seconds, most_tasks, changing, starting, (self.rule, *HINT_RULES))
        self.figures = Figures()

    def watch(self, batch: Batch) -> None:
        """The shops to decide for, their episodes just begun."""
        self.batch, self.planner = batch, self.make_planner(batch)
        self.planner.figures = self.figures
        self._intervals = [usual_interval(batch.arrays, g) if self.every is None else self.every for g in range(len(batch.factories))]
        self.plans: list[Plan | None] = [None] * batch.num_envs
        self._news: list[tuple[int, ...]] = [()] * batch.num_envs

    def make_planner(self, batch: Batch) -> Planner:
        """Who plans for ``batch``."""
        return Planner(batch, self.settings)

    def decide(self, observation: Observation) -> NDArray[np.int64]:
        """A legal row for each environment; 0 where the episode is over."""
        rows = [self._decide(observation, e) if machine >= 0 else 0 for e, machine in enumerate(self.batch.shop.floor.deciding.tolist())]
        return np.array(rows, np.int64)

    def _decide(self, observation: Observation, e: int) -> int:
        shop = self.batch.shop
        seen = {name: table[e : e + 1] for name, table in observation.items()}
        plan = self.plans[e]
        if plan is None or self._is_stale(plan, shop, e):
            plan = self.plans[e] = self.planner.plan(e, seen, plan)
            self._news[e] = news(shop, e)
        row = row_by_plan(self.planner.changeovers[int(shop.floor.factory[e])], shop, e, plan)
        self.figures.decisions["rule" if row is None else "plan"] += 1
        return row_by_rule(self.rule, seen, shop, e, plan.planned) if row is None else row

    def _is_stale(self, plan: Plan, shop: ShopState, e: int) -> bool:
        return int(shop.floor.clock[e]) - plan.date >= self._intervals[int(shop.floor.factory[e])] or news(shop, e) != self._news[e]


def usual_interval(arrays: FactoryArrays, g: int) -> int:
    """Ticks between plans that suit factory ``g``: about its mean process time."""
    return max(1, int(arrays.centres.longest_wait[g, : int(arrays.plant.num_centres[g])].mean()) // 2)


def news(shop: ShopState, e: int) -> tuple[int, ...]:
    """What, if it changes, makes a plan anew: orders released, failures, machines under repair, operations to be done again."""
    released = int(shop.floor.num_released[e])
    return released, int(shop.machines.num_failures[e].sum()), int((shop.machines.status[e] == DOWN).sum()), int(shop.operations.attempt[e, :released].sum())
