"""Plans of factories with hours, people, maintenance and runs, checked by the verifier."""

from __future__ import annotations

import random

import pytest

from factory.model import Factory, Order, OrderBook
from factory.simulator import Simulator
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.plans.schema import Plan
from scheduler.portfolio.plan_verification import verify_plan
from scheduler.portfolio.planner import Planner
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from scheduler.snapshot.schema import Snapshot
from scheduler.text_report import format_plan
from tests.builders.operating_factories import random_operating_factory
from tests.builders.operating_snapshots import CLEANING, WELDING, works, works_floor
from tests.builders.workshop import FIFO, planner


def draw_orders(factory: Factory, seed: int) -> OrderBook:
    """Draw the first orders of an episode."""
    simulator = Simulator(factory)
    simulator.reset(seed)
    shop = simulator.shop
    orders = []
    for i in range(min(8, int(shop.env.num_orders[0]))):
        row, chosen = shop.orders[0, i], shop.option_value[0, i].tolist()
        options = {
            option.name: option.values[value].name
            for option, value in zip(factory.options, chosen, strict=False)
            if value >= 0
        }
        orders.append(
            Order(
                order_id=f"{i}",
                release_date=int(row.release_date),
                due_date=int(row.due_date),
                weight=float(row.weight),
                product=factory.products[int(row.product)].name,
                options=options,
            )
        )
    return OrderBook(orders=tuple(orders))


def empty_floor(seed: int) -> tuple[Factory, Snapshot, Planner]:
    """Return a random factory with punctual material, a snapshot with orders, and a planner."""
    factory, book = random_operating_factory(random.Random(seed))
    factory = factory.model_copy(update={"material": ()})
    book = draw_orders(factory, seed) if book is None else book
    snapshot = add_order_book(empty_snapshot(factory), book, factory)
    made = Planner(
        Decider(ShopFloor(factory, book), None, FIFO),
        budget=SearchBudget(seconds=60.0, max_moves=200),
    )
    return factory, snapshot, made


def may_be_told(plan: Plan) -> bool:
    """Return whether every operation takes time, so that dates tell the sequence."""
    return all(each.start_date < each.end_date for each in plan.operations)


@pytest.mark.parametrize("by", ["rule", "search"])
def test_the_verifier_accepts_plans_of_operating_factories_at_the_same_cost(by: str) -> None:
    found = {"plans": 0, "maintenance": 0, "pauses": 0, "people": 0}
    for seed in range(24) if by == "rule" else range(8):
        factory, snapshot, made = empty_floor(seed)
        plan = made.plan(snapshot, by=by)  # type: ignore[arg-type]
        if may_be_told(plan):
            bill = verify_plan(plan, snapshot, factory)
            assert bill.total == pytest.approx(plan.total_cost, rel=1e-9, abs=1e-6), seed
            found["plans"] += 1
            for name in ("maintenance", "pauses", "people"):
                found[name] += len(getattr(plan, name))
    assert min(found.values()) > 1, found


def test_a_plan_lists_maintenance_pauses_and_people_with_local_dates() -> None:
    """Cleaning ends at 90; A is welded from 450 on, over the night from 480 to 1440."""
    machine = CLEANING | {"since": 60, "people": {"setters": 1}}
    plan = planner(works()).plan(works_floor(machine))
    (cleaning,) = plan.maintenance
    assert (cleaning.name, cleaning.start_date, cleaning.end_date) == ("clean", 60, 90)
    assert [(each.group, each.number, each.end_date) for each in plan.people] == [
        ("setters", 1, 90),
        ("setters", 2, 150),
    ]
    assert plan.pauses == ()
    late = WELDING | {"since": 450, "expected_end": 1470}
    plan = planner(works()).plan(works_floor(late, clock=460))
    (pause,) = plan.pauses
    assert (pause.start_date, pause.end_date) == (480, 1440)
    assert pause.start is not None
    assert pause.start.isoformat() == "2026-01-05T14:00:00+00:00"
    assert plan.time_zone == "Europe/London"


def test_the_text_of_a_plan_shows_closures_pauses_and_maintenance() -> None:
    machine = CLEANING | {"since": 430, "expected_end": 450, "people": {"setters": 1}}
    text = format_plan(planner(works()).plan(works_floor(machine, clock=430)))
    (line,) = [line for line in text.splitlines() if line.startswith("cell-1 ")]
    assert line.startswith("cell-1 #[A")
    assert line.count("-") > 50
    snapshot = works_floor({}, clock=500)
    text = format_plan(planner(works()).plan(snapshot))
    assert "cell-1 _____" in text
