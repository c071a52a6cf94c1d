"""Names in a factory: there is something of each kind, names identify things, and every name that
is used is defined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from factory.model import DemandRegime, Factory, Operation, Option, WorkCentre
from factory.validation.errors import Problem, Words, suggest
from factory.validation.names import MAX_NAME, code_point, first_unprintable

BOOK_COLUMNS = ("order_id", "release_date", "due_date", "weight", "product")
"""Columns of every order book; those of the options follow."""


def check_not_empty(factory: Factory) -> Iterator[Problem]:
    """There is something to make, and something to make it with."""
    groups: list[tuple[str, Sequence[Any]]] = [
        ("work_centres", factory.work_centres),
        ("products", factory.products),
    ]
    groups += [
        (f"work_centre.{centre.name}.machines", centre.machines) for centre in factory.work_centres
    ]
    groups += [
        (f"work_centre.{c.name}.{a.name}.values", a.values)
        for c in factory.work_centres
        for a in c.attributes
    ]
    groups += [
        (f"product.{product.name}.operations", product.operations) for product in factory.products
    ]
    groups += [(f"option.{option.name}.values", option.values) for option in factory.options]
    if factory.demand:
        groups += [
            ("demand.regimes", factory.demand.regimes),
            ("demand.customers", factory.demand.customers),
        ]
    for place, things in groups:
        if not things:
            yield Problem(place, [], "must not be empty", "Add at least one")


def check_names(factory: Factory) -> Iterator[Problem]:
    """Names identify things."""
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


def identify(names: Sequence[str], place: str, what: str) -> Iterator[Problem]:
    """Check that things have names, that they can be read, and that no two are the same."""
    for name, count in Counter(names).items():
        if not name:
            yield Problem(place, name, f"{what} must have a name", "Give each one")
        elif first_unprintable(name) is not None:
            yield unprintable(place, name, f"the names of {what}")
        elif len(name) > MAX_NAME:
            yield too_long(place, name, f"the names of {what}")
        elif name != name.strip():
            yield Problem(
                place,
                name,
                f"the names of {what} must not begin or end with blanks",
                f"Write {name.strip()!r}",
            )
        elif count > 1:
            yield Problem(
                place,
                name,
                f"the names of {what} must differ, and {count} are called so",
                "Rename all but one",
            )


def unprintable(place: str, name: str, what: str) -> Problem:
    """Return what is wrong with a name that has a character which cannot be seen."""
    letter = first_unprintable(name)
    assert letter is not None  # the caller has looked
    rule = f"{what} must be printable, and the character {code_point(letter)} is not"
    return Problem(place, name, rule, "Remove the character")


def too_long(place: str, name: str, what: str) -> Problem:
    """Return what is wrong with a name of more than MAX_NAME characters."""
    rule = f"{what} must have at most {MAX_NAME} characters, and this one has {len(name)}"
    return Problem(place, name, rule, "Shorten it")


def unknown(
    names: Iterable[str], known: Collection[str], place: str, what: str
) -> Iterator[Problem]:
    """Names that are not among the known ones."""
    for name in names:
        if name not in known:
            yield Problem(place, name, f"there is no such {what}", suggest(name, known))


def check_references(factory: Factory) -> Iterator[Problem]:
    """Every name that is used is defined."""
    centres = {centre.name: centre for centre in factory.work_centres}
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
        yield from unknown([origin, destination], centres, "transport.times", "work centre")
    for centre in factory.work_centres:
        for machine in centre.machines:
            yield from _check_setup(
                machine.initial_setup, centre, f"machine.{machine.name}.initial_setup"
            )
            own = [attribute.name for attribute in centre.attributes]
            yield from unknown(
                machine.setup_time,
                own,
                f"machine.{machine.name}.setup_time",
                f"attribute of work centre {centre.name}",
            )
    for regime in factory.demand.regimes if factory.demand else ():
        yield from _check_regime(factory, regime, products)


def _check_operation(
    operation: Operation, steps: dict[str, Operation], centres: dict[str, WorkCentre], place: str
) -> Iterator[Problem]:
    """Where an operation is done, after what, by which machines, in which setup."""
    yield from unknown([operation.work_centre], centres, f"{place}.work_centre", "work centre")
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
    centre = centres.get(operation.work_centre)
    if centre:
        yield from _check_setup(operation.setup, centre, f"{place}.setup")
        machines = [machine.name for machine in centre.machines]
        yield from unknown(
            operation.machine_times or (),
            machines,
            f"{place}.machine_times",
            f"machine in work centre {centre.name}",
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


def _check_setup(setup: dict[str, str], centre: WorkCentre, place: str) -> Iterator[Problem]:
    attributes = {attribute.name: attribute for attribute in centre.attributes}
    for name, value in setup.items():
        if name not in attributes:
            yield Problem(
                place,
                name,
                f"work centre {centre.name} has no such attribute",
                suggest(name, attributes),
            )
        elif value not in attributes[name].values:
            yield Problem(
                f"{place}.{name}",
                value,
                "is not a value of the attribute",
                suggest(value, attributes[name].values),
            )


def _check_effects(
    factory: Factory, option: Option, centres: dict[str, WorkCentre]
) -> Iterator[Problem]:
    """Effects name operations of products that have the option, and setups of the work centres
    where these are done."""
    sites: dict[str, dict[str, None]] = {}
    for product in factory.products:
        if option.products is None or product.name in option.products:
            for operation in product.operations:
                sites.setdefault(operation.name, {})[operation.work_centre] = None
    for value in option.values:
        for effect in value.effects:
            place = f"option.{option.name}.{value.name}.effects"
            yield from unknown(
                [effect.operation], sites, place, "operation of a product with this option"
            )
            for site in sites.get(effect.operation, ()):
                if site in centres:
                    yield from _check_setup(
                        effect.setup, centres[site], f"{place}.{effect.operation}"
                    )


def _check_regime(
    factory: Factory, regime: DemandRegime, products: Collection[str]
) -> Iterator[Problem]:
    assert factory.demand is not None  # called for its regimes
    place = f"demand.regime.{regime.name}"
    options = {option.name: option for option in factory.options}
    yield from unknown(regime.mix, products, f"{place}.mix", "product")
    yield from unknown(regime.mix_end or (), products, f"{place}.mix_end", "product")
    yield from unknown(regime.options, options, f"{place}.options", "option")
    yield from unknown(
        regime.customers,
        [c.name for c in factory.demand.customers],
        f"{place}.customers",
        "customer class",
    )
    for name, shares in regime.options.items():
        if name in options:
            yield from unknown(
                shares,
                [v.name for v in options[name].values],
                f"{place}.options.{name}",
                "value of the option",
            )
