"""Key figures of a schedule, as a planner reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from factory.model import Factory
from factory.schedule import bill as billing
from factory.schedule.bill import Bill, MachineUse, flow_time, length, tardiness, use_of_machines
from factory.schedule.columns import ScheduleColumns
from factory.schedule.records import OrderRecord, Schedule


@dataclass(frozen=True)
class Use:
    """Shares of the time from 0 to ``end_date``; they add up to 1."""

    processing: float
    changeover: float
    down: float
    waiting: float  # by choice
    idle: float  # with nothing to choose


@dataclass(frozen=True)
class Kpis:
    """Key figures up to ``schedule.end_date``. Orders still open count with what they have reached:
    their flow time so far, their lateness so far.

    Dates and times in ticks unless the name says hours; money in the factory's currency.
    """

    bill: Bill
    orders: int
    completed: int
    makespan: int
    weighted_tardiness: float  # sum of w_j T_j, ticks
    weighted_tardiness_hours: float
    mean_tardiness: float  # over all orders, ticks
    mean_tardiness_hours: float
    p95_tardiness: float  # 95th percentile over all orders, ticks (linear between ranks)
    p95_tardiness_hours: float
    max_tardiness: int
    on_time_share: (
        float  # of the completed and of the open that are late already; 1 if there are none
    )
    mean_flow_time: float  # release to completion, ticks
    mean_flow_hours: float
    mean_orders_in_progress: float  # over time
    max_orders_in_progress: int
    changeovers: int  # of positive time
    changeovers_per_order: float
    changeover_hours: float
    failures: int
    reworked: int  # attempts that had to be done again
    use: Use  # of all machines together
    use_of_machine: dict[str, Use]

    @property
    def total_cost(self) -> float:
        """Sum of the five cost terms."""
        return self.bill.total

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain numbers in nested dictionaries, for JSON and tables."""
        return {**asdict(self), "total_cost": self.total_cost}


def kpis(schedule: Schedule, factory: Factory, bill: Bill | None = None) -> Kpis:
    """Work out the key figures of a schedule, complete or so far.

    Parameters
    ----------
    bill
        The schedule's bill, where it is known already (the verifier hands it out); None: it is
        added up here.
    """
    hours = factory.tick_minutes / 60
    late = [tardiness(order, schedule.end_date) for order in schedule.orders]
    flow = [flow_time(order, schedule.end_date) for order in schedule.orders]
    weighted = math.fsum(
        order.weight * ticks for order, ticks in zip(schedule.orders, late, strict=True)
    )
    changeovers = [c for c in schedule.changeovers if c.end_date > c.start_date]
    uses = use_of_machines(schedule)
    count = max(1, len(schedule.orders))
    return Kpis(
        bill=billing.bill(schedule, factory) if bill is None else bill,
        orders=len(schedule.orders),
        completed=sum(order.completion_date is not None for order in schedule.orders),
        makespan=schedule.end_date,
        weighted_tardiness=weighted,
        weighted_tardiness_hours=weighted * hours,
        mean_tardiness=sum(late) / count,
        mean_tardiness_hours=sum(late) / count * hours,
        p95_tardiness=_percentile(late, 0.95),
        p95_tardiness_hours=_percentile(late, 0.95) * hours,
        max_tardiness=max(late, default=0),
        on_time_share=_on_time_share(schedule.orders, late),
        mean_flow_time=sum(flow) / count,
        mean_flow_hours=sum(flow) / count * hours,
        mean_orders_in_progress=sum(flow) / max(1, schedule.end_date),
        max_orders_in_progress=_most_in_progress(schedule.orders),
        changeovers=len(changeovers),
        changeovers_per_order=len(changeovers) / count,
        changeover_hours=sum(length(use.changeover) for use in uses) * hours,
        failures=len(schedule.failures) + len(schedule.open_failures),
        reworked=sum(operation.attempt > 0 for operation in schedule.operations),
        use=_share(uses, schedule.end_date),
        use_of_machine={
            name: _share([use], schedule.end_date)
            for name, use in zip(schedule.machine_names, uses, strict=True)
        },
    )


class ScheduleFigures(NamedTuple):
    """Those key figures of a complete schedule that evaluations compare; names as in
    :class:`Kpis`."""

    on_time_share: float
    mean_tardiness_hours: float
    p95_tardiness_hours: float
    mean_flow_hours: float
    changeovers_per_order: float
    changeover_hours: float


def figures_of(kpis_: Kpis) -> ScheduleFigures:
    """Some of the key figures."""
    return ScheduleFigures(*(getattr(kpis_, name) for name in ScheduleFigures._fields))


def figures_of_columns(schedule: ScheduleColumns, factory: Factory) -> ScheduleFigures:
    """The same, to the last bit, for a complete schedule in columns."""
    hours, orders, changeovers = factory.tick_minutes / 60, schedule.orders, schedule.changeovers
    late: list[int] = np.maximum(0, orders.completion_date - orders.due_date).tolist()
    flow = int((orders.completion_date - orders.release_date).sum())
    changing = np.minimum(changeovers.end_date, schedule.end_date) - changeovers.start_date
    count = max(1, len(late))
    return ScheduleFigures(
        on_time_share=late.count(0) / len(late) if late else 1.0,
        mean_tardiness_hours=sum(late) / count * hours,
        p95_tardiness_hours=_percentile(late, 0.95) * hours,
        mean_flow_hours=flow / count * hours,
        changeovers_per_order=int(np.count_nonzero(changeovers.end_date > changeovers.start_date))
        / count,
        changeover_hours=int(np.maximum(0, changing).sum()) * hours,
    )


def _percentile(values: Sequence[int], share: float) -> float:
    """Linear between the two nearest ranks (Hyndman and Fan 1996, definition 7)."""
    if not values:
        return 0.0
    ranked = sorted(values)
    rank = share * (len(ranked) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (rank - below) * (ranked[above] - ranked[below])


def _on_time_share(orders: Sequence[OrderRecord], late: Sequence[int]) -> float:
    """Of the orders whose fate is known: completed, or open and late already."""
    decided = [
        ticks
        for order, ticks in zip(orders, late, strict=True)
        if order.completion_date is not None or ticks > 0
    ]
    return sum(ticks == 0 for ticks in decided) / len(decided) if decided else 1.0


def _most_in_progress(orders: Sequence[OrderRecord]) -> int:
    """Most orders released and not completed at any one time; a completion comes before a release
    at one date."""
    held = [order for order in orders if order.completion_date != order.release_date]
    changes = [(order.release_date, 1) for order in held]
    changes += [(order.completion_date, -1) for order in held if order.completion_date is not None]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _share(uses: Sequence[MachineUse], end_date: int) -> Use:
    """Shares of the machines' time together."""
    total = max(1, end_date * len(uses))
    processing, changeover, down, waiting = (
        sum(length(getattr(use, what)) for use in uses) / total
        for what in ("processing", "changeover", "down", "waiting")
    )
    return Use(
        processing,
        changeover,
        down,
        waiting,
        idle=max(0.0, 1 - processing - changeover - down - waiting),
    )
