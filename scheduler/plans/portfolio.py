"""Portfolio of policies and rules: each makes a plan, and the cheapest plan is taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NetworkWeights
from agents.policy import Policy
from factory.model import Factory
from factory.progress import Progress
from factory.simulation.arrays import ShopState
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_policy import check_rows
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import PlanSimulation
from scheduler.plans.planner import check_sampling
from scheduler.plans.schema import MAX_FUTURES, Plan, PlanAlternative
from scheduler.plans.work_limit import WorkLimit
from scheduler.snapshot.schema import Snapshot

TEMPERATURES = (0.25, 0.5, 1.0)
"""Temperatures of the softmax that samples of a network are drawn with, in turn."""
MAX_SAMPLES = 512
"""Number of samples of each network after which no more are drawn."""
_RULE_SHARE = 0.6
"""Share of the time after which samples of networks begin, where there is a network."""


class RowPolicy:
    """Rule, index or any other policy that chooses rows from observations.

    Parameters
    ----------
    name
        Name in plans.
    policy
        The policy.
    """

    network: NetworkWeights | None = None
    temperature, seed, fallbacks = 0.0, 0, 0
    faults: tuple[str, ...] = ()

    def __init__(self, name: str, policy: Policy) -> None:
        self.name, self._policy = name, policy

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Choose a legal row in each world."""
        rows = limit.call(type(self._policy).decide, self._policy, observation)
        return check_rows(np.asarray(rows), np.asarray(observation["action_mask"], np.bool_))


class NetworkPolicy(NamedTuple):
    """Trained network that decides in compiled code."""

    name: str
    network: NetworkWeights
    temperature: float = 0.0  # 0: the best row
    seed: int = 0
    fallbacks: int = 0
    faults: tuple[str, ...] = ()

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Refuse to choose: a compiled network that has no answer is not asked twice."""
        raise PlanError(f"plan: the network {self.name} has no answer. Check its weights.")

    def sample(self, index: int) -> NetworkPolicy:
        """Return the policy that samples its choices, under another seed for each index."""
        temperature = TEMPERATURES[index % len(TEMPERATURES)]
        name = f"{self.name}, sampled"
        return self._replace(name=name, temperature=temperature, seed=index)


Member = RowPolicy | NetworkPolicy


class _Best(NamedTuple):
    plan: Plan
    member: Member


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
        """
        futures, seed = check_sampling(futures, seed, 0, MAX_FUTURES)
        limit = WorkLimit(self.max_seconds)
        limit.call(ShopFloor.place, self._floor, snapshot)
        best, alternatives = self._compare(snapshot, limit)
        plan = best.plan
        if futures:
            plan = self._add_dates(snapshot, best, futures, seed, limit)
        return plan.model_copy(
            update={
                "alternatives": alternatives,
                "futures": futures,
                "microseconds": round(1e6 * limit.seconds),
            }
        )

    def _compare(
        self, snapshot: Snapshot, limit: WorkLimit
    ) -> tuple[_Best, tuple[PlanAlternative, ...]]:
        """Return the best plan, and all that were compared."""
        best: _Best | None = None
        results: dict[str, PlanAlternative] = {}
        first_error: PlanError | None = None
        with Progress("comparing plans") as progress:
            for member in self._turns(limit):
                progress.step()
                try:
                    shop = self._play(member, limit, unlimited=best is None)
                except PlanError as error:
                    first_error = first_error or error
                    fault = PlanAlternative(
                        made_by=member.name, total_cost=None, late_orders=None, fault=str(error)
                    )
                    results.setdefault(member.name, fault)
                    continue
                cost = math.fsum(shop.cost[0].tolist())
                if best is None or cost < best.plan.total_cost:
                    plan = write_plan(self._floor, shop, snapshot, member, None)
                    best = _Best(plan, member)
                known = results.get(member.name)
                if known is None or known.total_cost is None or cost < known.total_cost:
                    results[member.name] = PlanAlternative(
                        made_by=member.name,
                        total_cost=cost,
                        late_orders=self._count_late(shop),
                    )
        if best is None:
            assert first_error is not None  # every member has raised
            raise first_error
        ranked = sorted(results.values(), key=lambda result: _sort_key(result, best.plan.made_by))
        return best, tuple(ranked)

    def _turns(self, limit: WorkLimit) -> Iterator[Member]:
        """Yield members as long as there is time: each once, then samples of the networks."""
        networks = [member for member in self.members if isinstance(member, NetworkPolicy)]
        share = _RULE_SHARE if networks and self.max_samples else 1.0
        for member in self.members:
            if limit.seconds > share * self.max_seconds and not isinstance(member, NetworkPolicy):
                continue
            yield member
        for index in itertools.count() if networks else ():
            if limit.reached or index >= self.max_samples:
                return
            for network in networks:
                yield network.sample(index)

    def _play(self, member: Member, limit: WorkLimit, *, unlimited: bool) -> ShopState:
        """Simulate a member's plan; ``unlimited``: however long it takes."""
        own_limit = limit.without_end() if unlimited else limit
        return self._simulation.play_expected(member, own_limit)

    def _count_late(self, shop: ShopState) -> int:
        known = self._floor.num_known
        orders = shop.orders[0, :known]
        is_listed = [self._floor.order_id(order) is not None for order in range(known)]
        return int((np.array(is_listed) & (orders.completion_date > orders.due_date)).sum())

    def _add_dates(
        self, snapshot: Snapshot, best: _Best, futures: int, seed: int, limit: WorkLimit
    ) -> Plan:
        """Return the best plan with the distribution of its dates."""
        dates = self._simulation.sample_dates(
            best.member, futures, seed, best.plan.end_date, limit.without_end()
        )
        shop = self._simulation.play_expected(best.member, limit.without_end())
        return write_plan(self._floor, shop, snapshot, best.member, dates)


def _sort_key(result: PlanAlternative, winner: str) -> tuple[float, bool, str]:
    """Return a sort key: by cost, the plan that is taken before equal ones."""
    cost = math.inf if result.total_cost is None else result.total_cost
    return cost, result.made_by != winner, result.made_by
