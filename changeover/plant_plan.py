"""Plan of a plant: made from its order list, with its dates and names, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from changeover.portfolio_members import GENERALIST, find_members
from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule
from factory.schedule.tick_dates import TickDates
from factory.verification.violations import VerificationError
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_schedule import is_untouched, plan_schedule, verify_plan
from scheduler.plans.portfolio import PortfolioPlanner
from scheduler.plans.schema import Plan
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Snapshot

if TYPE_CHECKING:
    import pandas

DEFAULT_SECONDS = 10.0
"""Time for one plan."""


class DatedOrders(Protocol):
    """Orders with the date of tick 0, such as :class:`factory.io.order_list.OrderList`."""

    @property
    def book(self) -> OrderBook: ...

    @property
    def epoch(self) -> datetime | None: ...


@dataclass(frozen=True)
class PlanSettings:
    """Settings that a plan is made with.

    Parameters
    ----------
    seconds
        Time for one plan, without that for loading compiled code.
    policies
        Folders of trained policies that take part.
    tuned
        Folder of tuned parameters of rules; None for the shipped ones.
    futures
        Number of sampled futures for the distribution of the dates of each order.
    """

    seconds: float = DEFAULT_SECONDS
    policies: tuple[str, ...] = (GENERALIST,)
    tuned: str | None = None
    futures: int = 0


@dataclass(frozen=True)
class PlantPlan:
    """A plan with the factory and the snapshot that it was made for.

    In a notebook it shows itself as cost, late orders and an interactive Gantt chart.

    Parameters
    ----------
    plan, factory, snapshot
        The plan, the factory, and the state of the shop floor and the orders that it begins from.
    settings
        Settings that it was made with.
    notes
        Sentences that a planner must know: policies that were trained elsewhere, rules that were
        never tuned.
    extra
        Further columns of the order list, by order id.
    verified
        True if the independent verifier accepted it; None: it begins from work in progress, which
        the verifier does not know.
    """

    plan: Plan
    factory: Factory
    snapshot: Snapshot
    settings: PlanSettings = PlanSettings()
    notes: tuple[str, ...] = ()
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    verified: bool | None = None

    @property
    def dates(self) -> TickDates:
        """Return the calendar of the plan."""
        return self.plan.dates

    def schedule(self) -> Schedule:
        """Return the plan as a schedule."""
        return plan_schedule(self.plan, self.snapshot, self.factory)

    def to_frame(self) -> pandas.DataFrame:
        """Return the operations as a table: a row for each, with names and dates."""
        import pandas

        from changeover.plan_tables import operation_rows

        head, *rows = operation_rows(self)
        return pandas.DataFrame(rows, columns=list(head))

    def write(self, folder: Path | str) -> list[Path]:
        """Write the plan's files into a folder; return their paths.

        They are ``plan.csv``, ``orders.csv``, ``plan.xlsx``, ``gantt.png``, ``plan.html`` and
        ``plan.json``, and in ``inputs`` what a what-if needs.
        """
        from changeover.plan_files import write_plan_files

        return write_plan_files(self, Path(folder))

    def _repr_html_(self) -> str:
        from changeover.plan_page import plan_fragment

        return plan_fragment(self)


def make_plant_plan(
    factory: Factory,
    orders: DatedOrders | OrderBook | None,
    *,
    now: datetime | int | None = None,
    snapshot: Snapshot | None = None,
    settings: PlanSettings = PlanSettings(),
) -> PlantPlan:
    """Plan all orders of a plant by the best of rules, index and trained policies.

    Parameters
    ----------
    factory
        The factory; it needs no demand.
    orders
        The order list; None: only the orders of the snapshot.
    now
        Date, or tick, at which the plan begins; by default the snapshot's, or tick 0.
    snapshot
        State of the shop floor; by default all machines are idle in their initial setups. Orders of
        the list that it has are in the state that it says.
    settings
        Time and portfolio.

    Raises
    ------
    ValueError
        If dates do not go together, or an order does not fit the factory.
    PlanError
        If no member of the portfolio finds a plan.
    """
    book = orders if orders is None or isinstance(orders, OrderBook) else orders.book
    epoch = None if orders is None or isinstance(orders, OrderBook) else orders.epoch
    if snapshot is None:
        dates = TickDates(factory.tick_minutes, factory.start_hour, epoch)
        zone = getattr(getattr(epoch, "tzinfo", None), "key", None)
        clock = _clock(now, dates)
        snapshot = empty_snapshot(factory, clock, epoch=epoch, time_zone=zone)
    elif now is not None:
        rule = f"the snapshot has the clock at {snapshot.clock}"
        raise ValueError(f"now = {now}; {rule}. Leave one of them out.")
    if book is not None:
        snapshot = add_order_book(snapshot, book, factory)
    if not snapshot.orders:
        raise ValueError("plan: there are no orders. Give an order list, or a snapshot with some.")
    snapshot = check_snapshot(snapshot, factory)
    planner, notes = open_planner(factory, snapshot, settings)
    plan = planner.plan(snapshot, futures=settings.futures)
    extra = dict(getattr(orders, "extra", {}))
    verified = check_plan(plan, snapshot, factory)
    return PlantPlan(plan, factory, snapshot, settings, notes, extra, verified)


def open_planner(
    factory: Factory, snapshot: Snapshot, settings: PlanSettings
) -> tuple[PortfolioPlanner, tuple[str, ...]]:
    """Return the planner of a factory, and what a planner must know of its members."""
    tuned = None if settings.tuned is None else Path(settings.tuned)
    members, notes = find_members(factory, settings.policies, tuned)
    floor = ShopFloor(factory, order_book_of(snapshot))
    return PortfolioPlanner(floor, members, settings.seconds), notes


def order_book_of(snapshot: Snapshot) -> OrderBook:
    """Return the orders of a snapshot as an order book, from which costs are scaled."""
    from factory.model import Order

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


def check_plan(plan: Plan, snapshot: Snapshot, factory: Factory) -> bool | None:
    """Check a plan with the independent verifier; None if it begins from work in progress.

    Raises
    ------
    PlanError
        If the verifier refuses the plan.
    """
    if not is_untouched(snapshot):
        return None
    try:
        verify_plan(plan, snapshot, factory)
    except VerificationError as error:
        raise PlanError(
            f"plan: the verifier refuses the plan by {plan.made_by} ({error}). Report this as a"
            " fault of the software, with the factory and the orders."
        ) from error
    return True


def _clock(now: datetime | int | None, dates: TickDates) -> int:
    if now is None:
        return 0
    clock = dates.tick(now) if isinstance(now, datetime) else now
    if clock < 0:
        text = now.isoformat(" ", timespec="minutes") if isinstance(now, datetime) else f"{now}"
        rule = f"it lies before tick 0, {dates.text(0)}"
        raise ValueError(f"now = {text}; {rule}. Give a later date, or an earlier release.")
    return clock


def shorten_list(names: Sequence[Any], most: int = 5) -> str:
    """Return some names as text, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
