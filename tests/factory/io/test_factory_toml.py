"""Factories in TOML files: what is read, what is written, and that nothing is lost on the way."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given

from factory.io.catalogue import find_single_factory, shipped
from factory.io.factory_toml import dump_factory, load_factory, parse_factory, save_factory
from factory.model import Factory, Operation, OrderBook, Product, WorkCentre
from factory.validation.errors import place_of, suggest
from tests.builders.kart_factory import FACTORY, karts
from tests.builders.random_factories import factories


def reread(factory: Factory) -> Factory:
    return parse_factory(tomllib.loads(dump_factory(factory)), "dumped.toml")


def test_a_factory_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "karts.toml"
    path.write_text(FACTORY, encoding="utf-8")
    factory = load_factory(path)
    cell, paint = factory.work_centres
    assert [machine.name for machine in cell.machines] == ["cell-1", "cell-2"]
    assert cell.machines[0].initial_setup == {"tool": "weld"}
    assert cell.machines[1].setup_time == {"tool": ((0, 4), (5, 0))}
    assert paint.attributes[0].time == ((0, 6, 8), (9, 0, 7), (12, 10, 0))
    assert paint.attributes[0].forbidden == (("black", "white"),)
    kart, trailer = factory.products
    assert [operation.after for operation in kart.operations] == [None, ("weld",), None]
    assert kart.operations[0].machine_times == {"cell-1": 4, "cell-2": 5}
    assert trailer.launch_date == 600
    assert factory.options[0].values[1].effects[0].setup == {"colour": "black"}
    assert factory.demand is not None
    assert factory.demand.batch == (1, 2)
    assert factory.demand.regimes[1].mix_end == {"kart": 1.0, "trailer": 2.0}
    assert factory.demand.customers[1].allowance == (1.2, 2.0)
    assert factory.material[0].mean_lateness == 60
    assert factory.transport.times == (("cell", "paint", 5),)
    assert factory.tariff.price[11:13] == (0.2, 0.3)
    assert (factory.uncertainty.cv, factory.costs.scale) == (0.1, 100.0)


def test_whole_numbers_may_stand_for_numbers() -> None:
    factory = karts(("tick_minutes = 1.0", "tick_minutes = 1"))
    assert type(factory.tick_minutes) is float


def test_what_is_left_out_has_its_default() -> None:
    factory = parse_factory(
        {
            "name": "least",
            "work_centres": [{"name": "cell", "machines": [{"name": "m"}]}],
            "products": [
                {
                    "name": "p",
                    "operations": [{"name": "o", "work_centre": "cell", "process_time": 1}],
                }
            ],
        },
        "least.toml",
    )
    assert (factory.tick_minutes, factory.crews, factory.demand, factory.tariff.price) == (
        1.0,
        None,
        None,
        (0.0,) * 24,
    )


def test_a_saved_factory_reads_equal(tmp_path: Path) -> None:
    save_factory(karts(), tmp_path / "again.toml")
    assert load_factory(tmp_path / "again.toml") == karts()


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_shipped_factories_are_written_without_loss(name: str) -> None:
    factory = find_single_factory(name)
    assert reread(factory) == factory


@given(factories())
def test_factories_are_written_without_loss(made: tuple[Factory, OrderBook | None]) -> None:
    factory, _ = made
    assert reread(factory) == factory


def test_strange_names_are_written_without_loss() -> None:
    strange = ['a "b" \\ c', "Größe 測試 🚗", "a.b", "#", "'", "=1+1", "[x]", "$$ white"]
    products = [
        {
            "name": name,
            "operations": [{"name": name, "work_centre": "[cell]", "machine_times": {"m = 1": 3}}],
        }
        for name in strange
    ]
    data = {
        "name": "x",
        "description": "line\nbreak, tab\tbell\x07, delete\x7f",
        "work_centres": [{"name": "[cell]", "machines": [{"name": "m = 1"}]}],
        "products": products,
    }
    factory = parse_factory(data, "strange.toml")
    assert reread(factory) == factory
    assert [product.name for product in reread(factory).products] == strange


SMALL_FACTORY = """name = "small"

[[work_centres]]
name = "cell"

  [[work_centres.machines]]
  name = "cell-2"
  setup_time = { tool = [[0, 4], [5, 0]] }

  [[work_centres.attributes]]
  name = "tool"
  values = ["weld", "fit"]
  time = [
    [0, 3],
    [2, 0],
  ]
  cost = [
    [0.0, 5.0],
    [4.0, 0.0],
  ]

[[products]]
name = "kart"

  [[products.operations]]
  name = "weld"
  work_centre = "cell"
  process_time = 4
  after = []
  setup = { tool = "weld" }

[transport]
default = 2
times = [
  ["cell", "paint", 5],
]
"""


def test_a_factory_is_written_in_readable_toml() -> None:
    cell = WorkCentre(
        name="cell",
        machines=karts().work_centres[0].machines[1:],
        attributes=karts().work_centres[0].attributes,
    )
    weld = Operation(
        name="weld", work_centre="cell", process_time=4, setup={"tool": "weld"}, after=()
    )
    factory = Factory(
        name="small",
        work_centres=(cell,),
        products=(Product(name="kart", operations=(weld,)),),
        transport=karts().transport,
    )
    assert dump_factory(factory) == SMALL_FACTORY


# --- words of messages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (("work_centres", 1, "attributes", 0, "time", 2, 1), "work_centre.paint.colour.time[2][1]"),
        (("work_centres", 0, "machines", 1, "speed"), "machine.cell-2.speed"),
        (("products", 0, "operations", 2, "process_time"), "product.kart.fit.process_time"),
        (("options", 0, "values", 1, "effects", 0, "time"), "option.colour.coal.effects[0].time"),
        (("demand", "regimes", 1, "mix", "kart"), "demand.regime.rush.mix.kart"),
        (("demand", "customers", 0, "allowance", 1), "demand.customer.club.allowance[1]"),
        (("material", 0, "mean_lateness"), "material.steady.mean_lateness"),
        (("work_centres", 7, "name"), "work_centres[7].name"),
        (("start_hour",), "start_hour"),
    ],
)
def test_places_go_by_names(location: tuple[str | int, ...], place: str) -> None:
    assert place_of(location, karts()) == place
    assert place_of(location, tomllib.loads(FACTORY)) == place


def test_unknown_names_are_answered_by_the_closest_or_by_all() -> None:
    assert suggest("colr", ["colour", "size"]) == "Write 'colour', if that is meant"
    assert suggest("xyz", ["colour", "size"]) == "Write one of 'colour', 'size'"
    assert suggest("xyz", []) == "Write one of none, as there is nothing to choose from"
