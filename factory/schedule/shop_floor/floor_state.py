"""State of the shop floor at a date: machines, queues, transport, counters.

:mod:`factory.schedule.shop_floor.floor_history` reads states from a schedule;
:mod:`factory.schedule.shop_floor.floor_painter` draws them.
"""

from __future__ import annotations

from typing import NamedTuple

from factory.lookups import Setup


class FloorMachine(NamedTuple):
    """A machine at a date.

    ``status`` is ``processing``, ``changeover``, ``down``, ``reserved`` (an operation is selected
    but not begun), ``waiting`` (by choice) or ``idle``.
    """

    status: str
    setup: Setup  # mounted; during a changeover the setup that it started from
    next_setup: Setup | None = None  # of the changeover in progress
    order: int | None = None
    operation: int | None = None
    # ticks until the operation, changeover or repair ends; None: not known
    remaining_time: int | None = None
    elapsed_share: float = 0.0  # of that operation, changeover or repair


class WaitingOperation(NamedTuple):
    """An operation on its way to a machine.

    ``status`` is ``ready`` (in the queue), ``in_transit``, or ``blocked``: it waits for further
    parts, or for material.
    """

    order: int
    operation: int
    status: str
    date: int  # when it joined the queue, or will arrive


class FloorState(NamedTuple):
    """Shop floor at a date; waiting operations by work centre: ready ones first, as in the queue,
    then in transit, then blocked.
    """

    date: int
    machines: tuple[FloorMachine, ...]
    waiting: tuple[tuple[WaitingOperation, ...], ...]
    finished: int
    in_progress: int
    late_orders: frozenset[int]  # finished late, or late already
    cost: float | None
