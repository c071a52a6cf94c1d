"""Checks of a snapshot's machines: setup, dates, the operation in work, and crews."""

from __future__ import annotations

from collections.abc import Iterator

from factory.model import Factory, WorkCentre
from factory.validation.errors import Problem, Suggestion, Words
from scheduler.snapshot.lock_checks import can_do
from scheduler.snapshot.operating_checks import find_operating_problems
from scheduler.snapshot.order_tables import FactoryNames, ProductSchema, Setups
from scheduler.snapshot.schema import MachineState, OrderState, Snapshot

_ADD_SETUP = "Give the mounted value; where a changeover was broken off, the one it began from"
_ADD_END = "Give the date at which it is expected to be idle again"


def find_machine_problems(
    snapshot: Snapshot,
    names: FactoryNames,
    orders: dict[str, OrderState],
    in_work: dict[tuple[str, str], str],
) -> Iterator[Problem]:
    """Yield the problems of all machines; see :func:`find_work_problems`."""
    yield from find_state_problems(snapshot, names)
    for _, problem in find_work_problems(snapshot, names, orders, in_work):
        yield problem


def find_state_problems(snapshot: Snapshot, names: FactoryNames) -> Iterator[Problem]:
    """Yield the problems of machines without regard to their operations in work."""
    for name in names.centres:
        if name not in snapshot.machines:
            count, rule = Words(f"{len(snapshot.machines)} machines"), f"{name} is missing"
            yield Problem("machines", count, rule, "Give the state of every machine")
    for name, state in snapshot.machines.items():
        path = f"machines.{name}"
        if name not in names.centres:
            rule = f"{snapshot.factory} has none of that name"
            yield Problem(path, Words("a machine"), rule, Suggestion(name, names.centres))
            continue
        centre, repairable = names.centres[name], name in names.with_repair_time
        # work of a factory with a start may go on in a closure
        until = 0 if names.has_start else state.out_of_service_until or 0
        if not _is_sound(state, names.setups[name], snapshot.clock, repairable, until):
            yield from _check_machine(path, state, centre, snapshot)
            yield from _check_expected_end(path, state, snapshot, repairable, until)
        yield from find_operating_problems(path, name, state, names)


def find_work_problems(
    snapshot: Snapshot,
    names: FactoryNames,
    orders: dict[str, OrderState],
    in_work: dict[tuple[str, str], str],
) -> Iterator[tuple[str, Problem]]:
    """Yield the machines whose operation in work cannot be, with their problems.

    Parameters
    ----------
    orders
        Orders of the snapshot by their ids.
    in_work
        Filled with the machines by the order and operation that they have in work.
    """
    for name, state in snapshot.machines.items():
        centre, path = names.centres.get(name), f"machines.{name}"
        if centre is not None:
            for problem in _check_work(path, name, state, centre, orders, names.products, in_work):
                yield name, problem


