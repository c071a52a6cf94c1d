"""Tampered schedules, with the constraint and the record that a verifier must name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from factory.schedule.records import ChangeoverRecord, FailureRecord, Schedule, WaitRecord
from factory.verification.violations import Constraint
from tests.builders.hand_made_schedule import (
    BUILD,
    BUILD_1,
    BUILD_2,
    KIT,
    PAINT,
    PAINT_2,
    TEST_1,
    with_changeover,
    with_operation,
    with_order,
)

Tampering = Callable[[Schedule], Schedule]


def shift(order: int, name: str, ticks: int) -> Tampering:
    """Return a function that shifts all dates of an operation."""

    def tamper(schedule: Schedule) -> Schedule:
        record = next(o for o in schedule.operations if (o.order, o.name) == (order, name))
        dates = {
            field: getattr(record, field) + ticks
            for field in ("selected_date", "start_date", "end_date")
        }
        return with_operation(schedule, order, name, **dates)

    return tamper


def without_operation(schedule: Schedule, order: int, name: str) -> Schedule:
    return replace(
        schedule,
        operations=tuple(o for o in schedule.operations if (o.order, o.name) != (order, name)),
    )


def with_changeovers(schedule: Schedule, *more: ChangeoverRecord) -> Schedule:
    return replace(schedule, changeovers=(*schedule.changeovers, *more))


def without_changeover(schedule: Schedule, index: int) -> Schedule:
    return replace(
        schedule, changeovers=schedule.changeovers[:index] + schedule.changeovers[index + 1 :]
    )


A_PAINT, A_KIT, A_BUILD = (
    f"order A, operation {name}, on {machine}"
    for name, machine in ((PAINT, "paint-1"), (KIT, "test-1"), (BUILD, "build-1"))
)
B_PAINT, B_KIT, B_BUILD = (
    f"order B, operation {name}, on {machine}"
    for name, machine in ((PAINT, "paint-2"), (KIT, "test-1"), (BUILD, "build-2"))
)

TAMPERINGS: dict[str, tuple[Tampering, Constraint, str]] = {
    "two operations of a machine overlap": (shift(1, KIT, -3), Constraint.OVERLAP, B_KIT),
    "a changeover overlaps an operation": (
        lambda s: with_changeovers(
            s, ChangeoverRecord(BUILD_1, 20, 23, ("small", "plain"), ("small", "rich"), None, None)
        ),
        Constraint.OVERLAP,
        "build-1, changeover at 20",
    ),
    "a wait overlaps a changeover": (
        lambda s: replace(s, waits=(WaitRecord(BUILD_2, 8, 12),)),
        Constraint.OVERLAP,
        "build-2, changeover at 10",
    ),
    "an operation before its predecessor": (shift(0, BUILD, -2), Constraint.PRECEDENCE, A_BUILD),
    "an operation before transport has brought it": (
        shift(0, BUILD, -1),
        Constraint.TRANSPORT,
        A_BUILD,
    ),
    "an operation before its order's release": (shift(1, KIT, -1), Constraint.RELEASE, B_KIT),
    "a selection before the release, a start after": (
        lambda s: with_operation(s, 1, PAINT, selected_date=4),
        Constraint.RELEASE,
        B_PAINT,
    ),
    "an operation on a machine that is not eligible": (
        lambda s: with_operation(
            s, 1, BUILD, machine=BUILD_1, selected_date=25, start_date=25, end_date=37
        ),
        Constraint.ELIGIBILITY,
        "order B, operation build, on build-1",
    ),
    "an operation in another work centre": (
        lambda s: with_operation(s, 0, KIT, machine=BUILD_1),
        Constraint.WORK_CENTRE,
        "order A, operation kit, on build-1",
    ),
    "a changeover left out": (
        lambda s: without_changeover(s, 0),
        Constraint.CHANGEOVER_MISSING,
        A_PAINT,
    ),
    "a changeover ahead left out": (
        lambda s: without_changeover(s, 2),
        Constraint.CHANGEOVER_MISSING,
        B_BUILD,
    ),
    "a changeover too short": (
        lambda s: with_changeover(s, 1, start_date=6),
        Constraint.CHANGEOVER_TIME,
        "order B, operation number 0, changeover on paint-2 at 6",
    ),
    "a changeover too long": (
        lambda s: with_changeover(s, 2, end_date=15),
        Constraint.CHANGEOVER_TIME,
        "build-2, changeover at 10",
    ),
    "a changeover from what is not mounted": (
        lambda s: with_changeover(s, 0, from_setup=("black",), end_date=5),
        Constraint.FROM_SETUP,
        "order A, operation number 0, changeover on paint-1 at 0",
    ),
    "a changeover to what is not wanted": (
        lambda s: with_changeover(s, 0, to_setup=("black",)),
        Constraint.TO_SETUP,
        A_PAINT,
    ),
    "a changeover that also changes what nobody asked for": (
        lambda s: with_changeover(s, 2, order=1, operation=2, to_setup=("big", "rich")),
        Constraint.TO_SETUP,
        B_BUILD,
    ),
    "a forbidden changeover": (
        lambda s: with_changeovers(
            s, ChangeoverRecord(PAINT_2, 20, 26, ("black",), ("white",), None, None)
        ),
        Constraint.FORBIDDEN_CHANGEOVER,
        "paint-2, changeover at 20",
    ),
    "more changeovers than crews": (
        lambda s: with_changeover(s, 2, start_date=8, end_date=12),
        Constraint.CREWS,
        "build-2, changeover at 8",
    ),
    "a pause between changeover and operation": (
        lambda s: with_operation(s, 1, PAINT, start_date=10, end_date=16),
        Constraint.PAUSE,
        B_PAINT,
    ),
    "a pause between selection and start": (
        lambda s: with_operation(s, 1, BUILD, start_date=18, end_date=30),
        Constraint.PAUSE,
        B_BUILD,
    ),
    "a changeover later than the selection it was made for": (
        lambda s: with_operation(s, 0, PAINT, start_date=3, end_date=13),
        Constraint.PAUSE,
        A_PAINT,
    ),
    "an operation too short": (
        lambda s: with_operation(s, 0, BUILD, end_date=24, process_time=11),
        Constraint.DURATION,
        A_BUILD,
    ),
    "an operation too long": (
        lambda s: with_operation(s, 1, PAINT, end_date=16, process_time=7),
        Constraint.DURATION,
        B_PAINT,
    ),
    "processing stretched without a failure": (
        lambda s: with_operation(s, 0, BUILD, end_date=26),
        Constraint.INTERRUPTION,
        A_BUILD,
    ),
    "a failure on a machine that never fails": (
        lambda s: replace(s, failures=(FailureRecord(PAINT_2, 10, 11),)),
        Constraint.FAILURE,
        "paint-2, failure at 10",
    ),
    "an operation left out": (
        lambda s: without_operation(s, 0, KIT),
        Constraint.OPERATION_MISSING,
        "order A, operation kit",
    ),
    "an operation done twice": (
        lambda s: replace(
            s,
            operations=(
                *s.operations,
                replace(s.operations[0], selected_date=20, start_date=20, end_date=23),
            ),
        ),
        Constraint.OPERATION_DUPLICATED,
        A_KIT,
    ),
    "rework of what needs none": (
        lambda s: replace(
            s,
            operations=(
                *s.operations,
                replace(s.operations[0], selected_date=20, start_date=20, end_date=23, attempt=1),
            ),
        ),
        Constraint.REWORK,
        A_KIT,
    ),
    "a second attempt without a first": (
        lambda s: with_operation(s, 0, KIT, attempt=1),
        Constraint.REWORK,
        "order A, operation kit, attempt 1, on test-1",
    ),
    "an operation under another name": (
        lambda s: with_operation(s, 0, KIT, name="weld"),
        Constraint.RECORD,
        "operation weld (0.1)",
    ),
    "an operation of an order that does not exist": (
        lambda s: with_operation(s, 0, KIT, order=7),
        Constraint.RECORD,
        "operation kit (7.1)",
    ),
    "an operation that the product does not have": (
        lambda s: with_operation(s, 0, KIT, operation=3),
        Constraint.RECORD,
        "operation kit (0.3)",
    ),
    "a machine that does not exist": (
        lambda s: with_operation(s, 0, KIT, machine=9),
        Constraint.RECORD,
        "operation kit (0.1)",
    ),
    "an operation that ends before it starts": (
        lambda s: with_operation(s, 0, BUILD, end_date=12),
        Constraint.RECORD,
        "operation build (0.2)",
    ),
    "a setup that does not exist": (
        lambda s: with_changeover(s, 0, to_setup=("pink",)),
        Constraint.RECORD,
        "changeover at 0 on machine 0",
    ),
    "a changeover for an operation of another machine": (
        lambda s: with_changeover(s, 2, order=0, operation=2),
        Constraint.RECORD,
        "build-2, changeover at 10",
    ),
    "a changeover for an order but no operation": (
        lambda s: with_changeover(s, 0, operation=None),
        Constraint.RECORD,
        "changeover at 0 on machine 0",
    ),
    "an order out of its place in the list": (
        lambda s: with_order(s, 1, number=5),
        Constraint.RECORD,
        "order B",
    ),
    "an order under another id": (
        lambda s: with_order(s, 0, order_id="Z"),
        Constraint.ORDER_ALTERED,
        "order A",
    ),
    "a product that does not exist": (
        lambda s: with_order(s, 1, product="boat"),
        Constraint.RECORD,
        "order B",
    ),
    "an option that does not exist": (
        lambda s: with_order(s, 0, options={"wheels": "big"}),
        Constraint.RECORD,
        "order A",
    ),
    "an option's value that does not exist": (
        lambda s: with_order(s, 0, options={"colour": "pink"}),
        Constraint.RECORD,
        "order A",
    ),
    "an order left out": (
        lambda s: replace(
            s,
            orders=s.orders[:1],
            operations=tuple(o for o in s.operations if o.order == 0),
            changeovers=s.changeovers[:1],
        ),
        Constraint.ORDER_MISSING,
        "order B",
    ),
    "an order that nobody gave": (
        lambda s: replace(s, orders=(*s.orders, replace(s.orders[0], order_id="C", number=2))),
        Constraint.ORDER_UNKNOWN,
        "order C",
    ),
    "a due date moved": (
        lambda s: with_order(s, 1, due_date=28),
        Constraint.ORDER_ALTERED,
        "order B",
    ),
    "a release date moved": (
        lambda s: with_order(s, 1, release_date=0, material_date=0),
        Constraint.ORDER_ALTERED,
        "order B",
    ),
    "a weight lowered": (
        lambda s: with_order(s, 1, weight=0.5),
        Constraint.ORDER_ALTERED,
        "order B",
    ),
    "a product exchanged": (
        lambda s: with_order(s, 1, product="car"),
        Constraint.ORDER_ALTERED,
        "order B",
    ),
    "an option exchanged": (
        lambda s: with_order(s, 0, options={"colour": "white"}),
        Constraint.ORDER_ALTERED,
        "order A",
    ),
    "material before the release": (
        lambda s: with_order(s, 1, material_date=4),
        Constraint.MATERIAL_DATE,
        "order B",
    ),
    "material late where supply is always on time": (
        lambda s: with_order(s, 0, material_date=1),
        Constraint.MATERIAL_DATE,
        "order A",
    ),
    "a completion date that is no operation's end": (
        lambda s: with_order(s, 1, completion_date=27),
        Constraint.COMPLETION,
        "order B",
    ),
    "an order without completion": (
        lambda s: with_order(s, 1, completion_date=None),
        Constraint.COMPLETION,
        "order B",
    ),
    "orders still to come": (
        lambda s: replace(s, num_orders=3),
        Constraint.COMPLETION,
        "num_orders",
    ),
    "an operation still in work": (
        lambda s: replace(s, open_operations=s.operations[-1:]),
        Constraint.COMPLETION,
        B_BUILD,
    ),
    "a repair still in progress": (
        lambda s: replace(s, open_failures=(FailureRecord(PAINT_2, 28, 28),)),
        Constraint.COMPLETION,
        "paint-2, failure at 28",
    ),
    "an end date after the last completion": (
        lambda s: replace(s, end_date=30),
        Constraint.END_DATE,
        "end_date",
    ),
    "an end date before the last completion": (
        lambda s: replace(s, end_date=25),
        Constraint.END_DATE,
        "end_date",
    ),
    "a wait longer than the longest": (
        lambda s: replace(s, waits=(WaitRecord(PAINT_2, 0, 1), WaitRecord(TEST_1, 8, 15))),
        Constraint.WAIT,
        "test-1, wait at 8",
    ),
    "a machine under another name": (
        lambda s: replace(s, machine_names=("x", *s.machine_names[1:])),
        Constraint.FACTORY,
        "machine_names",
    ),
    "another clock": (lambda s: replace(s, tick_minutes=1.0), Constraint.FACTORY, "tick_minutes"),
    "another factory": (
        lambda s: replace(s, factory_name="other"),
        Constraint.FACTORY,
        "factory_name",
    ),
}
