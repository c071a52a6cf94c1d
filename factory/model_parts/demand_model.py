"""Domain model of demand, supply and order books; :mod:`factory.model` has the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from factory.field_notes import FieldNote
from factory.model_parts.operating_model import Model
from factory.model_tables import orders_html

_Unique = Annotated[str, FieldNote(bounds="unique")]
_Probability = Annotated[float, FieldNote(low=0, high=1)]
_Forever = FieldNote(
    unit="ticks", bounds="above 0; required with several regimes", default="forever"
)


class Customer(Model):
    """A customer class: weight and due-date allowance of its orders."""

    name: _Unique
    """Name of the class."""
    share: Annotated[float, FieldNote("share")]
    """Share of orders that come from it."""
    weight: Annotated[float, FieldNote("weight")]
    """Importance of its orders."""
    allowance: Annotated[tuple[float, float], FieldNote("work content", bounds="low ≤ high ≤ 1000")]
    """Time from release to due date, as a multiple of the work content; drawn uniformly."""


class DemandRegime(Model):
    """A phase of the demand; regimes follow each other cyclically."""

    name: _Unique
    """Name of the regime."""
    interarrival_time: Annotated[float, FieldNote("ticks", low=0.001, high=10_000_000)]
    """Mean time between batches."""
    mix: Annotated[
        dict[str, float],
        FieldNote("weight", bounds="at least one product without launch date must be positive"),
    ]
    """Weight by product; products left out: 0."""
    mix_end: Annotated[
        dict[str, float] | None, FieldNote("weight", bounds="as `mix`", default="`mix`")
    ] = None
    """Weights at the end of the episode; the mix drifts from one to the other."""
    duration: Annotated[int | None, _Forever] = None
    """Mean length of a stay."""
    options: Annotated[dict[str, dict[str, float]], FieldNote("share", bounds="known")] = {}
    """Shares of option values, in place of the whole table of an option."""
    customers: Annotated[dict[str, float], FieldNote("share", bounds="known")] = {}
    """Shares of customer classes, in place of single ones."""


class Demand(Model):
    """Random demand: number of orders, regimes, customers, batches."""

    num_orders: Annotated[int, FieldNote("orders", low=1, high=100_000)]
    """Orders of an episode."""
    regimes: Annotated[tuple[DemandRegime, ...], FieldNote(bounds="at least 1")]
    """Demand regimes, which follow each other cyclically."""
    customers: Annotated[tuple[Customer, ...], FieldNote(bounds="1 to 32,767")]
    """Customer classes."""
    batch: Annotated[tuple[int, int], FieldNote("orders", bounds="1 ≤ low ≤ high ≤ 1000")] = (1, 1)
    """Orders released together."""
    initial_orders: Annotated[int, FieldNote("orders", bounds="at most `num_orders`")] = 0
    """Orders released at date 0."""
    allowance_in: Literal["clock", "open"] = "clock"
    """Time that allowances count: all, or only while at least one machine is open."""


class SupplyRegime(Model):
    """A phase of the supply of material; regimes follow each other cyclically."""

    name: _Unique
    """Name of the regime."""
    late_probability: _Probability
    """Probability that the material of an order is late."""
    mean_lateness: Annotated[int, FieldNote("ticks", low=1)]
    """Mean delay of late material."""
    duration: Annotated[int | None, _Forever] = None
    """Mean length of a stay."""


class Order(Model):
    """A line of an order book."""

    order_id: Annotated[str, FieldNote("text", bounds="unique, printable, up to 200 characters")]
    """Name of the order."""
    release_date: Annotated[
        int, FieldNote("date", bounds="tick 0 or later", default="now if given, else tick 0")
    ]
    """Date at which the order becomes known and may start."""
    due_date: Annotated[int, FieldNote("date", bounds="may lie before the release")]
    """Date at which it is promised."""
    weight: Annotated[float, FieldNote("number", bounds="0 or more", default="`1.0`")]
    """Importance; larger is more important."""
    product: Annotated[
        str,
        FieldNote(
            "text", bounds="known", default="the only product; required if there are several"
        ),
    ]
    """Product."""
    options: Annotated[
        dict[str, str],
        FieldNote(
            "text",
            bounds="known value; empty if the product does not have the option",
            default="the only value; required if there are several and an order's product has the"
            " option",
        ),
    ] = {}
    """Chosen value of the option."""


class OrderBook(Model):
    """Orders to be replayed, sorted by release date (ties: as listed)."""

    orders: tuple[Order, ...]
    """Orders."""
    epoch: datetime | None = None
    """Date of tick 0; None: not known."""

    _repr_html_ = orders_html
