"""The state of the shop with realised values in place of expectations, for clairvoyant planning."""

from __future__ import annotations

import math

import numpy as np

from agents.solver.known_state import KnownReader, Row
from factory.realisation import random_numbers
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    PAUSED,
    UPCOMING,
    FactoryArrays,
    ShopState,
    split_operation_id,
)
from factory.simulation.kernel import MAX_ATTEMPTS
from factory.simulation.machine_work import ATTEMPT_KEYS


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
        """Return the date at which the machine will be idle, if it does not fail before.

        Closures are counted as expected.
        """
        if self.arrays.plant.has_hours[shop.env.factory[e]]:
            expected = super().machine_end(shop, e, number, row)
            if row["status"] == PAUSED:
                return expected
            return max(expected, self._end_without_closures(shop, e, number, row))
        return self._end_without_closures(shop, e, number, row)

    def _end_without_closures(self, shop: ShopState, e: int, number: int, row: Row) -> int:
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
