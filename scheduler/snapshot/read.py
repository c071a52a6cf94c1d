"""Snapshots parsed and checked: what is wrong in one is said with its path, the value, the rule and
the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from factory.model import Factory, Operation, WorkCentre
from factory.validation.errors import FactoryError, Problem, Words, suggest
from factory.validation.text_files import drop_mark
from scheduler.snapshot.consistency import DISAGREEMENT, count_in_process
from scheduler.snapshot.date_checks import check_calendar_dates
from scheduler.snapshot.incremental_json import NOT_FOUND, find_orders
from scheduler.snapshot.lock_checks import can_do, check_locks
from scheduler.snapshot.order_tables import (
    FactoryNames,
    OrderRow,
    PreviousSnapshot,
    ProductSchema,
    Setups,
    cache_tables,
    names_of,
    pack_rows,
    packed,
    put_together,
)
from scheduler.snapshot.schema import (
    MAX_ORDERS,
    MachineState,
    OperationState,
    OrderState,
    Snapshot,
    SnapshotText,
)

MAX_PROBLEMS = 100
"""Problems that are told of one snapshot."""
_MIN_ORDER_LENGTH = 64
"""Bytes of an order's JSON; what is shorter lacks some of its fields."""


_TELL_SETUP = "Tell what is mounted; where a changeover was broken off, what it began from"


class SnapshotError(ValueError):
    """A snapshot that cannot be used; the message has one line for each problem."""


