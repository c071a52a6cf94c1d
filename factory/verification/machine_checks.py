"""Checks of each machine's work and waits: one thing at a time, in the right setup (docs/model.md,
sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.lookups import Changeover
from factory.schedule.columns import Ints, Masks, SpanColumns, net_times, pair_interruptions
from factory.verification.case import Case
from factory.verification.sequence import Pairing, WorkSequence
from factory.verification.violations import Constraint, Finding, TableEntry, findings_where

# --- one thing at a time --------------------------------------------------------------------------


def check_overlaps(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that a machine does one thing at a time, and is under one repair at a time."""
    yield from _check_apart(
        sequence.machine,
        sequence.start_date,
        sequence.end_date,
        lambda row: _entry_of(case, sequence, row),
    )
    failures = case.schedule.failures
    by_date = np.lexsort((failures.end_date, failures.start_date, failures.machine))
    yield from _check_apart(
        failures.machine[by_date],
        failures.start_date[by_date],
        failures.end_date[by_date],
        lambda row: TableEntry("failures", int(by_date[row])),
    )


def _entry_of(case: Case, sequence: WorkSequence, row: int) -> TableEntry:
    """Return the record that names a block."""
    if sequence.wait[row] >= 0:
        return TableEntry("waits", int(sequence.wait[row]))
    if sequence.operation[row] >= 0:
        return TableEntry("operations", int(sequence.operation[row]))
    if sequence.maintenance[row] >= 0:
        return case.maintenance_entry(int(sequence.maintenance[row]))
    return TableEntry("changeovers", int(sequence.changeover[row]))


def _check_apart(
    machine: Ints, start_date: Ints, end_date: Ints, entry_of: Callable[[int], TableEntry]
) -> Iterator[Finding]:
    """Check that no span starts while another of its machine lasts; rows are in order of machine,
    start and end.
    """
    if not ((machine[1:] == machine[:-1]) & (start_date[1:] < end_date[:-1])).any():
        return
    longest = np.arange(len(machine))  # row of the span, so far, that lasts longest
    for row in range(1, len(machine)):
        before = longest[row - 1]
        if machine[before] == machine[row] and end_date[row] <= end_date[before]:
            longest[row] = before
    before = np.roll(longest, 1)
    is_same = np.roll(machine, 1) == machine
    is_same[0] = False
    yield from findings_where(
        is_same & (start_date < end_date[before]),
        Constraint.OVERLAP,
        entry_of,
        "starts at {0}, while {1} lasts until {2}.",
        start_date,
        lambda row: entry_of(int(before[row])),
        end_date[before],
    )


def check_pauses(case: Case, pairing: Pairing) -> Iterator[Finding]:
    """Check that processing follows selection, or the changeover, at once."""
    operations, changeovers = case.schedule.operations, case.schedule.changeovers
    has_changeover = pairing.changeover >= 0
    yield from findings_where(
        ~has_changeover & (operations.start_date != operations.selected_date),
        Constraint.PAUSE,
        "operations",
        "selected at {record.selected_date} but starts at {record.start_date}; without a changeover"
        " it must start at once.",
    )
    paired = has_changeover.nonzero()[0]
    changeover = pairing.changeover[paired]
    start_date, end_date = changeovers.start_date[changeover], changeovers.end_date[changeover]
    yield from findings_where(
        start_date != operations.selected_date[paired],
        Constraint.PAUSE,
        lambda n: TableEntry("operations", int(paired[n])),
        "selected at {record.selected_date} but its changeover starts at {0}; it must start at"
        " once.",
        start_date,
    )
    yield from findings_where(
        _ends_of_pauses(case, operations.machine[paired], end_date)
        != operations.start_date[paired],
        Constraint.PAUSE,
        lambda n: TableEntry("operations", int(paired[n])),
        "its changeover ends at {0} but it starts at {record.start_date}; it must start at once.",
        end_date,
    )


def _ends_of_pauses(case: Case, machine: Ints, date: Ints) -> Ints:
    """Return the ends of the pauses that begin on machines at dates, ``[N]``; the dates themselves
    where there is none.
    """
    pauses = case.schedule.pauses
    if not len(pauses.machine):
        return date
    ends = {(m, start): end for m, start, end in zip(*(c.tolist() for c in pauses), strict=True)}
    keys = zip(machine.tolist(), date.tolist(), strict=True)
    return np.array([ends.get(key, key[1]) for key in keys], np.int64)


# --- changeovers ----------------------------------------------------------------------------------


def look_up_changeovers(case: Case) -> list[Changeover]:
    """Return what each changeover takes."""
    changeovers = case.schedule.changeovers
    rows = np.concatenate(
        [changeovers.machine[:, None], changeovers.from_setup, changeovers.to_setup], axis=1
    )
    key, size = rows.tobytes(), rows.shape[1] * rows.itemsize
    find = case.tables.changeover
    return [find(key[begin : begin + size]) for begin in range(0, len(key), size)]


