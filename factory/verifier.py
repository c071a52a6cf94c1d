"""An independent witness: replays a schedule in plain Python against factory and orders, and bills it (docs/model.md).

It imports neither the kernel nor the observation, and draws the world of a seed with an implementation of its own. Schedules of the simulator and of
solvers (``seed`` None: no draws are known) are held to the same rules, :class:`factory.faults.Rule`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from factory.billing import Bill, bill
from factory.faults import Fault, Rule, VerificationError
from factory.machine_checks import MachineChecks, Record, place_of
from factory.model import Factory, OrderBook
from factory.plant import Plant
from factory.schedule import ChangeoverRecord, OperationRecord, OrderRecord, Schedule
from factory.world import MAX_ATTEMPTS, book_orders, draw_orders

Attempts = dict[tuple[int, int], list[OperationRecord]]
"""Everything done for (order, operation), by attempt."""


@dataclass(frozen=True)
class Case:
    """What the checks look at."""

    plant: Plant
    schedule: Schedule
    book: OrderBook | None


def verify(schedule: Schedule, factory: Factory, book: OrderBook | None = None) -> Bill:
    """Check a complete schedule against every rule, and add up what it costs.

    Parameters
    ----------
    schedule
        From the simulator (with its ``seed``: durations, failures, rework and material must be as drawn) or from a solver (``seed`` None).
    factory
        The factory it is for.
    book
        The order book it is for. None: the orders drawn from the factory's demand under the schedule's seed; without a seed (or demand) the
        schedule's own orders are taken as given.

    Returns
    -------
    Bill
        The five cost terms, electricity, CO2e and waste.

    Raises
    ------
    VerificationError
        With every fault that was found. Records that name unknown machines, orders or setups, or whose dates run backwards, hide the rest: only they
        are reported then.
    """
    case = Case(Plant(factory), schedule, book)
    for checks in ((_check_factory,), (_check_records,), (_check_orders, _check_routes, _check_machines, _check_crews, _check_ends)):
        faults = [fault for check in checks for fault in check(case)]
        if faults:
            raise VerificationError(faults)
    return bill(schedule, factory)


# --- can it be read ---------------------------------------------------------------------------------------------------------


def _check_factory(case: Case) -> Iterator[Fault]:
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
            yield Fault(Rule.FACTORY, what, f"is {actual}; factory {factory.name} has {expected}.")


def _check_records(case: Case) -> Iterator[Fault]:
    """Names, numbers and dates of every record exist and are in order."""
    schedule = case.schedule
    for place, order in enumerate(schedule.orders):
        yield from _check_order_record(case, place, order)
    for operation in schedule.operations:
        yield from _check_operation_record(case, operation)
    for changeover in schedule.changeovers:
        yield from _check_changeover_record(case, changeover)
    for failure in schedule.failures:
        yield from _check_span(case, f"failure at {failure.start_date} on machine {failure.machine}", failure)
    for wait in schedule.waits:
        yield from _check_span(case, f"wait at {wait.start_date} on machine {wait.machine}", wait)


def _check_order_record(case: Case, place: int, order: OrderRecord) -> Iterator[Fault]:
    name = f"order {order.order_id}"
    if order.number != place:
        yield Fault(Rule.RECORD, name, f"number = {order.number}; it stands in place {place}, which must be its number.")
    product = case.plant.products.get(order.product)
    if product is None:
        yield Fault(Rule.RECORD, name, f"product = {order.product!r}; the factory makes {', '.join(case.plant.products)}.")
    options = {option.name: option for option in case.plant.factory.options}
    for key, value in order.options.items():
        if key not in options or value not in [known.name for known in options[key].values]:
            yield Fault(Rule.RECORD, name, f"option {key} = {value!r}; the factory does not have it.")
    if order.release_date < 0:
        yield Fault(Rule.RECORD, name, f"release_date = {order.release_date}; it must be at least 0.")


def _check_operation_record(case: Case, operation: OperationRecord) -> Iterator[Fault]:
    place = f"operation {operation.name} ({operation.order}.{operation.operation})"
    yield from _check_span(case, place, operation)
    yield from _check_numbers(case, place, operation.order, operation.operation)
    name = _operation_name(case, operation.order, operation.operation)
    if name not in (None, operation.name):
        yield Fault(Rule.RECORD, place, f"name = {operation.name!r}; this operation is {name!r}.")
    if operation.selected_date > operation.start_date:
        yield Fault(Rule.RECORD, place, f"selected_date = {operation.selected_date}; it must not be after its start at {operation.start_date}.")
    if operation.process_time < 0:
        yield Fault(Rule.RECORD, place, f"process_time = {operation.process_time}; it must be at least 0.")
    if not 0 <= operation.attempt < MAX_ATTEMPTS:
        yield Fault(Rule.RECORD, place, f"attempt = {operation.attempt}; it must be 0 to {MAX_ATTEMPTS - 1}.")


def _operation_name(case: Case, order: int, operation: int) -> str | None:
    """Name of an operation; None if there is no such order, product or operation."""
    if not 0 <= order < len(case.schedule.orders) or case.schedule.orders[order].product not in case.plant.products:
        return None
    route = case.plant.route(case.schedule.orders[order].product)
    return route[operation].operation.name if 0 <= operation < len(route) else None


def _check_numbers(case: Case, place: str, order: int, operation: int) -> Iterator[Fault]:
    if not 0 <= order < len(case.schedule.orders):
        yield Fault(Rule.RECORD, place, f"order = {order}; the schedule has orders 0 to {len(case.schedule.orders) - 1}.")
    elif _operation_name(case, order, operation) is None:
        yield Fault(Rule.RECORD, place, f"operation = {operation}; product {case.schedule.orders[order].product} has no such operation.")


def _check_changeover_record(case: Case, changeover: ChangeoverRecord) -> Iterator[Fault]:
    place = f"changeover at {changeover.start_date} on machine {changeover.machine}"
    yield from _check_span(case, place, changeover)
    if (changeover.order is None) != (changeover.operation is None):
        yield Fault(Rule.RECORD, place, f"order = {changeover.order} and operation = {changeover.operation}; give both or neither.")
    elif changeover.order is not None and changeover.operation is not None:
        yield from _check_numbers(case, place, changeover.order, changeover.operation)
    if not 0 <= changeover.machine < len(case.plant.machines):
        return
    attributes = case.plant.centres[case.plant.centre_of[changeover.machine]].attributes
    for setup in (changeover.from_setup, changeover.to_setup):
        if len(setup) != len(attributes) or any(value not in a.values for value, a in zip(setup, attributes, strict=True)):
            yield Fault(Rule.RECORD, place, f"setup {setup}; it must have one known value for each of {[a.name for a in attributes]}.")


def _check_span(case: Case, place: str, record: Record) -> Iterator[Fault]:
    if not 0 <= record.machine < len(case.plant.machines):
        yield Fault(Rule.RECORD, place, f"machine = {record.machine}; the factory has machines 0 to {len(case.plant.machines) - 1}.")
    first = record.selected_date if isinstance(record, OperationRecord) else record.start_date
    if first < 0:
        yield Fault(Rule.RECORD, place, f"starts at {first}; it must not start before date 0.")
    if record.end_date < record.start_date:
        yield Fault(Rule.RECORD, place, f"ends at {record.end_date}, before it starts at {record.start_date}.")


# --- orders -----------------------------------------------------------------------------------------------------------------


def _check_orders(case: Case) -> Iterator[Fault]:
    """The orders are those of the book, or of the world that the seed stands for."""
    expected = _expected_orders(case)
    if expected is None:
        for order in case.schedule.orders:
            yield from _check_material_given(case, order)
        return
    for order in expected[len(case.schedule.orders) :]:
        yield Fault(Rule.ORDER_MISSING, f"order {order.order_id}", f"is not in the schedule; it has {len(case.schedule.orders)} of {len(expected)} orders.")
    for order in case.schedule.orders[len(expected) :]:
        yield Fault(Rule.ORDER_UNKNOWN, f"order {order.order_id}", f"nobody ordered it; there are {len(expected)} orders.")
    for actual, order in zip(case.schedule.orders, expected, strict=False):
        yield from _compare_order(actual, order)
        if case.schedule.seed is None:
            yield from _check_material_given(case, actual)
        elif actual.material_date != order.material_date:
            message = f"material_date = {actual.material_date}; as drawn it must be {order.material_date}."
            yield Fault(Rule.MATERIAL_DATE, f"order {order.order_id}", message)


def _expected_orders(case: Case) -> tuple[OrderRecord, ...] | None:
    if case.book is not None:
        return book_orders(case.plant, case.book, case.schedule.seed)
    if case.schedule.seed is not None and case.plant.factory.demand is not None:
        return draw_orders(case.plant, case.schedule.seed)
    return None


def _compare_order(actual: OrderRecord, expected: OrderRecord) -> Iterator[Fault]:
    for field in ("order_id", "product", "options", "release_date", "due_date", "weight"):
        is_now, must_be = getattr(actual, field), getattr(expected, field)
        if is_now != must_be:
            yield Fault(Rule.ORDER_ALTERED, f"order {expected.order_id}", f"{field} = {is_now!r}; it must be {must_be!r}.")


def _check_material_given(case: Case, order: OrderRecord) -> Iterator[Fault]:
    """Where no draws are known: material is never early, and late only where the factory's supply may be late."""
    may_be_late = bool(case.plant.factory.material) and case.plant.needs_material(order.product)
    if order.material_date < order.release_date or (order.material_date > order.release_date and not may_be_late):
        message = f"material_date = {order.material_date}; it must be {'at least ' if may_be_late else ''}the release date {order.release_date}."
        yield Fault(Rule.MATERIAL_DATE, f"order {order.order_id}", message)


