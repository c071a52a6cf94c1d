"""What the asked machine's decision maker sees: fills the tables of :mod:`envs.observation.columns`
from the shop. Compiled.

Only what is known at the clock is read: expectations and what has happened, never ``process_left``,
``time_to_failure``, ``machine_date``, ``material_date`` beyond whether it has passed, or orders not
released (docs/model.md, section 3; tests/envs/observation/test_foresight.py).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.observation.arrivals import (
    ARRIVAL,
    ARRIVALS,
    busy_for,
    copy_onward,
    forget_arrivals,
    note_arrival,
    observe_arrivals,
    observe_next,
    observe_onward,
    observe_path,
    observe_twins,
)
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.simulation.allocation import records
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    PROCESSING,
    FactoryArrays,
    Records,
    ShopState,
    operation_of,
    order_of,
)
from factory.simulation.choices import is_eligible, process_time, ready_in
from factory.simulation.costs import integrate_tariff
from factory.simulation.setups import complete_setup, differs, setup_cost, setup_time, setup_waste

DEFAULT_JOB_ROWS = 32
DEFAULT_CHANGEOVER_ROWS = 8
ATC_LOOK_AHEAD = 3.0
ATCS_LOOK_AHEAD = 2.0
ATCS_SETUP_SCALE = 0.5
RECENT_RELEASES = 8
HOURS_SOON = 4
_LEAST = 1e-6  # in place of 0 under a logarithm

# columns, as compile-time constants
_IS_JOB, _IS_CHANGEOVER, _IS_WAIT = (
    CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "is_wait")
)
_PROCESS_TIME, _SETUP_TIME, _SETUP_COST = (
    CANDIDATE_INDEX[name] for name in ("process_time", "setup_time", "setup_cost")
)
_IS_MOUNTED = CANDIDATE_INDEX["is_mounted"]
_ENERGY_COST, _DUE_IN, _OPERATION_DUE_IN = (
    CANDIDATE_INDEX[name] for name in ("energy_cost", "due_in", "operation_due_in")
)
_SLACK, _WEIGHT, _WORK_LEFT = (CANDIDATE_INDEX[name] for name in ("slack", "weight", "work_left"))
_OPERATIONS_LEFT, _TIME_IN_QUEUE, _TIME_IN_SHOP = (
    CANDIDATE_INDEX[name] for name in ("operations_left", "time_in_queue", "time_in_shop")
)
_READY_IN, _FAMILY_READY, _FAMILY_READY_WORK = (
    CANDIDATE_INDEX[name] for name in ("ready_in", "family_ready", "family_ready_work")
)
_FAMILY_UPCOMING, _FAMILY_SLACK, _FAMILY_DUE_IN = (
    CANDIDATE_INDEX[name] for name in ("family_upcoming", "family_slack", "family_due_in")
)
_FAMILY_TIME_IN_QUEUE, _FAMILY_CRITICAL_RATIO = (
    CANDIDATE_INDEX[name] for name in ("family_time_in_queue", "family_critical_ratio")
)
_TWINS_IN_SETUP, _FASTEST_TIME = (
    CANDIDATE_INDEX[name] for name in ("twins_in_setup", "fastest_time")
)
_FAMILY_READY_IN, _TWIN_FREE_IN = (
    CANDIDATE_INDEX[name] for name in ("family_ready_in", "twin_free_in")
)
_ATTEMPT = CANDIDATE_INDEX["attempt"]
_FIRST_ARRIVAL_IN = CANDIDATE_INDEX["first_arrival_in"]
_REWORK_PROBABILITY, _ATC, _ATCS = (
    CANDIDATE_INDEX[name] for name in ("rework_probability", "atc", "atcs")
)

_EXISTS, _IS_ASKED, _SAME_CENTRE, _IS_IDLE = (
    MACHINE_INDEX[name] for name in ("exists", "is_asked", "same_centre", "is_idle")
)
_IS_CHANGING, _IS_PROCESSING, _IS_DOWN, _IS_WAITING = (
    MACHINE_INDEX[name] for name in ("is_changing", "is_processing", "is_down", "is_waiting")
)
_BUSY_FOR, _IN_STATE_FOR, _SPEED = (
    MACHINE_INDEX[name] for name in ("busy_for", "in_state_for", "speed")
)
_QUEUE_LENGTH, _QUEUE_FITS, _QUEUE_WORK = (
    MACHINE_INDEX[name] for name in ("queue_length", "queue_fits", "queue_work")
)
_UPCOMING_LENGTH = MACHINE_INDEX["upcoming_length"]

_MEAN_PROCESS_TIME, _MEAN_SETUP_TIME, _READY_HERE = (
    SHOP_INDEX[name] for name in ("mean_process_time", "mean_setup_time", "ready_here")
)
_FITTING_READY, _FITTING_UPCOMING = (
    SHOP_INDEX[name] for name in ("fitting_ready", "fitting_upcoming")
)
_FITTING_READY_IN, _FITTING_SLACK = (
    SHOP_INDEX[name] for name in ("fitting_ready_in", "fitting_slack")
)
_UPCOMING_HERE, _HIDDEN_OPERATIONS, _LONGEST_WAIT = (
    SHOP_INDEX[name] for name in ("upcoming_here", "hidden_operations", "longest_wait")
)
_ACTIVE_ORDERS, _LATE_ORDERS, _LATE_WEIGHT, _MEAN_SLACK = (
    SHOP_INDEX[name] for name in ("active_orders", "late_orders", "late_weight", "mean_slack")
)
_RECENT_INTERARRIVAL_TIME, _CREWS_FREE = (
    SHOP_INDEX[name] for name in ("recent_interarrival_time", "crews_free")
)
_PRICE_NOW, _PRICE_SOON, _PROCESSING_COST = (
    SHOP_INDEX[name] for name in ("price_now", "price_soon", "processing_cost")
)
_HOUR_SINE, _HOUR_COSINE = (SHOP_INDEX[name] for name in ("hour_sine", "hour_cosine"))
_TARDINESS_RATE, _HOLDING_RATE, _COST_SCALE = (
    SHOP_INDEX[name] for name in ("tardiness_rate", "holding_rate", "cost_scale")
)

_HOURS_SINE = np.sin(2 * np.pi * np.arange(24) / 24)
_HOURS_COSINE = np.cos(2 * np.pi * np.arange(24) / 24)


FAMILY = np.dtype(
    [
        ("number", np.int64),
        ("order", np.int64),  # of one of them, whose operation tells the wanted setup
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
        ("twins", np.float64),
        ("twin_free_in", np.float64),
        ("ready_in", np.float64),  # least of the upcoming ones
        ("upcoming_slack", np.float64),
        ("row", np.int64),  # first job row of one of them; -1: none yet
    ],
    align=True,
)
"""The operations here that want one setup, summed up."""
QUEUE_PLACE = np.dtype([("family", np.int64), ("time", np.float64)], align=True)
"""Index of a ready operation's family and its process time here."""


