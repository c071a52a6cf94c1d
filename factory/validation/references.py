"""Names in a factory: lists are not empty, names are unique, and used names are defined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from factory.model import DemandRegime, Factory, Operation, Option
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.names import MAX_NAME, code_point, first_unprintable

BOOK_COLUMNS = ("order_id", "release_date", "due_date", "weight", "product")
"""Columns of every order book; columns of options follow."""


def check_not_empty(factory: Factory) -> Iterator[Problem]:
    """Check that no list is empty that needs an item."""
    for place, items in _required_lists(factory):
        if not items:
            yield Problem(place, [], "must not be empty", "Add at least one")


def _required_lists(factory: Factory) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield place and items of the lists that must not be empty."""
    yield "work_centres", factory.work_centres
    yield "products", factory.products
    for centre in factory.work_centres:
        yield f"work_centre.{centre.name}.machines", centre.machines
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            yield f"work_centre.{centre.name}.{attribute.name}.values", attribute.values
    for product in factory.products:
        yield f"product.{product.name}.operations", product.operations
    for option in factory.options:
        yield f"option.{option.name}.values", option.values
    if factory.demand is not None:
        yield "demand.regimes", factory.demand.regimes
        yield "demand.customers", factory.demand.customers


def check_names(factory: Factory) -> Iterator[Problem]:
    """Check that names are unique and printable."""
    yield from identify([factory.name], "name", "factories")
    yield from identify([c.name for c in factory.work_centres], "work_centre.name", "work centres")
    yield from identify(
        [m.name for c in factory.work_centres for m in c.machines], "machine.name", "machines"
    )
    yield from identify([p.name for p in factory.products], "product.name", "products")
    yield from identify([o.name for o in factory.options], "option.name", "options")
    yield from identify([s.name for s in factory.material], "material.name", "supply regimes")
    for centre in factory.work_centres:
        yield from identify(
            [a.name for a in centre.attributes],
            f"work_centre.{centre.name}.attribute.name",
            "attributes",
        )
        for attribute in centre.attributes:
            yield from identify(
                attribute.values, f"work_centre.{centre.name}.{attribute.name}.values", "values"
            )
    for product in factory.products:
        yield from identify(
            [o.name for o in product.operations],
            f"product.{product.name}.operation.name",
            "operations",
        )
    for option in factory.options:
        yield from identify(
            [v.name for v in option.values], f"option.{option.name}.value.name", "values"
        )
        if option.name in BOOK_COLUMNS:
            yield Problem(
                "option.name", option.name, "is a column of every order book", "Choose another name"
            )
    if factory.demand:
        yield from identify(
            [r.name for r in factory.demand.regimes], "demand.regime.name", "demand regimes"
        )
        yield from identify(
            [c.name for c in factory.demand.customers], "demand.customer.name", "customer classes"
        )


def identify(names: Sequence[str], place: str, kind: str) -> Iterator[Problem]:
    """Check the names of one kind of thing: not empty, printable, short enough, different."""
    for name, count in Counter(names).items():
        if not name:
            yield Problem(place, name, f"{kind} must have a name", "Give each one")
        elif first_unprintable(name) is not None:
            yield unprintable(place, name, f"the names of {kind}")
        elif len(name) > MAX_NAME:
            yield too_long(place, name, f"the names of {kind}")
        elif name != name.strip():
            yield Problem(
                place,
                name,
                f"the names of {kind} must not begin or end with blanks",
                f"Write {name.strip()!r}",
            )
        elif count > 1:
            yield Problem(
                place,
                name,
                f"the names of {kind} must differ, and {count} are called so",
                "Rename all but one",
            )


def unprintable(place: str, name: str, kind: str) -> Problem:
    """Return the problem of a name with an unprintable character."""
    letter = first_unprintable(name)
    assert letter is not None  # checked by the caller
    rule = f"{kind} must be printable, and the character {code_point(letter)} is not"
    return Problem(place, name, rule, "Remove the character")


def too_long(place: str, name: str, kind: str) -> Problem:
    """Return the problem of a name with more than MAX_NAME characters."""
    rule = f"{kind} must have at most {MAX_NAME} characters, and this one has {len(name)}"
    return Problem(place, name, rule, "Shorten it")


def unknown(
    names: Iterable[str], known: Collection[str], place: str, kind: str
) -> Iterator[Problem]:
    """Check that names are among the known names."""
    for name in names:
        if name not in known:
            yield Problem(place, name, f"there is no such {kind}", Suggestion(name, known))


def check_references(factory: Factory) -> Iterator[Problem]:
    """Check that every name that is used is defined."""
    centres = _Centres(factory)
    products = {product.name: product for product in factory.products}
    for product in factory.products:
        steps = {operation.name: operation for operation in product.operations}
        for operation in product.operations:
            yield from _check_operation(
                operation, steps, centres, f"product.{product.name}.{operation.name}"
            )
    for option in factory.options:
        yield from unknown(
            option.products or (), products, f"option.{option.name}.products", "product"
        )
        yield from _check_effects(factory, option, centres)
    for origin, destination, _ in factory.transport.times:
        yield from unknown([origin, destination], centres.names, "transport.times", "work centre")
    for centre in factory.work_centres:
        own = centres.values[centre.name]
        for machine in centre.machines:
            place = f"machine.{machine.name}.initial_setup"
            yield from _check_setup(machine.initial_setup, own, centre.name, place)
            yield from unknown(
                machine.setup_time,
                own,
                f"machine.{machine.name}.setup_time",
                f"attribute of work centre {centre.name}",
            )
            for item in machine.maintenance:
                place = f"machine.{machine.name}.maintenance.{item.name}.mounts"
                yield from _check_setup(item.mounts, own, centre.name, place)
    if factory.demand is not None:
        customers = dict.fromkeys(customer.name for customer in factory.demand.customers)
        options = {
            option.name: dict.fromkeys(value.name for value in option.values)
            for option in factory.options
        }
        for regime in factory.demand.regimes:
            yield from _check_regime(regime, products, customers, options)


