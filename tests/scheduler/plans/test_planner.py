"""Plans worked out by hand, and plans that can be carried out at the cost that they state."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from agents.rules.registry import Rule, make_rule
from envs.observation.kernel import observe
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    allocate_observation_scratch,
    allocate_tables,
)
from factory.cost_terms import COST_TERMS
from factory.io.catalogue import find_single_factory
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.model import (
    Factory,
    Uncertainty,
)
from factory.schedule.records import Schedule, unload
from factory.simulation import kernel
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.schema import PlannedChangeover
from scheduler.snapshot.schema import OrderState, Snapshot
from tests.builders.workshop import (
    ATCS,
    READY,
    UPCOMING,
    any_legal,
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
from tests.oracles.plan_reader import Reading

SHIPPED = ("microfactory", "unreliable", "supply_shock", "scarce_crew", "green", "one_of_a_kind")


def test_a_plan_worked_out_by_hand() -> None:
    """First in, first out from 10 o'clock (``%`` changeover, a column a tick)::

        paint-1  AA%%BBBB%%%CCCC...
        pack-1   ...AA....BB.....CC
                 10        20

    Tardiness counts from 10 on: A (due at 8) 5 hours more, C (due at 20, weight 2) 8 hours.
    Electricity: 2 x 2 + 2 + 4 x 2 + 2 until 20 o'clock, then at three times the price 1 + 3 x 2,
    and at midnight 2. In the shop from 10 on: 5 + 11 + 18 hours.
    """
    factory = workshop()
    plan = planner(factory).plan(three_orders(factory), by="rule")
    assert dates_of(plan) == [
        ("paint-1", "A", "paint", 8, 8, 12),
        ("pack-1", "A", "pack", 13, 13, 15),
        ("paint-1", "B", "paint", 12, 14, 18),
        ("pack-1", "B", "pack", 19, 19, 21),
        ("paint-1", "C", "paint", 18, 21, 25),
        ("pack-1", "C", "pack", 26, 26, 28),
    ]
    white, red = {"colour": "white"}, {"colour": "red"}
    assert [operation.setup for operation in plan.operations if operation.machine == "paint-1"] == [
        red,
        white,
        red,
    ]
    assert [
        operation.in_process for operation in plan.operations if operation.operation == "paint"
    ] == [
        True,
        False,
        False,
    ]
    assert plan.changeovers == (
        PlannedChangeover(machine="paint-1", start_date=12, end_date=14, setup=white, order="B"),
        PlannedChangeover(machine="paint-1", start_date=18, end_date=21, setup=red, order="C"),
    )
    assert [
        (planned.order, planned.completion_date, planned.lateness) for planned in plan.orders
    ] == [
        ("A", 15, 7),
        ("B", 21, -9),
        ("C", 28, 8),
    ]
    assert (plan.clock, plan.end_date, plan.made_by, plan.fallbacks) == (10, 28, "FIFO", 0)
    assert plan.cost == pytest.approx(
        dict(zip(COST_TERMS, (3 * 21, 9, 3, 18 + 3 * 7, 17, 0, 0, 0), strict=True))
    )
    assert plan.total_cost == pytest.approx(131.0)


def test_a_machine_out_of_service_does_nothing_before_its_date() -> None:
    """Booth 2 (white) would take B at 10; it is out of service until 16, and takes C then::

    paint-1  AA%%BBBB.....
    paint-2  ......%%%CCCC
             10        20
    """
    factory = workshop(paints=2)
    at_work = planner(factory).plan(three_orders(factory, paint_2=idle("white")))
    assert ("paint-2", "B", "paint", 10, 10, 14) in dates_of(at_work)
    plan = planner(factory).plan(
        three_orders(factory, paint_2=idle("white", out_of_service_until=16))
    )
    assert [row for row in dates_of(plan) if row[0] == "paint-2"] == [
        ("paint-2", "C", "paint", 16, 19, 23)
    ]
    assert ("paint-1", "B", "paint", 12, 14, 18) in dates_of(plan)


@pytest.mark.parametrize(
    ("state", "end_date"),
    [
        ({"expected_end": 13}, 13),
        ({"expected_end": 9}, 11),
        ({"status": "down", "expected_end": 20}, 20),
        ({"status": "changing", "expected_end": 18}, 18),
        ({"expected_end": 22, "out_of_service_until": 20}, 22),
        ({"status": "changing", "expected_end": 24, "out_of_service_until": 20}, 24),
    ],
    ids=["processing", "overdue", "down", "changing", "paused", "changing, paused"],
)
def test_what_is_in_process_ends_when_expected_at_the_earliest_in_a_tick(
    state: dict[str, Any], end_date: int
) -> None:
    factory = workshop()
    snapshot = floor_of(factory, {"paint-1": busy("A", **state)}, order("A", "red"))
    plan = planner(factory).plan(snapshot, futures=3)
    assert [(operation.end_date, operation.in_process) for operation in plan.operations] == [
        (end_date, True),
        (end_date + 3, False),
    ]
    if state.get("status") != "down":  # how long a repair takes is uncertain
        assert plan.orders[0].completion_p10 == plan.orders[0].completion_p90 == end_date + 3
    if state.get("status") == "changing":
        assert [
            (changeover.start_date, changeover.end_date, changeover.order)
            for changeover in plan.changeovers
        ] == [(8, end_date - 4, "A")]


def test_late_material_delays_by_the_mean_lateness() -> None:
    factory = workshop()
    box = OrderState(
        order_id="A",
        product="box",
        release_date=0,
        due_date=20,
        material_here=False,
        operations={"pack": UPCOMING},
    )
    plan = planner(factory).plan(floor_of(factory, {"paint-1": idle("red")}, box))
    assert dates_of(plan) == [("pack-1", "A", "pack", 40, 40, 42)]
    here = box.model_copy(update={"material_here": True, "operations": {"pack": READY}})
    assert dates_of(planner(factory).plan(floor_of(factory, {"paint-1": idle("red")}, here))) == [
        ("pack-1", "A", "pack", 10, 10, 12)
    ]


# --- a plan can be carried out, and costs what it says --------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_plan_can_be_carried_out_and_costs_what_it_says(name: str) -> None:
    factory = find_single_factory(name)
    used = planner(factory, ATCS, any_legal(1))
    by: Literal["rule", "policy"]
    for snapshot in moments(factory, 30, 130, 260, 390):
        for by in ("rule", "policy"):
            plan = used.plan(snapshot, by=by)
            Reading(plan, snapshot, factory).check()
            assert {planned.order for planned in plan.orders} == {
                state.order_id for state in snapshot.orders
            }


def certain(name: str) -> Factory:
    """A shipped factory where everything takes its expected time, with 14 orders an episode."""
    factory = find_single_factory(name)
    exact = {"cv": None, "rework_probability": None, "first_piece_rework_probability": None}
    products = [
        product.model_copy(
            update={
                "operations": tuple(step.model_copy(update=exact) for step in product.operations)
            }
        )
        for product in factory.products
    ]
    lasting = {"mean_time_to_failure": None, "mean_time_to_repair": None}
    centres = [
        centre.model_copy(
            update={
                "machines": tuple(machine.model_copy(update=lasting) for machine in centre.machines)
            }
        )
        for centre in factory.work_centres
    ]
    assert factory.demand is not None
    changes = {
        "products": tuple(products),
        "work_centres": tuple(centres),
        "uncertainty": Uncertainty(),
        "material": (),
        "demand": factory.demand.model_copy(update={"num_orders": 14}),
    }
    return factory.model_copy(update=changes)


def play(
    factory: Factory, rule: Rule, seed: int, later: int
) -> tuple[Snapshot, dict[str, float], Schedule]:
    """A whole episode, with a snapshot some decisions after the last order has come and what it
    costs from then on."""
    arrays = load([factory])
    shop = allocate(
        arrays,
        1,
        job_rows=DEFAULT_JOB_ROWS,
        changeover_rows=DEFAULT_CHANGEOVER_ROWS,
        log_length=4096,
    )
    scratch, tables = allocate_observation_scratch(shop), allocate_tables(arrays, shop, np.float32)
    observation = {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }
    kernel.begin_episode(arrays, shop, 0, 0, np.uint64(seed))
    kernel.advance(arrays, shop, 0)
    snapshot, spent = None, np.zeros(len(COST_TERMS))
    while shop.env.deciding[0] >= 0:
        later -= bool(shop.env.num_released[0] == shop.env.num_orders[0])
        if later == 0:
            snapshot, spent = take_snapshot(ShopFloor(factory), shop, 0), shop.cost[0].copy()
        observe(
            arrays,
            shop,
            0,
            scratch,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
        assert kernel.apply_action(arrays, shop, 0, int(np.asarray(rule.decide(observation))[0]))
        kernel.advance(arrays, shop, 0)
    assert snapshot is not None
    return (
        snapshot,
        dict(zip(COST_TERMS, (shop.cost[0] - spent).tolist(), strict=True)),
        unload(factory, None, arrays, shop, 0),
    )


@pytest.mark.parametrize("rule", [ATCS, make_rule("EDD")], ids=str)
@pytest.mark.parametrize("name", SHIPPED)
def test_where_all_is_certain_the_plan_is_what_the_shop_does(name: str, rule: Rule) -> None:
    factory = certain(name)
    compared = 0
    for seed, later in ((3, 1), (4, 12)):
        snapshot, cost, schedule = play(factory, rule, seed, later)
        assert not snapshot.more_orders
        plan = planner(factory, rule).plan(snapshot, by="rule", futures=3)
        Reading(plan, snapshot, factory).check()
        happened = {
            (schedule.orders[operation.order].order_id, operation.name): operation
            for operation in schedule.operations
        }
        for planned in plan.operations:
            real = happened[planned.order, planned.operation]
            assert (planned.machine, planned.start_date, planned.end_date) == (
                schedule.machine_names[real.machine],
                real.start_date,
                real.end_date,
            )
            assert planned.selected_date == real.selected_date or planned.in_process
            compared += not planned.in_process
        changed = {
            (schedule.machine_names[changeover.machine], changeover.start_date, changeover.end_date)
            for changeover in schedule.changeovers
            if changeover.end_date > snapshot.clock
        }
        assert {
            (changeover.machine, changeover.start_date, changeover.end_date)
            for changeover in plan.changeovers
        } == changed
        assert plan.cost == pytest.approx(cost, abs=1e-6)
        for planned_ in plan.orders:
            assert (
                planned_.completion_p10
                == planned_.completion_p50
                == planned_.completion_p90
                == planned_.completion_date
            )
            assert planned_.on_time_probability == (planned_.lateness <= 0)
    assert compared > 20
