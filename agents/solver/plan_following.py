"""Plans, and the row that the asked machine chooses to follow one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule
from agents.solver.changeovers import NOTHING, ChangeoverTable, SetupChange, complete
from agents.solver.known_state import Key
from agents.solver.operating.masked_rows import (
    early_maintenance_row,
    first_maintenance_row,
    other_job_row,
    relieving_row,
)
from agents.solver.problem import Sequences
from factory.simulation.arrays import (
    NEVER,
    OPERATION_BITS,
    READY,
    UPCOMING,
    FactoryArrays,
    ShopState,
    split_operation_id,
)

ObservationArrays = Mapping[str, NDArray[Any]]
"""Tables of an observation by name."""


@dataclass(frozen=True)
class MachineSequences:
    """Sequences of all machines, made at ``date``; start dates are absolute."""

    date: int
    sequences: dict[int, list[tuple[Key, int]]]

    @staticmethod
    def begin(date: int, sequences: Sequences) -> MachineSequences:
        """Return a plan from sequences with dates relative to ``date``."""
        return MachineSequences(
            date,
            {
                machine: [(key, date + start) for key, start in sequence]
                for machine, sequence in sequences.items()
            },
        )

    def steps(self, shop: ShopState, e: int, machine: int) -> list[tuple[Key, int]]:
        """Return the machine's operations that have not started, with planned start dates."""
        released = int(shop.env.num_released[e])
        status = shop.operations.status[e]
        steps = [
            (key, date)
            for key, date in self.sequences.get(machine, ())
            if key[0] >= released or status[key] in (UPCOMING, READY)
        ]
        self.sequences[machine] = steps
        return steps

    def then(self, steps: Iterable[tuple[int, Key, int]]) -> MachineSequences:
        """Return the plan with more operations (machine, key, start date) after its own.

        They are added by date; operations that the plan contains are skipped.
        """
        plan, planned = self.copy(), self.planned
        for machine, key, date in sorted(steps, key=lambda step: step[2]):
            if key not in planned:
                plan.sequences.setdefault(machine, []).append((key, date))
        return plan

    def copy(self) -> MachineSequences:
        """Return a copy of the plan."""
        return MachineSequences(
            self.date, {machine: list(sequence) for machine, sequence in self.sequences.items()}
        )

    def steps_of_machines(self) -> list[tuple[int, Key, int]]:
        """Return all operations: machine, key, start date."""
        return [
            (machine, key, date)
            for machine, sequence in self.sequences.items()
            for key, date in sequence
        ]

    @property
    def planned(self) -> set[Key]:
        """Return the operations of the plan."""
        return {key for sequence in self.sequences.values() for key, _ in sequence}


def row_by_plan(
    changeovers: ChangeoverTable, shop: ShopState, e: int, plan: MachineSequences
) -> int | None:
    """Return the row that the plan demands of the asked machine; None if no such row is legal.

    The machine starts its next operation if that is ready. Otherwise it changes over for it in good
    time, fills the gap with a later operation that needs no changeover and fits in, or waits.
    Operations with late material are skipped: the machine does not idle for an unknown time.
    Maintenance is done when it is due, and in waits if it is offered by then. While people, hours
    or runs forbid the next operation, later ones fill the gap
    (:mod:`agents.solver.operating.masked_rows`).
    """
    machine = int(shop.env.deciding[e])
    operates = changeovers.has_operating_rules
    due = first_maintenance_row(shop, e) if operates else None
    if due is not None:
        return due
    steps = [
        step
        for step in plan.steps(shop, e, machine)
        if not awaits_material(changeovers.arrays, shop, e, step[0])
    ]
    if not steps:
        return None
    (first, start_date), wait = steps[0], shop.legal.shape[1] - 1
    row = row_of_job(shop, e, first)
    if row is not None and shop.legal[e, row]:
        return row
    ready = first[0] < int(shop.env.num_released[e]) and bool(
        shop.operations.status[e, *first] == READY
    )
    if ready and row is None:
        return None  # the table has too few rows to show it
    gap = _gap(changeovers, shop, e, machine, first, start_date)
    change = changeover_row(changeovers, shop, e, machine, first)
    if change is not None and (ready or gap <= _allowed_earliness(changeovers, shop, e, machine)):
        return change
    if not ready:
        later = [key for key, _ in steps[1:]]
        filler = _fill_gap(changeovers, shop, e, machine, later, gap)
        if filler is not None:
            return filler
    if operates:
        other = _row_meanwhile(changeovers, shop, e, machine, plan, gap if not ready else None)
        if other is not None:
            return other
    return wait if shop.legal[e, wait] else None


def _row_meanwhile(
    changeovers: ChangeoverTable,
    shop: ShopState,
    e: int,
    machine: int,
    plan: MachineSequences,
    gap: int | None,
) -> int | None:
    """Return a row for the ``gap`` until the next operation is ready, or None.

    None as the gap: it is ready, but forbidden for an unknown time.
    """
    arrays = changeovers.arrays
    if gap is not None:
        return early_maintenance_row(arrays, shop, e, machine, gap)
    later = [key for key, _ in plan.sequences[machine][1:]]
    filler = _fill_gap(changeovers, shop, e, machine, later, int(NEVER))
    if filler is not None:
        return filler
    all_steps = [step for sequence in plan.sequences.values() for step in sequence]
    other = other_job_row(arrays, shop, e, machine, sorted(all_steps, key=lambda step: step[1]))
    return other if other is not None else relieving_row(shop, e)


