"""Functions that describe a small shop floor in a few lines, and follow it by decisions."""

from __future__ import annotations

from typing import Any

from factory.model import (
    Attribute,
    Costs,
    Factory,
    Machine,
    Operation,
    Order,
    OrderBook,
    Product,
    Tariff,
    WorkCentre,
)
from tests.oracles.twin import Twin
from tests.oracles.twin_floor import Choice

COLOUR = Attribute(
    name="colour", values=("white", "red", "black"), time=((0, 2, 4), (3, 0, 1), (6, 5, 0))
)
TRIM = Attribute(name="trim", values=("plain", "sport"), time=((0, 3), (1, 0)))
WAIT = "wait"


def cell(name: str = "cell", machines: int = 1, **fields: Any) -> WorkCentre:
    """Return a work centre whose machines have its name: cell0, cell1, ..."""
    return WorkCentre(
        **{
            "name": name,
            "machines": tuple(Machine(name=f"{name}{n}") for n in range(machines)),
            **fields,
        }
    )


def job(time: int = 4, name: str = "make", at: str = "cell", **fields: Any) -> Operation:
    return Operation(**{"name": name, "work_centre": at, "process_time": time, **fields})


def product(name: str, *operations: Operation, **fields: Any) -> Product:
    return Product(name=name, operations=operations, **fields)


def plant(centres: tuple[WorkCentre, ...], products: tuple[Product, ...], **fields: Any) -> Factory:
    return Factory(name="hand-worked", work_centres=centres, products=products, **fields)


def book(
    *lines: tuple[int, str],
    due: int = 100,
    weight: float = 1.0,
    options: dict[str, str] | None = None,
) -> OrderBook:
    """Return an order book of orders (release date, product)."""
    return OrderBook(
        orders=tuple(
            Order(
                order_id=f"{n}",
                release_date=release,
                due_date=due,
                weight=weight,
                product=name,
                options=options or {},
            )
            for n, (release, name) in enumerate(lines)
        )
    )


def follow(twin: Twin, *decisions: tuple[int, Any]) -> Twin:
    """Take decisions (machine that must be deciding, choice).

    A choice is a job (order, operation), the wait, or a setup to mount.
    """
    for machine, wanted in decisions:
        assert twin.deciding == machine
        rows = [
            row
            for row, choice in enumerate(twin.choices())
            if choice.legal and named(choice) == wanted
        ]
        twin.decide(rows[0])
    return twin


def named(choice: Choice) -> Any:
    return {"job": (choice.order, choice.operation), "wait": WAIT, "changeover": [*choice.target]}[
        choice.kind
    ]


def offers(twin: Twin) -> list[Any]:
    """Return the legal choices of the deciding machine."""
    return [named(choice) for choice in twin.choices() if choice.legal]


def dates(twin: Twin, kind: str = "operation") -> list[tuple[int, ...]]:
    """Return the dates of events: (machine, start, end).

    Those of operations are (machine, order, operation, process start, end).
    """
    if kind == "operation":
        return [
            (event[1], event[2], event[3], event[5], event[6])
            for event in twin.events
            if event[0] == kind
        ]
    start = {"changeover": 4, "failure": 2, "wait": 2}[kind]
    return [(event[1], event[start], event[start + 1]) for event in twin.events if event[0] == kind]


def coloured(**fields: Any) -> WorkCentre:
    return cell(attributes=(COLOUR,), **fields)


def painted(colour: str, time: int = 4) -> Product:
    return product(colour, job(time, setup={"colour": colour}))


def race_against_a_changeover() -> tuple[Factory, OrderBook]:
    """Return a shop in which a changeover ahead is in vain.

    Body takes 5 ticks and red paint 1; machine 1 has red mounted, machine 2 needs 9 ticks for it.
    """
    colour = Attribute(
        name="colour", values=("white", "red"), time=((0, 9), (9, 0)), cost=((0.0, 2.0), (2.0, 0.0))
    )
    paint = WorkCentre(
        name="paint",
        machines=(
            Machine(name="quick", initial_setup={"colour": "red"}),
            Machine(name="slow", changeover_power=3.0),
        ),
        attributes=(colour,),
    )
    car = product("car", job(5, "body"), job(1, "paint", "paint", setup={"colour": "red"}))
    costs, tariff = Costs(changeover=1.0, energy=1.0), Tariff(price=(1.0,) * 24)
    factory = plant((cell(), paint), (car,), tick_minutes=60.0, costs=costs, tariff=tariff)
    return factory, book((0, "car"))
