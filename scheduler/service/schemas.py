"""Schemas of the service's requests and answers (docs/scheduler.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.decisions.decision import Decision
from scheduler.plans.changes import MAX_CHANGES, Change
from scheduler.plans.schema import MAX_FUTURES, Plan
from scheduler.portfolio.planner import MAX_SEARCH_SECONDS, SEARCH_SECONDS, PlanMaker
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, Snapshot

Futures = Annotated[int, Field(ge=0, le=MAX_FUTURES, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Seconds = Annotated[float, Field(gt=0, le=MAX_SEARCH_SECONDS, allow_inf_nan=False)]
Maker: PlanMaker = Field(
    default="search",
    description="Who plans: a search for the cheapest plan, or the policy or the rule alone.",
)
SearchTime: float = Field(
    default=SEARCH_SECONDS, description="Time for the search of one plan; a what-if makes two."
)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SnapshotRequest(_Message):
    """A snapshot to decide on, to explain, or to show."""

    snapshot: Snapshot


class PlanRequest(_Message):
    """A snapshot to plan."""

    snapshot: Snapshot
    by: PlanMaker = Maker
    seconds: Seconds = SearchTime
    futures: Futures = 0  # number of futures to sample for the distribution of the dates
    seed: Seed = 0
    previous: Plan | None = None  # to compare with, and to keep within the frozen horizon
    # ticks from the clock in which nothing of the previous plan moves
    frozen: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_DATE, strict=True)] = 0


class WhatIfRequest(_Message):
    """Changes to try."""

    snapshot: Snapshot
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MAX_CHANGES)]
    by: PlanMaker = Maker
    seconds: Seconds = SearchTime
    futures: Futures = 0
    seed: Seed = 0


class DecideAnswer(_Message):
    """Decisions for all free machines; they are in the log."""

    decisions: tuple[Decision, ...]
    entry: int  # number in the log
    policy: str  # SHA-256 of the policy; '' if none is loaded
    rule: str  # fallback rule


class PolicyState(_Message):
    """The active policy."""

    loaded: bool
    sha256: str | None
    trained_steps: int | None
    fault: str | None  # reason why none is loaded


class PolicyAnswer(_Message):
    """Factory, policy, fallback rule, products and machines."""

    factory: str
    tick_minutes: float
    start_hour: int  # of the day, at date 0
    policy: PolicyState
    rule: str
    shadow: bool
    products: dict[str, dict[str, dict[str, list[str]]]]  # product -> "options" -> option -> values
    machines: list[dict[str, str]]  # name, work_centre


class FloorAnswer(_Message):
    """The newest snapshot that was sent."""

    snapshot: dict[str, Any] | None
    received: str | None  # UTC, ISO 8601


class Health(_Message):
    """State of the service."""

    status: Literal["ok", "starting"]
    policy: bool = False  # loaded; without one the rule decides


class Problems(_Message):
    """Problems of a refused request: one line each, with path, value, rule and remedy."""

    problems: list[str]
