"""What the evolved index speaks of: one table of features, each without a unit, of about unit size
and made of the columns of :mod:`envs.observation.columns`.

``mean p`` is the mean process time of the ready operations here (with none, half the longest wait),
so that weights mean the same in slow and fast plants; ``s(x, h)`` is ``x / (|x| + h)``, which
brings a quantity without bounds between -1 and 1. A cent is a hundredth of the scenario's cost
scale. Those named for the wait are 0 in all other rows, and in the wait's row all others are 0 but
those about arrivals and ``onward_setup_time``.
"""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """One term of the index."""

    name: str
    meaning: str


FEATURES: tuple[Feature, ...] = (
    Feature("changeover", "1 for a changeover ahead"),
    Feature("detour", "1 for a changeover on the way to the setup of a ready operation"),
    Feature("wait", "1 for the wait"),
    Feature("wait_ready_in", "wait: s(ready_in, mean p)"),
    Feature("wait_upcoming", "wait: s(upcoming operations here, 2)"),
    Feature("wait_queue", "wait: s(ready operations here, 2)"),
    Feature("wait_fitting", "wait: s(ready operations here that need no changeover, 1)"),
    Feature(
        "wait_fitting_upcoming", "wait: s(upcoming operations here that need no changeover, 1)"
    ),
    Feature("wait_fitting_ready_in", "wait: s(fitting_ready_in, mean p)"),
    Feature("wait_fitting_slack", "wait: s(fitting_slack, 10 mean p)"),
    Feature("value", "log(weight / (process_time / mean p))"),
    Feature("length", "log(process_time / mean p)"),
    Feature("allowance", "max(0, operation_due_in - process_time) / mean p"),
    Feature("setup_to_mean", "setup_time / mean_setup_time"),
    Feature("setup", "setup_time / mean p"),
    Feature("setup_a_member", "setup_time / mean p / max(1, family_ready)"),
    Feature("mounted", "is_mounted"),
    Feature("changeover_cost", "setup_cost in cents"),
    Feature("energy", "energy_cost in cents"),
    Feature("overdue", "1 if due_in < 0"),
    Feature("slack", "s(slack, 10 mean p)"),
    Feature("due_in", "s(due_in, 10 mean p)"),
    Feature("operation_due_in", "s(operation_due_in, 2 mean p)"),
    Feature("work_left", "s(work_left, 5 mean p)"),
    Feature("operations_left", "s(operations_left, 4)"),
    Feature("time_in_queue", "s(time_in_queue, 5 mean p)"),
    Feature("time_in_shop", "s(time_in_shop, 20 mean p)"),
    Feature("ready_in", "s(ready_in, mean p)"),
    Feature("family_ready", "s(family_ready, 2)"),
    Feature("family_ready_work", "s(family_ready_work, 2 mean p)"),
    Feature("family_upcoming", "s(family_upcoming, 2)"),
    Feature("family_slack", "s(family_slack, 10 mean p)"),
    Feature("family_due_in", "s(family_due_in, 10 mean p)"),
    Feature("family_time_in_queue", "s(family_time_in_queue, 5 mean p)"),
    Feature("family_critical_ratio", "s(family_critical_ratio, 2)"),
    Feature("family_ready_in", "s(family_ready_in, mean p)"),
    Feature("twins_in_setup", "s(twins_in_setup, 1)"),
    Feature("twin_free_in", "s(twin_free_in, mean p)"),
    Feature("slower_here", "1 - fastest_time / process_time"),
    Feature("next_process_time", "s(next_process_time, mean p)"),
    Feature("next_queue_work", "s(next_queue_work, 5 mean p)"),
    Feature("next_fits", "s(next_fits, 1)"),
    Feature("next_family_ready", "s(next_family_ready, 2)"),
    Feature("unblocks", "unblocks"),
    Feature("attempt", "s(attempt, 1)"),
    Feature("rework_probability", "rework_probability"),
    Feature("arrivals_meanwhile", "s(arrivals_meanwhile, 2)"),
    Feature("fits_meanwhile", "s(fits_meanwhile, 1)"),
    Feature("first_arrival_in", "s(first_arrival_in, mean p)"),
    Feature("first_arrival_setup_time", "s(first_arrival_setup_time, mean p)"),
    Feature("first_arrival_slack", "s(first_arrival_slack, 10 mean p)"),
    Feature("first_arrival_weight", "s(first_arrival_weight, 2)"),
    Feature("second_arrival_in", "s(second_arrival_in, mean p)"),
    Feature("second_arrival_setup_time", "s(second_arrival_setup_time, mean p)"),
    Feature("onward_setup_time", "s(onward_setup_time, mean p)"),
    Feature("twin_start_in", "s(twin_start_in, mean p)"),
    Feature("path_slack", "s(path_slack, 10 mean p)"),
    Feature("longer_path", "s(longer_path, 2 mean p)"),
    Feature("join_in", "s(join_in, 2 mean p)"),
    Feature("next_start_in", "s(next_start_in, mean p)"),
    Feature("next_setup_time", "s(next_setup_time, mean p)"),
    Feature("next_upcoming", "s(next_upcoming, 4)"),
)
"""Terms of the index, in the order of its weights."""

FEATURE_INDEX = {feature.name: place for place, feature in enumerate(FEATURES)}
