"""Expected dates of operations and machines, from what is known. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.simulation.arrays import DONE, IDLE, IN_PROCESS, UPCOMING, operation_id_of


@compiled
def foresee_order(factory, shop, e, order):
    """Estimate when the order's upcoming operations will be ready.

    Operations in process end when expected; the rest takes its mean time.

    ``expected_date`` is the date by which all predecessors would have arrived if those not started
    began now; ``lead_time`` the longest expected work (or material lateness) still before the
    operation that has not started.
    """
    g, product = shop.env[e].factory, shop.orders[e, order].product
    for operation in range(factory.products[g, product].num_operations):
        if shop.operations[e, order, operation].status == UPCOMING:
            foresee_operation(factory, shop, e, g, product, order, operation)


@compiled
def foresee_operation(factory, shop, e, g, product, order, operation):
    """Estimate one upcoming operation, after its predecessors (topological order)."""
    clock = shop.env[e].clock
    expected_date, lead_time = shop.operations[e, order, operation].arrival_date, 0.0
    centre = factory.operations[g, product, operation].centre
    for i in range(factory.operations[g, product, operation].num_predecessors):
        predecessor = factory.predecessors[g, product, operation, i]
        status = shop.operations[e, order, predecessor].status
        if status == DONE:
            continue
        transport_time = factory.transport_time[
            g, factory.operations[g, product, predecessor].centre, centre
        ]
        if status == IN_PROCESS:
            date = expected_end_of(factory, shop, e, order, predecessor) + transport_time
        else:
            start, lead = clock, 0.0
            if status == UPCOMING:
                start, lead = (
                    shop.operations[e, order, predecessor].expected_date,
                    shop.operations[e, order, predecessor].lead_time,
                )
            duration = shop.operations[e, order, predecessor].mean_time + transport_time
            date = max(clock, start) + math.ceil(duration)
            lead_time = max(lead_time, lead + duration)
        expected_date = max(expected_date, date)
    if (
        factory.operations[g, product, operation].needs_material
        and shop.orders[e, order].material_date > clock
    ):
        lead_time = max(lead_time, expected_lateness(factory, g))
    shop.operations[e, order, operation].expected_date = expected_date
    shop.operations[e, order, operation].lead_time = lead_time


@compiled
def expected_end_of(factory, shop, e, order, operation):
    """Return the expected end of an operation in process."""
    g = shop.env[e].factory
    operation_id = operation_id_of(order, operation)
    centre = factory.operations[g, shop.orders[e, order].product, operation].centre
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if shop.machines[e, machine].operation_id == operation_id:
            return shop.machines[e, machine].expected_end
    return shop.env[e].clock


@compiled
def expected_lateness(factory, g):
    """Return the mean lateness of late material, over the supply regimes in the long run, ticks.

    Lateness has no memory, so it does not matter how long material is late already.
    """
    late, total = 0.0, 0.0
    for regime in range(factory.plant[g].num_supply_regimes):
        share = factory.supplies[g, regime].late_probability * max(
            1.0, factory.supplies[g, regime].duration
        )
        late += share
        total += share * factory.supplies[g, regime].mean_lateness
    return total / late if late > 0.0 else 0.0


@compiled
def busy_for(shop, e, machine):
    """Return the expected ticks until the machine is idle."""
    if shop.machines[e, machine].status == IDLE:
        return 0.0
    return float(max(0, shop.machines[e, machine].expected_end - shop.env[e].clock))
