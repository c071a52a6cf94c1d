"""Texts of the columns of candidates, and of their groups, as planners read them."""

from __future__ import annotations

from typing import NamedTuple


class ColumnGroup(NamedTuple):
    """Columns that belong together: one cannot change alone on a shop floor."""

    name: str
    text: str
    columns: tuple[str, ...]


COLUMN_TEXTS = {
    "is_job": "starts an operation",
    "is_changeover": "changes over without an operation",
    "is_wait": "waits",
    "process_time": "process time",
    "setup_time": "changeover time",
    "is_mounted": "the setup is mounted already",
    "setup_cost": "cost of the changeover",
    "energy_cost": "cost of energy",
    "due_in": "time until the due date",
    "operation_due_in": "time until the operation is due",
    "slack": "slack of the order",
    "weight": "weight of the order",
    "work_left": "work left in the order",
    "operations_left": "operations left in the order",
    "time_in_queue": "time in the queue",
    "time_in_shop": "time since the release",
    "ready_in": "time until the operation is ready",
    "family_ready": "ready operations with the same setup",
    "family_ready_work": "ready work with the same setup",
    "family_upcoming": "coming operations with the same setup",
    "family_slack": "least slack with the same setup",
    "family_due_in": "earliest due date with the same setup, from the clock",
    "family_time_in_queue": "longest time in the queue with the same setup",
    "family_critical_ratio": "least ratio of remaining time to remaining work with the same setup",
    "family_ready_in": "time until the next operation with the same setup is ready",
    "twins_in_setup": "other machines with this setup",
    "twin_free_in": "time until another machine with this setup is free",
    "fastest_time": "process time on the fastest machine",
    "next_process_time": "process time of the next operation",
    "next_queue_work": "work waiting for the next operation's machines, for each machine",
    "next_fits": "machines with the setup of the next operation",
    "next_family_ready": "ready operations with the setup of the next operation",
    "unblocks": "lets another operation start, or completes the order",
    "attempt": "failed attempts so far",
    "rework_probability": "probability of rework",
    "atc": "urgency by the ATC rule",
    "atcs": "urgency by the ATCS rule",
    "arrivals_meanwhile": "operations that arrive meanwhile",
    "fits_meanwhile": "operations that arrive meanwhile and need no changeover",
    "first_arrival_in": "time until the next arrival",
    "first_arrival_setup_time": "changeover time for the next arrival",
    "first_arrival_slack": "slack of the next arrival",
    "first_arrival_weight": "weight of the next arrival",
    "second_arrival_in": "time until the arrival after the next",
    "second_arrival_setup_time": "changeover time for the arrival after the next",
    "onward_setup_time": "mean changeover time afterwards",
    "twin_start_in": "time until another machine could start the operation",
    "path_slack": "slack on the longest path",
    "longer_path": "work of the order on a longer path",
    "join_in": "time until the other parts are there",
    "next_start_in": "time until the next operation could start",
    "next_setup_time": "changeover time of the next operation",
    "next_upcoming": "operations on their way to the next operation's machines",
    "is_maintenance": "a maintenance",
    "maintenance_left": "share of its interval until the maintenance is due",
    "pause": "time for which closures interrupt it",
    "open_due_in": "open time until the due date",
    "run_length": "length of the run so far",
    "run_missing": "share of the shortest run that is missing",
    "run_used": "share of the longest run that is used up",
    "people_spare": "people to spare",
}
"""Noun phrase of each column; a flag has the words that hold where it is set."""
COLUMN_GROUPS = (
    ColumnGroup("kind", "kind of choice", ("is_job", "is_changeover", "is_wait")),
    ColumnGroup("changeover", "changeover", ("setup_time", "is_mounted", "setup_cost")),
    ColumnGroup("processing", "processing", ("process_time", "fastest_time", "energy_cost")),
    ColumnGroup(
        "due date",
        "due date",
        ("due_in", "operation_due_in", "slack", "path_slack", "longer_path"),
    ),
    ColumnGroup("weight", "weight of the order", ("weight",)),
    ColumnGroup("urgency", "urgency by the rules ATC and ATCS", ("atc", "atcs")),
    ColumnGroup("progress", "progress of the order", ("work_left", "operations_left")),
    ColumnGroup("age", "time spent so far", ("time_in_queue", "time_in_shop")),
    ColumnGroup("readiness", "time until it is ready", ("ready_in",)),
    ColumnGroup(
        "family",
        "other operations with the same setup",
        (
            "family_ready",
            "family_ready_work",
            "family_upcoming",
            "family_slack",
            "family_due_in",
            "family_time_in_queue",
            "family_critical_ratio",
            "family_ready_in",
        ),
    ),
    ColumnGroup(
        "other machines",
        "other machines that could do it",
        ("twins_in_setup", "twin_free_in", "twin_start_in"),
    ),
    ColumnGroup(
        "next operation",
        "next operation of the order",
        (
            "next_process_time",
            "next_queue_work",
            "next_fits",
            "next_family_ready",
            "unblocks",
            "join_in",
            "next_start_in",
            "next_setup_time",
            "next_upcoming",
        ),
    ),
    ColumnGroup("rework", "rework", ("attempt", "rework_probability")),
    ColumnGroup(
        "arrivals",
        "operations that arrive soon",
        (
            "arrivals_meanwhile",
            "fits_meanwhile",
            "first_arrival_in",
            "first_arrival_setup_time",
            "first_arrival_slack",
            "first_arrival_weight",
            "second_arrival_in",
            "second_arrival_setup_time",
        ),
    ),
    ColumnGroup("onward changeovers", "changeovers afterwards", ("onward_setup_time",)),
    ColumnGroup("maintenance", "maintenance", ("is_maintenance", "maintenance_left")),
    ColumnGroup("hours", "open hours", ("pause", "open_due_in")),
    ColumnGroup("run", "run of the setup", ("run_length", "run_missing", "run_used")),
    ColumnGroup("people", "people", ("people_spare",)),
)
"""Every column, in exactly one group."""
YES, NO, INSTEAD = "yes", "no", "instead of"
