"""Rows of the candidate table: jobs, changeovers, and the wait. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from envs.observation.arrivals import (
    copy_onward_setups,
    observe_arrivals,
    observe_onward_setups,
)
from envs.observation.candidate_columns import CANDIDATE_COLUMN
from envs.observation.families import changeover_cost, find_family
from envs.observation.operating_hours import (
    observe_hours,
    observe_maintenance,
    observe_pause,
    observe_people,
    observe_runs,
)
from envs.observation.operations import (
    fastest_time,
    observe_family,
    observe_order,
    observe_priorities,
    observe_rework,
    observe_setup,
    operation_due_date,
)
from envs.observation.routes import observe_next, observe_parallel_machines, observe_path
from envs.observation.shop_columns import SHOP_COLUMN
from factory.jit.compile import compiled
from factory.setups import complete_setup, setup_time
from factory.simulation.arrays import operation_of, order_of
from factory.simulation.estimates import process_time, ready_in


@compiled
def observe_operation(
    factory, shop, e, machine, scratch, shop_row, out, operation_id, index, time, setup
):
    """Fill the columns about an operation.

    ``index`` is its family in ``scratch``, ``time`` its expected process time on the asked
    machine, ``setup`` the changeover time of the row.
    """
    order, operation = order_of(operation_id), operation_of(operation_id)
    due_in = operation_due_date(shop, e, order, operation) - shop.env[e].clock
    out[CANDIDATE_COLUMN.process_time] = time
    out[CANDIDATE_COLUMN.operation_due_in] = due_in
    out[CANDIDATE_COLUMN.fastest_time] = fastest_time(
        factory, shop, e, machine, order, operation, time
    )
    out[CANDIDATE_COLUMN.attempt] = shop.operations[e, order, operation].attempt
    observe_order(shop, e, out, order)
    observe_family(scratch, out, index)
    observe_parallel_machines(factory, shop, e, machine, out, order, operation)
    observe_path(factory, shop, e, out, order, operation)
    observe_next(factory, shop, e, scratch, out, order, operation)
    observe_rework(factory, shop, e, machine, out, order, operation, setup)
    observe_priorities(shop_row, out, shop.orders[e, order].weight, due_in, time, setup)


@compiled
def observe_jobs(factory, shop, e, machine, scratch, families, shop_row, candidates):
    """Fill the job rows: the shown slots of the queue, in order."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    clock = shop.env[e].clock
    row = 0
    for slot in range(shop.centres[e, centre].queue_length):
        if not shop.queue_slots[e, slot].shown:
            continue
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        index = scratch.queued[slot].family
        family = scratch.families[index]
        time = scratch.queued[slot].process_time
        setup = max(family.setup_time, 0.0)
        out = candidates[row]
        out[CANDIDATE_COLUMN.is_job] = 1.0
        out[CANDIDATE_COLUMN.is_mounted] = family.is_mounted
        out[CANDIDATE_COLUMN.time_in_queue] = float(
            clock - shop.operations[e, order, operation].join_date
        )
        observe_setup(factory, shop, e, machine, out, setup, family.setup_cost, time)
        observe_operation(
            factory, shop, e, machine, scratch, shop_row, out, operation_id, index, time, setup
        )
        observe_operating(
            factory, shop, e, machine, out, operation_id, setup, shop.wanted[e, order, operation]
        )
        complete_setup(shop.mounted[e, machine], shop.wanted[e, order, operation], scratch.setup)
        observe_arrivals(factory, shop, e, machine, scratch, out, scratch.setup, setup + time)
        # Jobs of one family leave the same setup: the first row computes the onward setups.
        if family.row < 0:
            observe_onward_setups(factory, shop, e, machine, scratch, families, out, scratch.setup)
            family.row = row
        else:
            copy_onward_setups(candidates[family.row], out)
        row += 1


