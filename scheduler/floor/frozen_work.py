"""Work of a frozen horizon: locks with dates, and changeovers without an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from factory.simulation.arrays import split_operation_id
from scheduler.floor.floor import ShopFloor


@dataclass(frozen=True)
class DatedChangeover:
    """A changeover without an operation, at a date."""

    machine: str
    start_date: int
    setup: dict[str, str]  # mounted afterwards


@dataclass(frozen=True)
class FrozenWork:
    """Dates of locked operations, and changeovers between them.

    Parameters
    ----------
    starts
        Dates at which each locked operation (order, operation) is selected, and processed; the
        time between is that of its changeover.
    changeovers
        Changeovers without an operation, by date.
    """

    starts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    changeovers: Sequence[DatedChangeover] = ()


def date_locks(floor: ShopFloor, work: FrozenWork) -> None:
    """Give dates to the locks of the snapshot that the floor holds."""
    locks = floor.locks
    for operation_id in locks.sequence[: locks.length[0]].tolist():
        order, operation = split_operation_id(operation_id)
        names = floor.operation_names[int(floor.shop.orders.product[0, order])]
        start = work.starts.get((floor.order_id(order) or "", names[operation]))
        if start is not None:
            locks.start_date[order, operation], locks.process_date[order, operation] = start
            locks.needs_crew[order, operation] = start[1] > start[0]
            locks.num_dated[0] += 1
    room = len(locks.changeover_date)
    for i, changeover in enumerate(work.changeovers[:room]):
        machine = floor.machine_names.index(changeover.machine)
        attributes = floor.centres[machine].attributes
        values = [
            attribute.values.index(changeover.setup[attribute.name]) for attribute in attributes
        ]
        locks.changeover_machine[i] = machine
        locks.changeover_date[i] = changeover.start_date
        locks.changeover_target[i] = floor.shop.mounted[0, machine]
        locks.changeover_target[i, : len(values)] = np.array(values, np.int16)
        locks.num_changeovers[0] = i + 1
