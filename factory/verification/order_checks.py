"""Checks of orders, of the routes of their operations, and of their ends (docs/model.md, sections 1
and 2).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from factory.schedule.columns import NONE, Ints
from factory.schedule.record_kinds import OrderRecord
from factory.schedule.records import Schedule
from factory.verification.case import Case
from factory.verification.reference_world import MAX_ATTEMPTS
from factory.verification.violations import Constraint, Finding, TableEntry, findings_where

_BOOK_FIELDS = ("product", "options", "release_date", "due_date", "weight")
"""Fields of an order that the book, or the seed, gives."""


# --- orders ---------------------------------------------------------------------------------------


def check_orders(case: Case) -> Iterator[Finding]:
    """Check that the orders are those of the book, or of the world of the seed."""
    actual = case.schedule.orders
    if case.expected is None:
        yield from _check_given_material(case, len(actual.product))
        return
    expected = case.expected.orders
    num_actual, num_expected = len(actual.product), len(expected.product)
    common = min(num_actual, num_expected)
    if num_actual != num_expected:
        yield from _check_counts(num_actual, num_expected)
    for name in _BOOK_FIELDS:
        is_now, must_be = getattr(actual, name)[:common], getattr(expected, name)[:common]
        if name == "options":  # a log may have columns of other factories' options
            is_now = is_now[:, : must_be.shape[1]]
        yield from findings_where(
            is_now != must_be,
            Constraint.ORDER_ALTERED,
            "expected orders",
            f"{name} = {{order.{name}!r}}; it must be {{record.{name}!r}}.",
        )
    if case.schedule.seed is None:
        yield from _check_given_material(case, common)
        return
    yield from findings_where(
        actual.material_date[:common] != expected.material_date[:common],
        Constraint.MATERIAL_DATE,
        "orders",
        "material_date = {record.material_date}; as drawn it must be {0}.",
        expected.material_date,
    )


def check_order_ids(
    schedule: Schedule, expected: tuple[OrderRecord, ...] | None
) -> Iterator[Finding]:
    """Check the ids of orders, which have no column."""
    pairs = list(zip(schedule.orders, expected or (), strict=False))
    yield from findings_where(
        np.array([actual.order_id != order.order_id for actual, order in pairs], np.bool_),
        Constraint.ORDER_ALTERED,
        "expected orders",
        "order_id = {order.order_id!r}; it must be {record.order_id!r}.",
    )


def _check_counts(num_actual: int, num_expected: int) -> Iterator[Finding]:
    indices = np.arange(max(num_actual, num_expected))
    yield from findings_where(
        (indices >= num_actual),
        Constraint.ORDER_MISSING,
        "expected orders",
        f"is not in the schedule; it has {num_actual} of {num_expected} orders.",
    )
    yield from findings_where(
        indices >= num_expected,
        Constraint.ORDER_UNKNOWN,
        "orders",
        f"nobody ordered it; there are {num_expected} orders.",
    )


def _check_given_material(case: Case, count: int) -> Iterator[Finding]:
    """Check the material of the first ``count`` orders where no draws are known: it is never early,
    and late only where the factory's supply may be late.
    """
    lookup, orders = case.tables.lookup, case.schedule.orders
    may_be_late = np.array(
        [bool(lookup.factory.material) and lookup.needs_material(p) for p in case.tables.products],
        np.bool_,
    )[orders.product[:count]]
    material_date, release_date = orders.material_date[:count], orders.release_date[:count]
    yield from findings_where(
        (material_date < release_date) | ((material_date > release_date) & ~may_be_late),
        Constraint.MATERIAL_DATE,
        "orders",
        "material_date = {record.material_date}; it must be {0}the release date"
        " {record.release_date}.",
        lambda j: "at least " if may_be_late[j] else "",
    )


# --- routes ---------------------------------------------------------------------------------------


def check_order_routes(case: Case) -> Iterator[Finding]:
    """Check that every operation is done, where it may be done, once it is ready."""
    operations, slot = case.schedule.operations, case.slot
    by_attempt = np.lexsort((operations.end_date, operations.attempt))
    last = np.full(len(case.orders.exists), -1, np.int64)
    last[slot[by_attempt]] = by_attempt  # of equal indices the last one counts
    yield from _check_attempts(case, last)
    yield from _check_machine_choice(case)
    release_date = case.orders.orders.release_date[operations.order]
    material_date = case.orders.orders.material_date[operations.order]
    selected_date = operations.selected_date
    yield from findings_where(
        selected_date < release_date,
        Constraint.RELEASE,
        "operations",
        "is selected at {record.selected_date}; its order is released at {0}.",
        release_date,
    )
    yield from findings_where(
        (release_date <= selected_date)
        & (selected_date < material_date)
        & case.orders.needs_material[slot],
        Constraint.MATERIAL,
        "operations",
        "is selected at {record.selected_date}; its material is there at {0}.",
        material_date,
    )
    for n in range(case.orders.predecessors.shape[1]):
        yield from _check_predecessor(case, n, last)
    yield from _check_rework_starts(case)


def _check_attempts(case: Case, last: Ints) -> Iterator[Finding]:
    """Check that attempts count up from 0 without a gap; ``last`` is the last one of each slot."""
    attempt, exists = case.schedule.operations.attempt, case.orders.exists
    yield from findings_where(
        exists & (last < 0), Constraint.OPERATION_MISSING, "slots", "is not in the schedule."
    )
    counts = np.bincount(case.slot * MAX_ATTEMPTS + attempt, minlength=len(exists) * MAX_ATTEMPTS)
    if np.count_nonzero(counts > 1):
        yield from _check_repetitions(case)
    is_done = counts.reshape(-1, MAX_ATTEMPTS) > 0
    yield from findings_where(
        is_done[:, 1:] & ~is_done[:, :-1],
        Constraint.REWORK,
        lambda slot: TableEntry("operations", int(last[slot])),
        "attempts {0}; they must count up from 0 without a gap.",
        lambda slot: sorted(attempt[case.slot == slot].tolist()),
    )


def _check_repetitions(case: Case) -> Iterator[Finding]:
    """Check that each attempt is done once."""
    operations = case.schedule.operations
    by_attempt = np.lexsort((operations.end_date, operations.attempt, case.slot))
    slot, attempt = case.slot[by_attempt], operations.attempt[by_attempt]
    end_date = operations.end_date[by_attempt]
    is_repeated = np.zeros(len(slot), np.bool_)
    is_repeated[1:] = (slot[1:] == slot[:-1]) & (attempt[1:] == attempt[:-1])
    yield from findings_where(
        is_repeated,
        Constraint.OPERATION_DUPLICATED,
        lambda n: TableEntry("operations", int(by_attempt[n])),
        "is done twice, to {0} and to {1}.",
        lambda n: end_date[n - 1],
        end_date,
    )


def _check_machine_choice(case: Case) -> Iterator[Finding]:
    machine, slot, tables = case.schedule.operations.machine, case.slot, case.tables
    is_ineligible = case.orders.expected_time[slot, machine] < 0
    if not is_ineligible.any():
        return
    centre = case.orders.centre[slot]
    is_elsewhere = tables.centre[machine] != centre
    centres = tables.lookup.centres
    yield from findings_where(
        is_elsewhere,
        Constraint.WORK_CENTRE,
        "operations",
        "belongs to work centre {0}, but was done in {1}.",
        lambda n: centres[centre[n]].name,
        lambda n: centres[tables.centre[machine[n]]].name,
    )
    yield from findings_where(
        is_ineligible & ~is_elsewhere,
        Constraint.ELIGIBILITY,
        "operations",
        "may be done on {0} only.",
        lambda n: ", ".join(
            tables.lookup.machines[m].name for m in case.step(int(slot[n])).base_times
        ),
    )


def _check_predecessor(case: Case, n: int, last: Ints) -> Iterator[Finding]:
    """Check the ``n``-th predecessor of each operation; ``last`` is the last attempt of each
    slot.
    """
    operations, slot = case.schedule.operations, case.slot
    predecessor = case.orders.predecessors[slot, n]
    before = np.where(predecessor >= 0, last[predecessor], -1)
    end_date = np.where(before >= 0, operations.end_date[before], 0) if len(before) else before
    transport_time = case.orders.transport_time[slot, n]
    is_early = operations.selected_date < end_date
    yield from findings_where(
        is_early,
        Constraint.PRECEDENCE,
        "operations",
        "is selected at {record.selected_date}; operation {0} before it ends at {1}.",
        lambda i: case.step(int(predecessor[i])).operation.name,
        end_date,
    )
    yield from findings_where(
        (before >= 0) & ~is_early & (operations.selected_date < end_date + transport_time),
        Constraint.TRANSPORT,
        "operations",
        "is selected at {record.selected_date}; operation {0} ends at {1} and transport takes {2}.",
        lambda i: case.step(int(predecessor[i])).operation.name,
        end_date,
        transport_time,
    )


def _check_rework_starts(case: Case) -> Iterator[Finding]:
    """Check that an attempt is selected once the attempt before it has ended."""
    operations, slot = case.schedule.operations, case.slot
    again = (operations.attempt > 0).nonzero()[0]
    if not len(again):
        return
    is_reworked = np.zeros(len(case.orders.exists), np.bool_)
    is_reworked[slot[again]] = True
    candidates = is_reworked[slot].nonzero()[0]
    is_before = (slot[again, None] == slot[candidates]) & (
        operations.attempt[again, None] == operations.attempt[candidates] + 1
    )
    later, earlier = is_before.nonzero()
    later, end_date = again[later], operations.end_date[candidates[earlier]]
    yield from findings_where(
        operations.selected_date[later] < end_date,
        Constraint.REWORK,
        lambda n: TableEntry("operations", int(later[n])),
        "is selected at {record.selected_date}; the attempt before ends at {0}.",
        end_date,
    )


# --- ends -----------------------------------------------------------------------------------------


def check_ends(case: Case) -> Iterator[Finding]:
    """Check that orders are completed by their last operation, and the schedule by its last order;
    nothing is still in work.
    """
    schedule, operations = case.schedule, case.schedule.operations
    completion_date = schedule.orders.completion_date
    ends = np.zeros(len(completion_date), np.int64)
    np.maximum.at(ends, operations.order, operations.end_date)
    has_ended = np.zeros(len(completion_date), np.bool_)
    has_ended[operations.order] = True
    is_open = completion_date == NONE
    yield from findings_where(
        is_open,
        Constraint.COMPLETION,
        "orders",
        "is not completed; only complete schedules can be verified.",
    )
    yield from findings_where(
        ~is_open & has_ended & (completion_date != ends),
        Constraint.COMPLETION,
        "orders",
        "completion_date = {record.completion_date}; its last operation ends at {0}.",
        ends,
    )
    yield from _check_rest(case, int(ends.max(initial=0)))


def _check_rest(case: Case, last_end: int) -> Iterator[Finding]:
    schedule, num_orders = case.schedule, len(case.schedule.orders.product)
    only = np.zeros(1, np.int64)
    if schedule.num_orders != num_orders:
        yield Finding(
            Constraint.COMPLETION,
            "num_orders",
            only,
            f"is {schedule.num_orders}; the schedule has {num_orders} orders, and only complete"
            " schedules can be verified.",
        )
    for table, state in (("open_operations", "in work"), ("open_failures", "under repair")):
        spans = getattr(schedule, table)
        yield from findings_where(
            np.ones(len(spans.machine), np.bool_),
            Constraint.COMPLETION,
            table,
            f"is still {state}; only complete schedules can be verified.",
        )
    if schedule.end_date != last_end:
        yield Finding(
            Constraint.END_DATE,
            "end_date",
            only,
            f"is {schedule.end_date}; the last operation ends at {last_end}.",
        )
