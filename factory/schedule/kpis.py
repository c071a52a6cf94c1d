"""Key figures of a schedule, as a planner reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from factory.field_notes import FieldNote
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.bill import (
    Bill,
    bill_columns,
    flow_times_of,
    look_up_changeover_records,
    spans_until,
    tardiness_of,
)
from factory.schedule.columns import Ints, Masks, OrderColumns, ScheduleColumns
from factory.schedule.conversion import columns_of
from factory.schedule.operating_times import (
    OperatingKpis,
    all_pauses,
    operating_kpis,
    pauses_in,
)
from factory.schedule.record_kinds import ScheduleRecords

_AT_WORK = (0, 1, 4)  # columns of _times_of_machines: processing, changeover, maintenance


@dataclass(frozen=True)
class Use:
    """Shares of the time from 0 to ``end_date``, which add up to 1."""

    processing: float
    """Processing."""
    changeover: float
    """In changeovers."""
    down: float
    """Under repair."""
    waiting: float
    """Waiting by choice."""
    maintenance: float
    """Under maintenance."""
    paused: float
    """Taken by work that pauses."""
    idle: float
    """Idle with nothing to choose."""


@dataclass(frozen=True)
class Kpis:
    """Key figures up to ``schedule.end_date``. Orders still open count with what they have reached:
    their flow time so far, their lateness so far.

    Dates and times in ticks unless the name says hours; money in the factory's currency.
    """

    bill: Bill
    """Costs, energy, CO2e and waste."""
    orders: Annotated[int, FieldNote("orders")]
    """Orders of the schedule."""
    completed: Annotated[int, FieldNote("orders")]
    """Orders that are done."""
    makespan: Annotated[int, FieldNote("ticks")]
    """Last completion, or the end of a schedule so far."""
    weighted_tardiness: Annotated[float, FieldNote("weight × ticks")]
    """Sum of w_j T_j over all orders."""
    weighted_tardiness_hours: Annotated[float, FieldNote("weight × h")]
    """The same in hours."""
    mean_tardiness: Annotated[float, FieldNote("ticks")]
    """Mean tardiness over all orders."""
    mean_tardiness_hours: Annotated[float, FieldNote("h")]
    """The same in hours."""
    p95_tardiness: Annotated[float, FieldNote("ticks")]
    """95th percentile of tardiness over all orders, linear between ranks."""
    p95_tardiness_hours: Annotated[float, FieldNote("h")]
    """The same in hours."""
    max_tardiness: Annotated[int, FieldNote("ticks")]
    """Largest tardiness."""
    on_time_share: Annotated[float, FieldNote("share")]
    """Share of orders on time, of completed orders and open ones that are late.

    It is 1 if there are none.
    """
    mean_flow_time: Annotated[float, FieldNote("ticks")]
    """Mean time from release to completion."""
    mean_flow_hours: Annotated[float, FieldNote("h")]
    """The same in hours."""
    mean_orders_in_progress: Annotated[float, FieldNote("orders")]
    """Time average of orders released and not completed."""
    max_orders_in_progress: Annotated[int, FieldNote("orders")]
    """Their maximum."""
    changeovers: Annotated[int, FieldNote("count")]
    """Changeovers of positive time."""
    changeovers_per_order: Annotated[float, FieldNote("count")]
    """Changeovers of positive time per order."""
    changeover_hours: Annotated[float, FieldNote("h")]
    """Machine hours in changeovers, without pauses."""
    failures: Annotated[int, FieldNote("count")]
    """Breakdowns."""
    reworked: Annotated[int, FieldNote("count")]
    """Attempts that repeat an operation."""
    use: Annotated[Use, FieldNote("share")]
    """Use of all machines together."""
    use_of_machine: Annotated[dict[str, Use], FieldNote("share")]
    """Use of each machine, by name."""
    operating: OperatingKpis | None = None
    """Closures, people and maintenance; None for a factory without them."""

    @property
    def total_cost(self) -> float:
        """Return the sum of the cost terms."""
        return self.bill.total

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain numbers in nested dictionaries, for JSON and tables."""
        figures = {**asdict(self), "total_cost": self.total_cost}
        if self.operating is None:
            del figures["operating"]
        return figures


class ScheduleFigures(NamedTuple):
    """The key figures that evaluations compare; names as in :class:`Kpis`."""

    on_time_share: float
    mean_tardiness_hours: float
    p95_tardiness_hours: float
    mean_flow_hours: float
    changeovers_per_order: float
    changeover_hours: float


