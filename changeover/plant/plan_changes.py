"""Changes of a plan in the words of a planner: machines down, due dates, weights, cancellations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from changeover.plant.data import PlanData
from changeover.plant.plant_planner import note_time, open_planner
from factory.model import Factory, OrderBook
from factory.tick_dates import TickDates
from factory.validation.errors import Problem, suggest
from factory.validation.iso_dates import read_date
from scheduler.plans.changes import (
    CancelOrder,
    Change,
    ExtraShift,
    MachineDown,
    OrderTerms,
    StaffAbsent,
)
from scheduler.plans.what_if import PlanComparison
from scheduler.portfolio.plan_changes import compare_by_search
from scheduler.portfolio.plan_verification import check_plan
from scheduler.snapshot.from_orders import add_order_book
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, Snapshot

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>d|h|min|m)")
_MINUTES = {"d": 24 * 60, "h": 60, "min": 1, "m": 1}


class RequestedChanges(NamedTuple):
    """Changes as they were asked for, with dates as texts.

    Parameters
    ----------
    machine_down
        Machines, each with the time or date until which no work is done on it.
    due, weight
        Orders, each with its new due date (a date, or a time from now) or weight.
    cancel
        Orders that are cancelled.
    place
        Function that returns the name of one of these fields as errors write it.
    extra_shift
        Calendars, each with local dates between which it is open too.
    staff_absent
        Groups, each with the time or date until which one of its people is absent.
    """

    machine_down: Sequence[tuple[str, str]]
    due: Sequence[tuple[str, str]]
    weight: Sequence[tuple[str, str]]
    cancel: Sequence[str]
    place: Callable[[str], str]
    extra_shift: Sequence[tuple[str, str]] = ()
    staff_absent: Sequence[tuple[str, str]] = ()


def read_changes(requested: RequestedChanges, snapshot: Snapshot, dates: TickDates) -> list[Change]:
    """Return the changes of a snapshot.

    Raises
    ------
    ValueError
        If the plan has no such machine or order, or a date or weight cannot be read.
    """
    _check_names(requested, snapshot)
    changes = _changes(requested, snapshot.clock, dates)
    if {order.order_id for order in snapshot.orders} <= set(requested.cancel):
        place = requested.place("cancel")
        raise ValueError(f"{place}: no order is left to plan. Keep at least one.")
    return changes


def add_rush_orders(place: str, snapshot: Snapshot, book: OrderBook, factory: Factory) -> Snapshot:
    """Return the snapshot with more orders.

    Parameters
    ----------
    place
        File of the orders, for errors.

    Raises
    ------
    ValueError
        If the plan has an order of one of the names.
    """
    known = {order.order_id for order in snapshot.orders}
    again = next((order for order in book.orders if order.order_id in known), None)
    if again is not None:
        rule = f"order_id = {again.order_id!r}; the plan has an order of that name"
        raise ValueError(f"{place}: {rule}. Rename it, or change its due date or weight.")
    return add_order_book(snapshot, book, factory)


def plan_after(before: PlanData, snapshot: Snapshot) -> tuple[PlanComparison, PlanData]:
    """Return the plan of a changed snapshot, and its comparison with the plan before.

    It is made with the settings of the plan before. If it also shows a cheaper plan for the floor
    before the changes, the comparison begins from that.

    Raises
    ------
    PlanError
        If there is no plan.
    """
    planner, notes = open_planner(before.factory, snapshot, before.settings)
    comparison = compare_by_search(
        planner,
        before.snapshot,
        snapshot,
        first=before.plan,
        futures=before.settings.futures,
    )
    plan = comparison.after
    verified = check_plan(plan, snapshot, before.factory)
    check_plan(comparison.before, before.snapshot, before.factory)
    notes = (*notes, *note_time(plan, planner))
    return comparison, replace(before, plan=plan, snapshot=snapshot, notes=notes, verified=verified)


def parse_until(text: str, clock: int, dates: TickDates) -> int:
    """Return the tick of a date, or of a duration from the clock on.

    Raises
    ------
    ValueError
        If the text is neither, or a date that no plan can have.

    Examples
    --------
    >>> parse_until("4h", 100, TickDates(0.5))
    580
    """
    duration = _DURATION.fullmatch(text.strip())
    if duration is not None:
        minutes = float(duration["number"]) * _MINUTES[duration["unit"]]
        ticks = max(1, round(min(minutes / dates.tick_minutes, 2 * MAX_SNAPSHOT_DATE)))
        if clock + ticks > MAX_SNAPSHOT_DATE:
            raise ValueError(f"{text!r}; it is too long for a plan. Give a shorter time.")
        return clock + ticks
    date = read_date(text)
    if date is None:
        rule = "it is neither a duration nor a date"
        raise ValueError(f"{text!r}; {rule}. Write for example 4h, 90min, 2d or 2026-03-02T14:00.")
    return dates.tick(_in_zone_of(dates, date.end))


def _in_zone_of(dates: TickDates, date: datetime) -> datetime:
    """Return a date in the zone of the plan, if it has one and the date has none."""
    if date.tzinfo is None and dates.epoch is not None and dates.epoch.tzinfo is not None:
        return date.replace(tzinfo=dates.epoch.tzinfo)
    return date


def _check_names(requested: RequestedChanges, snapshot: Snapshot) -> None:
    """Refuse machines and orders that the plan does not have."""
    place = requested.place
    orders = [order.order_id for order in snapshot.orders]
    _check_known(
        place("machine_down"),
        "machine",
        [name for name, _ in requested.machine_down],
        list(snapshot.machines),
    )
    for option, names in (
        (place("due"), [name for name, _ in requested.due]),
        (place("weight"), [name for name, _ in requested.weight]),
        (place("cancel"), requested.cancel),
    ):
        _check_known(option, "order", names, orders)


def _check_known(option: str, kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        rule = f"there is no such {kind} in the plan"
        raise ValueError(str(Problem(option, unknown[0], rule, suggest(unknown[0], known))))


def _changes(requested: RequestedChanges, clock: int, dates: TickDates) -> list[Change]:
    place = requested.place
    changes: list[Change] = [
        MachineDown(machine=machine, until=_later(place("machine_down"), text, clock, dates))
        for machine, text in requested.machine_down
    ]
    changes += [
        StaffAbsent(group=group, until=_later(place("staff_absent"), text, clock, dates))
        for group, text in requested.staff_absent
    ]
    changes += [ExtraShift(calendar=name, open=text) for name, text in requested.extra_shift]
    changes += [
        OrderTerms(order=order, due_date=_named(place("due"), text, clock, dates))
        for order, text in requested.due
    ]
    for order, text in requested.weight:
        try:
            changes.append(OrderTerms(order=order, weight=float(text)))
        except ValueError:
            rule = "it must be a number, 0 or more"
            raise ValueError(
                f"{place('weight')} {order} {text}; {rule}. Write for example 2."
            ) from None
    return [*changes, *(CancelOrder(order=order) for order in dict.fromkeys(requested.cancel))]


def _later(option: str, text: str, clock: int, dates: TickDates) -> int:
    """Return the tick of a date after the clock."""
    until = _named(option, text, clock, dates)
    if until <= clock:
        rule = f"the plan begins at {dates.text(clock)}"
        raise ValueError(f"{option}: {text!r}; {rule}. Give a later date, or a time.")
    return until


def _named(option: str, text: str, clock: int, dates: TickDates) -> int:
    try:
        return parse_until(text, clock, dates)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
