"""Checks of processing: durations, failures and rework, as drawn under the schedule's seed
(docs/model.md, section 3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from factory.schedule.columns import Bools, Ints, repair_times
from factory.verification.case import Case
from factory.verification.reference_world import MAX_ATTEMPTS
from factory.verification.sequence import WorkSequence
from factory.verification.violations import Constraint, Finding, findings_where

_MAX_EXTRA_FAILURES = 100
"""Failures, on average, that processing beyond the drawn time is followed for: a huge number in a
file must not ask for endless draws."""

_Span = tuple[int, int]


def check_durations(case: Case) -> Iterator[Finding]:
    """Check that processing takes its nominal or drawn time, and pauses for failures only."""
    operations = case.schedule.operations
    time = operations.end_date - operations.start_date
    repair_time = np.zeros(len(time), np.int64)
    if len(case.schedule.failures.machine):
        repair_time = repair_times(operations, case.schedule.failures)
    yield from findings_where(
        time - repair_time != operations.process_time,
        Constraint.INTERRUPTION,
        "operations",
        "lasts from {record.start_date} to {record.end_date} with {0} ticks of repair, but its"
        " process time is {record.process_time}.",
        repair_time,
    )
    expected = case.process_times
    is_free = np.zeros(len(time), np.bool_)
    if not case.orders.has_draws:
        is_free = (case.orders.cv[case.slot] > 0) & (expected > 0)
        yield from findings_where(
            is_free & (operations.process_time < 1),
            Constraint.DURATION,
            "operations",
            "takes {record.process_time} ticks; it must take at least 1.",
        )
    yield from findings_where(
        ~is_free & (expected >= 0) & (operations.process_time != expected),
        Constraint.DURATION,
        "operations",
        "takes {record.process_time} ticks; it must take {0}.",
        expected,
    )


# --- failures -------------------------------------------------------------------------------------


def check_failures(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that failures strike during processing, as drawn."""
    yield from _check_failure_places(case)
    if case.schedule.seed is None:
        return
    expected = _drawn_repairs(case, sequence)
    actual = _actual_repairs(case)
    differing = sorted(
        n for n in expected.keys() | actual.keys() if expected.get(n) != actual.get(n)
    )
    if differing:
        yield Finding(
            Constraint.FAILURE,
            "operations",
            np.array(differing, np.int64),
            "repairs {0}; the drawn ones are {1}.",
            (
                lambda n: _show_spans(actual.get(n, ())),
                lambda n: _show_spans(expected.get(n, ())),
            ),
        )


def _check_failure_places(case: Case) -> Iterator[Finding]:
    """Check that failures lie within the processing of an operation of a machine that may fail."""
    operations, failures = case.schedule.operations, case.schedule.failures
    if not len(failures.machine):
        return
    can_fail = case.tables.can_fail[failures.machine]
    yield from findings_where(~can_fail, Constraint.FAILURE, "failures", "the machine never fails.")
    is_inside = np.zeros(len(failures.machine), np.bool_)
    for machine in np.unique(failures.machine).tolist():
        on_machine = operations.machine == machine
        own = np.flatnonzero(failures.machine == machine)
        is_inside[own] = (
            (operations.start_date[on_machine] <= failures.start_date[own, None])
            & (failures.end_date[own, None] < operations.end_date[on_machine])
        ).any(axis=1)
    yield from findings_where(
        can_fail & ~is_inside,
        Constraint.FAILURE,
        "failures",
        "lasts from {record.start_date} to {record.end_date}, not inside the processing of an"
        " operation.",
    )


def _actual_repairs(case: Case) -> dict[int, list[_Span]]:
    """Return the repairs within each operation, on machines that may fail."""
    operations, failures = case.schedule.operations, case.schedule.failures
    repairs: dict[int, list[_Span]] = defaultdict(list)
    by_date = np.lexsort((failures.end_date, failures.start_date))
    for f in by_date[case.tables.can_fail[failures.machine[by_date]]].tolist():
        start, end = int(failures.start_date[f]), int(failures.end_date[f])
        is_around = (
            (operations.machine == failures.machine[f])
            & (operations.start_date <= start)
            & (end <= operations.end_date)
        )
        for n in np.flatnonzero(is_around).tolist():
            repairs[n].append((start, end))
    return repairs


def _drawn_repairs(case: Case, sequence: WorkSequence) -> dict[int, list[_Span]]:
    """Return the repairs that must interrupt each operation, if any do."""
    repairs: dict[int, list[_Span]] = defaultdict(list)
    for machine in np.flatnonzero(case.tables.can_fail).tolist():
        begin, end = np.searchsorted(sequence.machine, [machine, machine + 1]).tolist()
        done = sequence.operation[begin:end]
        _strike(case, machine, done[done >= 0], repairs)
    return repairs


def _strike(case: Case, machine: int, done: Ints, repairs: dict[int, list[_Span]]) -> None:
    """Add the drawn repairs of a machine that has processed ``done``, in this order.

    A failure strikes in the operation whose processing carries the machine beyond the drawn age.
    """
    operations = case.schedule.operations
    mean = case.tables.lookup.machines[machine].mean_time_to_failure
    assert mean is not None
    process_time = np.minimum(
        operations.process_time[done],
        np.maximum(case.process_times[done], 0) + _MAX_EXTRA_FAILURES * mean,
    )
    age = np.cumsum(process_time)
    ages, repair_times_ = case.orders.failures(machine, int(age[-1]) if len(age) else 0)
    delay: dict[int, int] = defaultdict(int)
    struck = np.searchsorted(age, ages, side="right").tolist()
    for row, at_age, repair_time in zip(struck, ages, repair_times_, strict=True):
        n = int(done[row])
        age_before = int(age[row] - process_time[row])
        date = int(operations.start_date[n]) + at_age - age_before + delay[n]
        repairs[n].append((date, date + repair_time))
        delay[n] += repair_time


def _show_spans(spans: Sequence[_Span]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans) or "none"


# --- rework ---------------------------------------------------------------------------------------


def check_rework(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that attempts are followed by another one as drawn."""
    operations, slot = case.schedule.operations, case.slot
    is_first = np.zeros(len(slot), np.bool_)
    rows = np.flatnonzero(sequence.operation >= 0)
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


def _first_pieces(case: Case, sequence: WorkSequence, rows: Ints) -> Bools:
    """Return whether the operations in ``rows`` are the first after a changeover that takes
    time.
    """
    changeovers = case.schedule.changeovers
    takes_time = np.zeros(len(sequence.machine), np.int64)
    changed = np.flatnonzero(sequence.changeover >= 0)
    takes_time[changed] = (changeovers.end_date > changeovers.start_date)[
        sequence.changeover[changed]
    ]
    so_far = np.cumsum(takes_time)
    latest, first = so_far[rows], sequence.first[rows]
    at_start = (so_far - takes_time)[first]  # before the machine did anything
    after_last = np.concatenate([[0], latest])[: len(latest)]
    is_new_machine = np.concatenate([[True], first[1:] != first[:-1]])[: len(latest)]
    result: Bools = latest > np.where(is_new_machine, at_start, after_last)
    return result
