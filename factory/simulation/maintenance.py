"""Maintenance of machines: counters, what is offered and due, its end (docs/model.md, section 11).

Compiled. A maintenance in work is a changeover for no operation; ``shop.machines.maintenance`` says
which.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import CLOCK, NEVER, OPERATIONS, USE
from factory.simulation.event_log import log_maintenance
from factory.simulation.runs import is_run_full

NONE_OFFERED, OFFERED, NEEDED, DUE = 0, 1, 2, 3


@compiled
def reset_maintenance(factory, shop, e, machine):
    """Begin an episode with all counters at 0."""
    for kind in range(factory.machines[shop.env[e].factory, machine].num_maintenance):
        shop.maintenance_count[e, machine, kind] = 0
    set_maintenance_date(factory, shop, e, machine)


@compiled
def count_processing(factory, shop, e, machine, ticks, attempts):
    """Add ticks of processing, and attempts at operations, to the counters of the machine."""
    g = shop.env[e].factory
    for kind in range(factory.machines[g, machine].num_maintenance):
        by = factory.maintenance[g, machine, kind].by
        if by == USE:
            shop.maintenance_count[e, machine, kind] += ticks
        elif by == OPERATIONS:
            shop.maintenance_count[e, machine, kind] += attempts


@compiled
def maintenance_counter(factory, shop, e, machine, kind):
    """Return the counter of a maintenance."""
    count = shop.maintenance_count[e, machine, kind]
    if factory.maintenance[shop.env[e].factory, machine, kind].by == CLOCK:
        return shop.env[e].clock - count
    return count


@compiled
def maintenance_state(factory, shop, e, machine, kind):
    """Return whether a maintenance is DUE, NEEDED for a full run, OFFERED, or NONE_OFFERED."""
    static = factory.maintenance[shop.env[e].factory, machine, kind]
    counter = maintenance_counter(factory, shop, e, machine, kind)
    if counter >= static.every:
        return DUE
    if is_needed(factory, shop, e, machine, kind):
        return NEEDED
    return OFFERED if counter >= static.every - static.early else NONE_OFFERED


@compiled
def is_needed(factory, shop, e, machine, kind):
    """Return whether a maintenance mounts a value of an attribute whose run is full."""
    g = shop.env[e].factory
    if not factory.machines[g, machine].has_runs:
        return False
    for attribute in range(shop.mounted.shape[2]):
        if factory.maintenance_mounts[g, machine, kind, attribute] >= 0 and is_run_full(
            factory, shop, e, machine, attribute
        ):
            return True
    return False


@compiled
def maintenance_urgency(factory, shop, e, machine):
    """Return the most urgent state of all maintenance of the machine."""
    state = NONE_OFFERED
    for kind in range(factory.machines[shop.env[e].factory, machine].num_maintenance):
        state = max(state, maintenance_state(factory, shop, e, machine, kind))
    return state


@compiled
def set_maintenance_date(factory, shop, e, machine):
    """Find the next date at which a maintenance by the clock is offered or due."""
    g = shop.env[e].factory
    date = NEVER
    for kind in range(factory.machines[g, machine].num_maintenance):
        static = factory.maintenance[g, machine, kind]
        if static.by == CLOCK:
            due_date = shop.maintenance_count[e, machine, kind] + static.every
            if due_date - static.early > shop.env[e].clock:
                date = min(date, due_date - static.early)
            elif due_date > shop.env[e].clock:
                date = min(date, due_date)
    shop.machines[e, machine].maintenance_date = date


@compiled
def complete_maintenance(factory, shop, e, machine):
    """Log the maintenance that ends at the clock, reset its counter, and mount its values."""
    g = shop.env[e].factory
    log_maintenance(shop, e, machine)
    kind = shop.machines[e, machine].maintenance
    shop.machines[e, machine].maintenance = -1
    is_by_clock = factory.maintenance[g, machine, kind].by == CLOCK
    shop.maintenance_count[e, machine, kind] = shop.env[e].clock if is_by_clock else 0
    for attribute in range(shop.mounted.shape[2]):
        value = factory.maintenance_mounts[g, machine, kind, attribute]
        if value >= 0:
            shop.mounted[e, machine, attribute] = value
            shop.runs[e, machine, attribute] = 0
    set_maintenance_date(factory, shop, e, machine)
