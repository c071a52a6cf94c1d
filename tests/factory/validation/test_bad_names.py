"""Unknown names and names that are not unique: refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import FACTORY

Read = Callable[[str], Factory]

UNKNOWN = [
    (
        "process_time = 6",
        "proces_time = 6",
        "product.kart.coat.proces_time = 6",
        "there is no such key",
        "Write 'process_time', if that is meant",
    ),
    (
        "crews = 1",
        "crew = 1",
        "crew = 1",
        "there is no such key",
        "Write 'crews', if that is meant",
    ),
    (
        "default = 2",
        "defualt = 2",
        "transport.defualt = 2",
        "there is no such key",
        "Write 'default', if that is meant",
    ),
    (
        "share = 0.3",
        "portion = 0.3\n  share = 0.3",
        "demand.customer.racer.portion = 0.3",
        "there is no such key",
        "Write one of 'name', 'share', 'weight', 'allowance'",
    ),
    (
        "time = 3, ",
        "tim = 3, ",
        "option.colour.coal.effects[0].tim = 3",
        "there is no such key",
        "Write 'time', if that is meant",
    ),
    (
        'work_centre = "paint"',
        'work_centre = "pant"',
        "product.kart.coat.work_centre = 'pant'",
        "there is no such work centre",
        "Write 'paint', if that is meant",
    ),
    (
        'after = ["weld"]',
        'after = ["wield"]',
        "product.kart.coat.after = 'wield'",
        "there is no such operation of the product",
        "Write 'weld', if that is meant",
    ),
    (
        'after = ["weld"]',
        'after = ["coat"]',
        "product.kart.coat.after = 'coat'",
        "an operation cannot come after itself",
        "Remove it",
    ),
    (
        'after = ["weld"]',
        'after = ["weld", "weld"]',
        "product.kart.coat.after = 'weld'",
        "a predecessor is named once",
        "Remove all but one",
    ),
    (
        "cell-2 = 5 }",
        "booth = 5 }",
        "product.kart.weld.machine_times = 'booth'",
        "there is no such machine in work centre cell",
        "Write one of 'cell-1', 'cell-2'",
    ),
    (
        "{ cell-1 = 4, cell-2 = 5 }",
        "{}",
        "product.kart.weld.machine_times = {}",
        "no machine is eligible",
        "Name at least one machine, or use process_time",
    ),
    (
        'setup = { tool = "fit" }',
        'setup = { jig = "fit" }',
        "product.kart.fit.setup = 'jig'",
        "work centre cell has no such attribute",
        "Write one of 'tool'",
    ),
    (
        'setup = { tool = "fit" }',
        'setup = { tool = "fits" }',
        "product.kart.fit.setup.tool = 'fits'",
        "is not a value of the attribute",
        "Write 'fit', if that is meant",
    ),
    (
        'initial_setup = { tool = "weld" }',
        'initial_setup = { tool = "cut" }',
        "machine.cell-1.initial_setup.tool = 'cut'",
        "is not a value of the attribute",
        "Write one of 'weld', 'fit'",
    ),
    (
        "setup_time = { tool =",
        "setup_time = { colour =",
        "machine.cell-2.setup_time = 'colour'",
        "there is no such attribute of work centre cell",
        "Write one of 'tool'",
    ),
    (
        'colour = "black" }',
        'colour = "blck" }',
        "option.colour.coal.effects.coat.colour = 'blck'",
        "is not a value of the attribute",
        "Write 'black', if that is meant",
    ),
    (
        '{ operation = "coat", time',
        '{ operation = "coats", time',
        "option.colour.coal.effects = 'coats'",
        "there is no such operation of a product with this option",
        "Write 'coat', if that is meant",
    ),
    (
        'products = ["kart"]',
        'products = ["kart", "cart"]',
        "option.colour.products = 'cart'",
        "there is no such product",
        "Write 'kart', if that is meant",
    ),
    (
        "trailer = 1.0 }",
        "trailler = 1.0 }",
        "demand.regime.calm.mix = 'trailler'",
        "there is no such product",
        "Write 'trailer', if that is meant",
    ),
    (
        "options = { colour = {",
        "options = { color = {",
        "demand.regime.calm.options = 'color'",
        "there is no such option",
        "Write 'colour', if that is meant",
    ),
    (
        "coal = 2.0",
        "cole = 2.0",
        "demand.regime.calm.options.colour = 'cole'",
        "there is no such value of the option",
        "Write 'coal', if that is meant",
    ),
    (
        "customers = { club = 2.0 }",
        "customers = { clubs = 2.0 }",
        "demand.regime.rush.customers = 'clubs'",
        "there is no such customer class",
        "Write 'club', if that is meant",
    ),
    (
        '[["cell", "paint", 5]]',
        '[["cell", "pain", 5]]',
        "transport.times = 'pain'",
        "there is no such work centre",
        "Write 'paint', if that is meant",
    ),
    (
        '[["black", "white"]]',
        '[["black", "whit"]]',
        "work_centre.paint.colour.forbidden = 'whit'",
        "is not a value of the attribute",
        "Write 'white', if that is meant",
    ),
]

NAMES = [
    (
        'name = "paint"',
        'name = "cell"',
        "work_centre.name = 'cell'",
        "the names of work centres must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "booth"',
        'name = "cell-1"',
        "machine.name = 'cell-1'",
        "the names of machines must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "trailer"',
        'name = "kart"',
        "product.name = 'kart'",
        "the names of products must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "fit"',
        'name = "coat"',
        "product.kart.operation.name = 'coat'",
        "the names of operations must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        '["weld", "fit"]',
        '["weld", "weld"]',
        "work_centre.cell.tool.values = 'weld'",
        "the names of values must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "coal"',
        'name = "snow"',
        "option.colour.value.name = 'snow'",
        "the names of values must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "rush"',
        'name = "calm"',
        "demand.regime.name = 'calm'",
        "the names of demand regimes must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        'name = "racer"',
        'name = "club"',
        "demand.customer.name = 'club'",
        "the names of customer classes must differ, and 2 are called so",
        "Rename all but one",
    ),
    (
        '[[options]]\nname = "colour"',
        '[[options]]\nname = "weight"',
        "option.name = 'weight'",
        "is a column of every order book",
        "Choose another name",
    ),
    (
        'name = "trailer"',
        'name = ""',
        "product.name = ''",
        "products must have a name",
        "Give each one",
    ),
    (
        'name = "trailer"',
        'name = "trailer "',
        "product.name = 'trailer '",
        "the names of products must not begin or end with blanks",
        "Write 'trailer'",
    ),
]

CASES = [*UNKNOWN, *NAMES]


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
