"""Simulation of a shop floor until its known orders are done."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import allocate_network_scratch
from envs.observation.tables import (
    Tables,
    allocate_observation_scratch,
    allocate_tables,
    as_observation,
)
from factory.futures.expected_future import deterministic_copy, repairable_copy
from factory.futures.lulls import allocate_lulls
from factory.futures.sampled_futures import allocate_beliefs
from factory.loading.allocation import SPARE_LINES, allocate, grow_log
from factory.progress import Progress
from factory.simulation.arrays import CHANGING, NEVER, FactoryArrays, ShopState
from factory.simulation.kernel import STUCK
from factory.validation.arguments import as_whole, show
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError, explain_time_limit
from scheduler.plans.plan_policy import FloorPolicy
from scheduler.plans.projection import (
    CIRCLING,
    FAULT,
    PAUSED_SEARCH,
    RUNNING,
    SampledNetwork,
    advance_to_decision,
    decide_all,
    simulate_policy,
    simulate_rule,
)
from scheduler.plans.starting_floors import init_expected, init_sampled
from scheduler.plans.work_limit import WorkLimit

MAX_SAMPLED_ORDERS = 100_000
"""Maximum number of orders in all futures together, by memory."""
_HORIZON = 3.0
"""Length of sampled futures, relative to the length of the plan."""
_ORDER_MARGIN = 1.5
"""Room for new orders, relative to their expected number."""
_MAX_NEW_ORDERS = 2000
_DECISIONS_PER_CALL = 1000
"""Decisions of a compiled policy between two checks of the time and of the log's length."""


class Sampling(NamedTuple):
    """Sampled futures: their number and seed, room for new orders, and the date of their end."""

    futures: int
    seed: int
    new_orders: int
    last_date: int


class PlanSimulation:
    """Simulation of a shop floor in expected and sampled futures.

    Parameters
    ----------
    floor
        Shop floor that holds the snapshot.
    """

    def __init__(self, floor: ShopFloor) -> None:
        self.floor = floor
        self._worlds = dict[tuple[int, int, int, int], ShopState]()

    def play_expected(self, policy: FloorPolicy, limit: WorkLimit) -> ShopState:
        """Simulate the expected future to its end.

        Raises
        ------
        PlanError
            If it takes too long, or comes to a standstill.
        """
        floor = self.floor
        factory = deterministic_copy(floor.arrays)
        shop = self._world(factory, 1, 2 * SPARE_LINES)
        limit.call(init_expected, factory, floor.shop, floor.locks, shop)
        return self._play(factory, shop, policy, int(NEVER) - 1, limit)

    def play_sampled(self, policy: FloorPolicy, sampling: Sampling, limit: WorkLimit) -> ShopState:
        """Simulate sampled futures until the known orders are done, or the last date has passed.

        Raises
        ------
        PlanError
            If there are more orders than fit in memory, or as for :meth:`play_expected`.
        """
        floor = self.floor
        orders = floor.num_known + sampling.new_orders
        if sampling.futures * orders > MAX_SAMPLED_ORDERS:
            raise PlanError(
                f"plan: futures = {sampling.futures}; with {floor.num_known} orders and those to"
                f" come there is room for {MAX_SAMPLED_ORDERS // orders}. Choose fewer."
            )
        factory = repairable_copy(floor.arrays, orders)
        shop = self._world(factory, sampling.futures, 0)
        limit.call(
            init_sampled,
            factory,
            floor.shop,
            floor.locks,
            allocate_beliefs(factory),
            shop,
            np.uint64(sampling.seed),
            sampling.new_orders,
            sampling.last_date,
        )
        return self._play(factory, shop, policy, sampling.last_date, limit)

    def sample_dates(
        self, policy: FloorPolicy, futures: int, seed: int, end_date: int, limit: WorkLimit
    ) -> NDArray[np.int64]:
        """Return completion dates ``[futures, O]``, NEVER where they lie beyond the simulation.

        Parameters
        ----------
        end_date
            End of the plan in the expected future.
        """
        known, clock = self.floor.num_known, int(self.floor.shop.env.clock[0])
        last_date = clock + math.ceil(_HORIZON * (end_date - clock)) + 1
        sampling = Sampling(futures, seed, self._room_for_orders(last_date - clock), last_date)
        shop = self.play_sampled(policy, sampling, limit)
        dates = shop.orders.completion_date[:, :known]
        return np.where(dates < 0, NEVER, dates)

    def _room_for_orders(self, ticks: int) -> int:
        demand = self.floor.factory.demand
        if demand is None:
            return 0
        shortest = min(regime.interarrival_time for regime in demand.regimes)
        expected = ticks / shortest * sum(demand.batch) / 2
        return min(_MAX_NEW_ORDERS, math.ceil(_ORDER_MARGIN * expected) + 16)

    def _world(self, factory: FactoryArrays, worlds: int, log_length: int) -> ShopState:
        """Return arrays for some worlds; the newest of one world, and of several, are kept."""
        here = self.floor.shop
        groups = factory.groups.shape[1]
        key = (worlds, int(factory.plant.num_orders[0]), log_length, groups)
        if key not in self._worlds:
            self._worlds = {
                other: shop
                for other, shop in self._worlds.items()
                if (other[0] == 1) != (worlds == 1)
            }
            self._worlds[key] = allocate(
                factory,
                worlds,
                job_rows=here.job_row.shape[1],
                changeover_rows=here.changeover_target.shape[1],
                log_length=log_length,
            )
        return self._worlds[key]

    def _play(
        self,
        factory: FactoryArrays,
        shop: ShopState,
        policy: FloorPolicy,
        last_date: int,
        limit: WorkLimit,
    ) -> ShopState:
        """Simulate all worlds to their ends.

        Networks and rules of the ATC family decide in compiled code. Where a network fails, and
        for all others, each decision is a step.
        """
        floor, worlds = self.floor, len(shop.env)
        known = floor.num_known
        lulls, counts = allocate_lulls(factory, worlds), np.zeros((worlds, 2), np.int64)
        scratch = allocate_observation_scratch(shop)
        tables = allocate_tables(factory, shop, np.float32)
        network = _compiled_network(policy, tables.action_mask.shape[1])
        rule = policy.compiled_rule
        shop.env.deciding[:] = 0
        outcome = PAUSED_SEARCH
        with Progress(_describe_work(worlds)) as progress:
            while outcome == PAUSED_SEARCH:
                progress.step()
                limits = (known, last_date, lulls, counts)
                state = (factory, floor.arrays, shop, floor.locks, *limits, scratch, tables)
                if network is not None:
                    outcome = limit.call(
                        simulate_policy, *state, network, _DECISIONS_PER_CALL, _max_lines(shop)
                    )
                    if outcome == FAULT:  # the next step reports the fault and asks the rule
                        network, outcome = None, PAUSED_SEARCH
                elif rule is not None:
                    steps = (_DECISIONS_PER_CALL, _max_lines(shop))
                    outcome = limit.call(simulate_rule, *state[:-2], rule, *steps)
                else:
                    outcome = limit.call(advance_to_decision, *state)
                    if outcome == RUNNING and (shop.env.deciding >= 0).any():
                        is_legal = _decide_step(factory, shop, policy, tables, counts, limit)
                        outcome = PAUSED_SEARCH if is_legal else FAULT
                self._check_outcome(outcome, shop, policy, limit)
                if shop.log.shape[1]:
                    shop = grow_log(shop)
        return shop

    def _check_outcome(
        self, outcome: int, shop: ShopState, policy: FloorPolicy, limit: WorkLimit
    ) -> None:
        if outcome == STUCK:
            raise PlanError(explain_standstill(self.floor))
        if outcome == CIRCLING:
            raise PlanError(
                f"plan: {policy.name} changes machines over again and again and starts nothing."
                " Plan by the rule, or with another bundle."
            )
        if outcome == FAULT:
            raise PlanError(
                "plan: a choice was not legal. Check the bundle with python -m scheduler decide."
            )
        if outcome == PAUSED_SEARCH and limit.reached:
            raise PlanError(explain_time_limit(limit.max_seconds, shop))
        if shop.log.shape[1] and shop.env.log_length[0] > shop.log.shape[1]:
            raise PlanError(
                "plan: machines are held too often to write the plan down. Remove locks of"
                " operations that are far off."
            )


