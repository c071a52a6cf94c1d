"""An independent witness: checks a schedule in plain Python against factory and orders, and bills
it (docs/model.md).

It imports neither the kernel nor the observation, and draws the world of a seed with an
implementation of its own. Schedules of the simulator and of solvers (``seed`` None: no draws are
known) are held to the same constraints, :class:`factory.verification.violations.Constraint`.

Every constraint is checked once, over columns. A check returns the indices of offending entries;
records are made, and messages written, for these only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from factory.lookups import Changeover, FactoryLookup
from factory.model import Factory, OrderBook
from factory.schedule.bill import Bill, bill_columns
from factory.schedule.columns import OrderColumns, ScheduleColumns
from factory.schedule.conversion import UnreadableScheduleError, columns_of, order_columns
from factory.schedule.record_kinds import OrderRecord, Record
from factory.schedule.records import Schedule
from factory.verification.case import Case
from factory.verification.machine_checks import (
    check_changeovers,
    check_crews,
    check_overlaps,
    check_pauses,
    check_setups,
    check_waits,
    look_up_changeovers,
)
from factory.verification.messages import MessageWriter, name_readable, name_unreadable
from factory.verification.order_checks import (
    check_ends,
    check_order_ids,
    check_order_routes,
    check_orders,
)
from factory.verification.order_tables import FactoryTables, OrderTables
from factory.verification.people_checks import check_people
from factory.verification.processing_checks import (
    check_durations,
    check_failures,
    check_rework,
)
from factory.verification.record_checks import (
    check_factory_names,
    check_record_names,
    check_records,
)
from factory.verification.reference_world import (
    ReferenceRealisation,
    book_orders,
    draw_orders,
)
from factory.verification.sequence import pair_changeovers, sequence_of
from factory.verification.shift_checks import (
    check_closures,
    check_fits,
    check_shift_pauses,
    lay_out_shifts,
)
from factory.verification.upkeep_checks import check_upkeep
from factory.verification.violations import Constraint, Finding, VerificationError, Violation

MAX_REALISATIONS = 256
"""Realisations that a verifier keeps: those of an evaluation's episodes, which every policy
plays."""
MAX_TABLES = 128
"""Seeds whose tables are kept: those of the episodes that are being played."""


def verify(schedule: Schedule, factory: Factory, book: OrderBook | None = None) -> Bill:
    """Check one schedule as :meth:`Verifier.verify` does.

    For many schedules of one factory a :class:`Verifier` is several times faster.
    """
    return Verifier(factory, book).verify(schedule)


class Verifier:
    """Checks schedules of one factory; what was worked out about a seed is kept for later schedules
    under that seed.

    Parameters
    ----------
    factory
        The factory that schedules are for.
    book
        The order book that they are for. None: the orders drawn from the factory's demand under a
        schedule's seed; without a seed (or demand) the schedule's own orders are taken as given.
    """

    def __init__(self, factory: Factory, book: OrderBook | None = None) -> None:
        self.lookup, self.book = FactoryLookup(factory), book
        self.tables = FactoryTables(self.lookup)
        self._world: Callable[[int], ReferenceRealisation] = lru_cache(MAX_REALISATIONS)(
            self._draw_world
        )
        self._expected: Callable[[int | None], OrderTables | None] = lru_cache(MAX_TABLES)(
            self._lay_out_expected
        )

    def verify(self, schedule: Schedule) -> Bill:
        """Check a complete schedule against every constraint, and add up what it costs.

        Parameters
        ----------
        schedule
            From the simulator (with its ``seed``: durations, failures, rework and material must be
            as drawn) or from a solver (``seed`` None).

        Returns
        -------
        Bill
            The cost terms, electricity, CO2e and waste.

        Raises
        ------
        VerificationError
            With every violation. Records that name unknown machines, orders or setups, or whose
            dates run backwards, hide all other violations.
        """
        self._require(check_factory_names(schedule, self.lookup), lambda: schedule)
        try:
            columns = columns_of(schedule, self.lookup)
        except UnreadableScheduleError as error:
            raise VerificationError(
                [Violation(Constraint.RECORD, *value) for value in error.wrong_values]
            ) from error
        return self._verify(
            columns,
            lambda: schedule,
            check_record_names(schedule, self.lookup),
            check_order_ids(schedule, self._expected_orders(columns.seed)),
        )

    def verify_columns(self, schedule: ScheduleColumns, in_full: Callable[[], Schedule]) -> Bill:
        """Check a schedule in columns as :meth:`verify` does, at a fraction of the time.

        Parameters
        ----------
        schedule
            The schedule in columns.
        in_full
            Returns its records, which violations are named after.
        """
        return self._verify(schedule, in_full, (), ())

    def _verify(
        self,
        schedule: ScheduleColumns,
        in_full: Callable[[], Schedule],
        names: Iterable[Finding],
        order_ids: Iterable[Finding],
    ) -> Bill:
        """Check a schedule; ``names`` and ``order_ids`` are findings about what has no column."""
        self._require(
            [*names, *check_records(schedule, self.tables)],
            in_full,
            name_unreadable,
        )
        case = self._open_case(schedule)
        findings, changeovers = _check_case(case)
        self._require([*order_ids, *findings], in_full, seed=schedule.seed)
        return bill_columns(schedule, self.lookup, changeovers)

    def _require(
        self,
        findings: Iterable[Finding],
        in_full: Callable[[], Schedule],
        name_record: Callable[[Schedule, Record], str] = name_readable,
        seed: int | None = None,
    ) -> None:
        """Raise VerificationError if there are findings."""
        findings = list(findings)
        if findings:
            writer = MessageWriter(
                in_full(),
                self.lookup,
                self._expected_orders(seed) or (),
                self.tables.max_operations,
            )
            raise VerificationError(list(writer.violations(findings, name_record)))

    # --- what it is held against ------------------------------------------------------------------

    def _open_case(self, schedule: ScheduleColumns) -> Case:
        expected = self._expected(schedule.seed)
        readable = _with_own_attributes(schedule, self.tables)
        if expected is not None and _have_same_routes(schedule.orders, expected.orders):
            return Case(readable, self.tables, expected, expected)
        world = None if schedule.seed is None else self._world(schedule.seed)
        own = OrderTables(self.tables, schedule.orders, world, schedule.seed)
        return Case(readable, self.tables, own, expected)

    def _lay_out_expected(self, seed: int | None) -> OrderTables | None:
        orders = self._expected_orders(seed)
        if orders is None:
            return None
        world = None if seed is None else self._world(seed)
        return OrderTables(self.tables, order_columns(orders, self.lookup), world, seed)

    def _expected_orders(self, seed: int | None) -> tuple[OrderRecord, ...] | None:
        """Return the orders that a schedule under a seed must have; None: its own."""
        if seed is not None:
            return self._world(seed).orders
        return None if self.book is None else book_orders(self.lookup, self.book, None)

    def _draw_world(self, seed: int) -> ReferenceRealisation:
        orders = None
        if self.book is not None:
            orders = book_orders(self.lookup, self.book, seed)
        elif self.lookup.factory.demand is not None:
            orders = draw_orders(self.lookup, seed)
        return ReferenceRealisation(seed, orders, self.tables.max_operations)


def _check_case(case: Case) -> tuple[list[Finding], list[Changeover]]:
    """Check a readable schedule; return the findings and what its changeovers take."""
    pairing = pair_changeovers(case)
    sequence = sequence_of(case, pairing)
    changeovers = look_up_changeovers(case)
    findings = [
        *check_orders(case),
        *check_order_routes(case),
        *check_overlaps(case, sequence),
        *check_pauses(case, pairing),
        *check_changeovers(case, pairing, changeovers),
        *check_setups(case, sequence),
        *check_durations(case),
        *check_failures(case, sequence),
        *check_rework(case, sequence),
        *check_waits(case),
        *check_crews(case),
        *check_ends(case),
    ]
    if case.tables.has_operating_rules or _has_operating_records(case.schedule):
        shifts = lay_out_shifts(case, pairing, case.tables.rules)
        findings += [
            *check_shift_pauses(case, shifts),
            *check_closures(case, shifts),
            *check_fits(case, pairing, changeovers, case.tables.rules),
            *check_people(case, shifts),
            *check_upkeep(case, sequence),
        ]
    return findings, changeovers


def _has_operating_records(schedule: ScheduleColumns) -> bool:
    """Return whether a schedule has pauses, maintenance or people at work."""
    tables = (
        *(schedule.pauses, schedule.maintenance, schedule.assignments),
        *(schedule.open_pauses, schedule.open_maintenance, schedule.open_assignments),
    )
    return any(len(table.machine) > 0 for table in tables)


def _with_own_attributes(schedule: ScheduleColumns, tables: FactoryTables) -> ScheduleColumns:
    """Return a schedule with 0 in its setups for attributes that the machine does not have."""
    changeovers = schedule.changeovers
    is_own = tables.num_values.take(changeovers.machine, axis=0) > 0
    from_setup, to_setup = (
        np.where(is_own, side[:, : tables.attributes], 0)
        for side in (changeovers.from_setup, changeovers.to_setup)
    )
    return schedule._replace(
        changeovers=changeovers._replace(from_setup=from_setup, to_setup=to_setup)
    )


def _have_same_routes(actual: OrderColumns, expected: OrderColumns) -> bool:
    """Return whether orders are done alike: they have the same products, options and dates."""
    if len(actual.product) != len(expected.product):
        return False
    differing = (
        actual.product != expected.product,
        actual.options[:, : expected.options.shape[1]] != expected.options,
        actual.release_date != expected.release_date,
        actual.material_date != expected.material_date,
    )
    return not any(map(np.count_nonzero, differing))