def kpis(schedule: ScheduleRecords, factory: Factory, bill: Bill | None = None) -> Kpis:
    """Work out the key figures of a schedule, complete or so far.

    Parameters
    ----------
    schedule
        Schedule of the factory.
    factory
        Factory of the schedule.
    bill
        The schedule's bill, where it is known already (the verifier hands it out); None: it is
        added up here.
    """
    lookup = FactoryLookup(factory)
    columns = columns_of(schedule, lookup)
    if bill is None:
        bill = bill_columns(columns, lookup, look_up_changeover_records(schedule, lookup))
    figures, hours = figures_of_columns(columns, factory), factory.tick_minutes / 60
    date, orders = columns.end_date, columns.orders
    late: list[int] = tardiness_of(orders, date).tolist()
    flow = int(flow_times_of(orders, date).sum())
    weighted = math.fsum((orders.weight * late).tolist())
    count = max(1, len(late))
    uses = _times_of_machines(columns, len(schedule.machine_names))
    return Kpis(
        **figures._asdict(),
        bill=bill,
        orders=len(late),
        completed=int(np.count_nonzero(orders.completion_date >= 0)),
        makespan=date,
        weighted_tardiness=weighted,
        weighted_tardiness_hours=weighted * hours,
        mean_tardiness=sum(late) / count,
        p95_tardiness=_percentile(late, 0.95),
        max_tardiness=max(late, default=0),
        mean_flow_time=flow / count,
        mean_orders_in_progress=flow / max(1, date),
        max_orders_in_progress=_max_in_progress(orders),
        changeovers=_count_changeovers(columns),
        failures=len(columns.failures.machine) + len(columns.open_failures.machine),
        reworked=int(np.count_nonzero(columns.operations.attempt > 0)),
        use=_shares(uses.sum(axis=0), date * len(uses)),
        use_of_machine={
            name: _shares(times, date)
            for name, times in zip(schedule.machine_names, uses, strict=True)
        },
        operating=operating_kpis(columns, lookup, int(uses[:, _AT_WORK].sum())),
    )


def figures_of_columns(schedule: ScheduleColumns, factory: Factory) -> ScheduleFigures:
    """Work out the key figures that evaluations compare."""
    hours, date, orders = factory.tick_minutes / 60, schedule.end_date, schedule.orders
    tardiness = tardiness_of(orders, date)
    late: list[int] = tardiness.tolist()
    flow = int(flow_times_of(orders, date).sum())
    count = max(1, len(late))
    _, start_date, end_date = spans_until(schedule.changeovers, date)
    pauses = pauses_in((schedule.changeovers,), schedule)
    paused = sum(int((each.end_date - each.start_date).sum()) for each in pauses)
    return ScheduleFigures(
        on_time_share=_on_time_share(orders.completion_date >= 0, tardiness),
        mean_tardiness_hours=sum(late) / count * hours,
        p95_tardiness_hours=_percentile(late, 0.95) * hours,
        mean_flow_hours=flow / count * hours,
        changeovers_per_order=_count_changeovers(schedule) / count,
        changeover_hours=(int((end_date - start_date).sum()) - paused) * hours,
    )


def _count_changeovers(schedule: ScheduleColumns) -> int:
    """Return the number of changeovers of positive time."""
    changeovers = schedule.changeovers
    return int(np.count_nonzero(changeovers.end_date > changeovers.start_date))


def _percentile(values: Sequence[int], share: float) -> float:
    """Return a percentile, linear between the two nearest ranks (Hyndman and Fan 1996,
    definition 7).
    """
    if not values:
        return 0.0
    ranked = sorted(values)
    rank = share * (len(ranked) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (rank - below) * (ranked[above] - ranked[below])


def _on_time_share(is_completed: Masks, tardiness: Ints) -> float:
    """Return the share of orders in time, of those whose fate is known: completed, or open and late
    already.
    """
    decided = int(np.count_nonzero(is_completed | (tardiness > 0)))
    on_time = int(np.count_nonzero(is_completed & (tardiness == 0)))
    return on_time / decided if decided else 1.0


def _max_in_progress(orders: OrderColumns) -> int:
    """Return the most orders released and not completed at any one time; a completion comes before
    a release at one date.
    """
    is_held = orders.completion_date != orders.release_date
    ends = orders.completion_date[is_held & (orders.completion_date >= 0)]
    releases = np.sort(orders.release_date[is_held])
    completed = np.searchsorted(np.sort(ends), releases, side="right")
    return int((np.arange(1, len(releases) + 1) - completed).max(initial=0))


def _times_of_machines(schedule: ScheduleColumns, machines: int) -> Ints:
    """Return the ticks of each machine up to the end date, ``[M, 6]``: processing, changeover, down
    for repair, waiting, maintenance, paused.
    """

    def ticks(*tables: Any) -> Ints:
        times = np.zeros(machines, np.int64)
        for table in tables:
            machine, start_date, end_date = spans_until(table, schedule.end_date)
            np.add.at(times, machine, end_date - start_date)
        return times

    busy = ticks(schedule.operations, schedule.open_operations)
    down = ticks(schedule.failures, schedule.open_failures)
    changeover, waiting = ticks(schedule.changeovers), ticks(schedule.waits)
    maintenance = ticks(schedule.maintenance, schedule.open_maintenance)
    paused = [
        ticks(*pauses_in(works, schedule))
        for works in (
            (schedule.operations, schedule.open_operations),
            (schedule.changeovers,),
            (schedule.maintenance, schedule.open_maintenance),
        )
    ]
    return np.stack(
        [
            busy - down - paused[0],
            changeover - paused[1],
            down,
            waiting,
            maintenance - paused[2],
            ticks(all_pauses(schedule)),
        ],
        axis=1,
    )


def _shares(times: Ints, total: int) -> Use:
    """Return shares of ``total`` ticks; the rest is idle."""
    shares = [ticks / max(1, total) for ticks in times.tolist()]
    idle = 1.0
    for share in shares:
        idle -= share
    processing, changeover, down, waiting, maintenance, paused = shares
    return Use(processing, changeover, down, waiting, maintenance, paused, max(0.0, idle))
