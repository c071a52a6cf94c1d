"""Plans: a policy or rule simulated from a snapshot until all orders are done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from factory.simulation.arrays import (
    NEVER,
)
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice
from scheduler.floor.floor import ShopFloor
from scheduler.plans.changes import Change
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_policy import PlanPolicy
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import (
    MAX_SAMPLED_ORDERS,
    PlanSimulation,
    Sampling,
    check_sampling,
)
from scheduler.plans.schema import (
    MAX_FUTURES,
    Plan,
)
from scheduler.plans.what_if import PlanComparison, change_snapshot, compare_plans
from scheduler.plans.work_limit import WorkLimit
from scheduler.snapshot.schema import Snapshot


class Planner:
    """Planner with a decider's policy and rule.

    Parameters
    ----------
    decider
        Decider whose floor is used; it cannot decide while a plan is being made.
    max_seconds
        Time for one plan by the decider's clock, without that for loading compiled code.
    """

    def __init__(self, decider: Decider, max_seconds: float = math.inf) -> None:
        self.decider, self.max_seconds = decider, max_seconds
        self.factory = decider.floor.factory
        self._simulation = PlanSimulation(decider.floor)

    def plan(
        self,
        snapshot: Snapshot,
        *,
        by: Literal["policy", "rule"] = "policy",
        futures: int = 0,
        seed: int = 0,
    ) -> Plan:
        """Simulate the expected future of a snapshot until all its orders are done.

        Parameters
        ----------
        by
            Who decides.
        futures
            Number of sampled futures for the distribution of the dates, with new orders, failures
            and varying times.
        seed
            Seed of the sampled futures.

        Raises
        ------
        PlanError
            If it takes too long, or comes to a standstill, for example because of forbidden
            changeovers.
        """
        limit = WorkLimit(self.max_seconds, self.decider.clock)
        futures, seed = check_sampling(futures, seed, 0, MAX_FUTURES)
        policy, floor = self._policy(by), self.decider.floor
        limit.call(ShopFloor.place, floor, snapshot)
        shop = self._simulation.play_expected(policy, limit)
        dates = None
        if futures:
            end_date = int(shop.env.clock[0])
            dates = self._simulation.sample_dates(policy, futures, seed, end_date, limit)
        plan = write_plan(floor, shop, snapshot, policy, dates)
        return plan.model_copy(
            update={"futures": futures, "microseconds": round(1e6 * limit.seconds)}
        )

    def costs_after(
        self, snapshot: Snapshot, choices: Sequence[tuple[str, Choice]], *, futures: int, seed: int
    ) -> NDArray[np.float64]:
        """Return the costs ``[futures]`` of finishing the known orders after some choices.

        The policy decides afterwards, and no new orders come.

        Parameters
        ----------
        choices
            Names of machines and their choices, in sequence.

        Raises
        ------
        PlanError
            If a choice cannot be carried out, or a number is out of range.
        """
        futures, seed = check_sampling(futures, seed, 1, MAX_SAMPLED_ORDERS)
        if not self.decider.carry_out(snapshot, choices):
            raise PlanError(
                "plan: the choices cannot be carried out. Give those of the snapshot's own"
                " decisions."
            )
        policy = self._policy("policy")
        limit = WorkLimit(self.max_seconds, self.decider.clock)
        sampling = Sampling(futures, seed, new_orders=0, last_date=int(NEVER) - 1)
        shop = self._simulation.play_sampled(policy, sampling, limit)
        total: NDArray[np.float64] = shop.cost.sum(axis=1)
        return total

    def what_if(
        self, snapshot: Snapshot, changes: Sequence[Change], *, futures: int = 0, seed: int = 0
    ) -> PlanComparison:
        """Plan with and without ``changes``, in the same futures.

        Raises
        ------
        SnapshotError
            If a change does not fit the snapshot.
        PlanError
            If there is no plan before or after the changes.
        """
        changed = change_snapshot(snapshot, changes, self.factory)
        before = self.plan(snapshot, futures=futures, seed=seed)
        after = self.plan(changed, futures=futures, seed=seed)
        return compare_plans(before, after)

    def _policy(self, by: Literal["policy", "rule"]) -> PlanPolicy:
        decider = self.decider
        return PlanPolicy(decider.bundle, decider.fallback, by, decider.absence)
