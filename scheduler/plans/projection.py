"""Projections: shop floors simulated until the orders that are known are done. Compiled.

:mod:`scheduler.plans.starting_floors` has the floors that they start from.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import (
    NO_ROW,
    NOT_FINITE,
    NetworkScratch,
    NetworkWeights,
    all_logits,
    greedy_row,
)
from agents.rules.compiled import choose_row
from envs.observation.kernel import observe
from factory.futures.lulls import LASTING, is_long_quiet, next_event_date, note_event, prolong_waits
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.arrays import IDLE, NEVER, UPCOMING, operation_of, order_of
from factory.simulation.costs import settle_costs
from factory.simulation.kernel import (
    EPISODE_OVER,
    STUCK,
    apply_action,
    next_idle_machine,
    pass_to_next_event,
    process_due_events,
)
from scheduler.floor.dated_locks import next_dated
from scheduler.floor.locks import hold_for, narrow_choices
from scheduler.plans.starting_floors import in_service_date

_MAX_IDLE_ROUNDS = 1000
"""Number of rounds of waits while nothing else is going to happen; then the floor is stuck."""
_FREE_IDLE_ROUNDS = 16
"""Number of these rounds after which a machine that may start something must not wait."""
_MAX_CHANGES = 100
"""Number of changeovers alone, for each machine, after which none is made ahead.

They count since an operation was last started.
"""
RUNNING, PAUSED_SEARCH, FAULT = 0, 1, 2
FINISHED, CIRCLING = -3, -4
"""``deciding`` of an environment at its end, and of one where changeovers never lead to a start."""
IDLE_ROUNDS, CHANGES = 0, 1
"""Columns of the counts of an environment.

