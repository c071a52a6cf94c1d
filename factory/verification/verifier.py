"""An independent witness: replays a schedule in plain Python against factory and orders, and bills
it (docs/model.md).

It imports neither the kernel nor the observation, and draws the world of a seed with an
implementation of its own. Schedules of the simulator and of solvers (``seed`` None: no draws are
known) are held to the same rules, :class:`factory.verification.violations.Constraint`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter, contains

from factory.lookups import FactoryLookup, Step
from factory.model import Factory, OrderBook
from factory.schedule.bill import Bill, bill_columns, bill_of
from factory.schedule.columns import ScheduleColumns
from factory.schedule.records import (
    ChangeoverRecord,
    FailureRecord,
    OperationRecord,
    OrderRecord,
    Record,
    Schedule,
)
from factory.verification.case import Case
from factory.verification.column_checks import ColumnChecks
from factory.verification.machine_checks import MachineChecks
from factory.verification.reference_world import (
    MAX_ATTEMPTS,
    ReferenceRealisation,
    book_orders,
    draw_orders,
)
from factory.verification.violations import Constraint, VerificationError, Violation

MAX_REALISATIONS = 256
"""Worlds that a verifier keeps: those of an evaluation's episodes, which every policy plays."""


def verify(schedule: Schedule, factory: Factory, book: OrderBook | None = None) -> Bill:
    """Check one schedule; :meth:`Verifier.verify` says how. For many schedules of one factory a
    :class:`Verifier` is several times faster."""
    return Verifier(factory, book).verify(schedule)


class Verifier:
    """Checks the schedules of one factory; what it has worked out about a seed is kept for the next
    schedule under that seed.

    Parameters
    ----------
    factory
        The factory that schedules are for.
    book
        The order book that they are for. None: the orders drawn from the factory's demand under a
        schedule's seed; without a seed (or demand) the schedule's own orders are taken as given.
    """

    def __init__(self, factory: Factory, book: OrderBook | None = None) -> None:
        self.plant, self.book = FactoryLookup(factory), book
        self._most_operations = max(
            (len(self.plant.route(product)) for product in self.plant.products), default=0
        )
        self._world: Callable[[int], ReferenceRealisation] = lru_cache(MAX_REALISATIONS)(
            self._draw_world
        )
        self.quick = ColumnChecks(self.plant, lambda seed: self._world(seed))

    def verify(self, schedule: Schedule) -> Bill:
        """Check a complete schedule against every rule, and add up what it costs.

        Parameters
        ----------
        schedule
            From the simulator (with its ``seed``: durations, failures, rework and material must be
            as drawn) or from a solver (``seed`` None).

        Returns
        -------
        Bill
            The five cost terms, electricity, CO2e and waste.

        Raises
        ------
        VerificationError
            With every fault that was found. Records that name unknown machines, orders or setups,
            or whose dates run backwards, hide the rest: only they are reported then.
        """
        case = self._open_case(schedule)
        for checks in (
            (_check_factory,),
            (_check_records,),
            (_check_orders, _check_routes, _check_machines, _check_crews, _check_ends),
        ):
            violations = [violation for check in checks for violation in check(case)]
            if violations:
                raise VerificationError(violations)
        return bill_of(schedule, self.plant)

    def verify_columns(self, schedule: ScheduleColumns, in_full: Callable[[], Schedule]) -> Bill:
        """The same for a simulated schedule in columns, at a fraction of the time.

        Parameters
        ----------
        schedule
            The schedule in columns.
        in_full
            Makes its records, where the quick look is in doubt; then :meth:`verify` judges.
        """
        changeovers = self.quick.accept(schedule)
        return (
            self.verify(in_full())
            if changeovers is None
            else bill_columns(schedule, self.plant, changeovers)
        )

    def _open_case(self, schedule: Schedule) -> Case:
        if schedule.seed is None:
            return Case(
                self.plant,
                schedule,
                None if self.book is None else book_orders(self.plant, self.book, None),
                None,
            )
        world = self._world(schedule.seed)
        return Case(self.plant, schedule, world.orders, world)

    def _draw_world(self, seed: int) -> ReferenceRealisation:
        if self.book is not None:
            return ReferenceRealisation(
                seed, book_orders(self.plant, self.book, seed), self._most_operations
            )
        return ReferenceRealisation(
            seed,
            None if self.plant.factory.demand is None else draw_orders(self.plant, seed),
            self._most_operations,
        )


