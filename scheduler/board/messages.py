"""Schemas of the published plan and of named scenarios (docs/reference/http.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from scheduler.plans.changes import MAX_CHANGES, Change
from scheduler.plans.schema import Plan
from scheduler.snapshot.schema import MAX_ORDERS, Lock, Name

MAX_SCENARIOS = 100
_Locks = Annotated[tuple[Lock, ...], Field(max_length=MAX_ORDERS)]
Revision = Annotated[int, Field(ge=0, strict=True)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PublishRequest(_Message):
    """A plan to publish."""

    plan: Plan
    """Plan to follow from now on."""
    locks: _Locks = ()
    """Locks that the plan was made with."""
    published_by: Name
    """Person who publishes it."""
    revision: Revision
    """Revision of the plan that it replaces; refused with status 409 if there is a newer one."""


class CurrentPlan(_Message):
    """The published plan."""

    revision: Revision = 0
    """Number of publications so far."""
    plan: Plan | None = None
    """Plan; null: none was published."""
    locks: _Locks = ()
    """Locks that the plan was made with."""
    published_by: str | None = None
    """Person who published it."""
    published_date: str | None = None
    """Date of publication, UTC, ISO 8601."""


class ScenarioRequest(_Message):
    """Changes to keep under a name."""

    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=MAX_CHANGES)]
    """Changes of the what-if."""
    saved_by: Name
    """Person who keeps them."""


class KeptScenario(ScenarioRequest):
    """A what-if that is kept under a name."""

    name: Name
    """Name of the scenario."""
    saved_date: str
    """Date at which it was kept, UTC, ISO 8601."""


class ScenarioList(_Message):
    """The scenarios that are kept, by name."""

    scenarios: Annotated[tuple[KeptScenario, ...], Field(max_length=MAX_SCENARIOS)] = ()
    """Scenarios."""


class BoardContent(_Message):
    """Content of the file of the board."""

    current: CurrentPlan = CurrentPlan()
    """Published plan."""
    scenarios: ScenarioList = ScenarioList()
    """Named scenarios."""
