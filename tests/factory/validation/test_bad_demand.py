"""Demand that cannot be drawn, and routes with cycles: refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import FACTORY

Read = Callable[[str], Factory]

DEMAND = [
    (
        "num_orders = 40",
        "num_orders = 0",
        "demand.num_orders = 0",
        "must be from 1 to 100000",
        "Write the number of orders in an episode",
    ),
    (
        "initial_orders = 4",
        "initial_orders = 41",
        "demand.initial_orders = 41",
        "must be at most num_orders = 40",
        "Write how many of them are there at the start",
    ),
    (
        "batch = [1, 2]",
        "batch = [3, 2]",
        "demand.batch = [3, 2]",
        "must be two whole numbers with 1 <= low <= high <= 1000",
        "Write [1, 1] for single orders",
    ),
    (
        "interarrival_time = 8",
        "interarrival_time = 0",
        "demand.regime.rush.interarrival_time = 0.0",
        "must be from 0.001 to 10000000",
        "Write the mean ticks between arrivals",
    ),
    (
        "  duration = 300\n",
        "",
        "demand.regime.rush.duration = nothing",
        "regimes that take turns need a mean duration",
        "Write it, in ticks",
    ),
    (
        "mix = { kart = 1.0 }",
        "mix = { kart = 0.0 }",
        "demand.regime.rush.mix = {'kart': 0.0}",
        "a product that is on sale from the start must have a positive share",
        "Give one a share above 0",
    ),
    (
        "mix_end = { kart = 1.0, ",
        "mix_end = { ",
        "demand.regime.rush.mix_end = {'trailer': 2.0}",
        "a product that is on sale from the start must have a positive share",
        "Give one a share above 0",
    ),
    (
        "{ kart = 3.0, trailer",
        "{ kart = -3.0, trailer",
        "demand.regime.calm.mix.kart = -3.0",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "{ snow = 1.0, coal = 2.0 }",
        "{ snow = 0.0 }",
        "demand.regime.calm.options.colour = {'snow': 0.0}",
        "one value must have a positive share",
        "Give a value a share above 0",
    ),
    (
        "customers = { club = 2.0 }",
        "customers = { club = 0.0, racer = 0.0 }",
        "demand.regime.rush.customers = {'club': 0.0, 'racer': 0.0}",
        "one customer class must have a positive share",
        "Give a class a share above 0",
    ),
    (
        "allowance = [1.5, 4.0]",
        "allowance = [4.5, 4.0]",
        "demand.customer.club.allowance = [4.5, 4.0]",
        "must be two numbers with low <= high <= 1000",
        "Write multiples of the order's work, such as [1.5, 4.0]",
    ),
    (
        'after = ["weld"]',
        'after = ["fit"]',
        "product.kart.operations = coat after fit after coat",
        "operations that wait for each other can never start",
        "Remove one of the entries in `after`",
    ),
]

CASES = DEMAND


@pytest.mark.parametrize(
    ("old", "new", "value", "rule", "remedy"),
    CASES,
    ids=[f"{case[2]}; {case[3]}"[:80] for case in CASES],
)
def test_a_malformed_factory_is_refused_in_one_line(
    read: Read, old: str, new: str, value: str, rule: str, remedy: str
) -> None:
    assert old in FACTORY
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace(old, new, 1))
    assert str(refusal.value) == f"karts.toml: {value}; {rule}. {remedy}."
