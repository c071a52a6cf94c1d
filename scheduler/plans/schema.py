"""Schema of plans: operations, changeovers, stops, orders, cost and nervousness."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from factory.tick_dates import TickDates

PlanText = Annotated[str, Field(max_length=200)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedOperation(_Record):
    """An operation on a machine; dates in ticks, and local dates where the epoch is known."""

    machine: PlanText
    order: PlanText
    operation: PlanText
    selected_date: int  # start of its changeover, or of processing if there is none
    start_date: int  # of processing
    end_date: int
    setup: dict[str, str]  # mounted during processing
    in_process: bool  # selected before the plan was made
    locked: bool
    start: datetime | None = None  # local date of start_date, and of end_date
    end: datetime | None = None


class PlannedChangeover(_Record):
    """A changeover that takes time."""

    machine: PlanText
    start_date: int
    end_date: int
    setup: dict[str, str]  # mounted afterwards
    order: PlanText | None  # order of the next operation, if the changeover is for that
    start: datetime | None = None  # local dates
    end: datetime | None = None


class PlannedStop(_Record):
    """A time in which a machine is down or does other work, without an operation."""

    machine: PlanText
    start_date: int
    end_date: int  # expected
    reason: Literal["down", "other work"]
    start: datetime | None = None  # local dates
    end: datetime | None = None


class PlannedOrder(_Record):
    """Expected completion of an order.

    With sampled futures: also the dates that are met in 10, 50 and 90 % of them (None: beyond the
    simulation).
    """

    order: PlanText
    product: PlanText
    due_date: int
    weight: float
    completion_date: int
    lateness: int  # completion_date - due_date
    due: datetime | None = None  # local dates of due_date and completion_date
    completion: datetime | None = None
    completion_p10: int | None = None
    completion_p50: int | None = None
    completion_p90: int | None = None
    on_time_probability: float | None = None


class Nervousness(_Record):
    """Changes against a previous plan, over operations that are in both and had not begun.

    docs/glossary.md has the definition.
    """

    operations: int  # number of operations compared
    # share that changed machine, or whose start moved by more than the mean process time
    moved: float
    changed_machine: float  # share that changed machine
    mean_shift: float  # mean shift of the starts, ticks


class PlanAlternative(_Record):
    """A plan that was made and compared, by one policy or rule."""

    made_by: PlanText
    total_cost: float | None  # None: there is no plan
    late_orders: int | None
    fault: str | None = None  # reason why there is no plan


class UnfrozenOperation(_Record):
    """An operation of the frozen horizon that the floor has moved."""

    order: PlanText = Field(description="Order id.")
    operation: PlanText = Field(description="Name of the operation.")
    reason: str = Field(
        description="Why machine or dates of the previous plan cannot be kept.", max_length=1000
    )


class Plan(_Record):
    """A complete schedule of the known orders."""

    version: Literal[1] = 1
    factory: PlanText
    clock: int
    end_date: int
    tick_minutes: float
    start_hour: int  # of the day, at date 0
    made_by: PlanText  # "policy", or the name of the rule
    fallbacks: int  # decisions of the rule because the policy failed
    faults: tuple[str, ...] = ()  # different reasons of the fallbacks
    machines: tuple[PlanText, ...]
    work_centres: tuple[PlanText, ...]  # of the machines
    operations: tuple[PlannedOperation, ...]
    changeovers: tuple[PlannedChangeover, ...]
    stops: tuple[PlannedStop, ...] = ()
    orders: tuple[PlannedOrder, ...]  # orders that are not finished
    cost: dict[str, float]  # expected from the clock on, by term, in currency
    total_cost: float
    futures: int = 0  # number of sampled futures
    nervousness: Nervousness | None = None
    unfrozen: tuple[UnfrozenOperation, ...] = Field(
        default=(),
        description="Operations of the frozen horizon whose machine or dates have moved.",
    )
    # plans that were compared, the cheapest first; this plan is the first of them
    alternatives: tuple[PlanAlternative, ...] = ()
    epoch: datetime | None = None  # date of tick 0
    time_zone: PlanText | None = None  # that dates are shown in; None: epoch's
    microseconds: int = 0  # computing time, without the time for loading compiled code

    @property
    def dates(self) -> TickDates:
        """Return the calendar of the plan."""
        epoch = self.epoch
        if epoch is not None and self.time_zone is not None:
            zone = ZoneInfo(self.time_zone)
            epoch = epoch.astimezone(zone) if epoch.tzinfo else epoch.replace(tzinfo=zone)
        return TickDates(self.tick_minutes, self.start_hour, epoch)

    @property
    def late_orders(self) -> int:
        """Return the number of orders completed after their due dates."""
        return sum(order.lateness > 0 for order in self.orders)


MAX_FUTURES = 64
