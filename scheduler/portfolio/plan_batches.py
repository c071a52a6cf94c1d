"""Costs of many plans in the expected future, one compiled call for all of them. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from agents.rules.compiled import CompiledRule
from factory.futures.lulls import begin_lulls
from factory.jit.compile import compiled
from factory.simulation.costs import total_cost
from scheduler.plans.projection import (
    RUNNING,
    SampledNetwork,
    simulate_policy,
    simulate_rule,
)
from scheduler.plans.starting_floors import init_expected
from scheduler.portfolio.sequence_moves import draw_move, draw_share, make_move, undo_move
from scheduler.portfolio.sequence_simulation import NO_PLAN, follow_sequences

_ENDLESS = 2**62


@compiled
def begin_plan(factory, source, locks, shop, lulls, counts):
    """Set environment 0 of ``shop`` to the start of the expected future of ``source``."""
    init_expected(factory, source, locks, shop)
    begin_lulls(lulls, 0)
    counts[0, :] = 0
    shop.env[0].deciding = 0


@compiled
def cost_of_rules(factory, source, locks, shop, known, last_date, lulls, counts, rules, costs):
    """Fill ``costs [R]`` of the plans of rules; NO_PLAN where there is none.

    Parameters
    ----------
    rules
        Fields of :class:`agents.rules.compiled.CompiledRule`, ``[R, 6]``.
    """
    for i in range(costs.shape[0]):
        rule = CompiledRule(
            int(rules[i, 0]), rules[i, 1], rules[i, 2], rules[i, 3], rules[i, 4], rules[i, 5]
        )
        begin_plan(factory, source, locks, shop, lulls, counts)
        limits = (_ENDLESS, _ENDLESS)
        outcome = simulate_rule(
            factory, factory, shop, locks, known, last_date, lulls, counts, rule, *limits
        )
        costs[i] = total_cost(shop, 0) if outcome == RUNNING else NO_PLAN


@compiled
def cost_of_samples(
    factory,
    seen,
    source,
    locks,
    shop,
    known,
    last_date,
    lulls,
    counts,
    scratch,
    tables,
    network,
    temperatures,
    seeds,
    costs,
):
    """Fill ``costs [S]`` of the plans that a network samples; NO_PLAN where there is none.

    Parameters
    ----------
    network
        :class:`scheduler.plans.projection.SampledNetwork`.
    temperatures, seeds
        Of each sample, ``[S]``.
    """
    for i in range(costs.shape[0]):
        begin_plan(factory, source, locks, shop, lulls, counts)
        player = SampledNetwork(
            network.weights,
            network.scratch,
            network.rows,
            network.logits,
            temperatures[i],
            seeds[i],
        )
        outcome = simulate_policy(
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
            player,
            _ENDLESS,
            _ENDLESS,
        )
        costs[i] = total_cost(shop, 0) if outcome == RUNNING else NO_PLAN


@compiled
def cost_of_sequences(factory, source, locks, shop, known, plan, margin, bound):
    """Return the cost of sequences, and note their dates; NO_PLAN as in `follow_sequences`."""
    init_expected(factory, source, locks, shop)
    cost = follow_sequences(factory, shop, locks, known, plan, margin, bound)
    if cost < NO_PLAN:
        note_dates(shop, plan)
    return cost


@compiled
def note_dates(shop, plan):
    """Note the dates of the sequences that were simulated."""
    for order in range(plan.completion_date.shape[0]):
        plan.completion_date[order] = shop.orders[0, order].completion_date
        for operation in range(plan.start_date.shape[1]):
            plan.start_date[order, operation] = plan.trial_date[order, operation]


@compiled
def improve_sequences(
    factory, source, locks, shop, known, plan, best, margin, random, temperature, steps, costs
):
    """Try moves, and keep those that cost little more by simulated annealing.

    Kirkpatrick, Gelatt and Vecchi 1983, Optimization by simulated annealing. Which costs are
    accepted is drawn before a move is simulated, so that dearer ones are given up early.

    Parameters
    ----------
    plan, best
        Sequences that are changed, and the cheapest so far (:class:`MachineSteps`).
    random
        Seed and number of draws, uint64 ``[2]``.
    temperature
        Increase in cost that is accepted with probability 1/e.
    steps
        Number of moves to try.
    costs
        Costs of both sequences, ``[2]``.
    """
    for _ in range(steps):
        if not draw_move(factory, shop, plan, random):
            continue
        make_move(plan)
        bound = costs[0] - temperature * math.log(draw_share(random))
        cost = cost_of_sequences(factory, source, locks, shop, known, plan, margin, bound)
        if cost == NO_PLAN:
            undo_move(plan)
            continue
        costs[0] = cost
        if cost < costs[1]:
            costs[1] = cost
            copy_steps(plan, best)


@compiled
def copy_steps(plan, target):
    """Copy the sequences of all machines."""
    for machine in range(plan.length.shape[0]):
        target.length[machine] = plan.length[machine]
        for i in range(plan.length[machine]):
            target.steps[machine, i] = plan.steps[machine, i]