@dataclass(frozen=True, eq=False)
class ObservationScratch(ArrayStruct):
    """Working space of one thread: X families among the operations of a work centre, Q places of a
    queue, C work centres, T changeover attributes."""

    families: Records  # FAMILY [X]
    places: Records  # QUEUE_PLACE [Q]
    arrivals: Records  # ARRIVAL [Q]
    arrived: Records  # ARRIVALS [1]
    setup: NDArray[np.int16]  # [T] that a row leaves
    centre_work: NDArray[np.float64]  # [C] work left in process


def allocate_observation_scratch(shop: ShopState) -> ObservationScratch:
    """Scratch for one thread over ``shop``."""
    places = shop.queue.shape[2]
    return ObservationScratch(
        families=records(FAMILY, 2 * places),
        places=records(QUEUE_PLACE, places),
        arrivals=records(ARRIVAL, places),
        arrived=records(ARRIVALS, 1),
        setup=np.zeros(shop.mounted.shape[2], np.int16),
        centre_work=np.zeros(shop.queue.shape[1]),
    )


@dataclass(frozen=True, eq=False)
class Tables(ArrayStruct):
    """The observation of E environments; any float type."""

    candidates: NDArray[np.floating]  # [E, A, F]
    machines: NDArray[np.floating]  # [E, M, Fm]
    shop: NDArray[np.floating]  # [E, Fs]
    action_mask: NDArray[np.bool_]  # [E, A]


