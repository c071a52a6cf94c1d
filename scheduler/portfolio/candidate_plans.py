"""Candidates of a search for plans: their costs, and the futures that the cheapest lead to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from agents.network.inference import allocate_network_scratch
from agents.rules.compiled import CompiledRule
from envs.observation.tables import allocate_observation_scratch, allocate_tables
from factory.futures.expected_future import deterministic_copy
from factory.futures.lulls import allocate_lulls
from factory.loading.allocation import allocate
from factory.simulation.arrays import NEVER, ShopState
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_policy import FloorPolicy
from scheduler.plans.projection import SampledNetwork
from scheduler.plans.schema import PlanAlternative
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.member_policies import NetworkPolicy
from scheduler.portfolio.plan_batches import cost_of_rules, cost_of_samples

_OPERATIONS_PER_CALL = 2000
"""Operations of all plans that rules make between two looks at the time, unless one has more."""


class CandidatePlan(NamedTuple):
    """A plan, who made it, and the expected future that shows it."""

    member: FloorPolicy
    cost: float
    shop: ShopState


class CandidateTable:
    """Costs of the plans so far, and the cheapest plan of each member.

    Parameters
    ----------
    floor
        Shop floor, filled with the snapshot that the plans begin from.
    """

    def __init__(self, floor: ShopFloor) -> None:
        self.first_error: PlanError | None = None
        self._plans: dict[str, CandidatePlan] = {}
        self._results: dict[str, PlanAlternative] = {}
        known = range(floor.num_known)
        self._is_listed = np.array([floor.order_id(order) is not None for order in known], np.bool_)

    @property
    def best(self) -> CandidatePlan | None:
        """Return the cheapest plan; of equal ones that of the earlier member."""
        return min(self._plans.values(), key=lambda plan: plan.cost, default=None)

    def cheapest(self, count: int) -> list[CandidatePlan]:
        """Return the cheapest plans of different members, the cheapest first."""
        return sorted(self._plans.values(), key=lambda plan: plan.cost)[:count]

    def add(self, member: FloorPolicy, shop: ShopState) -> None:
        """Add the plan that a simulated shop shows; of each member the cheapest counts."""
        cost = math.fsum(shop.cost[0].tolist())
        before = self._plans.get(member.name)
        if before is not None and before.cost <= cost:
            return
        self._plans[member.name] = CandidatePlan(member, cost, _copy_future(shop))
        orders = shop.orders[0, : len(self._is_listed)]
        is_late = self._is_listed & (orders.completion_date > orders.due_date)
        self._results[member.name] = PlanAlternative(
            made_by=member.name, total_cost=cost, late_orders=int(is_late.sum())
        )

    def note_fault(self, member: FloorPolicy, error: PlanError) -> None:
        """Note why a member has no plan, unless it has one already."""
        self.first_error = self.first_error or error
        fault = PlanAlternative(
            made_by=member.name, total_cost=None, late_orders=None, fault=str(error)
        )
        self._results.setdefault(member.name, fault)

    def ranked(self) -> tuple[PlanAlternative, ...]:
        """Return the best plan of each member, the cheapest first."""
        winner = "" if self.best is None else self.best.member.name
        results = self._results.values()
        return tuple(sorted(results, key=lambda result: _sort_key(result, winner)))


def _copy_future(shop: ShopState) -> ShopState:
    """Return a shop with copies of what a plan is read from."""
    lines = int(shop.env.log_length[0])
    return replace(
        shop,
        env=shop.env.copy(),
        orders=shop.orders.copy(),
        cost=shop.cost.copy(),
        log=shop.log[:, :lines].copy(),
        log_setup=shop.log_setup[:, :lines].copy(),
    )


def _sort_key(result: PlanAlternative, winner: str) -> tuple[float, bool, str]:
    """Return a sort key: by cost, the plan that is taken before equal ones."""
    cost = math.inf if result.total_cost is None else result.total_cost
    return cost, result.made_by != winner, result.made_by


class PlanBatches:
    """Costs of many plans by one compiled call.

    Parameters
    ----------
    floor
        Shop floor that holds the snapshot.
    limit
        Time limit of the work that the plans are a part of.
    """

    def __init__(self, floor: ShopFloor, limit: WorkLimit) -> None:
        self._floor, self._limit = floor, limit
        self._factory = deterministic_copy(floor.arrays)
        here = floor.shop
        self._shop = allocate(
            self._factory,
            1,
            job_rows=here.job_row.shape[1],
            changeover_rows=here.changeover_target.shape[1],
        )
        self._lulls = allocate_lulls(self._factory, 1)
        self._counts = np.zeros((1, 2), np.int64)

    def cost_of_rules(self, rules: Sequence[CompiledRule]) -> list[float]:
        """Return the costs of the plans of rules, infinite where there is none.

        Rules that the time is over for have none.
        """
        costs = np.full(len(rules), np.inf)
        parameters = np.array(rules, np.float64)
        operations = max(1, self._floor.num_known) * self._floor.shop.operations.shape[2]
        count = max(1, _OPERATIONS_PER_CALL // operations)
        for start in range(0, len(rules), count):
            if self._limit.reached:
                break
            part = slice(start, start + count)
            self._limit.call(
                cost_of_rules, self._factory, *self._state(), parameters[part], costs[part]
            )
        return [float(cost) for cost in costs]

    def cost_of_samples(self, samples: Sequence[NetworkPolicy]) -> list[float]:
        """Return the costs of the plans that samples of a network make, infinite where none."""
        shop, weights = self._shop, samples[0].network
        rows, costs = shop.legal.shape[1], np.zeros(len(samples))
        network = SampledNetwork(
            weights,
            allocate_network_scratch(weights, rows),
            np.zeros(rows, np.int64),
            np.zeros(rows),
            0.0,
            np.uint64(0),
        )
        self._limit.call(
            cost_of_samples,
            self._factory,
            self._floor.arrays,
            *self._state(),
            allocate_observation_scratch(shop),
            allocate_tables(self._factory, shop, np.float32),
            network,
            np.array([sample.temperature for sample in samples]),
            np.array([sample.seed for sample in samples], np.uint64),
            costs,
        )
        return [float(cost) for cost in costs]

    def _state(self) -> tuple[Any, ...]:
        """Return floor, locks and the simulated shop, as compiled functions take them."""
        floor = self._floor
        limits = (floor.num_known, int(NEVER) - 1)
        return floor.shop, floor.locks, self._shop, *limits, self._lulls, self._counts
