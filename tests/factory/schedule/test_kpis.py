"""Key figures, worked out by hand on the schedule of tests/builders/hand_made_schedule.py."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from factory.schedule.bill import bill
from factory.schedule.kpis import kpis
from factory.schedule.records import FailureRecord, OrderRecord
from tests.builders.hand_made_schedule import (
    PAINT,
    PAINT_1,
    hand_factory,
    hand_schedule,
    with_operation,
    with_order,
)


def test_orders_are_counted_in_time_and_late() -> None:
    """A: 0 to 25, due 40. B: 5 to 28, due 24, weight 1. A tick is 0.1 h."""
    figures = kpis(hand_schedule(), hand_factory())
    assert (figures.orders, figures.completed, figures.makespan) == (2, 2, 28)
    assert (figures.weighted_tardiness, figures.mean_tardiness, figures.max_tardiness) == (4, 2, 4)
    assert (figures.weighted_tardiness_hours, figures.mean_tardiness_hours) == pytest.approx(
        (0.4, 0.2)
    )
    assert figures.on_time_share == 0.5
    assert (figures.mean_flow_time, figures.mean_flow_hours) == pytest.approx((24, 2.4))


def test_p95_is_linear_between_ranks() -> None:
    """Of the lateness 0 and 4 it lies 95 % of the way."""
    figures = kpis(hand_schedule(), hand_factory())
    assert (figures.p95_tardiness, figures.p95_tardiness_hours) == pytest.approx((3.8, 0.38))


def test_orders_in_progress_over_time() -> None:
    """25 + 23 order-ticks in 28 ticks; both together from 5 to 25."""
    figures = kpis(hand_schedule(), hand_factory())
    assert figures.mean_orders_in_progress == pytest.approx(48 / 28)
    assert figures.max_orders_in_progress == 2


def test_an_order_completed_as_the_next_is_released_is_not_in_progress_with_it() -> None:
    schedule = with_order(hand_schedule(), 0, completion_date=5)
    assert kpis(schedule, hand_factory()).max_orders_in_progress == 1


def test_changeovers_of_positive_time_are_counted() -> None:
    figures = kpis(hand_schedule(), hand_factory())
    assert (figures.changeovers, figures.changeovers_per_order) == (3, 1.5)
    assert figures.changeover_hours == pytest.approx((2 + 4 + 4) * 0.1)
    atop = replace(hand_schedule().changeovers[0], start_date=20, end_date=20)
    assert (
        kpis(
            replace(hand_schedule(), changeovers=(*hand_schedule().changeovers, atop)),
            hand_factory(),
        ).changeovers
        == 3
    )


def test_use_of_machines_adds_up_to_their_time() -> None:
    figures = kpis(hand_schedule(), hand_factory())
    assert asdict(figures.use_of_machine["build-2"]) == pytest.approx(
        {
            "processing": 12 / 28,
            "changeover": 4 / 28,
            "down": 0,
            "waiting": 2 / 28,
            "maintenance": 0,
            "paused": 0,
            "idle": 10 / 28,
        }
    )
    assert figures.use.processing == pytest.approx((10 + 6 + 12 + 12 + 6) / (5 * 28))
    assert sum(asdict(figures.use).values()) == pytest.approx(1)


def test_repairs_are_time_down_not_processing() -> None:
    broken = replace(
        with_operation(hand_schedule(), 0, PAINT, end_date=13),
        failures=(FailureRecord(PAINT_1, 2, 3),),
    )
    use = kpis(broken, hand_factory()).use_of_machine["paint-1"]
    assert (use.processing, use.down, use.changeover) == pytest.approx((10 / 28, 1 / 28, 2 / 28))


def test_costs_are_the_bill() -> None:
    figures = kpis(hand_schedule(), hand_factory())
    assert figures.bill == bill(hand_schedule(), hand_factory())
    assert figures.total_cost == pytest.approx(31.07)


def test_an_open_order_counts_with_what_it_has_reached() -> None:
    """At 28 order B (due 24) is still open and 4 late already, order C (due 90) nobody knows."""
    schedule = with_order(hand_schedule(), 1, completion_date=None)
    open_order = OrderRecord("C", 2, "car", {"colour": "red"}, 20, 90, 1.0, 20, None)
    figures = kpis(replace(schedule, orders=(*schedule.orders, open_order)), hand_factory())
    assert (figures.orders, figures.completed) == (3, 1)
    assert figures.on_time_share == 0.5
    assert figures.mean_flow_time == pytest.approx((25 + 23 + 8) / 3)


def test_an_empty_schedule_has_figures_too() -> None:
    empty = replace(hand_schedule(), orders=(), operations=(), changeovers=(), waits=(), end_date=0)
    figures = kpis(empty, hand_factory())
    assert (figures.orders, figures.on_time_share, figures.mean_flow_time, figures.total_cost) == (
        0,
        1.0,
        0,
        0,
    )


def test_figures_go_into_json() -> None:
    written = json.loads(json.dumps(kpis(hand_schedule(), hand_factory()).to_dict()))
    assert written["total_cost"] == pytest.approx(31.07)
    assert written["bill"]["tardiness"] == pytest.approx(4)
    assert written["use_of_machine"]["test-1"]["processing"] == pytest.approx(6 / 28)
