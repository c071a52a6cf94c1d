"""Families: the operations of the asked machine, grouped by the setup they want. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from envs.observation.arrivals import add_arrival, clear_arrivals
from envs.observation.shop_columns import SHOP_COLUMN
from factory.jit.compile import compiled
from factory.setups import differs, setup_cost, setup_time, setup_waste
from factory.simulation.arrays import operation_of, order_of
from factory.simulation.estimates import busy_for, is_eligible, process_time, ready_in

_EPS = 1e-6  # in place of 0 under a quotient

FAMILY = np.dtype(
    [
        ("setup_id", np.int64),  # number of the wanted setup within the work centre
        ("order", np.int64),  # order and operation of a member, which has the wanted setup
        ("operation", np.int64),
        ("ready", np.float64),  # ready operations
        ("ready_work", np.float64),
        ("upcoming", np.float64),
        ("slack", np.float64),
        ("due_in", np.float64),
        ("time_in_queue", np.float64),
        ("critical_ratio", np.float64),
        ("setup_time", np.float64),  # -1: forbidden
        ("setup_cost", np.float64),
        ("is_mounted", np.float64),
        ("machines_in_setup", np.float64),  # column twins_in_setup
        ("machine_free_in", np.float64),  # column twin_free_in
        ("ready_in", np.float64),  # minimum over the upcoming operations
        ("upcoming_slack", np.float64),
        ("row", np.int64),  # first job row of the family; -1: none yet
    ],
    align=True,
)
"""Summary of the operations here that want one setup."""
QUEUED = np.dtype([("family", np.int64), ("process_time", np.float64)], align=True)
"""Index of a ready operation's family, and its expected process time here."""


@compiled
def observe_here(factory, shop, e, machine, scratch, shop_row):
    """Group the ready and upcoming operations of the asked machine into families.

    Fills the shop columns about these operations. Returns the number of families.
    """
    families = group_ready(factory, shop, e, machine, scratch, shop_row)
    families = group_upcoming(factory, shop, e, machine, scratch, families, shop_row)
    centre = factory.machines[shop.env[e].factory, machine].centre
    longest_wait = float(factory.centres[shop.env[e].factory, centre].longest_wait)
    observe_fitting(scratch, families, longest_wait, shop_row)
    return families


@compiled
def group_ready(factory, shop, e, machine, scratch, shop_row):
    """Group the ready operations, and return the number of families."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    clock = shop.env[e].clock
    families, ready, total_time, setups, total_setup = 0, 0, 0.0, 0, 0.0
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, operation_id)
            families += 1
        time = float(process_time(factory, shop, e, order, operation, machine))
        scratch.queued[slot].family = index
        scratch.queued[slot].process_time = time
        due_in = float(shop.orders[e, order].due_date - clock)
        work_left = shop.orders[e, order].work_left
        time_in_queue = float(clock - shop.operations[e, order, operation].join_date)
        family = scratch.families[index]
        family.ready += 1.0
        family.ready_work += time
        family.slack = min(family.slack, due_in - work_left)
        family.due_in = min(family.due_in, due_in)
        family.critical_ratio = min(family.critical_ratio, due_in / max(work_left, _EPS))
        family.time_in_queue = max(family.time_in_queue, time_in_queue)
        ready += 1
        total_time += time
        if family.setup_time >= 0.0:
            setups += 1
            total_setup += family.setup_time
    shop_row[SHOP_COLUMN.mean_process_time] = total_time / ready if ready > 0 else 0.0
    shop_row[SHOP_COLUMN.mean_setup_time] = total_setup / setups if setups > 0 else 0.0
    shop_row[SHOP_COLUMN.ready_here] = ready
    return families


@compiled
def group_upcoming(factory, shop, e, machine, scratch, families, shop_row):
    """Group the upcoming operations, list them as arrivals; return the number of families."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    clock = shop.env[e].clock
    upcoming = 0
    clear_arrivals(scratch)
    for slot in range(shop.centres[e, centre].upcoming_length):
        operation_id = shop.upcoming[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        upcoming += 1
        ready_after = ready_in(shop, e, order, operation)
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, operation_id)
            families += 1
        add_arrival(scratch, order, index, ready_after)
        due_in = float(shop.orders[e, order].due_date - clock)
        work_left = shop.orders[e, order].work_left
        family = scratch.families[index]
        family.upcoming += 1.0
        family.ready_in = min(family.ready_in, ready_after)
        family.slack = min(family.slack, due_in - work_left)
        family.upcoming_slack = min(family.upcoming_slack, due_in - work_left)
        if family.ready == 0.0:
            family.due_in = min(family.due_in, due_in)
            family.critical_ratio = min(family.critical_ratio, due_in / max(work_left, _EPS))
    shop_row[SHOP_COLUMN.upcoming_here] = upcoming
    return families


