"""The sequence in which machines did everything: operations with their changeovers, changeovers
alone, maintenance, waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from factory.schedule.columns import Ints, Masks
from factory.verification.case import Case


class _Attempt(NamedTuple):
    """Attempt at an operation that shares operation and machine with others."""

    selected_date: int
    start_date: int
    end_date: int
    operation: int  # index


class Pairing(NamedTuple):
    """Operations with the changeovers that were made for them."""

    changeover: Ints  # [N] changeover of each operation; -1: none
    is_alone: Masks  # [C] whether a changeover belongs to no operation
    is_elsewhere: Masks  # [C] whether it is for an operation that its machine does not do


class WorkSequence(NamedTuple):
    """Blocks of work and waits by machine and date, ``[B]``: an operation with its changeover, a
    changeover alone, a maintenance, or a wait.
    """

    machine: Ints
    start_date: Ints
    end_date: Ints
    operation: Ints  # index; -1: none
    changeover: Ints  # index; -1: none
    wait: Ints  # index; -1: none
    maintenance: Ints  # index in ``Case.maintenance``; -1: none
    first: Ints  # row where the blocks of the machine begin


# --- pairs ----------------------------------------------------------------------------------------


def pair_changeovers(case: Case) -> Pairing:
    """Pair each operation with the changeover made for it on its machine: of several, the latest
    that has started when processing starts.
    """
    operations, changeovers = case.schedule.operations, case.schedule.changeovers
    machines, most = len(case.tables.lookup.machines), case.tables.max_operations
    paired = np.full(len(operations.machine), -1, np.int64)
    is_elsewhere = np.zeros(len(changeovers.machine), np.bool_)
    is_alone = changeovers.order < 0
    made_for = (~is_alone).nonzero()[0]
    if not len(made_for):
        return Pairing(paired, is_alone, is_elsewhere)
    size = len(case.orders.exists) * machines
    key = (case.slot * machines) + operations.machine
    wanted = (
        changeovers.order[made_for] * most + changeovers.operation[made_for]
    ) * machines + changeovers.machine[made_for]
    last = np.full(size, -1, np.int64)
    last[key] = np.arange(len(key))
    counts = np.bincount(key, minlength=size)[wanted]
    is_elsewhere[made_for] = counts == 0
    is_single = (counts == 1) & (np.bincount(wanted, minlength=size)[wanted] == 1)
    single, operation = made_for[is_single], last[wanted[is_single]]
    start_date = changeovers.start_date[single]
    fits = start_date < operations.end_date[operation]
    fits |= (operations.selected_date[operation] <= start_date) & (
        start_date <= operations.start_date[operation]
    )
    paired[operation[fits]] = single[fits]
    is_shared = np.zeros(size, np.bool_)
    is_shared[wanted[~is_single & (counts > 0)]] = True
    for n, changeover in _pair_groups(case, key, is_shared, made_for, wanted):
        paired[n] = changeover
    is_alone = np.ones(len(is_alone), np.bool_)
    is_alone[paired[paired >= 0]] = False
    return Pairing(paired, is_alone, is_elsewhere)


def _pair_groups(
    case: Case, key: Ints, is_shared: Masks, made_for: Ints, wanted: Ints
) -> Iterator[tuple[int, int]]:
    """Return pairs of attempts and changeovers where several share an operation and a machine.

    ``key`` of operations and ``wanted`` of the changeovers ``made_for`` one are numbers of
    operation and machine; ``is_shared`` tells which of these numbers several share.
    """
    attempts = is_shared[key].nonzero()[0]
    if not len(attempts):
        return
    columns = case.schedule.operations
    operations: dict[int, list[_Attempt]] = defaultdict(list)
    changeovers: dict[int, dict[int, int]] = defaultdict(dict)
    for group, *attempt in zip(
        *(
            column[attempts].tolist()
            for column in (key, columns.selected_date, columns.start_date, columns.end_date)
        ),
        attempts.tolist(),
        strict=True,
    ):
        operations[group].append(_Attempt(*attempt))
    own = is_shared[wanted]
    start_date = case.schedule.changeovers.start_date[made_for[own]]
    for group, c, start in zip(
        wanted[own].tolist(), made_for[own].tolist(), start_date.tolist(), strict=True
    ):
        changeovers[group][c] = start
    for group, members in operations.items():
        yield from _pair_group(members, changeovers[group])


def _pair_group(attempts: list[_Attempt], start_of: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Return pairs of attempts at one operation on one machine and their changeovers; ``start_of``
    has the start of each changeover.
    """
    for attempt in sorted(attempts, key=attrgetter("selected_date")):
        begun = [
            c
            for c, start in start_of.items()
            if attempt.selected_date <= start <= attempt.start_date
        ]
        begun = begun or [c for c, start in start_of.items() if start < attempt.end_date]
        if begun:
            latest = max(begun, key=lambda c: start_of[c])
            del start_of[latest]
            yield attempt.operation, latest


# --- sequence -------------------------------------------------------------------------------------


