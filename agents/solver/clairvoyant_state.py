"""What only a clairvoyant knows: the shop as :mod:`agents.solver.known_state` tells it, but with
what the seed has drawn in place of expectations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.solver.cp_sat import Solution
from agents.solver.expected_shop import ExpectedShop, Planned
from agents.solver.known_state import KnownReader, KnownState, Row
from agents.solver.plan_following import MachineSequences, ObservationTables
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
    """Reads the orders in progress and those to come next, with the durations and deliveries that
    are drawn. Breakdowns to come stay unknown.

    Parameters
    ----------
    arrays
        The factories that the environments stand in.
    max_tasks
        Operations that the planner wants to see.
    """

    def __init__(self, arrays: FactoryArrays, max_tasks: int) -> None:
        super().__init__(arrays)
        self.max_tasks = max_tasks

    def order_numbers(self, shop: ShopState, e: int) -> list[int]:
        """Orders in progress, and as many to come as may fill a window."""
        return super().order_numbers(shop, e) + self.orders_to_come(shop, e)

    def orders_to_come(self, shop: ShopState, e: int) -> list[int]:
        """Orders that are not released yet and have ``max_tasks`` operations in all, or are the
        last."""
        first, last = int(shop.env.num_released[e]), int(shop.env.num_orders[e])
        counts = np.cumsum(
            self.arrays.products.num_operations[shop.env.factory[e]][
                shop.orders.product[e, first:last]
            ]
        )
        return list(
            range(
                first, first + min(last - first, int(np.searchsorted(counts, self.max_tasks)) + 1)
            )
        )

    def machine_end(self, shop: ShopState, e: int, number: int, row: Row) -> int:
        """When the machine will be done, if it does not fail on the way."""
        if row["status"] == CHANGING:
            return int(row["date"]) + (
                self._time_in_work(shop, e, number, row) if row["operation_id"] >= 0 else 0
            )
        begin = row["date"] if row["status"] == DOWN else row["state_date"]
        return int(begin + row["process_left"])

    def _time_in_work(self, shop: ShopState, e: int, machine: int, row: Row) -> int:
        order, operation = split_operation_id(row["operation_id"])
        return self.process_times(
            shop, e, order, operation, self.operation_rows(shop, e, order)[operation]
        )[machine]

    def operation_rows(self, shop: ShopState, e: int, order: int) -> list[Row]:
        """The records of an order's operations; those of an order to come as they will be at its
        release."""
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
        """Drawn ticks of all attempts still to come, as if none were the first piece after a
        changeover."""
        times, attempt = (
            dict.fromkeys(self.expected_times(shop, e, order, operation, row), 0),
            row["attempt"],
        )
        while True:
            for machine, time in self.attempt_times(
                shop, e, order, operation, row, attempt
            ).items():
                times[machine] += time
            if not self._is_reworked(shop, e, order, operation, attempt):
                return times
            attempt += 1

    def attempt_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row, attempt: int
    ) -> dict[int, int]:
        """Drawn ticks of one attempt on each eligible machine (docs/model.md, section 3)."""
        static = self.static(int(shop.env.factory[e]), int(shop.orders.product[e, order]))[
            operation
        ]
        expected, sigma = self.expected_times(shop, e, order, operation, row), static["sigma"]
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
        static = self.static(int(shop.env.factory[e]), int(shop.orders.product[e, order]))[
            operation
        ]
        u = random_numbers.uniform(
            shop.env.seed[e], random_numbers.REWORK, order, ATTEMPT_KEYS * operation + attempt
        )
        return bool(attempt < MAX_ATTEMPTS - 1 and u < static["rework_probability"])

    def material_date(self, g: int, clock: int, order: Row) -> tuple[int, bool]:
        """When the order's material will be there."""
        return int(order["material_date"]), True


class FuturePlanner(SolverPlanner):
    """Plans with the orders, durations and deliveries in view that the seed has drawn.

    Parameters
    ----------
    batch
        The shops; read only.
    settings
        How to plan.
    """

    def __init__(self, batch: Batch, settings: PlannerConfig) -> None:
        super().__init__(batch, settings)
        self.expected = ExpectedShop(batch, certain=False)
        self._future = FutureReader(batch.arrays, settings.max_tasks)

    def look(self, e: int) -> KnownState:
        """The orders in progress and those to come next, as they will be."""
        return self._future.read(self.batch.shop, e)

    def choose(
        self,
        e: int,
        seen: ObservationTables,
        known: KnownState,
        steps: Sequence[Planned],
        solution: Solution,
        in_force: MachineSequences | None,
    ) -> MachineSequences:
        """Return the cheapest of the plan in force, the solution and what it began with, each
        carried out to the end of the episode.

        What comes after the window follows as it was planned before: nothing unforeseen will have
        changed by then.
        """
        hint = [(step.machine, step.key, step.start_date) for step in steps]
        rest = hint if in_force is None else [*hint, *in_force.steps_of_machines()]
        plans = [] if in_force is None else [in_force]
        plans.append(MachineSequences.begin(known.clock, solution.sequences).then(rest))
        plans.append(MachineSequences(known.clock, {}).then(hint).then(rest))
        costs = [self._carry_out(e, seen, known, plan) for plan in plans]
        return replace(plans[costs.index(min(costs))], date=known.clock)

    def _carry_out(
        self, e: int, seen: ObservationTables, known: KnownState, plan: MachineSequences
    ) -> float:
        """Return what the episode costs if the plan is followed to its end; infinite where it leads
        nowhere.
        """
        shop = self.batch.shop
        self.expected.copy(shop, e)
        products = shop.orders.product[e, : int(shop.env.num_orders[e])]
        operations = int(self.batch.arrays.products.num_operations[known.factory][products].sum())
        steps = self.expected.run(self.follow(known.factory, plan), seen, CHOICES_EACH * operations)
        return math.inf if steps is None else self.expected.price(0.0)

    def expect(self, e: int, known: KnownState) -> None:
        """The very same shop, up to the last order in view."""
        self.expected.copy(self.batch.shop, e)
        floor = self.expected.batch.shop.env
        floor.num_orders[0] = max(
            [int(floor.num_released[0]), *(order.number + 1 for order in known.orders)]
        )
