"""What the asked machine's decision maker sees: fills the tables of :mod:`envs.features` from the shop. Compiled.

Only what is known at the clock is read: expectations and what has happened, never ``process_left``, ``time_to_failure``,
``machine_date``, ``material_date`` beyond whether it has passed, or orders not released (docs/model.md, section 3; tests/test_foresight.py).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.features import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from factory.arrays import CHANGING, DONE, DOWN, IDLE, NEVER, PROCESSING, FactoryArrays, ShopState
from factory.choices import is_eligible, process_time, ready_in
from factory.compiled import compiled
from factory.kernel import integrate_day
from factory.setups import setup_cost, setup_time, setup_waste

ATC_LOOK_AHEAD = 3.0
ATCS_LOOK_AHEAD = 2.0
ATCS_SETUP_SCALE = 0.5
RECENT_RELEASES = 8
HOURS_SOON = 4
_LEAST = 1e-6  # in place of 0 under a logarithm

# columns, as compile-time constants
_IS_JOB, _IS_CHANGEOVER, _IS_WAIT = (CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "is_wait"))
_PROCESS_TIME, _SETUP_TIME, _SETUP_COST = (CANDIDATE_INDEX[name] for name in ("process_time", "setup_time", "setup_cost"))
_ENERGY_COST, _DUE_IN, _OPERATION_DUE_IN = (CANDIDATE_INDEX[name] for name in ("energy_cost", "due_in", "operation_due_in"))
_SLACK, _WEIGHT, _WORK_LEFT = (CANDIDATE_INDEX[name] for name in ("slack", "weight", "work_left"))
_OPERATIONS_LEFT, _TIME_IN_QUEUE, _TIME_IN_SHOP = (CANDIDATE_INDEX[name] for name in ("operations_left", "time_in_queue", "time_in_shop"))
_READY_IN, _FAMILY_READY, _FAMILY_READY_WORK = (CANDIDATE_INDEX[name] for name in ("ready_in", "family_ready", "family_ready_work"))
_FAMILY_UPCOMING, _FAMILY_SLACK, _FAMILY_DUE_IN = (CANDIDATE_INDEX[name] for name in ("family_upcoming", "family_slack", "family_due_in"))
_FAMILY_TIME_IN_QUEUE, _FAMILY_CRITICAL_RATIO = (CANDIDATE_INDEX[name] for name in ("family_time_in_queue", "family_critical_ratio"))
_TWINS_IN_SETUP, _FASTEST_TIME, _NEXT_PROCESS_TIME = (CANDIDATE_INDEX[name] for name in ("twins_in_setup", "fastest_time", "next_process_time"))
_NEXT_QUEUE_WORK, _UNBLOCKS, _ATTEMPT = (CANDIDATE_INDEX[name] for name in ("next_queue_work", "unblocks", "attempt"))
_REWORK_PROBABILITY, _ATC, _ATCS = (CANDIDATE_INDEX[name] for name in ("rework_probability", "atc", "atcs"))

_EXISTS, _IS_ASKED, _SAME_CENTRE, _IS_IDLE = (MACHINE_INDEX[name] for name in ("exists", "is_asked", "same_centre", "is_idle"))
_IS_CHANGING, _IS_PROCESSING, _IS_DOWN, _IS_WAITING = (MACHINE_INDEX[name] for name in ("is_changing", "is_processing", "is_down", "is_waiting"))
_BUSY_FOR, _IN_STATE_FOR, _SPEED = (MACHINE_INDEX[name] for name in ("busy_for", "in_state_for", "speed"))
_QUEUE_LENGTH, _QUEUE_FITS, _QUEUE_WORK = (MACHINE_INDEX[name] for name in ("queue_length", "queue_fits", "queue_work"))
_UPCOMING_LENGTH = MACHINE_INDEX["upcoming_length"]

_MEAN_PROCESS_TIME, _MEAN_SETUP_TIME, _READY_HERE = (SHOP_INDEX[name] for name in ("mean_process_time", "mean_setup_time", "ready_here"))
_UPCOMING_HERE, _HIDDEN_OPERATIONS, _LONGEST_WAIT = (SHOP_INDEX[name] for name in ("upcoming_here", "hidden_operations", "longest_wait"))
_ACTIVE_ORDERS, _LATE_ORDERS, _LATE_WEIGHT, _MEAN_SLACK = (SHOP_INDEX[name] for name in ("active_orders", "late_orders", "late_weight", "mean_slack"))
_RECENT_INTERARRIVAL_TIME, _CREWS_FREE = (SHOP_INDEX[name] for name in ("recent_interarrival_time", "crews_free"))
_PRICE_NOW, _PRICE_SOON, _PROCESSING_COST = (SHOP_INDEX[name] for name in ("price_now", "price_soon", "processing_cost"))
_HOUR_SINE, _HOUR_COSINE = (SHOP_INDEX[name] for name in ("hour_sine", "hour_cosine"))
_TARDINESS_RATE, _HOLDING_RATE, _COST_SCALE = (SHOP_INDEX[name] for name in ("tardiness_rate", "holding_rate", "cost_scale"))

_HOURS_SINE = np.sin(2 * np.pi * np.arange(24) / 24)
_HOURS_COSINE = np.cos(2 * np.pi * np.arange(24) / 24)


class Scratch(NamedTuple):
    """Working space of one thread: X distinct families among the operations of a work centre, C work centres, T attributes."""

    family: NDArray[np.int64]  # [X] family number
    entry: NDArray[np.int32]  # [X] one operation of it
    ready: NDArray[np.float64]  # [X] ready operations
    ready_work: NDArray[np.float64]  # [X]
    upcoming: NDArray[np.float64]  # [X]
    slack: NDArray[np.float64]  # [X]
    due_in: NDArray[np.float64]  # [X]
    time_in_queue: NDArray[np.float64]  # [X]
    critical_ratio: NDArray[np.float64]  # [X]
    setup_time: NDArray[np.float64]  # [X] -1: forbidden
    setup_cost: NDArray[np.float64]  # [X]
    twins: NDArray[np.float64]  # [X]
    place_family: NDArray[np.int64]  # [Q] index of the family of each place of the queue
    place_time: NDArray[np.float64]  # [Q] process time
    centre_work: NDArray[np.float64]  # [C] work left in process
    setup: NDArray[np.int16]  # [T]


def allocate_scratch(shop: ShopState) -> Scratch:
    """Scratch for one thread over ``shop``."""
    places = shop.queue.shape[2]
    floats = [np.zeros(2 * places) for _ in range(10)]
    return Scratch(
        np.zeros(2 * places, np.int64),
        np.zeros(2 * places, np.int32),
        *floats,
        np.zeros(places, np.int64),
        np.zeros(places),
        np.zeros(shop.queue.shape[1]),
        np.zeros(shop.mounted.shape[2], np.int16),
    )


class Tables(NamedTuple):
    """The observation of E environments; any float type."""

    candidates: NDArray[np.floating]  # [E, A, F]
    machines: NDArray[np.floating]  # [E, M, Fm]
    shop: NDArray[np.floating]  # [E, Fs]
    action_mask: NDArray[np.bool_]  # [E, A]


def allocate_tables(factories: FactoryArrays, shop: ShopState, dtype: type[np.floating]) -> Tables:
    """Zeroed tables for every environment of ``shop``."""
    envs, actions = shop.legal.shape
    machines = factories.machine_centre.shape[1]
    return Tables(
        np.zeros((envs, actions, len(CANDIDATE_INDEX)), dtype),
        np.zeros((envs, machines, len(MACHINE_INDEX)), dtype),
        np.zeros((envs, len(SHOP_INDEX)), dtype),
        np.zeros((envs, actions), np.bool_),
    )


@compiled
def observe(factory, shop, e, scratch, candidates, machines, shop_row, action_mask):
    """Fill one environment's tables: ``candidates [A, F]``, ``machines [M, Fm]``, ``shop_row [Fs]``, ``action_mask [A]``.

    When the episode is over nothing can be chosen: no candidates, all masked, and the columns about "here" are 0.
    """
    asked = shop.deciding[e]
    clear_rows(shop, candidates)
    observe_machines(factory, shop, e, scratch, machines)
    observe_shop(factory, shop, e, shop_row)
    if asked < 0:
        action_mask[:] = False
        return
    action_mask[:] = shop.legal[e]
    observe_here(factory, shop, e, asked, scratch, shop_row)
    mean_process_time, mean_setup_time = shop_row[_MEAN_PROCESS_TIME], shop_row[_MEAN_SETUP_TIME]
    observe_jobs(factory, shop, e, asked, scratch, candidates, mean_process_time, mean_setup_time)
    observe_changeovers(factory, shop, e, asked, scratch, candidates, mean_process_time, mean_setup_time)
    observe_wait(factory, shop, e, asked, candidates[candidates.shape[0] - 1], shop_row)


@compiled
def clear_rows(shop, candidates):
    """Zero the rows that the last observation in this buffer filled; job and changeover rows are filled from their start."""
    job_rows = shop.job_row.shape[1]
    row = 0
    while row < job_rows and candidates[row, _IS_JOB] != 0.0:
        candidates[row] = 0.0
        row += 1
    row = job_rows
    while row < candidates.shape[0] - 1 and candidates[row, _IS_CHANGEOVER] != 0.0:
        candidates[row] = 0.0
        row += 1
    candidates[candidates.shape[0] - 1] = 0.0


# --- families ---------------------------------------------------------------------------------------------------------------


@compiled
def find_family(scratch, count, family):
    """Index of a family among the first ``count``; ``count`` if it is not there."""
    index = 0
    while index < count and scratch.family[index] != family:
        index += 1
    return index


@compiled
def start_family(factory, shop, e, machine, scratch, index, entry):
    """A family seen for the first time: what changing over to it means."""
    g = shop.factory[e]
    operations = shop.operation_status.shape[2]
    centre = factory.machine_centre[g, machine]
    order, operation = entry // operations, entry % operations
    wanted = shop.wanted[e, order, operation]
    scratch.family[index] = shop.family[e, order, operation]
    scratch.entry[index] = entry
    scratch.ready[index] = 0.0
    scratch.ready_work[index] = 0.0
    scratch.upcoming[index] = 0.0
    scratch.slack[index] = math.inf
    scratch.due_in[index] = math.inf
    scratch.critical_ratio[index] = math.inf
    scratch.time_in_queue[index] = 0.0
    mounted = shop.mounted[e, machine]
    time = setup_time(factory, g, centre, machine, mounted, wanted)
    scratch.setup_time[index] = time
    scratch.setup_cost[index] = changeover_cost(factory, g, centre, machine, mounted, wanted)
    twins = 0.0
    for twin in range(factory.first_machine[g, centre], factory.first_machine[g, centre + 1]):
        if twin != machine and setup_time(factory, g, centre, twin, shop.mounted[e, twin], wanted) == 0:
            twins += 1.0
    scratch.twins[index] = twins


@compiled
def changeover_cost(factory, g, centre, machine, mounted, wanted):
    """Billed cost of a changeover: matrix cost and waste, at their rates."""
    cost = factory.changeover_rate[g] * setup_cost(factory, g, centre, machine, mounted, wanted)
    return cost + factory.waste_rate[g] * setup_waste(factory, g, centre, machine, mounted, wanted)


@compiled
def observe_here(factory, shop, e, machine, scratch, shop_row):
    """Group the ready and upcoming operations of the asked machine into families; fill the shop columns about "here"."""
    g = shop.factory[e]
    centre = factory.machine_centre[g, machine]
    operations = shop.operation_status.shape[2]
    clock = shop.clock[e]
    families, ready, total_time, setups, total_setup = 0, 0, 0.0, 0, 0.0
    for place in range(shop.queue_length[e, centre]):
        entry = shop.queue[e, centre, place]
        order, operation = entry // operations, entry % operations
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        index = find_family(scratch, families, shop.family[e, order, operation])
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, entry)
            families += 1
        time = float(process_time(factory, shop, e, order, operation, machine))
        scratch.place_family[place] = index
        scratch.place_time[place] = time
        due_in = float(shop.due_date[e, order] - clock)
        work_left = shop.work_left[e, order]
        scratch.ready[index] += 1.0
        scratch.ready_work[index] += time
        scratch.slack[index] = min(scratch.slack[index], due_in - work_left)
        scratch.due_in[index] = min(scratch.due_in[index], due_in)
        scratch.critical_ratio[index] = min(scratch.critical_ratio[index], due_in / max(work_left, _LEAST))
        scratch.time_in_queue[index] = max(scratch.time_in_queue[index], float(clock - shop.join_date[e, order, operation]))
        ready += 1
        total_time += time
        if scratch.setup_time[index] >= 0.0:
            setups += 1
            total_setup += scratch.setup_time[index]
    upcoming = 0
    for place in range(shop.upcoming_length[e, centre]):
        entry = shop.upcoming[e, centre, place]
        order, operation = entry // operations, entry % operations
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        upcoming += 1
        index = find_family(scratch, families, shop.family[e, order, operation])
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, entry)
            families += 1
        scratch.upcoming[index] += 1.0
        due_in = float(shop.due_date[e, order] - clock)
        work_left = shop.work_left[e, order]
        scratch.slack[index] = min(scratch.slack[index], due_in - work_left)
        if scratch.ready[index] == 0.0:
            scratch.due_in[index] = min(scratch.due_in[index], due_in)
            scratch.critical_ratio[index] = min(scratch.critical_ratio[index], due_in / max(work_left, _LEAST))
    shop_row[_MEAN_PROCESS_TIME] = total_time / ready if ready > 0 else 0.0
    shop_row[_MEAN_SETUP_TIME] = total_setup / setups if setups > 0 else 0.0
    shop_row[_READY_HERE] = ready
    shop_row[_UPCOMING_HERE] = upcoming
    shop_row[_HIDDEN_OPERATIONS] = shop.num_hidden[e]
    shop_row[_LONGEST_WAIT] = factory.longest_wait[g, centre]
    hour = (clock // factory.ticks_per_hour[g] + factory.start_hour[g]) % 24
    shop_row[_PROCESSING_COST] = factory.energy_rate[g] * factory.price[g, hour] * (factory.processing_power[g, machine] - factory.idle_power[g, machine])
    scratch.family[families] = -1  # end mark for find_family of changeover rows


# --- candidate rows ---------------------------------------------------------------------------------------------------------


@compiled
def observe_jobs(factory, shop, e, machine, scratch, candidates, mean_process_time, mean_setup_time):
    """Job rows: the shown places of the queue, in order."""
    centre = factory.machine_centre[shop.factory[e], machine]
    operations = shop.operation_status.shape[2]
    clock = shop.clock[e]
    row = 0
    for place in range(shop.queue_length[e, centre]):
        if not shop.shown[e, place]:
            continue
        entry = shop.queue[e, centre, place]
        order, operation = entry // operations, entry % operations
        out = candidates[row]
        out[_IS_JOB] = 1.0
        index = scratch.place_family[place]
        time = scratch.place_time[place]
        setup = max(scratch.setup_time[index], 0.0)
        out[_SETUP_TIME] = setup
        out[_SETUP_COST] = scratch.setup_cost[index]
        out[_ENERGY_COST] = energy_cost(factory, shop, e, machine, setup, time)
        out[_TIME_IN_QUEUE] = float(clock - shop.join_date[e, order, operation])
        observe_operation(factory, shop, e, machine, scratch, out, order, operation, index, time, setup, mean_process_time, mean_setup_time)
        row += 1


@compiled
def observe_changeovers(factory, shop, e, machine, scratch, candidates, mean_process_time, mean_setup_time):
    """Changeover rows: each speaks of its lead operation, and of the changeover to its target."""
    g = shop.factory[e]
    centre = factory.machine_centre[g, machine]
    operations = shop.operation_status.shape[2]
    job_rows = shop.job_row.shape[1]
    mounted = shop.mounted[e, machine]
    for row in range(shop.num_changeover_rows[e]):
        entry = shop.changeover_lead[e, row]
        order, operation = entry // operations, entry % operations
        target = shop.changeover_target[e, row]
        out = candidates[job_rows + row]
        out[_IS_CHANGEOVER] = 1.0
        index = find_family(scratch, scratch.family.shape[0], shop.family[e, order, operation])
        setup = float(setup_time(factory, g, centre, machine, mounted, target))
        out[_SETUP_TIME] = setup
        out[_SETUP_COST] = changeover_cost(factory, g, centre, machine, mounted, target)
        out[_ENERGY_COST] = energy_cost(factory, shop, e, machine, setup, 0.0)
        ready = ready_in(shop, e, order, operation)
        out[_READY_IN] = ready
        time = float(process_time(factory, shop, e, order, operation, machine))
        scale = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
        observe_operation(factory, shop, e, machine, scratch, out, order, operation, index, time, setup, mean_process_time, mean_setup_time)
        out[_ATCS] -= ready / scale


@compiled
def observe_operation(factory, shop, e, machine, scratch, out, order, operation, index, time, setup, mean_process_time, mean_setup_time):
    """The columns that speak of an operation and its order."""
    g = shop.factory[e]
    clock = shop.clock[e]
    due_in = float(shop.due_date[e, order] - clock)
    work_left = shop.work_left[e, order]
    weight = shop.weight[e, order]
    out[_PROCESS_TIME] = time
    out[_DUE_IN] = due_in
    operation_due_in = operation_due_date(shop, e, order, operation) - clock
    out[_OPERATION_DUE_IN] = operation_due_in
    out[_SLACK] = due_in - work_left
    out[_WEIGHT] = weight
    out[_WORK_LEFT] = work_left
    out[_OPERATIONS_LEFT] = shop.operations_left[e, order]
    out[_TIME_IN_SHOP] = float(clock - shop.release_date[e, order])
    out[_FAMILY_READY] = scratch.ready[index]
    out[_FAMILY_READY_WORK] = scratch.ready_work[index]
    out[_FAMILY_UPCOMING] = scratch.upcoming[index]
    out[_FAMILY_SLACK] = scratch.slack[index]
    out[_FAMILY_DUE_IN] = scratch.due_in[index]
    out[_FAMILY_TIME_IN_QUEUE] = scratch.time_in_queue[index]
    out[_FAMILY_CRITICAL_RATIO] = scratch.critical_ratio[index]
    out[_TWINS_IN_SETUP] = scratch.twins[index]
    out[_FASTEST_TIME] = fastest_time(factory, shop, e, machine, order, operation, time)
    observe_next(factory, shop, e, scratch, out, order, operation)
    out[_ATTEMPT] = shop.attempt[e, order, operation]
    product = shop.product[e, order]
    if setup > 0.0 or shop.first_piece[e, machine]:
        out[_REWORK_PROBABILITY] = factory.first_piece_rework_probability[g, product, operation]
    else:
        out[_REWORK_PROBABILITY] = factory.rework_probability[g, product, operation]
    gain = math.log(max(weight, _LEAST) / max(time, 1.0))
    mean_time = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
    mean_setup = mean_setup_time if mean_setup_time > 0.0 else max(setup, 1.0)
    urgency = max(operation_due_in - time, 0.0) / mean_time
    out[_ATC] = gain - urgency / ATC_LOOK_AHEAD
    out[_ATCS] = gain - urgency / ATCS_LOOK_AHEAD - setup / (ATCS_SETUP_SCALE * mean_setup)


@compiled
def operation_due_date(shop, e, order, operation):
    """Due date of one operation: the allowance is shared out by work (README of the rules: ODD, MOD, ATC)."""
    release_date = float(shop.release_date[e, order])
    critical_work = shop.critical_work[e, order]
    if critical_work <= 0.0:
        return float(shop.due_date[e, order])
    return release_date + (float(shop.due_date[e, order]) - release_date) / critical_work * shop.work_through[e, order, operation]


@compiled
def fastest_time(factory, shop, e, machine, order, operation, time):
    """Least expected process time over all eligible machines."""
    g = shop.factory[e]
    centre = factory.machine_centre[g, machine]
    fastest = time
    for twin in range(factory.first_machine[g, centre], factory.first_machine[g, centre + 1]):
        if twin != machine and is_eligible(factory, shop, e, order, operation, twin):
            fastest = min(fastest, float(process_time(factory, shop, e, order, operation, twin)))
    return fastest


@compiled
def observe_next(factory, shop, e, scratch, out, order, operation):
    """What awaits the order after this operation."""
    g, product = shop.factory[e], shop.product[e, order]
    count = factory.num_successors[g, product, operation]
    if count == 0:
        out[_NEXT_PROCESS_TIME] = 0.0
        out[_NEXT_QUEUE_WORK] = 0.0
        out[_UNBLOCKS] = 1.0 if shop.operations_left[e, order] == 1 else 0.0
        return
    successor = factory.successors[g, product, operation, 0]
    centre = factory.operation_centre[g, product, successor]
    machines = factory.first_machine[g, centre + 1] - factory.first_machine[g, centre]
    out[_NEXT_PROCESS_TIME] = shop.mean_time[e, order, successor]
    out[_NEXT_QUEUE_WORK] = (shop.queue_work[e, centre] + scratch.centre_work[centre]) / machines
    unblocks = 0.0
    for place in range(count):
        if shop.predecessors_left[e, order, factory.successors[g, product, operation, place]] == 1:
            unblocks = 1.0
    out[_UNBLOCKS] = unblocks


@compiled
def energy_cost(factory, shop, e, machine, setup, time):
    """Expected energy cost of changeover then processing from now on, above idling."""
    g = shop.factory[e]
    rate = factory.energy_rate[g]
    if rate == 0.0:
        return 0.0
    ticks_per_hour, start_hour = factory.ticks_per_hour[g], factory.start_hour[g]
    price, before = factory.price[g], factory.price_before[g]
    idle = factory.idle_power[g, machine]
    clock = shop.clock[e]
    middle, end = clock + int(setup), clock + int(setup + time)
    at_start = integrate_day(price, before, ticks_per_hour, start_hour, clock)
    at_middle = at_start if middle == clock else integrate_day(price, before, ticks_per_hour, start_hour, middle)
    at_end = at_middle if end == middle else integrate_day(price, before, ticks_per_hour, start_hour, end)
    changeover = (factory.changeover_power[g, machine] - idle) * (at_middle - at_start)
    return max(0.0, rate * (changeover + (factory.processing_power[g, machine] - idle) * (at_end - at_middle)))


@compiled
def observe_wait(factory, shop, e, machine, out, shop_row):
    """The wait row: how soon something is expected here."""
    g = shop.factory[e]
    centre = factory.machine_centre[g, machine]
    operations = shop.operation_status.shape[2]
    out[_IS_WAIT] = 1.0
    out[_FAMILY_UPCOMING] = shop_row[_UPCOMING_HERE]
    soonest = math.inf
    for place in range(shop.upcoming_length[e, centre]):
        entry = shop.upcoming[e, centre, place]
        order, operation = entry // operations, entry % operations
        if is_eligible(factory, shop, e, order, operation, machine):
            soonest = min(soonest, ready_in(shop, e, order, operation))
    out[_READY_IN] = soonest if soonest < math.inf else float(factory.longest_wait[g, centre])


# --- machines and shop ------------------------------------------------------------------------------------------------------


@compiled
def observe_machines(factory, shop, e, scratch, machines):
    """One row a machine."""
    g = shop.factory[e]
    asked = shop.deciding[e]
    asked_centre = factory.machine_centre[g, asked] if asked >= 0 else -1
    clock = shop.clock[e]
    scratch.centre_work[:] = 0.0
    for machine in range(machines.shape[0]):
        out = machines[machine]
        if machine >= factory.num_machines[g]:
            out[:] = 0.0
            continue
        centre = factory.machine_centre[g, machine]
        status = shop.machine_status[e, machine]
        busy_for = float(max(0, shop.expected_end[e, machine] - clock)) if status != IDLE else 0.0
        scratch.centre_work[centre] += busy_for
        count = factory.first_machine[g, centre + 1] - factory.first_machine[g, centre]
        out[_EXISTS] = 1.0
        out[_IS_ASKED] = machine == asked
        out[_SAME_CENTRE] = centre == asked_centre
        out[_IS_IDLE] = status == IDLE
        out[_IS_CHANGING] = status == CHANGING
        out[_IS_PROCESSING] = status == PROCESSING
        out[_IS_DOWN] = status == DOWN
        out[_IS_WAITING] = shop.wait_until[e, machine] != NEVER
        out[_BUSY_FOR] = busy_for
        out[_IN_STATE_FOR] = float(clock - shop.state_date[e, machine])
        out[_SPEED] = factory.speed[g, machine]
        out[_QUEUE_LENGTH] = shop.queue_length[e, centre]
        out[_QUEUE_FITS] = count_fits(factory, shop, e, g, centre, machine)
        out[_QUEUE_WORK] = shop.queue_work[e, centre] / count
        out[_UPCOMING_LENGTH] = shop.upcoming_length[e, centre]


@compiled
def count_fits(factory, shop, e, g, centre, machine):
    """Ready operations that the machine could start without changeover time."""
    operations = shop.operation_status.shape[2]
    fits = 0
    for place in range(shop.queue_length[e, centre]):
        entry = shop.queue[e, centre, place]
        order, operation = entry // operations, entry % operations
        wanted = shop.wanted[e, order, operation]
        if is_eligible(factory, shop, e, order, operation, machine) and setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted) == 0:
            fits += 1
    return fits


@compiled
def observe_shop(factory, shop, e, out):
    """The columns about the whole shop; those about "here" are set to 0 and filled by :func:`observe_here`."""
    g = shop.factory[e]
    clock = shop.clock[e]
    out[:] = 0.0
    late, late_weight, slack = 0, 0.0, 0.0
    active = shop.num_active[e]
    for place in range(active):
        order = shop.active[e, place]
        due_in = shop.due_date[e, order] - clock
        slack += due_in - shop.work_left[e, order]
        if due_in < 0:
            late += 1
            late_weight += shop.weight[e, order]
    out[_ACTIVE_ORDERS] = active
    out[_LATE_ORDERS] = late
    out[_LATE_WEIGHT] = late_weight
    out[_MEAN_SLACK] = slack / active if active > 0 else 0.0
    recent = min(RECENT_RELEASES, shop.num_released[e])
    if recent > 0:
        out[_RECENT_INTERARRIVAL_TIME] = (clock - shop.release_date[e, shop.num_released[e] - recent]) / recent
    out[_CREWS_FREE] = min(shop.crews_free[e], factory.num_machines[g])
    hour = (clock // factory.ticks_per_hour[g] + factory.start_hour[g]) % 24
    soon = 0.0
    for later in range(1, HOURS_SOON + 1):
        soon += factory.price[g, (hour + later) % 24]
    out[_PRICE_NOW] = factory.energy_rate[g] * factory.price[g, hour]
    out[_PRICE_SOON] = factory.energy_rate[g] * soon / HOURS_SOON
    out[_HOUR_SINE] = _HOURS_SINE[hour]
    out[_HOUR_COSINE] = _HOURS_COSINE[hour]
    out[_TARDINESS_RATE] = factory.tardiness_rate[g]
    out[_HOLDING_RATE] = factory.holding_rate[g]
    out[_COST_SCALE] = factory.cost_scale[g]
