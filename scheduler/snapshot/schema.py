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
MAX_SPANS = 100
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
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class OperationState(_Part):
    """State of one operation of an order."""

    status: Status
    """Status."""
    attempt: Annotated[int, Field(ge=0, le=MAX_SNAPSHOT_ATTEMPTS, strict=True)] = 0
    """Number of attempts that failed."""
    ready_date: Date | None = None
    """Date at which it joined the queue; required if ``ready``."""
    arrival_date: Date | None = None
    """``upcoming``: date at which the last part from a completed predecessor arrives; none: no part
    is in transport.
    """
    expected_date: Date | None = None
    """``upcoming``: expected ready date, where it is known better than from the plan; give it
    together with ``lead_time``.
    """
    lead_time: Amount | None = None
    """``upcoming``: expected work before it that has not started, in ticks; give it together with
    ``expected_date``.
    """


class OrderState(_Part):
    """An order in progress, released later, or finished and still in the list."""

    order_id: Name
    """Unique name."""
    product: Name
    """Product."""
    options: dict[str, str] = {}
    """Chosen value of every option; required if the product has options."""
    release_date: Date
    """Date at which work on it may begin; after the clock: all its operations are ``upcoming``,
    plans start it then, and decisions ignore it.
    """
    due_date: Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]
    """Date at which it is promised; may be negative."""
    weight: Amount = 1.0
    """Importance."""
    material_here: bool = True
    """Its material is available."""
    material_date: Date | None = None
    """Expected arrival of missing material, if known."""
    operations: dict[str, OperationState]
    """State of every operation of its product, by name; a cancelled one is ``done``."""

    @property
    def is_finished(self) -> bool:
        """Return whether all operations are done."""
        return all(state.status == "done" for state in self.operations.values())


class MaintenanceCounter(_Part):
    """Counter of a maintenance."""

    used: Date
    """Processing ticks, ticks or attempts at operations since it was last done, as its ``by``
    says.
    """


class MachineState(_Part):
    """State of a machine.

    Without order and operation, a machine that is down broke while idle or in a changeover, a
    machine that is processing does other work, and a machine that is changing is set up ahead. A
    paused machine is taken, but closed or without its people.
    """

    status: Literal["idle", "changing", "processing", "down", "paused", "maintenance"]
    """Status."""
    setup: dict[str, str] = {}
    """Mounted value of every attribute, required if the work centre has attributes. During a
    changeover: the values being mounted; ``down`` in a changeover: the values that are mounted when
    the machine is idle again.
    """
    since: Date
    """Start of the status."""
    expected_end: Date | None = None
    """Date at which the machine is expected to be idle again; required unless ``idle``. It may be
    left out where ``work_left`` is given, and for ``down`` if the factory gives a mean time to
    repair: the repair takes that time, then an operation in work its full time.
    """
    order: Name | None = None
    """Order in work."""
    operation: Name | None = None
    """Operation in work."""
    first_piece: bool = False
    """The next (or present) operation is the first after a changeover."""
    waiting_until: Date | None = None
    """``idle``: end of a chosen wait."""
    out_of_service_until: Date | None = None
    """No work is done on the machine before this date; ``expected_end`` includes it. With a
    ``start`` of the factory it is a closure, which work of its kind may outlast.
    """
    in_maintenance: Name | None = None
    """``maintenance`` and ``paused``: kind of maintenance in work."""
    paused_work: Literal["changeover", "start", "processing"] | None = None
    """``paused``: work that continues afterwards, where ``start`` is that of processing; none:
    ``processing`` with an order, else ``changeover``.
    """
    work_left: Date | None = None
    """``changing``, ``maintenance`` and ``paused``: expected ticks that are left at the clock of
    the changeover, maintenance or processing; none: they follow from ``expected_end``.
    """
    maintenance: dict[Name, MaintenanceCounter] = {}
    """Counter of each kind of maintenance; one that is left out is 0."""
    runs: dict[Name, Date] = {}
    """Length of the present run of each attribute, in attempts at operations or processing ticks;
    one that is left out is 0.
    """
    people: dict[Name, Date] | None = None
    """Number of people of each group that work on it; none: those that its work takes by the rule
    of the factory.
    """

    @property
    def has_foreign_work(self) -> bool:
        """Return whether it is down or processing without an operation of an order."""
        return self.order is None and self.status in ("down", "processing")


