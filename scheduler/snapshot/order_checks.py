"""Checks of a snapshot's orders against their products, and against themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from factory.model import Factory, Operation
from factory.validation.errors import Problem, Suggestion, Words
from scheduler.snapshot.consistency import DISAGREEMENT, count_in_process
from scheduler.snapshot.order_tables import FactoryNames, ProductSchema, names_of, packed
from scheduler.snapshot.schema import OperationState, OrderState, Snapshot


def count_operations_in_process(snapshot: Snapshot, names: FactoryNames) -> int:
    """Return the number of operations in process; DISAGREEMENT if an order is wrong.

    :func:`find_order_problems` then lists the problems.
    """
    orders = packed(snapshot, names)
    if orders is None:
        return DISAGREEMENT
    return int(
        count_in_process(
            orders.orders,
            orders.operations,
            names.num_operations,
            names.needs_material,
            names.comes_before,
            snapshot.clock,
        )
    )


def find_order_problems(
    snapshot: Snapshot, factory: Factory, indices: Iterable[int] | None = None
) -> Iterator[tuple[int, Problem]]:
    """Yield the problems of each order by itself, with its index.

    Parameters
    ----------
    indices
        Orders to check; None: all.
    """
    products, orders = names_of(factory).products, snapshot.orders
    for i in range(len(orders)) if indices is None else indices:
        for problem in _check_order(f"orders.{i}", orders[i], snapshot, factory, products):
            yield i, problem


def check_in_process(
    snapshot: Snapshot, in_work: dict[tuple[str, str], str]
) -> Iterator[tuple[int, Problem]]:
    """Yield the operations in process that no machine has in work, with the indices of the orders.

    Parameters
    ----------
    in_work
        Machines by the order and operation that they have in work.
    """
    for i, order in enumerate(snapshot.orders):
        for name, operation in order.operations.items():
            if operation.status == "in_process" and (order.order_id, name) not in in_work:
                path, rule = f"orders.{i}.operations.{name}.status", "no machine has it in work"
                yield i, Problem(path, "in_process", rule, "Name it at its machine")


def _check_order(
    path: str,
    order: OrderState,
    snapshot: Snapshot,
    factory: Factory,
    products: dict[str, ProductSchema],
) -> Iterator[Problem]:
    product = products.get(order.product)
    if product is None:
        rule = f"{factory.name} makes none of that name"
        yield Problem(f"{path}.product", order.product, rule, Suggestion(order.product, products))
        return
    if order.material_here and (order.material_date or 0) > snapshot.clock:
        rule, remedy = "the material is here already", "Leave it out, or set material_here to false"
        yield Problem(f"{path}.material_date", order.material_date, rule, remedy)
    if order.options.keys() != product.option_values.keys() or not all(
        value in product.option_values[option] for option, value in order.options.items()
    ):
        yield from _check_options(path, order, product.option_values)
    yield from _check_operations(path, order, snapshot, product)


def _check_options(
    path: str, order: OrderState, values: dict[str, dict[str, None]]
) -> Iterator[Problem]:
    for option, value in order.options.items():
        here = f"{path}.options.{option}"
        if option not in values:
            rule = f"{order.product} has no such option"
            yield Problem(here, value, rule, Suggestion(option, values))
        elif value not in values[option]:
            remedy = Suggestion(value, values[option])
            yield Problem(here, value, "the option has no such value", remedy)
    for option in values:
        if option not in order.options:
            count, rule = Words(f"{len(order.options)} options"), f"{option} is missing"
            yield Problem(f"{path}.options", count, rule, "Add the value that the customer chose")


def _check_operations(
    path: str, order: OrderState, snapshot: Snapshot, product: ProductSchema
) -> Iterator[Problem]:
    for name in order.operations:
        if name not in product.operations:
            rule = f"{order.product} has none of that name"
            remedy = Suggestion(name, product.operations)
            yield Problem(f"{path}.operations.{name}", Words("an operation"), rule, remedy)
    for name in product.operations:
        if name not in order.operations:
            count, rule = Words(f"{len(order.operations)} operations"), f"{name} is missing"
            yield Problem(f"{path}.operations", count, rule, "Give the state of every operation")
    done = {name for name, state in order.operations.items() if state.status == "done"}
    for name, state in order.operations.items():
        if name in product.operations:
            missing = [other for other in product.before[name] if other not in done]
            here, operation = f"{path}.operations.{name}", product.operations[name]
            if order.release_date > snapshot.clock and state.status != "upcoming":
                yield Problem(
                    f"{here}.status",
                    state.status,
                    f"the order is released at {order.release_date}, after the clock at"
                    f" {snapshot.clock}, so its operations are upcoming",
                    "Correct one of them",
                )
                continue
            yield from _check_operation(here, state, operation, order, missing)
            if state.status == "ready":
                yield from _check_ready_date(here, state, order, snapshot.clock)


def _check_operation(
    path: str, state: OperationState, operation: Operation, order: OrderState, missing: list[str]
) -> Iterator[Problem]:
    """Yield the problems of one operation; ``missing`` are predecessors that are not done."""
    if state.status != "upcoming" and missing:
        rule = f"{missing[0]} before it is not done"
        yield Problem(f"{path}.status", state.status, rule, "Correct one of them")
    has_joined = state.status in ("ready", "in_process")
    if has_joined and operation.needs_material and not order.material_here:
        rule, remedy = "its material is not here", "Set material_here, or its status to upcoming"
        yield Problem(f"{path}.status", state.status, rule, remedy)
    if (state.expected_date is None) != (state.lead_time is None):
        pair = Words("one of expected_date and lead_time")
        yield Problem(path, pair, "they go together", "Give both or neither")


def _check_ready_date(
    path: str, state: OperationState, order: OrderState, clock: int
) -> Iterator[Problem]:
    path = f"{path}.ready_date"
    if state.ready_date is None:
        remedy = "Give the date at which it joined the queue"
        yield Problem(path, Words("nothing"), "a ready operation has one", remedy)
    elif not order.release_date <= state.ready_date <= clock:
        release = order.release_date
        rule = f"it must lie between the order's release at {release} and the clock at {clock}"
        yield Problem(path, state.ready_date, rule, "Correct it")
