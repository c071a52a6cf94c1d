"""Columns about the operation of a row, its order, its family and its setup. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from envs.observation.shop_columns import SHOP_COLUMN
from factory.jit.compile import compiled
from factory.simulation.costs import integrate_tariff
from factory.simulation.estimates import is_eligible, process_time

ATC_LOOK_AHEAD = 3.0
ATCS_LOOK_AHEAD = 2.0
ATCS_SETUP_SCALE = 0.5
_EPS = 1e-6  # in place of 0 under a logarithm


@compiled
def observe_order(shop, e, out, order):
    """Fill the columns about the order."""
    clock = shop.env[e].clock
    due_in = float(shop.orders[e, order].due_date - clock)
    work_left = shop.orders[e, order].work_left
    out[CANDIDATE_COLUMN.due_in] = due_in
    out[CANDIDATE_COLUMN.slack] = due_in - work_left
    out[CANDIDATE_COLUMN.weight] = shop.orders[e, order].weight
    out[CANDIDATE_COLUMN.work_left] = work_left
    out[CANDIDATE_COLUMN.operations_left] = shop.orders[e, order].operations_left
    out[CANDIDATE_COLUMN.time_in_shop] = float(clock - shop.orders[e, order].release_date)


@compiled
def observe_family(scratch, out, index):
    """Copy the columns about the family of the row."""
    family = scratch.families[index]
    out[CANDIDATE_COLUMN.family_ready] = family.ready
    out[CANDIDATE_COLUMN.family_ready_work] = family.ready_work
    out[CANDIDATE_COLUMN.family_upcoming] = family.upcoming
    out[CANDIDATE_COLUMN.family_slack] = family.slack
    out[CANDIDATE_COLUMN.family_due_in] = family.due_in
    out[CANDIDATE_COLUMN.family_time_in_queue] = family.time_in_queue
    out[CANDIDATE_COLUMN.family_critical_ratio] = family.critical_ratio
    out[CANDIDATE_COLUMN.family_ready_in] = family.ready_in
    out[CANDIDATE_COLUMN.twins_in_setup] = family.machines_in_setup
    out[CANDIDATE_COLUMN.twin_free_in] = family.machine_free_in


@compiled
def observe_rework(factory, shop, e, machine, out, order, operation, setup):
    """Fill the rework probability: that of a first piece after a changeover."""
    features = factory.operations[shop.env[e].factory, shop.orders[e, order].product, operation]
    if setup > 0.0 or shop.machines[e, machine].first_piece:
        out[CANDIDATE_COLUMN.rework_probability] = features.first_piece_rework_probability
    else:
        out[CANDIDATE_COLUMN.rework_probability] = features.rework_probability


@compiled
def observe_priorities(shop_row, out, weight, due_in, time, setup):
    """Fill the logarithms of the ATC and ATCS priorities.

    With weight w, process time p, time d to the operation due date, setup time s and the means p_
    and s_ over the ready operations here::

        ATC = w / p * exp(-max(d - p, 0) / (k p_))
        ATCS = w / p * exp(-max(d - p, 0) / (k1 p_)) * exp(-s / (k2 s_))
    """
    mean_process_time = shop_row[SHOP_COLUMN.mean_process_time]
    mean_setup_time = shop_row[SHOP_COLUMN.mean_setup_time]
    gain = math.log(max(weight, _EPS) / max(time, 1.0))
    mean_time = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
    mean_setup = mean_setup_time if mean_setup_time > 0.0 else max(setup, 1.0)
    urgency = max(due_in - time, 0.0) / mean_time
    setup_term = setup / (ATCS_SETUP_SCALE * mean_setup)
    out[CANDIDATE_COLUMN.atc] = gain - urgency / ATC_LOOK_AHEAD
    out[CANDIDATE_COLUMN.atcs] = gain - urgency / ATCS_LOOK_AHEAD - setup_term


@compiled
def operation_due_date(shop, e, order, operation):
    """Return the due date of an operation.

    The order's allowance is shared out by work: release + (due - release) * (longest work up to and
    including the operation) / (longest path).
    """
    release_date = float(shop.orders[e, order].release_date)
    due_date = float(shop.orders[e, order].due_date)
    critical_work = shop.orders[e, order].critical_work
    if critical_work <= 0.0:
        return due_date
    work = shop.operations[e, order, operation].work_through
    return release_date + (due_date - release_date) / critical_work * work


@compiled
def fastest_time(factory, shop, e, machine, order, operation, time):
    """Return the minimum expected process time; ``time`` is that on the asked machine."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    fastest = time
    for other in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if other != machine and is_eligible(factory, shop, e, order, operation, other):
            fastest = min(fastest, float(process_time(factory, shop, e, order, operation, other)))
    return fastest


@compiled
def observe_setup(factory, shop, e, machine, out, setup, cost, time):
    """Fill the columns about the changeover of a row, then processing for ``time`` ticks."""
    out[CANDIDATE_COLUMN.setup_time] = setup
    out[CANDIDATE_COLUMN.setup_cost] = cost
    out[CANDIDATE_COLUMN.energy_cost] = energy_cost(factory, shop, e, machine, setup, time)


@compiled
def energy_cost(factory, shop, e, machine, setup, time):
    """Return the expected energy cost of changeover then processing from the clock on.

    It is rate * sum over both of (power - idle power) * (integral of the price), at least 0.
    """
    g = shop.env[e].factory
    rate = factory.plant[g].energy_rate
    if rate == 0.0:
        return 0.0
    idle = factory.machines[g, machine].idle_power
    clock = shop.env[e].clock
    at_start = shop.env[e].price_hours  # integral of the price up to the clock
    at_middle, at_end = at_start, at_start
    if setup > 0.0:
        at_middle, _ = integrate_tariff(factory, g, clock + int(setup))
    if time > 0.0:
        at_end, _ = integrate_tariff(factory, g, clock + int(setup + time))
    else:
        at_end = at_middle
    changeover = (factory.machines[g, machine].changeover_power - idle) * (at_middle - at_start)
    processing = (factory.machines[g, machine].processing_power - idle) * (at_end - at_middle)
    return max(0.0, rate * (changeover + processing))
