"""A snapshot with wrong types or values is refused with path, value, rule and remedy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from factory.io.catalogue import find_single_factory
from scheduler.plans.changes import CHANGE_KINDS, Change
from scheduler.snapshot.parse_errors import format_errors
from scheduler.snapshot.read import SnapshotError, read_snapshot
from tests.builders.repository import ROOT

EXAMPLE = (ROOT / "examples" / "snapshot.json").read_text(encoding="utf-8")
TICKS = "Count the ticks from the date of tick 0"


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("version",), 2, "version = 2; it must be 1. Correct it."),
        (
            ("machines", "paint-1", "status"),
            "asleep",
            "machines.paint-1.status = 'asleep'; it must be 'idle', 'changing', 'processing',"
            " 'down', 'paused' or 'maintenance'. Correct it.",
        ),
        (
            ("clock",),
            1.5,
            "clock = 1.5; input should be a valid integer. Write a whole number without quotes.",
        ),
        (
            ("clock",),
            "2026-03-31T06:00",
            "clock = '2026-03-31T06:00'; dates are ticks of the factory, but this one reads as"
            f" 2026-03-31T06:00. {TICKS}.",
        ),
        (
            ("clock",),
            "9999-99-99",
            "clock = '9999-99-99'; dates are ticks of the factory, but this one reads as"
            f" 9999-99-99. {TICKS}.",
        ),
        (
            ("orders", 0, "due_date"),
            20260331060000,
            "orders.0.due_date = 20260331060000; dates are ticks of the factory, but this one reads"
            f" as 2026-03-31T06:00:00. {TICKS}.",
        ),
        (
            ("orders", 0, "due_date"),
            2**45,
            "orders.0.due_date = 35184372088832; input should be less than or equal to"
            " 1099511627776. Choose a smaller number.",
        ),
        (
            ("orders", 0, "weight"),
            "3",
            "orders.0.weight = '3'; input should be a valid number. Write a number without quotes.",
        ),
        (
            ("colour",),
            "red",
            "colour = 'red'; extra inputs are not permitted. Remove it.",
        ),
        (
            ("more_orders",),
            "maybe",
            "more_orders = 'maybe'; input should be a valid boolean, unable to interpret input."
            " Write true or false.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_a_wrong_value_is_named_with_its_remedy(keys: Sequence[Any], value: Any, line: str) -> None:
    content = json.loads(EXAMPLE)
    inside = content
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    with pytest.raises(SnapshotError) as refusal:
        read_snapshot(json.dumps(content), find_single_factory("microfactory"))
    assert str(refusal.value) == line


def test_a_missing_field_is_named_where_it_should_stand() -> None:
    content = json.loads(EXAMPLE)
    del content["orders"][2]["due_date"]
    with pytest.raises(SnapshotError) as refusal:
        read_snapshot(json.dumps(content), find_single_factory("microfactory"))
    assert str(refusal.value) == "orders.2.due_date = nothing; field required. Add it."


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"change": "machine_dow"},
            "changes.0.change = 'machine_dow'; there is no such change. Write 'machine_down', if"
            " that is meant.",
        ),
        ({}, "changes.0 = 0 items; change is missing. Add change."),
        (
            {"change": "machine_down", "machine": "paint-1", "until": "soon"},
            "changes.0.until = 'soon'; input should be a valid integer. Write a whole number"
            " without quotes.",
        ),
    ],
    ids=["unknown", "none", "field"],
)
def test_bug_a_wrong_change_is_named_by_its_path_in_the_list(
    change: dict[str, Any], line: str
) -> None:
    """The path held the kind of the change, and of an unknown kind nothing but the index."""
    changes: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])
    with pytest.raises(ValidationError) as error:
        changes.validate_json(json.dumps([change]))
    assert format_errors(error.value, "--change", prefix="changes", tags=CHANGE_KINDS) == line


def test_kinds_of_changes_are_those_of_the_schema() -> None:
    changes: TypeAdapter[Change] = TypeAdapter(Change)
    schema = changes.json_schema()
    assert sorted(schema["discriminator"]["mapping"]) == sorted(CHANGE_KINDS)