Rounds in which nothing is going to happen; changeovers since an operation was last started.
"""


class SampledNetwork(NamedTuple):
    """A network that plays a floor, with its working memory."""

    weights: NetworkWeights
    scratch: NetworkScratch
    rows: NDArray[np.int64]  # [A] working space
    logits: NDArray[np.float64]  # [A] working space
    temperature: float  # of the softmax that rows are sampled from; 0: the best row
    seed: Any  # of the samples, uint64


@compiled
def advance_to_decision(
    factory, seen, shop, locks, known, last_date, lulls, counts, scratch, tables
):
    """Advance every environment to its next decision, and observe it.

    Parameters
    ----------
    factory, seen
        The factory as it is simulated, and as decision makers see it.
    known, last_date
        An environment is FINISHED when its first ``known`` orders are completed or ``last_date``
        has passed.
    lulls, counts
        Memory: of :func:`factory.futures.lulls.allocate_lulls`, and zeros ``[E, 2]`` at first.

    Returns
    -------
    RUNNING; STUCK if in some environment nothing is ever going to happen; CIRCLING if changeovers
    never lead to a start.
    """
    for e in range(shop.env.shape[0]):
        if shop.env[e].deciding == FINISHED:
            continue
        shop.env[e].deciding = advance_one(factory, shop, e, locks, known, last_date, lulls, counts)
        if shop.env[e].deciding == STUCK or shop.env[e].deciding == CIRCLING:
            return shop.env[e].deciding
        if shop.env[e].deciding >= 0:
            observe(
                seen,
                shop,
                e,
                scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
    return RUNNING


@compiled
def decide_all(factory, shop, rows, counts):
    """Carry out a row for every environment that is asked; False if one is not legal."""
    for e in range(rows.shape[0]):
        if shop.env[e].deciding >= 0 and not decide_and_count(factory, shop, e, rows[e], counts):
            return False
    return True


@compiled
def decide_and_count(factory, shop, e, row, counts):
    """Carry out a row, and count changeovers alone; False if it is not legal."""
    if not apply_action(factory, shop, e, row):
        return False
    if row < shop.job_row.shape[1]:
        counts[e, CHANGES] = 0
    elif row < shop.legal.shape[1] - 1:
        counts[e, CHANGES] += 1
    return True


@compiled
def simulate_policy(
    factory,
    seen,
    shop,
    locks,
    known,
    last_date,
    lulls,
    counts,
    scratch,
    tables,
    network,
    max_decisions,
    max_lines,
):
    """Let a :class:`SampledNetwork` play every environment to its end.

    All other parameters are those of :func:`advance_to_decision`.

    Returns
    -------
    RUNNING, STUCK, CIRCLING, PAUSED_SEARCH after ``max_decisions`` or where the log has more than
    ``max_lines``, or FAULT where the network has no legal choice to offer.
    """
    decisions = 0
    for e in range(shop.env.shape[0]):
        while shop.env[e].deciding != FINISHED:
            if decisions == max_decisions or shop.env[e].log_length > max_lines:
                return PAUSED_SEARCH
            machine = advance_one(factory, shop, e, locks, known, last_date, lulls, counts)
            shop.env[e].deciding = machine
            if machine in (STUCK, CIRCLING):
                return machine
            if machine == FINISHED:
                break
            observe(
                seen,
                shop,
                e,
                scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
            row = network_row(network, tables, e, shop.env[e].decisions)
            if row < 0 or not decide_and_count(factory, shop, e, row, counts):
                return FAULT
            decisions += 1
    return RUNNING


@compiled
def simulate_rule(
    factory,
    seen,
    shop,
    locks,
    known,
    last_date,
    lulls,
    counts,
    rule,
    max_decisions,
    max_lines,
):
    """Let a :class:`agents.rules.compiled.CompiledRule` play every environment to its end.

    Parameters and results are those of :func:`simulate_policy`.
    """
    decisions = 0
    for e in range(shop.env.shape[0]):
        while shop.env[e].deciding != FINISHED:
            if decisions == max_decisions or shop.env[e].log_length > max_lines:
                return PAUSED_SEARCH
            machine = advance_one(factory, shop, e, locks, known, last_date, lulls, counts)
            shop.env[e].deciding = machine
            if machine in (STUCK, CIRCLING):
                return machine
            if machine == FINISHED:
                break
            row = choose_row(seen, shop, e, rule)
            if not decide_and_count(factory, shop, e, row, counts):
                return FAULT
            decisions += 1
    return RUNNING


@compiled
def network_row(network, tables, e, draw):
    """Return the row that the network chooses; negative if it has none."""
    candidates, machines = tables.candidates[e], tables.machines[e]
    shop, mask = tables.shop[e], tables.action_mask[e]
    if network.temperature == 0.0:
        return greedy_row(network.weights, network.scratch, candidates, machines, shop, mask)
    return sampled_row(
        network.weights,
        network.scratch,
        candidates,
        machines,
        shop,
        mask,
        network.rows,
        network.logits,
        network.temperature,
        network.seed,
        draw,
    )


@compiled
def sampled_row(
    weights,
    scratch,
    candidates,
    machines,
    shop,
    action_mask,
    rows,
    logits,
    temperature,
    seed,
    draw,
):
    """Sample a legal row from the softmax of logits over ``temperature``; NO_ROW or NOT_FINITE.

    The largest sum of a logit and Gumbel noise is such a sample (Gumbel 1954). ``rows`` and
    ``logits [A]`` are working space; ``draw`` is the index of the sample under ``seed``.
    """
    count = all_logits(weights, scratch, candidates, machines, shop, action_mask, rows, logits)
    best, highest = NO_ROW, -math.inf
    for i in range(count):
        if not math.isfinite(logits[i]):
            return NOT_FINITE
        noise = -math.log(
            -math.log(random_numbers.uniform(seed, random_numbers.CHOICE, draw, rows[i]))
        )
        value = logits[i] / temperature + noise
        if value > highest:
            best, highest = rows[i], value
    return best


@compiled
def advance_one(factory, shop, e, locks, known, last_date, lulls, counts):
    """Advance to the next decision; return its machine, or FINISHED, STUCK or CIRCLING."""
    while True:
        process_due_events(factory, shop, e)
        shop.env[e].deciding = EPISODE_OVER
        if next_unfinished(shop, e) >= known:
            settle_costs(factory, shop, e)
            return FINISHED
        event_date = min(
            next_event_date(factory, shop, e, lulls),
            next_service_date(factory, shop, e, locks),
            next_dated(shop, e, locks),
        )
        note_event(factory, shop, e, lulls, event_date)
        machine = next_idle_machine(factory, shop, e)
        if machine >= 0:
            if narrow_choices(factory, shop, e, machine, locks):
                if counts[e, CHANGES] > 10 * max_changes(factory, shop, e):
                    return CIRCLING
                end_dawdling(factory, shop, e, machine, lulls, counts)
                return machine
            shop.env[e].deciding = machine
            hold_for(shop, e, machine, locks, LASTING)
            continue
        prolong_waits(factory, shop, e, lulls)
        if not pass_to_next_event(factory, shop, e, last_date):
            if shop.env[e].deciding == STUCK:
                return STUCK
            settle_costs(factory, shop, e)
            return FINISHED
        counts[e, IDLE_ROUNDS] = counts[e, IDLE_ROUNDS] + 1 if event_date == NEVER else 0
        if counts[e, IDLE_ROUNDS] > _MAX_IDLE_ROUNDS:
            return STUCK


@compiled
def next_unfinished(shop, e):
    """Return the index of the first order that is not completed, released or not."""
    if shop.env[e].num_active == 0:
        return shop.env[e].num_released
    return shop.active[e, 0]


@compiled
def max_changes(factory, shop, e):
    """Return the number of changeovers alone after which none is made ahead."""
    return _MAX_CHANGES * factory.plant[shop.env[e].factory].num_machines


@compiled
def next_service_date(factory, shop, e, locks):
    """Return the date on which the next idle machine is in service again; NEVER if all are."""
    date = NEVER
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        until = in_service_date(locks, machine)
        if shop.machines[e, machine].status == IDLE and until > shop.env[e].clock:
            date = min(date, until)
    return date


@compiled
def end_dawdling(factory, shop, e, machine, lulls, counts):
    """Refuse rows of the asked machine that would let a plan go on for ever.

    It must not wait with an operation that it may start if nothing has happened for long, nor with
    anything else if nothing is going to happen; after many changeovers without a start it makes
    none ahead. A row that is the only legal one stays.
    """
    job_rows, wait = shop.job_row.shape[1], shop.legal.shape[1] - 1
    if counts[e, CHANGES] > max_changes(factory, shop, e):
        for row in range(shop.env[e].num_changeover_rows):
            lead = shop.changeover_lead[e, row]
            if (
                lead >= 0
                and shop.operations[e, order_of(lead), operation_of(lead)].status == UPCOMING
            ):
                refuse_row(shop, e, job_rows + row)
    if counts[e, IDLE_ROUNDS] > _FREE_IDLE_ROUNDS or (
        is_long_quiet(shop, e, lulls, machine, shop.env[e].clock) and has_legal_job(shop, e)
    ):
        refuse_row(shop, e, wait)


@compiled
def has_legal_job(shop, e):
    """Return whether the asked machine may start an operation."""
    for row in range(shop.env[e].num_job_rows):
        if shop.legal[e, row]:
            return True
    return False


@compiled
def refuse_row(shop, e, row):
    """Make a row illegal, unless it is the only legal one."""
    for other in range(shop.legal.shape[1]):
        if other != row and shop.legal[e, other]:
            shop.legal[e, row] = False
            return
