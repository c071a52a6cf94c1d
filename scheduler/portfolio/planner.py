"""Plans of the scheduler service: a search, or one policy or rule simulated to the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from factory.simulation.arrays import NEVER
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice
from scheduler.floor.floor import ShopFloor
from scheduler.floor.frozen_work import FrozenWork, date_locks
from scheduler.plans.changes import Change
from scheduler.plans.errors import PlanError
from scheduler.plans.frozen_horizon import FrozenHorizon, freeze
from scheduler.plans.plan_policy import FloorPolicy, PlanPolicy
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import (
    MAX_SAMPLED_ORDERS,
    PlanSimulation,
    Sampling,
    check_sampling,
)
from scheduler.plans.schema import MAX_FUTURES, Plan
from scheduler.plans.stability import measure_nervousness
from scheduler.plans.unfrozen_operations import list_unfrozen
from scheduler.plans.what_if import PlanComparison, change_snapshot, compare_plans
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.plan_changes import compare_by_search
from scheduler.portfolio.portfolio_planner import PortfolioPlanner, SearchBudget
from scheduler.portfolio.tuned_members import tuned_members
from scheduler.snapshot.schema import Snapshot

SEARCH_SECONDS = 1.0
"""Time for the search of one plan where none is given."""
MAX_SEARCH_SECONDS = 10.0
"""Longest time for the search of one plan that the service grants."""
PlanMaker = Literal["search", "policy", "rule"]
"""Search for the cheapest plan, or who decides in a plan that is simulated once."""


class Planner:
    """Planner with a decider's policy and rule.

    Parameters
    ----------
    decider
        Decider whose floor is used; it cannot decide while a plan is being made.
    max_seconds
        Time for one plan by the decider's clock, without that for loading compiled code.
    budget
        Limits of a search.
    """

    def __init__(
        self,
        decider: Decider,
        max_seconds: float = math.inf,
        budget: SearchBudget | None = None,
    ) -> None:
        self.decider, self.max_seconds = decider, max_seconds
        self.budget = SearchBudget(seconds=SEARCH_SECONDS) if budget is None else budget
        self.factory = decider.floor.factory
        self._simulation = PlanSimulation(decider.floor)

    def plan(
        self,
        snapshot: Snapshot,
        *,
        by: PlanMaker = "policy",
        seconds: float | None = None,
        futures: int = 0,
        seed: int = 0,
        previous: Plan | None = None,
        frozen: int = 0,
    ) -> Plan:
        """Plan the expected future of a snapshot until all its orders are done.

        Parameters
        ----------
        by
            Who decides.
        seconds
            Time for a search; None: that of the budget.
        futures
            Number of sampled futures for the distribution of the dates, with new orders, failures
            and varying times.
        seed
            Seed of the sampled futures, and of a search.
        previous
            Previous plan, to measure how much of it moves, and to begin a search with.
        frozen
            Ticks from the clock in which nothing of the previous plan moves, unless the floor has
            made it impossible.

        Raises
        ------
        PlanError
            If it takes too long, or comes to a standstill, for example because of forbidden
            changeovers.
        SnapshotError
            If the snapshot's own locks contradict the frozen part of the previous plan.
        """
        horizon = FrozenHorizon(snapshot, FrozenWork())
        if previous is not None:
            horizon = freeze(snapshot, previous, frozen, self.factory)
        if by == "search":
            known = () if previous is None else (("previous plan", previous),)
            plan = self.open_search(seconds).plan(
                horizon.snapshot, frozen=horizon.work, known=known, futures=futures, seed=seed
            )
        else:
            plan = self._simulate(horizon, self._policy(by), futures, seed)
        if previous is None:
            return plan
        unfrozen = list_unfrozen(previous, plan, snapshot, frozen, self.factory)
        nervousness = measure_nervousness(previous, plan)
        return plan.model_copy(update={"nervousness": nervousness, "unfrozen": unfrozen})

    def open_search(self, seconds: float | None = None) -> PortfolioPlanner:
        """Return the search with the decider's policy and rule.

        Parameters
        ----------
        seconds
            Time for a search; None: that of the budget.
        """
        decider, budget = self.decider, self.budget
        if seconds is not None:
            budget = budget._replace(seconds=seconds)
        members: list[FloorPolicy] = [PlanPolicy(None, decider.fallback, "rule", "")]
        if decider.bundle is None:
            members = [PlanPolicy(None, decider.fallback, "policy", decider.absence)]
        else:
            members.append(self._policy("policy"))
        names = {member.name for member in members}
        members += [each for each in tuned_members(self.factory.name) if each.name not in names]
        return PortfolioPlanner(decider.floor, members, budget, decider.clock)

    def _simulate(
        self, horizon: FrozenHorizon, policy: PlanPolicy, futures: int, seed: int
    ) -> Plan:
        """Simulate a policy once."""
        limit = WorkLimit(self.max_seconds, self.decider.clock)
        futures, seed = check_sampling(futures, seed, 0, MAX_FUTURES)
        floor, snapshot = self.decider.floor, horizon.snapshot
        limit.call(ShopFloor.place, floor, snapshot)
        date_locks(floor, horizon.work)
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
        """Return the costs ``[futures, terms]`` of finishing the known orders after some choices.

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
        return self._sampled_costs(self._policy("policy"), futures, seed)

    def costs_of(
        self, snapshot: Snapshot, by: Literal["policy", "rule"], *, futures: int, seed: int
    ) -> NDArray[np.float64]:
        """Return the costs ``[futures, terms]`` of finishing the known orders by policy or rule.

        The futures depend on the seed alone, and no new orders come.

        Raises
        ------
        PlanError
            If it takes too long, comes to a standstill, or a number is out of range.
        """
        futures, seed = check_sampling(futures, seed, 1, MAX_SAMPLED_ORDERS)
        self.decider.floor.place(snapshot)
        return self._sampled_costs(self._policy(by), futures, seed)

    def _sampled_costs(self, policy: PlanPolicy, futures: int, seed: int) -> NDArray[np.float64]:
        limit = WorkLimit(self.max_seconds, self.decider.clock)
        sampling = Sampling(futures, seed, new_orders=0, last_date=int(NEVER) - 1)
        shop = self._simulation.play_sampled(policy, sampling, limit)
        return np.array(shop.cost, np.float64)

    def what_if(
        self,
        snapshot: Snapshot,
        changes: Sequence[Change],
        *,
        by: PlanMaker = "policy",
        seconds: float | None = None,
        futures: int = 0,
        seed: int = 0,
    ) -> PlanComparison:
        """Plan with and without ``changes``, in the same futures.

        A search carries sequences from one floor to the other, so that what can only cost more,
        such as a machine that is down, never makes its plan cheaper.

        Parameters
        ----------
        by, seconds, futures, seed
            As for :meth:`plan`; ``seconds`` holds for each of the two plans.

        Raises
        ------
        SnapshotError
            If a change does not fit the snapshot.
        PlanError
            If there is no plan before or after the changes.
        """
        changed = change_snapshot(snapshot, changes, self.factory)
        if by == "search":
            search = self.open_search(seconds)
            return compare_by_search(search, snapshot, changed, futures=futures, seed=seed)
        before = self.plan(snapshot, by=by, futures=futures, seed=seed)
        after = self.plan(changed, by=by, futures=futures, seed=seed)
        return compare_plans(before, after)

    def _policy(self, by: Literal["policy", "rule"]) -> PlanPolicy:
        decider = self.decider
        return PlanPolicy(decider.bundle, decider.fallback, by, decider.absence)
