"""What the service is asked and what it answers (docs/scheduler.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.decisions.decider import Decision
from scheduler.plans.planner import MAX_FUTURES
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import MAX_CHANGES, Change
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, Snapshot

Futures = Annotated[int, Field(ge=0, le=MAX_FUTURES, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SnapshotRequest(_Message):
    """A shop floor to decide on, or to explain the next decision of."""

    snapshot: Snapshot


class PlanRequest(_Message):
    """A shop floor to plan."""

    snapshot: Snapshot
    by: Literal["policy", "rule"] = "policy"
    futures: Futures = 0  # to sample, for the dates' distribution
    seed: Seed = 0
    previous: Plan | None = None  # to compare with, and of which the frozen horizon is kept
    frozen: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_DATE, strict=True)] = (
        0  # ticks from the clock in which nothing of the previous plan moves
    )


class WhatIfRequest(_Message):
    """Changes to try."""

    snapshot: Snapshot
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MAX_CHANGES)]
    futures: Futures = 0
    seed: Seed = 0


class DecideAnswer(_Message):
    """Decisions for all machines that are free, in the log already."""

    decisions: tuple[Decision, ...]
    entry: int  # number in the log
    policy: str  # SHA-256 of the policy; '' where none is loaded
    rule: str  # to fall back to


class PolicyState(_Message):
    """The policy at work."""

    loaded: bool
    sha256: str | None
    trained_steps: int | None
    fault: str | None  # why none is loaded, or why the newest could not be


class PolicyAnswer(_Message):
    """Who decides here, and for what factory."""

    factory: str
    tick_minutes: float
    start_hour: int  # of the day, at date 0
    policy: PolicyState
    rule: str
    shadow: bool
    products: dict[str, dict[str, dict[str, list[str]]]]  # product -> "options" -> option -> values
    machines: list[dict[str, str]]  # name, work_centre


class FloorAnswer(_Message):
    """The newest shop floor that has been sent."""

    snapshot: dict[str, Any] | None
    received: str | None  # UTC, ISO 8601


class Health(_Message):
    """Whether the service can answer."""

    status: Literal["ok", "starting"]
    policy: bool = False  # loaded; the rule answers without


class Problems(_Message):
    """Why a request was refused: one line for each problem, with path, value, rule and remedy."""

    problems: list[str]
