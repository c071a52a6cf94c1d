"""The one table that defines the observation: spaces, documentation, kernel and exported manifest
are made from it.

Every action is a row of ``candidates [A, F]``: J job rows (ready operations of the asked machine's
work centre), H changeover rows (changeovers ahead, or detours) and, last, the wait row. A job row
speaks of its operation and that operation's order; a changeover row of its *lead operation*, the
operation for whose sake it is offered that is expected first; the wait row of nothing (0) unless
said otherwise. "Here" is the asked machine or its work centre; a "family" are the operations here
that want the same setup. "The row's setup" is what is mounted once the row has been done; the wait
row's is what is mounted now, and the columns about arrivals and ``onward_setup_time`` hold for it
too. Units are physical (ticks, currency, counts); columns never carry identities.
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
    _ticks("process_time", "expected process time here"),
    _ticks("setup_time", "changeover time from the mounted setup; wait row: 0"),
    _flag(
        "is_mounted",
        "the mounted setup is the one it wants: no changeover, not even one that takes no time",
    ),
    _currency("setup_cost", "changeover and waste cost of that changeover"),
    _currency(
        "energy_cost",
        "expected energy cost of changeover and processing, above idling, at the tariff from"
        " now on",
    ),
    _ticks("due_in", "due date minus now", -INFINITE),
    _ticks(
        "operation_due_in",
        "operation due date minus now: release + (due - release) * (longest expected work up to and"
        " with it, counted back from the end) / (longest path)",
        -INFINITE,
    ),
    _ticks("slack", "due date minus now minus work left in the order", -INFINITE),
    Column("weight", "weight", 0.0, INFINITE, "weight of the order"),
    _ticks(
        "work_left",
        "expected process time of the order's operations that are not done, this one included",
    ),
    _count("operations_left", "operations of the order that are not done, this one included"),
    _ticks("time_in_queue", "time since it joined the queue; changeover row: 0"),
    _ticks("time_in_shop", "time since the order was released"),
    _ticks(
        "ready_in",
        "expected time until it is ready; job row: 0; wait row: least over the upcoming operations"
        " here, or longest_wait if there is none",
    ),
    _count("family_ready", "ready operations of the family, eligible here"),
    _ticks("family_ready_work", "their expected process time here, summed"),
    _count(
        "family_upcoming",
        "upcoming operations of the family, eligible here; wait row: all upcoming operations,"
        " eligible here",
    ),
    _ticks("family_slack", "least slack of the family, ready or upcoming", -INFINITE),
    _ticks("family_due_in", "least due_in of the family, ready (if none: upcoming)", -INFINITE),
    _ticks("family_time_in_queue", "longest time_in_queue of the family"),
    Column(
        "family_critical_ratio",
        "ratio",
        -INFINITE,
        INFINITE,
        "least due_in / work_left of the family, ready (if none: upcoming)",
    ),
    _ticks(
        "family_ready_in",
        "least expected time until an upcoming operation of the family is ready, longest_wait if"
        " there is none; wait row: 0",
    ),
    _count(
        "twins_in_setup",
        "other machines of this work centre on which the row would need no changeover time",
    ),
    _ticks(
        "twin_free_in",
        "least expected time until one of them is idle, longest_wait if there is none",
    ),
    _ticks("fastest_time", "least expected process time over all eligible machines"),
    _ticks(
        "next_process_time",
        "expected process time of the next operation (the first successor; 0 after the last)",
    ),
    _ticks(
        "next_queue_work",
        "work in queue and left in process at the next operation's work centre, per machine there",
    ),
    _count(
        "next_fits",
        "machines of the next operation's work centre on which it would need no changeover time",
    ),
    _count(
        "next_family_ready",
        "ready operations at the next operation's work centre that want its setup",
    ),
    _flag("unblocks", "its completion makes a successor startable, or completes the order"),
    _count("attempt", "how often it has been done and must be done again"),
    Column(
        "rework_probability",
        "probability",
        0.0,
        1.0,
        "probability that it must be done again if chosen now",
    ),
    Column("atc", "log", -INFINITE, INFINITE, "log of the ATC priority with look-ahead 3"),
    Column(
        "atcs",
        "log",
        -INFINITE,
        INFINITE,
        "log of the ATCS priority with k1 = 2, k2 = 0.5; changeover rows: times exp(-ready_in /"
        " mean_process_time)",
    ),
    _count(
        "arrivals_meanwhile",
        "upcoming operations here that are expected to be ready before changeover and processing"
        " end; wait row: at once",
    ),
    _count(
        "fits_meanwhile", "of those, the ones that the row's setup needs no changeover time for"
    ),
    _ticks(
        "first_arrival_in",
        "expected time until the first upcoming operation here is ready, longest_wait if there is"
        " none",
    ),
    _ticks(
        "first_arrival_setup_time",
        "its changeover time from the row's setup, longest_wait if forbidden",
    ),
    _ticks("first_arrival_slack", "slack of its order", -INFINITE),
    Column("first_arrival_weight", "weight", 0.0, INFINITE, "weight of its order"),
    _ticks("second_arrival_in", "as first_arrival_in, of the second"),
    _ticks("second_arrival_setup_time", "as first_arrival_setup_time, of the second"),
    _ticks(
        "onward_setup_time",
        "mean changeover time from the row's setup to those of all ready and upcoming operations"
        " here (forbidden ones left out)",
    ),
    _ticks(
        "twin_start_in",
        "least expected time until another machine of this work centre is idle and changed over for"
        " it, at most longest_wait",
    ),
    _ticks(
        "path_slack",
        "due date minus now minus the work on the longest path from it to the order's end",
        -INFINITE,
    ),
    _ticks(
        "longer_path", "by how much the order's longest path from an operation not begun is longer"
    ),
    _ticks("join_in", "expected time until the other predecessors of the next operation are done"),
    _ticks(
        "next_start_in",
        "least expected time until a machine for the next operation is idle and changed over, at"
        " most longest_wait there",
    ),
    _ticks(
        "next_setup_time",
        "least changeover time of the next operation over its machines, at most longest_wait there",
    ),
    _count("next_upcoming", "upcoming operations of the next operation's work centre"),
)
"""Columns of ``candidates``, float [A, F]."""

MACHINES: tuple[Column, ...] = (
    _flag("exists", "the machine exists (rows beyond the factory's machines are 0)"),
    _flag("is_asked", "it is the machine that is asked"),
    _flag("same_centre", "it stands in the asked machine's work centre"),
    _flag("is_idle", "it is idle"),
    _flag("is_changing", "it is being changed over"),
    _flag("is_processing", "it is processing"),
    _flag("is_down", "it is being repaired"),
    _flag("is_waiting", "it has chosen to wait"),
    _ticks("busy_for", "expected time until it is idle"),
    _ticks("in_state_for", "time since its present status began"),
    Column("speed", "ratio", 0.0, INFINITE, "its speed"),
    _count("queue_length", "ready operations of its work centre"),
    _count(
        "queue_fits",
        "of those, the ones that it could start without changeover time; 0 in other work centres"
        " than the asked machine's",
    ),
    _ticks("queue_work", "their mean process times, summed, per machine of the work centre"),
    _count("upcoming_length", "upcoming operations of its work centre"),
)
"""Columns of ``machines``, float [M, Fm]."""

SHOP: tuple[Column, ...] = (
    _ticks(
        "mean_process_time", "mean expected process time here of the ready operations eligible here"
    ),
    _ticks(
        "mean_setup_time",
        "mean changeover time of the same, from the mounted setup (forbidden ones left out)",
    ),
    _count("ready_here", "ready operations eligible here"),
    _count("upcoming_here", "upcoming operations eligible here"),
    _count("fitting_ready", "ready operations eligible here that need no changeover time"),
    _count("fitting_upcoming", "upcoming operations eligible here that need no changeover time"),
    _ticks(
        "fitting_ready_in",
        "least expected time until one of these is ready, longest_wait if there is none",
    ),
    _ticks(
        "fitting_slack",
        "least slack of these upcoming operations' orders, 0 if there is none",
        -INFINITE,
    ),
    _count("hidden_operations", "ready operations eligible here for which there was no job row"),
    _ticks("longest_wait", "longest wait here"),
    _count("active_orders", "orders released and not completed"),
    _count("late_orders", "of those, past their due date"),
    Column("late_weight", "weight", 0.0, INFINITE, "sum of their weights"),
    _ticks("mean_slack", "mean slack of active orders", -INFINITE),
    _ticks("recent_interarrival_time", "mean time between the last (up to 8) releases and now"),
    _count("crews_free", "changeover crews that are free, at most the number of machines"),
    _currency("price_now", "price of electricity now times its rate", "currency/kWh"),
    _currency(
        "price_soon", "its mean over the four hours that follow the present one", "currency/kWh"
    ),
    _currency(
        "processing_cost",
        "energy cost of an hour of processing here at the present price",
        "currency/hour",
    ),
    Column("hour_sine", "ratio", -1.0, 1.0, "sine of the hour of the day"),
    Column("hour_cosine", "ratio", -1.0, 1.0, "cosine of the hour of the day"),
    _currency("tardiness_rate", "cost of lateness", "currency/weight/tick"),
    _currency("holding_rate", "cost of an order in progress", "currency/tick"),
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
