"""What a factory must satisfy beyond the types of its fields: one small function a rule, each yielding the problems it finds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from factory.model import Attribute, DemandRegime, Factory, Operation, OrderBook, Product, WorkCentre, operation_order
from factory.problems import Problem, refuse, suggest

MAX_TICKS = 10_000_000
"""Longest single duration, so that sums of many fit 64 bits and single ones 32."""
MAX_DATE = 2**40
"""Latest date of an order book."""
MAX_OPERATIONS = 63
MAX_REWORK = 0.5
BOOK_COLUMNS = ("order_id", "release_date", "due_date", "weight", "product")


def check_factory(factory: Factory, where: str | None = None) -> None:
    """Raise :class:`factory.problems.FactoryError` with every problem of ``factory``; ``where`` defaults to its name."""
    where = where or f"factory {factory.name}"
    refuse(check_numbers(factory, ""), where)
    refuse((problem for check in _NAME_CHECKS for problem in check(factory)), where)
    refuse((problem for check in _CHECKS for problem in check(factory)), where)


def _named(item: Any, index: int) -> str:
    return getattr(item, "name", None) or getattr(item, "order_id", None) or f"[{index}]"


_SINGULAR = {
    "work_centres": "work_centre",
    "machines": "machine",
    "attributes": "attribute",
    "products": "product",
    "operations": "operation",
    "options": "option",
    "values": "value",
    "regimes": "regime",
    "customers": "customer",
    "effects": "effect",
    "orders": "order",
}


def check_numbers(model: BaseModel, place: str) -> Iterator[Problem]:
    """Every number is finite, not negative and not so large that ticks would overflow."""
    for name in type(model).model_fields:
        yield from _check_value(getattr(model, name), f"{place}.{name}".strip("."), name)


def _check_value(value: Any, place: str, name: str) -> Iterator[Problem]:
    if isinstance(value, BaseModel):
        yield from check_numbers(value, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _check_value(item, f"{place}.{key}", name)
    elif isinstance(value, tuple):
        if value and isinstance(value[0], tuple) and not isinstance(value[0][0] if value[0] else "", str):
            yield from _check_matrix_numbers(value, place)
            return
        for index, item in enumerate(value):
            if isinstance(item, BaseModel):
                base = place.rsplit(".", 1)
                singular = ".".join([*base[:-1], _SINGULAR.get(name, name)])
                yield from _check_value(item, f"{singular}.{_named(item, index)}", name)
            else:
                yield from _check_value(item, f"{place}[{index}]", name)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        yield from _check_number(value, place)


def _check_matrix_numbers(matrix: tuple[tuple[float, ...], ...], place: str) -> Iterator[Problem]:
    for row, entries in enumerate(matrix):
        for column, entry in enumerate(entries):
            yield from _check_number(entry, f"{place}[{row}][{column}]")


def _check_number(value: float, place: str) -> Iterator[Problem]:
    if not math.isfinite(value):
        yield Problem(place, value, "must be a finite number", "Write the number")
    elif value < 0:
        yield Problem(place, value, "must not be negative", "Write 0 or more")
    elif value > (MAX_DATE if place.endswith("_date") else MAX_TICKS):
        yield Problem(place, value, f"must be at most {MAX_DATE if place.endswith('_date') else MAX_TICKS}", "Use a coarser tick (tick_minutes) or a smaller number")


# --- names ------------------------------------------------------------------------------------------------------------------


def _duplicates(names: Sequence[str], place: str, what: str) -> Iterator[Problem]:
    for name, count in Counter(names).items():
        if not name:
            yield Problem(place, name, f"{what} must have a name", "Give it one")
        if count > 1:
            yield Problem(place, name, f"the names of {what} must differ, and {count} are called so", "Rename all but one")


def check_unique_names(factory: Factory) -> Iterator[Problem]:
    """Names identify things."""
    yield from _duplicates([c.name for c in factory.work_centres], "work_centre.name", "work centres")
    yield from _duplicates([m.name for c in factory.work_centres for m in c.machines], "machine.name", "machines")
    yield from _duplicates([p.name for p in factory.products], "product.name", "products")
    yield from _duplicates([o.name for o in factory.options], "option.name", "options")
    yield from _duplicates([s.name for s in factory.material], "material.name", "supply regimes")
    for centre in factory.work_centres:
        yield from _duplicates([a.name for a in centre.attributes], f"work_centre.{centre.name}.attribute.name", "attributes")
        for attribute in centre.attributes:
            yield from _duplicates(attribute.values, f"work_centre.{centre.name}.{attribute.name}.values", "values")
    for product in factory.products:
        yield from _duplicates([o.name for o in product.operations], f"product.{product.name}.operation.name", "operations")
    for option in factory.options:
        yield from _duplicates([v.name for v in option.values], f"option.{option.name}.value.name", "values")
        if option.name in BOOK_COLUMNS:
            yield Problem("option.name", option.name, "is a column of every order book", "Choose another name")
    if factory.demand:
        yield from _duplicates([r.name for r in factory.demand.regimes], "demand.regime.name", "demand regimes")
        yield from _duplicates([c.name for c in factory.demand.customers], "demand.customer.name", "customer classes")


def check_not_empty(factory: Factory) -> Iterator[Problem]:
    """There is something to make, and something to make it with."""
    groups: list[tuple[str, Sequence[Any]]] = [("work_centres", factory.work_centres), ("products", factory.products)]
    groups += [(f"work_centre.{centre.name}.machines", centre.machines) for centre in factory.work_centres]
    groups += [(f"work_centre.{c.name}.{a.name}.values", a.values) for c in factory.work_centres for a in c.attributes]
    groups += [(f"product.{product.name}.operations", product.operations) for product in factory.products]
    groups += [(f"option.{option.name}.values", option.values) for option in factory.options]
    if factory.demand:
        groups += [("demand.regimes", factory.demand.regimes), ("demand.customers", factory.demand.customers)]
    for place, things in groups:
        if not things:
            yield Problem(place, "[]", "must not be empty", "Add at least one")


def _unknown(names: Iterable[str], known: Iterable[str], place: str, what: str) -> Iterator[Problem]:
    known = list(known)
    for name in names:
        if name not in known:
            yield Problem(place, name, f"there is no such {what}", suggest(name, known))


def check_references(factory: Factory) -> Iterator[Problem]:
    """Every name that is used is defined."""
    centres = {centre.name: centre for centre in factory.work_centres}
    products = [product.name for product in factory.products]
    for product in factory.products:
        for operation in product.operations:
            place = f"product.{product.name}.{operation.name}"
            yield from _unknown([operation.work_centre], centres, f"{place}.work_centre", "work centre")
            yield from _unknown(operation.after or (), [o.name for o in product.operations if o is not operation], f"{place}.after", "other operation of the product")
            if operation.work_centre in centres:
                yield from _check_operation(operation, centres[operation.work_centre], place)
    for option in factory.options:
        yield from _unknown(option.products or (), products, f"option.{option.name}.products", "product")
        yield from _check_effects(factory, option.name, centres)
    for origin, destination, _ in factory.transport.times:
        yield from _unknown([origin, destination], centres, "transport.times", "work centre")
    for centre in factory.work_centres:
        for machine in centre.machines:
            place = f"machine.{machine.name}"
            yield from _check_setup(machine.initial_setup, centre, f"{place}.initial_setup")
            yield from _unknown(machine.setup_time, [a.name for a in centre.attributes], f"{place}.setup_time", "attribute of its work centre")
    for regime in factory.demand.regimes if factory.demand else ():
        yield from _check_regime_names(factory, regime, products)


def _check_operation(operation: Operation, centre: WorkCentre, place: str) -> Iterator[Problem]:
    yield from _check_setup(operation.setup, centre, f"{place}.setup")
    if (operation.process_time is None) == (operation.machine_times is None):
        given = "neither" if operation.process_time is None else "both"
        yield Problem(f"{place}.process_time", given, "give either process_time or machine_times", "Write exactly one of them")
    if operation.machine_times is not None:
        yield from _unknown(operation.machine_times, [m.name for m in centre.machines], f"{place}.machine_times", f"machine of work centre {centre.name}")
        if not operation.machine_times:
            yield Problem(f"{place}.machine_times", "{}", "no machine is eligible", "Name at least one machine, or use process_time")


def _check_setup(setup: dict[str, str], centre: WorkCentre, place: str) -> Iterator[Problem]:
    attributes = {attribute.name: attribute for attribute in centre.attributes}
    for name, value in setup.items():
        if name not in attributes:
            yield Problem(place, name, f"work centre {centre.name} has no such attribute", suggest(name, attributes))
        elif value not in attributes[name].values:
            yield Problem(f"{place}.{name}", value, "is not a value of the attribute", suggest(value, attributes[name].values))


def _check_effects(factory: Factory, option_name: str, centres: dict[str, WorkCentre]) -> Iterator[Problem]:
    option = next(option for option in factory.options if option.name == option_name)
    reached = [p for p in factory.products if option.products is None or p.name in option.products]
    operations: dict[str, list[Operation]] = {}
    for product in reached:
        for operation in product.operations:
            operations.setdefault(operation.name, []).append(operation)
    for value in option.values:
        for effect in value.effects:
            place = f"option.{option.name}.{value.name}.effect"
            yield from _unknown([effect.operation], operations, f"{place}.operation", "operation of a product with this option")
            for name in {operation.work_centre for operation in operations.get(effect.operation, ())}:
                if name in centres:
                    yield from _check_setup(effect.setup, centres[name], f"{place}.setup")


def _check_regime_names(factory: Factory, regime: DemandRegime, products: list[str]) -> Iterator[Problem]:
    assert factory.demand is not None  # called for its regimes
    place = f"demand.regime.{regime.name}"
    options = {option.name: option for option in factory.options}
    yield from _unknown(regime.mix, products, f"{place}.mix", "product")
    yield from _unknown(regime.mix_end or (), products, f"{place}.mix_end", "product")
    yield from _unknown(regime.options, options, f"{place}.options", "option")
    yield from _unknown(regime.customers, [c.name for c in factory.demand.customers], f"{place}.customers", "customer class")
    for name, shares in regime.options.items():
        if name in options:
            yield from _unknown(shares, [v.name for v in options[name].values], f"{place}.options.{name}", "value of the option")


# --- setups -----------------------------------------------------------------------------------------------------------------


def check_matrices(factory: Factory) -> Iterator[Problem]:
    """Changeover matrices are square over the values, and staying takes and costs nothing."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            place = f"work_centre.{centre.name}.{attribute.name}"
            matrices: list[tuple[str, Any]] = [(f"{place}.time", attribute.time), (f"{place}.cost", attribute.cost), (f"{place}.waste", attribute.waste)]
            for machine in centre.machines:
                if attribute.name in machine.setup_time:
                    matrices.append((f"machine.{machine.name}.setup_time.{attribute.name}", machine.setup_time[attribute.name]))
            for name, matrix in matrices:
                if matrix is not None:
                    yield from _check_matrix(matrix, len(attribute.values), name)
            yield from _check_forbidden(attribute, place)


