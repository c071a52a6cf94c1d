"""Checks of processing: durations, failures and rework, as drawn under the schedule's seed
(docs/model.md, section 3).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from factory.schedule.columns import Ints, Masks
from factory.verification.case import Case
from factory.verification.reference_world import MAX_ATTEMPTS
from factory.verification.sequence import WorkSequence
from factory.verification.violations import Constraint, Finding, findings_where

_MAX_EXTRA_FAILURES = 100
"""Failures, on average, that processing beyond the drawn time is followed for: a huge number in a
file must not ask for endless draws."""

_Span = tuple[int, int]


def check_durations(case: Case) -> Iterator[Finding]:
    """Check that processing takes its nominal or drawn time, and stops only for failures and
    pauses.
    """
    process_time, expected = case.process_times, case.expected_times
    operations = case.schedule.operations
    if operations.process_time is not None:
        yield from findings_where(
            case.net_times != process_time,
            Constraint.INTERRUPTION,
            "operations",
            "lasts from {record.start_date} to {record.end_date} with {0} ticks of repair and"
            " pause, but its process time is {record.process_time}.",
            operations.end_date - operations.start_date - case.net_times,
        )
    is_wrong = (process_time != expected) & (expected >= 0)
    if not case.orders.has_draws:
        is_free = (case.orders.cv[case.slot] > 0) & (expected > 0)
        is_wrong &= ~is_free
        yield from findings_where(
            is_free & (process_time < 1),
            Constraint.DURATION,
            "operations",
            "takes {record.process_time} ticks; it must take at least 1.",
        )
    yield from findings_where(
        is_wrong,
        Constraint.DURATION,
        "operations",
        "takes {record.process_time} ticks; it must take {0}.",
        expected,
    )


# --- failures -------------------------------------------------------------------------------------


def check_failures(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that failures strike during processing, as drawn."""
    yield from _check_failure_places(case)
    if case.schedule.seed is None or not case.tables.can_fail.any():
        return
    expected, actual = _drawn_repairs(case, sequence), _actual_repairs(case)
    if expected == actual:
        return
    differing = [n for n in expected.keys() | actual.keys() if expected.get(n) != actual.get(n)]
    yield Finding(
        Constraint.FAILURE,
        "operations",
        np.array(sorted(differing), np.int64),
        "repairs {0}; the drawn ones are {1}.",
        (
            lambda n: _show_spans(actual.get(n, ())),
            lambda n: _show_spans(expected.get(n, ())),
        ),
    )


def _check_failure_places(case: Case) -> Iterator[Finding]:
    """Check that failures lie within the processing of an operation of a machine that may fail."""
    operations, failures, repairs = case.schedule.operations, case.schedule.failures, case.repairs
    can_fail = case.tables.can_fail[failures.machine]
    yield from findings_where(~can_fail, Constraint.FAILURE, "failures", "the machine never fails.")
    is_inside = np.zeros(len(failures.machine), np.bool_)
    is_before_end = repairs.end_date < operations.end_date[repairs.operation]
    is_inside[repairs.span[is_before_end]] = True
    yield from findings_where(
        can_fail & ~is_inside,
        Constraint.FAILURE,
        "failures",
        "lasts from {record.start_date} to {record.end_date}, not inside the processing of an"
        " operation.",
    )


def _actual_repairs(case: Case) -> dict[int, list[_Span]]:
    """Return the listed repairs within each operation, on machines that may fail."""
    repairs = case.repairs
    spans: dict[int, list[_Span]] = defaultdict(list)
    can_fail = case.tables.can_fail[case.schedule.failures.machine[repairs.span]]
    for n, start, end in zip(
        *(
            column[can_fail].tolist()
            for column in (repairs.operation, repairs.start_date, repairs.end_date)
        ),
        strict=True,
    ):
        spans[n].append((start, end))
    return spans