# --- routes -----------------------------------------------------------------------------------------------------------------


def _check_routes(case: Case) -> Iterator[Fault]:
    """Every operation is done, where it may be done, once it is ready."""
    done: Attempts = defaultdict(list)
    for record in case.schedule.operations:
        done[record.order, record.operation].append(record)
    for attempts in done.values():
        attempts.sort(key=lambda record: (record.attempt, record.end_date))
    for order in case.schedule.orders:
        for i, step in enumerate(case.plant.route(order.product)):
            attempts = done.get((order.number, i), [])
            yield from _check_attempts(case, order, step.operation.name, attempts)
            for record in attempts:
                yield from _check_machine_choice(case, record)
                yield from _check_readiness(case, order, record, done)


def _check_attempts(case: Case, order: OrderRecord, name: str, attempts: list[OperationRecord]) -> Iterator[Fault]:
    if not attempts:
        yield Fault(Rule.OPERATION_MISSING, f"order {order.order_id}, operation {name}", "is not in the schedule.")
        return
    numbers = [record.attempt for record in attempts]
    for record, following in pairwise(attempts):
        if following.attempt == record.attempt:
            yield Fault(Rule.OPERATION_DUPLICATED, place_of(case.schedule, following), f"is done twice, to {record.end_date} and to {following.end_date}.")
    if sorted(set(numbers)) != list(range(len(set(numbers)))):
        yield Fault(Rule.REWORK, place_of(case.schedule, attempts[-1]), f"attempts {numbers}; they must count up from 0 without a gap.")