class _Centres:
    """Names in a factory's work centres, prepared for many operations.

    Attributes
    ----------
    machines
        Names of the machines, by work centre.
    values
        Values of each attribute, by work centre and attribute.
    """

    def __init__(self, factory: Factory) -> None:
        self.machines = {
            centre.name: dict.fromkeys(machine.name for machine in centre.machines)
            for centre in factory.work_centres
        }
        self.values = {
            centre.name: {
                attribute.name: dict.fromkeys(attribute.values) for attribute in centre.attributes
            }
            for centre in factory.work_centres
        }

    @property
    def names(self) -> Collection[str]:
        """Return the names of the work centres."""
        return self.machines


def _check_operation(
    operation: Operation, steps: dict[str, Operation], centres: _Centres, place: str
) -> Iterator[Problem]:
    """Check work centre, predecessors, times and setup of an operation."""
    centre = operation.work_centre
    yield from unknown([centre], centres.names, f"{place}.work_centre", "work centre")
    yield from _check_after(operation, steps, place)
    if (operation.process_time is None) == (operation.machine_times is None):
        given = "both" if operation.machine_times is not None else "neither"
        yield Problem(
            f"{place}.process_time",
            Words(given),
            "either process_time or machine_times must be given",
            "Write exactly one of them",
        )
    if operation.machine_times == {}:
        yield Problem(
            f"{place}.machine_times",
            {},
            "no machine is eligible",
            "Name at least one machine, or use process_time",
        )
    if centre in centres.names:
        yield from _check_setup(operation.setup, centres.values[centre], centre, f"{place}.setup")
        yield from unknown(
            operation.machine_times or (),
            centres.machines[centre],
            f"{place}.machine_times",
            f"machine in work centre {centre}",
        )


def _check_after(
    operation: Operation, steps: dict[str, Operation], place: str
) -> Iterator[Problem]:
    for name, count in Counter(operation.after or ()).items():
        if name == operation.name:
            yield Problem(
                f"{place}.after", name, "an operation cannot come after itself", "Remove it"
            )
        elif count > 1:
            yield Problem(
                f"{place}.after", name, "a predecessor is named once", "Remove all but one"
            )
        else:
            yield from unknown([name], steps, f"{place}.after", "operation of the product")


def _check_setup(
    setup: dict[str, str], values: dict[str, dict[str, None]], centre: str, place: str
) -> Iterator[Problem]:
    """Check a setup against the ``values`` of the attributes of a work centre."""
    for name, value in setup.items():
        if name not in values:
            rule = f"work centre {centre} has no such attribute"
            yield Problem(place, name, rule, Suggestion(name, values))
        elif value not in values[name]:
            rule, remedy = "is not a value of the attribute", Suggestion(value, values[name])
            yield Problem(f"{place}.{name}", value, rule, remedy)


def find_buyers(factory: Factory, option: Option) -> Collection[str]:
    """Return the names of the products that have an option."""
    if option.products is not None:
        return frozenset(option.products)
    return {product.name for product in factory.products}


def _check_effects(factory: Factory, option: Option, centres: _Centres) -> Iterator[Problem]:
    """Check the operations and setups in the effects of an option.

    They must belong to products with the option, and to the work centres of the operations.
    """
    buyers = find_buyers(factory, option)
    sites: dict[str, dict[str, None]] = {}  # work centres by operation, in order
    for product in factory.products:
        if product.name in buyers:
            for operation in product.operations:
                sites.setdefault(operation.name, {})[operation.work_centre] = None
    for value in option.values:
        for effect in value.effects:
            place = f"option.{option.name}.{value.name}.effects"
            yield from unknown(
                [effect.operation], sites, place, "operation of a product with this option"
            )
            for site in sites.get(effect.operation, ()):
                if site in centres.names:
                    here = f"{place}.{effect.operation}"
                    yield from _check_setup(effect.setup, centres.values[site], site, here)


def _check_regime(
    regime: DemandRegime,
    products: Collection[str],
    customers: Collection[str],
    options: dict[str, dict[str, None]],
) -> Iterator[Problem]:
    """Check the names in a demand regime; ``options`` are the values of each option."""
    place = f"demand.regime.{regime.name}"
    yield from unknown(regime.mix, products, f"{place}.mix", "product")
    yield from unknown(regime.mix_end or (), products, f"{place}.mix_end", "product")
    yield from unknown(regime.options, options, f"{place}.options", "option")
    yield from unknown(regime.customers, customers, f"{place}.customers", "customer class")
    for name, shares in regime.options.items():
        if name in options:
            here = f"{place}.options.{name}"
            yield from unknown(shares, options[name], here, "value of the option")