def allocate_tables(
    factories: FactoryArrays, shop: ShopState, dtype: type[np.floating], machine_rows: int = 0
) -> Tables:
    """Zeroed tables for every environment of ``shop``, with at least ``machine_rows`` rows for
    machines."""
    envs, actions = shop.legal.shape
    machines = max(machine_rows, factories.machines.shape[1])
    return Tables(
        np.zeros((envs, actions, len(CANDIDATE_INDEX)), dtype),
        np.zeros((envs, machines, len(MACHINE_INDEX)), dtype),
        np.zeros((envs, len(SHOP_INDEX)), dtype),
        np.zeros((envs, actions), np.bool_),
    )


@compiled
def observe(factory, shop, e, scratch, candidates, machines, shop_row, action_mask):
    """Fill one environment's tables: ``candidates [A, F]``, ``machines [M, Fm]``, ``shop_row
    [Fs]``, ``action_mask [A]``.

    When the episode is over nothing can be chosen: no candidates, all masked, and the columns about
    "here" are 0.
    """
    asked = shop.env[e].deciding
    clear_rows(shop, candidates)
    observe_machines(factory, shop, e, scratch, machines)
    observe_shop(factory, shop, e, shop_row)
    if asked < 0:
        action_mask[:] = False
        return
    for row in range(action_mask.shape[0]):
        action_mask[row] = shop.legal[e, row]
    families = observe_here(factory, shop, e, asked, scratch, shop_row)
    mean_process_time, mean_setup_time = shop_row[_MEAN_PROCESS_TIME], shop_row[_MEAN_SETUP_TIME]
    observe_jobs(
        factory, shop, e, asked, scratch, families, candidates, mean_process_time, mean_setup_time
    )
    observe_changeovers(
        factory, shop, e, asked, scratch, families, candidates, mean_process_time, mean_setup_time
    )
    wait = candidates[candidates.shape[0] - 1]
    observe_wait(wait, shop_row)
    observe_arrivals(factory, shop, e, asked, scratch, wait, shop.mounted[e, asked], 0.0)
    observe_onward(factory, shop, e, asked, scratch, families, wait, shop.mounted[e, asked])
    wait[_READY_IN] = wait[_FIRST_ARRIVAL_IN]


@compiled
def clear_rows(shop, candidates):
    """Zero the rows that the last observation in this buffer filled; job and changeover rows are
    filled from their start."""
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


# --- families -------------------------------------------------------------------------------------


@compiled
def find_family(scratch, count, family):
    """Index of a family among the first ``count``; ``count`` if it is not there."""
    index = 0
    while index < count and scratch.families[index].number != family:
        index += 1
    return index


