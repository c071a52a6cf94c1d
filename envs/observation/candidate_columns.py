"""Columns of the candidate table, in the order of export.

Every action is a row of ``candidates [A, F]``:

- J job rows: ready operations of the asked machine's work centre;
- H changeover rows: maintenance, changeovers ahead, or detours;
- last, the wait row.

A job row describes its operation and the order of that operation. A changeover row describes its
*lead operation*: of the operations that it is offered for, the one that is expected to be ready
first. The wait row is 0 unless a column says otherwise.

"Here" is the asked machine or its work centre. A "family" is the set of operations here that want
the same setup. "The row's setup" is mounted once the row has been carried out. For the wait row it
is the setup that is mounted at the clock; the columns about arrivals and ``onward_setup_time`` are
filled for the wait row too.
"""

from __future__ import annotations

from envs.observation.column_types import INFINITE, Column, column_indices, count, flag, real, ticks

CANDIDATES: tuple[Column, ...] = (
    flag("is_job", "the row is a ready operation", "observe_jobs"),
    flag("is_changeover", "the row is a changeover without an operation", "observe_changeovers"),
    flag("is_wait", "the row is the wait", "observe_wait"),
    ticks("process_time", "expected process time on the asked machine", "observe_operation"),
    ticks(
        "setup_time",
        "changeover time from the mounted setup, or time of the maintenance; wait row: 0",
        "observe_setup",
        "observe_maintenance",
    ),
    flag(
        "is_mounted",
        "the mounted setup satisfies the wanted one; no changeover is needed, not even a zero-time "
        "one",
        "observe_jobs",
    ),
    real(
        "setup_cost",
        "changeover cost plus waste cost of the changeover from the mounted setup, or those of the "
        "maintenance",
        "observe_setup",
        "observe_maintenance",
        unit="currency",
    ),
    real(
        "energy_cost",
        "expected energy cost of changeover and processing, above idling, if they start now",
        "observe_setup",
        unit="currency",
    ),
    ticks("due_in", "due date minus now", "observe_order", low=-INFINITE),
    ticks(
        "operation_due_in",
        "operation due date minus now; that date is release + (due - release) * (longest expected "
        "work up to and including it) / (longest path)",
        "observe_operation",
        low=-INFINITE,
    ),
    ticks(
        "slack",
        "due date minus now minus the work left in the order",
        "observe_order",
        low=-INFINITE,
    ),
    real("weight", "weight of the order", "observe_order", unit="weight"),
    ticks(
        "work_left",
        "expected process time of the order's operations that are not done, including this one",
        "observe_order",
    ),
    count(
        "operations_left",
        "operations of the order that are not done, including this one",
        "observe_order",
    ),
    ticks(
        "time_in_queue",
        "time since the operation joined the queue; changeover row: 0",
        "observe_jobs",
    ),
    ticks("time_in_shop", "time since the order was released", "observe_order"),
    ticks(
        "ready_in",
        "expected time until the operation is ready; job row: 0; wait row: minimum over the "
        "upcoming operations here, longest_wait if there are none",
        "observe_changeovers",
        "observe_wait",
    ),
    count(
        "family_ready",
        "ready operations of the family that are eligible here",
        "observe_family",
    ),
    ticks(
        "family_ready_work",
        "sum of the expected process times here of the family's ready operations",
        "observe_family",
    ),
    count(
        "family_upcoming",
        "upcoming operations of the family that are eligible here; wait row: of all families",
        "observe_family",
        "observe_wait",
    ),
    ticks(
        "family_slack",
        "minimum slack in the family, ready or upcoming",
        "observe_family",
        low=-INFINITE,
    ),
    ticks(
        "family_due_in",
        "minimum due_in in the family, over its ready operations (if none: over its upcoming ones)",
        "observe_family",
        low=-INFINITE,
    ),
    ticks("family_time_in_queue", "maximum time_in_queue in the family", "observe_family"),
    real(
        "family_critical_ratio",
        "minimum of due_in / work_left in the family, over its ready operations (if none: over its "
        "upcoming ones)",
        "observe_family",
        unit="ratio",
        low=-INFINITE,
    ),
    ticks(
        "family_ready_in",
        "minimum expected time until an upcoming operation of the family is ready, longest_wait if "
        "there is none; wait row: 0",
        "observe_family",
    ),
    count(
        "twins_in_setup",
        "other machines of this work centre that need no changeover time for the wanted setup",
        "observe_family",
    ),
    ticks(
        "twin_free_in",
        "minimum expected time until a machine counted in twins_in_setup is idle, longest_wait if "
        "there is none",
        "observe_family",
    ),
    ticks(
        "fastest_time",
        "minimum expected process time over all eligible machines",
        "observe_operation",
    ),
    ticks(
        "next_process_time",
        "expected process time of the next operation (the first successor); 0 after the last "
        "operation",
        "observe_next",
    ),
    ticks(
        "next_queue_work",
        "work in the queue and work left in process at the next operation's work centre, per "
        "machine there",
        "observe_next_queue",
    ),
    count(
        "next_fits",
        "machines of the next operation's work centre that need no changeover time for it",
        "observe_next_centre",
    ),
    count(
        "next_family_ready",
        "ready operations at the next operation's work centre that want the same setup",
        "observe_next_queue",
    ),
    flag(
        "unblocks",
        "completing the operation makes a successor startable or completes the order",
        "observe_next",
    ),
    count("attempt", "number of completed attempts that failed", "observe_operation"),
    real(
        "rework_probability",
        "probability of rework if the row is chosen now",
        "observe_rework",
        unit="probability",
        high=1.0,
    ),
    real(
        "atc",
        "logarithm of the ATC priority with k = 3",
        "observe_priorities",
        unit="log",
        low=-INFINITE,
    ),
    real(
        "atcs",
        "logarithm of the ATCS priority with k1 = 2, k2 = 0.5; changeover rows: of that priority "
        "times exp(-ready_in / mean_process_time)",
        "observe_priorities",
        "observe_changeovers",
        unit="log",
        low=-INFINITE,
    ),
    count(
        "arrivals_meanwhile",
        "upcoming operations here that are expected to be ready by the end of changeover and "
        "processing; wait row: expected to be ready at once",
        "observe_arrivals",
    ),
    count(
        "fits_meanwhile",
        "operations counted in arrivals_meanwhile that need no changeover time from the row's "
        "setup",
        "observe_arrivals",
    ),
    ticks(
        "first_arrival_in",
        "expected time until the first upcoming operation here is ready, longest_wait if there is "
        "none",
        "observe_arrivals",
    ),
    ticks(
        "first_arrival_setup_time",
        "changeover time of the first upcoming operation here from the row's setup, longest_wait "
        "if forbidden",
        "observe_onward_setups",
        "copy_onward_setups",
    ),
    ticks(
        "first_arrival_slack",
        "slack of the order of the first upcoming operation here",
        "observe_arrivals",
        low=-INFINITE,
    ),
    real(
        "first_arrival_weight",
        "weight of the order of the first upcoming operation here",
        "observe_arrivals",
        unit="weight",
    ),
    ticks(
        "second_arrival_in",
        "as first_arrival_in, for the second upcoming operation",
        "observe_arrivals",
    ),
    ticks(
        "second_arrival_setup_time",
        "as first_arrival_setup_time, for the second upcoming operation",
        "observe_onward_setups",
        "copy_onward_setups",
    ),
    ticks(
        "onward_setup_time",
        "mean changeover time from the row's setup to the setups of all ready and upcoming "
        "operations here, excluding forbidden changeovers",
        "observe_onward_setups",
        "copy_onward_setups",
    ),
    ticks(
        "twin_start_in",
        "minimum expected time until another machine of this work centre is idle and changed over "
        "for the operation, at most longest_wait",
        "observe_parallel_machines",
    ),
    ticks(
        "path_slack",
        "due date minus now minus the work on the longest path from the operation to the end of "
        "the order",
        "observe_path",
        low=-INFINITE,
    ),
    ticks(
        "longer_path",
        "work on the order's longest path from any operation not begun, minus the work on the "
        "longest path from this operation",
        "observe_path",
    ),
    ticks(
        "join_in",
        "expected time until the other predecessors of the next operation are done",
        "observe_join",
    ),
    ticks(
        "next_start_in",
        "minimum expected time until a machine for the next operation is idle and changed over, at "
        "most longest_wait there",
        "observe_next_centre",
    ),
    ticks(
        "next_setup_time",
        "minimum changeover time of the next operation over its machines, at most longest_wait "
        "there",
        "observe_next_centre",
    ),
    count(
        "next_upcoming",
        "upcoming operations at the next operation's work centre",
        "observe_next_queue",
    ),
    flag("is_maintenance", "the row is a maintenance", "observe_maintenance"),
    real(
        "maintenance_left",
        "share of the maintenance's interval that is left until it is due, negative if it is "
        "overdue; other rows: 0",
        "observe_maintenance",
        unit="ratio",
        low=-INFINITE,
        high=1.0,
    ),
    ticks(
        "pause",
        "time for which closures are expected to interrupt the row's changeover and processing",
        "observe_pause",
    ),
    ticks(
        "open_due_in",
        "due date minus now, in time in which the asked machine is open",
        "observe_hours",
        low=-INFINITE,
    ),
    count(
        "run_length",
        "longest present run of a wanted value that is mounted, in the measure of its attribute",
        "observe_runs",
    ),
    real(
        "run_missing",
        "largest share that is missing of a minimum run, over the wanted values after the row",
        "observe_runs",
        unit="ratio",
        high=1.0,
    ),
    real(
        "run_used",
        "largest share that is used up of a maximum run, over the wanted values after the row",
        "observe_runs",
        unit="ratio",
        high=1.0,
    ),
    real(
        "people_spare",
        "free people on duty who can do the row, minus those that it needs; 0 if it needs nobody, "
        "or the factory lists no groups of people",
        "observe_people",
        unit="count",
        low=-INFINITE,
    ),
)
"""Columns of ``candidates``, float [A, F]."""

CANDIDATE_COLUMN = column_indices("CandidateColumn", CANDIDATES)
CANDIDATE_INDEX: dict[str, int] = CANDIDATE_COLUMN._asdict()