# --- can it be read -------------------------------------------------------------------------------


def _check_factory(case: Case) -> Iterator[Violation]:
    """The schedule is of this factory."""
    factory, schedule = case.plant.factory, case.schedule
    centres = tuple(case.plant.centres[c].name for c in case.plant.centre_of)
    machines = tuple(machine.name for machine in case.plant.machines)
    for what, actual, expected in (
        ("machine_names", schedule.machine_names, machines),
        ("machine_centres", schedule.machine_centres, centres),
        ("factory_name", schedule.factory_name, factory.name),
        ("tick_minutes", schedule.tick_minutes, factory.tick_minutes),
        ("start_hour", schedule.start_hour, factory.start_hour),
    ):
        if actual != expected:
            yield Violation(
                Constraint.FACTORY, what, f"is {actual}; factory {factory.name} has {expected}."
            )


def _check_records(case: Case) -> Iterator[Violation]:
    """Names, numbers and dates of every record exist and are in order."""
    schedule = case.schedule
    for place, order in enumerate(schedule.orders):
        yield from _check_order_record(case, place, order)
    for operation in schedule.operations:
        if not _is_readable(case, operation):
            yield from _check_operation_record(case, operation)
    for changeover in schedule.changeovers:
        yield from _check_changeover_record(case, changeover)
    for failure in schedule.failures:
        yield from _check_span(case, failure)
    for wait in schedule.waits:
        yield from _check_span(case, wait)


def _place_in_lists(record: Record) -> str:
    """How messages call a record whose names and numbers may be wrong."""
    match record:
        case OperationRecord():
            return f"operation {record.name} ({record.order}.{record.operation})"
        case ChangeoverRecord():
            return f"changeover at {record.start_date} on machine {record.machine}"
        case FailureRecord():
            return f"failure at {record.start_date} on machine {record.machine}"
    return f"wait at {record.start_date} on machine {record.machine}"


def _check_order_record(case: Case, place: int, order: OrderRecord) -> Iterator[Violation]:
    name = f"order {order.order_id}"
    if order.number != place:
        yield Violation(
            Constraint.RECORD,
            name,
            f"number = {order.number}; it stands in place {place}, which must be its number.",
        )
    if order.product not in case.plant.products:
        yield Violation(
            Constraint.RECORD,
            name,
            f"product = {order.product!r}; the factory makes {', '.join(case.plant.products)}.",
        )
    for option, value in order.options.items():
        if value not in case.plant.option_values.get(option, ()):
            yield Violation(
                Constraint.RECORD,
                name,
                f"option {option} = {value!r}; the factory does not have it.",
            )
    if order.release_date < 0:
        yield Violation(
            Constraint.RECORD, name, f"release_date = {order.release_date}; it must be at least 0."
        )


def _is_readable(case: Case, record: OperationRecord) -> bool:
    """Whether :func:`_check_operation_record` would find nothing, at a fifth of the time: it looks
    at every operation of every schedule."""
    names = case.operation_names
    return (
        0 <= record.selected_date <= record.start_date <= record.end_date
        and 0 <= record.machine < len(case.plant.machines)
        and 0 <= record.order < len(names)
        and 0 <= record.operation < len(names[record.order])
        and names[record.order][record.operation] == record.name
        and record.process_time >= 0
        and 0 <= record.attempt < MAX_ATTEMPTS
    )


def _check_operation_record(case: Case, operation: OperationRecord) -> Iterator[Violation]:
    yield from _check_span(case, operation)
    name = _operation_name(case, operation.order, operation.operation)
    if name is None:
        yield from _explain_numbers(case, operation, operation.order, operation.operation)
    elif name != operation.name:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(operation),
            f"name = {operation.name!r}; this operation is {name!r}.",
        )
    if operation.selected_date > operation.start_date:
        message = (
            f"selected_date = {operation.selected_date}; it must not be after its start at"
            f" {operation.start_date}."
        )
        yield Violation(Constraint.RECORD, _place_in_lists(operation), message)
    if operation.process_time < 0:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(operation),
            f"process_time = {operation.process_time}; it must be at least 0.",
        )
    if not 0 <= operation.attempt < MAX_ATTEMPTS:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(operation),
            f"attempt = {operation.attempt}; it must be 0 to {MAX_ATTEMPTS - 1}.",
        )


