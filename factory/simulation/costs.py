"""Accrual of the cost terms (docs/model.md, section 8). Compiled.

The terms are listed in :data:`factory.cost_terms.COST_TABLE`. Those charged at an event are
added where it happens; those that accrue with time are added, or settled, here.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from factory.cost_terms import ENERGY, HOLDING, OVERTIME, STAFF, TARDINESS
from factory.jit.compile import compiled
from factory.simulation.arrays import CHANGING, PROCESSING, ShopState


@compiled
def reset_costs(shop, e):
    """Begin the accounts of an episode with nothing spent or produced."""
    shop.cost[e, :] = 0.0
    shop.env[e].tardiness_done = 0.0
    shop.env[e].flow = 0
    shop.env[e].energy_kwh = 0.0
    shop.env[e].energy_co2 = 0.0
    shop.env[e].waste_kg = 0.0
    shop.env[e].num_changeovers = 0
    shop.env[e].changeover_ticks = 0
    shop.env[e].process_ticks = 0
    shop.env[e].down_ticks = 0
    shop.env[e].overtime_ticks = 0


@compiled
def restart_costs(shop, e):
    """Count costs from the clock on: what lateness has cost so far is taken off."""
    shop.cost[e, :] = 0.0
    shop.env[e].tardiness_done = -add_open_tardiness(shop, e, 0.0)
    shop.env[e].flow = 0


@compiled
def refresh_power(factory, shop, e):
    """Sum the power drawn by all machines, anew each time so that no rounding piles up."""
    g = shop.env[e].factory
    power = 0.0
    for machine in range(factory.plant[g].num_machines):
        status = shop.machines[e, machine].status
        if status == CHANGING:
            power += factory.machines[g, machine].changeover_power
        elif status == PROCESSING:
            power += factory.machines[g, machine].processing_power
        elif shop.machines[e, machine].closed:
            power += factory.machines[g, machine].closed_power
        else:
            power += factory.machines[g, machine].idle_power
    shop.env[e].power = power


@compiled
def integrate_tariff(factory, g, date):
    """Integrate price and carbon intensity from the start of day 0 to ``date``.

    Returns
    -------
    Both integrals over hours, (currency/kW, kg/kW).
    """
    ticks_per_hour = factory.plant[g].ticks_per_hour
    hours = date // ticks_per_hour
    part = (date - hours * ticks_per_hour) / ticks_per_hour
    hours += factory.plant[g].start_hour
    days = hours // 24
    whole_day = factory.hours[g, 24]
    hour = factory.hours[g, hours - 24 * days]
    price = days * whole_day.price_before + hour.price_before + hour.price * part
    co2 = days * whole_day.co2_before + hour.co2_before + hour.co2 * part
    # 1, unless ticks do not divide an hour
    real_hours = ticks_per_hour * factory.plant[g].hours_per_tick
    return price * real_hours, co2 * real_hours


@compiled
def pass_time(factory, shop, e, date):
    """Move the clock to ``date``; power is drawn and orders are held meanwhile."""
    g = shop.env[e].factory
    clock = shop.env[e].clock
    power = shop.env[e].power
    price_hours, co2_hours = integrate_tariff(factory, g, date)
    shop.cost[e, ENERGY] += (
        factory.plant[g].energy_rate * power * (price_hours - shop.env[e].price_hours)
    )
    shop.env[e].energy_kwh += power * (date - clock) * factory.plant[g].hours_per_tick
    shop.env[e].energy_co2 += power * (co2_hours - shop.env[e].co2_hours)
    shop.env[e].price_hours = price_hours
    shop.env[e].co2_hours = co2_hours
    shop.env[e].flow += shop.env[e].num_active * (date - clock)
    if factory.plant[g].has_hours:
        accrue_labour(factory, shop, e, date - clock)
    shop.env[e].clock = date


@compiled
def accrue_labour(factory, shop, e, ticks):
    """Charge overtime and people at work for ``ticks`` from the clock on."""
    g = shop.env[e].factory
    overtime = shop.env[e].num_overtime * ticks
    shop.env[e].overtime_ticks += overtime
    shop.cost[e, OVERTIME] += factory.plant[g].overtime_rate * overtime
    shop.cost[e, STAFF] += factory.plant[g].staff_rate * shop.env[e].staff_cost * ticks


@compiled
def total_cost(shop, e):
    """Return the sum of all terms, as they were last settled."""
    total = 0.0
    for term in range(shop.cost.shape[1]):
        total += shop.cost[e, term]
    return total


def total_costs(shop: ShopState) -> NDArray[np.float64]:
    """Return the sum of all terms of each environment, ``[E]``, added in their order.

    NumPy's own sum adds in another order, so that the last bit depends on the number of terms.
    """
    totals = np.zeros(len(shop.cost))
    for costs in shop.cost.T:
        totals += costs
    return totals


@compiled
def settle_costs(factory, shop, e):
    """Bring the terms that accrue with time up to the clock."""
    g = shop.env[e].factory
    tardiness = add_open_tardiness(shop, e, shop.env[e].tardiness_done)
    shop.cost[e, TARDINESS] = factory.plant[g].tardiness_rate * tardiness
    shop.cost[e, HOLDING] = factory.plant[g].holding_rate * shop.env[e].flow


@compiled
def add_open_tardiness(shop, e, tardiness):
    """Return ``tardiness`` plus that of the orders in progress, w_j max(0, clock - d_j), ticks."""
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        late = shop.env[e].clock - shop.orders[e, order].due_date
        if late > 0:
            tardiness += shop.orders[e, order].weight * late
    return tardiness