@compiled
def start_family(factory, shop, e, machine, scratch, index, operation_id):
    """A family seen for the first time: what changing over to it means."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    order, operation = order_of(operation_id), operation_of(operation_id)
    wanted = shop.wanted[e, order, operation]
    scratch.families[index].number = shop.operations[e, order, operation].family
    scratch.families[index].order = order
    scratch.families[index].operation = operation
    scratch.families[index].row = -1
    scratch.families[index].ready = 0.0
    scratch.families[index].ready_work = 0.0
    scratch.families[index].upcoming = 0.0
    scratch.families[index].slack = math.inf
    scratch.families[index].due_in = math.inf
    scratch.families[index].critical_ratio = math.inf
    scratch.families[index].time_in_queue = 0.0
    longest_wait = float(factory.centres[g, centre].longest_wait)
    scratch.families[index].ready_in = longest_wait
    scratch.families[index].upcoming_slack = math.inf
    mounted = shop.mounted[e, machine]
    time = setup_time(factory, g, centre, machine, mounted, wanted)
    scratch.families[index].setup_time = time
    scratch.families[index].setup_cost = changeover_cost(
        factory, g, centre, machine, mounted, wanted
    )
    scratch.families[index].is_mounted = 0.0 if differs(mounted, wanted) else 1.0
    twins, twin_free_in = 0.0, longest_wait
    for twin in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if (
            twin != machine
            and setup_time(factory, g, centre, twin, shop.mounted[e, twin], wanted) == 0
        ):
            twins += 1.0
            twin_free_in = min(twin_free_in, busy_for(shop, e, twin))
    scratch.families[index].twins = twins
    scratch.families[index].twin_free_in = twin_free_in


@compiled
def changeover_cost(factory, g, centre, machine, mounted, wanted):
    """Billed cost of a changeover: matrix cost and waste, at their rates."""
    cost = factory.plant[g].changeover_rate * setup_cost(
        factory, g, centre, machine, mounted, wanted
    )
    return cost + factory.plant[g].waste_rate * setup_waste(
        factory, g, centre, machine, mounted, wanted
    )


@compiled
def observe_here(factory, shop, e, machine, scratch, shop_row):
    """Group the ready and upcoming operations of the asked machine into families; fill the shop
    columns about "here".

    Returns how many families there are.
    """
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    clock = shop.env[e].clock
    families, ready, total_time, setups, total_setup = 0, 0, 0.0, 0, 0.0
    for place in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, place]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, operation_id)
            families += 1
        time = float(process_time(factory, shop, e, order, operation, machine))
        scratch.places[place].family = index
        scratch.places[place].time = time
        due_in = float(shop.orders[e, order].due_date - clock)
        work_left = shop.orders[e, order].work_left
        scratch.families[index].ready += 1.0
        scratch.families[index].ready_work += time
        scratch.families[index].slack = min(scratch.families[index].slack, due_in - work_left)
        scratch.families[index].due_in = min(scratch.families[index].due_in, due_in)
        scratch.families[index].critical_ratio = min(
            scratch.families[index].critical_ratio, due_in / max(work_left, _LEAST)
        )
        scratch.families[index].time_in_queue = max(
            scratch.families[index].time_in_queue,
            float(clock - shop.operations[e, order, operation].join_date),
        )
        ready += 1
        total_time += time
        if scratch.families[index].setup_time >= 0.0:
            setups += 1
            total_setup += scratch.families[index].setup_time
    upcoming = 0
    forget_arrivals(scratch.arrived)
    for place in range(shop.centres[e, centre].upcoming_length):
        operation_id = shop.upcoming[e, centre, place]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        upcoming += 1
        ready_after = ready_in(shop, e, order, operation)
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        if index == families:
            start_family(factory, shop, e, machine, scratch, index, operation_id)
            families += 1
        note_arrival(scratch.arrivals, scratch.arrived, order, index, ready_after)
        scratch.families[index].upcoming += 1.0
        scratch.families[index].ready_in = min(scratch.families[index].ready_in, ready_after)
        due_in = float(shop.orders[e, order].due_date - clock)
        work_left = shop.orders[e, order].work_left
        scratch.families[index].slack = min(scratch.families[index].slack, due_in - work_left)
        scratch.families[index].upcoming_slack = min(
            scratch.families[index].upcoming_slack, due_in - work_left
        )
        if scratch.families[index].ready == 0.0:
            scratch.families[index].due_in = min(scratch.families[index].due_in, due_in)
            scratch.families[index].critical_ratio = min(
                scratch.families[index].critical_ratio, due_in / max(work_left, _LEAST)
            )
    shop_row[_MEAN_PROCESS_TIME] = total_time / ready if ready > 0 else 0.0
    shop_row[_MEAN_SETUP_TIME] = total_setup / setups if setups > 0 else 0.0
    shop_row[_READY_HERE] = ready
    shop_row[_UPCOMING_HERE] = upcoming
    observe_fitting(scratch, families, factory.centres[g, centre].longest_wait, shop_row)
    shop_row[_HIDDEN_OPERATIONS] = shop.env[e].num_hidden
    shop_row[_LONGEST_WAIT] = factory.centres[g, centre].longest_wait
    hour = (clock // factory.plant[g].ticks_per_hour + factory.plant[g].start_hour) % 24
    shop_row[_PROCESSING_COST] = (
        factory.plant[g].energy_rate
        * factory.hours[g, hour].price
        * (factory.machines[g, machine].processing_power - factory.machines[g, machine].idle_power)
    )
    return families


@compiled
def observe_fitting(scratch, families, longest_wait, shop_row):
    """The shop columns about operations here that need no changeover time."""
    ready, upcoming, soonest, slack = 0.0, 0.0, float(longest_wait), math.inf
    for index in range(families):
        if scratch.families[index].setup_time == 0.0:
            ready += scratch.families[index].ready
            upcoming += scratch.families[index].upcoming
            soonest = min(soonest, scratch.families[index].ready_in)
            slack = min(slack, scratch.families[index].upcoming_slack)
    shop_row[_FITTING_READY] = ready
    shop_row[_FITTING_UPCOMING] = upcoming
    shop_row[_FITTING_READY_IN] = soonest
    shop_row[_FITTING_SLACK] = slack if slack < math.inf else 0.0


# --- candidate rows -------------------------------------------------------------------------------


@compiled
def observe_jobs(
    factory, shop, e, machine, scratch, families, candidates, mean_process_time, mean_setup_time
):
    """Job rows: the shown places of the queue, in order."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    clock = shop.env[e].clock
    price_now = shop.env[e].price_hours
    row = 0
    for place in range(shop.centres[e, centre].queue_length):
        if not shop.queue_slots[e, place].shown:
            continue
        operation_id = shop.queue[e, centre, place]
        order, operation = order_of(operation_id), operation_of(operation_id)
        out = candidates[row]
        out[_IS_JOB] = 1.0
        index = scratch.places[place].family
        time = scratch.places[place].time
        setup = max(scratch.families[index].setup_time, 0.0)
        out[_SETUP_TIME] = setup
        out[_IS_MOUNTED] = scratch.families[index].is_mounted
        out[_SETUP_COST] = scratch.families[index].setup_cost
        out[_ENERGY_COST] = energy_cost(factory, shop, e, machine, setup, time, price_now)
        out[_TIME_IN_QUEUE] = float(clock - shop.operations[e, order, operation].join_date)
        observe_operation(
            factory,
            shop,
            e,
            machine,
            scratch,
            out,
            order,
            operation,
            index,
            time,
            setup,
            mean_process_time,
            mean_setup_time,
        )
        complete_setup(shop.mounted[e, machine], shop.wanted[e, order, operation], scratch.setup)
        observe_arrivals(factory, shop, e, machine, scratch, out, scratch.setup, setup + time)
        if scratch.families[index].row < 0:
            observe_onward(factory, shop, e, machine, scratch, families, out, scratch.setup)
            scratch.families[index].row = row
        else:
            copy_onward(candidates[scratch.families[index].row], out)
        row += 1


