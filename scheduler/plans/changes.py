"""Changes of a snapshot that a what-if question tries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from factory.validation.names import MAX_NAME
from scheduler.snapshot.schema import MAX_ORDERS, MAX_SNAPSHOT_DATE, Amount, Date, Name

MAX_CHANGES = 100


_DueDate = Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RushOrder(_Part):
    """A new order is released now."""

    change: Literal["rush_order"] = "rush_order"
    """Kind of the change."""
    order_id: Name
    """Unique name of the order."""
    product: Name
    """Product."""
    options: dict[str, str] = {}
    """Chosen value of every option."""
    due_date: _DueDate
    """Date at which it is promised."""
    weight: Amount = 1.0
    """Importance."""


class MachineDown(_Part):
    """No work is done on a machine until a date; work in it continues afterwards."""

    change: Literal["machine_down"] = "machine_down"
    """Kind of the change."""
    machine: Name
    """Machine."""
    until: Date
    """Date at which work can begin again."""
    since: Date | None = None
    """Date from which no work is done, in a factory with a ``start``; none: now."""


class OrderTerms(_Part):
    """An order gets another due date or weight."""

    change: Literal["order_terms"] = "order_terms"
    """Kind of the change."""
    order: Name
    """Order."""
    due_date: _DueDate | None = None
    """New due date; none: as before."""
    weight: Amount | None = None
    """New weight; none: as before."""


class CancelOrder(_Part):
    """An order is removed; refused while one of its operations is in process."""

    change: Literal["cancel_order"] = "cancel_order"
    """Kind of the change."""
    order: Name
    """Order."""


class LockOperation(_Part):
    """An operation is fixed to a machine, after the machine's other locks."""

    change: Literal["lock"] = "lock"
    """Kind of the change."""
    machine: Name
    """Machine that must do the operation."""
    order: Name
    """Order."""
    operation: Name
    """Operation."""


class ExtraShift(_Part):
    """A calendar is open for longer, as for an extra shift."""

    change: Literal["extra_shift"] = "extra_shift"
    """Kind of the change."""
    calendar: Name
    """Calendar of the factory."""
    open: Annotated[str, Field(max_length=MAX_NAME)]
    """Local dates, such as ``2026-02-14 06:00..2026-02-14 14:00``."""


class StaffAbsent(_Part):
    """People of a group are absent for a while; work that pauses without them pauses."""

    change: Literal["staff_absent"] = "staff_absent"
    """Kind of the change."""
    group: Name
    """Group of people."""
    number: Annotated[int, Field(ge=1, le=MAX_ORDERS, strict=True)] = 1
    """Number of people."""
    until: Date
    """Date at which they are back."""
    since: Date | None = None
    """Date from which they are absent; none: now."""


Change = Annotated[
    RushOrder | MachineDown | OrderTerms | CancelOrder | LockOperation | ExtraShift | StaffAbsent,
    Field(discriminator="change"),
]


CHANGE_KINDS = (
    "rush_order",
    "machine_down",
    "order_terms",
    "cancel_order",
    "lock",
    "extra_shift",
    "staff_absent",
)
