"""Machines out of service: a closure like any other, where a factory has a calendar."""

from __future__ import annotations

import pytest

from scheduler.plans.schema import Plan
from scheduler.snapshot.read import parse_snapshot
from tests.builders.operating_snapshots import (
    PAUSED,
    WELDING,
    floor_data,
    spans_of,
    works,
    works_floor,
)
from tests.builders.workshop import planner


def plan_of(machine: dict[str, object], *more_orders: str, **fields: object) -> Plan:
    return planner(works()).plan(works_floor(machine, *more_orders, **fields))


@pytest.mark.parametrize(
    ("machine", "spans"),
    [
        # in service: 40 ticks are left at 60
        ({"since": 40, "expected_end": 100}, [("A", 40, 100), ("B", 100, 160)]),
        # they are done from 120 on
        (
            {"since": 40, "expected_end": 160, "out_of_service_until": 120},
            [("A", 40, 160), ("B", 160, 220)],
        ),
        # 10 of them before the shift ends at 480, and 30 on the next day, from 1440 on
        (
            {"since": 40, "expected_end": 1470, "out_of_service_until": 470},
            [("A", 40, 1470), ("B", 1470, 1530)],
        ),
    ],
)
def test_work_on_a_machine_out_of_service_pauses_as_in_any_closure(
    machine: dict[str, object], spans: list[tuple[str, int, int]]
) -> None:
    plan = plan_of(WELDING | machine, "B")
    assert spans_of(plan) == spans


def test_a_machine_out_of_service_starts_nothing_before_its_date() -> None:
    assert spans_of(plan_of({"out_of_service_until": 120})) == [("A", 120, 180)]
    assert spans_of(plan_of({"out_of_service_until": 460})) == [("A", 460, 1480)]


def test_work_that_finishes_across_closures_goes_on_out_of_service() -> None:
    factory = works(across_closures="finish", longest_pause=None)
    machine = WELDING | {"since": 40, "expected_end": 100, "out_of_service_until": 120}
    snapshot = parse_snapshot(floor_data(machine, "B"), factory)
    assert spans_of(planner(factory).plan(snapshot)) == [("A", 40, 100), ("B", 120, 180)]


def test_the_hours_of_one_snapshot_do_not_last_for_the_next() -> None:
    made = planner(works())
    closed, opened = works_floor({"out_of_service_until": 120}), works_floor({})
    spans = [spans_of(made.plan(snapshot)) for snapshot in (closed, opened, closed)]
    assert spans == [[("A", 120, 180)], [("A", 60, 120)], [("A", 120, 180)]]


def test_paused_work_goes_on_for_what_is_left() -> None:
    paused = PAUSED | {"since": 40, "expected_end": None, "work_left": 20}
    assert spans_of(plan_of(paused, "B"))[1] == ("B", 80, 140)


def test_people_who_are_missing_keep_the_machine_waiting() -> None:
    """Two setters weld; one alone may clean, and nobody comes until the snapshot changes."""
    floor = planner(works()).decider.floor
    floor.place(works_floor({}, staff={"setters": 1}))
    assert floor.ask() is None
    floor.place(works_floor({}, staff={"setters": 2}))
    assert floor.ask() == 0
