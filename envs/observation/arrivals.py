"""Look-ahead columns: next arrivals here, and how the setup of a row suits them. Compiled.

They explain most of the differences in value between candidates (docs/results.md, "What a choice is
worth").
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, setup_time

UPCOMING_OPERATION = np.dtype(
    [("order", np.int64), ("family", np.int64), ("ready_in", np.float64)], align=True
)
"""An upcoming operation that the asked machine can do, and the index of its family."""
NEXT_ARRIVALS = np.dtype(
    [("count", np.int64), ("first", np.int64), ("second", np.int64)], align=True
)
"""Number of upcoming operations, and the indices of the two expected first; -1: none."""


@compiled
def clear_arrivals(scratch):
    """Remove all arrivals."""
    scratch.next_arrivals[0].count = 0
    scratch.next_arrivals[0].first = -1
    scratch.next_arrivals[0].second = -1


@compiled
def add_arrival(scratch, order, family, expected_in):
    """Add an upcoming operation; of two expected at the same time, the one added first leads."""
    arrivals = scratch.arrivals
    following = scratch.next_arrivals[0]
    index = following.count
    arrivals[index].order = order
    arrivals[index].family = family
    arrivals[index].ready_in = expected_in
    if following.first < 0 or expected_in < arrivals[following.first].ready_in:
        following.second = following.first
        following.first = index
    elif following.second < 0 or expected_in < arrivals[following.second].ready_in:
        following.second = index
    following.count = index + 1


@compiled
def observe_arrivals(factory, shop, e, machine, scratch, out, setup, duration):
    """Fill the columns about arrivals while the machine is busy for ``duration``.

    ``setup`` is the setup that the machine has then.
    """
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    meanwhile, fits = 0, 0
    for index in range(scratch.next_arrivals[0].count):
        if scratch.arrivals[index].ready_in <= duration:
            family = scratch.families[scratch.arrivals[index].family]
            wanted = shop.wanted[e, family.order, family.operation]
            meanwhile += 1
            fits += setup_time(factory, g, centre, machine, setup, wanted) == 0
    out[CANDIDATE_COLUMN.arrivals_meanwhile] = meanwhile
    out[CANDIDATE_COLUMN.fits_meanwhile] = fits
    longest_wait = float(factory.centres[g, centre].longest_wait)
    first, second = scratch.next_arrivals[0].first, scratch.next_arrivals[0].second
    first_in = scratch.arrivals[first].ready_in if first >= 0 else longest_wait
    second_in = scratch.arrivals[second].ready_in if second >= 0 else longest_wait
    out[CANDIDATE_COLUMN.first_arrival_in] = first_in
    out[CANDIDATE_COLUMN.second_arrival_in] = second_in
    if first >= 0:
        order = shop.orders[e, scratch.arrivals[first].order]
        slack = float(order.due_date - shop.env[e].clock) - order.work_left
        out[CANDIDATE_COLUMN.first_arrival_slack] = slack
        out[CANDIDATE_COLUMN.first_arrival_weight] = order.weight


@compiled
def observe_onward_setups(factory, shop, e, machine, scratch, families, out, setup):
    """Fill the changeover times from ``setup`` to the setups of the first ``families``."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    first, second = scratch.next_arrivals[0].first, scratch.next_arrivals[0].second
    first_family = scratch.arrivals[first].family if first >= 0 else -1
    second_family = scratch.arrivals[second].family if second >= 0 else -1
    longest_wait = float(factory.centres[g, centre].longest_wait)
    members, total = 0.0, 0.0
    for index in range(families):
        family = scratch.families[index]
        wanted = shop.wanted[e, family.order, family.operation]
        time = setup_time(factory, g, centre, machine, setup, wanted)
        if time != FORBIDDEN:
            count = family.ready + family.upcoming
            members += count
            total += count * time
        shown_time = float(time) if time != FORBIDDEN else longest_wait
        if index == first_family:
            out[CANDIDATE_COLUMN.first_arrival_setup_time] = shown_time
        if index == second_family:
            out[CANDIDATE_COLUMN.second_arrival_setup_time] = shown_time
    out[CANDIDATE_COLUMN.onward_setup_time] = total / members if members > 0.0 else 0.0


@compiled
def copy_onward_setups(source, out):
    """Copy the onward setups of a row that leaves the same setup."""
    first = source[CANDIDATE_COLUMN.first_arrival_setup_time]
    second = source[CANDIDATE_COLUMN.second_arrival_setup_time]
    out[CANDIDATE_COLUMN.first_arrival_setup_time] = first
    out[CANDIDATE_COLUMN.second_arrival_setup_time] = second
    out[CANDIDATE_COLUMN.onward_setup_time] = source[CANDIDATE_COLUMN.onward_setup_time]