def check_changeovers(
    case: Case, pairing: Pairing, expected: list[Changeover]
) -> Iterator[Finding]:
    """Check that changeovers are allowed and take their matrix time."""
    changeovers = case.schedule.changeovers
    yield from findings_where(
        pairing.is_elsewhere,
        Constraint.RECORD,
        lambda n: (
            f"{case.tables.lookup.machines[changeovers.machine[n]].name}, changeover at"
            f" {changeovers.start_date[n]}"
        ),
        "is for operation {0} of order number {1}, which is not done on this machine.",
        changeovers.operation,
        changeovers.order,
    )
    yield from _check_matrix_times(case, expected)


def _check_matrix_times(case: Case, expected: list[Changeover]) -> Iterator[Finding]:
    """Check that no pair of setups is forbidden, and that the others take their time."""
    changeovers = case.schedule.changeovers
    is_forbidden = np.array([change.forbidden is not None for change in expected], np.bool_)
    yield from findings_where(
        is_forbidden,
        Constraint.FORBIDDEN_CHANGEOVER,
        "changeovers",
        "{0} is forbidden.",
        lambda n: expected[n].forbidden,
    )
    time = net_times(changeovers, case.schedule.pauses, case.schedule.open_pauses)
    must_take = np.array([change.time for change in expected], np.int64)
    is_wrong = time != must_take
    if len(case.schedule.pauses.machine) or case.tables.rules.has_rules:
        # the end of a changeover in progress is expected, and pauses may lie ahead
        is_wrong &= (changeovers.end_date <= case.schedule.end_date) | (time < must_take)
    yield from findings_where(
        ~is_forbidden & is_wrong,
        Constraint.CHANGEOVER_TIME,
        "changeovers",
        "takes {0} ticks; {1} to {2} must take {3}.",
        time,
        lambda n: _show(case, changeovers.machine[n], changeovers.from_setup[n]),
        lambda n: _show(case, changeovers.machine[n], changeovers.to_setup[n]),
        must_take,
    )
    yield from findings_where(
        ~is_forbidden
        & (changeovers.order < 0)
        & ~case.tables.may_change_alone[changeovers.machine],
        Constraint.CHANGEOVER_AHEAD,
        "changeovers",
        "is for no operation, though changeover_ahead is off and no pair of setups is forbidden"
        " here.",
    )


def check_crews(case: Case) -> Iterator[Finding]:
    """Check that no more changeovers of positive time are under way than there are crews; an end
    comes before a start at one date.
    """
    if case.tables.rules.has_people:
        return  # they are assigned
    changeovers, crews = case.schedule.changeovers, case.tables.lookup.crews
    row = (changeovers.end_date > changeovers.start_date).nonzero()[0]
    machine, starts, ends = (
        changeovers.machine[row],
        changeovers.start_date[row],
        changeovers.end_date[row],
    )
    for pauses in (case.schedule.pauses, case.schedule.open_pauses):
        if len(pauses.machine):
            pause, paused = pair_interruptions(changeovers, pauses)
            row, machine = np.append(row, paused), np.append(machine, pauses.machine[pause])
            starts = np.append(starts, pauses.end_date[pause])
            ends = np.append(ends, pauses.start_date[pause])
    by_start = np.lexsort((machine, starts))
    start_date, row, ends = starts[by_start], row[by_start], np.sort(ends)
    under_way = np.arange(1, len(by_start) + 1) - np.searchsorted(ends, start_date, side="right")
    yield from findings_where(
        under_way > crews,
        Constraint.CREWS,
        lambda n: TableEntry("changeovers", int(row[n])),
        f"is number {{0}} under way at {{1}}; there are {crews} crews.",
        under_way,
        start_date,
    )


# --- setups ---------------------------------------------------------------------------------------


