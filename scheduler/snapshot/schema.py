"""Schema of snapshots: a shop floor at one moment, with what an MES knows and nothing else.

A snapshot is never changed in place, its dictionaries included.
A new state of an order is a new :class:`OrderState`.
Values computed for an order are cached for the next snapshot that holds the same object.

All dates are ticks of the factory (docs/model.md, section 1).
:mod:`scheduler.snapshot.read` parses and checks snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from factory.validation.iso_dates import FIRST_YEAR, LAST_YEAR
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


def _check_zone(name: str) -> str:
    """Refuse a time zone that the machine's database does not have."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        text = "There is no time zone {name}. Write for example Europe/Berlin"
        raise PydanticCustomError("time_zone", text, {"name": name}) from None
    return name


Date = Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_DATE, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_check_printable)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, strict=True)]


def _check_epoch(date: datetime) -> datetime:
    """Refuse a year that is a typing error."""
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        text = "The year must lie between {first} and {last}. Correct it"
        raise PydanticCustomError("year", text, {"first": FIRST_YEAR, "last": LAST_YEAR})
    return date


Epoch = Annotated[datetime, Field(strict=False), AfterValidator(_check_epoch)]
Zone = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_check_zone)]
Status = Literal["upcoming", "ready", "in_process", "done"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperationState(_Part):
    """State of one operation of an order."""

    status: Status
    # number of attempts that failed
    attempt: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_ATTEMPTS, strict=True)] = 0
    ready_date: Date | None = None  # ready: date at which it joined the queue
    # upcoming: date at which the last part from a completed predecessor arrives; None: no part is
    # in transport
    arrival_date: Date | None = None
    # upcoming: earliest expected ready date, where it is known better than from the plan
    expected_date: Date | None = None
    # upcoming: expected work before it that has not started, in ticks, likewise
    lead_time: Amount | None = None


class OrderState(_Part):
    """An order in progress, released later, or finished and still in the list."""

    order_id: Name
    product: Name
    options: dict[str, str] = {}
    release_date: Date  # after the clock: the order is known, but released then
    due_date: Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]
    weight: Amount = 1.0
    material_here: bool = True
    material_date: Date | None = None  # expected arrival of missing material, if known
    # all operations of its product; a cancelled one is done
    operations: dict[str, OperationState]

    @property
    def is_finished(self) -> bool:
        """Return whether all operations are done."""
        return all(state.status == "done" for state in self.operations.values())


class MachineState(_Part):
    """State of a machine.

    Without order and operation, a machine that is down broke while idle or in a changeover, a
    machine that is processing does other work, and a machine that is changing is set up ahead.
    """

    status: Literal["idle", "changing", "processing", "down"]
    # mounted value of every attribute: while changing over, the one that is being mounted; down in
    # a changeover, the one that is mounted when it is idle again
    setup: dict[str, str] = {}
    since: Date  # start of this status
    # not idle: date at which it is expected to be idle again. None where a machine is down: the
    # repair takes the machine's mean time to repair, then an operation in work its full time
    expected_end: Date | None = None
    order: Name | None = None  # in work
    operation: Name | None = None  # in work
    first_piece: bool = False  # the next (or present) operation is the first after a changeover
    waiting_until: Date | None = None  # idle: end of a chosen wait
    # no work is done on it before this date (maintenance, no operator); `expected_end` includes it
    out_of_service_until: Date | None = None

    @property
    def has_foreign_work(self) -> bool:
        """Return whether it is down or processing without an operation of an order."""
        return self.order is None and self.status in ("down", "processing")


class Lock(_Part):
    """An operation fixed to a machine, after the machine's locks that are listed before it."""

    machine: Name
    order: Name
    operation: Name


class SetAside(_Part):
    """A part of a snapshot that was put aside by a lenient reading, so that the rest is used."""

    order: Annotated[
        str | None, Field(description="id of the order concerned; null if it has none that is text")
    ]
    place: Annotated[str, Field(description="path in the snapshot that was sent")]
    problem: Annotated[str, Field(description="value, rule and remedy")]


SetAsideParts = Annotated[
    tuple[SetAside, ...],
    Field(description="parts of the snapshot that a lenient reading put aside"),
]


class Snapshot(_Part):
    """A shop floor at one moment."""

    version: Literal[1] = 1
    factory: Name
    clock: Date
    machines: dict[str, MachineState]  # all of them
    orders: Annotated[tuple[OrderState, ...], Field(max_length=MAX_ORDERS)]
    # release dates of the newest eight orders, completed ones too; none: those of `orders`
    recent_releases: Annotated[tuple[Date, ...], Field(max_length=8)] = ()
    more_orders: bool = True  # more orders may arrive
    # crews that are present, from the clock on; None: all of the factory's
    crews: Annotated[int, Field(ge=0, le=MAX_ORDERS, strict=True)] | None = None
    # the locks of a machine in the order in which it carries them out
    locks: Annotated[tuple[Lock, ...], Field(max_length=MAX_ORDERS)] = ()
    epoch: Epoch | None = None  # date of tick 0, if it is known
    time_zone: Zone | None = None  # that dates are shown in, such as Europe/Berlin; None: epoch's
    set_aside: SetAsideParts = ()


class SnapshotText(NamedTuple):
    """JSON of a snapshot, its orders apart."""

    rest: bytes  # the snapshot with an empty list of orders
    orders: Sequence[bytes]


def write_text(snapshot: Snapshot) -> SnapshotText:
    """Write a snapshot as JSON."""
    return SnapshotText(
        write_rest(snapshot),
        [order.model_dump_json(exclude_defaults=True).encode() for order in snapshot.orders],
    )


def write_rest(snapshot: Snapshot) -> bytes:
    """Write a snapshot as JSON, with an empty list of orders."""
    rest = snapshot.model_copy(update={"orders": ()})
    return rest.model_dump_json(exclude_defaults=True).encode()
