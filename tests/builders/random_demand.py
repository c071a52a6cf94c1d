"""Random demand and order books for random factories."""

from __future__ import annotations

from factory.model import (
    Customer,
    Demand,
    DemandRegime,
    Factory,
    Option,
    Order,
    OrderBook,
)
from tests.builders.chooser import Chooser


def build_demand(choose: Chooser, factory: Factory) -> Demand:
    """Build the demand of a factory."""
    low = choose.integer(1, 3) if choose.perhaps(3) else 1
    count, num_orders = choose.integer(1, 3), choose.integer(1, 25)
    classes = tuple(_build_customer(choose, n) for n in range(choose.integer(1, 3)))
    return Demand(
        num_orders=num_orders,
        regimes=tuple(_build_regime(choose, n, count, factory, classes) for n in range(count)),
        customers=classes,
        batch=(low, low + choose.integer(0, 2)) if choose.perhaps() else (1, 1),
        initial_orders=choose.integer(1, min(5, num_orders)) if choose.perhaps(3) else 0,
    )


def _build_customer(choose: Chooser, index: int) -> Customer:
    allowance = choose.pick([(1.5, 4.0), (0.5, 1.25), (2.0, 2.0)])
    return Customer(
        name=f"class{index}",
        share=choose.integer(1, 4) / 2,
        weight=choose.pick([1.0, 2.0, 0.5]),
        allowance=allowance,
    )


def _build_regime(
    choose: Chooser, index: int, count: int, factory: Factory, classes: tuple[Customer, ...]
) -> DemandRegime:
    def build_mix() -> dict[str, float]:
        # The first product is on sale from the start and always in demand.
        return {
            product.name: float(choose.integer(1, 4))
            for n, product in enumerate(factory.products)
            if n == 0 or not choose.perhaps(4)
        }

    return DemandRegime(
        name=f"regime{index}",
        interarrival_time=choose.pick([4.0, 1.0, 9.0, 20.0, 0.3]),
        mix=build_mix(),
        mix_end=build_mix() if choose.perhaps(3) else None,
        duration=choose.integer(1, 60) if count > 1 else None,
        options={
            option.name: _build_shares(choose, option)
            for option in factory.options
            if choose.perhaps(3)
        },
        customers={each.name: float(choose.integer(1, 4)) for each in classes if choose.perhaps(3)},
    )


def _build_shares(choose: Chooser, option: Option) -> dict[str, float]:
    return {
        value.name: float(choose.integer(1, 4))
        for n, value in enumerate(option.values)
        if n == 0 or not choose.perhaps(4)
    }


def build_book(choose: Chooser, factory: Factory) -> OrderBook:
    """Build an order book for a factory."""
    orders, date = [], 0
    for j in range(choose.integer(1, 15)):
        date += choose.integer(0, 12) if choose.perhaps() else 0
        product = choose.pick(factory.products)
        applying = [
            option
            for option in factory.options
            if option.products is None or product.name in option.products
        ]
        orders.append(
            Order(
                order_id=f"order{j}",
                release_date=date,
                due_date=date + choose.integer(0, 60),
                weight=choose.pick([1.0, 2.0, 0.5]),
                product=product.name,
                options={option.name: choose.pick(option.values).name for option in applying},
            )
        )
    return OrderBook(orders=tuple(orders))
