"""Schemas of the service's requests and answers (docs/reference/http.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.decisions.blocked_work import BlockedMachine
from scheduler.decisions.decision import Decision
from scheduler.held_floor.floor_changes import FloorChanges
from scheduler.plans.changes import MAX_CHANGES, Change
from scheduler.plans.schema import MAX_FUTURES, Plan
from scheduler.portfolio.planner import MAX_SEARCH_SECONDS, SEARCH_SECONDS, PlanMaker
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, SetAsideParts, Snapshot

Futures = Annotated[int, Field(ge=0, le=MAX_FUTURES, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Seconds = Annotated[float, Field(gt=0, le=MAX_SEARCH_SECONDS, allow_inf_nan=False)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SnapshotRequest(_Message):
    """A snapshot to decide on, or to show."""

    snapshot: Snapshot
    """State of the shop floor."""
    strict: bool = False
    """Refuse a snapshot with any error, instead of putting bad parts aside."""


class CurrentFloorRequest(_Message):
    """A decision on the floor that the service holds."""

    floor: Literal["current"]
    """The newest floor that was sent."""
    changes: FloorChanges | None = None
    """Changes since then; the floor with them is kept."""
    strict: bool = False
    """Refuse changes that make a lock impossible, instead of putting it aside."""


class ExplainRequest(_Message):
    """A snapshot whose next decision is to be explained."""

    snapshot: Snapshot
    """State of the shop floor."""
    futures: Futures = 0
    """Number of sampled futures in which the costs of alternatives are compared; 0: none."""
    seed: Seed = 0
    """Seed of the sampled futures."""
    strict: bool = False
    """Refuse a snapshot with any error, instead of putting bad parts aside."""


class PlanRequest(_Message):
    """A snapshot to plan."""

    snapshot: Snapshot
    """State of the shop floor."""
    by: PlanMaker = "search"
    """Who makes the plan: a search, or one simulation of the policy or of the fallback rule."""
    seconds: Seconds = SEARCH_SECONDS
    """Time for the search."""
    futures: Futures = 0
    """Number of sampled futures for the distribution of the dates."""
    seed: Seed = 0
    """Seed of the sampled futures."""
    previous: Plan | None = None
    """Plan to compare with, and to keep within the frozen horizon."""
    frozen: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_DATE, strict=True)] = 0
    """Ticks from the clock in which nothing of the previous plan moves."""
    strict: bool = False
    """Refuse a snapshot with any error, instead of putting bad parts aside."""


class WhatIfRequest(_Message):
    """Changes to try."""

    snapshot: Snapshot
    """State of the shop floor."""
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MAX_CHANGES)]
    """Changes, applied one after the other."""
    by: PlanMaker = "search"
    """Who makes the plans: a search, or one simulation of the policy or of the fallback rule."""
    seconds: Seconds = SEARCH_SECONDS
    """Time for the search of each of both plans."""
    futures: Futures = 0
    """Number of sampled futures for the distribution of the dates."""
    seed: Seed = 0
    """Seed of the sampled futures."""
    strict: bool = False
    """Refuse a snapshot with any error, instead of putting bad parts aside."""


class DatedDecision(Decision):
    """A decision for one machine, with its date."""

    until_date: str | None = None
    """``until`` in ISO 8601, in the zone of the snapshot; null if tick 0 has no date."""


class DecideAnswer(_Message):
    """Decisions for all free machines."""

    decisions: tuple[DatedDecision, ...]
    """Decisions; each is taken as if those before it had been carried out."""
    blocked: tuple[BlockedMachine, ...] = ()
    """Machines that can do nothing then, though they have work, with the reasons."""
    clock: int
    """Clock of the snapshot."""
    clock_date: str | None = None
    """The clock in ISO 8601, in the zone of the snapshot; null if tick 0 has no date."""
    entry: int | None
    """Number of the entry in the decision log; null if it is not logged."""
    logged: bool = True
    """The decisions are in the log; false only with ``--log-failure answer``, while the log cannot
    be written."""
    floor: str | None = None
    """Tag of the floor that was decided on, for ``If-Match``."""
    policy: str
    """SHA-256 of the policy; empty if none is loaded."""
    rule: str
    """Fallback rule."""
    set_aside: SetAsideParts = ()
    """Parts of the snapshot that a lenient reading put aside."""


class PolicyState(_Message):
    """The active policy."""

    loaded: bool
    """A policy is loaded."""
    sha256: str | None
    """SHA-256 of the policy."""
    trained_steps: int | None
    """Decisions of its training."""
    fault: str | None
    """Reason why none is loaded."""
    refused: str | None = None
    """Reason why the newest bundle was refused; null if it was not."""
    refused_date: str | None = None
    """Date of that refusal, UTC, ISO 8601."""


class PolicyAnswer(_Message):
    """Factory, policy, fallback rule, products and machines."""

    factory: str
    """Name of the factory."""
    tick_minutes: float
    """Length of a tick, in minutes."""
    start_hour: int
    """Hour of the day at date 0."""
    policy: PolicyState
    """Active policy."""
    rule: str
    """Fallback rule."""
    shadow: bool
    """Shadow mode is on."""
    products: dict[str, dict[str, dict[str, list[str]]]]
    """For each product, under ``options``, the values of each of its options."""
    machines: list[dict[str, str]]
    """``name`` and ``work_centre`` of each machine."""
    eligible_machines: dict[str, dict[str, list[str]]] = {}
    """For each product and operation, the machines that can do it."""
    predecessors: dict[str, dict[str, list[str]]] = {}
    """For each product and operation, the operations that must be done right before it."""
    calendars: list[str] = []
    """Calendars of the factory."""
    groups: list[str] = []
    """Groups of people of the factory."""
    floor_minutes: float | None = None
    """Age from which the page calls the newest snapshot old; null: never."""


class FloorAnswer(_Message):
    """The newest snapshot that was sent."""

    snapshot: dict[str, Any] | None
    """Snapshot; null: none was sent."""
    received: str | None
    """Date at which it came, UTC, ISO 8601."""


class FloorChanged(_Message):
    """The floor after a change."""

    clock: int
    """Clock of the floor."""
    orders: int
    """Number of its orders."""
    received: str
    """Date of the change, UTC, ISO 8601."""
    set_aside: SetAsideParts = ()
    """Parts of the floor that are put aside."""


class Health(_Message):
    """State of the service."""

    status: Literal["ok", "starting", "saturated", "log fails"]
    """``ok`` once requests are answered; ``saturated`` while further decisions or plans are refused
    because too many wait; ``log fails`` while the decision log cannot be written."""
    policy: bool = False
    """A policy is loaded; without one the rule decides."""
    plans: bool = False
    """The code of plans is loaded; before, a plan waits for that."""
    log: str | None = None
    """Reason why the decision log cannot be written; null if it can."""
    log_since: str | None = None
    """Start of that fault, UTC, ISO 8601."""


class Problems(_Message):
    """Problems of a refused request."""

    problems: list[str]
    """One line for each problem, with path, value, rule and remedy."""
