"""Factories side by side in arrays: padding, types, and what the verifier knows of them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given

from factory.loading.load import load
from factory.lookups import FactoryLookup
from factory.model import Factory, Machine, Operation, Order, OrderBook, Product, WorkCentre
from factory.simulation import arrays
from factory.simulation.arrays import FactoryArrays
from tests.builders.kart_factory import karts
from tests.builders.random_factories import factories

WELD, COAT, FIT = range(3)
KART, TRAILER = range(2)
CELL, PAINT = range(2)


@pytest.fixture(scope="module")
def loaded() -> FactoryArrays:
    return load([karts()])


def test_padding_says_that_nothing_is_there() -> None:
    cell = WorkCentre(name="cell", machines=(Machine(name="m"),))
    least = Factory(
        name="least",
        work_centres=(cell,),
        products=(
            Product(
                name="p", operations=(Operation(name="o", work_centre="cell", process_time=5),)
            ),
        ),
    )
    order = Order(order_id="1", release_date=0, due_date=1, weight=1.0, product="p")
    loaded = load([karts(), least], [None, OrderBook(orders=(order,))])
    assert loaded.centres.first_machine[1].tolist() == [0, 1, 1]
    assert loaded.base_time[1].tolist() == [
        [[5, -1, -1], [-1, -1, -1], [-1, -1, -1]],
        [[-1, -1, -1]] * 3,
    ]
    assert (loaded.predecessors[1] == -1).all()
    assert (loaded.successors[1] == -1).all()
    assert (loaded.operation_setup[1] == -1).all()
    assert (loaded.book_options[1] == -1).all()
    assert not loaded.option_applies[1].any()


@given(factories(), factories())
def test_factories_side_by_side_are_what_each_is_alone(
    first: tuple[Factory, OrderBook | None], second: tuple[Factory, OrderBook | None]
) -> None:
    together = load([first[0], second[0]], [first[1], second[1]])
    for g, (factory, orders) in enumerate((first, second)):
        alone = load([factory], [orders])
        for field in fields(alone):
            small, large = getattr(alone, field.name)[0], getattr(together, field.name)[g]
            there = tuple(slice(size) for size in small.shape)
            assert (large[there] == small).all(), field.name


@given(factories())
def test_the_arrays_say_what_the_verifiers_plan_says(
    made: tuple[Factory, OrderBook | None],
) -> None:
    """``factory.lookups`` reads the models by itself, in plain Python."""
    factory, orders = made
    loaded, plant = load([factory], [orders]), FactoryLookup(factory)
    for p, product in enumerate(factory.products):
        for i, step in enumerate(plant.route(product.name)):
            row = loaded.operations[0, p, i]
            assert row.centre == step.centre
            assert tuple(loaded.predecessors[0, p, i, : row.num_predecessors]) == step.predecessors
            assert {
                m: int(t) for m, t in enumerate(loaded.base_time[0, p, i]) if t >= 0
            } == step.base_times
            assert row.mean_base == plant.mean_base(step)
            assert (row.rework_probability, row.first_piece_rework_probability) == (
                step.rework_probability,
                step.first_piece_rework_probability,
            )
    for c in range(len(factory.work_centres)):
        assert loaded.centres.longest_wait[0, c] == plant.longest_wait(c)


def test_every_array_has_the_type_it_is_documented_with(loaded: FactoryArrays) -> None:
    types = {field.name: getattr(loaded, field.name).dtype for field in fields(loaded)}
    records = {
        "plant": arrays.PLANT,
        "centres": arrays.CENTRE,
        "machines": arrays.MACHINE,
        "setups": arrays.SETUP,
        "operations": arrays.OPERATION,
    }
    assert {name: types[name] for name in records} == {
        name: np.dtype((np.record, record)) for name, record in records.items()
    }
    assert types["base_time"] == types["option_time"] == np.int32
    assert types["predecessors"] == types["operation_setup"] == types["book_options"] == np.int16
