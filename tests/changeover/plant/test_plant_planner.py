"""Plans from order lists: their clock, their dates, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agents.rules.registry import RULES as ALL_RULES
from changeover.plant.data import PlanSettings
from changeover.plant.plant_planner import make_plant_plan, present_of
from factory.io.order_list_files import OrderList
from factory.model import OrderBook
from scheduler.portfolio.plan_verification import check_plan
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from tests.builders.joinery import joinery, read_joinery_orders

RULES = PlanSettings(seconds=0.3, policies=())
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> OrderList:
    return read_joinery_orders(tmp_path_factory.mktemp("orders"))


def test_a_plan_begins_with_the_first_release(orders: OrderList) -> None:
    plant = make_plant_plan(joinery(), orders, settings=RULES)
    assert plant.plan.clock == orders.book.orders[0].release_date
    assert plant.plan.dates.text(plant.plan.clock) == "2026-03-02 06:00"
    assert check_plan(plant.plan, plant.snapshot, joinery())


def test_a_plan_begins_now_with_a_backlog(orders: OrderList) -> None:
    plant = make_plant_plan(joinery(), orders, now=datetime(2026, 3, 2, 9), settings=RULES)
    assert plant.plan.clock == 180
    assert min(item.selected_date for item in plant.plan.operations) >= 180
    assert check_plan(plant.plan, plant.snapshot, joinery())


def test_a_present_before_tick_zero_is_refused(orders: OrderList) -> None:
    with pytest.raises(ValueError, match=r"now = 2026-03-01 12:00; it lies before tick 0"):
        make_plant_plan(joinery(), orders, now=datetime(2026, 3, 1, 12), settings=RULES)


def test_orders_in_ticks_need_no_dates(orders: OrderList) -> None:
    book = OrderBook(orders=orders.book.orders)
    plant = make_plant_plan(joinery(), book, now=30, settings=RULES)
    assert plant.plan.epoch is None
    assert plant.plan.dates.text(30) == "day 1 06:30"
    with pytest.raises(ValueError, match="no date of tick 0 is known"):
        make_plant_plan(joinery(), book, now=datetime(2026, 3, 2), settings=RULES)


def test_dates_with_a_zone_are_shown_in_it(orders: OrderList) -> None:
    zone = timezone(timedelta(hours=1))
    zoned = OrderList(orders.book, datetime(2026, 3, 2, 6, tzinfo=zone), orders.layout, (), (), {})
    now = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    plant = make_plant_plan(joinery(), zoned, now=now, settings=RULES)
    assert plant.plan.clock == 90
    assert plant.plan.dates.text(90) == "2026-03-02 07:30+01:00"
    assert plant.plan.operations[0].start is not None


def test_a_snapshot_has_its_own_clock(orders: OrderList) -> None:
    snapshot = empty_snapshot(joinery(), 60, epoch=orders.epoch)
    plant = make_plant_plan(joinery(), orders, snapshot=snapshot, settings=RULES)
    assert plant.plan.clock == 60
    with pytest.raises(ValueError, match="the snapshot has the clock at 60"):
        make_plant_plan(joinery(), orders, now=10, snapshot=snapshot, settings=RULES)


def test_orders_that_the_snapshot_has_are_not_doubled(orders: OrderList) -> None:
    first = OrderBook(orders=orders.book.orders[:3])
    empty = empty_snapshot(joinery(), 0, epoch=orders.epoch)
    snapshot = add_order_book(empty, first, joinery())
    plant = make_plant_plan(joinery(), orders, snapshot=snapshot, settings=RULES)
    assert len(plant.plan.orders) == len(orders.book.orders)


def test_bug_dates_join_a_snapshot_only_where_its_tick_zero_is_theirs(orders: OrderList) -> None:
    """The ticks of the list counted from another date than those of the snapshot."""
    for epoch, rule in (
        (None, "does not say when its tick 0 is"),
        (datetime(2026, 3, 1, 6), "has epoch = 2026-03-01T06:00:00"),
    ):
        snapshot = empty_snapshot(joinery(), 60, epoch=epoch)
        with pytest.raises(ValueError, match=rule):
            make_plant_plan(joinery(), orders, snapshot=snapshot, settings=RULES)


def test_the_present_of_a_snapshot_is_a_date_in_its_zone_or_a_tick() -> None:
    assert present_of(empty_snapshot(joinery(), 60), joinery()) == 60
    epoch = datetime(2026, 3, 2, 6)
    assert present_of(empty_snapshot(joinery(), 60, epoch=epoch), joinery()) == epoch + HOUR
    zoned = empty_snapshot(joinery(), 60, epoch=epoch, time_zone="Europe/Berlin")
    assert present_of(zoned, joinery()) == datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_members_without_a_turn_are_counted(orders: OrderList) -> None:
    hurried = make_plant_plan(joinery(), orders, settings=PlanSettings(1e-9, policies=()))
    assert f"{len(ALL_RULES) - 1} of {len(ALL_RULES)} policies and rules had no turn" in str(
        hurried.notes
    )
    assert len(hurried.plan.alternatives) == 1


def test_without_orders_there_is_no_plan() -> None:
    with pytest.raises(ValueError, match="there are no orders"):
        make_plant_plan(joinery(), None, snapshot=empty_snapshot(joinery()), settings=RULES)
