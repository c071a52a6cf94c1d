"""Honest futures: copies of a shop floor whose past is known and whose future is drawn anew, for
policies that simulate ahead. Compiled.

:func:`sample_future` copies what is known at the clock and draws everything that is hidden
(docs/model.md, sections 3 and 6) from its distribution, given what is known, with a seed of its
own. It never reads ``process_left``, ``time_to_failure``, the ``date`` of busy machines, dates of
material still to come, orders that are not released, the order of the heap of travellers, or the
seed; so two shops with one past have the very same imagined futures
(tests/factory/futures/test_sampled_futures.py).

What is assumed where the past does not tell all:

- The demand regime in force is drawn from its probabilities given the release dates so far (:func:`infer_regimes`), those of the supply regime given which
  orders' material was late.
- How long a broken operation had been processed is exact unless it failed when already overdue; then it counts as having just become overdue.
- Which supply regime made an order late is drawn by the regimes' shares in the long run and by how long the material is overdue.
- An order book is no model of demand: only the orders released so far exist in the imagined world.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    NEVER,
    OPERATION_BITS,
    OPERATION_MASK,
    PROCESSING,
    UPCOMING,
    FactoryArrays,
)
from factory.simulation.choices import is_eligible, list_choices, process_time
from factory.simulation.demand import draw_arrivals, draw_material, product_needs_material
from factory.simulation.kernel import EPISODE_OVER
from factory.simulation.queues import push_in_transit

_STEPS_PER_STAY = 4
_PRESENT = 1
"""Index under which the regime in force now is drawn; 0 is that of the lengths of stays."""
_ROUNDING = 2.5e-16
"""What adding and multiplying probabilities may change in their last digit."""
_CONDITIONAL = 2**32
"""Index, beyond those of all attempts, under which the rest of what has begun is drawn."""


@dataclass(frozen=True, eq=False)
class Beliefs(ArrayStruct):
    """Probability of each regime to be in force now, from what has been seen; filled by
    :func:`infer_regimes`."""

    demand: NDArray[np.float64]  # [R]
    supply: NDArray[np.float64]  # [S]
    before: NDArray[np.float64]  # [max(R, S)] working space: those of the step before


def allocate_beliefs(factories: FactoryArrays) -> Beliefs:
    """Beliefs about one environment of any of the factories."""
    demand, supply = max(1, factories.regimes.shape[1]), max(1, factories.supplies.shape[1])
    return Beliefs(np.zeros(demand), np.zeros(supply), np.zeros(max(demand, supply)))


# --- regimes --------------------------------------------------------------------------------------


@compiled
def infer_regimes(factory, shop, e, beliefs):
    """Probabilities of the regimes in force at the clock of environment ``e``, given what has been
    released and whose material was late.

    The forward filter of a Markov-modulated Poisson process (Fischer and Meier-Hellstern 1993, The
    Markov-modulated Poisson process cookbook, section 3.2), in steps of a quarter of the shortest
    stay, until a step changes nothing any more.
    """
    infer_demand_regime(factory, shop, e, beliefs.demand, beliefs.before)
    infer_supply_regime(factory, shop, e, beliefs.supply, beliefs.before)


@compiled
def infer_demand_regime(factory, shop, e, belief, before):
    """Each batch speaks for regimes with a high rate, each time without one for those with a low
    rate."""
    g = shop.env[e].factory
    belief[:] = 0.0
    belief[0] = 1.0
    regimes = factory.plant[g].num_regimes
    if regimes <= 1:
        return
    date = 0
    for order in range(factory.plant[g].initial_orders, shop.env[e].num_released):
        release_date = shop.orders[e, order].release_date
        if release_date > date or factory.plant[g].batch_high == 1:
            wait_for_batch(factory, g, belief, before, release_date - date)
            for regime in range(regimes):
                belief[regime] /= factory.regimes[g, regime].interarrival_time
            normalise(belief)
            date = release_date
    wait_for_batch(factory, g, belief, before, shop.env[e].clock - date)


@compiled
def wait_for_batch(factory, g, belief, before, elapsed):
    """Time passes and nothing is released; in how many steps."""
    regimes = factory.plant[g].num_regimes
    steps = steps_of(factory.regimes[g], regimes, elapsed)
    for step in range(steps):
        remember(belief, before)
        change_regimes(factory.regimes[g], regimes, belief, elapsed / steps)
        for regime in range(regimes):
            belief[regime] *= math.exp(
                -elapsed / steps / factory.regimes[g, regime].interarrival_time
            )
        normalise(belief)
        if is_settled(belief, before):
            return step + 1
    return steps


@compiled
def infer_supply_regime(factory, shop, e, belief, before):
    """Each order that needs material tells by its lateness which regime was likely in force at its
    release."""
    g = shop.env[e].factory
    belief[:] = 0.0
    belief[0] = 1.0
    regimes = factory.plant[g].num_supply_regimes
    if regimes <= 1:
        return
    date = 0
    for order in range(shop.env[e].num_released):
        if not product_needs_material(factory, g, shop.orders[e, order].product):
            continue
        release_date = shop.orders[e, order].release_date
        pass_supply(factory, g, belief, before, release_date - date)
        date = release_date
        late = (
            shop.orders[e, order].material_date > release_date
        )  # seen at the release: the material is there or it is not
        for regime in range(regimes):
            probability = factory.supplies[g, regime].late_probability
            belief[regime] *= probability if late else 1.0 - probability
        normalise(belief)
    pass_supply(factory, g, belief, before, shop.env[e].clock - date)


@compiled
def pass_supply(factory, g, belief, before, elapsed):
    """Time passes between two orders that need material; in how many steps."""
    regimes = factory.plant[g].num_supply_regimes
    steps = steps_of(factory.supplies[g], regimes, elapsed)
    for step in range(steps):
        remember(belief, before)
        change_regimes(factory.supplies[g], regimes, belief, elapsed / steps)
        if is_settled(belief, before):
            return step + 1
    return steps


@compiled
def remember(belief, before):
    """Keep the probabilities of before a step."""
    for regime in range(belief.shape[0]):
        before[regime] = belief[regime]


@compiled
def is_settled(belief, before):
    """Return whether a step has changed no probability by more than rounding does: all further
    steps of that length would change nothing either.
    """
    for regime in range(belief.shape[0]):
        if abs(belief[regime] - before[regime]) > _ROUNDING:
            return False
    return True


@compiled
def steps_of(stays, count, elapsed):
    """Steps that are short against the shortest stay."""
    shortest = math.inf
    for regime in range(count):
        if stays[regime].duration > 0.0:
            shortest = min(shortest, stays[regime].duration)
    return 1 + int(_STEPS_PER_STAY * elapsed / shortest)


@compiled
def change_regimes(stays, count, belief, time):
    """Regimes give way to the next one in turn; stays are exponential."""
    arriving = belief[count - 1] * leaving_probability(stays[count - 1].duration, time)
    for regime in range(count):
        leaving = belief[regime] * leaving_probability(stays[regime].duration, time)
        belief[regime] += arriving - leaving
        arriving = leaving


@compiled
def leaving_probability(duration, time):
    """Probability that a stay ends within ``time``."""
    if duration == 0.0:
        return 0.0
    return 1.0 - math.exp(-time / duration)


@compiled
def normalise(belief):
    """Probabilities sum to 1; what no regime can explain leaves the first one."""
    total = 0.0
    for regime in range(belief.shape[0]):
        total += belief[regime]
    if total <= 0.0:
        belief[0] = 1.0
        total = 1.0
    for regime in range(belief.shape[0]):
        belief[regime] /= total


@compiled
def draw_regime(belief, seed, role):
    """The regime in force now, by its probability."""
    target = random_numbers.uniform(seed, role, 0, _PRESENT)
    running, chosen = 0.0, 0
    for regime in range(belief.shape[0]):
        if belief[regime] > 0.0:
            chosen = regime
        running += belief[regime]
        if running > target:
            break
    return chosen


# --- the imagined world ---------------------------------------------------------------------------


@compiled
def sample_future(factory, shop, e, beliefs, target, t, seed, last_date):
    """Make environment ``t`` of ``target`` a world with the known present of environment ``e`` of
    ``shop`` and the future that belongs to ``seed``.

    ``target`` was allocated over the same ``factory`` arrays, with any numbers of rows and no log;
    ``shop`` is not changed. Orders are drawn up to the first batch after ``last_date``, beyond
    which the world must not be simulated. The asked machine is asked there too.
    """
    copy_floor(shop, e, target, t, seed)
    copy_orders(factory, shop, e, target, t)
    copy_centres(factory, shop, e, target, t)
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        copy_machine(factory, shop, e, target, t, machine)
    draw_late_material(factory, target, t)
    send_in_transit(factory, target, t)
    draw_orders_to_come(factory, target, t, beliefs, last_date)
    machine = target.env[t].deciding
    if machine >= 0 and not list_choices(factory, target, t, machine):
        target.env[t].deciding = EPISODE_OVER


@compiled
def copy_floor(shop, e, target, t, seed):
    """Clock and accounts."""
    target.env[t] = shop.env[e]
    target.env[t].seed = seed
    target.env[t].log_length = 0
    target.env[t].num_travelling = 0
    for term in range(shop.cost.shape[1]):
        target.cost[t, term] = shop.cost[e, term]


@compiled
def copy_orders(factory, shop, e, target, t):
    """Orders released so far; what each operation wants is copied for those in progress."""
    g = shop.env[e].factory
    clock = shop.env[e].clock
    for order in range(shop.env[e].num_released):
        target.orders[t, order] = shop.orders[e, order]
        if shop.orders[e, order].material_date > clock:
            target.orders[t, order].material_date = NEVER
    for place in range(shop.env[e].num_active):
        order = shop.active[e, place]
        target.active[t, place] = order
        for operation in range(factory.products[g, shop.orders[e, order].product].num_operations):
            target.operations[t, order, operation] = shop.operations[e, order, operation]
            for attribute in range(shop.wanted.shape[3]):
                target.wanted[t, order, operation, attribute] = shop.wanted[
                    e, order, operation, attribute
                ]
        for option in range(shop.option_value.shape[2]):
            target.option_value[t, order, option] = shop.option_value[e, order, option]


@compiled
def copy_centres(factory, shop, e, target, t):
    """Queues, and what is on its way to them."""
    for centre in range(factory.plant[shop.env[e].factory].num_centres):
        target.centres[t, centre] = shop.centres[e, centre]
        for place in range(shop.centres[e, centre].queue_length):
            target.queue[t, centre, place] = shop.queue[e, centre, place]
        for place in range(shop.centres[e, centre].upcoming_length):
            target.upcoming[t, centre, place] = shop.upcoming[e, centre, place]


@compiled
def copy_machine(factory, shop, e, target, t, machine):
    """One machine, with the rest of what it does and its next failure drawn anew; exponential times
    have no memory."""
    g, clock, seed = shop.env[e].factory, shop.env[e].clock, target.env[t].seed
    target.machines[t, machine] = shop.machines[e, machine]
    for attribute in range(shop.mounted.shape[2]):
        target.mounted[t, machine, attribute] = shop.mounted[e, machine, attribute]
    status = shop.machines[e, machine].status
    has_operation = shop.machines[e, machine].operation_id >= 0
    failures = shop.machines[e, machine].num_failures
    time_to_failure, process_left, date = NEVER, 0, NEVER
    if factory.machines[g, machine].mean_time_to_failure > 0:
        time_to_failure = random_numbers.exponential_ticks(
            factory.machines[g, machine].mean_time_to_failure,
            seed,
            random_numbers.FAILURE,
            machine,
            failures,
        )
    if status == PROCESSING and has_operation:
        process_left = draw_process_left(factory, target, t, machine)
        date = clock + min(process_left, time_to_failure)
        elapsed = (
            clock - shop.machines[e, machine].state_date
        )  # the kernel takes it off both when the status ends
        process_left += elapsed
        if time_to_failure != NEVER:
            time_to_failure += elapsed
    elif status == DOWN:
        process_left = draw_process_left(factory, target, t, machine) if has_operation else 0
        date = clock + random_numbers.exponential_ticks(
            factory.machines[g, machine].mean_time_to_repair,
            seed,
            random_numbers.REPAIR,
            machine,
            failures,
        )
    elif status == CHANGING:
        date = changeover_end(factory, target, t, machine)
    target.machines[t, machine].time_to_failure = time_to_failure
    target.machines[t, machine].process_left = process_left
    target.machines[t, machine].date = date


@compiled
def changeover_end(factory, shop, e, machine):
    """When the changeover in work ends: of one for an operation, the expected end is that of the
    operation."""
    operation_id = shop.machines[e, machine].operation_id
    end = shop.machines[e, machine].expected_end
    if operation_id >= 0:
        end -= process_time(
            factory, shop, e, operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK, machine
        )
    return end


@compiled
def processed_so_far(factory, shop, e, machine, expected):
    """Ticks for which the operation in work has been processed: the expected end moves on by every
    pause."""
    g = shop.env[e].factory
    if shop.machines[e, machine].status == DOWN:
        resumed_end = shop.machines[e, machine].expected_end - int(
            factory.machines[g, machine].mean_time_to_repair
        )
        return max(0, expected + shop.machines[e, machine].state_date - resumed_end)
    return max(0, expected + shop.env[e].clock - shop.machines[e, machine].expected_end)


@compiled
def draw_process_left(factory, shop, e, machine):
    """Rest of the operation in work: log-normal process time given that it exceeds what has been
    processed."""
    operation_id = shop.machines[e, machine].operation_id
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    if not is_eligible(factory, shop, e, order, operation, machine):
        return told_process_left(factory, shop, e, machine)
    expected = process_time(factory, shop, e, order, operation, machine)
    done = processed_so_far(factory, shop, e, machine, expected)
    sigma = factory.operations[shop.env[e].factory, shop.orders[e, order].product, operation].sigma
    if sigma == 0.0 or expected == 0:
        return max(1, expected - done)
    least = -math.inf
    if done > 0:  # it takes at least done + 1 ticks after rounding
        least = (math.log((done + 0.5) / expected) + sigma * sigma / 2.0) / sigma
    z = normal_above(
        least,
        random_numbers.bits(shop.env[e].seed, random_numbers.PROCESS, operation_id, _CONDITIONAL),
    )
    return max(1, math.floor(expected * math.exp(sigma * z - sigma * sigma / 2.0) + 0.5) - done)


@compiled
def told_process_left(factory, shop, e, machine):
    """Return the rest of an operation that the model does not allow here, by its expected end."""
    resumed = shop.env[e].clock
    if shop.machines[e, machine].status == DOWN:
        repair_time = int(factory.machines[shop.env[e].factory, machine].mean_time_to_repair)
        resumed = max(resumed + 1, shop.machines[e, machine].state_date + repair_time)
    return max(1, shop.machines[e, machine].expected_end - resumed)


@compiled
def normal_above(least, seed):
    """A standard normal number above ``least``, by rejection (Robert 1995, Simulation of truncated
    normal variables, proposition 2.3)."""
    attempt = 0
    if least <= 0.0:
        z = random_numbers.normal(seed, random_numbers.PROCESS, 0, attempt)
        while z < least:
            attempt += 1
            z = random_numbers.normal(seed, random_numbers.PROCESS, 0, attempt)
        return z
    rate = (least + math.sqrt(least * least + 4.0)) / 2.0
    while True:
        z = (
            least
            - math.log(random_numbers.uniform(seed, random_numbers.PROCESS, 1, attempt)) / rate
        )
        if random_numbers.uniform(seed, random_numbers.PROCESS, 2, attempt) <= math.exp(
            -((z - rate) ** 2) / 2.0
        ):
            return z
        attempt += 1


@compiled
def draw_late_material(factory, shop, e):
    """When the material arrives that is late already: lateness is exponential and has no memory."""
    for place in range(shop.env[e].num_active):
        order = shop.active[e, place]
        if shop.orders[e, order].material_date == NEVER:
            mean = draw_mean_lateness(factory, shop, e, order)
            lateness = random_numbers.exponential_ticks(
                mean, shop.env[e].seed, random_numbers.LATENESS, order, 0
            )
            shop.orders[e, order].material_date = shop.env[e].clock + lateness


@compiled
def draw_mean_lateness(factory, shop, e, order):
    """Mean lateness of the supply regime that made the order's material late, drawn among the
    regimes by share, probability and lateness so far."""
    g = shop.env[e].factory
    overdue = shop.env[e].clock - shop.orders[e, order].release_date
    total = 0.0
    for regime in range(factory.plant[g].num_supply_regimes):
        total += late_weight(factory, g, regime, overdue)
    target = total * random_numbers.uniform(shop.env[e].seed, random_numbers.MATERIAL, order, 0)
    running = 0.0
    for regime in range(factory.plant[g].num_supply_regimes - 1):
        running += late_weight(factory, g, regime, overdue)
        if running > target:
            return factory.supplies[g, regime].mean_lateness
    return factory.supplies[g, factory.plant[g].num_supply_regimes - 1].mean_lateness


@compiled
def late_weight(factory, g, regime, overdue):
    """How likely the regime is to have made material late by more than ``overdue``."""
    share = factory.supplies[g, regime].late_probability * max(
        1.0, factory.supplies[g, regime].duration
    )
    if share == 0.0:
        return 0.0
    return share * math.exp(-overdue / factory.supplies[g, regime].mean_lateness)


@compiled
def send_in_transit(factory, shop, e):
    """Send operations whose predecessors are done: they come by transport, or with their material.

    What is overdue arrives in the next tick.
    """
    g = shop.env[e].factory
    for place in range(shop.env[e].num_active):
        order = shop.active[e, place]
        product = shop.orders[e, order].product
        for operation in range(factory.products[g, product].num_operations):
            if (
                shop.operations[e, order, operation].status == UPCOMING
                and shop.operations[e, order, operation].predecessors_left == 0
            ):
                arrival_date = shop.operations[e, order, operation].arrival_date
                date = max(arrival_date, shop.env[e].clock + 1)
                if factory.operations[g, product, operation].needs_material:
                    date = max(date, shop.orders[e, order].material_date)
                push_in_transit(shop, e, date, (order << OPERATION_BITS) | operation)


@compiled
def draw_orders_to_come(factory, shop, e, beliefs, last_date):
    """Arrivals from the clock on, by the model of demand; none after those of an order book that
    are known."""
    g, clock, first = shop.env[e].factory, shop.env[e].clock, shop.env[e].num_released
    if factory.plant[g].num_regimes == 0:
        shop.env[e].num_orders = first
        return
    regime = draw_regime(beliefs.demand, shop.env[e].seed, random_numbers.DEMAND_REGIME)
    drawn = draw_arrivals(
        factory, shop, e, first, regime, clock + 0.5, last_date
    )  # what was due by now has been released
    for order in range(first, drawn):
        shop.orders[e, order].completion_date = -1
    supply = draw_regime(beliefs.supply, shop.env[e].seed, random_numbers.SUPPLY_REGIME)
    draw_material(factory, shop, e, first, drawn, supply, clock)