def _check_machine_choice(case: Case, record: OperationRecord) -> Iterator[Fault]:
    step = case.plant.route(case.schedule.orders[record.order].product)[record.operation]
    if case.plant.centre_of[record.machine] != step.centre:
        here, there = case.schedule.machine_centres[record.machine], step.operation.work_centre
        yield Fault(Rule.WORK_CENTRE, place_of(case.schedule, record), f"belongs to work centre {there}, but was done in {here}.")
    elif record.machine not in step.base_times:
        eligible = ", ".join(case.schedule.machine_names[m] for m in step.base_times)
        yield Fault(Rule.ELIGIBILITY, place_of(case.schedule, record), f"may be done on {eligible} only.")


def _check_readiness(case: Case, order: OrderRecord, record: OperationRecord, done: Attempts) -> Iterator[Fault]:
    """An operation may be selected once its order, its material, its predecessors (brought here) and its attempt before are there."""
    place, selected = place_of(case.schedule, record), record.selected_date
    step = case.plant.route(order.product)[record.operation]
    if selected < order.release_date:
        yield Fault(Rule.RELEASE, place, f"is selected at {selected}; its order is released at {order.release_date}.")
    if step.operation.needs_material and order.release_date <= selected < order.material_date:
        yield Fault(Rule.MATERIAL, place, f"is selected at {selected}; its material is there at {order.material_date}.")
    for predecessor in step.predecessors:
        before = done.get((order.number, predecessor))
        if before:
            yield from _check_predecessor(case, record, before[-1], step.centre)
    for earlier in done[order.number, record.operation]:
        if earlier.attempt == record.attempt - 1 and selected < earlier.end_date:
            yield Fault(Rule.REWORK, place, f"is selected at {selected}; the attempt before ends at {earlier.end_date}.")


