"""Small random factories that switch every feature of the model on and off.

One builder serves two sources of choice: Hypothesis (:func:`factories`, which shrinks a failure)
and a plain random generator (:func:`random_factory`, many times faster, for bulk runs).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

from factory.model import (
    Attribute,
    Costs,
    Effect,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    OrderBook,
    Product,
    SupplyRegime,
    Tariff,
    Transport,
    Uncertainty,
    WorkCentre,
)
from tests.builders.chooser import Chooser
from tests.builders.random_demand import build_book, build_demand


@st.composite
def factories(draw: st.DrawFn) -> tuple[Factory, OrderBook | None]:
    """Draw a factory, and an order book for it if it has no demand."""
    return build(Chooser(lambda low, high: draw(st.integers(low, high))))


def random_factory(rng: random.Random) -> tuple[Factory, OrderBook | None]:
    """Build a factory and perhaps an order book from a plain random generator."""
    return build(Chooser(rng.randint))


def build(choose: Chooser) -> tuple[Factory, OrderBook | None]:
    """Build a factory, and an order book for one factory in three."""
    centres = [_build_centre(choose, n) for n in range(choose.integer(1, 4))]
    products = [_build_product(choose, n, centres) for n in range(choose.integer(1, 3))]
    options = [_build_option(choose, n, centres, products) for n in range(choose.integer(0, 2))]
    needs_material = any(
        operation.needs_material for product in products for operation in product.operations
    )
    factory = Factory(
        name="random",
        tick_minutes=choose.pick([1.0, 1.0, 5.0, 0.5, 60.0, 7.0, 45.0]),
        start_hour=choose.integer(0, 23),
        crews=choose.integer(1, 2) if choose.perhaps() else None,
        changeover_ahead=not choose.perhaps(3),
        waiting=not choose.perhaps(4),
        work_centres=tuple(centres),
        products=tuple(products),
        options=tuple(options),
        material=_build_supply(choose) if needs_material else (),
        transport=_build_transport(choose, centres),
        tariff=_build_tariff(choose),
        uncertainty=_build_uncertainty(choose),
        costs=_build_costs(choose),
    )
    if choose.perhaps(3):
        return factory, build_book(choose, factory)
    return factory.model_copy(update={"demand": build_demand(choose, factory)}), None


def _build_centre(choose: Chooser, index: int) -> WorkCentre:
    attributes = [
        _build_attribute(choose, f"attribute{index}{n}") for n in range(choose.integer(0, 3))
    ]
    machines = [
        _build_machine(choose, f"machine{index}{n}", attributes)
        for n in range(choose.integer(1, 3))
    ]
    return WorkCentre(
        name=f"centre{index}",
        machines=tuple(machines),
        attributes=tuple(attributes),
        combine=choose.pick(["max", "sum"]),
        longest_wait=choose.integer(1, 20) if choose.perhaps() else None,
    )


def _build_attribute(choose: Chooser, name: str) -> Attribute:
    size = choose.integer(1, 4)
    values = tuple(f"value{n}" for n in range(size))
    # The ring 0 -> 1 -> ... -> 0 stays allowed, so that every value can be reached from any other.
    off_ring = [
        (values[old], values[new])
        for old in range(size)
        for new in range(size)
        if new not in (old, (old + 1) % size)
    ]
    return Attribute(
        name=name,
        values=values,
        time=_build_times(choose, size),
        cost=_build_amounts(choose, size),
        waste=_build_amounts(choose, size),
        forbidden=tuple(choose.subset(off_ring)) if choose.perhaps() else (),
    )


def _build_times(choose: Chooser, size: int) -> tuple[tuple[int, ...], ...]:
    longest = choose.pick([12, 4, 1, 0])
    return tuple(
        tuple(0 if old == new else choose.integer(0, longest) for new in range(size))
        for old in range(size)
    )


def _build_amounts(choose: Chooser, size: int) -> tuple[tuple[float, ...], ...] | None:
    if choose.perhaps():
        return None
    return tuple(
        tuple(0.0 if old == new else choose.integer(0, 40) / 8 for new in range(size))
        for old in range(size)
    )


def _build_machine(choose: Chooser, name: str, attributes: list[Attribute]) -> Machine:
    fails = choose.perhaps(3)
    return Machine(
        name=name,
        speed=choose.pick([1.0, 1.0, 2.0, 0.5, 0.8, 1.3]),
        idle_power=choose.integer(0, 4) / 2,
        processing_power=choose.integer(0, 20) / 2,
        changeover_power=choose.integer(0, 10) / 2,
        mean_time_to_failure=choose.integer(1, 40) if fails else None,
        mean_time_to_repair=choose.integer(1, 15) if fails else None,
        initial_setup={
            attribute.name: choose.pick(attribute.values) for attribute in choose.subset(attributes)
        },
        setup_time={
            attribute.name: _build_times(choose, len(attribute.values))
            for attribute in attributes
            if choose.perhaps(4)
        },
    )


def _build_product(choose: Chooser, index: int, centres: list[WorkCentre]) -> Product:
    operations: list[Operation] = []
    names = [f"operation{n}" for n in range(choose.integer(1, 5))]
    for n, name in enumerate(names):
        operations.append(_build_operation(choose, name, names[:n], choose.pick(centres)))
    if choose.perhaps(4):  # the list is not in topological order
        linear = [
            operation.model_copy(update={"after": tuple(names[max(0, n - 1) : n])})
            for n, operation in enumerate(operations)
        ]
        operations = linear[::-1]
    return Product(
        name=f"product{index}",
        operations=tuple(operations),
        launch_date=choose.integer(1, 60) if index > 0 and choose.perhaps(3) else 0,
    )


def _build_operation(
    choose: Chooser, name: str, earlier: list[str], centre: WorkCentre
) -> Operation:
    named = list[str]()
    if choose.perhaps(3):
        named = [machine.name for machine in centre.machines if choose.perhaps()]
    return Operation(
        name=name,
        work_centre=centre.name,
        process_time=None if named else _build_time(choose),
        machine_times={machine: _build_time(choose) for machine in named} if named else None,
        after=tuple(choose.subset(earlier)) if choose.perhaps() else None,
        setup=_build_setup(choose, centre),
        needs_material=choose.perhaps(4),
        cv=choose.pick([0.0, 0.2, 0.7]) if choose.perhaps(4) else None,
        rework_probability=choose.pick([0.0, 0.3, 0.5]) if choose.perhaps(6) else None,
        first_piece_rework_probability=choose.pick([0.0, 0.2, 0.5]) if choose.perhaps(6) else None,
    )


def _build_time(choose: Chooser) -> int:
    return choose.pick([0, 1, 2, 3, 5, 8, 13])


def _build_setup(choose: Chooser, centre: WorkCentre) -> dict[str, str]:
    return {
        attribute.name: choose.pick(attribute.values)
        for attribute in centre.attributes
        if not choose.perhaps(3)
    }


def _build_option(
    choose: Chooser, index: int, centres: list[WorkCentre], products: list[Product]
) -> Option:
    applying = [choose.pick(products)] if choose.perhaps(3) else products
    centre_of = _operations_of_one_centre(applying, centres)
    values = []
    for n in range(choose.integer(1, 3)):
        effects = tuple(
            Effect(
                operation=name,
                time=choose.integer(0, 4),
                setup=_build_setup(choose, centre_of[name]),
            )
            for name in choose.subset(list(centre_of))
        )
        values.append(
            OptionValue(name=f"choice{n}", share=choose.integer(1, 4) / 2, effects=effects)
        )
    return Option(
        name=f"option{index}",
        values=tuple(values),
        products=None if applying is products else tuple(product.name for product in applying),
    )


def _operations_of_one_centre(
    products: list[Product], centres: list[WorkCentre]
) -> dict[str, WorkCentre]:
    """Return the operations that have one work centre in all products, by name.

    An effect must be valid in every product that has the option and an operation of the name.
    """
    sites: dict[str, set[str]] = {}
    for product in products:
        for operation in product.operations:
            sites.setdefault(operation.name, set()).add(operation.work_centre)
    by_name = {centre.name: centre for centre in centres}
    return {name: by_name[min(sites[name])] for name in sorted(sites) if len(sites[name]) == 1}


def _build_supply(choose: Chooser) -> tuple[SupplyRegime, ...]:
    count = choose.integer(0, 3)
    return tuple(
        SupplyRegime(
            name=f"supply{n}",
            late_probability=choose.pick([0.0, 0.3, 0.8, 1.0]),
            mean_lateness=choose.integer(1, 25),
            duration=choose.integer(1, 60) if count > 1 else None,
        )
        for n in range(count)
    )


def _build_transport(choose: Chooser, centres: list[WorkCentre]) -> Transport:
    pairs = [(start.name, end.name) for start in centres for end in centres if start != end]
    overrides = list[tuple[str, str, int]]()
    if choose.perhaps(3):
        overrides = [(start, end, choose.integer(0, 9)) for start, end in choose.subset(pairs)]
    default = choose.integer(0, 5) if choose.perhaps() else 0
    return Transport(default=default, times=tuple(overrides))


def _build_tariff(choose: Chooser) -> Tariff:
    if choose.perhaps():
        return Tariff(price=(0.25,) * 24, co2=(0.5,) * 24)
    return Tariff(
        price=tuple(choose.integer(0, 8) / 8 for _ in range(24)),
        co2=tuple(choose.integer(0, 8) / 8 for _ in range(24)),
    )


def _build_uncertainty(choose: Chooser) -> Uncertainty:
    return Uncertainty(
        cv=choose.pick([0.0, 0.3, 1.0]),
        rework_probability=choose.pick([0.0, 0.0, 0.1, 0.5]),
        first_piece_rework_probability=choose.pick([None, 0.0, 0.4]),
    )


def _build_costs(choose: Chooser) -> Costs:
    return Costs(
        tardiness=choose.integer(0, 6) / 2,
        changeover=choose.integer(0, 6) / 2,
        waste=choose.integer(0, 6) / 2,
        energy=choose.integer(0, 6) / 2,
        holding=choose.integer(0, 6) / 2,
        co2_per_waste_kg=choose.integer(0, 4) / 2,
        scale=1.0,
    )


def random_row(rows: Sequence[tuple[int, str]], rng: random.Random) -> int:
    """Choose one of the legal rows ``(row, kind)``.

    Jobs are three times as likely as changeovers and waits, so that episodes end.
    """
    weights = {"job": 3, "maintenance": 4, "changeover": 1, "wait": 1}
    return rng.choices([row for row, _ in rows], [weights[kind] for _, kind in rows])[0]
