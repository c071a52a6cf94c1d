"""What a plan says: operations, changeovers, orders, cost, and how much of the previous plan
moved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PlanText = Annotated[str, Field(max_length=200)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedOperation(_Record):
    """An operation on a machine; dates in ticks."""

    machine: PlanText
    order: PlanText
    operation: PlanText
    selected_date: int  # when the machine is given to it; a changeover for it comes first
    start_date: int  # of processing
    end_date: int
    setup: dict[str, str]  # mounted meanwhile
    in_process: bool  # selected before the plan was made
    locked: bool


class PlannedChangeover(_Record):
    """A changeover that takes time."""

    machine: PlanText
    start_date: int
    end_date: int
    setup: dict[str, str]  # afterwards
    order: PlanText | None  # for whose sake, if it is for the next operation


class PlannedStop(_Record):
    """A time in which a machine is down, or does other work, without an operation; in ticks."""

    machine: PlanText
    start_date: int
    end_date: int  # expected
    reason: Literal["down", "other work"]


class PlannedOrder(_Record):
    """What becomes of an order. Where futures were sampled: dates that are met in 10, 50 and 90 %
    of them (None: beyond what was simulated)."""

    order: PlanText
    product: PlanText
    due_date: int
    weight: float
    completion_date: int
    lateness: int  # completion_date - due_date
    completion_p10: int | None = None
    completion_p50: int | None = None
    completion_p90: int | None = None
    on_time_probability: float | None = None


class Nervousness(_Record):
    """How much of a previous plan moved, over the operations that both plans have and that had not
    begun (docs/glossary.md)."""

    operations: int  # that are compared
    moved: (
        float  # share that changed machine, or whose start moved by more than the mean process time
    )
    changed_machine: float  # share
    mean_shift: float  # of starts, ticks


class Plan(_Record):
    """A complete schedule of the orders that are known."""

    version: Literal[1] = 1
    factory: PlanText
    clock: int
    end_date: int
    tick_minutes: float
    start_hour: int  # of the day, at date 0
    made_by: PlanText  # "policy", or the name of the rule
    fallbacks: int  # decisions in which the rule had to stand in for the policy
    faults: tuple[str, ...] = ()  # why, the different reasons
    machines: tuple[PlanText, ...]
    work_centres: tuple[PlanText, ...]  # of the machines
    operations: tuple[PlannedOperation, ...]
    changeovers: tuple[PlannedChangeover, ...]
    stops: tuple[PlannedStop, ...] = ()
    orders: tuple[PlannedOrder, ...]  # that are not finished
    cost: dict[str, float]  # expected from the clock on, by term, in currency
    total_cost: float
    futures: int = 0  # that were sampled
    nervousness: Nervousness | None = None
    microseconds: int = 0