@compiled
def find_family(scratch, families, setup_id):
    """Return the index of a family among the first ``families``; ``families`` if it is new."""
    index = 0
    while index < families and scratch.families[index].setup_id != setup_id:
        index += 1
    return index


@compiled
def start_family(factory, shop, e, machine, scratch, index, operation_id):
    """Add a family without members, with the changeover to its setup."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    order, operation = order_of(operation_id), operation_of(operation_id)
    mounted, wanted = shop.mounted[e, machine], shop.wanted[e, order, operation]
    longest_wait = float(factory.centres[g, centre].longest_wait)
    clear_members(scratch, index, longest_wait)
    family = scratch.families[index]
    family.setup_id = shop.operations[e, order, operation].family
    family.order = order
    family.operation = operation
    family.setup_time = setup_time(factory, g, centre, machine, mounted, wanted)
    family.setup_cost = changeover_cost(factory, g, centre, machine, mounted, wanted)
    family.is_mounted = 0.0 if differs(mounted, wanted) else 1.0
    count, free_in = 0.0, longest_wait
    for other in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if (
            other != machine
            and setup_time(factory, g, centre, other, shop.mounted[e, other], wanted) == 0
        ):
            count += 1.0
            free_in = min(free_in, busy_for(shop, e, other))
    family.machines_in_setup = count
    family.machine_free_in = free_in


@compiled
def clear_members(scratch, index, longest_wait):
    """Set the sums and minima over the members of a family to those of no members."""
    family = scratch.families[index]
    family.row = -1
    family.ready = 0.0
    family.ready_work = 0.0
    family.upcoming = 0.0
    family.slack = math.inf
    family.due_in = math.inf
    family.critical_ratio = math.inf
    family.time_in_queue = 0.0
    family.ready_in = longest_wait
    family.upcoming_slack = math.inf


@compiled
def changeover_cost(factory, g, centre, machine, mounted, wanted):
    """Return the billed cost of a changeover: matrix cost and waste, at their rates."""
    cost = setup_cost(factory, g, centre, machine, mounted, wanted)
    waste = setup_waste(factory, g, centre, machine, mounted, wanted)
    return factory.plant[g].changeover_rate * cost + factory.plant[g].waste_rate * waste


@compiled
def observe_fitting(scratch, families, longest_wait, shop_row):
    """Fill the shop columns about operations here that need no changeover time."""
    ready, upcoming, soonest, slack = 0.0, 0.0, longest_wait, math.inf
    for index in range(families):
        family = scratch.families[index]
        if family.setup_time == 0.0:
            ready += family.ready
            upcoming += family.upcoming
            soonest = min(soonest, family.ready_in)
            slack = min(slack, family.upcoming_slack)
    shop_row[SHOP_COLUMN.fitting_ready] = ready
    shop_row[SHOP_COLUMN.fitting_upcoming] = upcoming
    shop_row[SHOP_COLUMN.fitting_ready_in] = soonest
    shop_row[SHOP_COLUMN.fitting_slack] = slack if slack < math.inf else 0.0
