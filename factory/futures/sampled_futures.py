"""Sampled futures: shop floors with a known past whose future is drawn anew. Compiled.

Policies that simulate ahead play in them. :func:`sample_future` copies what is known at the clock
and draws everything that is hidden (docs/model.md, sections 3 and 6) from its distribution, given
what is known, with a seed of its own. It never reads ``process_left``, ``time_to_failure``, the
``date`` of busy machines, dates of material still to come, orders that are not released, the order
of the heap of operations in transit, or the seed; so two shops with one past have the very same
sampled futures (tests/factory/futures/test_sampled_futures.py).

Assumptions where the past is not enough:

- The demand regime in force is drawn from its probabilities given the release dates so far
  (:func:`infer_regimes`), that of supply given which orders' material was late.
- The time for which a broken operation had been processed is exact unless it failed when already
  overdue; then it counts as having just become overdue.
- The supply regime that made an order late is drawn by the regimes' shares in the long run and by
  how long the material is overdue.
- An order book is no model of demand: only the orders released so far exist in a sampled future.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.futures.known_present import (
    change_left,
    copy_centres,
    copy_floor,
    copy_orders,
    expected_process_left,
    processed_so_far,
    send_in_transit,
)
from factory.futures.regime_filter import draw_regime, infer_demand_regime, infer_supply_regime
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.realisation.demand import draw_arrivals, draw_material
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    NEVER,
    PAUSED,
    PROCESSING,
    PROCESSING_REST,
    FactoryArrays,
    operation_of,
    order_of,
)
from factory.simulation.choices import list_choices
from factory.simulation.estimates import is_eligible, process_time
from factory.simulation.kernel import EPISODE_OVER
from factory.simulation.machine_records import (
    copy_machine,
    draw_failure,
    draw_repair,
    set_remaining,
)

_CONDITIONAL = 2**32
"""Index, beyond those of all attempts, under which the rest of what has begun is drawn."""


@dataclass(frozen=True, eq=False)
class Beliefs(ArrayStruct):
    """Probability of each regime to be in force now; :func:`infer_regimes` fills it."""

    demand: NDArray[np.float64]  # [R]
    supply: NDArray[np.float64]  # [S]
    before: NDArray[np.float64]  # [max(R, S)] working space: probabilities before a step


def allocate_beliefs(factories: FactoryArrays) -> Beliefs:
    """Return room for the beliefs about one environment of any of the factories."""
    demand, supply = max(1, factories.regimes.shape[1]), max(1, factories.supplies.shape[1])
    return Beliefs(np.zeros(demand), np.zeros(supply), np.zeros(max(demand, supply)))


# --- regimes --------------------------------------------------------------------------------------


@compiled
def infer_regimes(factory, shop, e, beliefs):
    """Infer the regimes in force at the clock from releases and late material so far.

    :mod:`factory.futures.regime_filter` has the method.
    """
    infer_demand_regime(factory, shop, e, beliefs.demand, beliefs.before)
    infer_supply_regime(factory, shop, e, beliefs.supply, beliefs.before)


# --- the sampled future ---------------------------------------------------------------------------


@compiled
def sample_future(factory, shop, e, beliefs, target, t, seed, last_date):
    """Fill environment ``t`` of ``target`` with the present of ``shop[e]`` and a sampled future.

    The future belongs to ``seed``. ``target`` was allocated over the same ``factory`` arrays, with
    any numbers of rows and no log; ``shop`` is not changed. Orders are drawn up to the first batch
    after ``last_date``, beyond which the target must not be simulated. The asked machine is asked
    there too.
    """
    copy_floor(shop, e, target, t, seed)
    copy_orders(factory, shop, e, target, t)
    copy_centres(factory, shop, e, target, t)
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        sample_machine(factory, shop, e, target, t, machine)
    draw_late_material(factory, target, t)
    send_in_transit(factory, target, t)
    draw_orders_to_come(
        factory, target, t, beliefs, target.env[t].num_released, target.env[t].clock, last_date
    )
    machine = target.env[t].deciding
    if machine >= 0 and not list_choices(factory, target, t, machine):
        target.env[t].deciding = EPISODE_OVER


@compiled
def sample_machine(factory, shop, e, target, t, machine):
    """Copy a machine; draw anew the rest of its work and its next failure.

    Exponential times have no memory.
    """
    g = shop.env[e].factory
    copy_machine(shop, e, target, t, machine)
    status = shop.machines[e, machine].status
    has_operation = shop.machines[e, machine].operation_id >= 0
    target.machines[t, machine].date = NEVER
    target.machines[t, machine].process_left = 0
    target.machines[t, machine].time_to_failure = NEVER
    if factory.machines[g, machine].mean_time_to_failure > 0:
        draw_failure(factory, target, t, machine)
    if status == PROCESSING and has_operation:
        if target.machines[t, machine].time_to_failure != NEVER:
            elapsed = shop.env[e].clock - shop.machines[e, machine].state_date
            target.machines[t, machine].time_to_failure += elapsed
        set_remaining(target, t, machine, draw_process_left(factory, target, t, machine))
    elif status == DOWN:
        if has_operation:
            process_left = draw_process_left(factory, target, t, machine)
            target.machines[t, machine].process_left = process_left
        set_remaining(target, t, machine, draw_repair(factory, target, t, machine))
    elif status == CHANGING:
        set_remaining(target, t, machine, change_left(factory, target, t, machine))
    elif status == PAUSED and shop.machines[e, machine].paused_work == PROCESSING_REST:
        process_left = draw_process_left(factory, target, t, machine)
        target.machines[t, machine].process_left = process_left


@compiled
def draw_process_left(factory, shop, e, machine):
    """Draw the rest of the operation in work.

    Its log-normal process time is known to exceed what has been processed.
    """
    operation_id = shop.machines[e, machine].operation_id
    order, operation = order_of(operation_id), operation_of(operation_id)
    if not is_eligible(factory, shop, e, order, operation, machine):
        # the model does not allow it here, so that its expected end is all that is known
        return max(1, expected_process_left(factory, shop, e, machine))
    expected = process_time(factory, shop, e, order, operation, machine)
    done = processed_so_far(factory, shop, e, machine, expected)
    sigma = factory.operations[shop.env[e].factory, shop.orders[e, order].product, operation].sigma
    if sigma == 0.0 or expected == 0:
        return max(1, expected - done)
    lowest = -math.inf
    if done > 0:  # it takes at least done + 1 ticks after rounding
        lowest = (math.log((done + 0.5) / expected) + sigma * sigma / 2.0) / sigma
    z = normal_above(
        lowest,
        random_numbers.bits(shop.env[e].seed, random_numbers.PROCESS, operation_id, _CONDITIONAL),
    )
    return max(1, math.floor(expected * math.exp(sigma * z - sigma * sigma / 2.0) + 0.5) - done)


@compiled
def normal_above(lowest, seed):
    """Draw a standard normal number above ``lowest``.

    By rejection (Robert 1995, Simulation of truncated normal variables, proposition 2.3).
    """
    attempt = 0
    if lowest <= 0.0:
        z = random_numbers.normal(seed, random_numbers.PROCESS, 0, attempt)
        while z < lowest:
            attempt += 1
            z = random_numbers.normal(seed, random_numbers.PROCESS, 0, attempt)
        return z
    rate = (lowest + math.sqrt(lowest * lowest + 4.0)) / 2.0
    while True:
        step = -math.log(random_numbers.uniform(seed, random_numbers.PROCESS, 1, attempt))
        z = lowest + step / rate
        if random_numbers.uniform(seed, random_numbers.PROCESS, 2, attempt) <= math.exp(
            -((z - rate) ** 2) / 2.0
        ):
            return z
        attempt += 1


@compiled
def draw_late_material(factory, shop, e):
    """Draw the arrival of late material; lateness is exponential and has no memory."""
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        if shop.orders[e, order].material_date == NEVER:
            mean = draw_mean_lateness(factory, shop, e, order)
            lateness = random_numbers.exponential_ticks(
                mean, shop.env[e].seed, random_numbers.LATENESS, order, 0
            )
            shop.orders[e, order].material_date = shop.env[e].clock + lateness


@compiled
def draw_mean_lateness(factory, shop, e, order):
    """Draw the supply regime that made the order's material late; return its mean lateness.

    Regimes are drawn by share, probability of lateness, and lateness so far.
    """
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
    """Weigh the regime by how likely it makes material late by more than ``overdue``."""
    share = factory.supplies[g, regime].late_probability * max(
        1.0, factory.supplies[g, regime].duration
    )
    if share == 0.0:
        return 0.0
    return share * math.exp(-overdue / factory.supplies[g, regime].mean_lateness)


@compiled
def draw_orders_to_come(factory, shop, e, beliefs, first, date, last_date):
    """Draw orders from ``first`` on by the model of demand; none follow an order book.

    They arrive after ``date``. The regimes in force then are those believed in now.
    """
    g = shop.env[e].factory
    if factory.plant[g].num_regimes == 0:
        shop.env[e].num_orders = first
        return
    regime = draw_regime(beliefs.demand, shop.env[e].seed, random_numbers.DEMAND_REGIME)
    # what was due by the date has been released
    drawn = draw_arrivals(factory, shop, e, first, regime, date + 0.5, last_date)
    for order in range(first, drawn):
        shop.orders[e, order].completion_date = -1
    supply = draw_regime(beliefs.supply, shop.env[e].seed, random_numbers.SUPPLY_REGIME)
    draw_material(factory, shop, e, first, drawn, supply, date)
