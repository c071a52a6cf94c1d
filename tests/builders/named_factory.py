"""A factory whose parts have given names, and an order book for it."""

from __future__ import annotations

from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    Order,
    OrderBook,
    Product,
    WorkCentre,
)


def named(chosen: list[str]) -> tuple[Factory, OrderBook]:
    """Return a factory whose parts have the chosen names, and an order of each product."""
    first = chosen[0]
    factory = Factory(
        name=first,
        work_centres=_work_centres(chosen),
        products=tuple(_product(name, first) for name in chosen),
        options=(Option(name=first, values=tuple(OptionValue(name=name) for name in chosen)),),
        demand=_demand(chosen),
        costs=Costs(scale=1.0),
    )
    orders = tuple(
        Order(
            order_id=name,
            release_date=0,
            due_date=9,
            weight=1.0,
            product=name,
            options={first: name},
        )
        for name in chosen
    )
    return factory, OrderBook(orders=orders)


def _work_centres(chosen: list[str]) -> tuple[WorkCentre, ...]:
    """Return two work centres, which share the machines; the first has an attribute."""
    size = len(chosen)
    times = tuple(tuple(int(old != new) for new in range(size)) for old in range(size))
    attribute = Attribute(name=chosen[0], values=tuple(chosen), time=times)
    return tuple(
        WorkCentre(
            name=name,
            machines=tuple(Machine(name=machine) for machine in chosen[i::2]),
            attributes=(attribute,) if i == 0 else (),
        )
        for i, name in enumerate(chosen[:2])
    )


def _product(name: str, centre: str) -> Product:
    operation = Operation(name=name, work_centre=centre, process_time=4, setup={centre: name})
    return Product(name=name, operations=(operation,))


def _demand(chosen: list[str]) -> Demand:
    shares = dict.fromkeys(chosen, 1.0)
    regime = DemandRegime(
        name=chosen[0], interarrival_time=5.0, mix=shares, options={chosen[0]: shares}
    )
    customers = tuple(
        Customer(name=name, share=1.0, weight=1.0, allowance=(2.0, 2.0)) for name in chosen
    )
    return Demand(num_orders=3, regimes=(regime,), customers=customers)
