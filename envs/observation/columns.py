"""The one table that defines the observation: spaces, documentation, kernel and exported manifest
are made from it.

Every action is a row of ``candidates [A, F]``:

- J job rows: ready operations of the asked machine's work centre;
- H changeover rows: changeovers ahead, or detours;
- last, the wait row.

A job row describes its operation and the order of that operation. A changeover row describes its
*lead operation*: of the operations that it is offered for, the one that is expected to be ready
first. The wait row is 0 unless a column says otherwise.

"Here" is the asked machine or its work centre. A "family" is the set of operations here that want
the same setup. "The row's setup" is mounted once the row has been carried out. For the wait row it
is the setup that is mounted now; the columns about arrivals and ``onward_setup_time`` are filled
for the wait row too.

Units are physical (ticks, currency, counts). No column carries an identity.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

INFINITE = float("inf")


class Column(NamedTuple):
    """One column of an observation table."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


def _ticks(name: str, meaning: str, low: float = 0.0) -> Column:
    return Column(name, "ticks", low, INFINITE, meaning)


def _count(name: str, meaning: str) -> Column:
    return Column(name, "count", 0.0, INFINITE, meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, "flag", 0.0, 1.0, meaning)


def _currency(name: str, meaning: str, unit: str = "currency") -> Column:
    return Column(name, unit, 0.0, INFINITE, meaning)


