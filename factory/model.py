"""Domain model of the microfactory: frozen pydantic models, one for each thing in the plant.

``docs/model.md`` defines the semantics. :mod:`factory.io.factory_toml` reads files,
:mod:`factory.validation.factory` checks rules, :mod:`factory.loading.load` converts to arrays.
Times are integer ticks, powers kW, money in one currency.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from factory.field_notes import FieldNote
from factory.model_parts.demand_model import (
    Customer,
    Demand,
    DemandRegime,
    Order,
    OrderBook,
    SupplyRegime,
)
from factory.model_parts.operating_model import (
    Calendar,
    Maintenance,
    Model,
    OperationStaff,
    StaffGroup,
    StaffNeed,
    hour_of_start,
)
from factory.model_tables import factory_html

__all__ = [
    "Attribute",
    "Calendar",
    "Costs",
    "Customer",
    "Demand",
    "DemandRegime",
    "Effect",
    "Factory",
    "Machine",
    "Maintenance",
    "Model",
    "Operation",
    "OperationStaff",
    "Option",
    "OptionValue",
    "Order",
    "OrderBook",
    "Product",
    "StaffGroup",
    "StaffNeed",
    "SupplyRegime",
    "Tariff",
    "Transport",
    "Uncertainty",
    "WorkCentre",
]

_Unique = Annotated[str, FieldNote(bounds="unique")]
_Power = Annotated[float, FieldNote(unit="kW")]
_Ticks = FieldNote(unit="ticks", low=1, default="never fails")
_Wanted = Annotated[dict[str, str], FieldNote(bounds="known values")]
_RunLength = FieldNote(bounds="at least 1, `min_run` ≤ `max_run`", default="no limit")
_Probability = Annotated[float, FieldNote(low=0, high=1)]
_OwnProbability = FieldNote(low=0, high=1, default="that of `[uncertainty]`")


class Attribute(Model):
    """A changeover attribute of a work centre, e.g. the colour of a paint line."""

    name: Annotated[str, FieldNote(bounds="unique in the work centre")]
    """Name of the attribute."""
    values: Annotated[tuple[str, ...], FieldNote(bounds="1 to 1000, unique")]
    """Its values."""
    time: Annotated[
        tuple[tuple[int, ...], ...], FieldNote(unit="ticks", bounds="square, diagonal 0")
    ]
    """Changeover time ``[from][to]``."""
    cost: Annotated[
        tuple[tuple[float, ...], ...] | None,
        FieldNote(unit="currency", bounds="square, diagonal 0", default="all 0"),
    ] = None
    """Cost of a changeover ``[from][to]``."""
    waste: Annotated[
        tuple[tuple[float, ...], ...] | None,
        FieldNote(unit="kg", bounds="square, diagonal 0", default="all 0"),
    ] = None
    """Waste of a changeover ``[from][to]``."""
    forbidden: Annotated[
        tuple[tuple[str, str], ...], FieldNote(bounds="every wanted value stays reachable")
    ] = ()
    """Pairs ``["from", "to"]`` that must not follow each other directly."""
    min_run: Annotated[int | None, _RunLength] = None
    """Shortest run of a value while ready operations want it."""
    max_run: Annotated[int | None, _RunLength] = None
    """Longest run of a value, after which it must be changed or cleaned."""
    counts: Literal["operations", "ticks"] = "operations"
    """Measure of runs: attempts at operations, or their processing time."""


class Machine(Model):
    """A machine of a work centre."""

    name: Annotated[str, FieldNote(bounds="unique in the factory")]
    """Name of the machine."""
    speed: Annotated[float, FieldNote(low=0.001, high=1000)] = 1.0
    """Process times are divided by it."""
    idle_power: _Power = 0.0
    """Power while idle, waiting or down."""
    processing_power: _Power = 0.0
    """Power while processing."""
    changeover_power: _Power = 0.0
    """Power during changeovers and maintenance."""
    closed_power: Annotated[float | None, FieldNote(unit="kW", default="`idle_power`")] = None
    """Power while its calendar is closed and it does not work."""
    calendar: Annotated[str | None, FieldNote(bounds="known", default="always open")] = None
    """Calendar by which it is open."""
    maintenance: Annotated[tuple[Maintenance, ...], FieldNote(bounds="up to 8")] = ()
    """Its maintenance and cleaning."""
    mean_time_to_failure: Annotated[int | None, _Ticks] = None
    """Mean processing time between failures; needs ``mean_time_to_repair``."""
    mean_time_to_repair: Annotated[int | None, _Ticks] = None
    """Mean length of a repair; needs ``mean_time_to_failure``."""
    initial_setup: _Wanted = {}
    """Mounted value of each attribute at tick 0; for attributes left out, their first value."""
    setup_time: Annotated[
        dict[str, tuple[tuple[int, ...], ...]], FieldNote("ticks", bounds="square, diagonal 0")
    ] = {}
    """Time matrices by attribute, in place of those of the work centre."""


class WorkCentre(Model):
    """A group of machines with one capability and one queue."""

    name: _Unique
    """Name of the work centre."""
    machines: Annotated[tuple[Machine, ...], FieldNote(bounds="at least 1")]
    """Its machines."""
    attributes: tuple[Attribute, ...] = ()
    """Its changeover attributes; none: no changeovers."""
    combine: Literal["max", "sum"] = "max"
    """Rule by which the times of several attributes combine: in parallel, or one after another."""
    longest_wait: Annotated[
        int | None, FieldNote("ticks", low=1, default="twice the mean process time there")
    ] = None
    """Maximum length of a wait."""
    changeover_across_closures: Literal["pause", "fit", "through"] = "pause"
    """Behaviour of changeovers and maintenance at a closing: pause, end before it, or go on."""
    changeover_staff: Annotated[
        StaffNeed | None, FieldNote(default="one of `crews`; nobody if there is `staff`")
    ] = None
    """People that a changeover needs."""


class Operation(Model):
    """A step of a product's route."""

    name: Annotated[str, FieldNote(bounds="unique in the product")]
    """Name of the operation."""
    work_centre: Annotated[str, FieldNote(bounds="known")]
    """Work centre that does it."""
    process_time: Annotated[
        int | None,
        FieldNote(
            unit="ticks",
            bounds="at most 10,000,000, with option times and on the slowest machine",
            default="from `machine_times`",
        ),
    ] = None
    """Nominal time at speed 1."""
    machine_times: Annotated[
        dict[str, int] | None,
        FieldNote(
            "ticks", bounds="at least 1 machine of the centre", default="from `process_time`"
        ),
    ] = None
    """Nominal time on each eligible machine at speed 1; give this or ``process_time``."""
    after: Annotated[
        tuple[str, ...] | None,
        FieldNote(bounds="operations of the product", default="the operation listed before"),
    ] = None
    """Its predecessors; ``[]``: none."""
    setup: _Wanted = {}
    """Wanted value by attribute; attributes left out: don't care."""
    needs_material: bool = False
    """Wait for the material of the order."""
    cv: Annotated[float | None, FieldNote(low=0, high=3, default="that of `[uncertainty]`")] = None
    """Coefficient of variation of the process time."""
    rework_probability: Annotated[float | None, _OwnProbability] = None
    """Probability that it must be repeated."""
    first_piece_rework_probability: Annotated[
        float | None,
        FieldNote(
            low=0,
            high=1,
            default="its `rework_probability`, else that of `[uncertainty]`",
        ),
    ] = None
    """The same for the first operation after a changeover."""
    across_closures: Literal["pause", "fit", "finish"] = "pause"
    """Behaviour of processing at a closing: pause, end before it (else overtime), or go on."""
    longest_pause: Annotated[int | None, FieldNote("ticks", default="no limit")] = None
    """Longest closure that may interrupt it, for ``pause``."""
    staff: Annotated[OperationStaff | None, FieldNote(default="nobody")] = None
    """People that processing needs."""


