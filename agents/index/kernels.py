"""The evolved index, compiled: features of a row, the row with the highest index, and whole
episodes under an index.

What the features mean stands in :data:`agents.index.policy.FEATURES`.
:class:`agents.index.policy.IndexPolicy` and the search for weights both choose with
:func:`best_row`, so that what was searched is what decides.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from agents.index.features import FEATURE_INDEX
from agents.standstill import would_stand_still
from envs.observation.columns import CANDIDATE_INDEX, SHOP_INDEX
from envs.observation.kernel import observe
from factory.jit.compile import compiled
from factory.simulation.costs import total_cost
from factory.simulation.kernel import advance, apply_action, begin_episode

# columns of the tables, as compile-time constants
_ROW_IS_CHANGEOVER, _ROW_IS_WAIT, _ROW_IS_MOUNTED = (
    CANDIDATE_INDEX[name] for name in ("is_changeover", "is_wait", "is_mounted")
)
_PROCESS_TIME, _SETUP_TIME, _SETUP_COST, _ENERGY_COST = (
    CANDIDATE_INDEX[name] for name in ("process_time", "setup_time", "setup_cost", "energy_cost")
)
_DUE_IN, _OPERATION_DUE_IN, _SLACK, _WEIGHT = (
    CANDIDATE_INDEX[name] for name in ("due_in", "operation_due_in", "slack", "weight")
)
_WORK_LEFT, _OPERATIONS_LEFT = (CANDIDATE_INDEX[name] for name in ("work_left", "operations_left"))
_TIME_IN_QUEUE, _TIME_IN_SHOP, _READY_IN = (
    CANDIDATE_INDEX[name] for name in ("time_in_queue", "time_in_shop", "ready_in")
)
_FAMILY_READY, _FAMILY_READY_WORK, _FAMILY_UPCOMING = (
    CANDIDATE_INDEX[name] for name in ("family_ready", "family_ready_work", "family_upcoming")
)
_FAMILY_SLACK, _FAMILY_DUE_IN = (
    CANDIDATE_INDEX[name] for name in ("family_slack", "family_due_in")
)
_FAMILY_TIME_IN_QUEUE, _FAMILY_CRITICAL_RATIO = (
    CANDIDATE_INDEX[name] for name in ("family_time_in_queue", "family_critical_ratio")
)
_TWINS_IN_SETUP, _FASTEST_TIME = (
    CANDIDATE_INDEX[name] for name in ("twins_in_setup", "fastest_time")
)
_NEXT_PROCESS_TIME, _NEXT_QUEUE_WORK = (
    CANDIDATE_INDEX[name] for name in ("next_process_time", "next_queue_work")
)
_UNBLOCKS, _ATTEMPT, _REWORK_PROBABILITY = (
    CANDIDATE_INDEX[name] for name in ("unblocks", "attempt", "rework_probability")
)
_MEAN_PROCESS_TIME, _MEAN_SETUP_TIME, _LONGEST_WAIT = (
    SHOP_INDEX[name] for name in ("mean_process_time", "mean_setup_time", "longest_wait")
)
_ROW_FAMILY_READY_IN, _ROW_TWIN_FREE_IN = (
    CANDIDATE_INDEX[name] for name in ("family_ready_in", "twin_free_in")
)
_ROW_NEXT_FITS, _ROW_NEXT_FAMILY = (
    CANDIDATE_INDEX[name] for name in ("next_fits", "next_family_ready")
)
_FITTING_READY, _FITTING_UPCOMING = (
    SHOP_INDEX[name] for name in ("fitting_ready", "fitting_upcoming")
)
_FITTING_READY_IN, _FITTING_SLACK = (
    SHOP_INDEX[name] for name in ("fitting_ready_in", "fitting_slack")
)
_READY_HERE, _COST_SCALE = (SHOP_INDEX[name] for name in ("ready_here", "cost_scale"))
_ROW_ARRIVALS, _ROW_FITS = (
    CANDIDATE_INDEX[name] for name in ("arrivals_meanwhile", "fits_meanwhile")
)
_ROW_FIRST_IN, _ROW_FIRST_SETUP = (
    CANDIDATE_INDEX[name] for name in ("first_arrival_in", "first_arrival_setup_time")
)
_ROW_FIRST_SLACK, _ROW_FIRST_WEIGHT = (
    CANDIDATE_INDEX[name] for name in ("first_arrival_slack", "first_arrival_weight")
)
_ROW_SECOND_IN, _ROW_SECOND_SETUP = (
    CANDIDATE_INDEX[name] for name in ("second_arrival_in", "second_arrival_setup_time")
)
_ROW_ONWARD, _ROW_TWIN_START = (
    CANDIDATE_INDEX[name] for name in ("onward_setup_time", "twin_start_in")
)
_ROW_PATH_SLACK, _ROW_LONGER_PATH, _ROW_JOIN_IN = (
    CANDIDATE_INDEX[name] for name in ("path_slack", "longer_path", "join_in")
)
_ROW_NEXT_START, _ROW_NEXT_SETUP, _ROW_NEXT_UPCOMING = (
    CANDIDATE_INDEX[name] for name in ("next_start_in", "next_setup_time", "next_upcoming")
)

# features
_CHANGEOVER, _DETOUR, _WAIT = (FEATURE_INDEX[name] for name in ("changeover", "detour", "wait"))
_WAIT_READY, _WAIT_UPCOMING, _WAIT_QUEUE = (
    FEATURE_INDEX[name] for name in ("wait_ready_in", "wait_upcoming", "wait_queue")
)
_WAIT_FITTING, _WAIT_FITTING_UPCOMING = (
    FEATURE_INDEX[name] for name in ("wait_fitting", "wait_fitting_upcoming")
)
_WAIT_FITTING_IN, _WAIT_FITTING_SLACK = (
    FEATURE_INDEX[name] for name in ("wait_fitting_ready_in", "wait_fitting_slack")
)
_MEMBERS_IN, _TWIN_FREE = (FEATURE_INDEX[name] for name in ("family_ready_in", "twin_free_in"))
_NEXT_FITTING, _NEXT_MEMBERS = (FEATURE_INDEX[name] for name in ("next_fits", "next_family_ready"))
_VALUE, _LENGTH, _ALLOWANCE = (FEATURE_INDEX[name] for name in ("value", "length", "allowance"))
_SETUP_TO_MEAN, _SETUP, _SETUP_A_MEMBER, _MOUNTED = (
    FEATURE_INDEX[name] for name in ("setup_to_mean", "setup", "setup_a_member", "mounted")
)
_CHANGEOVER_COST, _ENERGY, _OVERDUE = (
    FEATURE_INDEX[name] for name in ("changeover_cost", "energy", "overdue")
)
_SLACK_SHARE, _DUE_SHARE, _OPERATION_DUE_SHARE = (
    FEATURE_INDEX[name] for name in ("slack", "due_in", "operation_due_in")
)
_WORK_SHARE, _OPERATIONS_SHARE = (FEATURE_INDEX[name] for name in ("work_left", "operations_left"))
_QUEUE_SHARE, _SHOP_SHARE, _READY_SHARE = (
    FEATURE_INDEX[name] for name in ("time_in_queue", "time_in_shop", "ready_in")
)
_READY_MEMBERS, _READY_WORK, _UPCOMING_MEMBERS = (
    FEATURE_INDEX[name] for name in ("family_ready", "family_ready_work", "family_upcoming")
)
_MEMBERS_SLACK, _MEMBERS_DUE = (FEATURE_INDEX[name] for name in ("family_slack", "family_due_in"))
_MEMBERS_QUEUE, _MEMBERS_RATIO = (
    FEATURE_INDEX[name] for name in ("family_time_in_queue", "family_critical_ratio")
)
_TWINS, _SLOWER_HERE = (FEATURE_INDEX[name] for name in ("twins_in_setup", "slower_here"))
_NEXT_TIME, _NEXT_QUEUE, _UNBLOCKING = (
    FEATURE_INDEX[name] for name in ("next_process_time", "next_queue_work", "unblocks")
)
_AGAIN, _REWORK = (FEATURE_INDEX[name] for name in ("attempt", "rework_probability"))
_ARRIVALS, _FITS = (FEATURE_INDEX[name] for name in ("arrivals_meanwhile", "fits_meanwhile"))
_FIRST_IN, _FIRST_SETUP = (
    FEATURE_INDEX[name] for name in ("first_arrival_in", "first_arrival_setup_time")
)
_FIRST_SLACK, _FIRST_WEIGHT = (
    FEATURE_INDEX[name] for name in ("first_arrival_slack", "first_arrival_weight")
)
_SECOND_IN, _SECOND_SETUP = (
    FEATURE_INDEX[name] for name in ("second_arrival_in", "second_arrival_setup_time")
)
_ONWARD, _TWIN_START = (FEATURE_INDEX[name] for name in ("onward_setup_time", "twin_start_in"))
_PATH_SLACK, _LONGER_PATH, _JOIN_IN = (
    FEATURE_INDEX[name] for name in ("path_slack", "longer_path", "join_in")
)
_NEXT_START, _NEXT_SETUP, _NEXT_UPCOMING = (
    FEATURE_INDEX[name] for name in ("next_start_in", "next_setup_time", "next_upcoming")
)

_LEAST_WEIGHT = 1e-6  # as in the observation's ATC column
_CENT = 0.01


@compiled
def saturate(value, half):
    """``value / (|value| + half)``: a quantity without bounds brought between -1 and 1, half way at
    ``half``."""
    return value / (abs(value) + half)


@compiled
def fill_row_features(row, shop_row, out):
    """Features ``out [W]`` of one row of the candidate table ``row [F]``, in the shop ``shop_row
    [Fs]``."""
    out[:] = 0.0
    unit = np.float64(shop_row[_MEAN_PROCESS_TIME])
    if unit <= 0.0:
        unit = max(0.5 * np.float64(shop_row[_LONGEST_WAIT]), 1.0)
    fill_arrival_features(row, unit, out)
    if row[_ROW_IS_WAIT] != 0.0:
        fill_wait_features(row, shop_row, unit, out)
        return
    if row[_ROW_IS_CHANGEOVER] != 0.0:
        if row[_FAMILY_READY] > 0.0:
            out[_DETOUR] = 1.0
        else:
            out[_CHANGEOVER] = 1.0
    fill_operation_features(row, unit, out)
    fill_changeover_features(row, shop_row, unit, out)
    fill_family_features(row, unit, out)


@compiled
def fill_wait_features(row, shop_row, unit, out):
    """The wait row: what is there to do, and what is expected."""
    out[_WAIT] = 1.0
    out[_WAIT_READY] = saturate(np.float64(row[_READY_IN]), unit)
    out[_WAIT_UPCOMING] = saturate(np.float64(row[_FAMILY_UPCOMING]), 2.0)
    out[_WAIT_QUEUE] = saturate(np.float64(shop_row[_READY_HERE]), 2.0)
    out[_WAIT_FITTING] = saturate(np.float64(shop_row[_FITTING_READY]), 1.0)
    out[_WAIT_FITTING_UPCOMING] = saturate(np.float64(shop_row[_FITTING_UPCOMING]), 1.0)
    out[_WAIT_FITTING_IN] = saturate(np.float64(shop_row[_FITTING_READY_IN]), unit)
    out[_WAIT_FITTING_SLACK] = saturate(np.float64(shop_row[_FITTING_SLACK]), 10.0 * unit)


@compiled
def fill_operation_features(row, unit, out):
    """The features that speak of an operation and its order."""
    time = np.float64(row[_PROCESS_TIME])
    relative_time = max(time, 1.0) / unit
    due_in = np.float64(row[_DUE_IN])
    operation_due_in = np.float64(row[_OPERATION_DUE_IN])
    out[_VALUE] = math.log(max(np.float64(row[_WEIGHT]), _LEAST_WEIGHT) / relative_time)
    out[_LENGTH] = math.log(relative_time)
    out[_ALLOWANCE] = max(operation_due_in - time, 0.0) / unit
    out[_OVERDUE] = 1.0 if due_in < 0.0 else 0.0
    out[_SLACK_SHARE] = saturate(np.float64(row[_SLACK]), 10.0 * unit)
    out[_DUE_SHARE] = saturate(due_in, 10.0 * unit)
    out[_OPERATION_DUE_SHARE] = saturate(operation_due_in, 2.0 * unit)
    out[_WORK_SHARE] = saturate(np.float64(row[_WORK_LEFT]), 5.0 * unit)
    out[_OPERATIONS_SHARE] = saturate(np.float64(row[_OPERATIONS_LEFT]), 4.0)
    out[_QUEUE_SHARE] = saturate(np.float64(row[_TIME_IN_QUEUE]), 5.0 * unit)
    out[_SHOP_SHARE] = saturate(np.float64(row[_TIME_IN_SHOP]), 20.0 * unit)
    out[_READY_SHARE] = saturate(np.float64(row[_READY_IN]), unit)
    out[_SLOWER_HERE] = 1.0 - np.float64(row[_FASTEST_TIME]) / time if time > 0.0 else 0.0
    out[_NEXT_TIME] = saturate(np.float64(row[_NEXT_PROCESS_TIME]), unit)
    out[_NEXT_QUEUE] = saturate(np.float64(row[_NEXT_QUEUE_WORK]), 5.0 * unit)
    out[_NEXT_FITTING] = saturate(np.float64(row[_ROW_NEXT_FITS]), 1.0)
    out[_NEXT_MEMBERS] = saturate(np.float64(row[_ROW_NEXT_FAMILY]), 2.0)
    out[_UNBLOCKING] = np.float64(row[_UNBLOCKS])
    out[_AGAIN] = saturate(np.float64(row[_ATTEMPT]), 1.0)
    out[_REWORK] = np.float64(row[_REWORK_PROBABILITY])
    out[_TWIN_START] = saturate(np.float64(row[_ROW_TWIN_START]), unit)
    out[_PATH_SLACK] = saturate(np.float64(row[_ROW_PATH_SLACK]), 10.0 * unit)
    out[_LONGER_PATH] = saturate(np.float64(row[_ROW_LONGER_PATH]), 2.0 * unit)
    out[_JOIN_IN] = saturate(np.float64(row[_ROW_JOIN_IN]), 2.0 * unit)
    out[_NEXT_START] = saturate(np.float64(row[_ROW_NEXT_START]), unit)
    out[_NEXT_SETUP] = saturate(np.float64(row[_ROW_NEXT_SETUP]), unit)
    out[_NEXT_UPCOMING] = saturate(np.float64(row[_ROW_NEXT_UPCOMING]), 4.0)


@compiled
def fill_arrival_features(row, unit, out):
    """The features that speak of what arrives next; of the wait row too."""
    out[_ARRIVALS] = saturate(np.float64(row[_ROW_ARRIVALS]), 2.0)
    out[_FITS] = saturate(np.float64(row[_ROW_FITS]), 1.0)
    out[_FIRST_IN] = saturate(np.float64(row[_ROW_FIRST_IN]), unit)
    out[_FIRST_SETUP] = saturate(np.float64(row[_ROW_FIRST_SETUP]), unit)
    out[_FIRST_SLACK] = saturate(np.float64(row[_ROW_FIRST_SLACK]), 10.0 * unit)
    out[_FIRST_WEIGHT] = saturate(np.float64(row[_ROW_FIRST_WEIGHT]), 2.0)
    out[_SECOND_IN] = saturate(np.float64(row[_ROW_SECOND_IN]), unit)
    out[_SECOND_SETUP] = saturate(np.float64(row[_ROW_SECOND_SETUP]), unit)
    out[_ONWARD] = saturate(np.float64(row[_ROW_ONWARD]), unit)


@compiled
def fill_changeover_features(row, shop_row, unit, out):
    """The features that speak of the changeover which the row implies."""
    setup = np.float64(row[_SETUP_TIME])
    mean_setup = np.float64(shop_row[_MEAN_SETUP_TIME])
    cent = _CENT * np.float64(shop_row[_COST_SCALE])
    out[_SETUP_TO_MEAN] = setup / (mean_setup if mean_setup > 0.0 else max(setup, 1.0))
    out[_SETUP] = setup / unit
    out[_SETUP_A_MEMBER] = setup / (unit * max(np.float64(row[_FAMILY_READY]), 1.0))
    out[_MOUNTED] = np.float64(row[_ROW_IS_MOUNTED])
    out[_CHANGEOVER_COST] = np.float64(row[_SETUP_COST]) / cent
    out[_ENERGY] = np.float64(row[_ENERGY_COST]) / cent
    out[_TWINS] = saturate(np.float64(row[_TWINS_IN_SETUP]), 1.0)
    out[_TWIN_FREE] = saturate(np.float64(row[_ROW_TWIN_FREE_IN]), unit)


@compiled
def fill_family_features(row, unit, out):
    """The features that speak of all operations here that want the same setup."""
    out[_READY_MEMBERS] = saturate(np.float64(row[_FAMILY_READY]), 2.0)
    out[_READY_WORK] = saturate(np.float64(row[_FAMILY_READY_WORK]), 2.0 * unit)
    out[_UPCOMING_MEMBERS] = saturate(np.float64(row[_FAMILY_UPCOMING]), 2.0)
    out[_MEMBERS_SLACK] = saturate(np.float64(row[_FAMILY_SLACK]), 10.0 * unit)
    out[_MEMBERS_DUE] = saturate(np.float64(row[_FAMILY_DUE_IN]), 10.0 * unit)
    out[_MEMBERS_QUEUE] = saturate(np.float64(row[_FAMILY_TIME_IN_QUEUE]), 5.0 * unit)
    out[_MEMBERS_IN] = saturate(np.float64(row[_ROW_FAMILY_READY_IN]), unit)
    out[_MEMBERS_RATIO] = saturate(np.float64(row[_FAMILY_CRITICAL_RATIO]), 2.0)


@compiled
def best_row(candidates, machines, shop_row, action_mask, weights, features):
    """Return the legal row with the highest index, the first on ties; 0 where none is legal.

    The index is the sum of weights times features, in float64. The row is not the wait where the
    plant would stand still by it (:mod:`agents.standstill`).
    """
    best, highest, wait = -1, -math.inf, action_mask.shape[0] - 1
    for row in range(action_mask.shape[0]):
        if not action_mask[row]:
            continue
        fill_row_features(candidates[row], shop_row, features)
        index = 0.0
        for place in range(weights.shape[0]):
            index += weights[place] * features[place]
        is_better = best < 0 or index > highest
        if is_better and row == wait:
            is_better = not would_stand_still(candidates, machines, shop_row, action_mask)
        if is_better:
            best, highest = row, index
    return max(best, 0)


@compiled
def best_rows(candidates, machines, shops, action_masks, weights, features, actions):
    """:func:`best_row` for every environment, into ``actions [E]``."""
    for e in range(actions.shape[0]):
        actions[e] = best_row(
            candidates[e], machines[e], shops[e], action_masks[e], weights, features
        )


@compiled
def play_index(
    factory, shop, factories, seeds, weights, max_idle, scratch, tables, features, costs
):
    """Total cost of whole episodes into ``costs [N]``; infinite where ``max_idle [G]`` idle
    decisions did not suffice.

    Episode n stands in factory ``factories[n]``. Environment 0 plays one after the other, which
    keeps it in the processor's cache.
    """
    for episode in range(seeds.shape[0]):
        begin_episode(factory, shop, 0, factories[episode], seeds[episode])
        advance(factory, shop, 0)
        limit = max_idle[factories[episode]]
        while shop.env[0].deciding >= 0 and shop.env[0].idle_decisions < limit:
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
            row = best_row(
                tables.candidates[0],
                tables.machines[0],
                tables.shop[0],
                tables.action_mask[0],
                weights,
                features,
            )
            apply_action(factory, shop, 0, row)
            advance(factory, shop, 0)
        costs[episode] = math.inf if shop.env[0].deciding >= 0 else total_cost(shop, 0)
