"""Expected future of a shop floor, for solvers.

A rule simulated in it gives the plan that a solver starts from, and a solver's plan is tried in it
before anybody acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from numpy.typing import NDArray

from agents.solver.known_state import Key, KnownOperation, KnownState
from envs.batch import Batch
from envs.observation.tables import as_observation
from envs.step_kernels import step_over_lulls
from factory.futures.expected_future import (
    expect_arrivals,
    expect_end,
    expect_machine,
    make_deterministic,
)
from factory.futures.lulls import allocate_lulls, begin_lulls
from factory.simulation.arrays import (
    DOWN,
    LOGGED_OPERATION,
    NEVER,
    PROCESSING,
    ShopState,
    columns_of_kind,
)

ObservationTables = Mapping[str, NDArray[Any]]
LOG_LINES = 8192


@dataclass(frozen=True)
class Planned:
    """Operation of a plan."""

    order: int
    operation: int
    machine: int
    start_date: int  # of processing
    end_date: int

    @property
    def key(self) -> Key:
        """Return order and operation."""
        return self.order, self.operation


class ExpectedShop:
    """Copy of one environment of a batch, whose future is the expected one.

    Parameters
    ----------
    batch
        Batch whose environments are copied; nothing in it is changed.
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
            make_deterministic(self.batch.arrays)
        self._lulls = allocate_lulls(self.batch.arrays, 1)

    def copy(self, shop: ShopState, e: int) -> None:
        """Copy environment ``e`` as it is, its hidden future included."""
        for field in fields(ShopState):
            if field.name not in ("log", "log_setup"):
                getattr(self.batch.shop, field.name)[0] = getattr(shop, field.name)[e]
        self.batch.shop.env.log_length[0] = 0

    def expect(self, shop: ShopState, e: int, known: KnownState) -> None:
        """Copy environment ``e`` with expectations in place of everything that is hidden."""
        self.copy(shop, e)
        self.batch.shop.env.seed[0] = 0
        self._expect_machines(known)
        expect_arrivals(self.batch.arrays, self.batch.shop, 0)
        self._expect_material(known.operations)

    def _expect_machines(self, known: KnownState) -> None:
        """Let no machine fail, and what is processed or repaired end when it is expected to."""
        arrays, shop = self.batch.arrays, self.batch.shop
        for machine in known.machines:
            if machine.status in (PROCESSING, DOWN):
                expect_end(shop, 0, machine.number, machine.free_date)
            else:
                expect_machine(arrays, shop, 0, machine.number, 0)

    def _expect_material(self, operations: Mapping[Key, KnownOperation]) -> None:
        """Let an order's material arrive when the last operation that awaits it can use it.

        That may be later than the material itself is expected.
        """
        for operation in operations.values():
            if operation.awaits_material:
                self.batch.shop.orders.material_date[0, operation.order] = operation.ready_date

    def run(
        self,
        decide: Callable[[ObservationTables], int],
        observation: ObservationTables,
        max_choices: int,
    ) -> tuple[Planned, ...] | None:
        """Let ``decide`` choose every row until all orders are completed.

        Waits last through lulls.

        Parameters
        ----------
        decide
            Function from observation tables, with a leading axis of 1, to a legal row.
        observation
            Tables of the present decision, with a leading axis of 1.
        max_choices
            Number of choices other than waits after which the simulation is given up.

        Returns
        -------
        The operations, by date of their ends; None if the simulation was given up, or machines wait
        and nothing is going to happen.
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
        """Read the plan from the log.

        Attempts at an operation are one step, from the first start to the last end, on the first
        machine.
        """
        shop = self.batch.shop
        lines = shop.log[0, : int(shop.env.log_length[0])]
        columns = columns_of_kind(lines, LOGGED_OPERATION)
        names = [field.name for field in fields(Planned)]
        steps: dict[Key, Planned] = {}
        for line in zip(*(columns[name].tolist() for name in names), strict=True):
            attempt = Planned(*line)
            first = steps.get(attempt.key, attempt)
            steps[attempt.key] = replace(first, end_date=attempt.end_date)
        return tuple(steps.values())

    def price(self, changing: float) -> float:
        """Return the cost of the episode so far, plus ``changing`` for each tick of changeovers."""
        shop = self.batch.shop
        return float(shop.cost[0].sum()) + changing * int(shop.env.changeover_ticks[0])
