"""The state of the shop with realised values in place of expectations, for clairvoyant planning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.solver.cp_sat import Solution
from agents.solver.expected_shop import ExpectedShop, Planned
from agents.solver.known_state import KnownReader, KnownState, Row
from agents.solver.plan_following import MachineSequences, ObservationArrays
from agents.solver.planner import CHOICES_EACH, PlannerConfig, SolverPlanner
from envs.batch import Batch
from factory.simulation import random_numbers
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    UPCOMING,
    FactoryArrays,
    ShopState,
    split_operation_id,
)
from factory.simulation.kernel import ATTEMPT_KEYS, MAX_ATTEMPTS


class FutureReader(KnownReader):
    """Reader of orders in progress and to come, with realised durations and deliveries.

    Breakdowns to come stay unknown.

    Parameters
    ----------
    arrays
        Factories of the environments.
    max_tasks
        Number of operations in a planning window.
    """

    def __init__(self, arrays: FactoryArrays, max_tasks: int) -> None:
        super().__init__(arrays)
        self.max_tasks = max_tasks

    def order_numbers(self, shop: ShopState, e: int) -> list[int]:
        """Return the orders in progress, and as many orders to come as may fill a window."""
        return super().order_numbers(shop, e) + self.orders_to_come(shop, e)

    def orders_to_come(self, shop: ShopState, e: int) -> list[int]:
        """Return the next orders that are not released, up to ``max_tasks`` operations in all."""
        first, last = int(shop.env.num_released[e]), int(shop.env.num_orders[e])
        num_operations = self.arrays.products.num_operations[shop.env.factory[e]]
        totals = np.cumsum(num_operations[shop.orders.product[e, first:last]])
        count = int(np.searchsorted(totals, self.max_tasks)) + 1
        return list(range(first, min(last, first + count)))

    def machine_end(self, shop: ShopState, e: int, number: int, row: Row) -> int:
        """Return the date at which the machine will be idle, if it does not fail before."""
        if row["status"] == CHANGING:
            has_work = row["operation_id"] >= 0
            work_time = self._time_in_work(shop, e, number, row) if has_work else 0
            return int(row["date"]) + work_time
        begin = row["date"] if row["status"] == DOWN else row["state_date"]
        return int(begin + row["process_left"])

    def _time_in_work(self, shop: ShopState, e: int, machine: int, row: Row) -> int:
        order, operation = split_operation_id(row["operation_id"])
        return self.process_times(
            shop, e, order, operation, self.operation_rows(shop, e, order)[operation]
        )[machine]

    def operation_rows(self, shop: ShopState, e: int, order: int) -> list[Row]:
        """Return the records of an order's operations; of an order to come as at its release."""
        rows = super().operation_rows(shop, e, order)
        if order < int(shop.env.num_released[e]):
            return rows
        release_date = int(shop.orders.release_date[e, order])
        return [
            {**row, "status": UPCOMING, "attempt": 0, "arrival_date": release_date} for row in rows
        ]

    def process_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row
    ) -> dict[int, int]:
        """Return the realised ticks of all attempts to come, on each eligible machine.

        No attempt is taken to be the first piece after a changeover.
        """
        times = dict.fromkeys(self.expected_times(shop, e, order, operation, row), 0)
        attempt = row["attempt"]
        while True:
            attempt_times = self.attempt_times(shop, e, order, operation, row, attempt)
            for machine, time in attempt_times.items():
                times[machine] += time
            if not self._is_reworked(shop, e, order, operation, attempt):
                return times
            attempt += 1

    def attempt_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row, attempt: int
    ) -> dict[int, int]:
        """Return the realised ticks of one attempt on each eligible machine.

        The realised time is the expected time times exp(sigma z - sigma^2 / 2), z standard normal
        (docs/model.md, section 3).
        """
        route = self.static(int(shop.env.factory[e]), int(shop.orders.product[e, order]))
        expected = self.expected_times(shop, e, order, operation, row)
        sigma = route[operation]["sigma"]
        if sigma == 0:
            return expected
        z = random_numbers.normal(
            shop.env.seed[e], random_numbers.PROCESS, order, ATTEMPT_KEYS * operation + attempt
        )
        factor = math.exp(sigma * z - sigma * sigma / 2)
        return {
            machine: max(1, math.floor(time * factor + 0.5)) if time else 0
            for machine, time in expected.items()
        }

    def _is_reworked(
        self, shop: ShopState, e: int, order: int, operation: int, attempt: int
    ) -> bool:
        route = self.static(int(shop.env.factory[e]), int(shop.orders.product[e, order]))
        probability = route[operation]["rework_probability"]
        u = random_numbers.uniform(
            shop.env.seed[e], random_numbers.REWORK, order, ATTEMPT_KEYS * operation + attempt
        )
        return bool(attempt < MAX_ATTEMPTS - 1 and u < probability)

    def material_date(self, g: int, clock: int, order: Row) -> tuple[int, bool]:
        """Return the date at which the order's material arrives, and True for certain."""
        return int(order["material_date"]), True


class FuturePlanner(SolverPlanner):
    """Planner that knows the realised orders, durations and deliveries.

    Parameters
    ----------
    batch
        Shops to plan for; they are only read.
    settings
        Settings of the planner.
    """

    def __init__(self, batch: Batch, settings: PlannerConfig) -> None:
        super().__init__(batch, settings)
        self.expected = ExpectedShop(batch, certain=False)
        self._future = FutureReader(batch.arrays, settings.max_tasks)

    def look(self, e: int) -> KnownState:
        """Return the orders in progress and to come, with realised values."""
        return self._future.read(self.batch.shop, e)

    def choose(
        self,
        e: int,
        seen: ObservationArrays,
        known: KnownState,
        steps: Sequence[Planned],
        solution: Solution,
        in_force: MachineSequences | None,
    ) -> MachineSequences:
        """Return the cheapest of the plan in force, the solution and its hint.

        Each is carried out to the end of the episode. Operations after the window follow as they
        were planned before, because nothing unforeseen happens until then.
        """
        hint = [(step.machine, step.key, step.start_date) for step in steps]
        rest = hint if in_force is None else [*hint, *in_force.steps_of_machines()]
        plans = [] if in_force is None else [in_force]
        plans.append(MachineSequences.begin(known.clock, solution.sequences).then(rest))
        plans.append(MachineSequences(known.clock, {}).then(hint).then(rest))
        costs = [self._carry_out(e, seen, known, plan) for plan in plans]
        return replace(plans[costs.index(min(costs))], date=known.clock)

    def _carry_out(
        self, e: int, seen: ObservationArrays, known: KnownState, plan: MachineSequences
    ) -> float:
        """Return the cost of the episode if the plan is followed; infinite if it does not end."""
        shop = self.batch.shop
        self.expected.copy(shop, e)
        products = shop.orders.product[e, : int(shop.env.num_orders[e])]
        operations = int(self.batch.arrays.products.num_operations[known.factory][products].sum())
        steps = self.expected.run(self.follow(known.factory, plan), seen, CHOICES_EACH * operations)
        return math.inf if steps is None else self.expected.price(0.0)

    def expect(self, e: int, known: KnownState) -> None:
        """Set the simulated shop to a copy of environment ``e``, up to the last known order."""
        self.expected.copy(self.batch.shop, e)
        env = self.expected.batch.shop.env
        known_orders = (order.number + 1 for order in known.orders)
        env.num_orders[0] = max(int(env.num_released[0]), *known_orders, 0)
