"""A plan at work: which row the asked machine chooses when its next planned operation is ready, on
its way, or held up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule
from agents.solver.changeovers import NOTHING, ChangeoverTable, SetupChange, complete
from agents.solver.known_state import Key
from agents.solver.problem import Sequences
from factory.simulation.arrays import (
    OPERATION_BITS,
    READY,
    UPCOMING,
    FactoryArrays,
    ShopState,
    split_operation_id,
)

ObservationTables = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class MachineSequences:
    """Sequences of all machines, made at ``date``; start dates are absolute."""

    date: int
    sequences: dict[int, list[tuple[Key, int]]]

    @staticmethod
    def begin(date: int, sequences: Sequences) -> MachineSequences:
        """A plan from sequences with dates after ``date``."""
        return MachineSequences(
            date,
            {
                machine: [(key, date + start) for key, start in sequence]
                for machine, sequence in sequences.items()
            },
        )

    def steps(self, shop: ShopState, e: int, machine: int) -> list[tuple[Key, int]]:
        """The machine's operations that have not started anywhere, in order, with planned start
        dates."""
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
        """Return the plan with more operations (machine, key, start date) after its own, by date,
        but for those that it has.
        """
        plan, planned = self.copy(), self.planned
        for machine, key, date in sorted(steps, key=lambda step: step[2]):
            if key not in planned:
                plan.sequences.setdefault(machine, []).append((key, date))
        return plan

    def copy(self) -> MachineSequences:
        """The same plan, to be followed elsewhere."""
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
        """Operations of the plan."""
        return {key for sequence in self.sequences.values() for key, _ in sequence}


def row_by_plan(
    changeovers: ChangeoverTable, shop: ShopState, e: int, plan: MachineSequences
) -> int | None:
    """What the plan has the asked machine do; None if it says nothing that is legal.

    The next operation if it is ready. Otherwise the machine changes over for it in good time, fills
    the gap with a later operation of its own that needs no changeover and fits in, or waits. An
    operation whose late material nobody can date is passed over: the machine does not idle for it.
    """
    machine = int(shop.env.deciding[e])
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
        return None  # too few rows to show it
    gap = _gap(changeovers, shop, e, machine, first, start_date)
    change = changeover_row(changeovers, shop, e, machine, first)
    if change is not None and (ready or gap <= _patience(changeovers, shop, e, machine)):
        return change
    filler = (
        _fill_gap(changeovers, shop, e, machine, [key for key, _ in steps[1:]], gap)
        if not ready
        else None
    )
    if filler is not None:
        return filler
    return wait if shop.legal[e, wait] else None


def _fill_gap(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, steps: list[Key], gap: int
) -> int | None:
    """The row of the first of ``steps`` that is ready, needs no changeover and fits in."""
    arrays, g = changeovers.arrays, changeovers.g
    for order, operation in steps:
        row = row_of_job(shop, e, (order, operation))
        if row is None or not shop.legal[e, row]:
            continue
        nominal = int(arrays.base_time[g, shop.orders.product[e, order], operation, machine]) + int(
            shop.operations.option_time[e, order, operation]
        )
        if (
            nominal / float(arrays.machines.speed[g, machine]) <= gap
            and _change(changeovers, shop, e, machine, (order, operation)) == NOTHING
        ):
            return row
    return None


def _change(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key
) -> SetupChange | None:
    """The changeover that an operation would need on the machine now."""
    attributes = int(
        changeovers.arrays.centres.num_attributes[
            changeovers.g, changeovers.arrays.machines.centre[changeovers.g, machine]
        ]
    )
    mounted, wanted = (
        shop.mounted[e, machine, :attributes],
        shop.wanted[e, key[0], key[1], :attributes],
    )
    return changeovers.between(machine, tuple(mounted.tolist()), tuple(wanted.tolist()))


def _gap(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key, start_date: int
) -> int:
    """Ticks until the machine must begin to get ready for an operation that is on its way; one of
    an order to come arrives as planned."""
    change = _change(changeovers, shop, e, machine, key)
    arrival_date = (
        expected_arrival(shop, e, key) if key[0] < int(shop.env.num_released[e]) else start_date
    )
    return arrival_date - int(shop.env.clock[e]) - (change.ticks if change else 0)


def _patience(changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int) -> int:
    """Ticks by which a changeover ahead may be early: the machine may not be asked again before
    long."""
    arrays, g = changeovers.arrays, changeovers.g
    return int(arrays.centres.longest_wait[g, arrays.machines.centre[g, machine]]) // 4


def awaits_material(arrays: FactoryArrays, shop: ShopState, e: int, key: Key) -> bool:
    """Whether an operation waits for material that is late, and nobody knows how long."""
    order, operation = key
    if order >= int(shop.env.num_released[e]):
        return False
    needs = arrays.operations.needs_material[
        shop.env.factory[e], shop.orders.product[e, order], operation
    ]
    return bool(
        needs
        and shop.operations.status[e, order, operation] == UPCOMING
        and shop.orders.material_date[e, order] > shop.env.clock[e]
    )


def row_of_job(shop: ShopState, e: int, key: Key) -> int | None:
    """The job row that offers an operation; None if no row does."""
    operation_id = (key[0] << OPERATION_BITS) | key[1]
    rows = np.flatnonzero(shop.job_row[e, : int(shop.env.num_job_rows[e])] == operation_id)
    return int(rows[0]) if len(rows) else None


def expected_arrival(shop: ShopState, e: int, key: Key) -> int:
    """When an operation is expected to be ready, from what is known (see
    ``factory/simulation/estimates.py``)."""
    operation, clock = shop.operations[e, *key], int(shop.env.clock[e])
    return (
        clock
        if operation.status == READY
        else max(clock + 1, int(operation.expected_date), clock + int(operation.lead_time))
    )


def changeover_row(
    changeovers: ChangeoverTable, shop: ShopState, e: int, machine: int, key: Key
) -> int | None:
    """The legal row that changes the machine over to, or towards, what an operation wants; None if
    there is none."""
    first = shop.job_row.shape[1]
    attributes = int(
        changeovers.arrays.centres.num_attributes[
            changeovers.g, changeovers.arrays.machines.centre[changeovers.g, machine]
        ]
    )
    wanted = tuple(shop.wanted[e, key[0], key[1], :attributes].tolist())
    for index in range(int(shop.env.num_changeover_rows[e])):
        target = tuple(shop.changeover_target[e, index, :attributes].tolist())
        leads_there = (
            complete(target, wanted) == target
            or int(shop.changeover_lead[e, index]) == (key[0] << OPERATION_BITS) | key[1]
        )
        if leads_there and shop.legal[e, first + index]:
            return int(first + index)
    return None


def row_by_rule(
    rule: Rule, seen: ObservationTables, shop: ShopState, e: int, planned: set[Key]
) -> int:
    """The rule's choice among what is planned nowhere; if all is, the wait; if that is not legal,
    its choice among everything.

    Parameters
    ----------
    seen
        The observation of environment ``e`` alone, leading axis 1.
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
