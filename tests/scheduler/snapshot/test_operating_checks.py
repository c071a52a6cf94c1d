"""States of machines and people that contradict the factory's hours, people or maintenance."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scheduler.snapshot.read import SnapshotError, parse_snapshot
from tests.builders.operating_snapshots import CLEANING, PAUSED, WELDING, floor_data, works
from tests.builders.workshop import workshop


@pytest.mark.parametrize(
    "machine",
    [
        {},
        WELDING,
        WELDING | {"people": None},
        PAUSED,
        PAUSED | {"expected_end": None, "work_left": 20},
        PAUSED | {"paused_work": "changeover", "work_left": 20},
        PAUSED | {"paused_work": "start"},
        CLEANING,
        CLEANING | {"status": "paused", "work_left": 5},
        {"maintenance": {"clean": {"used": 110}}, "runs": {"tool": 3}},
    ],
)
def test_what_an_mes_may_know_is_accepted(machine: dict[str, Any]) -> None:
    factory = works()
    data = floor_data(machine, staff={"setters": 2}, epoch="2026-01-05T06:00+00:00")
    assert (
        parse_snapshot(data, factory).machines["cell-1"].status
        == data["machines"]["cell-1"]["status"]
    )


@pytest.mark.parametrize(
    ("machine", "fields", "words"),
    [
        (
            {"status": "maintenance", "expected_end": 90},
            {},
            r"cell-1\.in_maintenance = nothing; the machine is in maintenance\. Name the",
        ),
        (
            CLEANING | {"in_maintenance": "cleen"},
            {},
            r"in_maintenance = 'cleen'; cell-1 has no such maintenance\. Write",
        ),
        (
            {"in_maintenance": "clean"},
            {},
            r"in_maintenance = 'clean'; the machine is idle\. Leave it out, or correct the status",
        ),
        (
            WELDING | {"status": "maintenance", "in_maintenance": "clean"},
            {},
            r"in_maintenance = 'clean'; a maintenance is for no order, but the machine has A in",
        ),
        (
            CLEANING | {"status": "paused", "paused_work": "processing"},
            {},
            r"paused_work = 'processing'; a maintenance is no processing of an operation\. Leave",
        ),
        (
            WELDING | {"paused_work": "start"},
            {},
            r"paused_work = 'start'; the machine is processing\. Leave it out, or correct",
        ),
        (
            {"status": "paused", "expected_end": 90, "paused_work": "start"},
            {},
            r"paused_work = 'start'; the machine has no operation in work\. Give order and",
        ),
        (
            {"status": "paused"},
            {},
            r"cell-1\.expected_end = nothing; the machine is paused\. Give the date",
        ),
        (
            CLEANING | {"expected_end": None},
            {},
            r"cell-1\.expected_end = nothing; the machine is maintenance\. Give the date",
        ),
        (
            WELDING | {"work_left": 5},
            {},
            r"work_left = 5; the machine is processing, and what is left follows from expected",
        ),
        (
            {"maintenance": {"oil": {"used": 5}}},
            {},
            r"maintenance\.oil = 'oil'; cell-1 has no such maintenance\. Write",
        ),
        (
            {"maintenance": {"clean": {"used": -5}}},
            {},
            r"maintenance\.clean\.used = -5; input should be greater than or equal to 0",
        ),
        (
            {"maintenance": {"clean": 1200}},
            {},
            r"machines\.cell-1\.maintenance\.clean = 1200; ",
        ),
        ({"runs": {"colour": 3}}, {}, r"runs\.colour = 3; cell has no such attribute\."),
        (
            {"runs": {"tool": 1.5}},
            {},
            r"runs\.tool = 1\.5; input should be a valid integer",
        ),
        (
            WELDING | {"people": {"setter": 1}},
            {},
            r"people\.setter = 1; there is no such group\. Write 'setters'",
        ),
        (
            WELDING | {"people": {"setters": 3}},
            {},
            r"machines = 3 of setters at work; works says that 2 are present\. Correct people",
        ),
        (
            WELDING,
            {"staff": {"setters": 1}},
            r"machines = 2 of setters at work; staff says that 1 are present",
        ),
        (
            {"people": {"setters": 1}},
            {},
            r"people = 1 people; the machine is idle, and nobody works on it\. Leave them out",
        ),
        ({}, {"staff": {"painters": 1}}, r"staff\.painters = 1; there is no such group\."),
        ({}, {"staff": {"setters": -1}}, r"staff\.setters = -1; input should be greater than"),
        (
            {},
            {"crews": 1},
            r"crews = 1; works lists groups of people instead of crews\. Give the people",
        ),
        (
            {},
            {"epoch": "2026-01-05T07:00+00:00"},
            (
                r"epoch = '2026-01-05T07:00:00\+00:00'; tick 0 of works is its start,"
                r" 2026-01-05T06:00:00\+00:00\. Leave epoch out, and count the ticks from that"
            ),
        ),
    ],
)
def test_what_contradicts_the_factory_is_refused_with_place_value_rule_and_remedy(
    machine: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    factory = works()
    with pytest.raises(SnapshotError, match=words):
        parse_snapshot(floor_data(copy.deepcopy(machine), **fields), factory)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"status": "paused", "expected_end": 20},
            r"status = 'paused'; the factory has neither calendars nor people, so that nothing",
        ),
        (
            {"maintenance": {"oil": {"used": 5}}},
            r"maintenance\.oil = 'oil'; the factory states no maintenance of pack-1\. Leave",
        ),
        (
            {"people": {"setters": 1}},
            r"people\.setters = 1; the factory lists no groups of people\. Leave it out",
        ),
    ],
)
def test_factories_without_hours_and_people_have_none_of_these(
    fields: dict[str, Any], words: str
) -> None:
    data = {
        "factory": "workshop",
        "clock": 10,
        "machines": {
            "paint-1": {"status": "idle", "setup": {"colour": "red"}, "since": 0},
            "pack-1": {"status": "idle", "since": 0} | fields,
        },
        "orders": [],
    }
    with pytest.raises(SnapshotError, match=words):
        parse_snapshot(data, workshop())


def test_a_paused_machine_whose_order_is_put_aside_does_other_work() -> None:
    factory = works()
    data = floor_data(PAUSED | {"expected_end": None, "work_left": 20})
    data["orders"][0]["product"] = "cart"
    snapshot = parse_snapshot(data, factory, strict=False)
    machine = snapshot.machines["cell-1"]
    assert (machine.status, machine.order, machine.expected_end) == ("processing", None, 80)
    assert "so the machine counts as busy with other work until 80" in snapshot.set_aside[1].problem
