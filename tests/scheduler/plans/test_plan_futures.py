"""Sampled futures of a plan: dates for every order."""

from __future__ import annotations

import math
from typing import Any

import pytest

from factory.io.catalogue import find_single_factory
from factory.model import (
    DemandRegime,
)
from scheduler.plans.schema import Plan
from scheduler.portfolio.planner import PlanError
from scheduler.snapshot.schema import OrderState
from tests.builders.workshop import (
    ATCS,
    UPCOMING,
    busy,
    dates_of,
    floor_of,
    idle,
    moments,
    order,
    planner,
    three_orders,
    workshop,
)

SHIPPED = ("microfactory", "unreliable", "supply_shock", "scarce_crew", "green", "one_of_a_kind")


def spread(plan: Plan) -> list[tuple[Any, ...]]:
    return [
        (
            planned.completion_p10,
            planned.completion_p50,
            planned.completion_p90,
            planned.on_time_probability,
        )
        for planned in plan.orders
    ]


def test_futures_belong_to_their_seed_and_leave_the_plan_as_it_is() -> None:
    factory = find_single_factory("unreliable")
    snapshot = moments(factory, 150)[0]
    plans = [planner(factory, ATCS).plan(snapshot, futures=8, seed=seed) for seed in (1, 1, 2)]
    assert spread(plans[0]) == spread(plans[1])
    assert spread(plans[0]) != spread(plans[2])
    without = planner(factory, ATCS).plan(snapshot)
    assert {planned.on_time_probability for planned in without.orders} == {None}
    for plan in plans:
        assert (dates_of(plan), plan.cost, plan.futures) == (dates_of(without), without.cost, 8)


@pytest.mark.parametrize("name", SHIPPED)
def test_quantiles_rise_and_agree_with_the_share_on_time(name: str) -> None:
    factory, differ = find_single_factory(name), 0
    for snapshot in moments(factory, 100, 300):
        for planned in planner(factory, ATCS).plan(snapshot, futures=16).orders:
            p10, p50, p90 = (
                math.inf if date is None else date
                for date in (planned.completion_p10, planned.completion_p50, planned.completion_p90)
            )
            assert snapshot.clock < p10 <= p50 <= p90
            share = planned.on_time_probability
            assert share is not None
            assert 16 * share == round(16 * share)
            for date, quantile in ((p10, 0.1), (p50, 0.5), (p90, 0.9)):
                assert share >= quantile if date <= planned.due_date else share < quantile
            differ += p10 < p90
    assert differ > 5


def test_no_future_uses_a_machine_that_is_out_of_service() -> None:
    factory = workshop()
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red", out_of_service_until=30)},
        order("B", "white", 30, 5),
        order("C", "red", 60, 6),
    )
    firsts = [
        planned.completion_p10 for planned in planner(factory).plan(snapshot, futures=16).orders
    ]
    assert min(date for date in firsts if date is not None) == 30 + 2 + 4 + 1 + 2


def test_late_material_comes_at_another_date_in_each_future() -> None:
    factory = workshop()
    box = OrderState(
        order_id="A",
        product="box",
        release_date=0,
        due_date=30,
        material_here=False,
        operations={"pack": UPCOMING},
    )
    result = (
        planner(factory)
        .plan(floor_of(factory, {"paint-1": idle("red")}, box), futures=64)
        .orders[0]
    )
    assert result.completion_p10 is not None
    assert result.completion_p90 is not None
    assert result.completion_p10 < 30 < result.completion_p90, (
        "exponential with mean 30: the tenths are 3 and 69"
    )
    assert result.on_time_probability == pytest.approx(1 - math.exp(-18 / 30), abs=0.25), (
        "four standard errors"
    )


@pytest.mark.parametrize("futures", [-1, 65])
def test_numbers_of_futures_out_of_bounds_are_refused(futures: int) -> None:
    factory = workshop()
    remedy = "more" if futures < 0 else "fewer"
    with pytest.raises(
        PlanError, match=rf"futures = {futures}; it must lie between 0 and 64\. Choose {remedy}"
    ):
        planner(factory).plan(three_orders(factory), futures=futures)


def test_futures_with_more_orders_than_there_is_room_for_are_refused() -> None:
    demand = workshop().demand
    assert demand is not None
    factory = workshop(
        demand=demand.model_copy(
            update={
                "regimes": (DemandRegime(name="flood", interarrival_time=0.01, mix={"white": 1.0}),)
            }
        )
    )
    with pytest.raises(
        PlanError,
        match=r"futures = 64; with 3 orders and those to come there is room for 49\. Choose fewer",
    ):
        planner(factory).plan(three_orders(factory), futures=64)


def test_bug_futures_believe_an_expected_end_that_is_later_than_the_plan() -> None:
    """The paint of A takes 4 hours and has been in work since 8, but is said to end at 40; an
    hour's way and 2 hours of packing follow."""
    result = (
        planner(workshop())
        .plan(floor_of(workshop(), {"paint-1": busy("A", 40)}, order("A", "red")), futures=8)
        .orders[0]
    )
    assert result.completion_date == result.completion_p10 == result.completion_p90 == 40 + 1 + 2
