"""Dispatching rules of the ATC family, for policies that simulate many decisions. Compiled.

The choices are those of :mod:`agents.rules.registry` (tests/agents/search/test_rollout.py), but
read from the shop instead of the observation, which takes a tenth of the time.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from typing import NamedTuple

from agents.rules.registry import Rule, make_rule
from envs.observation.operations import operation_due_date
from factory.jit.compile import compiled
from factory.setups import differs, setup_time
from factory.simulation.arrays import operation_of, order_of
from factory.simulation.choices import any_busy, is_detour, row_without_jobs
from factory.simulation.estimates import is_eligible, process_time, ready_in

RANKS_QUEUE, RANKS_ALL, HOLD_CONDITION = 0, 1, 2
_MIN_POSITIVE = 1e-9  # as in agents.rules.priorities


class CompiledRule(NamedTuple):
    """A rule of the ATC family: log(w/p) - slack/(k1 p_bar) - s/(k2 s_bar) - r/(k3 p_bar)."""

    form: int  # RANKS_QUEUE: ATC, ATCS; RANKS_ALL: ATCSR; HOLD_CONDITION: ATCS+HOLD
    k1: float
    k2: float
    k3: float
    hold: float
    within: float


def compile_rule(rule: Rule) -> CompiledRule | None:
    """Return the compiled form of a rule; None if it is not of the ATC family."""
    values = {name: float(value) for name, value in rule.values.items()}
    if rule.name == "ATC":
        return CompiledRule(RANKS_QUEUE, values["k"], math.inf, math.inf, 0.0, 0.0)
    if rule.name == "ATCS":
        return CompiledRule(RANKS_QUEUE, values["k1"], values["k2"], math.inf, 0.0, 0.0)
    if rule.name == "ATCSR":
        return CompiledRule(RANKS_ALL, values["k1"], values["k2"], values["k3"], 0.0, 0.0)
    if rule.name == "ATCS+HOLD":
        limits = values["hold"], values["within"]
        return CompiledRule(HOLD_CONDITION, values["k1"], values["k2"], math.inf, *limits)
    return None


def compile_nearest(rule: Rule) -> CompiledRule:
    """Return the compiled form of a rule; ATCS with default parameters for other families."""
    compiled_rule = compile_rule(rule) or compile_rule(make_rule("ATCS"))
    assert compiled_rule is not None  # ATCS is of the ATC family
    return compiled_rule


@compiled
def choose_row(factory, shop, e, rule):
    """Return the row that ``rule`` chooses for the asked machine of environment ``e``."""
    machine = shop.env[e].deciding
    if rule.form == RANKS_ALL:
        mean_time, mean_setup = measure_rows(factory, shop, e, machine)
    else:
        mean_time, mean_setup = measure_queue(factory, shop, e, machine)
    process_scale, setup_scale = max(mean_time, _MIN_POSITIVE), max(mean_setup, _MIN_POSITIVE)
    wait = shop.legal.shape[1] - 1
    best, best_priority = -1, 0.0
    for row in range(shop.env[e].num_job_rows):
        if shop.legal[e, row]:
            priority = rank_operation(
                factory,
                shop,
                e,
                machine,
                shop.job_row[e, row],
                rule,
                process_scale,
                setup_scale,
                -1,
            )
            if best < 0 or priority > best_priority:
                best, best_priority = row, priority
    if best >= 0:
        if (
            rule.form == HOLD_CONDITION
            and shop.legal[e, wait]
            and is_held(
                factory, shop, e, machine, shop.job_row[e, best], rule, process_scale, setup_scale
            )
        ):
            return wait
        return best
    row = row_without_jobs(shop, e)
    if rule.form == RANKS_ALL and row == wait and setup_serves_nothing(factory, shop, e, machine):
        return best_ahead(factory, shop, e, machine, rule, process_scale, setup_scale)
    return row


@compiled
def best_ahead(factory, shop, e, machine, rule, process_scale, setup_scale):
    """Return the changeover row that the rule ranks first; the wait if none is legal."""
    job_rows, best, best_priority = shop.job_row.shape[1], shop.legal.shape[1] - 1, -math.inf
    for row in range(shop.env[e].num_changeover_rows):
        lead = shop.changeover_lead[e, row]
        if shop.legal[e, job_rows + row] and lead >= 0:
            priority = rank_operation(
                factory, shop, e, machine, lead, rule, process_scale, setup_scale, row
            )
            if priority > best_priority:
                best, best_priority = job_rows + row, priority
    return best


@compiled
def row_setup_time(factory, shop, e, machine, operation_id, changeover_row):
    """Return the changeover time of a job row (-1: forbidden), or of a changeover row."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    mounted = shop.mounted[e, machine]
    if changeover_row >= 0:
        target = shop.changeover_target[e, changeover_row]
        return setup_time(factory, g, centre, machine, mounted, target)
    wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
    return setup_time(factory, g, centre, machine, mounted, wanted)


