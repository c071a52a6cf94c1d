"""Lulls: times in which only waits end, and waits that last through them. Compiled.

Simulations that look ahead would ask a waiting machine again and again until a far date. Here its
waits stay as they are for a while after the last event and for a while before the next one, so that
it can still prepare for that; a wait between the two lasts through the rest of the lull. How many
decisions a lull takes then does not depend on its length.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.simulation.arrays import NEVER, FactoryArrays
from factory.simulation.costs import settle_costs
from factory.simulation.kernel import NO_STOP, pass_to_next_event, reach_decision

LASTING = 2**41
"""Ticks of a wait that only a change at the work centre ends: beyond all dates, so that its end is
no event.
"""
_WAITS = 16
"""Waits of a machine that stay as they are after an event, and before the next one."""


@dataclass(frozen=True, eq=False)
class Lulls(ArrayStruct):
    """Present lull of each of E environments; M machines of G factories."""

    # [G, M] ticks after an event, and before the next one, in which waits stay as they are
    margin: NDArray[np.int64]
    event_date: NDArray[np.int64]  # [E] end of the lull; -1: none has begun
    start_date: NDArray[np.int64]  # [E] date from which that event is the next one
    prolonged: NDArray[np.int64]  # [E, M] end of the prolonged wait; -1: none


def allocate_lulls(factories: FactoryArrays, num_envs: int) -> Lulls:
    """Return the memory of environments in which nothing has happened yet."""
    longest_waits = np.take_along_axis(
        factories.centres.longest_wait, factories.machines.centre.astype(np.int64), axis=1
    )
    changeover_times = np.maximum(0, factories.setups.time).max(axis=(3, 4), initial=0).sum(axis=2)
    return Lulls(
        np.ascontiguousarray(_WAITS * longest_waits + changeover_times, np.int64),
        np.full(num_envs, -1, np.int64),
        np.zeros(num_envs, np.int64),
        np.full((num_envs, factories.machines.shape[1]), -1, np.int64),
    )


@compiled
def next_event_date(factory, shop, e, lulls):
    """Return the date of the next event other than the end of a usual wait; NEVER if there is none.

    A wait that is longer than usual was set from outside, and its end is an event, unless it is
    LASTING.
    """
    date = NEVER
    if shop.env[e].num_released < shop.env[e].num_orders:
        date = shop.orders[e, shop.env[e].num_released].release_date
    if shop.env[e].num_travelling > 0:
        date = min(date, shop.in_transit[e, 0].date)
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        date = min(date, shop.machines[e, machine].date)
        wait_until = shop.machines[e, machine].wait_until
        if wait_until != NEVER and wait_until != lulls.prolonged[e, machine]:
            length = wait_until - shop.machines[e, machine].wait_start
            if longest_wait_of(factory, shop, e, machine) < length < LASTING:
                date = min(date, wait_until)
    return date


@compiled
def longest_wait_of(factory, shop, e, machine):
    """Return the longest time that the machine waits without being asked again, ticks."""
    g = shop.env[e].factory
    return factory.centres[g, factory.machines[g, machine].centre].longest_wait


@compiled
def note_event(factory, shop, e, lulls, event_date):
    """Begin another lull if ``event_date`` is not the awaited one.

    Waits that were to last until then become usual ones.
    """
    if event_date == lulls.event_date[e]:
        return
    clock = shop.env[e].clock
    lulls.event_date[e] = event_date
    lulls.start_date[e] = clock
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        wait_until = shop.machines[e, machine].wait_until
        if wait_until != NEVER and wait_until == lulls.prolonged[e, machine]:
            shop.machines[e, machine].wait_until = min(
                wait_until, clock + longest_wait_of(factory, shop, e, machine)
            )
        lulls.prolonged[e, machine] = -1


@compiled
def is_long_quiet(shop, e, lulls, machine, date):
    """Return whether at a date nothing had happened for longer than the machine's margin."""
    return date - lulls.start_date[e] > lulls.margin[shop.env[e].factory, machine]


@compiled
def prolong_waits(factory, shop, e, lulls):
    """Let usual waits last until shortly before the awaited event.

    Only those that were chosen when nothing had happened for long are prolonged.
    """
    if lulls.event_date[e] == NEVER:
        return
    g = shop.env[e].factory
    for machine in range(factory.plant[g].num_machines):
        wait_until = shop.machines[e, machine].wait_until
        wait_start = shop.machines[e, machine].wait_start
        longest_wait = longest_wait_of(factory, shop, e, machine)
        if wait_until == NEVER or wait_until - wait_start > longest_wait:
            continue
        last_date = lulls.event_date[e] - lulls.margin[g, machine]
        if wait_until < last_date and is_long_quiet(shop, e, lulls, machine, wait_start):
            shop.machines[e, machine].wait_until = last_date
            lulls.prolonged[e, machine] = last_date


@compiled
def begin_lulls(lulls, e):
    """Forget what environment ``e`` awaited: something else is played there now."""
    lulls.event_date[e] = -1
    lulls.prolonged[e, :] = -1


@compiled
def advance_over_lulls(factory, shop, e, lulls):
    """Advance as :func:`factory.simulation.kernel.advance`, with waits that last through lulls."""
    while not reach_decision(factory, shop, e):
        note_event(factory, shop, e, lulls, next_event_date(factory, shop, e, lulls))
        prolong_waits(factory, shop, e, lulls)
        if not pass_to_next_event(factory, shop, e, NO_STOP):
            break
    settle_costs(factory, shop, e)
