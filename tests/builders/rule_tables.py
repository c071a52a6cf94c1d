"""Observation tables for dispatching rules: four jobs worked out by hand, and random ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.rules.registry import Rule
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX

JOBS, CHANGEOVERS = 5, 3
WAIT = JOBS + CHANGEOVERS

# Families: X = {A, C} mounted, Y = {B} 6 away, Z = {D} 2 away. Means over the four: p_bar = 28 / 4
# = 7, s_bar = 8 / 4 = 2.
_X = {
    "is_mounted": 1,
    "family_ready": 2,
    "family_ready_work": 16,
    "family_due_in": 20,
    "family_time_in_queue": 12,
    "family_critical_ratio": 20 / 30,
}
_Y = {
    "family_ready": 1,
    "family_ready_work": 4,
    "family_due_in": 12,
    "family_time_in_queue": 9,
    "family_critical_ratio": 3,
    "setup_time": 6,
    "setup_cost": 3,
}
_Z = {
    "family_ready": 1,
    "family_ready_work": 8,
    "family_due_in": -5,
    "family_time_in_queue": 3,
    "family_critical_ratio": -5 / 8,
    "setup_time": 2,
    "setup_cost": 1,
}
A = _X | {
    "process_time": 10,
    "due_in": 30,
    "operation_due_in": 25,
    "work_left": 20,
    "slack": 10,
    "weight": 1,
    "operations_left": 2,
}
A |= {"time_in_queue": 12, "time_in_shop": 40, "next_process_time": 10, "next_queue_work": 30}
B = _Y | {
    "process_time": 4,
    "due_in": 12,
    "operation_due_in": 12,
    "work_left": 4,
    "slack": 8,
    "weight": 2,
    "operations_left": 1,
}
B |= {"time_in_queue": 9, "time_in_shop": 15, "next_process_time": 0, "next_queue_work": 0}
C = _X | {
    "process_time": 6,
    "due_in": 20,
    "operation_due_in": 8,
    "work_left": 30,
    "slack": -10,
    "weight": 4,
    "operations_left": 3,
}
C |= {"time_in_queue": 5, "time_in_shop": 50, "next_process_time": 8, "next_queue_work": 1}
D = _Z | {
    "process_time": 8,
    "due_in": -5,
    "operation_due_in": -5,
    "work_left": 8,
    "slack": -13,
    "weight": 1,
    "operations_left": 1,
}
D |= {"time_in_queue": 3, "time_in_shop": 20, "next_process_time": 0, "next_queue_work": 0}


def table(
    jobs: list[dict[str, float]],
    changeovers: list[dict[str, float]] = (),
    wait: dict[str, float] | None = None,
    **shop: float,
) -> dict[str, Any]:
    """Return the observation of one environment: job rows, changeover rows and the wait row.

    The wait is legal if it is given; ``mean_*`` are those of the jobs. The machine is always open,
    unless jobs say something else by ``open_due_in``.
    """
    candidates = np.zeros((WAIT + 1, len(CANDIDATE_INDEX)))
    legal = np.zeros(WAIT + 1, bool)
    for row, values in [*enumerate(jobs), *enumerate(changeovers, JOBS), (WAIT, wait or {})]:
        kind = "is_wait" if row == WAIT else "is_job" if row < JOBS else "is_changeover"
        always_open = {"open_due_in": values.get("due_in", 0.0)}
        for name, value in (always_open | values | {kind: 1}).items():
            candidates[row, CANDIDATE_INDEX[name]] = value
        legal[row] = row < WAIT or wait is not None
    here = dict.fromkeys(("mean_process_time", "mean_setup_time"), 0.0)
    if jobs:
        for name in here:
            here[name] = float(np.mean([job.get(name.removeprefix("mean_"), 0) for job in jobs]))
    shop_row = np.zeros(len(SHOP_INDEX))
    for name, value in (here | {"ready_here": len(jobs)} | shop).items():
        shop_row[SHOP_INDEX[name]] = value
    return {
        "candidates": candidates,
        "action_mask": legal,
        "machines": machine_rows(["is_processing"]),
        "shop": shop_row,
    }


def machine_rows(statuses: list[str]) -> np.ndarray:
    """Return the machine table ``[M, Fm]`` of machines in the given statuses."""
    machines = np.zeros((len(statuses), len(MACHINE_INDEX)))
    for machine, status in enumerate(statuses):
        machines[machine, [MACHINE_INDEX["exists"], MACHINE_INDEX[status]]] = 1
    return machines


def ranking(rule: Rule, observation: dict[str, Any], names: str) -> str:
    """Return the order in which the rule takes the jobs if the table stays the same."""
    legal, order = observation["action_mask"].copy(), ""
    while legal[: len(names)].any():
        row = int(rule.decide(observation | {"action_mask": legal}))
        order += names[row]
        legal[row] = False
    return order


def random_tables(seed: int, num_envs: int) -> dict[str, Any]:
    """Return tables of continuous numbers, with random masks of at least one legal row."""
    random = np.random.default_rng(seed)
    candidates = random.uniform(0.5, 90, (num_envs, WAIT + 1, len(CANDIDATE_INDEX)))
    for name in ("due_in", "operation_due_in", "slack", "family_due_in", "family_critical_ratio"):
        candidates[..., CANDIDATE_INDEX[name]] -= 40
    for name, rows in (
        ("is_job", slice(0, JOBS)),
        ("is_changeover", slice(JOBS, WAIT)),
        ("is_wait", slice(WAIT, WAIT + 1)),
    ):
        candidates[..., CANDIDATE_INDEX[name]] = 0
        candidates[:, rows, CANDIDATE_INDEX[name]] = 1
    ahead = random.random((num_envs, CHANGEOVERS)) < 0.5
    candidates[:, JOBS:WAIT, CANDIDATE_INDEX["family_ready"]] *= ~ahead
    legal = random.random((num_envs, WAIT + 1)) < 0.4
    legal[np.arange(num_envs), random.integers(0, WAIT + 1, num_envs)] = True
    return {
        "candidates": candidates,
        "action_mask": legal,
        "machines": np.broadcast_to(
            machine_rows(["is_processing", "is_idle"]), (num_envs, 2, len(MACHINE_INDEX))
        ),
        "shop": random.uniform(1, 50, (num_envs, len(SHOP_INDEX))),
    }
