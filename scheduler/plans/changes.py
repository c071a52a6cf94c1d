"""Changes of a snapshot that a what-if question tries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, Amount, Date, Name

MAX_CHANGES = 100


_DueDate = Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RushOrder(_Part):
    """A new order is released now."""

    change: Literal["rush_order"] = "rush_order"
    order_id: Name
    product: Name
    options: dict[str, str] = {}
    due_date: _DueDate
    weight: Amount = 1.0


class MachineDown(_Part):
    """No work is done on a machine until a date; work in it continues afterwards."""

    change: Literal["machine_down"] = "machine_down"
    machine: Name
    until: Date


class OrderTerms(_Part):
    """An order gets another due date or weight."""

    change: Literal["order_terms"] = "order_terms"
    order: Name
    due_date: _DueDate | None = None
    weight: Amount | None = None


class CancelOrder(_Part):
    """An order without an operation in process is removed."""

    change: Literal["cancel_order"] = "cancel_order"
    order: Name


class LockOperation(_Part):
    """An operation is fixed to a machine, after the machine's other locks."""

    change: Literal["lock"] = "lock"
    machine: Name
    order: Name
    operation: Name


Change = Annotated[
    RushOrder | MachineDown | OrderTerms | CancelOrder | LockOperation,
    Field(discriminator="change"),
]


CHANGE_KINDS = ("rush_order", "machine_down", "order_terms", "cancel_order", "lock")
