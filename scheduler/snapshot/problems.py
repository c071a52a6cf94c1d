"""Problems of a snapshot that was parsed: with its factory, and with itself.

Numbers that read as calendar dates are no ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from factory.model import Factory
from factory.validation.errors import Problem
from factory.validation.iso_dates import far_ticks, read_disguised_date
from scheduler.snapshot.consistency import DISAGREEMENT
from scheduler.snapshot.lock_checks import check_locks
from scheduler.snapshot.machine_checks import (
    find_crew_problems,
    find_machine_problems,
    find_state_problems,
)
from scheduler.snapshot.operating_checks import find_clock_problems, find_staff_problems
from scheduler.snapshot.order_checks import (
    check_in_process,
    count_operations_in_process,
    find_order_problems,
)
from scheduler.snapshot.order_tables import (
    ARRIVAL_DATE,
    DUE_DATE,
    EXPECTED_DATE,
    PackedOrders,
    names_of,
    packed,
)
from scheduler.snapshot.schema import OrderState, Snapshot

_MACHINE_DATES = ("expected_end", "waiting_until", "out_of_service_until")


def find_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield all problems of a snapshot; each is looked for when it is asked for."""
    names = names_of(factory)
    tables = packed(snapshot, names)
    yield from check_calendar_dates(snapshot, factory)
    for _, problem in check_order_dates(snapshot, tables, factory):
        yield problem
    if snapshot.factory != factory.name:
        yield _wrong_factory(snapshot, factory)
        return
    yield from find_clock_problems(snapshot, factory)
    yield from _check_releases(snapshot)
    ids = [order.order_id for order in snapshot.orders] if tables is None else tables.ids
    orders = dict(zip(ids, snapshot.orders, strict=True))
    if len(orders) < len(snapshot.orders):
        rule, remedy = "order_id must be unique", "Give each order an id of its own"
        yield Problem("orders", _first_repeated(ids), rule, remedy)
        return
    in_process = count_operations_in_process(snapshot, names)
    if in_process == DISAGREEMENT:
        for _, problem in find_order_problems(snapshot, factory):
            yield problem
    in_work: dict[tuple[str, str], str] = {}
    yield from find_machine_problems(snapshot, names, orders, in_work)
    if in_process != len(in_work):
        for _, problem in check_in_process(snapshot, in_work):
            yield problem
    yield from find_crew_problems(snapshot, factory)
    yield from find_staff_problems(snapshot, factory, names)
    if snapshot.locks:
        yield from check_locks(snapshot, orders, names.products, names.centres)


def find_general_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield the problems that no order and no lock causes: factory, clock, machines and crews."""
    yield from check_calendar_dates(snapshot, factory)
    if snapshot.factory != factory.name:
        yield _wrong_factory(snapshot, factory)
        return
    names = names_of(factory)
    yield from find_clock_problems(snapshot, factory)
    yield from _check_releases(snapshot)
    yield from find_state_problems(snapshot, names)
    yield from find_crew_problems(snapshot, factory)
    yield from find_staff_problems(snapshot, factory, names)


def _wrong_factory(snapshot: Snapshot, factory: Factory) -> Problem:
    rule = f"the policy works for {factory.name}"
    return Problem("factory", snapshot.factory, rule, "Send the snapshot of that factory")


def _check_releases(snapshot: Snapshot) -> Iterator[Problem]:
    dates = snapshot.recent_releases
    if list(dates) != sorted(dates):
        yield Problem("recent_releases", dates, "they must rise", "Sort them")
    if any(date > snapshot.clock for date in dates):
        rule = f"none can lie after the clock at {snapshot.clock}"
        remedy = "Leave out orders that are still to come"
        yield Problem("recent_releases", dates, rule, remedy)


def _first_repeated(ids: Sequence[str]) -> str:
    seen = set[str]()
    for order_id in ids:
        if order_id in seen:
            return order_id
        seen.add(order_id)
    raise AssertionError("all ids differ")


# --- dates ----------------------------------------------------------------------------------------


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
