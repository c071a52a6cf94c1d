"""Calendars, people, maintenance and runs worked out by hand, on the kernel and on the twin.

An hour is a tick; tick 0 is Monday 06:00, and the day shift lasts from 06:00 to 14:00, which is [0,
8), [24, 32), ... In the charts a letter is a tick of work, ``.`` an idle one, ``-`` a pause, ``x``
a changeover, ``m`` maintenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from factory.model import (
    Attribute,
    Calendar,
    Costs,
    Factory,
    Machine,
    Maintenance,
    Operation,
    OperationStaff,
    Order,
    OrderBook,
    Product,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)
from factory.simulator import Simulator
from tests.oracles.side_by_side import kernel_events
from tests.oracles.twin import Twin

Events = list[tuple[Any, ...]]
DAY = Calendar(name="day", open=("Mon-Sun 06:00-14:00",))
NIGHT = Calendar(name="night", open=("Mon-Sun 14:00-22:00",))
TOOL = Attribute(name="tool", values=("a", "b"), time=((0, 3), (3, 0)))


def works(
    operation: dict[str, Any],
    machine: dict[str, Any] | None = None,
    centre: dict[str, Any] | None = None,
    **factory: Any,
) -> Factory:
    """Return a factory of one machine with the day shift; products a and b want these tools."""
    settings = {"name": "cell", "calendar": "day"} | (machine or {})
    steps = {"name": "work", "work_centre": "centre"} | operation
    return Factory(
        name="works",
        tick_minutes=60.0,
        start="2026-01-05T06:00",
        calendars=(DAY, NIGHT),
        work_centres=(
            WorkCentre(
                **({"name": "centre", "attributes": (TOOL,)} | (centre or {})),
                machines=(Machine(**settings),),
            ),
        ),
        products=tuple(
            Product(name=tool, operations=(Operation(**steps, setup={"tool": tool}),))
            for tool in ("a", "b")
        ),
        **factory,
    )


def orders(*products: str) -> OrderBook:
    return OrderBook(
        orders=tuple(
            Order(order_id=f"{n}", release_date=0, due_date=0, weight=1.0, product=product)
            for n, product in enumerate(products)
        )
    )


def play(simulator: str, factory: Factory, book: OrderBook, choices: Sequence[str]) -> Events:
    """Return the events of an episode in which choices are made by kind, in order: ``job``,
    ``wait``, ``maintenance`` or ``changeover``; after the last, the first legal row.
    """
    pending = list(choices)
    if simulator == "twin":
        twin = Twin(factory, 1, book)
        while twin.deciding is not None:
            rows = [(row.kind, row.legal) for row in twin.choices()]
            twin.decide(_row(rows, pending))
        return [event for event in sorted(twin.events, key=str) if event[0] != "assignment"]
    kernel = Simulator(factory, book)
    kernel.reset(1)
    while kernel.deciding is not None:
        listed = kernel.choices()
        kernel.decide(listed[_row([(row.kind, row.legal) for row in listed], pending)].row)
    events = [event for *_, event in kernel_events(factory, kernel.schedule())]
    return [event for event in sorted(events, key=str) if event[0] != "assignment"]


def _row(rows: Sequence[tuple[str, bool]], pending: list[str]) -> int:
    kind = pending.pop(0) if pending else None
    return next(
        place for place, row in enumerate(rows) if row[1] and (kind is None or row[0] == kind)
    )


def spans(events: Events, kind: str) -> list[tuple[int, int]]:
    """Return start and end of the events of a kind."""
    start, end = {
        "operation": (5, 6),
        "pause": (2, 3),
        "wait": (2, 3),
        "changeover": (4, 5),
        "maintenance": (3, 4),
    }[kind]
    return sorted((event[start], event[end]) for event in events if event[0] == kind)


both = pytest.mark.parametrize("simulator", ["kernel", "twin"])


@both
def test_work_stops_at_closing_and_goes_on_at_opening(simulator: str) -> None:
    """aaaaaa bb|--16--|bbb: the second order has 2 ticks before the closing and 3 after it."""
    factory = works({"machine_times": {"cell": 5}})
    events = play(simulator, factory, orders("a", "a"), ["job", "job"])
    assert spans(events, "operation") == [(0, 5), (5, 26)]
    assert spans(events, "pause") == [(8, 24)]


@both
def test_work_that_must_fit_waits_for_the_opening(simulator: str) -> None:
    """aaaaa...|   |aaaaa: the second order does not fit into the three ticks that are left."""
    factory = works({"process_time": 5, "across_closures": "fit"})
    events = play(simulator, factory, orders("a", "a"), ["job", "job"])
    assert spans(events, "operation") == [(0, 5), (24, 29)]


@both
def test_work_that_finishes_runs_through_the_closure(simulator: str) -> None:
    """aaaaa aaa|aa: the oven is not switched off at the closing."""
    factory = works({"process_time": 5, "across_closures": "finish"})
    events = play(simulator, factory, orders("a", "a"), ["job", "job"])
    assert spans(events, "operation") == [(0, 5), (5, 10)]


@both
def test_a_pause_that_is_too_long_is_not_begun(simulator: str) -> None:
    """aaaaa...|   |aaaaa: a closure of 16 ticks would interrupt the second order."""
    factory = works({"process_time": 5, "longest_pause": 15})
    events = play(simulator, factory, orders("a", "a"), ["job", "job"])
    assert spans(events, "operation") == [(0, 5), (24, 29)]


@both
def test_a_changeover_pauses_too(simulator: str) -> None:
    """aaaaaaa x|--16--|xx bbbbbbb|--|: one tick of the changeover lies before the closing."""
    factory = works({"process_time": 7})
    events = play(simulator, factory, orders("a", "b"), ["job", "job"])
    assert spans(events, "changeover") == [(7, 26)]
    assert spans(events, "operation") == [(0, 7), (26, 49)]
    assert spans(events, "pause") == [(8, 24), (32, 48)]


@both
def test_processing_starts_at_the_opening_after_a_changeover_through_the_night(
    simulator: str,
) -> None:
    """aaaaaaa x|xx--|bbb: the changeover ends at 10, and the cell opens at 24."""
    factory = works({"process_time": 7}, centre={"changeover_across_closures": "through"})
    events = play(simulator, factory, orders("a", "b"), ["job", "job"])
    assert spans(events, "changeover") == [(7, 10)]
    assert spans(events, "pause") == [(10, 24)]
    assert spans(events, "operation") == [(0, 7), (24, 31)]


@both
def test_another_shift_resumes_a_changeover(simulator: str) -> None:
    """aaaaaaa xxx bbbbbbb: on a machine that never closes the night shift goes on at once."""
    people = tuple(
        StaffGroup(name=name, skills=("fixture",), calendar=name) for name in ("day", "night")
    )
    factory = works(
        {"process_time": 7},
        {"calendar": None},
        {"changeover_staff": StaffNeed(skill="fixture")},
        staff=people,
    )
    events = play(simulator, factory, orders("a", "b"), ["job", "job"])
    assert spans(events, "changeover") == [(7, 10)]
    assert spans(events, "pause") == []


@both
def test_a_machine_pauses_while_nobody_with_the_skill_is_on_duty(simulator: str) -> None:
    """aaaaaaa x|--16--|xx bb: only the day shift can change over."""
    people = (StaffGroup(name="day", skills=("fixture",), calendar="day"),)
    factory = works(
        {"process_time": 2},
        {"calendar": None},
        {"changeover_staff": StaffNeed(skill="fixture")},
        staff=people,
    )
    waits = ["job", "job", "job", "job"]
    events = play(simulator, factory, orders("a", "a", "a", "b"), waits)
    assert spans(events, "changeover") == [(6, 25)]
    assert spans(events, "pause") == [(8, 24)]


@both
def test_an_operation_needs_its_people(simulator: str) -> None:
    """aaaaaaaa|   |aa: the people go home at 8, and the operation pauses until they are back."""
    people = (StaffGroup(name="day", skills=("fit",), calendar="day", count=2),)
    staff = OperationStaff(skill="fit", number=2)
    factory = works({"process_time": 10, "staff": staff}, {"calendar": None}, staff=people)
    events = play(simulator, factory, orders("a"), ["job"])
    assert spans(events, "operation") == [(0, 26)]
    assert spans(events, "pause") == [(8, 24)]


@both
def test_due_maintenance_is_the_only_choice(simulator: str) -> None:
    """aaa aaa mm aaa: after six ticks of use nothing else may start."""
    clean = Maintenance(name="clean", every=6, time=2)
    factory = works({"process_time": 3}, {"calendar": None, "maintenance": (clean,)})
    events = play(simulator, factory, orders("a", "a", "a"), ["job", "job", "maintenance"])
    assert spans(events, "maintenance") == [(6, 8)]
    assert spans(events, "operation") == [(0, 3), (3, 6), (8, 11)]


@both
def test_a_short_run_goes_on_while_its_value_is_wanted(simulator: str) -> None:
    """a a xxx b: the order for b must wait until two of a are done."""
    tool = TOOL.model_copy(update={"min_run": 2})
    factory = works({"process_time": 1}, {"calendar": None}, {"attributes": (tool,)})
    twin = Twin(factory, 1, orders("b", "a", "a"))
    legal = [(row.order, row.legal) for row in twin.choices() if row.kind == "job"]
    assert legal == [(0, False), (1, True), (2, True)]
    events = play(simulator, factory, orders("b", "a", "a"), ["job", "job", "job"])
    ends = {event[2]: event[6] for event in events if event[0] == "operation"}
    assert ends == {1: 1, 2: 2, 0: 6}


@both
def test_a_full_run_is_relieved_by_another_value(simulator: str) -> None:
    """a xxx xxx a: the run of one must be broken, by a detour to b and back."""
    tool = TOOL.model_copy(update={"max_run": 1})
    factory = works({"process_time": 1}, {"calendar": None}, {"attributes": (tool,)})
    events = play(simulator, factory, orders("a", "a"), ["job", "changeover", "job"])
    assert spans(events, "changeover") == [(1, 4), (4, 7)]
    assert spans(events, "operation") == [(0, 1), (7, 8)]


@both
def test_cleaning_ends_a_full_run(simulator: str) -> None:
    """a mm a: a maintenance that mounts the value is offered as soon as its run is full."""
    tool = TOOL.model_copy(update={"max_run": 1})
    clean = Maintenance(name="clean", every=1000, time=2, mounts={"tool": "a"})
    factory = works(
        {"process_time": 1}, {"calendar": None, "maintenance": (clean,)}, {"attributes": (tool,)}
    )
    events = play(simulator, factory, orders("a", "a"), ["job", "maintenance", "job"])
    assert spans(events, "maintenance") == [(1, 3)]
    assert spans(events, "operation") == [(0, 1), (3, 4)]


def test_costs_of_overtime_maintenance_and_people_by_hand() -> None:
    """One person at 30 an hour works for 3 hours; cleaning costs 7; nothing is overtime."""
    clean = Maintenance(name="clean", every=2, time=1, cost=7.0)
    factory = works(
        {"process_time": 3, "staff": OperationStaff(skill="fit")},
        {"maintenance": (clean,)},
        staff=(StaffGroup(name="fitters", skills=("fit",), cost=30.0),),
        costs=Costs(maintenance=2.0, staff=0.5, overtime=10.0, tardiness=0.0),
    )
    kernel = Simulator(factory, orders("a", "a"))
    kernel.reset(1)
    for kind in ("job", "maintenance", "job"):
        kernel.decide(next(row.row for row in kernel.choices() if row.kind == kind and row.legal))
    costs = kernel.costs
    assert (costs["overtime"], costs["maintenance"], costs["staff"]) == (0.0, 14.0, 90.0)
