"""Guard against a standstill: the last machine that could start something does not wait as well.

Waiting is always legal, so machines that each wait for another one's work could do so for ever.
Policies that choose by a score (the index, trained networks, lookahead) therefore do not choose the
wait where the whole plant would stand still by it, and take their best other row instead. Compiled.
"""

from __future__ import annotations

from envs.features import CANDIDATE_INDEX, MACHINE_INDEX
from factory.compiled import compiled

_IS_JOB, _IS_CHANGEOVER = CANDIDATE_INDEX["is_job"], CANDIDATE_INDEX["is_changeover"]
_FAMILY_READY = CANDIDATE_INDEX["family_ready"]
_EXISTS, _IS_ASKED = MACHINE_INDEX["exists"], MACHINE_INDEX["is_asked"]
_IS_IDLE, _IS_WAITING = MACHINE_INDEX["is_idle"], MACHINE_INDEX["is_waiting"]
_QUEUE_LENGTH = MACHINE_INDEX["queue_length"]


@compiled
def would_stand_still(candidates, machines, action_mask):
    """Return True if the plant stands still should the asked machine wait.

    The machine could start a ready operation or a detour to one, no machine is at work, and none is
    asked after it that might start something: all others wait, or have nothing in their queues.

    Parameters
    ----------
    candidates, machines, action_mask
        Tables ``[A, F]``, ``[M, Fm]``, ``[A]`` of one observation.
    """
    if not can_start(candidates, action_mask):
        return False
    is_asked_later = False
    for machine in range(machines.shape[0]):
        if machines[machine, _EXISTS] == 0.0:
            continue
        if machines[machine, _IS_IDLE] == 0.0:
            return False
        if machines[machine, _IS_ASKED] != 0.0:
            is_asked_later = True  # of those that follow
        else:
            may_start = machines[machine, _IS_WAITING] == 0.0 and machines[machine, _QUEUE_LENGTH] > 0.0
            if is_asked_later and may_start:
                return False
    return True


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
def bar_waits(candidates, machines, action_mask, first, logits):
    """Set the logit of the wait to minus infinity where the plant would stand still by it.

    Parameters
    ----------
    candidates, machines, action_mask
        Tables ``[E, A, F]``, ``[E, M, Fm]``, ``[E, A]``.
    first
        Place in ``logits`` where each environment's legal rows begin, and their end, ``[E + 1]``.
    logits
        One for each legal row, in the order of the tables' rows.
    """
    wait = action_mask.shape[1] - 1
    for e in range(action_mask.shape[0]):
        if action_mask[e, wait] and would_stand_still(candidates[e], machines[e], action_mask[e]):
            logits[first[e + 1] - 1] = -float("inf")


@compiled
def bar_wait_rows(candidates, machines, action_mask):
    """Make the wait illegal where the plant would stand still by it; tables as :func:`bar_waits`."""
    wait = action_mask.shape[1] - 1
    for e in range(action_mask.shape[0]):
        if action_mask[e, wait] and would_stand_still(candidates[e], machines[e], action_mask[e]):
            action_mask[e, wait] = False
