"""Schema of plans: operations, changeovers, stops, orders, cost and nervousness."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from factory.tick_dates import TickDates
from scheduler.snapshot.schema import SetAsideParts

PlanText = Annotated[str, Field(max_length=200)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PlannedOperation(_Record):
    """An operation on a machine; dates in ticks, and local dates where the epoch is known."""

    machine: PlanText
    """Machine."""
    order: PlanText
    """Order."""
    operation: PlanText
    """Operation."""
    selected_date: int
    """Start of its changeover, or of processing if there is none."""
    start_date: int
    """Start of processing."""
    end_date: int
    """End of processing."""
    setup: dict[str, str]
    """Values mounted during processing."""
    in_process: bool
    """Selected before the plan was made."""
    locked: bool
    """Fixed to the machine by a lock."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedChangeover(_Record):
    """A changeover that takes time, or is for no operation."""

    machine: PlanText
    """Machine."""
    start_date: int
    """Start."""
    end_date: int
    """End."""
    setup: dict[str, str]
    """Values mounted afterwards."""
    order: PlanText | None
    """Order of the next operation, if the changeover is for that."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedStop(_Record):
    """A time in which a machine is down or does other work, without an operation."""

    machine: PlanText
    """Machine."""
    start_date: int
    """Start."""
    end_date: int
    """Expected end."""
    reason: Literal["down", "other work"]
    """Reason."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedMaintenance(_Record):
    """A maintenance of a machine."""

    machine: PlanText
    """Machine."""
    name: PlanText
    """Kind of maintenance."""
    start_date: int
    """Start."""
    end_date: int
    """End."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedClosure(_Record):
    """A time in which a machine is closed, as far as the plan goes."""

    machine: PlanText
    """Machine."""
    start_date: int
    """Start."""
    end_date: int
    """End."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedPause(_Record):
    """A time in which a machine is taken, but closed or without its people."""

    machine: PlanText
    """Machine."""
    start_date: int
    """Start."""
    end_date: int
    """End."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedWork(_Record):
    """Work of people of a group on a machine."""

    machine: PlanText
    """Machine."""
    group: PlanText
    """Group of people."""
    number: int
    """Number of people."""
    start_date: int
    """Start."""
    end_date: int
    """End."""
    start: datetime | None = None
    """Local date of ``start_date``."""
    end: datetime | None = None
    """Local date of ``end_date``."""


class PlannedOrder(_Record):
    """Expected completion of an order.

    With sampled futures: also the dates that are met in 10, 50 and 90 % of them (null: beyond the
    simulation).
    """

    order: PlanText
    """Order."""
    product: PlanText
    """Product."""
    due_date: int
    """Date at which it is promised."""
    weight: float
    """Importance."""
    completion_date: int
    """Expected completion."""
    lateness: int
    """Completion date minus due date."""
    due: datetime | None = None
    """Local date of ``due_date``."""
    completion: datetime | None = None
    """Local date of ``completion_date``."""
    completion_p10: int | None = None
    """Date met in 10 % of the sampled futures."""
    completion_p50: int | None = None
    """Date met in 50 % of the sampled futures."""
    completion_p90: int | None = None
    """Date met in 90 % of the sampled futures."""
    on_time_probability: float | None = None
    """Share of the sampled futures in which the order is on time."""


class Nervousness(_Record):
    """Changes against a previous plan, over operations that are in both and had not begun."""

    operations: int
    """Number of operations compared."""
    moved: float
    """Share that changed machine, or whose start moved by more than the mean process time."""
    changed_machine: float
    """Share that changed machine."""
    mean_shift: float
    """Mean shift of the starts, in ticks."""


class PlanAlternative(_Record):
    """A plan that was made and compared, by one policy or rule."""

    made_by: PlanText
    """Policy or rule."""
    total_cost: float | None
    """Cost of the plan, in currency; null: there is no plan."""
    late_orders: int | None
    """Orders completed after their due dates."""
    fault: str | None = None
    """Reason why there is no plan."""


class UnfrozenOperation(_Record):
    """An operation of the frozen horizon that the floor has moved."""

    order: PlanText
    """Order id."""
    operation: PlanText
    """Name of the operation."""
    reason: str = Field(max_length=1000)
    """Why machine or dates of the previous plan cannot be kept."""


class Plan(_Record):
    """A complete schedule of the known orders."""

    version: Literal[1] = 1
    """Version of the format."""
    factory: PlanText
    """Factory."""
    clock: int
    """Date at which the plan begins."""
    end_date: int
    """Last completion."""
    tick_minutes: float
    """Length of a tick, in minutes."""
    start_hour: int
    """Hour of the day at date 0."""
    made_by: PlanText
    """``policy``, or the name of the rule."""
    fallbacks: int
    """Decisions of the rule because the policy failed."""
    faults: tuple[str, ...] = ()
    """Different reasons of the fallbacks."""
    machines: tuple[PlanText, ...]
    """Machines."""
    work_centres: tuple[PlanText, ...]
    """Work centres of the machines."""
    operations: tuple[PlannedOperation, ...]
    """Operations."""
    changeovers: tuple[PlannedChangeover, ...]
    """Changeovers."""
    stops: tuple[PlannedStop, ...] = ()
    """Times in which machines are down or do other work."""
    maintenance: tuple[PlannedMaintenance, ...] = ()
    """Maintenance of machines."""
    closures: tuple[PlannedClosure, ...] = ()
    """Times between the clock and the end of the plan in which machines are closed."""
    pauses: tuple[PlannedPause, ...] = ()
    """Pauses of machines that are taken."""
    people: tuple[PlannedWork, ...] = ()
    """Work of people on machines."""
    orders: tuple[PlannedOrder, ...]
    """Orders that are not finished."""
    cost: dict[str, float]
    """Cost expected from the clock on, by term, in currency."""
    total_cost: float
    """Sum of the cost terms."""
    futures: int = 0
    """Number of sampled futures."""
    nervousness: Nervousness | None = None
    """Changes against the previous plan, if one was given."""
    unfrozen: tuple[UnfrozenOperation, ...] = ()
    """Operations of the frozen horizon whose machine or dates have moved."""
    alternatives: tuple[PlanAlternative, ...] = ()
    """Plans that were compared, the cheapest first; this plan is the first of them."""
    set_aside: SetAsideParts = ()
    """Parts of the snapshot that a lenient reading put aside."""
    epoch: datetime | None = None
    """Date of tick 0."""
    time_zone: PlanText | None = None
    """Zone that dates are shown in; null: that of ``epoch``."""
    microseconds: int = 0
    """Computing time, without the time for loading compiled code."""

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