CANDIDATES: tuple[Column, ...] = (
    _flag("is_job", "the row is a ready operation"),
    _flag("is_changeover", "the row is a changeover without an operation"),
    _flag("is_wait", "the row is the wait"),
    _ticks("process_time", "expected process time on the asked machine"),
    _ticks("setup_time", "changeover time from the mounted setup; wait row: 0"),
    _flag(
        "is_mounted",
        "the mounted setup satisfies the wanted one; no changeover is needed, not even a zero-time one",
    ),
    _currency(
        "setup_cost", "changeover cost plus waste cost of the changeover from the mounted setup"
    ),
    _currency(
        "energy_cost",
        "expected energy cost of changeover and processing, above idling, if they start now",
    ),
    _ticks("due_in", "due date minus now", -INFINITE),
    _ticks(
        "operation_due_in",
        "operation due date minus now; that date is release + (due - release) * (longest expected work up to and including it) / (longest path)",
        -INFINITE,
    ),
    _ticks("slack", "due date minus now minus the work left in the order", -INFINITE),
    Column("weight", "weight", 0.0, INFINITE, "weight of the order"),
    _ticks(
        "work_left",
        "expected process time of the order's operations that are not done, including this one",
    ),
    _count("operations_left", "operations of the order that are not done, including this one"),
    _ticks("time_in_queue", "time since the operation joined the queue; changeover row: 0"),
    _ticks("time_in_shop", "time since the order was released"),
    _ticks(
        "ready_in",
        "expected time until the operation is ready; job row: 0; wait row: minimum over the upcoming operations here, longest_wait if there are none",
    ),
    _count("family_ready", "ready operations of the family that are eligible here"),
    _ticks(
        "family_ready_work",
        "sum of the expected process times here of the family's ready operations",
    ),
    _count(
        "family_upcoming",
        "upcoming operations of the family that are eligible here; wait row: of all families",
    ),
    _ticks("family_slack", "minimum slack in the family, ready or upcoming", -INFINITE),
    _ticks(
        "family_due_in",
        "minimum due_in in the family, over its ready operations (if none: over its upcoming ones)",
        -INFINITE,
    ),
    _ticks("family_time_in_queue", "maximum time_in_queue in the family"),
    Column(
        "family_critical_ratio",
        "ratio",
        -INFINITE,
        INFINITE,
        "minimum of due_in / work_left in the family, over its ready operations (if none: over its upcoming ones)",
    ),
    _ticks(
        "family_ready_in",
        "minimum expected time until an upcoming operation of the family is ready, longest_wait if there is none; wait row: 0",
    ),
    _count(
        "twins_in_setup",
        "other machines of this work centre that need no changeover time for the wanted setup",
    ),
    _ticks(
        "twin_free_in",
        "minimum expected time until a machine counted in twins_in_setup is idle, longest_wait if there is none",
    ),
    _ticks("fastest_time", "minimum expected process time over all eligible machines"),
    _ticks(
        "next_process_time",
        "expected process time of the next operation (the first successor); 0 after the last operation",
    ),
    _ticks(
        "next_queue_work",
        "work in the queue and work left in process at the next operation's work centre, per machine there",
    ),
    _count(
        "next_fits",
        "machines of the next operation's work centre that need no changeover time for it",
    ),
    _count(
        "next_family_ready",
        "ready operations at the next operation's work centre that want the same setup",
    ),
    _flag(
        "unblocks", "completing the operation makes a successor startable or completes the order"
    ),
    _count("attempt", "number of completed attempts that failed"),
    Column(
        "rework_probability",
        "probability",
        0.0,
        1.0,
        "probability of rework if the row is chosen now",
    ),
    Column("atc", "log", -INFINITE, INFINITE, "logarithm of the ATC priority with k = 3"),
    Column(
        "atcs",
        "log",
        -INFINITE,
        INFINITE,
        "logarithm of the ATCS priority with k1 = 2, k2 = 0.5; changeover rows: of that priority times exp(-ready_in / mean_process_time)",
    ),
    _count(
        "arrivals_meanwhile",
        "upcoming operations here that are expected to be ready by the end of changeover and processing; wait row: expected to be ready at once",
    ),
    _count(
        "fits_meanwhile",
        "operations counted in arrivals_meanwhile that need no changeover time from the row's setup",
    ),
    _ticks(
        "first_arrival_in",
        "expected time until the first upcoming operation here is ready, longest_wait if there is none",
    ),
    _ticks(
        "first_arrival_setup_time",
        "changeover time of the first upcoming operation here from the row's setup, longest_wait if forbidden",
    ),
    _ticks(
        "first_arrival_slack", "slack of the order of the first upcoming operation here", -INFINITE
    ),
    Column(
        "first_arrival_weight",
        "weight",
        0.0,
        INFINITE,
        "weight of the order of the first upcoming operation here",
    ),
    _ticks("second_arrival_in", "as first_arrival_in, for the second upcoming operation"),
    _ticks(
        "second_arrival_setup_time",
        "as first_arrival_setup_time, for the second upcoming operation",
    ),
    _ticks(
        "onward_setup_time",
        "mean changeover time from the row's setup to the setups of all ready and upcoming operations here, excluding forbidden changeovers",
    ),
    _ticks(
        "twin_start_in",
        "minimum expected time until another machine of this work centre is idle and changed over for the operation, at most longest_wait",
    ),
    _ticks(
        "path_slack",
        "due date minus now minus the work on the longest path from the operation to the end of the order",
        -INFINITE,
    ),
    _ticks(
        "longer_path",
        "work on the order's longest path from any operation not begun, minus the work on the longest path from this operation",
    ),
    _ticks("join_in", "expected time until the other predecessors of the next operation are done"),
    _ticks(
        "next_start_in",
        "minimum expected time until a machine for the next operation is idle and changed over, at most longest_wait there",
    ),
    _ticks(
        "next_setup_time",
        "minimum changeover time of the next operation over its machines, at most longest_wait there",
    ),
    _count("next_upcoming", "upcoming operations at the next operation's work centre"),
)
"""Columns of ``candidates``, float [A, F]."""