def _drawn_repairs(case: Case, sequence: WorkSequence) -> dict[int, list[_Span]]:
    """Return the repairs that must interrupt each operation.

    A failure strikes in the operation whose processing carries the machine beyond the drawn age.
    """
    operations, tables = case.schedule.operations, case.tables
    done = sequence.operation[sequence.operation >= 0]
    process_time = np.minimum(
        case.process_times[done],
        np.maximum(case.expected_times[done], 0)
        + _MAX_EXTRA_FAILURES * tables.mean_time_to_failure[operations.machine[done]],
    )
    # age of all machines, one after the other, before each operation and after the last
    age = np.concatenate([[0], np.cumsum(process_time)]).tolist()
    edges = operations.machine[done].searchsorted(np.arange(len(tables.can_fail) + 1)).tolist()
    spans: dict[int, list[_Span]] = defaultdict(list)
    delay: dict[int, int] = defaultdict(int)
    pauses: dict[int, list[_Span]] = defaultdict(list)
    for n, *pause in zip(*(column.tolist() for column in case.pauses[1:]), strict=True):
        pauses[n].append((pause[0], pause[1]))
    for machine in tables.can_fail.nonzero()[0].tolist():
        begin, end = edges[machine], edges[machine + 1]
        ages, repair_times = case.orders.failures(machine, age[end] - age[begin])
        for at_age, repair_time in zip(ages, repair_times, strict=True):
            row = bisect_right(age, age[begin] + at_age, begin, end + 1) - 1
            n = int(done[row])
            processed = at_age + age[begin] - age[row]
            date = int(operations.start_date[n]) + processed + delay[n]
            # a failure at the date of a pause comes first
            while pauses[n] and pauses[n][0][0] < date:
                begin_pause, end_pause = pauses[n].pop(0)
                delay[n] += end_pause - begin_pause
                date += end_pause - begin_pause
            spans[n].append((date, date + repair_time))
            delay[n] += repair_time
    return spans


def _show_spans(spans: Sequence[_Span]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans) or "none"


# --- rework ---------------------------------------------------------------------------------------


def check_rework(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that attempts are followed by another one as drawn."""
    operations, slot = case.schedule.operations, case.slot
    is_first = np.zeros(len(slot), np.bool_)
    rows = (sequence.operation >= 0).nonzero()[0]
    is_first[sequence.operation[rows]] = _first_pieces(case, sequence, rows)
    done = np.zeros((len(case.orders.exists), MAX_ATTEMPTS + 1), np.bool_)
    done[slot, operations.attempt] = True
    is_again = done[slot, operations.attempt + 1]
    if not case.orders.has_draws:
        probability = case.orders.rework[slot, is_first.astype(np.intp)]
        yield from findings_where(
            is_again & (probability == 0),
            Constraint.REWORK,
            "operations",
            "is done again, though it can never need rework.",
        )
        return
    drawn = case.orders.is_reworked(slot, operations.attempt, is_first)
    yield from findings_where(
        drawn & ~is_again,
        Constraint.REWORK,
        "operations",
        "must be done again as drawn, but is not.",
    )
    yield from findings_where(
        is_again & ~drawn,
        Constraint.REWORK,
        "operations",
        "is done again, though the draw does not ask for it.",
    )


def _first_pieces(case: Case, sequence: WorkSequence, rows: Ints) -> Masks:
    """Return whether the operations in ``rows`` are the first after a changeover that takes
    time.
    """
    changeovers = case.schedule.changeovers
    takes_time = np.zeros(len(sequence.machine), np.int64)
    changed = (sequence.changeover >= 0).nonzero()[0]
    takes_time[changed] = (changeovers.end_date > changeovers.start_date)[
        sequence.changeover[changed]
    ]
    so_far = np.cumsum(takes_time)
    latest, first = so_far[rows], sequence.first[rows]
    at_start = (so_far - takes_time)[first]  # before the machine did anything
    after_last = np.concatenate([[0], latest])[: len(latest)]
    is_new_machine = np.concatenate([[True], first[1:] != first[:-1]])[: len(latest)]
    result: Masks = latest > np.where(is_new_machine, at_start, after_last)
    return result