@compiled
def measure_queue(factory, shop, e, machine):
    """Return mean process and changeover time of the ready operations that are eligible here.

    Forbidden changeovers do not count.
    """
    centre = factory.machines[shop.env[e].factory, machine].centre
    ready, total_time, setups, total_setup = 0, 0.0, 0, 0.0
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if is_eligible(factory, shop, e, order, operation, machine):
            ready += 1
            total_time += process_time(factory, shop, e, order, operation, machine)
            setup = row_setup_time(factory, shop, e, machine, operation_id, -1)
            if setup >= 0:
                setups += 1
                total_setup += setup
    return total_time / max(1, ready), total_setup / max(1, setups)


@compiled
def measure_rows(factory, shop, e, machine):
    """Return mean process and changeover time of all job and changeover rows."""
    total_time, total_setup = 0.0, 0.0
    for row in range(shop.env[e].num_job_rows):
        operation_id = shop.job_row[e, row]
        total_time += process_time(
            factory, shop, e, order_of(operation_id), operation_of(operation_id), machine
        )
        total_setup += max(0, row_setup_time(factory, shop, e, machine, operation_id, -1))
    rows = shop.env[e].num_job_rows
    for row in range(shop.env[e].num_changeover_rows):
        operation_id = shop.changeover_lead[e, row]
        if operation_id < 0:
            continue  # a maintenance
        total_time += process_time(
            factory, shop, e, order_of(operation_id), operation_of(operation_id), machine
        )
        total_setup += row_setup_time(factory, shop, e, machine, operation_id, row)
        rows += 1
    return total_time / max(1, rows), total_setup / max(1, rows)


@compiled
def discount_row(
    factory, shop, e, machine, operation_id, rule, process_scale, setup_scale, changeover_row
):
    """Return the discount of slack, changeover and ready time on log(w/p)."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    time = process_time(factory, shop, e, order, operation, machine)
    setup = max(0, row_setup_time(factory, shop, e, machine, operation_id, changeover_row))
    ready = ready_in(shop, e, order, operation) if changeover_row >= 0 else 0.0
    slack = max(
        0.0, operation_due_date(shop, e, order, operation) - shop.env[e].clock - time - ready
    )
    return (
        slack / (rule.k1 * process_scale)
        + setup / (rule.k2 * setup_scale)
        + ready / (rule.k3 * process_scale)
    )


@compiled
def rank_operation(
    factory, shop, e, machine, operation_id, rule, process_scale, setup_scale, changeover_row
):
    """Return the priority of a row, higher is sooner."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    time = process_time(factory, shop, e, order, operation, machine)
    gain = math.log(shop.orders[e, order].weight / max(float(time), _MIN_POSITIVE))
    return gain - discount_row(
        factory, shop, e, machine, operation_id, rule, process_scale, setup_scale, changeover_row
    )


@compiled
def is_held(factory, shop, e, machine, operation_id, rule, process_scale, setup_scale):
    """Return True if ATCS+HOLD waits instead of starting ``operation_id``.

    The operation needs a changeover and is not urgent, the next one on its way here can start soon,
    and some machine is at work. Without the last condition that one might be held back as well, for
    ever.
    """
    wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
    if not differs(shop.mounted[e, machine], wanted) or not any_busy(factory, shop, e):
        return False
    discount = discount_row(
        factory, shop, e, machine, operation_id, rule, process_scale, setup_scale, -1
    )
    if math.exp(-discount) >= rule.hold:
        return False
    setup = max(0, row_setup_time(factory, shop, e, machine, operation_id, -1))
    return next_start_in(factory, shop, e, machine) <= rule.within * setup


@compiled
def next_start_in(factory, shop, e, machine):
    """Return the ticks until the next upcoming operation can start here, changeover included.

    Infinite if there is none. The longest wait stands for a forbidden changeover.
    """
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    first, soonest = -1, math.inf
    for slot in range(shop.centres[e, centre].upcoming_length):
        operation_id = shop.upcoming[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if is_eligible(factory, shop, e, order, operation, machine):
            expected_in = ready_in(shop, e, order, operation)
            if expected_in < soonest:
                first, soonest = operation_id, expected_in
    if first < 0:
        return math.inf
    setup = row_setup_time(factory, shop, e, machine, first, -1)
    return soonest + (setup if setup >= 0 else factory.centres[g, centre].longest_wait)


@compiled
def count_upcoming(factory, shop, e, machine, family):
    """Return the number of upcoming operations of a family (-1: of all) that are eligible here."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    count = 0
    for slot in range(shop.centres[e, centre].upcoming_length):
        operation_id = shop.upcoming[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if (family < 0 or shop.operations[e, order, operation].family == family) and is_eligible(
            factory, shop, e, order, operation, machine
        ):
            count += 1
    return count


@compiled
def setup_serves_nothing(factory, shop, e, machine):
    """Return True if the changeover rows cover all upcoming operations, for ATCSR.

    Then no upcoming operation wants the mounted setup.
    """
    offered = 0
    for row in range(shop.env[e].num_changeover_rows):
        operation_id = shop.changeover_lead[e, row]
        if operation_id >= 0 and not is_detour(shop, e, row):
            order, operation = order_of(operation_id), operation_of(operation_id)
            family = shop.operations[e, order, operation].family
            offered += count_upcoming(factory, shop, e, machine, family)
    return offered >= count_upcoming(factory, shop, e, machine, -1)
