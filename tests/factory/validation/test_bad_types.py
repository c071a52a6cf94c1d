"""Values of wrong types and missing keys: refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import FACTORY

Read = Callable[[str], Factory]

WRONG_TYPE = [
    (
        "crews = 1",
        'crews = "3"',
        "crews = '3'",
        "must be a whole number",
        "Write one, without quotes or decimal point",
    ),
    (
        "crews = 1",
        "crews = true",
        "crews = True",
        "must be a whole number",
        "Write one, without quotes or decimal point",
    ),
    (
        "process_time = 6",
        "process_time = 12.5",
        "product.kart.coat.process_time = 12.5",
        "must be a whole number",
        "Write one, without quotes or decimal point",
    ),
    (
        "speed = 1.0",
        'speed = "fast"',
        "machine.cell-1.speed = 'fast'",
        "must be a number",
        "Write one, without quotes",
    ),
    ('name = "karts"', "name = 7", "name = 7", "must be a text", "Put it in quotes"),
    (
        'name = "karts"',
        "name = 2026-03-01",
        "name = 2026-03-01",
        "must be a text",
        "Put it in quotes",
    ),
    (
        "needs_material = true",
        "needs_material = 1",
        "product.kart.coat.needs_material = 1",
        "must be true or false",
        "Write one of them, without quotes",
    ),
    (
        'after = ["weld"]',
        'after = "weld"',
        "product.kart.coat.after = 'weld'",
        "must be a list",
        "Put it in [brackets]",
    ),
    (
        "batch = [1, 2]",
        "batch = [1, 2, 3]",
        "demand.batch = [1, 2, 3]",
        "must have 2 entries, not 3",
        "Remove what is too much",
    ),
    ("batch = [1, 2]", "batch = [1]", "demand.batch[1] = nothing", "is required", "Add it"),
    (
        "mix = { kart = 1.0 }",
        "mix = 1.0",
        "demand.regime.rush.mix = 1.0",
        "must be a table",
        "Write { name = value, ... }",
    ),
    (
        "[uncertainty]\ncv = 0.1",
        "[[uncertainty]]\ncv = 0.1",
        "uncertainty = [{'cv': 0.1, 'rework_probability': 0.02}]",
        "must be a table",
        "Write { key = value, ... }, or a [table] of its own",
    ),
    (
        'combine = "max"',
        'combine = "mean"',
        "work_centre.cell.combine = 'mean'",
        "is not one of the choices",
        "Write 'max' or 'sum'",
    ),
    (
        "time = [[0, 3], [2, 0]]",
        'time = [[0, "3"], [2, 0]]',
        "work_centre.cell.tool.time[0][1] = '3'",
        "must be a whole number",
        "Write one, without quotes or decimal point",
    ),
    ('name = "paint"\n', "", "work_centres[1].name = nothing", "is required", "Add it"),
]

CASES = WRONG_TYPE


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