def find_crew_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield a problem if more machines are changing over than crews are present."""
    if factory.staff:
        return
    changing = sum(state.status == "changing" for state in snapshot.machines.values())
    count = Words(f"{changing} are changing over")
    if snapshot.crews is not None and changing > snapshot.crews:
        rule = f"crews says that {snapshot.crews} are present"
        yield Problem("machines", count, rule, "Correct one of them")
    elif snapshot.crews is None and factory.crews is not None and changing > factory.crews:
        rule = f"{factory.name} has crews for {factory.crews}"
        remedy = "Correct the statuses, or give the number of crews that are present in crews"
        yield Problem("machines", count, rule, remedy)


def _is_sound(
    state: MachineState, setups: Setups, clock: int, repairable: bool, earliest_end: int
) -> bool:
    """Return whether :func:`_check_machine` and :func:`_check_expected_end` would yield nothing."""
    mounted, end = state.setup, state.expected_end
    return (
        len(mounted) == setups.attributes
        and mounted.items() <= setups.values
        and state.since <= clock
        and (
            (end is None) == (state.status == "idle")
            or (state.status == "down" and repairable)
            or (state.status != "down" and state.work_left is not None)
        )
        and (end is None or end >= earliest_end)
        and (state.waiting_until is None or state.status == "idle")
    )


def _check_machine(
    path: str, state: MachineState, centre: WorkCentre, snapshot: Snapshot
) -> Iterator[Problem]:
    attributes = {attribute.name: attribute.values for attribute in centre.attributes}
    for attribute in attributes:
        if attribute not in state.setup:
            count = Words(f"{len(state.setup)} attributes")
            yield Problem(f"{path}.setup", count, f"{attribute} is missing", _ADD_SETUP)
    for attribute, value in state.setup.items():
        here = f"{path}.setup.{attribute}"
        if attribute not in attributes:
            rule = f"{centre.name} has no such attribute"
            yield Problem(here, value, rule, Suggestion(attribute, attributes))
        elif value not in attributes[attribute]:
            remedy = Suggestion(value, attributes[attribute])
            yield Problem(here, value, "there is no such value", remedy)
    if state.since > snapshot.clock:
        rule = f"it must not lie after the clock at {snapshot.clock}"
        yield Problem(f"{path}.since", state.since, rule, "Correct it")
    if state.waiting_until is not None and state.status != "idle":
        rule = f"the machine is {state.status}, and only an idle machine waits"
        yield Problem(f"{path}.waiting_until", state.waiting_until, rule, "Leave it out")


def _check_expected_end(
    path: str, state: MachineState, snapshot: Snapshot, repairable: bool, earliest_end: int
) -> Iterator[Problem]:
    path, end = f"{path}.expected_end", state.expected_end
    if end is None and state.status == "down" and not repairable:
        rule = f"the machine is down and {snapshot.factory} gives it no mean_time_to_repair"
        yield Problem(path, Words("nothing"), rule, _ADD_END)
    elif end is None and state.work_left is None and state.status not in ("idle", "down"):
        yield Problem(path, Words("nothing"), f"the machine is {state.status}", _ADD_END)
    elif end is not None and state.status == "idle":
        remedy = "Leave it out; if the machine is broken, its status is down"
        yield Problem(path, end, "the machine is idle", remedy)
    elif end is not None and end < earliest_end:
        rule = f"the machine is out of service until {state.out_of_service_until}"
        yield Problem(path, end, rule, "Add the time out of service")


def _check_work(
    path: str,
    name: str,
    state: MachineState,
    centre: WorkCentre,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    in_work: dict[tuple[str, str], str],
) -> Iterator[Problem]:
    """Yield problems unless the machine can do its operation in work, and no other has it."""
    if (state.order is None) != (state.operation is None):
        pair = Words("one of order and operation")
        yield Problem(path, pair, "they go together", "Give both or neither")
        return
    if state.order is None or state.operation is None:
        return
    if state.status == "idle":
        remedy = "Leave it out, or correct the status; a paused operation is processing"
        yield Problem(f"{path}.order", state.order, "the machine is idle", remedy)
        return
    order = orders.get(state.order)
    if order is None:
        names = Suggestion(state.order, orders, "; other work has neither order nor operation")
        yield Problem(f"{path}.order", state.order, "there is no such order here", names)
        return
    here, operation = f"{path}.operation", order.operations.get(state.operation)
    if operation is None or operation.status != "in_process":
        status = "none" if operation is None else operation.status
        rule = f"its status at the order is {status}, not in_process"
        yield Problem(here, state.operation, rule, "Correct one of them")
        return
    yield from _check_eligibility(here, name, state, centre, products.get(order.product))
    other = in_work.setdefault((state.order, state.operation), name)
    if other != name:
        yield Problem(here, state.operation, f"{other} has it in work too", "Correct one of them")


def _check_eligibility(
    path: str, name: str, state: MachineState, centre: WorkCentre, product: ProductSchema | None
) -> Iterator[Problem]:
    operation = product.operations.get(state.operation or "") if product is not None else None
    if operation is None:
        return
    if operation.work_centre != centre.name:
        rule = f"this machine cannot do it; {operation.work_centre} does"
        yield Problem(path, state.operation, rule, "Correct one of them")
    elif state.status in ("changing", "paused") and not can_do(name, operation, centre):
        what = "changeover" if state.status == "changing" else "pause"
        rule = f"{name} cannot do it by the factory, so that its {what} has no known end"
        remedy = "Correct the machine or the operation, or send the status processing"
        yield Problem(path, state.operation, rule, remedy)
