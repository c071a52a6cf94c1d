"""A small factory and a schedule of it, worked out by hand, for the tests of everything that reads
schedules."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from factory.model import (
    Attribute,
    Costs,
    Effect,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    Order,
    OrderBook,
    Product,
    Tariff,
    Transport,
    WorkCentre,
)
from factory.schedule.records import (
    ChangeoverRecord,
    OperationRecord,
    OrderRecord,
    Schedule,
    WaitRecord,
)
from factory.simulator import Simulator
from tests.builders.random_factories import random_row

PAINT_1, PAINT_2, BUILD_1, BUILD_2, TEST_1 = range(5)
KIT, PAINT, BUILD = "kit", "paint", "build"


def hand_factory(**changes: Any) -> Factory:
    """Paint (2 machines, the second twice as fast), build (2 machines) and test (1); six minutes a
    tick, the first tick at 22 o'clock.
    """
    plan: dict[str, Any] = {
        "name": "hand made",
        "tick_minutes": 6.0,
        "start_hour": 22,
        "crews": 1,
        "work_centres": _hand_work_centres(),
        "products": _hand_products(),
        "options": _hand_options(),
        "transport": Transport(default=1),
        "tariff": Tariff(price=(0.4, *(0.3,) * 21, 0.1, 0.2), co2=(0.5,) * 24),
        "costs": Costs(
            tardiness=10.0, changeover=2.0, waste=4.0, energy=1.5, holding=0.5, co2_per_waste_kg=2.0
        ),
    }
    return Factory(**(plan | changes))


def _hand_work_centres() -> tuple[WorkCentre, ...]:
    colour = Attribute(
        name="colour",
        values=("white", "red", "black"),
        time=((0, 2, 4), (3, 0, 2), (6, 5, 0)),
        cost=((0.0, 1.0, 2.0), (3.0, 0.0, 1.0), (4.0, 2.0, 0.0)),
        waste=((0.0, 0.5, 1.0), (1.5, 0.0, 0.5), (2.0, 1.0, 0.0)),
        forbidden=(("black", "white"),),
    )
    platform = Attribute(
        name="platform",
        values=("small", "big"),
        time=((0, 4), (4, 0)),
        cost=((0.0, 5.0), (5.0, 0.0)),
    )
    trim = Attribute(name="trim", values=("plain", "rich"), time=((0, 3), (3, 0)))
    paint = Machine(name="paint-1", idle_power=1.0, processing_power=10.0, changeover_power=5.0)
    return (
        WorkCentre(
            name="paint",
            machines=(paint, Machine(name="paint-2", speed=2.0)),
            attributes=(colour,),
        ),
        WorkCentre(
            name="build",
            machines=(Machine(name="build-1"), Machine(name="build-2")),
            attributes=(platform, trim),
        ),
        WorkCentre(name="test", machines=(Machine(name="test-1"),)),
    )


def _hand_products() -> tuple[Product, ...]:
    return (
        Product(
            name="car",
            operations=(
                Operation(name=PAINT, work_centre="paint", process_time=10, needs_material=True),
                Operation(name=KIT, work_centre="test", process_time=3, after=()),
                Operation(
                    name=BUILD,
                    work_centre="build",
                    process_time=12,
                    after=(PAINT, KIT),
                    setup={"platform": "small"},
                ),
            ),
        ),
        Product(
            name="van",
            operations=(
                Operation(name=PAINT, work_centre="paint", process_time=10),
                Operation(name=KIT, work_centre="test", process_time=3, after=()),
                Operation(
                    name=BUILD,
                    work_centre="build",
                    machine_times={"build-2": 12},
                    after=(PAINT, KIT),
                    setup={"platform": "big"},
                ),
            ),
        ),
    )


def _hand_options() -> tuple[Option, ...]:
    return (
        Option(
            name="colour",
            values=tuple(
                OptionValue(
                    name=value,
                    effects=(
                        Effect(
                            operation=PAINT,
                            setup={"colour": value},
                            time=2 if value == "black" else 0,
                        ),
                    ),
                )
                for value in ("white", "red", "black")
            ),
        ),
    )


def hand_book() -> OrderBook:
    """A red car and a black van."""
    return OrderBook(
        orders=(
            Order(
                order_id="A",
                release_date=0,
                due_date=40,
                weight=2.0,
                product="car",
                options={"colour": "red"},
            ),
            Order(
                order_id="B",
                release_date=5,
                due_date=24,
                weight=1.0,
                product="van",
                options={"colour": "black"},
            ),
        )
    )


def hand_schedule() -> Schedule:
    """Both orders, with a changeover ahead and a wait on build-2 (``%`` changeover, ``~`` wait, a
    column two ticks).

    ::

        paint-1  %AAAAA........
        paint-2  ..%%BBB.......
        build-1  ......AAAAAA..
        build-2  ....~%%.BBBBBB
        test-1   AABB..........
                 0    10   20
    """
    return Schedule(
        factory_name="hand made",
        tick_minutes=6.0,
        start_hour=22,
        seed=None,
        machine_names=("paint-1", "paint-2", "build-1", "build-2", "test-1"),
        machine_centres=("paint", "paint", "build", "build", "test"),
        orders=(
            OrderRecord("A", 0, "car", {"colour": "red"}, 0, 40, 2.0, 0, 25),
            OrderRecord("B", 1, "van", {"colour": "black"}, 5, 24, 1.0, 5, 28),
        ),
        operations=(
            OperationRecord(0, 1, KIT, TEST_1, 0, 0, 3, 3, 0),
            OperationRecord(1, 1, KIT, TEST_1, 5, 5, 8, 3, 0),
            OperationRecord(0, 0, PAINT, PAINT_1, 0, 2, 12, 10, 0),
            OperationRecord(1, 0, PAINT, PAINT_2, 5, 9, 15, 6, 0),
            OperationRecord(0, 2, BUILD, BUILD_1, 13, 13, 25, 12, 0),
            OperationRecord(1, 2, BUILD, BUILD_2, 16, 16, 28, 12, 0),
        ),
        changeovers=(
            ChangeoverRecord(PAINT_1, 0, 2, ("white",), ("red",), 0, 0),
            ChangeoverRecord(PAINT_2, 5, 9, ("white",), ("black",), 1, 0),
            ChangeoverRecord(BUILD_2, 10, 14, ("small", "plain"), ("big", "plain"), None, None),
        ),
        waits=(WaitRecord(BUILD_2, 8, 10),),
        end_date=28,
    )


def with_operation(schedule: Schedule, order: int, name: str, /, **changes: Any) -> Schedule:
    """The schedule with one operation's record changed."""
    altered = tuple(
        replace(o, **changes) if (o.order, o.name) == (order, name) else o
        for o in schedule.operations
    )
    assert altered != schedule.operations
    return replace(schedule, operations=altered)


def with_changeover(schedule: Schedule, number: int, /, **changes: Any) -> Schedule:
    """The schedule with one changeover's record changed."""
    changeovers = list(schedule.changeovers)
    changeovers[number] = replace(changeovers[number], **changes)
    return replace(schedule, changeovers=tuple(changeovers))


def with_order(schedule: Schedule, number: int, /, **changes: Any) -> Schedule:
    """The schedule with one order's record changed."""
    orders = list(schedule.orders)
    orders[number] = replace(orders[number], **changes)
    return replace(schedule, orders=tuple(orders))


def play(factory: Factory, book: OrderBook | None, seed: int, decisions: int = 3000) -> Simulator:
    """The simulator after random legal decisions, as many as asked for or until the episode is
    over."""
    simulator, rng = Simulator(factory, book), random.Random(seed)
    simulator.reset(seed)
    for _ in range(decisions):
        if simulator.deciding is None:
            break
        simulator.decide(
            random_row(
                [(choice.row, choice.kind) for choice in simulator.choices() if choice.legal], rng
            )
        )
    return simulator
