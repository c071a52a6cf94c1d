"""Compiled queries of a shop floor: the asked machine, the network's row, and its meaning.

Each is one compiled function, because every call from Python costs time.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from agents.network.inference import greedy_row
from envs.observation.kernel import observe
from factory.jit.compile import compiled
from factory.simulation.arrays import operation_of, order_of
from factory.simulation.kernel import next_idle_machine, process_due_events
from scheduler.floor.locks import narrow_choices

NOBODY_ASKED = -1
HELD = -3
"""Value in place of a row: locks leave the machine nothing to decide."""
START_DECISION, CHANGEOVER_DECISION, WAIT_DECISION, MAINTENANCE_DECISION = 0, 1, 2, 3


@compiled
def ask(factory, shop, locks):
    """Return the machine that must decide, or NOBODY_ASKED; and HELD or 0."""
    process_due_events(factory, shop, 0)
    machine = next_idle_machine(factory, shop, 0)
    shop.env[0].deciding = machine
    if machine < 0:
        return NOBODY_ASKED, 0
    return machine, 0 if narrow_choices(factory, shop, 0, machine, locks) else HELD


@compiled
def ask_and_observe(factory, shop, locks, scratch, tables):
    """Call :func:`ask`, and fill the tables with the observation."""
    machine, held = ask(factory, shop, locks)
    if machine >= 0 and held == 0:
        observe(
            factory,
            shop,
            0,
            scratch,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
    return machine, held


@compiled
def ask_network(factory, shop, locks, scratch, tables, weights, network_scratch):
    """Return the machine that must decide, or NOBODY_ASKED; and the network's row.

    HELD in place of the row if locks leave nothing to decide; see also
    :func:`agents.network.inference.greedy_row`.
    """
    machine, held = ask_and_observe(factory, shop, locks, scratch, tables)
    if machine < 0 or held != 0:
        return machine, held
    return machine, greedy_row(
        weights,
        network_scratch,
        tables.candidates[0],
        tables.machines[0],
        tables.shop[0],
        tables.action_mask[0],
    )


@compiled
def decode_row(shop, machine, row, setup):
    """Return the action, order and operation of a row, and whether it mounts another setup.

    The operation of a maintenance is its kind.

    Parameters
    ----------
    setup
        Filled with the setup that the row mounts, ``[attributes]``.
    """
    job_rows = shop.job_row.shape[1]
    if row == shop.legal.shape[1] - 1:
        return WAIT_DECISION, -1, -1, False
    operation_id = (
        shop.job_row[0, row] if row < job_rows else shop.changeover_lead[0, row - job_rows]
    )
    if operation_id < 0:
        return MAINTENANCE_DECISION, -1, -1 - operation_id, False
    order, operation = order_of(operation_id), operation_of(operation_id)
    changes = False
    for attribute in range(shop.mounted.shape[2]):
        mounted = shop.mounted[0, machine, attribute]
        wanted = (
            shop.wanted[0, order, operation, attribute]
            if row < job_rows
            else shop.changeover_target[0, row - job_rows, attribute]
        )
        setup[attribute] = wanted if wanted >= 0 else mounted
        changes = changes or setup[attribute] != mounted
    return START_DECISION if row < job_rows else CHANGEOVER_DECISION, order, operation, changes
