"""What the critic sees beside the observation while training: the shop as it is and the orders to
come. Compiled.

A baseline may know everything but the action: the better it foretells the costs to come, the less
they drown what a decision was worth, and the policy never reads it (asymmetric actor and critic,
Pinto et al. 2018). Orders are read up to the farthest of ``WINDOWS``, so that the critic can also
value imagined worlds that are drawn so far (:mod:`agents.search.lookahead`).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from factory.futures.cost_to_go import expected_tardiness, time_to_go
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    CHANGING,
    DONE,
    DOWN,
    IDLE,
    IN_PROCESS,
    PROCESSING,
    operation_of,
    order_of,
)
from factory.simulation.choices import is_eligible
from factory.simulation.kernel import realised_time
from factory.simulation.setups import FORBIDDEN, setup_time

DELAYS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Delays of all orders in progress whose tardiness is told, in mean process times."""
WINDOWS = (3.0, 10.0, 30.0)
"""How far ahead arriving work is told, in mean process times."""
_SETUP_FEATURES, _LUCK_FEATURES, _EPISODE_FEATURES = 8, 3, 5
PRIVILEGED_FEATURES = (
    len(DELAYS) + 2 + 3 * len(WINDOWS) + _SETUP_FEATURES + _LUCK_FEATURES + _EPISODE_FEATURES
)

_SOON = 3.0  # mean process times: how far ahead failures are felt
_SPREAD = 0.2  # standard deviation of a time still to go, as a share of it
_DELAYS, _WINDOWS = np.array(DELAYS), np.array(WINDOWS)


@compiled
def privileged_critic_features(factory, shop, units, loads, described):
    """Fill ``described [E, PRIVILEGED_FEATURES]`` for every environment.

    Parameters
    ----------
    units
        Mean process time of each factory, ticks ``[G]``.
    loads
        Scratch ``[C, 1 + len(WINDOWS)]``.
    """
    for e in range(described.shape[0]):
        described[e] = 0.0
        unit = units[shop.env[e].factory]
        lateness_features(factory, shop, e, unit, described[e])
        load_features(factory, shop, e, unit, loads, described[e])
        setup_features(factory, shop, e, unit, described[e])
        realised_durations(factory, shop, e, unit, described[e])
        episode_features(factory, shop, e, unit, described[e])
        for place in range(described.shape[1]):
            described[e, place] = math.copysign(
                math.log1p(abs(described[e, place])), described[e, place]
            )


@compiled
def lateness_features(factory, shop, e, unit, described):
    """Tardiness cost to come of the orders in progress, as they are expected and with all later by
    ``DELAYS``; in hundredths of the cost scale."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    rate = 100.0 * factory.plant[g].tardiness_rate / factory.plant[g].cost_scale
    for place in range(shop.env[e].num_active):
        order = shop.active[e, place]
        rest = time_to_go(factory, shop, e, order)
        late = float(clock - shop.orders[e, order].due_date)
        for number in range(_DELAYS.shape[0]):
            delay = _DELAYS[number] * unit
            lateness = expected_tardiness(late + rest + delay, _SPREAD * rest) - max(0.0, late)
            described[number] += rate * shop.orders[e, order].weight * lateness


@compiled
def load_features(factory, shop, e, unit, loads, described):
    """Work before the fullest work centre and on average, per machine, now and with what arrives
    within ``WINDOWS``; in mean process times."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    loads[:] = 0.0
    for place in range(shop.env[e].num_active):
        add_work(factory, shop, e, shop.active[e, place], 0, loads)
    for order in range(shop.env[e].num_released, shop.env[e].num_orders):
        ahead = (shop.orders[e, order].release_date - clock) / unit
        if ahead > _WINDOWS[-1]:
            break
        first = 0
        while ahead > _WINDOWS[first]:
            first += 1
        add_work(factory, shop, e, order, 1 + first, loads)
    centres = factory.plant[g].num_centres
    place = _DELAYS.shape[0]
    for window in range(1 + _WINDOWS.shape[0]):
        highest, total = 0.0, 0.0
        for centre in range(centres):
            machines = (
                factory.centres[g, centre + 1].first_machine
                - factory.centres[g, centre].first_machine
            )
            if window > 0:
                loads[centre, window] += loads[centre, window - 1]
            load = loads[centre, window] / (machines * unit)
            highest = max(highest, load)
            total += load
        described[place] = highest
        described[place + 1] = total / centres
        if window > 0:
            described[place + 2] = max(0.0, highest - _WINDOWS[window - 1])
            place += 3
        else:
            place += 2