def _operation_name(case: Case, order: int, operation: int) -> str | None:
    """Name of an operation; None if there is no such order, product or operation."""
    names = case.operation_names[order] if 0 <= order < len(case.operation_names) else ()
    return names[operation] if 0 <= operation < len(names) else None


def _explain_numbers(case: Case, record: Record, order: int, operation: int) -> Iterator[Violation]:
    """What is wrong with the numbers of an operation that has no name."""
    if not 0 <= order < len(case.schedule.orders):
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(record),
            f"order = {order}; the schedule has orders 0 to {len(case.schedule.orders) - 1}.",
        )
    else:
        product = case.schedule.orders[order].product
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(record),
            f"operation = {operation}; product {product} has no such operation.",
        )


def _check_changeover_record(case: Case, changeover: ChangeoverRecord) -> Iterator[Violation]:
    yield from _check_span(case, changeover)
    order, operation = changeover.order, changeover.operation
    if order is not None and operation is not None:
        if _operation_name(case, order, operation) is None:
            yield from _explain_numbers(case, changeover, order, operation)
    elif order is not None or operation is not None:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(changeover),
            f"order = {order} and operation = {operation}; give both or neither.",
        )
    if not 0 <= changeover.machine < len(case.plant.machines):
        return
    known = case.plant.setup_values[case.plant.centre_of[changeover.machine]]
    for setup in (changeover.from_setup, changeover.to_setup):
        if len(setup) != len(known) or not all(map(contains, known.values(), setup)):
            message = f"setup {setup}; it must have one known value for each of {list(known)}."
            yield Violation(Constraint.RECORD, _place_in_lists(changeover), message)


def _check_span(case: Case, record: Record) -> Iterator[Violation]:
    if not 0 <= record.machine < len(case.plant.machines):
        message = (
            f"machine = {record.machine}; the factory has machines 0 to"
            f" {len(case.plant.machines) - 1}."
        )
        yield Violation(Constraint.RECORD, _place_in_lists(record), message)
    first = record.selected_date if isinstance(record, OperationRecord) else record.start_date
    if first < 0:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(record),
            f"starts at {first}; it must not start before date 0.",
        )
    if record.end_date < record.start_date:
        yield Violation(
            Constraint.RECORD,
            _place_in_lists(record),
            f"ends at {record.end_date}, before it starts at {record.start_date}.",
        )


# --- orders ---------------------------------------------------------------------------------------


def _check_orders(case: Case) -> Iterator[Violation]:
    """The orders are those of the book, or of the world that the seed stands for."""
    expected = case.expected_orders
    if expected is None:
        for order in case.schedule.orders:
            yield from _check_material_given(case, order)
        return
    for order in expected[len(case.schedule.orders) :]:
        yield Violation(
            Constraint.ORDER_MISSING,
            f"order {order.order_id}",
            f"is not in the schedule; it has {len(case.schedule.orders)} of {len(expected)}"
            " orders.",
        )
    for order in case.schedule.orders[len(expected) :]:
        yield Violation(
            Constraint.ORDER_UNKNOWN,
            f"order {order.order_id}",
            f"nobody ordered it; there are {len(expected)} orders.",
        )
    for actual, order in zip(case.schedule.orders, expected, strict=False):
        yield from _compare_order(actual, order)
        if case.schedule.seed is None:
            yield from _check_material_given(case, actual)
        elif actual.material_date != order.material_date:
            message = (
                f"material_date = {actual.material_date}; as drawn it must be"
                f" {order.material_date}."
            )
            yield Violation(Constraint.MATERIAL_DATE, f"order {order.order_id}", message)