class Product(Model):
    """A product: a directed acyclic graph of operations."""

    name: _Unique
    """Name of the product."""
    operations: Annotated[tuple[Operation, ...], FieldNote(bounds="1 to 63, no cycle")]
    """Its route."""
    launch_date: Annotated[int, FieldNote("ticks", bounds="up to 2⁴⁰")] = 0
    """First date at which it is ordered."""


class Effect(Model):
    """Effect of an option value on every operation with this name."""

    operation: Annotated[str, FieldNote(bounds="known")]
    """Name of the operation, in all products that have the option."""
    time: Annotated[int, FieldNote("ticks", bounds="at most 10,000,000 over all options")] = 0
    """Extra nominal process time."""
    setup: _Wanted = {}
    """Wanted value by attribute, in place of the operation's own."""


class OptionValue(Model):
    """A value of an option, such as red."""

    name: Annotated[str, FieldNote(bounds="unique in the option")]
    """Name of the value."""
    share: Annotated[float, FieldNote("share")] = 1.0
    """Share of orders that choose it; regimes can replace it."""
    effects: tuple[Effect, ...] = ()
    """Changes that it makes to operations."""


class Option(Model):
    """A choice of the customer, e.g. the colour."""

    name: Annotated[str, FieldNote(bounds="unique; not a fixed column of order books")]
    """Name of the option."""
    values: Annotated[tuple[OptionValue, ...], FieldNote(bounds="1 to 32,767")]
    """Values that can be chosen."""
    products: Annotated[
        tuple[str, ...] | None, FieldNote(bounds="known", default="all products")
    ] = None
    """Products that have the option."""