@compiled
def observe_changeovers(
    factory, shop, e, machine, scratch, families, candidates, mean_process_time, mean_setup_time
):
    """Changeover rows: each speaks of its lead operation, and of the changeover to its target."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    job_rows = shop.job_row.shape[1]
    mounted = shop.mounted[e, machine]
    price_now = shop.env[e].price_hours
    for row in range(shop.env[e].num_changeover_rows):
        operation_id = shop.changeover_lead[e, row]
        order, operation = order_of(operation_id), operation_of(operation_id)
        target = shop.changeover_target[e, row]
        out = candidates[job_rows + row]
        out[_IS_CHANGEOVER] = 1.0
        index = find_family(scratch, families, shop.operations[e, order, operation].family)
        setup = float(setup_time(factory, g, centre, machine, mounted, target))
        out[_SETUP_TIME] = setup
        out[_SETUP_COST] = changeover_cost(factory, g, centre, machine, mounted, target)
        out[_ENERGY_COST] = energy_cost(factory, shop, e, machine, setup, 0.0, price_now)
        ready = ready_in(shop, e, order, operation)
        out[_READY_IN] = ready
        time = float(process_time(factory, shop, e, order, operation, machine))
        scale = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
        observe_operation(
            factory,
            shop,
            e,
            machine,
            scratch,
            out,
            order,
            operation,
            index,
            time,
            setup,
            mean_process_time,
            mean_setup_time,
        )
        out[_ATCS] -= ready / scale
        observe_arrivals(factory, shop, e, machine, scratch, out, target, setup)
        observe_onward(factory, shop, e, machine, scratch, families, out, target)


@compiled
def observe_operation(
    factory,
    shop,
    e,
    machine,
    scratch,
    out,
    order,
    operation,
    index,
    time,
    setup,
    mean_process_time,
    mean_setup_time,
):
    """The columns that speak of an operation and its order."""
    g = shop.env[e].factory
    clock = shop.env[e].clock
    due_in = float(shop.orders[e, order].due_date - clock)
    work_left = shop.orders[e, order].work_left
    weight = shop.orders[e, order].weight
    out[_PROCESS_TIME] = time
    out[_DUE_IN] = due_in
    operation_due_in = operation_due_date(shop, e, order, operation) - clock
    out[_OPERATION_DUE_IN] = operation_due_in
    out[_SLACK] = due_in - work_left
    out[_WEIGHT] = weight
    out[_WORK_LEFT] = work_left
    out[_OPERATIONS_LEFT] = shop.orders[e, order].operations_left
    out[_TIME_IN_SHOP] = float(clock - shop.orders[e, order].release_date)
    out[_FAMILY_READY] = scratch.families[index].ready
    out[_FAMILY_READY_WORK] = scratch.families[index].ready_work
    out[_FAMILY_UPCOMING] = scratch.families[index].upcoming
    out[_FAMILY_SLACK] = scratch.families[index].slack
    out[_FAMILY_DUE_IN] = scratch.families[index].due_in
    out[_FAMILY_TIME_IN_QUEUE] = scratch.families[index].time_in_queue
    out[_FAMILY_CRITICAL_RATIO] = scratch.families[index].critical_ratio
    out[_FAMILY_READY_IN] = scratch.families[index].ready_in
    out[_TWINS_IN_SETUP] = scratch.families[index].twins
    out[_TWIN_FREE_IN] = scratch.families[index].twin_free_in
    out[_FASTEST_TIME] = fastest_time(factory, shop, e, machine, order, operation, time)
    observe_twins(factory, shop, e, machine, out, order, operation)
    observe_path(factory, shop, e, out, order, operation)
    observe_next(factory, shop, e, scratch, out, order, operation)
    out[_ATTEMPT] = shop.operations[e, order, operation].attempt
    product = shop.orders[e, order].product
    if setup > 0.0 or shop.machines[e, machine].first_piece:
        out[_REWORK_PROBABILITY] = factory.operations[
            g, product, operation
        ].first_piece_rework_probability
    else:
        out[_REWORK_PROBABILITY] = factory.operations[g, product, operation].rework_probability
    gain = math.log(max(weight, _LEAST) / max(time, 1.0))
    mean_time = mean_process_time if mean_process_time > 0.0 else max(time, 1.0)
    mean_setup = mean_setup_time if mean_setup_time > 0.0 else max(setup, 1.0)
    urgency = max(operation_due_in - time, 0.0) / mean_time
    out[_ATC] = gain - urgency / ATC_LOOK_AHEAD
    out[_ATCS] = gain - urgency / ATCS_LOOK_AHEAD - setup / (ATCS_SETUP_SCALE * mean_setup)


@compiled
def operation_due_date(shop, e, order, operation):
    """Due date of one operation: the allowance is shared out by work (README of the rules: ODD,
    MOD, ATC)."""
    release_date = float(shop.orders[e, order].release_date)
    critical_work = shop.orders[e, order].critical_work
    if critical_work <= 0.0:
        return float(shop.orders[e, order].due_date)
    return (
        release_date
        + (float(shop.orders[e, order].due_date) - release_date)
        / critical_work
        * shop.operations[e, order, operation].work_through
    )


@compiled
def fastest_time(factory, shop, e, machine, order, operation, time):
    """Least expected process time over all eligible machines."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    fastest = time
    for twin in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if twin != machine and is_eligible(factory, shop, e, order, operation, twin):
            fastest = min(fastest, float(process_time(factory, shop, e, order, operation, twin)))
    return fastest


