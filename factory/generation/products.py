"""Random products: routes, operations, options."""

from __future__ import annotations

import numpy as np

from factory.generation.random_demand import HALF_EPISODE
from factory.generation.random_draws import Draw
from factory.generation.ranges import RandomisedRanges
from factory.generation.work_centres import Cell
from factory.model import Attribute, Effect, Operation, Option, OptionValue, Product


def draw_products(
    draw: Draw, ranges: RandomisedRanges, cells: list[Cell], late_material: bool
) -> tuple[Product, ...]:
    """Return products of one backbone (a flow shop) or with routes of their own (a job shop).

    The first product visits every work centre.
    """
    own_routes = draw.chance(0.3)
    backbone = [cells[index] for index in draw.generator.permutation(len(cells))]
    products = []
    for number in range(1, draw.integer(ranges.products) + 1):
        route = backbone
        if own_routes:
            route = [cells[index] for index in draw.generator.permutation(len(cells))]
        visits = [cell for cell in route if number == 1 or draw.chance(0.85)] or route
        operations = _draw_route(draw, ranges, visits, late_material)
        products.append(Product(name=f"model-{number}", operations=operations))
    if len(products) > 2 and draw.chance(0.15):
        launched = products[-1]
        products[-1] = launched.model_copy(update={"launch_date": HALF_EPISODE})
    return tuple(products)


def _draw_route(
    draw: Draw, ranges: RandomisedRanges, visits: list[Cell], late_material: bool
) -> tuple[Operation, ...]:
    """Return parallel branches that join at one operation, then a chain to the end."""
    branches = min(draw.integer(ranges.branches), max(1, len(visits) - 1))
    joined = draw.integer((branches, len(visits) - 1)) if branches > 1 else 0
    size = draw.number((0.75, 1.3))
    chains = np.array_split(np.arange(joined), branches) if joined else []
    names = [cell.centre.name for cell in visits]
    starts = {0, *(int(chain[0]) for chain in chains)}
    operations = []
    for index, cell in enumerate(visits):
        after: tuple[str, ...] = ()
        if index not in starts:
            after = (names[index - 1],)
            if index == joined:
                after = tuple(names[chain[-1]] for chain in chains)
        needs_material = index in starts and late_material and draw.chance(0.5)
        operations.append(_draw_operation(draw, cell, size, after, needs_material))
    return tuple(operations)


def _draw_operation(
    draw: Draw, cell: Cell, size: float, after: tuple[str, ...], needs_material: bool
) -> Operation:
    """Return an operation with the name of its work centre.

    In one of ten cases, it has a time of its own on each of some machines there.
    """
    time = max(1, round(cell.mean_time * size * draw.number((0.85, 1.15))))
    machines = [machine.name for machine in cell.centre.machines]
    machine_times = None
    if len(machines) > 1 and draw.chance(0.1):
        permuted = draw.generator.permutation(machines)
        eligible = permuted[: draw.integer((max(1, len(machines) - 1), len(machines)))]
        machine_times = {
            str(name): max(1, round(time * draw.number((0.85, 1.15)))) for name in sorted(eligible)
        }
    setup = {
        attribute.name: attribute.values[draw.integer((0, len(attribute.values) - 1))]
        for attribute, by_product in zip(cell.centre.attributes, cell.set_by_product, strict=True)
        if by_product
    }
    return Operation(
        name=cell.centre.name,
        work_centre=cell.centre.name,
        process_time=None if machine_times else time,
        machine_times=machine_times,
        after=after,
        setup=setup,
        needs_material=needs_material,
    )


def draw_options(
    draw: Draw, cells: list[Cell], products: tuple[Product, ...]
) -> tuple[Option, ...]:
    """Return one option for each attribute that products leave open.

    All products with the operation in their route offer it.
    """
    options = []
    for cell in cells:
        name = cell.centre.name
        offered = tuple(
            product.name
            for product in products
            if any(operation.name == name for operation in product.operations)
        )
        for attribute, by_product in zip(cell.centre.attributes, cell.set_by_product, strict=True):
            if not by_product:
                values = _draw_values(draw, cell, attribute)
                option = Option(name=f"{name}-{attribute.name}", values=values, products=offered)
                options.append(option)
    return tuple(options)


def _draw_values(draw: Draw, cell: Cell, attribute: Attribute) -> tuple[OptionValue, ...]:
    values = []
    for value, share in zip(attribute.values, draw.shares(len(attribute.values)), strict=True):
        extra = round(cell.mean_time * draw.number((0.0, 0.15))) if draw.chance(0.3) else 0
        effect = Effect(operation=cell.centre.name, time=extra, setup={attribute.name: value})
        values.append(OptionValue(name=value, share=share, effects=(effect,)))
    return tuple(values)
