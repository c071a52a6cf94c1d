"""Check that dates of a snapshot are ticks; numbers that read as calendar dates are refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from factory.model import Factory
from factory.validation.errors import Problem
from factory.validation.iso_dates import far_ticks, read_disguised_date
from scheduler.snapshot.order_tables import ARRIVAL_DATE, DUE_DATE, EXPECTED_DATE, PackedOrders
from scheduler.snapshot.schema import OrderState, Snapshot

_MACHINE_DATES = ("expected_end", "waiting_until", "out_of_service_until")


def check_calendar_dates(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield the dates of clock and machines that are ``20260331`` or Unix seconds, not ticks."""
    clock = snapshot.clock
    yield from _check_date("clock", clock, 0, factory)
    for name, state in snapshot.machines.items():
        for field in _MACHINE_DATES:
            date = getattr(state, field)
            if date is not None:
                yield from _check_date(f"machines.{name}.{field}", date, clock, factory)


def check_order_dates(
    snapshot: Snapshot, orders: PackedOrders | None, factory: Factory
) -> Iterator[tuple[int, Problem]]:
    """Yield such dates of orders, with the indices of the orders.

    Parameters
    ----------
    orders
        Orders of the snapshot as numbers; None: they do not fit the factory.
    """
    if orders is None or not _any_far(orders, snapshot.clock, factory):
        return
    for i, order in enumerate(snapshot.orders):
        for problem in _check_order(f"orders.{i}", order, snapshot.clock, factory):
            yield i, problem


def _check_order(path: str, order: OrderState, clock: int, factory: Factory) -> Iterator[Problem]:
    yield from _check_date(f"{path}.due_date", order.due_date, clock, factory)
    for name, operation in order.operations.items():
        for field in ("arrival_date", "expected_date"):
            date = getattr(operation, field)
            if date is not None:
                yield from _check_date(f"{path}.operations.{name}.{field}", date, clock, factory)


def _any_far(orders: PackedOrders, clock: int, factory: Factory) -> bool:
    """Return whether any date of the orders lies years ahead; nan does not."""
    far = far_ticks(factory.tick_minutes)
    dates = (orders.orders[:, DUE_DATE], *orders.operations[:, (ARRIVAL_DATE, EXPECTED_DATE)].T)
    return any(bool(np.any(column - clock >= far)) for column in dates)


def _check_date(path: str, date: int, start: int, factory: Factory) -> Iterator[Problem]:
    """Yield a problem if a date lies years after ``start`` and reads as a calendar date."""
    if date - start >= far_ticks(factory.tick_minutes):
        text = read_disguised_date(date)
        if text is not None:
            rule = f"dates are ticks of the factory, but this one reads as {text}"
            yield Problem(path, date, rule, "Count the ticks from the date of tick 0")
