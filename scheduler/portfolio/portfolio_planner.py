"""Portfolio of policies and rules: each makes a plan, and the cheapest plan is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from factory.model import Factory
from factory.progress import Progress, say
from factory.simulation.arrays import ShopState
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import PlanSimulation, check_sampling
from scheduler.plans.schema import MAX_FUTURES, Plan, PlanAlternative
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.member_policies import Member, NetworkPolicy
from scheduler.snapshot.schema import Snapshot

MAX_SAMPLES = 512
"""Number of samples of each network after which no more are drawn."""
_RULE_SHARE = 0.6
"""Share of the time after which samples of networks begin, where there is a network."""


class _Best(NamedTuple):
    plan: Plan
    member: Member


class _Comparison:
    """Costs of the plans so far, and the cheapest plan.

    Parameters
    ----------
    floor, snapshot
        Shop floor, filled with the snapshot that the plans begin from.
    """

    def __init__(self, floor: ShopFloor, snapshot: Snapshot) -> None:
        self.best: _Best | None = None
        self.first_error: PlanError | None = None
        self._floor, self._snapshot = floor, snapshot
        self._results: dict[str, PlanAlternative] = {}
        known = range(floor.num_known)
        self._is_listed = np.array([floor.order_id(order) is not None for order in known], np.bool_)

    def add(self, member: Member, shop: ShopState) -> None:
        """Add the plan that a simulated shop shows; of each member the cheapest counts."""
        cost = math.fsum(shop.cost[0].tolist())
        if self.best is None or cost < self.best.plan.total_cost:
            plan = write_plan(self._floor, shop, self._snapshot, member, None)
            self.best = _Best(plan, member)
        before = self._results.get(member.name)
        if before is None or before.total_cost is None or cost < before.total_cost:
            orders = shop.orders[0, : len(self._is_listed)]
            is_late = self._is_listed & (orders.completion_date > orders.due_date)
            self._results[member.name] = PlanAlternative(
                made_by=member.name, total_cost=cost, late_orders=int(is_late.sum())
            )

    def note_fault(self, member: Member, error: PlanError) -> None:
        """Note why a member has no plan, unless it has one already."""
        self.first_error = self.first_error or error
        fault = PlanAlternative(
            made_by=member.name, total_cost=None, late_orders=None, fault=str(error)
        )
        self._results.setdefault(member.name, fault)

    def ranked(self) -> tuple[PlanAlternative, ...]:
        """Return the best plan of each member, the cheapest first."""
        winner = "" if self.best is None else self.best.plan.made_by
        results = self._results.values()
        return tuple(sorted(results, key=lambda result: _sort_key(result, winner)))


class PortfolioPlanner:
    """Planner that lets each member of a portfolio make a plan, and takes the cheapest.

    Parameters
    ----------
    floor
        Shop floor that is used.
    members
        Policies and rules, the most promising first. Networks are also sampled, for as long as
        there is time.
    max_seconds
        Time for one plan, without that for loading compiled code. The first member always
        finishes.
    max_samples
        Maximum number of samples of each network.
    """

    def __init__(
        self,
        floor: ShopFloor,
        members: Sequence[Member],
        max_seconds: float = 10.0,
        max_samples: int = MAX_SAMPLES,
    ) -> None:
        if not members:
            raise ValueError("portfolio: no members; there must be at least one. Name a rule.")
        self.factory: Factory = floor.factory
        self.members, self.max_seconds, self.max_samples = members, max_seconds, max_samples
        self._floor, self._simulation = floor, PlanSimulation(floor)
        self._networks = [member for member in members if isinstance(member, NetworkPolicy)]

    def plan(self, snapshot: Snapshot, *, futures: int = 0, seed: int = 0) -> Plan:
        """Return the cheapest plan for a snapshot.

        Costs are those of the expected future, in which nothing fails and everything takes its
        expected time. Of equal plans the one of the earlier member is taken.

        Parameters
        ----------
        futures, seed
            Number of sampled futures for the distribution of the dates, in which the member that
            made the plan decides, and their seed.

        Raises
        ------
        PlanError
            If no member finds a plan.

        Notes
        -----
        Ctrl-C ends the search with the best plan so far, and the sampling of futures with the plan
        alone.
        """
        futures, seed = check_sampling(futures, seed, 0, MAX_FUTURES)
        limit = WorkLimit(self.max_seconds)
        limit.call(ShopFloor.place, self._floor, snapshot)
        comparison = self._compare(snapshot, limit)
        best = comparison.best
        if best is None:
            assert comparison.first_error is not None  # every member has raised
            raise comparison.first_error
        plan = best.plan
        if futures:
            try:
                plan = self._add_dates(snapshot, best, futures, seed, limit)
            except KeyboardInterrupt:
                say("interrupted: the plan is taken without sampled futures")
                futures = 0
        return plan.model_copy(
            update={
                "alternatives": comparison.ranked(),
                "futures": futures,
                "microseconds": round(1e6 * limit.seconds),
            }
        )

    def _compare(self, snapshot: Snapshot, limit: WorkLimit) -> _Comparison:
        """Let members make plans until the time is over, or until Ctrl-C once there is one."""
        comparison = _Comparison(self._floor, snapshot)
        with Progress("comparing plans") as progress:
            for member in self._turns():
                if comparison.best is not None and self._is_over(member, limit):
                    continue
                progress.step()
                # however long it takes, there shall be a plan
                lifted = limit.lifted() if comparison.best is None else nullcontext()
                try:
                    with lifted:
                        shop = self._simulation.play_expected(member, limit)
                    comparison.add(member, shop)
                except PlanError as error:
                    comparison.note_fault(member, error)
                except KeyboardInterrupt:
                    if comparison.best is None:
                        raise
                    say("interrupted: the best plan so far is taken")
                    break
        return comparison

    def _turns(self) -> Iterator[Member]:
        """Yield each member once, then samples of the networks in turn."""
        yield from self.members
        for index in range(self.max_samples):
            for network in self._networks:
                yield network.sample(index)

    def _is_over(self, member: Member, limit: WorkLimit) -> bool:
        """Return whether the time of a member is over; rules leave some for samples."""
        if isinstance(member, NetworkPolicy) or not self._networks or not self.max_samples:
            return limit.reached
        return limit.seconds > _RULE_SHARE * self.max_seconds

    def _add_dates(
        self, snapshot: Snapshot, best: _Best, futures: int, seed: int, limit: WorkLimit
    ) -> Plan:
        """Return the best plan with the distribution of its dates."""
        with limit.lifted():
            dates = self._simulation.sample_dates(
                best.member, futures, seed, best.plan.end_date, limit
            )
            shop = self._simulation.play_expected(best.member, limit)
        return write_plan(self._floor, shop, snapshot, best.member, dates)


def _sort_key(result: PlanAlternative, winner: str) -> tuple[float, bool, str]:
    """Return a sort key: by cost, the plan that is taken before equal ones."""
    cost = math.inf if result.total_cost is None else result.total_cost
    return cost, result.made_by != winner, result.made_by