MACHINES: tuple[Column, ...] = (
    _flag("exists", "the machine exists (rows beyond the factory's machines are 0)"),
    _flag("is_asked", "the machine is the asked machine"),
    _flag("same_centre", "the machine belongs to the asked machine's work centre"),
    _flag("is_idle", "the machine is idle"),
    _flag("is_changing", "the machine is in changeover"),
    _flag("is_processing", "the machine is processing"),
    _flag("is_down", "the machine is under repair"),
    _flag("is_waiting", "the machine waits by choice"),
    _ticks("busy_for", "expected time until the machine is idle"),
    _ticks("in_state_for", "time since the machine's present status began"),
    Column("speed", "ratio", 0.0, INFINITE, "speed of the machine"),
    _count("queue_length", "ready operations of the machine's work centre"),
    _count(
        "queue_fits",
        "ready operations that the machine could start without changeover time; 0 outside the asked machine's work centre",
    ),
    _ticks(
        "queue_work", "sum of the mean process times of the queue, per machine of the work centre"
    ),
    _count("upcoming_length", "upcoming operations of the machine's work centre"),
)
"""Columns of ``machines``, float [M, Fm]."""

SHOP: tuple[Column, ...] = (
    _ticks(
        "mean_process_time",
        "mean of the expected process times here of the ready operations that are eligible here",
    ),
    _ticks(
        "mean_setup_time",
        "mean changeover time from the mounted setup of the ready operations that are eligible here, excluding forbidden changeovers",
    ),
    _count("ready_here", "ready operations that are eligible here"),
    _count("upcoming_here", "upcoming operations that are eligible here"),
    _count("fitting_ready", "ready operations eligible here that need no changeover time"),
    _count("fitting_upcoming", "upcoming operations eligible here that need no changeover time"),
    _ticks(
        "fitting_ready_in",
        "minimum expected time until an operation counted in fitting_upcoming is ready, longest_wait if there is none",
    ),
    _ticks(
        "fitting_slack",
        "minimum slack of the orders of the operations counted in fitting_upcoming, 0 if there is none",
        -INFINITE,
    ),
    _count("hidden_operations", "ready operations eligible here that have no job row"),
    _ticks("longest_wait", "maximum length of a wait here"),
    _count("active_orders", "orders released and not completed"),
    _count("late_orders", "active orders past their due date"),
    Column("late_weight", "weight", 0.0, INFINITE, "sum of the weights of the late orders"),
    _ticks("mean_slack", "mean slack of the active orders", -INFINITE),
    _ticks(
        "recent_interarrival_time",
        "mean interarrival time of the last (up to 8) releases, counted up to now",
    ),
    _count("crews_free", "free changeover crews, at most the number of machines"),
    _currency("price_now", "present price of electricity times the energy rate", "currency/kWh"),
    _currency(
        "price_soon",
        "mean of price_now over the four hours that follow the present one",
        "currency/kWh",
    ),
    _currency(
        "processing_cost",
        "energy cost of an hour of processing here at the present price",
        "currency/hour",
    ),
    Column("hour_sine", "ratio", -1.0, 1.0, "sine of the hour of the day"),
    Column("hour_cosine", "ratio", -1.0, 1.0, "cosine of the hour of the day"),
    _currency(
        "tardiness_rate", "cost of a tick of tardiness per unit of weight", "currency/weight/tick"
    ),
    _currency("holding_rate", "cost of a tick of an order in progress", "currency/tick"),
    _currency("cost_scale", "cost by which rewards are divided"),
)
"""Columns of ``shop``, float [Fs]."""

CANDIDATE_INDEX = {column.name: index for index, column in enumerate(CANDIDATES)}
MACHINE_INDEX = {column.name: index for index, column in enumerate(MACHINES)}
SHOP_INDEX = {column.name: index for index, column in enumerate(SHOP)}


def feature_hash() -> str:
    """Hash of names, units and order of all columns: two observations are compatible only if theirs
    are equal."""
    layout = [
        [(column.name, column.unit) for column in table] for table in (CANDIDATES, MACHINES, SHOP)
    ]
    return hashlib.sha256(json.dumps(layout).encode()).hexdigest()[:16]