def _compare_order(actual: OrderRecord, expected: OrderRecord) -> Iterator[Violation]:
    for field in ("order_id", "product", "options", "release_date", "due_date", "weight"):
        is_now, must_be = getattr(actual, field), getattr(expected, field)
        if is_now != must_be:
            yield Violation(
                Constraint.ORDER_ALTERED,
                f"order {expected.order_id}",
                f"{field} = {is_now!r}; it must be {must_be!r}.",
            )


def _check_material_given(case: Case, order: OrderRecord) -> Iterator[Violation]:
    """Where no draws are known: material is never early, and late only where the factory's supply
    may be late."""
    may_be_late = bool(case.plant.factory.material) and case.plant.needs_material(order.product)
    if order.material_date < order.release_date or (
        order.material_date > order.release_date and not may_be_late
    ):
        message = (
            f"material_date = {order.material_date}; it must be"
            f" {'at least ' if may_be_late else ''}the release date {order.release_date}."
        )
        yield Violation(Constraint.MATERIAL_DATE, f"order {order.order_id}", message)


# --- routes ---------------------------------------------------------------------------------------


def _check_routes(case: Case) -> Iterator[Violation]:
    """Every operation is done, where it may be done, once it is ready."""
    for order, tasks in zip(case.schedule.orders, case.tasks, strict=True):
        for i, task in enumerate(tasks):
            attempts = case.attempts.get((order.number, i), ())
            if len(attempts) != 1 or attempts[0].attempt != 0:
                yield from _check_attempts(case, order, task.step.operation.name, attempts)
            for record in attempts:
                if (
                    case.plant.centre_of[record.machine] != task.step.centre
                    or record.machine not in task.step.base_times
                ):
                    yield _explain_machine_choice(case, task.step, record)
                yield from _check_readiness(case, order, task.step, record)


def _check_attempts(
    case: Case, order: OrderRecord, name: str, attempts: Sequence[OperationRecord]
) -> Iterator[Violation]:
    if not attempts:
        yield Violation(
            Constraint.OPERATION_MISSING,
            f"order {order.order_id}, operation {name}",
            "is not in the schedule.",
        )
        return
    numbers = [record.attempt for record in attempts]
    if numbers == list(range(len(attempts))):
        return
    for record, following in pairwise(attempts):
        if following.attempt == record.attempt:
            message = f"is done twice, to {record.end_date} and to {following.end_date}."
            yield Violation(Constraint.OPERATION_DUPLICATED, case.place_of(following), message)
    if sorted(set(numbers)) != list(range(len(set(numbers)))):
        yield Violation(
            Constraint.REWORK,
            case.place_of(attempts[-1]),
            f"attempts {numbers}; they must count up from 0 without a gap.",
        )


def _explain_machine_choice(case: Case, step: Step, record: OperationRecord) -> Violation:
    """What is wrong with the machine of an operation that may not be done there."""
    if case.plant.centre_of[record.machine] != step.centre:
        here, there = case.schedule.machine_centres[record.machine], step.operation.work_centre
        return Violation(
            Constraint.WORK_CENTRE,
            case.place_of(record),
            f"belongs to work centre {there}, but was done in {here}.",
        )
    eligible = ", ".join(case.schedule.machine_names[m] for m in step.base_times)
    return Violation(
        Constraint.ELIGIBILITY, case.place_of(record), f"may be done on {eligible} only."
    )


def _check_readiness(
    case: Case, order: OrderRecord, step: Step, record: OperationRecord
) -> Iterator[Violation]:
    """An operation may be selected once its order, its material, its predecessors (brought here)
    and its attempt before are there."""
    selected = record.selected_date
    if selected < order.release_date:
        yield Violation(
            Constraint.RELEASE,
            case.place_of(record),
            f"is selected at {selected}; its order is released at {order.release_date}.",
        )
    if order.release_date <= selected < order.material_date and step.operation.needs_material:
        yield Violation(
            Constraint.MATERIAL,
            case.place_of(record),
            f"is selected at {selected}; its material is there at {order.material_date}.",
        )
    for predecessor in step.predecessors:
        before = case.attempts.get((order.number, predecessor))
        if before:
            yield from _check_predecessor(case, record, before[-1], step.centre)
    if record.attempt > 0:
        for earlier in case.attempts[order.number, record.operation]:
            if earlier.attempt == record.attempt - 1 and selected < earlier.end_date:
                yield Violation(
                    Constraint.REWORK,
                    case.place_of(record),
                    f"is selected at {selected}; the attempt before ends at {earlier.end_date}.",
                )


