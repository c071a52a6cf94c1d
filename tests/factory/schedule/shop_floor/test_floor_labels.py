"""Texts in pictures of the shop floor."""

from __future__ import annotations

import pytest

from factory.schedule.shop_floor.floor_labels import (
    changeover_text,
    chip_text,
    counter_text,
    fit_chips,
    machine_lines,
)
from factory.schedule.shop_floor.floor_state import FloorMachine, FloorState, WaitingOperation
from factory.tick_dates import TickDates
from tests.builders.hostile_names import NASTY

MINUTES = TickDates(1.0)


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (FloorMachine("processing", (), None, 0, 0, 25), ("17 van", "25 min left")),
        (FloorMachine("down", (), None, 0, 0, 25), ("down", "25 min left, 17")),
        (FloorMachine("down", (), None, 0, 0, None), ("down", "17")),
        (FloorMachine("reserved", (), None, 0, 0), ("17 van", "is next")),
        (FloorMachine("waiting", ()), ("waits", "")),
        (FloorMachine("idle", ()), ("idle", "")),
        (FloorMachine("changeover", ("a",), ("b",), None, None, 8), ("a → b", "8 min")),
        (FloorMachine("changeover", ("a",), ("b",), 0, 0, 8), ("a → b", "8 min, then 17")),
    ],
    ids=lambda value: value.status if isinstance(value, FloorMachine) else "",
)
def test_a_box_tells_what_its_machine_does(state: FloorMachine, lines: tuple[str, str]) -> None:
    assert machine_lines(state, "17", "van", MINUTES) == lines


def test_several_values_are_exchanged_at_once() -> None:
    state = FloorMachine("changeover", ("pod", "steel"), ("van", "pop_up"))
    assert changeover_text(state) == "van+pop_up"


@pytest.mark.parametrize("name", NASTY)
def test_long_names_are_shortened(name: str) -> None:
    state = FloorMachine("processing", (), None, 0, 0, 25)
    assert len(machine_lines(state, name, name, MINUTES)[0]) <= 19
    assert len(chip_text(name)) <= 4
    change = FloorMachine("changeover", (name,), ("x" + name,), 0, 0, 25)
    assert len(changeover_text(change)) <= 15


def test_orders_that_do_not_fit_are_counted() -> None:
    queue = [WaitingOperation(order, 0, "ready", 0) for order in range(30)]
    shown, hidden = fit_chips(queue, 24)
    assert len(shown) == 23
    assert len(shown) + hidden == 30
    assert fit_chips(queue[:24], 24) == (queue[:24], 0)


def test_counters_name_orders_and_cost() -> None:
    state = FloorState(0, (), (), 3, 4, frozenset({1, 2}), 1234.4)
    assert counter_text(state, 9) == "3 of 9 orders finished, 4 in progress, 2 late, cost 1,234"
    assert "cost" not in counter_text(state._replace(cost=None), 9)
