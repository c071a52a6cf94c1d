"""A shop floor at one moment: what an MES tells, and nothing that it cannot know.

Nothing of a snapshot is changed in place, its dictionaries included: an order that has moved on is
another :class:`OrderState`. What has been worked out for orders is kept for the next snapshot that
holds the very same.

All dates are ticks of the factory (docs/model.md, section 1). :mod:`scheduler.snapshot.read` parses
and checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from factory.validation.names import MAX_NAME, code_point, first_unprintable

MAX_SNAPSHOT_DATE = 2**40
MAX_ORDERS = 20_000
MAX_SNAPSHOT_ATTEMPTS = 1000


def _check_printable(name: str) -> str:
    """Refuse a name with a character that cannot be seen."""
    letter = first_unprintable(name)
    if letter is not None:
        text = "Names must be printable, and the character {letter} is not"
        raise PydanticCustomError("unprintable", text, {"letter": code_point(letter)})
    return name


Date = Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_DATE, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_check_printable)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, strict=True)]
Status = Literal["upcoming", "ready", "in_process", "done"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperationState(_Part):
    """How far one operation of an order is."""

    status: Status
    # how often it has been done and must be done again
    attempt: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_ATTEMPTS, strict=True)] = 0
    ready_date: Date | None = None  # ready: when it joined the queue
    arrival_date: Date | None = (
        # upcoming: when the last part from a predecessor that is done arrives; None: nothing is on
        # its way
        None
    )
    expected_date: Date | None = (
        # upcoming: when it can be expected at the earliest, if that is known better than from the
        # plan
        None
    )
    lead_time: Amount | None = (
        None  # upcoming: work before it that has not started, likewise, ticks
    )


class OrderState(_Part):
    """An order in progress, or one that is finished and still in the list."""

    order_id: Name
    product: Name
    options: dict[str, str] = {}
    release_date: Date
    due_date: Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]
    weight: Amount = 1.0
    material_here: bool = True
    material_date: Date | None = None  # when its material comes that is not here, if that is known
    # all of its product's; one that has been cancelled is done
    operations: dict[str, OperationState]

    @property
    def is_finished(self) -> bool:
        """Return whether all operations are done."""
        return all(state.status == "done" for state in self.operations.values())


class MachineState(_Part):
    """What a machine is at.

    Without order and operation, a machine that is down broke while idle or in a changeover, a
    machine that is processing does something for none of the orders, and one that is changing is
    set up ahead.
    """

    status: Literal["idle", "changing", "processing", "down"]
    # mounted value of every attribute: while changing over, the one that is being mounted; down in
    # a changeover, the one that is mounted when it is idle again
    setup: dict[str, str] = {}
    since: Date  # when this status began
    # not idle: when it is expected to be idle again; None where a machine is down: nobody knows, it
    # takes the machine's mean time to repair, and an operation in work all of its time
    expected_end: Date | None = None
    order: Name | None = None  # what is in work
    operation: Name | None = None
    first_piece: bool = (
        False  # whether the next (or present) operation is the first after a changeover
    )
    waiting_until: Date | None = None  # idle and told to wait
    out_of_service_until: Date | None = (
        # no work is done on it before this date: maintenance, no operator; `expected_end` counts
        # with it
        None
    )

    @property
    def has_foreign_work(self) -> bool:
        """Return whether it is down, or processes something, without an operation of an order."""
        return self.order is None and self.status in ("down", "processing")


class Lock(_Part):
    """An operation that the planner has fixed: it is done on this machine, after the locks of the
    machine that are listed before it."""

    machine: Name
    order: Name
    operation: Name


class Snapshot(_Part):
    """A shop floor at one moment."""

    version: Literal[1] = 1
    factory: Name
    clock: Date
    machines: dict[str, MachineState]  # all of them
    orders: Annotated[tuple[OrderState, ...], Field(max_length=MAX_ORDERS)]
    recent_releases: Annotated[
        tuple[Date, ...], Field(max_length=8)
    ] = ()  # of the newest eight orders, completed ones too; none: those of the orders here
    more_orders: bool = True  # whether more may come
    # that are here, now and as far as is planned; None: all of the factory's
    crews: Annotated[int, Field(ge=0, le=MAX_ORDERS, strict=True)] | None = None
    locks: Annotated[
        tuple[Lock, ...], Field(max_length=MAX_ORDERS)
    ] = ()  # those of a machine in the order in which it does them


class SnapshotText(NamedTuple):
    """A snapshot in JSON."""

    rest: bytes  # all of it but for its orders, of which it has none
    orders: Sequence[bytes]


def write_text(snapshot: Snapshot) -> SnapshotText:
    """A snapshot's JSON."""
    rest = snapshot.model_copy(update={"orders": ()})
    return SnapshotText(
        rest.model_dump_json(exclude_defaults=True).encode(),
        [order.model_dump_json(exclude_defaults=True).encode() for order in snapshot.orders],
    )
