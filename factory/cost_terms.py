"""Terms of the total cost (docs/model.md, section 8)."""

from __future__ import annotations

from typing import Literal, NamedTuple


class CostTerm(NamedTuple):
    """Term of the total cost (docs/model.md, section 8)."""

    name: str  # in info, bills, reports, and of its rate in the [costs] of a factory
    accrual: Literal["event", "time"]  # charged whole at an event, or as time passes
    is_rate_hourly: bool  # whether the factory states the rate per hour; arrays hold it per tick

    @property
    def rate_field(self) -> str:
        """Return the name of the term's rate in PLANT."""
        return f"{self.name}_rate"


COST_TABLE = (
    CostTerm("tardiness", "time", is_rate_hourly=True),  # currency per weight and hour late
    CostTerm("changeover", "event", is_rate_hourly=False),  # a factor
    CostTerm("waste", "event", is_rate_hourly=False),  # currency per kg
    CostTerm("energy", "time", is_rate_hourly=False),  # a factor
    CostTerm("holding", "time", is_rate_hourly=True),  # currency per order and hour
    CostTerm("overtime", "time", is_rate_hourly=True),  # currency per machine and hour
    CostTerm("maintenance", "event", is_rate_hourly=False),  # a factor
    CostTerm("staff", "time", is_rate_hourly=False),  # a factor
)
"""Cost terms, in the order of ``ShopState.cost``."""
COST_TERMS = tuple(term.name for term in COST_TABLE)
TARDINESS, CHANGEOVER, WASTE, ENERGY, HOLDING, OVERTIME, MAINTENANCE, STAFF = range(len(COST_TERMS))
EVENT_TERMS = tuple(i for i, term in enumerate(COST_TABLE) if term.accrual == "event")
"""Indices of the terms that work causes, whenever it is done."""
