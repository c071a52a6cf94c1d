"""Nervousness compares two plans, and a frozen horizon keeps the start of the previous one."""

from __future__ import annotations

import pytest

from factory.io.catalogue import find_single_factory
from scheduler.plans.changes import LockOperation, MachineDown, RushOrder
from scheduler.plans.frozen_horizon import freeze
from scheduler.plans.schema import Plan
from scheduler.plans.stability import measure_nervousness
from scheduler.plans.what_if import change_snapshot
from scheduler.portfolio.planner import Planner
from scheduler.snapshot.read import SnapshotError
from scheduler.snapshot.schema import Snapshot
from tests.builders.workshop import (
    ATCS,
    CROSSING,
    DONE,
    FIFO,
    IN_PROCESS,
    READY,
    UPCOMING,
    busy,
    dates_of,
    floor_of,
    idle,
    locked,
    moments,
    order,
    planner,
    three_orders,
    workshop,
)

FACTORY = workshop()


# --- nervousness ----------------------------------------------------------------------------------


def shifted(plan: Plan, **starts: int) -> Plan:
    """The plan with the paint of some orders moved by some ticks."""
    moved = [
        (
            operation.model_copy(
                update={
                    "start_date": operation.start_date + starts[operation.order],
                    "end_date": operation.end_date + starts[operation.order],
                }
            )
            if operation.operation == "paint" and operation.order in starts
            else operation
        )
        for operation in plan.operations
    ]
    return plan.model_copy(update={"operations": tuple(moved)})


def test_a_plan_is_not_nervous_against_itself() -> None:
    factory = find_single_factory("microfactory")
    plan = planner(factory, ATCS).plan(moments(factory, 150)[0])
    nervousness = measure_nervousness(plan, plan)
    assert (
        nervousness.operations
        == sum(not operation.in_process for operation in plan.operations)
        > 10
    )
    assert (nervousness.moved, nervousness.changed_machine, nervousness.mean_shift) == (0, 0, 0)


def measured(previous: Plan, plan: Plan) -> tuple[int, float, float, float]:
    """Return operations, moved, changed machine and mean shift."""
    nervousness = measure_nervousness(previous, plan)
    return (
        nervousness.operations,
        nervousness.moved,
        nervousness.changed_machine,
        nervousness.mean_shift,
    )


def test_an_operation_has_moved_beyond_the_mean_process_time() -> None:
    """Five operations have not begun, of 2, 4, 2, 4 and 2 hours, 2.8 on average.

    B starts 3 hours later and has moved; C starts 2 hours earlier and has not.
    """
    plan = planner(FACTORY).plan(three_orders(FACTORY))
    assert measured(plan, shifted(plan, A=50, B=3, C=-2)) == (5, 1 / 5, 0, 1.0)


@pytest.mark.parametrize(("shift", "moved"), [(2, 0), (3, 1)])
def test_a_shift_by_the_mean_process_time_is_no_move(shift: int, moved: int) -> None:
    """Each pack takes 2 hours."""
    plan = planner(FACTORY).plan(three_orders(FACTORY))
    packs = tuple(operation for operation in plan.operations if operation.operation == "pack")
    later = tuple(
        pack.model_copy(
            update={"start_date": pack.start_date + shift, "end_date": pack.end_date + shift}
        )
        for pack in packs
    )
    before, after = (plan.model_copy(update={"operations": part}) for part in (packs, later))
    assert measure_nervousness(before, after).moved == moved


def test_an_operation_on_another_machine_has_moved() -> None:
    plan = planner(FACTORY).plan(three_orders(FACTORY))
    elsewhere = tuple(
        operation.model_copy(update={"machine": "pack-2"})
        if (operation.order, operation.operation) == ("C", "pack")
        else operation
        for operation in plan.operations
    )
    after = plan.model_copy(update={"operations": elsewhere})
    assert measured(plan, after) == (5, 1 / 5, 1 / 5, 0)


def test_operations_of_one_plan_only_are_not_compared() -> None:
    plan = planner(FACTORY).plan(three_orders(FACTORY))
    fewer = plan.model_copy(
        update={
            "operations": tuple(
                operation for operation in plan.operations if operation.order == "B"
            )
        }
    )
    assert (
        measure_nervousness(plan, fewer).operations
        == measure_nervousness(fewer, plan).operations
        == 2
    )
    none = measure_nervousness(plan, plan.model_copy(update={"operations": ()}))
    assert (none.operations, none.moved, none.changed_machine, none.mean_shift) == (0, 0, 0, 0)


# --- the frozen horizon ---------------------------------------------------------------------------


def frozen(snapshot: Snapshot, previous: Plan, ticks: int) -> list[tuple[str, str, str]]:
    return [
        (lock.machine, lock.order, lock.operation)
        for lock in freeze(snapshot, previous, ticks, FACTORY).snapshot.locks
    ]


