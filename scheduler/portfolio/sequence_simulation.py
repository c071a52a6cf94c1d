"""Expected future of a floor on which each machine carries out a sequence of operations. Compiled.

A machine starts the next operation of its sequence as soon as that is ready, and changes over for
it ahead, as late as is expected to be in time. Frozen work comes first, at its dates.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.futures.lulls import LASTING
from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, complete_setup, detour, setup_time
from factory.simulation.arrays import IDLE, NEVER, READY, operation_of, order_of
from factory.simulation.choices import list_choices
from factory.simulation.costs import add_open_tardiness, settle_costs, total_cost
from factory.simulation.estimates import ready_in
from factory.simulation.kernel import (
    apply_action,
    next_date,
    next_date_or_shift,
    pass_to_next_event,
    process_due_events,
    select_operation,
)
from factory.simulation.legality import job_is_legal
from factory.simulation.maintenance import NEEDED, maintenance_state, maintenance_urgency
from factory.simulation.staff import people_free
from scheduler.floor.dated_locks import (
    NO_CHANGEOVER,
    begin_date,
    date_of_lock,
    find_changeover_row,
    has_begun,
    leaves_crews,
    offer_changeover,
    pending_changeover,
)
from scheduler.floor.locks import NOBODY, hold_for, out_of_service
from scheduler.plans.projection import next_unfinished

NO_PLAN = math.inf
"""Cost of sequences that cannot be carried out."""
_ACTIONS_EACH = 50
"""Starts and changeovers for each operation after which a simulation is given up."""


class MachineSteps(NamedTuple):
    """Operations of each machine in sequence; M machines, K operations, O orders, N of an order."""

    steps: NDArray[np.int32]  # [M, K] operation ids
    length: NDArray[np.int64]  # [M] number of operations
    fixed: NDArray[np.int64]  # [M] number of operations at the beginning that must not move
    position: NDArray[np.int64]  # [M] next operation, while they are simulated
    start_date: NDArray[np.int64]  # [O, N] date at which each operation is selected
    completion_date: NDArray[np.int64]  # [O]
    trial_date: NDArray[np.int64]  # [O, N] start_date of sequences that are tried
    target: NDArray[np.int16]  # [T] working space
    block: NDArray[np.int32]  # [K] working space
    move: NDArray[np.int64]  # [6] kind, source, first place, length, target, place


@compiled
def follow_sequences(factory, shop, locks, known, plan, margin, bound):
    """Simulate environment 0 until its known orders are done, and return the cost.

    Parameters
    ----------
    known
        Number of known orders.
    plan
        :class:`MachineSteps`.
    margin
        Ticks by which changeovers ahead are early.
    bound
        Cost above which the simulation is given up.

    Returns
    -------
    NO_PLAN if the sequences cannot be carried out, or cost more than ``bound``.
    """
    plan.position[:] = 0
    actions, most = 0, _ACTIONS_EACH * (plan.length.sum() + 10)
    while actions < most:
        process_due_events(factory, shop, 0)
        if next_unfinished(shop, 0) >= known:
            settle_costs(factory, shop, 0)
            cost = total_cost(shop, 0)
            return cost if cost <= bound else NO_PLAN
        machine = idle_machine(factory, shop)
        if machine >= 0:
            act_by_sequence(factory, shop, machine, locks, plan, margin)
            actions += 1
            continue
        date = next_change(factory, shop)
        if date >= LASTING or cost_so_far(factory, shop) > bound:
            return NO_PLAN
        pass_to_next_event(factory, shop, 0, date)
    return NO_PLAN


@compiled
def next_change(factory, shop):
    """Return the date of the next event, closings and openings included; LASTING or later: none."""
    date = next_date(factory, shop, 0)
    if not factory.plant[shop.env[0].factory].has_hours:
        return date
    return next_date_or_shift(factory, shop, 0, NEVER if date >= LASTING else date)


@compiled
def cost_so_far(factory, shop):
    """Return the cost up to the clock, tardiness and holding included."""
    tardiness = add_open_tardiness(shop, 0, shop.env[0].tardiness_done)
    plant = factory.plant[shop.env[0].factory]
    cost = plant.tardiness_rate * tardiness + plant.holding_rate * shop.env[0].flow
    for term in range(shop.cost.shape[1]):
        cost += shop.cost[0, term]
    return cost


@compiled
def idle_machine(factory, shop):
    """Return the lowest idle machine that is not waiting; -1 if there is none."""
    for machine in range(factory.plant[shop.env[0].factory].num_machines):
        if (
            shop.machines[0, machine].status == IDLE
            and shop.machines[0, machine].wait_until == NEVER
            and not shop.machines[0, machine].closed
        ):
            return machine
    return -1


@compiled
def act_by_sequence(factory, shop, machine, locks, plan, margin):
    """Let an idle machine start its next operation, change over for it, or wait."""
    while plan.position[machine] < plan.length[machine] and has_begun(
        shop, 0, plan.steps[machine, plan.position[machine]]
    ):
        plan.position[machine] += 1
    clock = shop.env[0].clock
    wake = clock + LASTING
    if must_maintain(factory, shop, machine):
        if begin_due_maintenance(factory, shop, machine):
            return
    elif not out_of_service(shop, 0, machine, locks) and (
        plan.position[machine] < plan.length[machine]
    ):
        operation_id = plan.steps[machine, plan.position[machine]]
        wake = begin_or_wake(factory, shop, machine, locks, plan, operation_id, margin)
    if wake > clock:
        hold_for(shop, 0, machine, locks, wake - clock)


@compiled
def must_maintain(factory, shop, machine):
    """Return whether a maintenance of the machine is due, or needed to end a run."""
    return maintenance_urgency(factory, shop, 0, machine) >= NEEDED


@compiled
def begin_due_maintenance(factory, shop, machine):
    """Begin the most urgent maintenance of an idle machine; return False if it is not legal."""
    if not list_choices(factory, shop, 0, machine):
        return False
    urgency = maintenance_urgency(factory, shop, 0, machine)
    for row in range(shop.env[0].num_changeover_rows):
        kind = -1 - shop.changeover_lead[0, row]
        if kind < 0:
            break
        legal = shop.legal[0, shop.job_row.shape[1] + row]
        if legal and maintenance_state(factory, shop, 0, machine, kind) == urgency:
            shop.env[0].deciding = machine
            return apply_action(factory, shop, 0, shop.job_row.shape[1] + row)
    return False


@compiled
def begin_or_wake(factory, shop, machine, locks, plan, operation_id, margin):
    """Begin what the machine's next operation needs; return the clock, or the date to ask again."""
    clock, date = shop.env[0].clock, 0
    if locks.num_dated[0] > 0:
        last_date = date_of_lock(locks, operation_id)
        changeover = pending_changeover(shop, 0, machine, locks, last_date)
        if changeover != NO_CHANGEOVER:
            if locks.changeover_date[changeover] > clock:
                return locks.changeover_date[changeover]
            target = locks.changeover_target[changeover]
            list_choices(factory, shop, 0, machine)
            row = offer_changeover(factory, shop, 0, machine, target, operation_id)
            if row >= 0:
                shop.env[0].deciding = machine
                apply_action(factory, shop, 0, row)
                return clock
        date = begin_date(factory, shop, 0, machine, locks, operation_id)
        if date > clock:
            return date
    order, operation = order_of(operation_id), operation_of(operation_id)
    if order >= shop.env[0].num_released:
        return clock + LASTING
    g = shop.env[0].factory
    centre = factory.machines[g, machine].centre
    wanted = shop.wanted[0, order, operation]
    time = setup_time(factory, g, centre, machine, shop.mounted[0, machine], wanted)
    if time != 0:
        own = operation_id if date == clock else NOBODY
        need = factory.centres[g, centre].changeover_need
        if not people_free(factory, shop, 0, need) or not leaves_crews(
            factory, shop, 0, machine, wanted, locks, own
        ):
            return clock + LASTING
    if shop.operations[0, order, operation].status == READY:
        return start_ready(factory, shop, machine, plan, operation_id, time)
    if time == 0:
        return clock + LASTING
    return prepare(factory, shop, machine, plan, operation_id, time, margin)


