"""A shop floor at one moment as JSON: what an MES tells, and nothing that it cannot know.

All dates are ticks of the factory (docs/model.md, section 1). What is wrong in a snapshot is said with its path, the value, the rule and the remedy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from factory.model import Factory, Operation, Product, WorkCentre, operation_order, predecessors
from factory.problems import Problem, Words, suggest

MOST_DATE = 2**40
MOST_ORDERS = 20_000

Date = Annotated[int, Field(ge=0, le=MOST_DATE, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Status = Literal["upcoming", "ready", "in_process", "done"]


class SnapshotError(ValueError):
    """A snapshot that cannot be used; the message has one line for each problem."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperationState(_Part):
    """How far one operation of an order is."""

    status: Status
    attempt: Annotated[int, Field(ge=0, le=3, strict=True)] = 0  # how often it has been done and must be done again
    ready_date: Date | None = None  # ready: when it joined the queue
    arrival_date: Date | None = None  # upcoming: when the last part from a predecessor that is done arrives; None: nothing is on its way
    expected_date: Date | None = None  # upcoming: when it can be expected at the earliest, if that is known better than from the plan
    lead_time: Amount | None = None  # upcoming: work before it that has not started, likewise, ticks


class OrderState(_Part):
    """An order in progress."""

    order_id: Name
    product: Name
    options: dict[str, str] = {}
    release_date: Date
    due_date: Annotated[int, Field(ge=-MOST_DATE, le=MOST_DATE, strict=True)]
    weight: Amount = 1.0
    material_here: bool = True
    operations: dict[str, OperationState]  # all of its product's


class MachineState(_Part):
    """What a machine is at."""

    status: Literal["idle", "changing", "processing", "down"]
    setup: dict[str, str] = {}  # mounted value of every attribute; while changing over, the one that is being mounted
    since: Date  # when this status began
    expected_end: Date | None = None  # not idle: when it is expected to be idle again
    order: Name | None = None  # what is in work
    operation: Name | None = None
    first_piece: bool = False  # whether the next (or present) operation is the first after a changeover
    waiting_until: Date | None = None  # idle and told to wait


class Snapshot(_Part):
    """A shop floor at one moment."""

    version: Literal[1] = 1
    factory: Name
    clock: Date
    machines: dict[str, MachineState]  # all of them
    orders: Annotated[tuple[OrderState, ...], Field(max_length=MOST_ORDERS)]
    recent_releases: Annotated[tuple[Date, ...], Field(max_length=8)] = ()  # of the newest eight orders, completed ones too; none: those of the orders here
    more_orders: bool = True  # whether more may come