def sequence_of(case: Case, pairing: Pairing) -> WorkSequence:
    """Return everything in the order in which the machines did it.

    Where several blocks take no time at one date, each fits the setup that the one before left.
    """
    schedule = case.schedule
    operations, changeovers, waits = schedule.operations, schedule.changeovers, schedule.waits
    alone, upkeep = pairing.is_alone.nonzero()[0], case.maintenance
    start_date, end_date = _dates_with_changeovers(case, pairing)
    sizes = [len(waits.machine), len(start_date), len(alone), len(upkeep.machine)]

    def index(kind: int, values: Ints) -> Ints:
        """Return values for one kind of block, and -1 for the others."""
        parts = [np.full(size, -1, np.int64) for size in sizes]
        parts[kind] = values
        return np.concatenate(parts)

    machine, start_date, end_date = (
        np.concatenate(parts)
        for parts in (
            (waits.machine, operations.machine, changeovers.machine[alone], upkeep.machine),
            (waits.start_date, start_date, changeovers.start_date[alone], upkeep.start_date),
            (waits.end_date, end_date, changeovers.end_date[alone], upkeep.end_date),
        )
    )
    changeover = index(2, alone)
    changeover[sizes[0] : sizes[0] + sizes[1]] = pairing.changeover
    by_date = np.lexsort((end_date, start_date, machine))
    machine, start_date, end_date = machine[by_date], start_date[by_date], end_date[by_date]
    operation, changeover, wait, maintenance = (
        column[by_date]
        for column in (
            index(1, np.arange(sizes[1])),
            changeover,
            index(0, np.arange(sizes[0])),
            index(3, np.arange(sizes[3])),
        )
    )
    first = machine.searchsorted(np.arange(len(case.tables.centre)))[machine]
    sequence = WorkSequence(
        machine, start_date, end_date, operation, changeover, wait, maintenance, first
    )
    return _settle_ties(case, sequence)


def _dates_with_changeovers(case: Case, pairing: Pairing) -> tuple[Ints, Ints]:
    """Return when each operation takes its machine, and when the machine is free again."""
    operations, changeovers = case.schedule.operations, case.schedule.changeovers
    start_date, end_date = operations.selected_date, operations.end_date
    paired = (pairing.changeover >= 0).nonzero()[0]
    if len(paired):
        changeover = pairing.changeover[paired]
        start_date, end_date = start_date.copy(), end_date.copy()
        start_date[paired] = np.minimum(changeovers.start_date[changeover], start_date[paired])
        end_date[paired] = np.maximum(changeovers.end_date[changeover], end_date[paired])
    return start_date, end_date


# --- ties -----------------------------------------------------------------------------------------


def _settle_ties(case: Case, sequence: WorkSequence) -> WorkSequence:
    """Return the sequence with blocks of equal dates in an order that fits the setups."""
    is_block = (sequence.wait < 0) & (sequence.maintenance < 0)
    is_tie = is_block[1:] & is_block[:-1]
    for column in (sequence.machine, sequence.start_date, sequence.end_date):
        is_tie &= column[1:] == column[:-1]
    if not is_tie.any():
        return sequence
    rows = np.arange(len(sequence.machine))
    for begin, end in _runs(is_tie):
        rows[begin:end] = _fitting_order(case, sequence, rows, begin, end)
    return WorkSequence(*(column[rows] for column in sequence))


def _runs(is_tie: Masks) -> Iterator[tuple[int, int]]:
    """Return the runs of tied rows, as [begin, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_tie, [False]]).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2).tolist():
        yield begin, end + 1


def _fitting_order(
    case: Case, sequence: WorkSequence, rows: Ints, begin: int, end: int
) -> list[int]:
    """Return tied rows so that each fits the mounted setup, if one does; else operations before
    changeovers alone.

    ``rows`` is the order that is settled before ``begin``.
    """
    changeovers, ordered = case.schedule.changeovers, []
    before = rows[sequence.first[begin] : begin]
    made = sequence.changeover[before]
    mounted = case.tables.initial_setup[sequence.machine[begin]]
    if (made >= 0).any():
        mounted = changeovers.to_setup[made[made >= 0][-1]]
        before = before[np.flatnonzero(made >= 0)[-1] + 1 :]
    for number in sequence.maintenance[before][sequence.maintenance[before] >= 0].tolist():
        machine, *_, kind = (int(column[number]) for column in case.maintenance)
        mounts = case.tables.mounts[machine][kind]
        mounted = np.where(mounts >= 0, mounts, mounted)
    left = sorted(range(begin, end), key=lambda row: _rank(case, sequence, row))
    while left:
        row = next((row for row in left if _fits(case, sequence, row, mounted)), left[0])
        left.remove(row)
        ordered.append(row)
        if sequence.changeover[row] >= 0:
            mounted = changeovers.to_setup[sequence.changeover[row]]
    return ordered


def _rank(case: Case, sequence: WorkSequence, row: int) -> tuple[int, int, int]:
    """Return the rank of a block among blocks that tie: operations by selection, then changeovers
    alone, those for one operation together.
    """
    operation, changeover = int(sequence.operation[row]), int(sequence.changeover[row])
    if operation >= 0:
        return 0, int(case.schedule.operations.selected_date[operation]), operation
    changeovers = case.schedule.changeovers
    is_alike = changeovers.machine == changeovers.machine[changeover]
    is_alike &= changeovers.order == changeovers.order[changeover]
    is_alike &= changeovers.operation == changeovers.operation[changeover]
    return 1, int(is_alike.argmax()), changeover


def _fits(case: Case, sequence: WorkSequence, row: int, mounted: Ints) -> bool:
    """Return whether a changeover starts from the mounted setup, or an operation wants it."""
    changeover, operation = int(sequence.changeover[row]), int(sequence.operation[row])
    if changeover >= 0:
        return bool((case.schedule.changeovers.from_setup[changeover] == mounted).all())
    wanted = case.orders.wanted[case.slot[operation]]
    return bool(((wanted < 0) | (wanted == mounted)).all())