@compiled
def start_ready(factory, shop, machine, plan, operation_id, time):
    """Start a ready operation, or begin a detour to its setup; return as the caller does."""
    clock = shop.env[0].clock
    order, operation = order_of(operation_id), operation_of(operation_id)
    if is_operating(factory, machine):
        list_choices(factory, shop, 0, machine)
        centre = factory.machines[shop.env[0].factory, machine].centre
        if not job_is_legal(factory, shop, 0, machine, centre, operation_id):
            return make_way(factory, shop, machine, operation_id)
    if time != FORBIDDEN:
        plan.trial_date[order, operation] = clock
        select_operation(factory, shop, 0, machine, operation_id)
        shop.env[0].decisions += 1
        return clock
    g = shop.env[0].factory
    centre, wanted = factory.machines[g, machine].centre, shop.wanted[0, order, operation]
    mounted = shop.mounted[0, machine]
    if detour(factory, g, centre, machine, mounted, wanted, plan.target) and change_to(
        factory, shop, machine, plan.target
    ):
        return clock
    return clock + LASTING


@compiled
def is_operating(factory, machine):
    """Return whether hours, people or runs may forbid what a machine could start."""
    g = 0
    return (
        factory.plant[g].has_hours
        or factory.plant[g].num_groups > 0
        or factory.machines[g, machine].has_runs
    )


@compiled
def make_way(factory, shop, machine, operation_id):
    """Begin the detour that an operation needs; return the clock, or the date to ask again.

    Limits of runs may also end as other machines take operations, which ends no wait.
    """
    clock, g = shop.env[0].clock, shop.env[0].factory
    for row in range(shop.env[0].num_changeover_rows):
        index = shop.job_row.shape[1] + row
        if shop.changeover_lead[0, row] == operation_id and shop.legal[0, index]:
            shop.env[0].deciding = machine
            apply_action(factory, shop, 0, index)
            return clock
    if factory.machines[g, machine].has_runs:
        return clock + factory.centres[g, factory.machines[g, machine].centre].longest_wait
    return clock + LASTING


@compiled
def prepare(factory, shop, machine, plan, operation_id, time, margin):
    """Change over for an operation on its way when it is time; return as the caller does."""
    clock = shop.env[0].clock
    order, operation = order_of(operation_id), operation_of(operation_id)
    if time == FORBIDDEN:
        return clock + LASTING
    begin_in = math.floor(ready_in(shop, 0, order, operation)) - time - margin
    if begin_in > 0:
        return clock + begin_in
    wanted = shop.wanted[0, order, operation]
    complete_setup(shop.mounted[0, machine], wanted, plan.target)
    if change_to(factory, shop, machine, plan.target):
        return clock
    return clock + LASTING


@compiled
def change_to(factory, shop, machine, target):
    """Change an idle machine over to a setup; return whether that is one of its choices."""
    if not list_choices(factory, shop, 0, machine):
        return False
    row = find_changeover_row(shop, 0, target)
    if row < 0:
        return False
    shop.env[0].deciding = machine
    return apply_action(factory, shop, 0, row)