def _check_predecessor(
    case: Case, record: OperationRecord, before: OperationRecord, centre: int
) -> Iterator[Violation]:
    selected, transport_time = (
        record.selected_date,
        case.plant.transport_time(case.task_of(before).step.centre, centre),
    )
    if selected < before.end_date:
        yield Violation(
            Constraint.PRECEDENCE,
            case.place_of(record),
            f"is selected at {selected}; operation {before.name} before it ends at"
            f" {before.end_date}.",
        )
    elif selected < before.end_date + transport_time:
        message = (
            f"is selected at {selected}; operation {before.name} ends at {before.end_date} and"
            f" transport takes {transport_time}."
        )
        yield Violation(Constraint.TRANSPORT, case.place_of(record), message)


# --- machines, crews, ends ------------------------------------------------------------------------


def _check_machines(case: Case) -> Iterator[Violation]:
    for machine in range(len(case.plant.machines)):
        yield from MachineChecks(case, machine).violations()
    done_on = {
        (record.order, record.operation, record.machine) for record in case.schedule.operations
    }
    for changeover in case.schedule.changeovers:
        if (
            changeover.order is not None
            and (changeover.order, changeover.operation, changeover.machine) not in done_on
        ):
            place = (
                f"{case.schedule.machine_names[changeover.machine]}, changeover at"
                f" {changeover.start_date}"
            )
            message = (
                f"is for operation {changeover.operation} of order number {changeover.order}, which"
                " is not done on this machine."
            )
            yield Violation(Constraint.RECORD, place, message)


def _check_crews(case: Case) -> Iterator[Violation]:
    """At no time are more changeovers of positive time under way than there are crews; an end comes
    before a start at one date."""
    under_way: list[ChangeoverRecord] = []
    for changeover in sorted(case.schedule.changeovers, key=attrgetter("start_date", "machine")):
        if changeover.end_date > changeover.start_date:
            under_way = [other for other in under_way if other.end_date > changeover.start_date]
            under_way.append(changeover)
            if len(under_way) > case.plant.crews:
                message = (
                    f"is number {len(under_way)} under way at {changeover.start_date}; there are"
                    f" {case.plant.crews} crews."
                )
                yield Violation(Constraint.CREWS, case.place_of(changeover), message)


def _check_ends(case: Case) -> Iterator[Violation]:
    """Orders are completed by their last operation, the schedule by its last order; nothing is
    still in work."""
    ends: dict[int, int] = defaultdict(int)
    for record in case.schedule.operations:
        ends[record.order] = max(ends[record.order], record.end_date)
    for order in case.schedule.orders:
        if order.completion_date is None:
            yield Violation(
                Constraint.COMPLETION,
                f"order {order.order_id}",
                "is not completed; only complete schedules can be verified.",
            )
        elif order.number in ends and order.completion_date != ends[order.number]:
            message = (
                f"completion_date = {order.completion_date}; its last operation ends at"
                f" {ends[order.number]}."
            )
            yield Violation(Constraint.COMPLETION, f"order {order.order_id}", message)
    if case.schedule.num_orders is not None and case.schedule.num_orders != len(
        case.schedule.orders
    ):
        message = (
            f"is {case.schedule.num_orders}; the schedule has {len(case.schedule.orders)} orders,"
            " and only complete schedules can be verified."
        )
        yield Violation(Constraint.COMPLETION, "num_orders", message)
    for operation in case.schedule.open_operations:
        yield Violation(
            Constraint.COMPLETION,
            case.place_of(operation),
            "is still in work; only complete schedules can be verified.",
        )
    last = max(ends.values(), default=0)
    if case.schedule.end_date != last:
        yield Violation(
            Constraint.END_DATE,
            "end_date",
            f"is {case.schedule.end_date}; the last operation ends at {last}.",
        )
