"""Planning of a plant's orders by the cheapest of rules, index and trained policies."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from changeover.plant.data import PlanData, PlanSettings
from changeover.plant.members import find_members
from factory.model import Factory, Order, OrderBook
from factory.tick_dates import TickDates
from scheduler.floor.floor import ShopFloor
from scheduler.plans.schema import Plan
from scheduler.portfolio.portfolio_planner import PortfolioPlanner, SearchBudget
from scheduler.snapshot.calendar import local_epoch, snapshot_dates
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Snapshot


class DatedOrders(Protocol):
    """Orders with the date of tick 0, such as :class:`factory.io.order_list.OrderList`."""

    @property
    def book(self) -> OrderBook: ...

    @property
    def epoch(self) -> datetime | None: ...


def make_plant_plan(
    factory: Factory,
    orders: DatedOrders | OrderBook | None,
    *,
    now: datetime | int | None = None,
    snapshot: Snapshot | None = None,
    settings: PlanSettings | None = None,
) -> PlanData:
    """Plan all orders of a plant by the best of rules, index and trained policies.

    Parameters
    ----------
    factory
        The factory; it needs no demand.
    orders
        The order list; None: only the orders of the snapshot.
    now
        Date, or tick, at which the plan begins; by default the snapshot's, or the first release.
    snapshot
        State of the shop floor; by default all machines are idle in their initial setups. Orders of
        the list that it has are in the state that it says.
    settings
        Time and portfolio.

    Raises
    ------
    ValueError
        If dates do not go together, an order does not fit the factory, or snapshot and list do not
        have the same tick 0.
    PlanError
        If no member of the portfolio finds a plan.
    """
    book = orders if orders is None or isinstance(orders, OrderBook) else orders.book
    epoch = None if orders is None or isinstance(orders, OrderBook) else orders.epoch
    if snapshot is None:
        dates = TickDates(factory.tick_minutes, factory.start_hour, epoch)
        zone = getattr(getattr(epoch, "tzinfo", None), "key", None)
        clock = _clock(now, dates, book)
        snapshot = empty_snapshot(factory, clock, epoch=epoch, time_zone=zone)
    elif now is not None:
        rule = f"the snapshot has the clock at {snapshot.clock}"
        raise ValueError(f"now = {now}; {rule}. Leave one of them out.")
    check_tick_zero(epoch, snapshot, factory)
    if book is not None:
        snapshot = add_order_book(snapshot, book, factory)
    if not snapshot.orders:
        raise ValueError("plan: there are no orders. Give an order list, or a snapshot with some.")
    snapshot = check_snapshot(snapshot, factory)
    settings = PlanSettings() if settings is None else settings
    planner, notes = open_planner(factory, snapshot, settings)
    plan = planner.plan(snapshot, futures=settings.futures)
    extra = dict(getattr(orders, "extra", {}))
    notes = (*notes, *note_time(plan, planner))
    return PlanData(plan, factory, snapshot, settings, notes, extra)


def note_time(plan: Plan, planner: PortfolioPlanner) -> tuple[str, ...]:
    """Return a sentence if the time was over before each member had its turn."""
    total = len(planner.members)
    tried = {item.made_by for item in plan.alternatives}
    left = sum(member.name not in tried for member in planner.members)
    if not left:
        return ()
    return (f"{left} of {total} policies and rules had no turn; --seconds gives more time.",)


def check_tick_zero(epoch: datetime | None, snapshot: Snapshot, factory: Factory) -> None:
    """Refuse orders whose ticks count from another date than those of a snapshot.

    Parameters
    ----------
    epoch
        Date of tick 0 of the orders; None: their dates are ticks.
    """
    if epoch is None or epoch in (snapshot.epoch, local_epoch(snapshot, factory)):
        return
    theirs = "does not say when its tick 0 is"
    remedy = "Add epoch to it, or write ticks in the list"
    if snapshot.epoch is not None:
        theirs = f"has epoch = {snapshot.epoch.isoformat()}"
        remedy = "Read the orders with that epoch"
    raise ValueError(
        f"orders: epoch = {epoch.isoformat()}; the snapshot that they join {theirs}. {remedy}."
    )


def present_of(snapshot: Snapshot, factory: Factory) -> datetime | int:
    """Return the clock of a snapshot as a date, or in ticks if no date of tick 0 is known."""
    return snapshot_dates(snapshot, factory).date(snapshot.clock) or snapshot.clock


def open_planner(
    factory: Factory, snapshot: Snapshot, settings: PlanSettings
) -> tuple[PortfolioPlanner, tuple[str, ...]]:
    """Return the planner of a factory, and what a planner must know of its members."""
    tuned = None if settings.tuned is None else Path(settings.tuned)
    members, notes = find_members(factory, settings.policies, tuned)
    floor = ShopFloor(factory, order_book_of(snapshot))
    return PortfolioPlanner(floor, members, SearchBudget(settings.seconds)), notes


def order_book_of(snapshot: Snapshot) -> OrderBook:
    """Return the orders of a snapshot as an order book, from which costs are scaled."""
    return OrderBook(
        orders=tuple(
            Order(
                order_id=order.order_id,
                release_date=order.release_date,
                due_date=order.due_date,
                weight=order.weight,
                product=order.product,
                options=order.options,
            )
            for order in sorted(snapshot.orders, key=lambda order: order.release_date)
        )
    )


def _clock(now: datetime | int | None, dates: TickDates, book: OrderBook | None) -> int:
    """Return the tick at which a plan begins: now, or the first release."""
    if now is None:
        return min((order.release_date for order in book.orders), default=0) if book else 0
    if isinstance(now, datetime) and now.tzinfo is None and dates.epoch is not None:
        now = now.replace(tzinfo=dates.epoch.tzinfo)
    if isinstance(now, datetime) and dates.epoch is None:
        rule = "the orders have ticks, and no date of tick 0 is known"
        raise ValueError(f"now = {now.isoformat()}; {rule}. Give a number of ticks.")
    clock = dates.tick(now) if isinstance(now, datetime) else now
    if clock < 0:
        text = now.isoformat(" ", timespec="minutes") if isinstance(now, datetime) else f"{now}"
        rule = f"it lies before tick 0, {dates.text(0)}"
        raise ValueError(f"now = {text}; {rule}. Give a later date, or an earlier release.")
    return clock
