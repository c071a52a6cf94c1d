"""The shop floor as a planner imagines it to go on: expected durations, no failures, no rework, no
further orders. The kernel itself runs it.

A rule simulated here gives the plan that a solver starts from, and a solver's plan can be tried
here before anybody acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from numpy.typing import NDArray

from agents.policy import as_observation
from agents.solver.known_state import Key, KnownOperation, KnownState
from envs.batch import Batch
from envs.step_kernels import step_over_lulls
from factory.futures.lulls import allocate_lulls, begin_lulls
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    LOGGED_OPERATION,
    NEVER,
    PROCESSING,
    FactoryArrays,
    ShopState,
    split_operation_id,
)

ObservationTables = Mapping[str, NDArray[Any]]
LOG_LINES = 8192


@dataclass(frozen=True)
class Planned:
    """One operation of a plan."""

    order: int
    operation: int
    machine: int
    start_date: int  # of processing
    end_date: int

    @property
    def key(self) -> Key:
        return self.order, self.operation


def make_certain(arrays: FactoryArrays) -> None:
    """Durations as expected, no failures, no rework."""
    arrays.operations.sigma[:] = 0.0
    arrays.operations.rework_probability[:] = 0.0
    arrays.operations.first_piece_rework_probability[:] = 0.0
    arrays.machines.mean_time_to_failure[:] = 0.0


class ExpectedShop:
    """One environment of a batch, copied and made certain.

    Parameters
    ----------
    batch
        Whose environments are to be imagined; nothing in it is changed.
    certain
        Whether durations are as expected and nothing fails; otherwise the copy goes on exactly as
        its seed has drawn.
    """

    def __init__(self, batch: Batch, *, certain: bool = True) -> None:
        self.batch = Batch(
            batch.factories,
            batch.books,
            num_envs=1,
            job_rows=batch.shop.job_row.shape[1],
            changeover_rows=batch.shop.changeover_target.shape[1],
            dtype=batch.tables.candidates.dtype.type,
            machine_rows=batch.tables.machines.shape[1],
            log_length=LOG_LINES,
        )
        if certain:
            make_certain(self.batch.arrays)
        self._lulls = allocate_lulls(self.batch.arrays, 1)

    def copy(self, shop: ShopState, e: int) -> None:
        """Environment ``e`` as it is, its hidden future included."""
        for field in fields(ShopState):
            if field.name not in ("log", "log_setup"):
                getattr(self.batch.shop, field.name)[0] = getattr(shop, field.name)[e]
        self.batch.shop.env.log_length[0] = 0

    def expect(self, shop: ShopState, e: int, known: KnownState) -> None:
        """Environment ``e`` with expectations in place of everything that is hidden."""
        self.copy(shop, e)
        floor = self.batch.shop.env
        floor.num_orders[0] = floor.num_released[0]
        floor.seed[0] = 0
        self._expect_machines(known)
        self._expect_arrivals(known.operations)

    def _expect_machines(self, known: KnownState) -> None:
        """No machine fails; what is processed or repaired ends when it is expected to."""
        machines = self.batch.shop.machines
        machines.time_to_failure[0] = NEVER
        for machine in known.machines:
            m = machine.number
            if machine.status in (PROCESSING, DOWN):
                machines.status[0, m] = PROCESSING
                machines.state_date[0, m] = known.clock
                machines.process_left[0, m] = machine.free_date - known.clock
                machines.date[0, m] = machines.expected_end[0, m] = machine.free_date
            elif machine.status == IDLE or machine.status == CHANGING:
                machines.process_left[0, m] = 0

    def _expect_arrivals(self, operations: Mapping[Key, KnownOperation]) -> None:
        """What travels or awaits material arrives when it is expected to."""
        shop = self.batch.shop
        clock = int(shop.env.clock[0])
        in_transit = shop.in_transit[0, : int(shop.env.num_travelling[0])]
        expected = [
            (
                max(clock + 1, operations[split_operation_id(operation_id)].ready_date),
                int(operation_id),
            )
            for operation_id in in_transit.operation_id
        ]
        for place, (date, operation_id) in enumerate(sorted(expected)):  # a sorted array is a heap
            in_transit.date[place], in_transit.operation_id[place] = date, operation_id
        for operation in operations.values():
            if operation.awaits_material:
                shop.orders.material_date[0, operation.order] = operation.ready_date

    def run(
        self,
        decide: Callable[[ObservationTables], int],
        observation: ObservationTables,
        max_choices: int,
    ) -> tuple[Planned, ...] | None:
        """Let ``decide`` choose every row until all orders are completed; what was processed, by
        date of its end. Waits last through lulls.

        Parameters
        ----------
        decide
            From the tables with a leading axis of 1 to a legal row.
        observation
            What is seen at the present decision, leading axis 1.
        max_choices
            After so many choices other than waits it is given up.

        Returns
        -------
        The operations; None if it was given up, or machines wait and nothing is going to happen.
        """
        batch, seen = self.batch, observation
        begin_lulls(self._lulls, 0)
        wait = batch.shop.legal.shape[1] - 1
        choices = idle_waits = 0
        while not batch.over[0]:
            row = decide(seen)
            idle_waits = idle_waits + 1 if row == wait and self._lulls.event_date[0] == NEVER else 0
            choices += row != wait
            if choices > max_choices or idle_waits > 2 * batch.shop.machines.shape[1]:
                return None
            batch.grow_log()
            working = self._lulls, batch.scratch, batch.tables
            if not step_over_lulls(batch.arrays, batch.shop, 0, row, *working):
                return None
            seen = as_observation(batch.tables)
        return self._planned()

    def _planned(self) -> tuple[Planned, ...]:
        """From the log; what was done again is one step from its first start to its last end, on
        the first machine."""
        steps: dict[Key, Planned] = {}
        for kind, machine, order, operation, _, end, start, _ in self.batch.shop.log[
            0, : int(self.batch.shop.env.log_length[0])
        ].tolist():
            if kind == LOGGED_OPERATION:
                first = steps.get(
                    (order, operation), Planned(order, operation, machine, start, end)
                )
                steps[order, operation] = replace(first, end_date=end)
        return tuple(steps.values())

    def price(self, changing: float) -> float:
        """What the episode has cost, up to where it has been imagined, with ``changing`` on top for
        each tick of changeovers."""
        return float(self.batch.shop.cost[0].sum()) + changing * int(
            self.batch.shop.env.changeover_ticks[0]
        )
