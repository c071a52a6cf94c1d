"""Dates of a snapshot are ticks: a number that reads as a calendar date is refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from factory.model import Factory
from factory.validation.errors import Problem
from factory.validation.iso_dates import far_ticks, read_disguised_date
from scheduler.snapshot.order_tables import ARRIVAL_DATE, DUE_DATE, EXPECTED_DATE, PackedOrders
from scheduler.snapshot.schema import Snapshot

_MACHINE_DATES = ("expected_end", "waiting_until", "out_of_service_until")


def check_calendar_dates(
    snapshot: Snapshot, orders: PackedOrders | None, factory: Factory
) -> Iterator[Problem]:
    """Yield the dates that are ``20260331`` or Unix seconds instead of ticks.

    Parameters
    ----------
    orders
        The snapshot's orders as numbers; None: they do not fit the factory.
    """
    clock = snapshot.clock
    yield from _check_date("clock", clock, 0, factory)
    for name, state in snapshot.machines.items():
        for field in _MACHINE_DATES:
            date = getattr(state, field)
            if date is not None:
                yield from _check_date(f"machines.{name}.{field}", date, clock, factory)
    if orders is None or not _any_far(orders, clock, factory):
        return
    for place, order in enumerate(snapshot.orders):
        yield from _check_date(f"orders.{place}.due_date", order.due_date, clock, factory)
        for name, operation in order.operations.items():
            for field in ("arrival_date", "expected_date"):
                date = getattr(operation, field)
                if date is not None:
                    where = f"orders.{place}.operations.{name}.{field}"
                    yield from _check_date(where, date, clock, factory)


def _any_far(orders: PackedOrders, clock: int, factory: Factory) -> bool:
    """Return whether any date of the orders lies years ahead; nan is none."""
    far = far_ticks(factory.tick_minutes)
    dates = (orders.orders[:, DUE_DATE], *orders.operations[:, (ARRIVAL_DATE, EXPECTED_DATE)].T)
    return any(bool(np.any(column - clock >= far)) for column in dates)


def _check_date(place: str, date: int, start: int, factory: Factory) -> Iterator[Problem]:
    """One date; it is far if it lies years after ``start``."""
    if date - start >= far_ticks(factory.tick_minutes):
        text = read_disguised_date(date)
        if text is not None:
            rule = f"dates are ticks of the factory, but this one reads as {text}"
            yield Problem(place, date, rule, "Count the ticks from the date of tick 0")