@compiled
def add_work(factory, shop, e, order, window, loads):
    """Add the mean process times of the order's operations that are not done to the loads of their
    work centres."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if window > 0 or (status != DONE and status != IN_PROCESS):
            loads[factory.operations[g, product, operation].centre, window] += shop.operations[
                e, order, operation
            ].mean_time


@compiled
def setup_features(factory, shop, e, unit, described):
    """How well what is mounted suits what is there to do, summed over the work centres, and what
    the machines are at."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    first = described.shape[0] - _EPISODE_FEATURES - _LUCK_FEATURES - _SETUP_FEATURES
    for centre in range(factory.plant[g].num_centres):
        for place in range(shop.centres[e, centre].queue_length):
            operation_id = shop.queue[e, centre, place]
            least = min_setup_time(factory, shop, e, g, centre, operation_id)
            if least == 0:
                described[first] += 1.0
            elif least > 0:
                described[first + 1] += 1.0
                if is_first_of_family(shop, e, centre, place):
                    described[first + 2] += 1.0
                    described[first + 3] += least / unit
        for place in range(shop.centres[e, centre].upcoming_length):
            described[first + 4] += (
                min_setup_time(factory, shop, e, g, centre, shop.upcoming[e, centre, place]) == 0
            )
    for machine in range(factory.plant[g].num_machines):
        status = shop.machines[e, machine].status
        if status == IDLE:
            described[first + 5] += 1.0
        elif status == CHANGING:
            described[first + 6] += 1.0
        if status != IDLE:
            described[first + 7] += (
                max(0.0, float(shop.machines[e, machine].expected_end - clock)) / unit
            )


@compiled
def min_setup_time(factory, shop, e, g, centre, operation_id):
    """Least changeover time of the operation over the work centre's machines that can do it, ticks;
    negative if none may."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    least = FORBIDDEN
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if is_eligible(factory, shop, e, order, operation, machine):
            time = setup_time(
                factory,
                g,
                centre,
                machine,
                shop.mounted[e, machine],
                shop.wanted[e, order, operation],
            )
            if time >= 0 and (least < 0 or time < least):
                least = time
    return least


@compiled
def is_first_of_family(shop, e, centre, place):
    """Whether no operation before it in the queue wants the same setup."""
    operation_id = shop.queue[e, centre, place]
    family = shop.operations[e, order_of(operation_id), operation_of(operation_id)].family
    for before in range(place):
        other = shop.queue[e, centre, before]
        if shop.operations[e, order_of(other), operation_of(other)].family == family:
            return False
    return True


@compiled
def realised_durations(factory, shop, e, unit, described):
    """What will last longer than expected of what is in process and in the queues, and how close
    failures are."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    first = described.shape[0] - _EPISODE_FEATURES - _LUCK_FEATURES
    for machine in range(factory.plant[g].num_machines):
        time_to_failure = float(shop.machines[e, machine].time_to_failure)
        if shop.machines[e, machine].status == PROCESSING:
            so_far = clock - shop.machines[e, machine].state_date
            expected = max(0, shop.machines[e, machine].expected_end - clock)
            described[first] += (shop.machines[e, machine].process_left - so_far - expected) / unit
            time_to_failure -= so_far
        if factory.machines[g, machine].mean_time_to_failure > 0.0:
            described[first + 1] += math.exp(-max(0.0, time_to_failure) / (_SOON * unit))
    for centre in range(factory.plant[g].num_centres):
        for place in range(shop.centres[e, centre].queue_length):
            operation_id = shop.queue[e, centre, place]
            order, operation = order_of(operation_id), operation_of(operation_id)
            expected = int(shop.operations[e, order, operation].mean_time)
            described[first + 2] += (
                realised_time(factory, shop, e, order, operation, expected) - expected
            ) / unit


@compiled
def episode_features(factory, shop, e, unit, described):
    """What is left of the episode, machines under repair, and what the costs run at."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    place = described.shape[0] - _EPISODE_FEATURES
    orders = float(shop.env[e].num_orders)
    described[place] = 10.0 * (orders - shop.env[e].num_released) / orders
    described[place + 1] = 10.0 * (orders - shop.env[e].num_completed) / orders
    for machine in range(factory.plant[g].num_machines):
        if shop.machines[e, machine].status == DOWN:
            described[place + 2] += (shop.machines[e, machine].date - clock) / unit
    late = 0.0
    for number in range(shop.env[e].num_active):
        order = shop.active[e, number]
        if clock > shop.orders[e, order].due_date:
            late += shop.orders[e, order].weight
    described[place + 3] = (
        100.0 * late * factory.plant[g].tardiness_rate * unit / factory.plant[g].cost_scale
    )
    described[place + 4] = (
        100.0
        * shop.env[e].num_active
        * factory.plant[g].holding_rate
        * unit
        / factory.plant[g].cost_scale
    )