def check_setups(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Check that each changeover starts at the mounted setup, and that each operation finds what it
    wants, other attributes as they were.

    Rows of tables are gathered by ``take``, which is several times faster than indexing.
    """
    changeovers = case.schedule.changeovers
    rows = np.arange(len(sequence.machine))
    latest = np.maximum.accumulate(np.where(sequence.changeover >= 0, rows, -1))
    mounted = _mounted(case, sequence, latest)
    if case.tables.has_mounts:
        mounted = _mounted_with_maintenance(case, sequence, mounted)
    mounted_before = np.empty_like(mounted)
    mounted_before[1:] = mounted[:-1]
    begin = (sequence.first == rows).nonzero()[0]
    mounted_before[begin] = case.tables.initial_setup[sequence.machine[begin]]
    changed = (sequence.changeover >= 0).nonzero()[0]
    changeover = sequence.changeover[changed]
    yield from findings_where(
        changeovers.from_setup.take(changeover, axis=0) != mounted_before.take(changed, axis=0),
        Constraint.FROM_SETUP,
        lambda n: TableEntry("changeovers", int(changeover[n])),
        "starts from {0}, but {1} is mounted.",
        lambda n: _show(
            case, changeovers.machine[changeover[n]], changeovers.from_setup[changeover[n]]
        ),
        lambda n: _show(case, sequence.machine[changed[n]], mounted_before[changed[n]]),
    )
    attempts = (sequence.operation >= 0).nonzero()[0]
    slot = case.slot[sequence.operation[attempts]]
    is_at_home = case.orders.centre[slot] == case.tables.centre[sequence.machine[attempts]]
    at_home = attempts[is_at_home]
    yield from _check_mounted(case, sequence, at_home, mounted_before, mounted)


def _mounted(case: Case, sequence: WorkSequence, latest: Ints) -> Ints:
    """Return the setup of each row's machine after the changeover in row ``latest``; the initial
    one if that row is another machine's or there is none.
    """
    mounted: Ints = case.tables.initial_setup.take(sequence.machine, axis=0)
    changed = (latest >= sequence.first).nonzero()[0]
    to_setup = case.schedule.changeovers.to_setup
    mounted[changed] = to_setup.take(sequence.changeover[latest[changed]], axis=0)
    return mounted


def _mounted_with_maintenance(case: Case, sequence: WorkSequence, mounted: Ints) -> Ints:
    """Return setups ``[B, T]`` in which each maintenance has mounted its values, up to the next
    changeover of the machine.
    """
    mounted, upkeep = mounted.copy(), case.maintenance
    for row, number in enumerate(sequence.maintenance.tolist()):
        if row > sequence.first[row] and sequence.changeover[row] < 0:
            mounted[row] = mounted[row - 1]
        if number >= 0:
            mounts = case.tables.mounts[int(upkeep.machine[number])][int(upkeep.kind[number])]
            mounted[row] = np.where(mounts >= 0, mounts, mounted[row])
    return mounted


def _check_mounted(
    case: Case, sequence: WorkSequence, rows: Ints, mounted_before: Ints, mounted: Ints
) -> Iterator[Finding]:
    """Check the setups under the operations in rows of the sequence."""
    operation = sequence.operation[rows]
    changeover, machine = sequence.changeover[rows], sequence.machine[rows]
    wanted = case.orders.wanted.take(case.slot[operation], axis=0)
    mounted = mounted.take(rows, axis=0)
    has_changeover = changeover >= 0
    from_setup = mounted_before.take(rows, axis=0)
    from_setup[has_changeover] = case.schedule.changeovers.from_setup.take(
        changeover[has_changeover], axis=0
    )
    kept = np.where(wanted >= 0, wanted, from_setup)
    if not np.count_nonzero(kept != mounted):
        return
    is_missing = ((wanted >= 0) & (wanted != mounted)).any(axis=1)
    for is_broken, constraint in (
        (is_missing & has_changeover, Constraint.TO_SETUP),
        (is_missing & ~has_changeover, Constraint.CHANGEOVER_MISSING),
    ):
        yield from findings_where(
            is_broken,
            constraint,
            lambda n: TableEntry("operations", int(operation[n])),
            "wants {0}, but {1} is mounted.",
            lambda n: _show(case, machine[n], wanted[n]),
            lambda n: _show(case, machine[n], mounted[n]),
        )
    yield from findings_where(
        has_changeover & ~is_missing & (kept != mounted).any(axis=1),
        Constraint.TO_SETUP,
        lambda n: TableEntry("operations", int(operation[n])),
        "its changeover ends at {0}; attributes that it does not care for must stay: {1}.",
        lambda n: _show(case, machine[n], mounted[n]),
        lambda n: _show(case, machine[n], kept[n]),
    )


def _show(case: Case, machine: Any, setup: NDArray[Any]) -> str:
    """Return a setup of a machine in words; values that are not wanted are "any"."""
    names = case.tables.setup_names(int(case.tables.centre[machine]), setup)
    return "+".join("any" if name is None else name for name in names) or "no setup"


# --- waits ----------------------------------------------------------------------------------------


def check_waits(case: Case) -> Iterator[Finding]:
    """Check that machines wait where the factory allows it, and no longer than the longest wait."""
    waits: SpanColumns = case.schedule.waits
    may_wait: Masks = np.full(len(waits.machine), case.tables.lookup.factory.waiting, np.bool_)
    yield from findings_where(
        ~may_wait,
        Constraint.WAIT,
        "waits",
        "the factory's machines may not wait (waiting is off).",
    )
    time = waits.end_date - waits.start_date
    longest = case.tables.longest_wait[waits.machine]
    yield from findings_where(
        time > longest,
        Constraint.WAIT,
        "waits",
        "lasts {0} ticks; the longest wait there is {1}.",
        time,
        longest,
    )
