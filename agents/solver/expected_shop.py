"""Expected future of a shop floor, for solvers.

A rule simulated in it gives the plan that a solver starts from, and a solver's plan is tried in it
before anybody acts on it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.solver.known_state import Key, KnownOperation, KnownState, has_operating_rules
from agents.solver.problem import Planned
from envs.observation.kernel import observe_env
from envs.observation.tables import (
    Tables,
    allocate_observation_scratch,
    allocate_tables,
    as_observation,
)
from factory.futures.expected_future import (
    deterministic_copy,
    expect_arrivals,
    expect_end,
    expect_machine,
)
from factory.futures.lulls import advance_over_lulls, allocate_lulls, begin_lulls
from factory.jit.compile import compiled
from factory.loading.allocation import SPARE_LINES, allocate, grow_log
from factory.log_kinds import LOGGED_OPERATION, columns_of_kind
from factory.simulation.arrays import DOWN, NEVER, PROCESSING, FactoryArrays, ShopState
from factory.simulation.kernel import STUCK, apply_action

ObservationTables = Mapping[str, NDArray[Any]]
LOG_LINES = 8192
SHIFT_WAITS = 40
"""Decisions in a row, for each machine, that start no operation, after which a plan is given up
where there are shifts or maintenance."""


class ExpectedShop:
    """Copy of one environment of several, whose future is the expected one.

    Parameters
    ----------
    arrays
        Factories of the environments.
    shop, tables
        Environments to copy, and their observation; only their sizes matter, and the float type.
    certain
        Whether durations are as expected and nothing fails; otherwise the copy goes on exactly as
        its seed has drawn.
    """

    def __init__(
        self, arrays: FactoryArrays, shop: ShopState, tables: Tables, *, certain: bool = True
    ) -> None:
        self.arrays = deterministic_copy(arrays) if certain else arrays
        self.shop = allocate(
            self.arrays,
            1,
            job_rows=shop.job_row.shape[1],
            changeover_rows=shop.changeover_target.shape[1],
            log_length=LOG_LINES,
        )
        dtype, machine_rows = tables.candidates.dtype.type, tables.machines.shape[1]
        self._tables = allocate_tables(self.arrays, self.shop, dtype, machine_rows)
        self._scratch = allocate_observation_scratch(self.shop)
        self._lulls = allocate_lulls(self.arrays, 1)
        # A view of a plain array: fields of records are slow to reach from Python.
        self._env = self.shop.env.view(np.ndarray)

    def copy(self, shop: ShopState, e: int) -> None:
        """Copy environment ``e`` as it is, its hidden future included."""
        for field in fields(ShopState):
            if field.name not in ("log", "log_setup"):
                getattr(self.shop, field.name)[0] = getattr(shop, field.name)[e]
        self.shop.env.log_length[0] = 0

    def expect(self, shop: ShopState, e: int, known: KnownState) -> None:
        """Copy environment ``e`` with expectations in place of everything that is hidden."""
        self.copy(shop, e)
        self.shop.env.seed[0] = 0
        self._expect_machines(known)
        expect_arrivals(self.arrays, self.shop, 0)
        self._expect_material(known.operations)

    def _expect_machines(self, known: KnownState) -> None:
        """Let no machine fail, and what is processed or repaired end when it is expected to.

        Where hours, maintenance or runs matter, the work itself is kept: it counts, and pauses.
        """
        is_simple = not has_operating_rules(self.arrays, known.factory)
        for machine in known.machines:
            if is_simple and machine.status in (PROCESSING, DOWN):
                expect_end(self.shop, 0, machine.number, machine.free_date)
            else:
                expect_machine(self.arrays, self.shop, 0, machine.number, 0)

    def _expect_material(self, operations: Mapping[Key, KnownOperation]) -> None:
        """Let an order's material arrive when the last operation that awaits it can use it.

        That may be later than the material itself is expected.
        """
        for operation in operations.values():
            if operation.awaits_material:
                self.shop.orders.material_date[0, operation.order] = operation.ready_date

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
        seen = observation
        num_machines, job_rows = self.shop.machines.shape[1], self.shop.job_row.shape[1]
        operates = has_operating_rules(self.arrays, int(self._env["factory"][0]))
        max_idle_waits = (SHIFT_WAITS if operates else 2) * num_machines
        begin_lulls(self._lulls, 0)
        wait = self.shop.legal.shape[1] - 1
        choices = idle_waits = 0
        working = self._lulls, self._scratch, self._tables
        while self._env["deciding"][0] >= 0:
            row = decide(seen)
            is_idle = row == wait and self._lulls.event_date[0] == NEVER
            if operates:  # shifts and maintenance go on for ever
                is_idle = row >= job_rows
            idle_waits = idle_waits + 1 if is_idle else 0
            choices += row != wait
            if choices > max_choices or idle_waits > max_idle_waits:
                return None
            if self._env["log_length"][0] + SPARE_LINES > self.shop.log.shape[1]:
                self.shop = grow_log(self.shop)
            if not step_over_lulls(self.arrays, self.shop, 0, row, *working):
                return None
            seen = as_observation(self._tables)
        return self._planned()

    def _planned(self) -> tuple[Planned, ...]:
        """Read the plan from the log.

        Attempts at an operation are one step, from the first start to the last end, on the first
        machine.
        """
        shop = self.shop
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
        return sum(self.shop.cost[0].tolist()) + changing * int(self.shop.env.changeover_ticks[0])


@compiled
def step_over_lulls(factory, shop, e, row, lulls, scratch, tables):
    """Apply a legal row, advance over lulls, and observe; return False if the factory is stuck.

    Waits last through lulls.
    """
    apply_action(factory, shop, e, row)
    advance_over_lulls(factory, shop, e, lulls)
    observe_env(factory, shop, e, scratch, tables)
    return shop.env[e].deciding != STUCK