def test_what_begins_within_the_frozen_horizon_is_locked_in_sequence() -> None:
    """The plan worked out by hand selects B's paint at 12, A's pack at 13, C's paint at 18, B's
    pack at 19 and C's pack at 26."""
    snapshot = three_orders(FACTORY)
    plan = planner(FACTORY).plan(snapshot)
    turns = [
        ("paint-1", "B", "paint"),
        ("pack-1", "A", "pack"),
        ("paint-1", "C", "paint"),
        ("pack-1", "B", "pack"),
        ("pack-1", "C", "pack"),
    ]
    for ticks, count in ((0, 0), (2, 0), (3, 1), (8, 2), (9, 3), (100, 5)):
        assert frozen(snapshot, plan, ticks) == turns[:count]
    assert freeze(snapshot, plan, 2, FACTORY).snapshot is snapshot


def test_what_has_begun_or_gone_is_not_frozen() -> None:
    """At 19 the booth is at C, and B on its way; A has gone, and a rush order has come that the
    plan does not know."""
    plan = planner(FACTORY).plan(three_orders(FACTORY))
    later = floor_of(
        FACTORY,
        {"paint-1": busy("C", 25, since=21)},
        order(
            "B",
            "white",
            30,
            operations={"paint": DONE, "pack": UPCOMING.model_copy(update={"arrival_date": 23})},
        ),
        order("C", "red", 20, operations={"paint": IN_PROCESS, "pack": UPCOMING}),
        order("R", "red", 40, 20),
        clock=22,
    )
    assert frozen(later, plan, 100) == [("pack-1", "B", "pack"), ("pack-1", "C", "pack")]


def test_machines_out_of_service_beyond_the_horizon_keep_nothing() -> None:
    snapshot = three_orders(FACTORY)
    plan = planner(FACTORY).plan(snapshot)
    stopped = change_snapshot(snapshot, [MachineDown(machine="paint-1", until=40)], FACTORY)
    assert {machine for machine, _, _ in frozen(stopped, plan, 25)} == {"pack-1"}
    assert {machine for machine, _, _ in frozen(stopped, plan, 30)} == {"paint-1", "pack-1"}


def test_own_locks_come_before_the_frozen_ones() -> None:
    snapshot = three_orders(FACTORY)
    plan = planner(FACTORY).plan(snapshot)
    own = change_snapshot(
        snapshot, [LockOperation(machine="paint-1", order="C", operation="paint")], FACTORY
    )
    assert frozen(own, plan, 9) == [
        ("paint-1", "C", "paint"),
        ("paint-1", "B", "paint"),
        ("pack-1", "A", "pack"),
    ]


def test_a_frozen_horizon_makes_a_plan_calm() -> None:
    """Another rule after a rush order: what is frozen stays, whatever the rule would rather do."""
    factory = find_single_factory("microfactory")
    snapshot = moments(factory, 200)[0]
    previous = planner(factory, FIFO).plan(snapshot)
    rushed = change_snapshot(
        snapshot,
        [
            RushOrder(
                order_id="rush",
                product="pod",
                options=_pod_options(snapshot),
                due_date=snapshot.clock + 10,
                weight=50.0,
            )
        ],
        factory,
    )
    held: Planner = planner(factory, ATCS)
    calm, free = (
        measure_nervousness(previous, held.plan(rushed, previous=previous, frozen=10**6)),
        measure_nervousness(previous, held.plan(rushed)),
    )
    assert calm.operations == free.operations > 10
    assert calm.changed_machine == 0 < free.changed_machine
    assert calm.moved < free.moved


def _pod_options(snapshot: Snapshot) -> dict[str, str]:
    return next(state.options for state in snapshot.orders if state.product == "pod")


def test_locks_that_contradict_the_frozen_plan_are_refused() -> None:
    """In the plan paint and pack do R before B; the snapshot wants the packers to begin with B,
    which is to be packed after its paint, and R before its."""
    snapshot = floor_of(
        CROSSING,
        {"paint-1": idle("white")},
        order("R", "red", operations={"pack": READY, "red": UPCOMING}),
        order("B", "pack", operations={"black": READY, "pack": UPCOMING}),
    )
    previous = planner(CROSSING).plan(
        locked(snapshot, CROSSING, ("paint-1", "R", "red"), ("paint-1", "B", "black"))
    )
    assert [row[:2] for row in dates_of(previous)] == [
        ("pack-1", "R"),
        ("paint-1", "R"),
        ("paint-1", "B"),
        ("pack-1", "B"),
    ]
    own = locked(snapshot, CROSSING, ("pack-1", "B", "pack"))
    with pytest.raises(SnapshotError, match=r"locks = 4 locks; together with the routes they want"):
        freeze(own, previous, 100, CROSSING)