def _fill_gap(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, steps: list[Key], gap: int
) -> int | None:
    """Return the row of the first of ``steps`` that is ready, needs no changeover and fits in."""
    arrays, g = changeovers.arrays, changeovers.g
    for order, operation in steps:
        row = row_of_job(shop, e, (order, operation))
        if row is None or not shop.legal[e, row]:
            continue
        product = shop.orders.product[e, order]
        base_time = int(arrays.base_time[g, product, operation, machine])
        nominal = base_time + int(shop.operations.option_time[e, order, operation])
        fits = nominal / float(arrays.machines.speed[g, machine]) <= gap
        if fits and _change(changeovers, shop, e, machine, (order, operation)) == NOTHING:
            return row
    return None


def _change(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key
) -> SetupChange | None:
    """Return the changeover that an operation would need on the machine at the clock."""
    count = _num_attributes(changeovers, machine)
    mounted = tuple(shop.mounted[e, machine, :count].tolist())
    wanted = tuple(shop.wanted[e, key[0], key[1], :count].tolist())
    return changeovers.between(machine, mounted, wanted)


def _num_attributes(changeovers: ChangeoverTable, machine: int) -> int:
    arrays, g = changeovers.arrays, changeovers.g
    return int(arrays.centres.num_attributes[g, arrays.machines.centre[g, machine]])


def _gap(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key, start_date: int
) -> int:
    """Return the ticks until the changeover for an operation on its way must begin.

    An operation of an order to come is taken to arrive as planned.
    """
    change = _change(changeovers, shop, e, machine, key)
    is_released = key[0] < int(shop.env.num_released[e])
    arrival_date = expected_arrival(shop, e, key) if is_released else start_date
    return arrival_date - int(shop.env.clock[e]) - (change.ticks if change else 0)


def _allowed_earliness(changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int) -> int:
    """Return the ticks by which a changeover ahead may be early.

    It may not be asked again in time.
    """
    arrays, g = changeovers.arrays, changeovers.g
    return int(arrays.centres.longest_wait[g, arrays.machines.centre[g, machine]]) // 4


def awaits_material(arrays: FactoryArrays, shop: ShopState, e: int, key: Key) -> bool:
    """Return True if an operation waits for late material, whose date is unknown."""
    order, operation = key
    if order >= int(shop.env.num_released[e]):
        return False
    g, product = shop.env.factory[e], shop.orders.product[e, order]
    return bool(
        arrays.operations.needs_material[g, product, operation]
        and shop.operations.status[e, order, operation] == UPCOMING
        and shop.orders.material_date[e, order] > shop.env.clock[e]
    )


def row_of_job(shop: ShopState, e: int, key: Key) -> int | None:
    """Return the job row of an operation; None if it has none."""
    operation_id = (key[0] << OPERATION_BITS) | key[1]
    rows = np.flatnonzero(shop.job_row[e, : int(shop.env.num_job_rows[e])] == operation_id)
    return int(rows[0]) if len(rows) else None


def expected_arrival(shop: ShopState, e: int, key: Key) -> int:
    """Return the date at which an operation is expected to be ready, from the known state.

    The estimates are those of ``factory/simulation/estimates.py``.
    """
    operation, clock = shop.operations[e, *key], int(shop.env.clock[e])
    if operation.status == READY:
        return clock
    return max(clock + 1, int(operation.expected_date), clock + int(operation.lead_time))


def changeover_row(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key
) -> int | None:
    """Return the legal row that changes over to, or towards, the setup of an operation, or None."""
    first, count = shop.job_row.shape[1], _num_attributes(changeovers, machine)
    wanted = tuple(shop.wanted[e, key[0], key[1], :count].tolist())
    operation_id = (key[0] << OPERATION_BITS) | key[1]
    for index in range(int(shop.env.num_changeover_rows[e])):
        target = tuple(shop.changeover_target[e, index, :count].tolist())
        lead = int(shop.changeover_lead[e, index])
        serves = lead >= 0 and (complete(target, wanted) == target or lead == operation_id)
        if serves and shop.legal[e, first + index]:
            return int(first + index)
    return None


def row_by_rule(
    rule: Rule, seen: ObservationArrays, shop: ShopState, e: int, planned: set[Key]
) -> int:
    """Return the rule's choice among the operations that are not planned on any machine.

    If there are none, it is the wait; if that is not legal, the rule's choice among all rows.

    Parameters
    ----------
    seen
        Observation of environment ``e`` alone, with a leading axis of 1.
    """
    mask = seen["action_mask"].copy()
    for row, operation_id in enumerate(shop.job_row[e, : int(shop.env.num_job_rows[e])].tolist()):
        if split_operation_id(operation_id) in planned:
            mask[0, row] = 0
    if not mask[0, : shop.job_row.shape[1]].any():
        if mask[0, -1]:
            return int(mask.shape[1]) - 1
        mask = seen["action_mask"]
    return int(np.asarray(rule.decide({**seen, "action_mask": mask}))[0])