def read_snapshot(text: str | bytes, factory: Factory) -> Snapshot:
    """Parse and check a snapshot for ``factory``.

    Raises
    ------
    SnapshotError
        With one line for each problem: path, value, rule, remedy.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        content = drop_mark(content, "snapshot")
    except FactoryError as error:
        raise SnapshotError(str(error)) from None
    return read_with_text(content, factory)[0]


def read_with_text(text: bytes, factory: Factory) -> tuple[Snapshot, SnapshotText | None]:
    """The same with the text in parts; None where they would have to be looked for."""
    read = _read_what_is_new(text, names_of(factory))
    if read is None:
        return _check(lambda: Snapshot.model_validate_json(text), factory), None
    return check_snapshot(read[0], factory), read[1]


def _read_what_is_new(text: bytes, names: FactoryNames) -> tuple[Snapshot, SnapshotText] | None:
    """A snapshot whose orders, as far as their very text was in the snapshot before, are those of
    then; None if it is not that plain, or wrong."""
    if b"\\" in text:
        return None
    letters, before = np.frombuffer(text, np.uint8), names.before
    room = min(MAX_ORDERS, len(text) // _MIN_ORDER_LENGTH) + 1
    spans, same = np.empty((room, 2), np.int64), np.empty(room, np.int64)
    count = find_orders(letters, spans, same, before.text, before.spans)
    if count == NOT_FOUND:
        return None
    spans = spans[: count + 1].copy()
    first, last = spans[0].tolist()
    rest = b"%b[]%b" % (text[:first], text[last:])
    try:
        snapshot = Snapshot.model_validate_json(rest)
        orders = _know_orders(
            text, spans[1:].tolist(), same[1 : count + 1].tolist(), before.orders, names
        )
    except ValidationError:
        return None
    if orders is None:
        return None
    names.before = PreviousSnapshot(letters, spans, orders)
    tables, texts = put_together(orders, names)
    whole = snapshot.model_copy(update={"orders": tables.states})
    cache_tables(whole, tables, names)
    return whole, SnapshotText(rest, texts)


def _know_orders(
    text: bytes,
    spans: Sequence[tuple[int, int]],
    same: Sequence[int],
    before: Sequence[OrderRow],
    names: FactoryNames,
) -> list[OrderRow] | None:
    """Orders by where they stand in the text, now and, of those in ``before``, then; None if one
    does not fit the factory."""
    moved = {order.text: order for order in before}
    known = [
        before[place - 1] if place != NOT_FOUND else moved.get(text[start:end])
        for place, (start, end) in zip(same, spans, strict=True)
    ]
    new = [
        text[start:end] for order, (start, end) in zip(known, spans, strict=True) if order is None
    ]
    rows = pack_rows([OrderState.model_validate_json(one) for one in new], names, new)
    if rows is None:
        return None
    added = iter(rows)
    return [order or next(added) for order in known]


def parse_snapshot(data: object, factory: Factory) -> Snapshot:
    """The same from what JSON stands for."""
    return _check(lambda: Snapshot.model_validate(data), factory)


def check_snapshot(snapshot: Snapshot, factory: Factory) -> Snapshot:
    """The same of one that has been parsed; returns it."""
    tables = packed(snapshot, names_of(factory))
    calendar = check_calendar_dates(snapshot, tables, factory)
    problems = [*calendar, *_find_problems(snapshot, factory)]
    if problems:
        raise SnapshotError("\n".join(map(str, problems[:MAX_PROBLEMS])))
    return snapshot


def _check(parse: Callable[[], Snapshot], factory: Factory) -> Snapshot:
    try:
        snapshot = parse()
    except ValidationError as error:
        raise SnapshotError(format_errors(error, "snapshot")) from None
    return check_snapshot(snapshot, factory)


def format_errors(error: ValidationError, whole: str) -> str:
    """One line for each problem of what was parsed; ``whole`` is what all of it is called."""
    return "\n".join(
        _format_error(item, whole) for item in error.errors(include_url=False)[:MAX_PROBLEMS]
    )


def _format_error(item: Any, whole: str) -> str:
    if item["type"] == "json_invalid":
        return f"{whole}: is not JSON ({item['ctx']['error']}). Correct it."
    rule = item["msg"][0].lower() + item["msg"][1:]
    return str(
        Problem(
            ".".join(str(step) for step in item["loc"]) or whole,
            _shown(item["input"]),
            rule,
            "Correct it",
        )
    )


def _shown(value: Any) -> Any:
    """What fits into a line."""
    if isinstance(value, str):
        return value[:200]
    return Words(f"{len(value)} items") if isinstance(value, (dict, list, tuple)) else value


# --- does it fit the factory, and itself ----------------------------------------------------------


def _find_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    if snapshot.factory != factory.name:
        yield Problem(
            "factory",
            snapshot.factory,
            f"the policy works for {factory.name}",
            "Send the snapshot of that factory",
        )
        return
    if list(snapshot.recent_releases) != sorted(snapshot.recent_releases):
        yield Problem("recent_releases", snapshot.recent_releases, "they must rise", "Sort them")
    if any(date > snapshot.clock for date in snapshot.recent_releases):
        yield Problem(
            "recent_releases",
            snapshot.recent_releases,
            f"none can lie after the clock at {snapshot.clock}",
            "Leave out orders that are still to come",
        )
    names = names_of(factory)
    tables = packed(snapshot, names)
    ids = [order.order_id for order in snapshot.orders] if tables is None else tables.ids
    orders = dict(zip(ids, snapshot.orders, strict=True))
    if len(orders) < len(snapshot.orders):
        twice = next(one for one in ids if ids.count(one) > 1)
        yield Problem("orders", twice, "order_id must be unique", "Give each order one of its own")
        return
    products, in_process = names.kinds, count_operations_in_process(snapshot, names)
    if in_process == DISAGREEMENT:
        yield from find_order_problems(snapshot, factory)
    centres = names.centres
    for name in centres:
        if name not in snapshot.machines:
            yield Problem(
                "machines",
                Words(f"{len(snapshot.machines)} machines"),
                f"{name} is missing",
                "Tell the state of every machine",
            )
    in_work: dict[tuple[str, str], str] = {}
    for name, state in snapshot.machines.items():
        if name not in centres:
            yield Problem(
                f"machines.{name}",
                Words("a machine"),
                f"{factory.name} has none of that name",
                suggest(name, centres),
            )
        else:
            repairable = name in names.with_repair_time
            if not _is_sound(state, names.setups[name], snapshot.clock, repairable):
                yield from _check_machine(f"machines.{name}", state, centres[name], snapshot)
                yield from _check_expected_end(f"machines.{name}", state, snapshot, repairable)
            yield from _check_work(
                f"machines.{name}", name, state, centres[name], orders, products, in_work
            )
    if in_process != len(in_work):
        yield from _check_in_process(snapshot, in_work)
    yield from _check_crews(snapshot, factory)
    if snapshot.locks:
        yield from check_locks(snapshot, orders, products, centres)


def _check_crews(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    changing = sum(state.status == "changing" for state in snapshot.machines.values())
    found = Words(f"{changing} are changing over")
    if snapshot.crews is not None and changing > snapshot.crews:
        rule = f"crews says that {snapshot.crews} are here"
        yield Problem("machines", found, rule, "Correct one of them")
    elif snapshot.crews is None and factory.crews is not None and changing > factory.crews:
        rule = f"{factory.name} has crews for {factory.crews}"
        remedy = "Correct the statuses, or tell in crews how many are here"
        yield Problem("machines", found, rule, remedy)


def count_operations_in_process(snapshot: Snapshot, names: FactoryNames) -> int:
    """Operations in process; DISAGREEMENT if something is wrong with an order, for which
    :func:`find_order_problems` has the words."""
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


def find_order_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """What is wrong with each order by itself."""
    products = names_of(factory).kinds
    for place, order in enumerate(snapshot.orders):
        yield from _check_order(f"orders.{place}", order, snapshot, factory, products)


def _check_in_process(snapshot: Snapshot, in_work: dict[tuple[str, str], str]) -> Iterator[Problem]:
    for place, order in enumerate(snapshot.orders):
        for name, operation in order.operations.items():
            if operation.status == "in_process" and (order.order_id, name) not in in_work:
                yield Problem(
                    f"orders.{place}.operations.{name}.status",
                    "in_process",
                    "no machine has it in work",
                    "Name it at its machine",
                )


def _check_order(
    place: str,
    order: OrderState,
    snapshot: Snapshot,
    factory: Factory,
    products: dict[str, ProductSchema],
) -> Iterator[Problem]:
    kind = products.get(order.product)
    if kind is None:
        yield Problem(
            f"{place}.product",
            order.product,
            f"{factory.name} makes none of that name",
            suggest(order.product, products),
        )
        return
    if order.release_date > snapshot.clock:
        yield Problem(
            f"{place}.release_date",
            order.release_date,
            f"it must not lie after the clock at {snapshot.clock}",
            "Leave out orders that are still to come",
        )
    if order.material_here and (order.material_date or 0) > snapshot.clock:
        rule, remedy = "the material is here already", "Leave it out, or set material_here to false"
        yield Problem(f"{place}.material_date", order.material_date, rule, remedy)
    if order.options.keys() != kind.option_values.keys() or not all(
        value in kind.option_values[option] for option, value in order.options.items()
    ):
        yield from _check_options(place, order, kind.option_values)
    yield from _check_operations(place, order, snapshot, kind)


def _check_options(place: str, order: OrderState, values: dict[str, set[str]]) -> Iterator[Problem]:
    for option, value in order.options.items():
        if option not in values:
            yield Problem(
                f"{place}.options.{option}",
                value,
                f"{order.product} has no such option",
                suggest(option, values),
            )
        elif value not in values[option]:
            yield Problem(
                f"{place}.options.{option}",
                value,
                "the option has no such value",
                suggest(value, sorted(values[option])),
            )
    for option in values:
        if option not in order.options:
            yield Problem(
                f"{place}.options",
                Words(f"{len(order.options)} options"),
                f"{option} is missing",
                "Say what the customer has chosen",
            )


def _check_operations(
    place: str, order: OrderState, snapshot: Snapshot, kind: ProductSchema
) -> Iterator[Problem]:
    for name in order.operations:
        if name not in kind.operations:
            yield Problem(
                f"{place}.operations.{name}",
                Words("an operation"),
                f"{order.product} has none of that name",
                suggest(name, kind.operations),
            )
    for name in kind.operations:
        if name not in order.operations:
            yield Problem(
                f"{place}.operations",
                Words(f"{len(order.operations)} operations"),
                f"{name} is missing",
                "Tell the state of every operation",
            )
    done = {name for name, state in order.operations.items() if state.status == "done"}
    for name, state in order.operations.items():
        if name in kind.operations:
            missing = [other for other in kind.before[name] if other not in done]
            yield from _check_operation(
                f"{place}.operations.{name}", state, kind.operations[name], order, snapshot, missing
            )


def _check_operation(
    place: str,
    state: OperationState,
    operation: Operation,
    order: OrderState,
    snapshot: Snapshot,
    missing: list[str],
) -> Iterator[Problem]:
    """``missing`` are the predecessors that are not done."""
    if state.status != "upcoming" and missing:
        yield Problem(
            f"{place}.status",
            state.status,
            f"{missing[0]} before it is not done",
            "Correct one of them",
        )
    if (
        state.status in ("ready", "in_process")
        and operation.needs_material
        and not order.material_here
    ):
        yield Problem(
            f"{place}.status",
            state.status,
            "its material is not here",
            "Set material_here, or its status to upcoming",
        )
    if state.status == "ready":
        if state.ready_date is None:
            yield Problem(
                f"{place}.ready_date",
                Words("nothing"),
                "a ready operation has one",
                "Tell when it joined the queue",
            )
        elif not order.release_date <= state.ready_date <= snapshot.clock:
            rule = (
                f"it must lie between the order's release at {order.release_date} and the clock at"
                f" {snapshot.clock}"
            )
            yield Problem(f"{place}.ready_date", state.ready_date, rule, "Correct it")
    if (state.expected_date is None) != (state.lead_time is None):
        yield Problem(
            place,
            Words("one of expected_date and lead_time"),
            "they go together",
            "Give both or neither",
        )


def _is_sound(state: MachineState, setups: Setups, clock: int, repairable: bool) -> bool:
    """Return whether :func:`_check_machine` and :func:`_check_expected_end` would find nothing."""
    mounted, end = state.setup, state.expected_end
    return (
        len(mounted) == setups.attributes
        and mounted.items() <= setups.values
        and state.since <= clock
        and ((end is None) == (state.status == "idle") or (state.status == "down" and repairable))
        and (end is None or state.out_of_service_until is None or end >= state.out_of_service_until)
        and (state.waiting_until is None or state.status == "idle")
    )


def _check_machine(
    place: str, state: MachineState, centre: WorkCentre, snapshot: Snapshot
) -> Iterator[Problem]:
    attributes = {attribute.name: attribute.values for attribute in centre.attributes}
    for attribute in attributes:
        if attribute not in state.setup:
            found = Words(f"{len(state.setup)} attributes")
            yield Problem(f"{place}.setup", found, f"{attribute} is missing", _TELL_SETUP)
    for attribute, value in state.setup.items():
        if attribute not in attributes:
            yield Problem(
                f"{place}.setup.{attribute}",
                value,
                f"{centre.name} has no such attribute",
                suggest(attribute, attributes),
            )
        elif value not in attributes[attribute]:
            yield Problem(
                f"{place}.setup.{attribute}",
                value,
                "there is no such value",
                suggest(value, attributes[attribute]),
            )
    if state.since > snapshot.clock:
        yield Problem(
            f"{place}.since",
            state.since,
            f"it must not lie after the clock at {snapshot.clock}",
            "Correct it",
        )
    if state.waiting_until is not None and state.status != "idle":
        yield Problem(
            f"{place}.waiting_until",
            state.waiting_until,
            f"the machine is {state.status}",
            "Only an idle machine waits",
        )


def _check_expected_end(
    place: str,
    state: MachineState,
    snapshot: Snapshot,
    repairable: bool,
) -> Iterator[Problem]:
    place, end = f"{place}.expected_end", state.expected_end
    tell = "Tell when it is expected to be idle again"
    if end is None and state.status == "down" and not repairable:
        rule = f"the machine is down and {snapshot.factory} gives it no mean_time_to_repair"
        yield Problem(place, Words("nothing"), rule, tell)
    elif end is None and state.status in ("changing", "processing"):
        yield Problem(place, Words("nothing"), f"the machine is {state.status}", tell)
    elif end is not None and state.status == "idle":
        remedy = "Leave it out; if the machine is broken, its status is down"
        yield Problem(place, end, "the machine is idle", remedy)
    elif end is not None and end < (state.out_of_service_until or 0):
        rule = f"the machine is out of service until {state.out_of_service_until}"
        yield Problem(place, end, rule, "Count with that")


def _check_work(
    place: str,
    name: str,
    state: MachineState,
    centre: WorkCentre,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    in_work: dict[tuple[str, str], str],
) -> Iterator[Problem]:
    """The operation that the machine has in work is one that it can do, and nobody else has it."""
    if (state.order is None) != (state.operation is None):
        yield Problem(
            place, Words("one of order and operation"), "they go together", "Give both or neither"
        )
        return
    if state.order is None or state.operation is None:
        return
    if state.status == "idle":
        remedy = "Leave it out, or correct the status; a paused operation is processing"
        yield Problem(f"{place}.order", state.order, "the machine is idle", remedy)
        return
    order = orders.get(state.order)
    if order is None:
        remedy = f"{suggest(state.order, orders)}; work for none of them has no order, no operation"
        yield Problem(f"{place}.order", state.order, "there is no such order here", remedy)
        return
    operation = order.operations.get(state.operation)
    if operation is None or operation.status != "in_process":
        found = "none" if operation is None else operation.status
        yield Problem(
            f"{place}.operation",
            state.operation,
            f"its status at the order is {found}, not in_process",
            "Correct one of them",
        )
        return
    plan = (
        products[order.product].operations.get(state.operation)
        if order.product in products
        else None
    )
    if plan is not None and plan.work_centre != centre.name:
        rule, remedy = f"this machine cannot do it; {plan.work_centre} does", "Correct one of them"
        yield Problem(f"{place}.operation", state.operation, rule, remedy)
    elif plan is not None and state.status == "changing" and not can_do(name, plan, centre):
        rule = f"{name} cannot do it by the factory, so that its changeover has no known end"
        remedy = "Correct the machine or the operation, or send the status processing"
        yield Problem(f"{place}.operation", state.operation, rule, remedy)
    other = in_work.setdefault((state.order, state.operation), name)
    if other != name:
        yield Problem(
            f"{place}.operation",
            state.operation,
            f"{other} has it in work too",
            "Correct one of them",
        )