def _check_matrix(matrix: tuple[tuple[float, ...], ...], size: int, place: str) -> Iterator[Problem]:
    if len(matrix) != size:
        yield Problem(place, f"{len(matrix)} rows", f"must be a square matrix [from][to] over the {size} values", f"Give {size} rows of {size} numbers")
    for index, row in enumerate(matrix):
        if len(row) != size:
            yield Problem(f"{place}[{index}]", f"{len(row)} numbers", f"must be a square matrix [from][to] over the {size} values", f"Give {size} numbers")
        elif index < size and row[index] != 0:
            kind = "take" if "time" in place else "cost"
            yield Problem(f"{place}[{index}][{index}]", row[index], f"staying in a setup must {kind} 0", "Set it to 0")


def _check_forbidden(attribute: Attribute, place: str) -> Iterator[Problem]:
    for origin, destination in attribute.forbidden:
        yield from _unknown([origin, destination], attribute.values, f"{place}.forbidden", "value of the attribute")
        if origin == destination:
            yield Problem(f"{place}.forbidden", origin, "staying in a setup cannot be forbidden", "Remove the pair")


def check_reachable(factory: Factory) -> Iterator[Problem]:
    """From every value that can be mounted there is an allowed way to every value that can be wanted."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            if attribute.forbidden:
                yield from _check_reach(factory, centre, attribute)


def _check_reach(factory: Factory, centre: WorkCentre, attribute: Attribute) -> Iterator[Problem]:
    values = attribute.values
    allowed = np.ones((len(values), len(values)), bool)
    for origin, destination in attribute.forbidden:
        allowed[values.index(origin), values.index(destination)] = False
    for middle in range(len(values)):
        allowed |= allowed[:, middle : middle + 1] & allowed[middle : middle + 1, :]
    wanted = _wanted_values(factory, centre, attribute)
    mounted = set(wanted) | {machine.initial_setup.get(attribute.name, values[0]) for machine in centre.machines}
    for destination, operation in wanted.items():
        for origin in sorted(mounted):
            if not allowed[values.index(origin), values.index(destination)]:
                rule = f"no allowed changeover leads from {origin!r} to {destination!r}, so that operation {operation} may become unreachable"
                yield Problem(f"work_centre.{centre.name}.{attribute.name}.forbidden", f"{origin} -> {destination}", rule, "Allow that pair, or a way round it")


def _wanted_values(factory: Factory, centre: WorkCentre, attribute: Attribute) -> dict[str, str]:
    """Each value that some operation can want -> one such operation."""
    wanted = {}
    names = set()
    for product in factory.products:
        for operation in product.operations:
            if operation.work_centre == centre.name:
                names.add(operation.name)
                if attribute.name in operation.setup:
                    wanted.setdefault(operation.setup[attribute.name], f"{operation.name} of {product.name}")
    for option in factory.options:
        for value in option.values:
            for effect in value.effects:
                if effect.operation in names and attribute.name in effect.setup:
                    wanted.setdefault(effect.setup[attribute.name], f"{effect.operation} with {option.name} {value.name}")
    return wanted


# --- numbers ----------------------------------------------------------------------------------------------------------------


def _outside(place: str, value: float | None, low: float, high: float, remedy: str = "Correct it") -> Iterator[Problem]:
    if value is not None and not low <= value <= high:
        yield Problem(place, value, f"must be from {low} to {high}", remedy)


def check_plant(factory: Factory) -> Iterator[Problem]:
    """Clock, crews, machines, transport, tariff."""
    yield from _outside("tick_minutes", factory.tick_minutes, 1e-9, 60, "Write the minutes of one tick")
    yield from _outside("start_hour", factory.start_hour, 0, 23, "Write the hour of the day at tick 0")
    yield from _outside("crews", factory.crews, 1, MAX_TICKS, "Write at least 1, or leave it out for one a machine")
    yield from _outside("costs.scale", factory.costs.scale, 1e-9, MAX_TICKS, "Write a positive number, or leave it out to have it measured")
    for centre in factory.work_centres:
        yield from _outside(f"work_centre.{centre.name}.longest_wait", centre.longest_wait, 1, MAX_TICKS, "Write at least 1 tick, or leave it out")
        for machine in centre.machines:
            place = f"machine.{machine.name}"
            yield from _outside(f"{place}.speed", machine.speed, 0.001, 1000, "Write a factor such as 1.0")
            yield from _outside(f"{place}.mean_time_to_failure", machine.mean_time_to_failure, 1, MAX_TICKS, "Leave it out for a machine that never fails")
            yield from _outside(f"{place}.mean_time_to_repair", machine.mean_time_to_repair, 1, MAX_TICKS, "Write at least 1 tick")
            if (machine.mean_time_to_failure is None) != (machine.mean_time_to_repair is None):
                missing = "mean_time_to_repair" if machine.mean_time_to_repair is None else "mean_time_to_failure"
                yield Problem(f"{place}.{missing}", None, "failures need both mean_time_to_failure and mean_time_to_repair", "Give both or neither")
    for origin, destination, _ in factory.transport.times:
        if origin == destination:
            yield Problem("transport.times", origin, "transport within a work centre takes no time", "Remove the entry")
    for name in ("price", "co2"):
        rates = getattr(factory.tariff, name)
        if len(rates) != 24:
            yield Problem(f"tariff.{name}", f"{len(rates)} numbers", "must have one for each hour of the day", "Give 24")


def check_uncertainty(factory: Factory) -> Iterator[Problem]:
    """Probabilities and coefficients of variation."""
    things: list[tuple[str, Any]] = [("uncertainty", factory.uncertainty)]
    things += [(f"product.{p.name}.{o.name}", o) for p in factory.products for o in p.operations]
    for place, thing in things:
        yield from _outside(f"{place}.cv", thing.cv, 0, 3)
        for name in ("rework_probability", "first_piece_rework_probability"):
            yield from _outside(f"{place}.{name}", getattr(thing, name), 0, MAX_REWORK)
    for supply in factory.material:
        yield from _outside(f"material.{supply.name}.late_probability", supply.late_probability, 0, 1)
        yield from _outside(f"material.{supply.name}.mean_lateness", supply.mean_lateness, 1, MAX_TICKS)
    yield from _check_durations(factory.material, "material")


def _check_durations(regimes: Sequence[Any], place: str) -> Iterator[Problem]:
    for regime in regimes:
        if len(regimes) > 1 and not regime.duration:
            yield Problem(f"{place}.{regime.name}.duration", regime.duration, "regimes that take turns need a mean duration", "Write it, in ticks")


def check_routes(factory: Factory) -> Iterator[Problem]:
    """Routes end."""
    for product in factory.products:
        if len(product.operations) > MAX_OPERATIONS:
            rule = f"a product has at most {MAX_OPERATIONS} operations"
            yield Problem(f"product.{product.name}.operations", len(product.operations), rule, "Merge operations, or split the product")
        elif not _is_acyclic(product):
            names = " ".join(operation.name for operation in product.operations)
            yield Problem(f"product.{product.name}.operations", names, "the predecessors in `after` form a cycle", "Remove one of them")


def _is_acyclic(product: Product) -> bool:
    try:
        operation_order(product)
    except ValueError:
        return False
    return True


def check_demand(factory: Factory) -> Iterator[Problem]:
    """Orders arrive, and each can be drawn."""
    demand = factory.demand
    if demand is None:
        return
    yield from _outside("demand.num_orders", demand.num_orders, 1, 100_000, "Write the orders of an episode")
    yield from _outside("demand.initial_orders", demand.initial_orders, 0, demand.num_orders)
    low, high = demand.batch
    if not 1 <= low <= high <= 1000:
        yield Problem("demand.batch", demand.batch, "must be two whole numbers with 1 <= low <= high <= 1000", "Write [1, 1] for single orders")
    for customer in demand.customers:
        least, most = customer.allowance
        if least > most or most > 1000:
            yield Problem(f"demand.customer.{customer.name}.allowance", customer.allowance, "must be two numbers, low <= high <= 1000", "Swap or correct them")
    yield from _check_durations(demand.regimes, "demand.regime")
    for regime in demand.regimes:
        yield from _check_regime(factory, regime)


def _check_regime(factory: Factory, regime: DemandRegime) -> Iterator[Problem]:
    assert factory.demand is not None  # called for its regimes
    place = f"demand.regime.{regime.name}"
    yield from _outside(f"{place}.interarrival_time", regime.interarrival_time, 1e-3, MAX_TICKS, "Write the mean ticks between arrivals")
    from_start = [product.name for product in factory.products if product.launch_date == 0]
    for name, mix in (("mix", regime.mix), ("mix_end", regime.mix if regime.mix_end is None else regime.mix_end)):
        if sum(mix.get(product, 0.0) for product in from_start) <= 0:
            yield Problem(f"{place}.{name}", mix, "a product that is on sale from the start must have a positive share", "Give one a share above 0")
    for option in factory.options:
        own = regime.options.get(option.name)
        if sum(value.share if own is None else own.get(value.name, 0.0) for value in option.values) <= 0:
            yield Problem(f"{place}.options.{option.name}", 0, "the shares of an option must have a positive sum", "Give a value a share above 0")
    if sum(regime.customers.get(customer.name, customer.share) for customer in factory.demand.customers) <= 0:
        yield Problem(f"{place}.customers", 0, "the shares of customer classes must have a positive sum", "Give a class a share above 0")


_NAME_CHECKS: tuple[Callable[[Factory], Iterator[Problem]], ...] = (check_not_empty, check_unique_names, check_references)
_CHECKS: tuple[Callable[[Factory], Iterator[Problem]], ...] = (check_matrices, check_reachable, check_plant, check_uncertainty, check_routes, check_demand)


# --- order books ------------------------------------------------------------------------------------------------------------


def check_order_book(book: OrderBook, factory: Factory, where: str = "order book") -> None:
    """Raise :class:`factory.problems.FactoryError` with every problem of an order book for ``factory``."""
    if not book.orders:
        refuse([Problem("orders", "[]", "there must be at least one order", "Add an order")], where)
    refuse(_check_orders(book, factory), where)


def _check_orders(book: OrderBook, factory: Factory) -> Iterator[Problem]:
    yield from _duplicates([order.order_id for order in book.orders], "order_id", "orders")
    products = {product.name for product in factory.products}
    before = 0
    for order in book.orders:
        place = f"order {order.order_id}"
        yield from _check_number(order.release_date, f"{place}.release_date")
        yield from _check_number(order.weight, f"{place}.weight")
        if not 0 <= order.due_date + MAX_DATE <= 2 * MAX_DATE:
            yield Problem(f"{place}.due_date", order.due_date, f"must be at most {MAX_DATE} ticks from the start", "Correct it")
        if order.release_date < before:
            yield Problem(f"{place}.release_date", order.release_date, "orders must stand in order of release", "Sort them by release_date")
        before = max(before, order.release_date)
        if order.product not in products:
            yield Problem(f"{place}.product", order.product, "there is no such product", suggest(order.product, sorted(products)))
        else:
            yield from _check_options(order.options, order.product, factory, place)


def _check_options(options: dict[str, str], product: str, factory: Factory, place: str) -> Iterator[Problem]:
    yield from _unknown(options, [option.name for option in factory.options], f"{place}.options", "option")
    for option in factory.options:
        applies = option.products is None or product in option.products
        if applies and option.name not in options:
            yield Problem(f"{place}.{option.name}", "", f"product {product} has this option", suggest("", [value.name for value in option.values]))
        elif not applies and option.name in options:
            yield Problem(f"{place}.{option.name}", options[option.name], f"product {product} does not have this option", "Leave it empty")
        elif applies:
            yield from _unknown([options[option.name]], [value.name for value in option.values], f"{place}.{option.name}", "value of the option")