@compiled
def energy_cost(factory, shop, e, machine, setup, time, at_start):
    """Expected energy cost of changeover then processing from now on, above idling."""
    g = shop.env[e].factory
    rate = factory.plant[g].energy_rate
    if rate == 0.0:
        return 0.0
    idle = factory.machines[g, machine].idle_power
    clock = shop.env[e].clock
    at_middle, at_end = at_start, at_start
    if setup > 0.0:
        at_middle, _ = integrate_tariff(factory, g, clock + int(setup))
    if time > 0.0:
        at_end, _ = integrate_tariff(factory, g, clock + int(setup + time))
    else:
        at_end = at_middle
    changeover = (factory.machines[g, machine].changeover_power - idle) * (at_middle - at_start)
    return max(
        0.0,
        rate
        * (
            changeover
            + (factory.machines[g, machine].processing_power - idle) * (at_end - at_middle)
        ),
    )


@compiled
def observe_wait(out, shop_row):
    """The wait row: what is expected here; how soon,
    :func:`envs.observation.arrivals.observe_arrivals` tells."""
    out[_IS_WAIT] = 1.0
    out[_FAMILY_UPCOMING] = shop_row[_UPCOMING_HERE]


# --- machines and shop ----------------------------------------------------------------------------


@compiled
def observe_machines(factory, shop, e, scratch, machines):
    """One row a machine."""
    g = shop.env[e].factory
    asked = shop.env[e].deciding
    asked_centre = factory.machines[g, asked].centre if asked >= 0 else -1
    clock = shop.env[e].clock
    scratch.centre_work[:] = 0.0
    for machine in range(machines.shape[0]):
        out = machines[machine]
        if machine >= factory.plant[g].num_machines:
            out[:] = 0.0
            continue
        centre = factory.machines[g, machine].centre
        status = shop.machines[e, machine].status
        busy = busy_for(shop, e, machine)
        scratch.centre_work[centre] += busy
        count = (
            factory.centres[g, centre + 1].first_machine - factory.centres[g, centre].first_machine
        )
        out[_EXISTS] = 1.0
        out[_IS_ASKED] = machine == asked
        out[_SAME_CENTRE] = centre == asked_centre
        out[_IS_IDLE] = status == IDLE
        out[_IS_CHANGING] = status == CHANGING
        out[_IS_PROCESSING] = status == PROCESSING
        out[_IS_DOWN] = status == DOWN
        out[_IS_WAITING] = shop.machines[e, machine].wait_until != NEVER
        out[_BUSY_FOR] = busy
        out[_IN_STATE_FOR] = float(clock - shop.machines[e, machine].state_date)
        out[_SPEED] = factory.machines[g, machine].speed
        out[_QUEUE_LENGTH] = shop.centres[e, centre].queue_length
        out[_QUEUE_FITS] = (
            count_fits(factory, shop, e, g, centre, machine) if centre == asked_centre else 0
        )
        out[_QUEUE_WORK] = shop.centres[e, centre].queue_work / count
        out[_UPCOMING_LENGTH] = shop.centres[e, centre].upcoming_length


