"""A shop's records, read in plain Python: setups, waits and arrivals of one machine that is
asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envs.batch import Batch
from factory.simulation.arrays import IDLE, UPCOMING, split_operation_id


class Floor:
    """One shop and its asked machine, seen from Python."""

    def __init__(self, batch: Batch, e: int) -> None:
        self.arrays, self.shop, self.e = batch.arrays, batch.shop, e
        self.g, self.asked = int(batch.shop.env.factory[e]), int(batch.shop.env.deciding[e])
        self.centre = int(self.arrays.machines.centre[self.g, self.asked])
        self.longest_wait = float(self.arrays.centres.longest_wait[self.g, self.centre])

    def machines(self, centre: int) -> range:
        return range(
            int(self.arrays.centres.first_machine[self.g, centre]),
            int(self.arrays.centres.first_machine[self.g, centre + 1]),
        )

    def wanted(self, operation_id: Any) -> list[int]:
        return [
            int(value) for value in self.shop.wanted[(self.e, *split_operation_id(operation_id))]
        ]

    def setup_between(
        self, machine: int, centre: int, mounted: Sequence[int], wanted: Sequence[int]
    ) -> int:
        """Changeover time; -1: forbidden."""
        times = [0]
        for attribute in range(int(self.arrays.centres.num_attributes[self.g, centre])):
            have, want = int(mounted[attribute]), int(wanted[attribute])
            if want >= 0 and want != have:
                times.append(int(self.arrays.setups.time[self.g, machine, attribute, have, want]))
        return (
            -1
            if min(times) < 0
            else sum(times)
            if self.arrays.centres.combine_sum[self.g, centre]
            else max(times)
        )

    def time(self, machine: int, centre: int, operation_id: Any) -> int:
        """Changeover time of an operation on a machine; -1: forbidden."""
        return self.setup_between(
            machine, centre, self.shop.mounted[self.e, machine], self.wanted(operation_id)
        )

    def busy(self, machine: int) -> float:
        """Expected ticks until the machine is idle."""
        states = self.shop.machines
        return (
            0.0
            if states.status[self.e, machine] == IDLE
            else max(0.0, float(states.expected_end[self.e, machine] - self.shop.env.clock[self.e]))
        )

    def can_do(self, machine: int, operation_id: Any) -> bool:
        order, operation = split_operation_id(operation_id)
        return bool(
            self.arrays.base_time[
                self.g, self.shop.orders["product"][self.e, order], operation, machine
            ]
            >= 0
        )

    def operation(self, operation_id: Any) -> Any:
        return self.shop.operations[(self.e, *split_operation_id(operation_id))]

    def ready_in(self, operation_id: Any) -> float:
        one = self.operation(operation_id)
        if one.status != UPCOMING:
            return 0.0
        return max(float(one.expected_date - self.shop.env.clock[self.e]), float(one.lead_time))

    def here(self, which: str) -> list[int]:
        length = int(getattr(self.shop.centres, f"{which}_length")[self.e, self.centre])
        return [
            int(operation_id)
            for operation_id in getattr(self.shop, which)[self.e, self.centre, :length]
            if self.can_do(self.asked, operation_id)
        ]

    def slack(self, operation_id: Any) -> float:
        order = self.shop.orders[self.e, split_operation_id(operation_id)[0]]
        return float(order.due_date - self.shop.env.clock[self.e] - order.work_left)

    def shop_columns(self) -> dict[str, float]:
        fits = [
            operation_id
            for operation_id in self.here("upcoming")
            if self.time(self.asked, self.centre, operation_id) == 0
        ]
        return {
            "fitting_ready": sum(
                self.time(self.asked, self.centre, operation_id) == 0
                for operation_id in self.here("queue")
            ),
            "fitting_upcoming": len(fits),
            "fitting_ready_in": min(
                [self.longest_wait, *(self.ready_in(operation_id) for operation_id in fits)]
            ),
            "fitting_slack": min((self.slack(operation_id) for operation_id in fits), default=0.0),
        }

    def row_columns(self, operation_id: Any) -> dict[str, float]:
        order, operation = split_operation_id(operation_id)
        family = self.operation(operation_id).family
        kin = [other for other in self.here("upcoming") if self.operation(other).family == family]
        twins = [
            machine
            for machine in self.machines(self.centre)
            if machine != self.asked and self.time(machine, self.centre, operation_id) == 0
        ]
        found = {
            "family_ready_in": min([self.longest_wait, *(self.ready_in(other) for other in kin)]),
            "twin_free_in": min([self.longest_wait, *map(self.busy, twins)]),
            "next_fits": 0.0,
            "next_family_ready": 0.0,
        }
        product = int(self.shop.orders["product"][self.e, order])
        if self.arrays.operations.num_successors[self.g, product, operation]:
            after = int(self.arrays.successors[self.g, product, operation, 0])
            centre, successor = (
                int(self.arrays.operations.centre[self.g, product, after]),
                order << 6 | after,
            )
            found["next_fits"] = sum(
                self.can_do(machine, successor) and self.time(machine, centre, successor) == 0
                for machine in self.machines(centre)
            )
            queue = self.shop.queue[
                self.e, centre, : int(self.shop.centres.queue_length[self.e, centre])
            ]
            found["next_family_ready"] = sum(
                self.operation(other).family == self.operation(successor).family for other in queue
            )
        return found
