"""Factories whose due dates are far away."""

from __future__ import annotations

from factory.model import Factory


def with_loose_due_dates(factory: Factory, factor: float) -> Factory:
    """Return the factory with the due-date allowances of all customers multiplied."""
    demand = factory.demand
    assert demand is not None
    customers = tuple(
        customer.model_copy(
            update={
                "allowance": (
                    min(customer.allowance[0] * factor, 1000.0),
                    min(customer.allowance[1] * factor, 1000.0),
                )
            }
        )
        for customer in demand.customers
    )
    demand = demand.model_copy(update={"customers": customers})
    return factory.model_copy(update={"name": f"loose-{factory.name}", "demand": demand})