def _check_predecessor(case: Case, record: OperationRecord, before: OperationRecord, centre: int) -> Iterator[Fault]:
    place, selected = place_of(case.schedule, record), record.selected_date
    product = case.schedule.orders[record.order].product
    transport_time = case.plant.transport_time(case.plant.route(product)[before.operation].centre, centre)
    if selected < before.end_date:
        yield Fault(Rule.PRECEDENCE, place, f"is selected at {selected}; operation {before.name} before it ends at {before.end_date}.")
    elif selected < before.end_date + transport_time:
        message = f"is selected at {selected}; operation {before.name} ends at {before.end_date} and transport takes {transport_time}."
        yield Fault(Rule.TRANSPORT, place, message)


# --- machines, crews, ends --------------------------------------------------------------------------------------------------


def _check_machines(case: Case) -> Iterator[Fault]:
    attempts = frozenset((record.order, record.operation, record.attempt) for record in case.schedule.operations)
    for machine in range(len(case.plant.machines)):
        yield from MachineChecks(case.plant, case.schedule, attempts, machine).faults()
    done_on = {(record.order, record.operation, record.machine) for record in case.schedule.operations}
    for changeover in case.schedule.changeovers:
        if changeover.order is not None and (changeover.order, changeover.operation, changeover.machine) not in done_on:
            place = f"{case.schedule.machine_names[changeover.machine]}, changeover at {changeover.start_date}"
            message = f"is for operation {changeover.operation} of order number {changeover.order}, which is not done on this machine."
            yield Fault(Rule.RECORD, place, message)


def _check_crews(case: Case) -> Iterator[Fault]:
    """At no time are more changeovers of positive time under way than there are crews; an end comes before a start at one date."""
    under_way: list[ChangeoverRecord] = []
    for changeover in sorted(case.schedule.changeovers, key=lambda c: (c.start_date, c.machine)):
        if changeover.end_date > changeover.start_date:
            under_way = [other for other in under_way if other.end_date > changeover.start_date]
            under_way.append(changeover)
            if len(under_way) > case.plant.crews:
                message = f"is number {len(under_way)} under way at {changeover.start_date}; there are {case.plant.crews} crews."
                yield Fault(Rule.CREWS, place_of(case.schedule, changeover), message)


def _check_ends(case: Case) -> Iterator[Fault]:
    """Orders are completed by their last operation, the schedule by its last order; nothing is still in work."""
    ends: dict[int, int] = defaultdict(int)
    for record in case.schedule.operations:
        ends[record.order] = max(ends[record.order], record.end_date)
    for order in case.schedule.orders:
        if order.completion_date is None:
            yield Fault(Rule.COMPLETION, f"order {order.order_id}", "is not completed; only complete schedules can be verified.")
        elif order.number in ends and order.completion_date != ends[order.number]:
            message = f"completion_date = {order.completion_date}; its last operation ends at {ends[order.number]}."
            yield Fault(Rule.COMPLETION, f"order {order.order_id}", message)
    if case.schedule.num_orders is not None and case.schedule.num_orders != len(case.schedule.orders):
        message = f"is {case.schedule.num_orders}; the schedule has {len(case.schedule.orders)} orders, and only complete schedules can be verified."
        yield Fault(Rule.COMPLETION, "num_orders", message)
    for operation in case.schedule.open_operations:
        yield Fault(Rule.COMPLETION, place_of(case.schedule, operation), "is still in work; only complete schedules can be verified.")
    last = max(ends.values(), default=0)
    if case.schedule.end_date != last:
        yield Fault(Rule.END_DATE, "end_date", f"is {case.schedule.end_date}; the last operation ends at {last}.")
