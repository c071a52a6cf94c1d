"""docs/scheduler.md lists every field of snapshots, decisions and changes, and every HTTP path."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from scheduler.decisions.decision import Decision
from scheduler.plans.changes import Change
from scheduler.plans.schema import Nervousness
from scheduler.service.openapi import _BODIES
from scheduler.snapshot.schema import Lock, MachineState, OperationState, OrderState, Snapshot
from tests.builders.repository import ROOT

GUIDE = (ROOT / "docs" / "scheduler.md").read_text(encoding="utf-8")
FIELDS = {
    "Fields of a snapshot": Snapshot,
    "Fields of a machine": MachineState,
    "Fields of an order": OrderState,
    "Fields of an operation": OperationState,
    "Fields of a lock": Lock,
}
CHANGES: tuple[type[BaseModel], ...] = get_args(get_args(Change)[0])


def section(title: str) -> str:
    """Return the text from a heading to the next one."""
    heading = rf"^##+ {re.escape(title)}$"
    (text,) = re.findall(rf"{heading}(.*?)(?=^##|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return str(text)


def rows(text: str) -> list[list[str]]:
    """Return the rows of the tables in a text whose first cell is a name."""
    lines = re.findall(r"^\| (`.*)\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


@pytest.mark.parametrize("title", FIELDS)
def test_guide_lists_exactly_the_fields_in_their_order(title: str) -> None:
    listed = [cells[0].strip("`") for cells in rows(section(title))]
    assert listed == list(FIELDS[title].model_fields)


@pytest.mark.parametrize("title", FIELDS)
def test_guide_says_which_fields_are_always_required(title: str) -> None:
    listed = {cells[0].strip("`") for cells in rows(section(title)) if cells[2] == "required"}
    fields = FIELDS[title].model_fields
    assert listed == {name for name, field in fields.items() if field.is_required()}


def test_guide_lists_the_fields_of_decisions() -> None:
    listed = [re.findall(r"`(\w+)`", cells[0]) for cells in rows(section("Decide"))]
    assert {name for names in listed for name in names} == set(Decision.model_fields)


def test_guide_lists_the_fields_of_nervousness() -> None:
    names = {cells[0].strip("`") for cells in rows(section("Plan"))}
    assert {name for name in names if not name.startswith("--")} == set(Nervousness.model_fields)


def test_guide_lists_the_changes_of_what_if_with_their_fields() -> None:
    listed = {
        name.strip("`"): {"change", *re.findall(r"`(\w+)`", fields)}
        for name, fields, _ in rows(section("What-if"))
    }
    fields = {change.model_fields["change"].default: set(change.model_fields) for change in CHANGES}
    assert listed == fields


def test_guide_lists_the_paths_of_the_service() -> None:
    listed = {tuple(cells[0].strip("`").split(" ")) for cells in rows(section("HTTP paths"))}
    documented = {(method.upper(), path) for path, method in _BODIES}
    assert listed == documented | {("GET", "/openapi.json")}