def _compiled_network(policy: FloorPolicy, rows: int) -> SampledNetwork | None:
    """Return a policy's network with its scratch; None if anything else decides."""
    if policy.network is None:
        return None
    return SampledNetwork(
        policy.network,
        allocate_network_scratch(policy.network, rows),
        np.zeros(rows, np.int64),
        np.zeros(rows),
        float(policy.temperature),
        np.uint64(policy.seed),
    )


def _decide_step(
    factory: FactoryArrays,
    shop: ShopState,
    policy: FloorPolicy,
    tables: Tables,
    counts: NDArray[np.int64],
    limit: WorkLimit,
) -> bool:
    """Take one decision in each world that is asked; return False if it is not legal."""
    observation = as_observation(tables)
    asked = np.flatnonzero(shop.env.deciding >= 0)
    rows = np.zeros(len(shop.env), np.int64)
    if len(asked) < len(rows):
        observation = {name: table[asked] for name, table in observation.items()}
    rows[asked] = policy.rows(observation, limit)
    return bool(limit.call(decide_all, factory, shop, rows, counts))


def explain_standstill(floor: ShopFloor) -> str:
    """Return why nothing can happen on a floor with open orders."""
    what = f"plan: {floor.factory.name} comes to a standstill with orders open"
    statuses = floor.shop.machines.status[0, : len(floor.machine_names)]
    if floor.shop.env.crews_free[0] == 0 and not (statuses == CHANGING).any():
        why = "crews = 0, and the remaining work needs changeovers"
        return f"{what}; {why}. Give the number of crews that are present."
    remedy = "Check the forbidden changeovers"
    if floor.locks.length[0]:
        remedy += ", and remove some locks"
    return f"{what}; no changeover leads to the remaining work. {remedy}."


def _max_lines(shop: ShopState) -> int:
    """Return the number of lines of the log after which it must grow; NEVER without a log."""
    return shop.log.shape[1] - SPARE_LINES if shop.log.shape[1] else int(NEVER)


def _describe_work(worlds: int) -> str:
    if worlds == 1:
        return "playing the plan to its end"
    return f"playing {worlds} futures, decision by decision"


def check_sampling(futures: Any, seed: Any, least: int, most: int) -> tuple[int, int]:
    """Check number and seed of sampled futures, and return them.

    Raises
    ------
    PlanError
        If one is no whole number, or out of range.
    """
    for name, value in (("futures", futures), ("seed", seed)):
        if as_whole(value) is None:
            raise PlanError(f"plan: {name} = {show(value)}; it must be a whole number. Give one.")
    if not least <= futures <= most:
        rule = f"it must lie between {least} and {most}"
        remedy = "fewer" if futures > most else "more"
        raise PlanError(f"plan: futures = {futures}; {rule}. Choose {remedy}.")
    if not 0 <= seed < 2**63:
        rule = "it must lie between 0 and 2**63 - 1"
        raise PlanError(f"plan: seed = {seed}; {rule}. Choose another.")
    return int(futures), int(seed)