class Lock(_Part):
    """An operation fixed to a machine, after the machine's locks that are listed before it."""

    machine: Name
    """Machine that must do the operation."""
    order: Name
    """Order."""
    operation: Name
    """Operation."""


class ExtraHours(_Part):
    """Further open hours of a calendar of the factory."""

    calendar: Name
    """Calendar."""
    open: Annotated[str, Field(max_length=MAX_NAME)]
    """Local dates, such as ``2026-02-14 06:00..2026-02-14 14:00``, as in ``extra`` of the
    factory.
    """


class Closure(_Part):
    """A time in which a machine is closed, such as a planned repair."""

    machine: Name
    """Machine."""
    since: Date
    """Begin."""
    until: Date
    """End."""


class Absence(_Part):
    """A time in which people of a group are absent."""

    group: Name
    """Group of people."""
    number: Annotated[int, Field(ge=1, le=MAX_ORDERS, strict=True)] = 1
    """Number of people."""
    since: Date
    """Begin."""
    until: Date
    """End."""


class SetAside(_Part):
    """A part of a snapshot that was put aside by a lenient reading, so that the rest is used."""

    order: str | None
    """Id of the order concerned; null if it has none that is text."""
    place: str
    """Path in the snapshot that was sent."""
    problem: str
    """Value, rule and remedy."""


SetAsideParts = tuple[SetAside, ...]


class Snapshot(_Part):
    """A shop floor at one moment."""

    version: Literal[1] = 1
    """Version of the format."""
    factory: Name
    """Name of the factory."""
    clock: Date
    """Now."""
    machines: dict[str, MachineState]
    """State of every machine, by name."""
    orders: Annotated[tuple[OrderState, ...], Field(max_length=MAX_ORDERS)]
    """Orders in progress, and orders that are known but released later."""
    recent_releases: Annotated[tuple[Date, ...], Field(max_length=8)] = ()
    """Release dates of the newest orders, ascending, including completed orders; none: those of
    ``orders``. The policy derives the arrival rate from them.
    """
    more_orders: bool = True
    """More orders may arrive."""
    crews: Annotated[int, Field(ge=0, le=MAX_ORDERS, strict=True)] | None = None
    """Changeover crews that are present from the clock on; none: those of the factory."""
    staff: dict[Name, Date] | None = None
    """Number of people of each group that are present from the clock on; a group that is left out
    has those of the factory.
    """
    extra_hours: Annotated[tuple[ExtraHours, ...], Field(max_length=MAX_SPANS)] = ()
    """Open hours beyond those of the factory's calendars, such as an extra shift."""
    closures: Annotated[tuple[Closure, ...], Field(max_length=MAX_SPANS)] = ()
    """Closures of machines that are known ahead."""
    absences: Annotated[tuple[Absence, ...], Field(max_length=MAX_SPANS)] = ()
    """Times in which people are absent."""
    locks: Annotated[tuple[Lock, ...], Field(max_length=MAX_ORDERS)] = ()
    """Operations that the planner has fixed to machines; those of a machine in the sequence in
    which it carries them out.
    """
    epoch: Epoch | None = None
    """Date of tick 0 in ISO 8601, such as ``2026-03-02T06:00+01:00``; plans then have local dates
    beside the ticks; none: the ``start`` of the factory, and no other date where it has one.
    """
    time_zone: Zone | None = None
    """Zone that dates are shown in, such as ``Europe/Berlin``; none: that of the factory, or
    of ``epoch``.
    """
    set_aside: SetAsideParts = ()
    """Parts of the snapshot that a lenient reading put aside."""


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
