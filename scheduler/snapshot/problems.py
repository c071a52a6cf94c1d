"""Problems of a snapshot that was parsed: with its factory, and with itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from factory.model import Factory
from factory.validation.errors import Problem
from scheduler.snapshot.consistency import DISAGREEMENT
from scheduler.snapshot.date_checks import check_calendar_dates, check_order_dates
from scheduler.snapshot.lock_checks import check_locks
from scheduler.snapshot.machine_checks import (
    find_crew_problems,
    find_machine_problems,
    find_state_problems,
)
from scheduler.snapshot.order_checks import (
    check_in_process,
    count_operations_in_process,
    find_order_problems,
)
from scheduler.snapshot.order_tables import names_of, packed
from scheduler.snapshot.schema import Snapshot


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
    if snapshot.locks:
        yield from check_locks(snapshot, orders, names.products, names.centres)


def find_general_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield the problems that no order and no lock causes: factory, clock, machines and crews."""
    yield from check_calendar_dates(snapshot, factory)
    if snapshot.factory != factory.name:
        yield _wrong_factory(snapshot, factory)
        return
    yield from _check_releases(snapshot)
    yield from find_state_problems(snapshot, names_of(factory))
    yield from find_crew_problems(snapshot, factory)


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