class Transport(Model):
    """Times of transport between work centres; 0 within one."""

    default: Annotated[int, FieldNote("ticks")] = 0
    """Time between two different work centres."""
    times: Annotated[
        tuple[tuple[str, str, int], ...], FieldNote("ticks", bounds="each pair once")
    ] = ()
    """Exceptions: ``["from centre", "to centre", ticks]``."""


class Tariff(Model):
    """Price and carbon intensity of electricity for each hour of the day."""

    price: Annotated[tuple[float, ...], FieldNote("currency/kWh", bounds="24 numbers")] = (
        0.0,
    ) * 24
    """Price of electricity in each hour of the day."""
    co2: Annotated[tuple[float, ...], FieldNote("kg/kWh", bounds="24 numbers")] = (0.0,) * 24
    """Carbon intensity in each hour of the day."""


class Uncertainty(Model):
    """Uncertainty of operations that do not state their own."""

    cv: Annotated[float, FieldNote(low=0, high=3)] = 0.0
    """Coefficient of variation of process times."""
    rework_probability: _Probability = 0.0
    """Probability that an operation must be repeated."""
    first_piece_rework_probability: Annotated[
        float | None, FieldNote(low=0, high=1, default="`rework_probability`")
    ] = None
    """The same for the first operation after a changeover."""


class Costs(Model):
    """Rates of the cost terms."""

    tardiness: Annotated[float, FieldNote("currency/weight/h")] = 1.0
    """Cost of an hour of tardiness."""
    changeover: Annotated[float, FieldNote("factor")] = 0.0
    """Factor on the ``cost`` matrices."""
    waste: Annotated[float, FieldNote("currency/kg")] = 0.0
    """Cost of waste."""
    energy: Annotated[float, FieldNote("factor")] = 0.0
    """Factor on the tariff."""
    holding: Annotated[float, FieldNote("currency/order/h")] = 0.0
    """Cost of an order in progress."""
    overtime: Annotated[float, FieldNote("currency/h")] = 0.0
    """Cost of an hour of overtime of a machine."""
    maintenance: Annotated[float, FieldNote("factor")] = 1.0
    """Factor on the ``cost`` of maintenance."""
    staff: Annotated[float, FieldNote("factor")] = 1.0
    """Factor on the ``cost`` of people."""
    co2_per_waste_kg: Annotated[float, FieldNote("kg/kg")] = 0.0
    """CO2e of waste; reported, not billed."""
    scale: Annotated[float | None, FieldNote("currency", bounds="above 0", default="measured")] = (
        None
    )
    """Cost of a typical episode, which rewards are divided by."""


class Factory(Model):
    """A whole microfactory."""

    name: str
    """Name of the factory."""
    description: str = ""
    """One line about it."""
    tick_minutes: Annotated[float, FieldNote("min", low=1e-6, high=60)] = 1.0
    """Length of a tick."""
    start: Annotated[str | None, FieldNote(bounds="a full hour, `2026-01-05T06:00`")] = None
    """Local date of tick 0; required with calendars."""
    start_hour: Annotated[
        int, FieldNote("h", low=0, high=23, default="that of `start`, else 0")
    ] = Field(default_factory=lambda data: hour_of_start(data.get("start")) or 0)
    """Hour of the day at tick 0."""
    time_zone: Annotated[
        str | None, FieldNote(bounds="a name of the tz database", default="no zone")
    ] = None
    """Time zone of the plant, such as ``Europe/London``."""
    calendars: Annotated[tuple[Calendar, ...], FieldNote(bounds="up to 1000")] = ()
    """Calendars of machines and people."""
    crews: Annotated[int | None, FieldNote(low=1, default="one per machine")] = None
    """Changeover crews, with every skill; not with ``staff``."""
    staff: Annotated[tuple[StaffGroup, ...], FieldNote(bounds="up to 100")] = ()
    """Groups of people."""
    changeover_ahead: bool = True
    """Allow changeovers before their operation has arrived."""
    waiting: bool = True
    """Allow waits."""
    work_centres: Annotated[tuple[WorkCentre, ...], FieldNote(bounds="1 to 32,767")]
    """Work centres."""
    products: Annotated[tuple[Product, ...], FieldNote(bounds="1 to 32,767")]
    """Products."""
    options: tuple[Option, ...] = ()
    """Options of customers."""
    demand: Annotated[Demand | None, FieldNote(default="only order books")] = None
    """Demand."""
    material: tuple[SupplyRegime, ...] = ()
    """Supply regimes; without them material is always there."""
    transport: Transport = Transport()
    """Transport between work centres."""
    tariff: Tariff = Tariff()
    """Electricity."""
    uncertainty: Uncertainty = Uncertainty()
    """Uncertainty."""
    costs: Costs = Costs()
    """Cost rates."""

    _repr_html_ = factory_html