@compiled
def observe_operating(factory, shop, e, machine, out, operation_id, setup, wanted):
    """Fill the columns of a job row about hours, runs and people."""
    g = shop.env[e].factory
    order, operation = order_of(operation_id), operation_of(operation_id)
    observe_hours(factory, shop, e, machine, out, order)
    observe_runs(factory, shop, e, machine, out, wanted)
    if not factory.plant[g].has_hours:
        return
    change_need = factory.centres[g, factory.machines[g, machine].centre].changeover_need
    need = change_need
    if setup <= 0:
        need = factory.operations[g, shop.orders[e, order].product, operation].need
    time = process_time(factory, shop, e, order, operation, machine)
    observe_pause(factory, shop, e, machine, out, change_need, int(setup), order, operation, time)
    observe_people(factory, shop, e, out, need)


@compiled
def observe_changeovers(factory, shop, e, machine, scratch, families, shop_row, candidates):
    """Fill the changeover rows: the lead operation, and the changeover to the target setup."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    job_rows = shop.job_row.shape[1]
    mounted = shop.mounted[e, machine]
    mean_process_time = shop_row[SHOP_COLUMN.mean_process_time]
    for row in range(shop.env[e].num_changeover_rows):
        operation_id = shop.changeover_lead[e, row]
        target = shop.changeover_target[e, row]
        out = candidates[job_rows + row]
        if operation_id < 0:
            observe_maintenance(factory, shop, e, machine, out, -1 - operation_id)
            time = float(factory.maintenance[g, machine, -1 - operation_id].time)
            observe_after(factory, shop, e, machine, scratch, families, out, target, time)
            continue
        order, operation = order_of(operation_id), operation_of(operation_id)
        out[CANDIDATE_COLUMN.is_changeover] = 1.0
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        setup = float(setup_time(factory, g, centre, machine, mounted, target))
        cost = changeover_cost(factory, g, centre, machine, mounted, target)
        observe_setup(factory, shop, e, machine, out, setup, cost, 0.0)
        ready = ready_in(shop, e, order, operation)
        out[CANDIDATE_COLUMN.ready_in] = ready
        time = float(process_time(factory, shop, e, order, operation, machine))
        observe_operation(
            factory, shop, e, machine, scratch, shop_row, out, operation_id, index, time, setup
        )
        # ATCS of an operation that is not ready: times exp(-ready_in / mean process time)
        scale = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
        out[CANDIDATE_COLUMN.atcs] -= ready / scale
        observe_hours(factory, shop, e, machine, out, order)
        observe_runs(factory, shop, e, machine, out, target)
        if factory.plant[g].has_hours:
            need = factory.centres[g, centre].changeover_need
            observe_pause(factory, shop, e, machine, out, need, int(setup), order, -1, 0)
            observe_people(factory, shop, e, out, need)
        observe_after(factory, shop, e, machine, scratch, families, out, target, setup)


@compiled
def observe_after(factory, shop, e, machine, scratch, families, out, target, setup):
    """Fill the arrivals and onward changeovers of a row without an operation.

    It leaves ``target`` mounted after ``setup`` ticks.
    """
    observe_arrivals(factory, shop, e, machine, scratch, out, target, setup)
    observe_onward_setups(factory, shop, e, machine, scratch, families, out, target)


@compiled
def observe_wait(factory, shop, e, machine, scratch, families, shop_row, candidates):
    """Fill the wait row: the arrivals expected here, with the mounted setup."""
    out = candidates[candidates.shape[0] - 1]
    mounted = shop.mounted[e, machine]
    out[CANDIDATE_COLUMN.is_wait] = 1.0
    out[CANDIDATE_COLUMN.family_upcoming] = shop_row[SHOP_COLUMN.upcoming_here]
    observe_arrivals(factory, shop, e, machine, scratch, out, mounted, 0.0)
    observe_onward_setups(factory, shop, e, machine, scratch, families, out, mounted)
    out[CANDIDATE_COLUMN.ready_in] = out[CANDIDATE_COLUMN.first_arrival_in]