def read_snapshot(text: str | bytes, factory: Factory) -> Snapshot:
    """Parse and check a snapshot for ``factory``.

    Raises
    ------
    SnapshotError
        With one line for each problem: path, value, rule, remedy.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"snapshot: is not JSON ({error}). Correct it.") from None
    return parse_snapshot(data, factory)


def parse_snapshot(data: object, factory: Factory) -> Snapshot:
    """The same from what JSON stands for."""
    try:
        snapshot = Snapshot.model_validate(data)
    except ValidationError as error:
        raise SnapshotError("\n".join(str(_as_problem(item)) for item in error.errors())) from None
    problems = list(_find_problems(snapshot, factory))
    if problems:
        raise SnapshotError("\n".join(map(str, problems)))
    return snapshot


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _as_problem(item: object) -> Problem:
    assert isinstance(item, dict)
    rule = item["msg"][0].lower() + item["msg"][1:]
    return Problem(".".join(str(step) for step in item["loc"]) or "snapshot", item["input"], rule, "Correct it")


# --- does it fit the factory, and itself --------------------------------------------------------------------------------------


def _find_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    if snapshot.factory != factory.name:
        yield Problem("factory", snapshot.factory, f"the policy works for {factory.name}", "Send the snapshot of that factory")
        return
    if list(snapshot.recent_releases) != sorted(snapshot.recent_releases):
        yield Problem("recent_releases", snapshot.recent_releases, "they must rise", "Sort them")
    if any(date > snapshot.clock for date in snapshot.recent_releases):
        yield Problem(
            "recent_releases", snapshot.recent_releases, f"none can lie after the clock at {snapshot.clock}", "Leave out orders that are still to come"
        )
    orders = {order.order_id: order for order in snapshot.orders}
    if len(orders) < len(snapshot.orders):
        ids = [order.order_id for order in snapshot.orders]
        twice = next(one for one in ids if ids.count(one) > 1)
        yield Problem("orders", twice, "order_id must be unique", "Give each order one of its own")
        return
    products = {product.name: _Kind(product, factory) for product in factory.products}
    for place, order in enumerate(snapshot.orders):
        yield from _check_order(f"orders.{place}", order, snapshot, factory, products)
    centres = {machine.name: centre for centre in factory.work_centres for machine in centre.machines}
    for name in centres:
        if name not in snapshot.machines:
            yield Problem("machines", Words(f"{len(snapshot.machines)} machines"), f"{name} is missing", "Tell the state of every machine")
    in_work: dict[tuple[str, str], str] = {}
    for name, state in snapshot.machines.items():
        if name not in centres:
            yield Problem(f"machines.{name}", Words("a machine"), f"{factory.name} has none of that name", suggest(name, centres))
        else:
            yield from _check_machine(f"machines.{name}", state, centres[name], snapshot)
            yield from _check_work(f"machines.{name}", name, state, centres[name], orders, products, in_work)
    for place, order in enumerate(snapshot.orders):
        for name, operation in order.operations.items():
            if operation.status == "in_process" and (order.order_id, name) not in in_work:
                yield Problem(f"orders.{place}.operations.{name}.status", "in_process", "no machine has it in work", "Name it at its machine")


class _Kind:
    """What an order of one product can be."""

    def __init__(self, product: Product, factory: Factory) -> None:
        applying = [option for option in factory.options if option.products is None or product.name in option.products]
        self.option_values = {option.name: {value.name for value in option.values} for option in applying}
        listed = [product.operations[number] for number in operation_order(product)]
        self.operations = {operation.name: operation for operation in listed}
        self.before = {operation.name: [listed[other].name for other in others] for operation, others in zip(listed, predecessors(product), strict=True)}


def _check_order(place: str, order: OrderState, snapshot: Snapshot, factory: Factory, products: dict[str, _Kind]) -> Iterator[Problem]:
    kind = products.get(order.product)
    if kind is None:
        yield Problem(f"{place}.product", order.product, f"{factory.name} makes none of that name", suggest(order.product, products))
        return
    if order.release_date > snapshot.clock:
        yield Problem(
            f"{place}.release_date", order.release_date, f"it must not lie after the clock at {snapshot.clock}", "Leave out orders that are still to come"
        )
    if order.options.keys() != kind.option_values.keys() or not all(value in kind.option_values[option] for option, value in order.options.items()):
        yield from _check_options(place, order, kind.option_values)
    yield from _check_operations(place, order, snapshot, kind)


def _check_options(place: str, order: OrderState, values: dict[str, set[str]]) -> Iterator[Problem]:
    for option, value in order.options.items():
        if option not in values:
            yield Problem(f"{place}.options.{option}", value, f"{order.product} has no such option", suggest(option, values))
        elif value not in values[option]:
            yield Problem(f"{place}.options.{option}", value, "the option has no such value", suggest(value, sorted(values[option])))
    for option in values:
        if option not in order.options:
            yield Problem(f"{place}.options", Words(f"{len(order.options)} options"), f"{option} is missing", "Say what the customer has chosen")


def _check_operations(place: str, order: OrderState, snapshot: Snapshot, kind: _Kind) -> Iterator[Problem]:
    for name in order.operations:
        if name not in kind.operations:
            yield Problem(f"{place}.operations.{name}", Words("an operation"), f"{order.product} has none of that name", suggest(name, kind.operations))
    for name in kind.operations:
        if name not in order.operations:
            yield Problem(f"{place}.operations", Words(f"{len(order.operations)} operations"), f"{name} is missing", "Tell the state of every operation")
    done = {name for name, state in order.operations.items() if state.status == "done"}
    for name, state in order.operations.items():
        if name in kind.operations:
            missing = [other for other in kind.before[name] if other not in done]
            yield from _check_operation(f"{place}.operations.{name}", state, kind.operations[name], order, snapshot, missing)
    if len(done) == len(order.operations) == len(kind.operations):
        yield Problem(f"{place}.operations", Words("all done"), "the order is completed", "Leave it out")


def _check_operation(place: str, state: OperationState, operation: Operation, order: OrderState, snapshot: Snapshot, missing: list[str]) -> Iterator[Problem]:
    """``missing`` are the predecessors that are not done."""
    if state.status != "upcoming" and missing:
        yield Problem(f"{place}.status", state.status, f"{missing[0]} before it is not done", "Correct one of them")
    if state.status in ("ready", "in_process") and operation.needs_material and not order.material_here:
        yield Problem(f"{place}.status", state.status, "its material is not here", "Set material_here, or its status to upcoming")
    if state.status == "ready":
        if state.ready_date is None:
            yield Problem(f"{place}.ready_date", Words("nothing"), "a ready operation has one", "Tell when it joined the queue")
        elif not order.release_date <= state.ready_date <= snapshot.clock:
            rule = f"it must lie between the order's release at {order.release_date} and the clock at {snapshot.clock}"
            yield Problem(f"{place}.ready_date", state.ready_date, rule, "Correct it")
    if (state.expected_date is None) != (state.lead_time is None):
        yield Problem(place, Words("one of expected_date and lead_time"), "they go together", "Give both or neither")


def _check_machine(place: str, state: MachineState, centre: WorkCentre, snapshot: Snapshot) -> Iterator[Problem]:
    attributes = {attribute.name: attribute.values for attribute in centre.attributes}
    for attribute in attributes:
        if attribute not in state.setup:
            yield Problem(f"{place}.setup", Words(f"{len(state.setup)} attributes"), f"{attribute} is missing", "Tell what is mounted")
    for attribute, value in state.setup.items():
        if attribute not in attributes:
            yield Problem(f"{place}.setup.{attribute}", value, f"{centre.name} has no such attribute", suggest(attribute, attributes))
        elif value not in attributes[attribute]:
            yield Problem(f"{place}.setup.{attribute}", value, "there is no such value", suggest(value, attributes[attribute]))
    if state.since > snapshot.clock:
        yield Problem(f"{place}.since", state.since, f"it must not lie after the clock at {snapshot.clock}", "Correct it")
    if (state.expected_end is None) != (state.status == "idle"):
        yield Problem(
            f"{place}.expected_end", Words(str(state.expected_end)), f"the machine is {state.status}", "Give it exactly where the machine is not idle"
        )
    if state.waiting_until is not None and state.status != "idle":
        yield Problem(f"{place}.waiting_until", state.waiting_until, f"the machine is {state.status}", "Only an idle machine waits")


def _check_work(
    place: str,
    name: str,
    state: MachineState,
    centre: WorkCentre,
    orders: dict[str, OrderState],
    products: dict[str, _Kind],
    in_work: dict[tuple[str, str], str],
) -> Iterator[Problem]:
    """The operation that the machine has in work is one that it can do, and nobody else has it."""
    if (state.order is None) != (state.operation is None):
        yield Problem(place, Words("one of order and operation"), "they go together", "Give both or neither")
        return
    if state.order is None or state.operation is None:
        if state.status in ("processing", "down"):
            yield Problem(f"{place}.order", Words("nothing"), f"a machine that is {state.status} has an operation in work", "Name order and operation")
        return
    if state.status == "idle":
        yield Problem(f"{place}.order", state.order, "the machine is idle", "Leave it out, or correct the status")
        return
    order = orders.get(state.order)
    if order is None:
        yield Problem(f"{place}.order", state.order, "there is no such order here", suggest(state.order, orders))
        return
    operation = order.operations.get(state.operation)
    if operation is None or operation.status != "in_process":
        found = "none" if operation is None else operation.status
        yield Problem(f"{place}.operation", state.operation, f"its status at the order is {found}, not in_process", "Correct one of them")
        return
    plan = products[order.product].operations.get(state.operation) if order.product in products else None
    if plan is not None and (plan.work_centre != centre.name or (plan.machine_times is not None and name not in plan.machine_times)):
        yield Problem(f"{place}.operation", state.operation, "this machine cannot do it", "Correct the machine or the operation")
    other = in_work.setdefault((state.order, state.operation), name)
    if other != name:
        yield Problem(f"{place}.operation", state.operation, f"{other} has it in work too", "Correct one of them")
