"""Each change of a what-if does what it says and nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest

from factory.io.catalogue import find_single_factory
from factory.model import Option, OptionValue
from scheduler.plans.changes import (
    CancelOrder,
    Change,
    LockOperation,
    MachineDown,
    OrderTerms,
    RushOrder,
)
from scheduler.plans.schema import Plan
from scheduler.plans.stability import measure_nervousness
from scheduler.plans.what_if import PlanComparison, change_snapshot
from scheduler.snapshot.read import SnapshotError
from scheduler.snapshot.schema import Lock, Snapshot
from tests.builders.workshop import (
    ATCS,
    READY,
    UPCOMING,
    dates_of,
    floor_of,
    idle,
    moments,
    order,
    planner,
    three_orders,
    told,
    workshop,
)
from tests.oracles.plan_reader import Reading

FACTORY = workshop()


def try_out(*changes: Change, snapshot: Snapshot | None = None, **fields: Any) -> PlanComparison:
    """In the workshop with A in the booth, B (white) and C (red) in its queue, first in, first
    out."""
    return planner(FACTORY).what_if(snapshot or three_orders(FACTORY), changes, **fields)


def completions(plan: Plan) -> dict[str, int]:
    return {planned.order: planned.completion_date for planned in plan.orders}


def without_terms(plan: Plan) -> Plan:
    """A plan but for due dates and what hangs on them."""
    orders = tuple(
        planned.model_copy(update={"due_date": 0, "weight": 0.0, "lateness": 0})
        for planned in plan.orders
    )
    cost = plan.cost | {"tardiness": 0.0}
    return told(plan).model_copy(
        update={"orders": orders, "cost": cost, "total_cost": math.fsum(cost.values())}
    )


# --- what each change does ------------------------------------------------------------------------


def test_before_and_after_are_the_plans_without_and_with_the_changes() -> None:
    snapshot = three_orders(FACTORY)
    changes: list[Change] = [
        RushOrder(order_id="R", product="white", due_date=15),
        MachineDown(machine="pack-1", until=20),
    ]
    comparison = try_out(*changes, futures=3, seed=4)
    assert told(comparison.before) == told(planner(FACTORY).plan(snapshot, futures=3, seed=4))
    assert told(comparison.after) == told(
        planner(FACTORY).plan(change_snapshot(snapshot, changes, FACTORY), futures=3, seed=4)
    )
    assert (
        comparison.cost_difference
        == comparison.after.total_cost - comparison.before.total_cost
        != 0
    )
    assert comparison.nervousness == measure_nervousness(comparison.before, comparison.after)
    assert snapshot == three_orders(FACTORY), "the snapshot stays as it is"


def test_a_rush_order_comes_at_the_clock_and_is_planned() -> None:
    """White behind B, who is white: the booth takes it last all the same (first in, first out),
    after C: 2 hours of changeover from 25, then 4."""
    comparison = try_out(RushOrder(order_id="R", product="white", due_date=20, weight=5.0))
    assert ("paint-1", "R", "paint", 25, 27, 31) in dates_of(comparison.after)
    assert ("pack-1", "R", "pack", 32, 32, 34) in dates_of(comparison.after)
    assert completions(comparison.after) == completions(comparison.before) | {"R": 34}
    assert [
        (
            planned.order,
            planned.before,
            planned.after,
            planned.moved,
            planned.lateness_before,
            planned.lateness_after,
        )
        for planned in comparison.orders
    ] == [
        ("R", None, 34, None, None, 14),
        ("A", 15, 15, 0, 7, 7),
        ("B", 21, 21, 0, -9, -9),
        ("C", 28, 28, 0, 8, 8),
    ]
    added = comparison.after.orders[-1]
    assert (added.product, added.due_date, added.weight) == ("white", 20, 5.0)
    assert comparison.cost_difference == pytest.approx(
        3 * 5 * 14 + 4 + 2 * 1.0 + 0.5 * 24 + 2 + 4 * 2
    ), "tardiness, changeover, waste, holding, electricity"


def test_a_rush_order_is_among_the_newest_releases() -> None:
    data = three_orders(FACTORY).model_copy(update={"recent_releases": (0, 0, 0, 1, 2, 3, 4, 9)})
    changed = change_snapshot(
        data, [RushOrder(order_id="R", product="white", due_date=20)], FACTORY
    )
    assert changed.recent_releases == (0, 0, 1, 2, 3, 4, 9, 10)
    assert changed.orders[-1].release_date == 10
    assert changed.orders[-1].operations == {
        "paint": READY.model_copy(update={"ready_date": 10}),
        "pack": UPCOMING,
    }


def test_a_rush_order_carries_the_customers_options() -> None:
    colour = Option(name="trim", values=(OptionValue(name="plain"), OptionValue(name="rich")))
    factory = workshop(options=(colour,))
    snapshot = floor_of(
        factory, {"paint-1": idle("red")}, order("A", "red", ready=3, options={"trim": "plain"})
    )
    changed = change_snapshot(
        snapshot,
        [RushOrder(order_id="R", product="white", due_date=20, options={"trim": "rich"})],
        factory,
    )
    assert changed.orders[-1].options == {"trim": "rich"}
    with pytest.raises(
        SnapshotError,
        match=r"orders\.1\.options = 0 options; trim is missing\. Add the value that the customer",
    ):
        change_snapshot(snapshot, [RushOrder(order_id="R", product="white", due_date=20)], factory)
    with pytest.raises(
        SnapshotError, match=r"orders\.1\.options\.trim = 'poor'; the option has no such value"
    ):
        change_snapshot(
            snapshot,
            [RushOrder(order_id="R", product="white", due_date=20, options={"trim": "poor"})],
            factory,
        )


def test_a_machine_that_is_down_starts_nothing_and_pauses_what_it_is_at() -> None:
    """A, in the booth until 12, still needs 2 hours when work goes on at 20::

    paint-1  ..........AA%%BBBB%%%CCCC...
    pack-1   .............AA....BB.....CC
             10        20        30
    """
    comparison = try_out(MachineDown(machine="paint-1", until=20), futures=2)
    assert completions(comparison.after) == {
        name: date + 10 for name, date in completions(comparison.before).items()
    }
    assert ("paint-1", "A", "paint", 8, 8, 22) in dates_of(comparison.after)
    assert {planned.moved for planned in comparison.orders} == {10}
    assert [planned.completion_p10 for planned in comparison.after.orders] == [
        25,
        31,
        38,
    ], "in futures too: nothing else is uncertain here"
    late = 10 * (1 + 2) + 1
    assert comparison.after.cost["tardiness"] - comparison.before.cost[
        "tardiness"
    ] == pytest.approx(3 * late), "A and C by 10 each, C twice; B, 9 early, by 1"


def test_a_machine_that_is_down_twice_is_so_until_the_later_date() -> None:
    snapshot = three_orders(FACTORY)
    for dates in ((20, 16), (16, 20), (20, 20)):
        changed = change_snapshot(
            snapshot, [MachineDown(machine="paint-1", until=date) for date in dates], FACTORY
        )
        assert (
            changed.machines["paint-1"].out_of_service_until,
            changed.machines["paint-1"].expected_end,
        ) == (20, 22)
    idle_one = change_snapshot(
        snapshot, [MachineDown(machine="pack-1", until=20)], FACTORY
    ).machines["pack-1"]
    assert (idle_one.out_of_service_until, idle_one.expected_end) == (20, None)


def test_other_terms_change_the_account_only() -> None:
    comparison = try_out(OrderTerms(order="C", due_date=24, weight=4.0))
    assert without_terms(comparison.before) == without_terms(comparison.after)
    assert [
        (planned.due_date, planned.weight, planned.lateness)
        for planned in comparison.after.orders
        if planned.order == "C"
    ] == [(24, 4.0, 4)]
    assert comparison.cost_difference == pytest.approx(3 * (4 * 4 - 2 * 8))
    assert comparison.nervousness.moved == comparison.nervousness.mean_shift == 0
    assert comparison.nervousness.operations == 5, "all but A in the booth"


@pytest.mark.parametrize(
    "change",
    [OrderTerms(order="C", due_date=20), OrderTerms(order="C", weight=2.0), OrderTerms(order="C")],
    ids=["due", "weight", "none"],
)
def test_the_same_terms_leave_the_plan_as_it_is(change: OrderTerms) -> None:
    comparison = try_out(change, futures=4)
    assert told(comparison.before) == told(comparison.after)
    assert comparison.cost_difference == 0
    assert {planned.moved for planned in comparison.orders} == {0}


def test_a_cancelled_order_is_gone_with_its_locks() -> None:
    """Without B the booth stays red: C is painted from 12 to 16 and packed from 17."""
    snapshot = change_snapshot(
        three_orders(FACTORY),
        [LockOperation(machine="pack-1", order="B", operation="pack")],
        FACTORY,
    )
    comparison = try_out(CancelOrder(order="B"), snapshot=snapshot)
    assert completions(comparison.after) == {"A": 15, "C": 19}
    assert [
        (planned.order, planned.after) for planned in comparison.orders if planned.after is None
    ] == [("B", None)]
    assert not comparison.after.changeovers
    assert not change_snapshot(snapshot, [CancelOrder(order="B")], FACTORY).locks


def test_a_lock_fixes_an_operation_after_the_locks_that_are_there() -> None:
    snapshot = three_orders(FACTORY)
    comparison = try_out(LockOperation(machine="paint-1", order="C", operation="paint"))
    assert [row[1] for row in dates_of(comparison.after) if row[0] == "paint-1"] == ["A", "C", "B"]
    assert {
        (operation.order, operation.operation)
        for operation in comparison.after.operations
        if operation.locked
    } == {("C", "paint")}
    changed = change_snapshot(
        snapshot,
        [LockOperation(machine="pack-1", order=name, operation="pack") for name in ("C", "A")],
        FACTORY,
    )
    assert changed.locks == tuple(
        Lock(machine="pack-1", order=name, operation="pack") for name in ("C", "A")
    )


def test_changes_build_on_each_other() -> None:
    changes: list[Change] = [
        RushOrder(order_id="R", product="red", due_date=20),
        OrderTerms(order="R", due_date=40),
        LockOperation(machine="paint-1", order="R", operation="paint"),
    ]
    comparison = try_out(*changes)
    assert ("paint-1", "R", "paint", 12, 12, 16) in dates_of(comparison.after)
    assert (
        next(planned.due_date for planned in comparison.after.orders if planned.order == "R") == 40
    )
    assert told(try_out(*changes, CancelOrder(order="R")).after) == told(comparison.before)


def test_orders_that_move_most_stand_first() -> None:
    comparison = try_out(LockOperation(machine="paint-1", order="C", operation="paint"))
    moved = [abs(planned.moved) for planned in comparison.orders if planned.moved is not None]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 0


def test_changes_of_shipped_factories_lead_to_plans_that_can_be_carried_out() -> None:
    factory = find_single_factory("scarce_crew")
    for snapshot in moments(factory, 100, 250):
        at_work = next(
            name for name, state in snapshot.machines.items() if state.status == "processing"
        )
        options = snapshot.orders[0].options
        changes: list[Change] = [
            RushOrder(
                order_id="rush",
                product=snapshot.orders[0].product,
                options=options,
                due_date=snapshot.clock + 300,
                weight=3.0,
            ),
            MachineDown(machine=at_work, until=snapshot.clock + 90),
            MachineDown(machine="test-1", until=snapshot.clock + 50),
            OrderTerms(order=snapshot.orders[-1].order_id, weight=9.0),
        ]
        changed = change_snapshot(snapshot, changes, factory)
        comparison = planner(factory, ATCS).what_if(snapshot, changes, futures=2)
        Reading(comparison.before, snapshot, factory).check()
        Reading(comparison.after, changed, factory).check()
        assert {planned.order for planned in comparison.orders} - {
            state.order_id for state in snapshot.orders
        } == {"rush"}