@compiled
def count_fits(factory, shop, e, g, centre, machine):
    """Ready operations that the machine could start without changeover time."""
    fits = 0
    for place in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, place]
        order, operation = order_of(operation_id), operation_of(operation_id)
        wanted = shop.wanted[e, order, operation]
        if (
            is_eligible(factory, shop, e, order, operation, machine)
            and setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted) == 0
        ):
            fits += 1
    return fits


@compiled
def observe_shop(factory, shop, e, out):
    """The columns about the whole shop; those about "here" are set to 0 and filled by
    :func:`observe_here`."""
    g = shop.env[e].factory
    clock = shop.env[e].clock
    out[:] = 0.0
    late, late_weight, slack = 0, 0.0, 0.0
    active = shop.env[e].num_active
    for place in range(active):
        order = shop.active[e, place]
        due_in = shop.orders[e, order].due_date - clock
        slack += due_in - shop.orders[e, order].work_left
        if due_in < 0:
            late += 1
            late_weight += shop.orders[e, order].weight
    out[_ACTIVE_ORDERS] = active
    out[_LATE_ORDERS] = late
    out[_LATE_WEIGHT] = late_weight
    out[_MEAN_SLACK] = slack / active if active > 0 else 0.0
    recent = min(RECENT_RELEASES, shop.env[e].num_released)
    if recent > 0:
        out[_RECENT_INTERARRIVAL_TIME] = (
            clock - shop.orders[e, shop.env[e].num_released - recent].release_date
        ) / recent
    out[_CREWS_FREE] = min(shop.env[e].crews_free, factory.plant[g].num_machines)
    hour = (clock // factory.plant[g].ticks_per_hour + factory.plant[g].start_hour) % 24
    soon = 0.0
    for later in range(1, HOURS_SOON + 1):
        soon += factory.hours[g, (hour + later) % 24].price
    out[_PRICE_NOW] = factory.plant[g].energy_rate * factory.hours[g, hour].price
    out[_PRICE_SOON] = factory.plant[g].energy_rate * soon / HOURS_SOON
    out[_HOUR_SINE] = _HOURS_SINE[hour]
    out[_HOUR_COSINE] = _HOURS_COSINE[hour]
    out[_TARDINESS_RATE] = factory.plant[g].tardiness_rate
    out[_HOLDING_RATE] = factory.plant[g].holding_rate
    out[_COST_SCALE] = factory.plant[g].cost_scale
