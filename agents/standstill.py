"""Guard against a standstill: the last machine that could start something does not wait. Compiled.

Waiting is always legal, so machines that each wait for another one's work could wait for ever.
Policies that choose by a score (the index, trained networks, lookahead) therefore take their best
other row if the whole plant would stand still by the wait.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from envs.observation.candidate_columns import CANDIDATE_INDEX
from envs.observation.shop_columns import MACHINE_INDEX, SHOP_INDEX
from factory.jit.compile import compiled

_IS_JOB, _IS_CHANGEOVER = CANDIDATE_INDEX["is_job"], CANDIDATE_INDEX["is_changeover"]
_FAMILY_READY = CANDIDATE_INDEX["family_ready"]
_FAMILY_UPCOMING = CANDIDATE_INDEX["family_upcoming"]  # of the wait row: all upcoming operations
_EXISTS, _IS_ASKED = MACHINE_INDEX["exists"], MACHINE_INDEX["is_asked"]
_IS_IDLE, _IS_WAITING = MACHINE_INDEX["is_idle"], MACHINE_INDEX["is_waiting"]
_QUEUE_LENGTH, _IN_STATE_FOR = MACHINE_INDEX["queue_length"], MACHINE_INDEX["in_state_for"]
_TIME_IN_QUEUE, _LONGEST_WAIT = CANDIDATE_INDEX["time_in_queue"], SHOP_INDEX["longest_wait"]


@compiled
def would_stand_still(candidates, machines, shop, action_mask):
    """Return True if the plant stands still when the asked machine waits.

    The machine could start a ready operation or a detour to one, no machine is at work, and either
    nothing is on its way here and no machine is asked later that might start something (all others
    wait, or have empty queues), or all this has lasted as long as a wait.

    Parameters
    ----------
    candidates, machines, shop, action_mask
        Tables ``[A, F]``, ``[M, Fm]``, ``[Fs]``, ``[A]`` of one observation.
    """
    if not can_start(candidates, action_mask):
        return False
    is_asked_later, idle_for = False, math.inf
    is_hopeful = candidates[candidates.shape[0] - 1, _FAMILY_UPCOMING] > 0.0
    for machine in range(machines.shape[0]):
        if machines[machine, _EXISTS] == 0.0:
            continue
        if machines[machine, _IS_IDLE] == 0.0:
            return False
        idle_for = min(idle_for, float(machines[machine, _IN_STATE_FOR]))
        if machines[machine, _IS_ASKED] != 0.0:
            is_asked_later = True  # true for the machines after this one
        elif is_asked_later and machines[machine, _IS_WAITING] == 0.0:
            is_hopeful |= machines[machine, _QUEUE_LENGTH] > 0.0
    if not is_hopeful:
        return True
    return min(idle_for, newest_in_queue(candidates)) >= shop[_LONGEST_WAIT]


@compiled
def newest_in_queue(candidates):
    """Return the time since the last of the job rows' operations joined the queue, ticks."""
    newest = math.inf
    for row in range(candidates.shape[0]):
        if candidates[row, _IS_JOB] != 0.0:
            newest = min(newest, float(candidates[row, _TIME_IN_QUEUE]))
    return newest


@compiled
def can_start(candidates, action_mask):
    """Return True if a job row is legal, or a changeover row that leads to a ready operation."""
    for row in range(action_mask.shape[0] - 1):
        if action_mask[row]:
            if candidates[row, _IS_JOB] != 0.0:
                return True
            if candidates[row, _IS_CHANGEOVER] != 0.0 and candidates[row, _FAMILY_READY] > 0.0:
                return True
    return False


@compiled
def bar_waits(candidates, machines, shops, action_mask, first, logits):
    """Set the logit of the wait to minus infinity if the plant would stand still by it.

    Parameters
    ----------
    candidates, machines, shops, action_mask
        Tables ``[E, A, F]``, ``[E, M, Fm]``, ``[E, Fs]``, ``[E, A]``.
    first
        Index in ``logits`` of each environment's first legal row, and their number, ``[E + 1]``.
    logits
        Logit of each legal row, in the order of the tables' rows.
    """
    wait = action_mask.shape[1] - 1
    for e in range(action_mask.shape[0]):
        tables = (candidates[e], machines[e], shops[e], action_mask[e])
        if action_mask[e, wait] and would_stand_still(*tables):
            logits[first[e + 1] - 1] = -math.inf


@compiled
def bar_wait_rows(candidates, machines, shops, action_mask):
    """Make the wait illegal if the plant would stand still; tables as for :func:`bar_waits`."""
    wait = action_mask.shape[1] - 1
    for e in range(action_mask.shape[0]):
        tables = (candidates[e], machines[e], shops[e], action_mask[e])
        if action_mask[e, wait] and would_stand_still(*tables):
            action_mask[e, wait] = False
