"""Maintenance as a decision, and the reasons why machines and operations must wait."""

from __future__ import annotations

from typing import Any

import pytest

from agents.rules.registry import make_rule
from scheduler.decisions.blocked_work import (
    BlockedMachine,
    find_blocked_machines,
    find_blocked_operations,
)
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.simulated_plant import SimulatedPlant
from scheduler.snapshot.calendar import snapshot_dates
from scheduler.snapshot.read import parse_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.operating_snapshots import PAUSED, WELDING, floor_data, works, works_floor
from tests.builders.workshop import FIFO


def blocked_after_decisions(snapshot: Snapshot) -> tuple[list[Any], tuple[BlockedMachine, ...]]:
    factory = works()
    decider = Decider(ShopFloor(factory), None, FIFO)
    choices = [decision.choice for decision in decider.decide(snapshot)]
    return choices, find_blocked_machines(decider.floor, snapshot_dates(snapshot, factory))


def test_maintenance_that_is_due_is_the_decision() -> None:
    choices, blocked = blocked_after_decisions(
        works_floor({"maintenance": {"clean": {"used": 100}}})
    )
    assert [(choice.action, choice.maintenance, choice.order) for choice in choices] == [
        ("maintenance", "clean", None)
    ]
    assert blocked == ()


@pytest.mark.parametrize(
    ("machine", "fields", "cause", "until", "reason"),
    [
        ({}, {"clock": 480}, "closed", 1440, "closed until 2026-01-06 06:00+00:00"),
        (
            {"out_of_service_until": 120},
            {},
            "closed",
            120,
            "closed until 2026-01-05 08:00+00:00",
        ),
        (
            {"maintenance": {"clean": {"used": 100}}},
            {"staff": {"setters": 0}},
            "maintenance",
            None,
            "maintenance clean is due, and must be done first",
        ),
        (
            {},
            {"staff": {"setters": 1}},
            "people",
            None,
            "fewer than 2 people with the skill fixture is free",
        ),
        (
            PAUSED,
            {"staff": {"setters": 1}},
            "paused",
            None,
            "its work is paused until people are free",
        ),
        (WELDING, {"clock": 480}, "closed", 1440, "closed until 2026-01-06 06:00+00:00"),
    ],
)
def test_a_machine_that_may_do_nothing_says_why(
    machine: dict[str, Any], fields: dict[str, Any], cause: str, until: int | None, reason: str
) -> None:
    choices, blocked = blocked_after_decisions(works_floor(machine, **fields))
    assert choices == []
    assert [vars(each) for each in blocked] == [
        {"machine": "cell-1", "cause": cause, "until": until, "reason": reason}
    ]


def test_an_operation_that_does_not_fit_before_the_closing_says_so() -> None:
    factory = works(across_closures="fit", longest_pause=None)
    floor = ShopFloor(factory)
    snapshot = parse_snapshot(floor_data({}, clock=430), factory)
    floor.place(snapshot)
    assert floor.ask() is None
    (blocked,) = find_blocked_machines(floor, snapshot_dates(snapshot, factory))
    assert blocked.cause == "closing"
    assert blocked.reason == "does not fit before the closing at 2026-01-05 14:00+00:00"


def test_a_run_that_is_full_blocks_its_operation() -> None:
    factory = works(setup={"tool": "weld"})
    floor = ShopFloor(factory)
    snapshot = parse_snapshot(floor_data({"runs": {"tool": 5}}), factory)
    floor.place(snapshot)
    assert floor.ask() == 0
    (blocked,) = find_blocked_operations(floor, snapshot_dates(snapshot, factory))
    assert (blocked.order, blocked.cause) == ("A", "run")
    assert blocked.reason == "the run of its value has reached its maximum"


def test_a_simulated_plant_carries_out_maintenance() -> None:
    factory = works()
    plant = SimulatedPlant(factory, 3)
    decider = Decider(ShopFloor(factory), None, make_rule("FIFO"))
    actions = []
    while not plant.over:
        for decision in decider.decide(plant.snapshot()):
            plant.carry_out(decision.machine, decision.choice)
            actions.append(decision.action)
    assert "start" in actions
    assert plant.schedule().complete
