"""A plant of one's own, a joinery that makes doors, as a factory file and order lists."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from changeover.plant.data import PlanData, PlanSettings
from changeover.plant.plant_planner import make_plant_plan
from factory.io.factory_toml import parse_factory
from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list_files import OrderList, read_order_list
from factory.model import Factory

FACTORY_TEXT = """
name = "joinery"
tick_minutes = 1.0
start_hour = 6
crews = 2

[[work_centres]]
name = "saw"

  [[work_centres.machines]]
  name = "saw-1"

  [[work_centres.attributes]]
  name = "blade"
  values = ["fine", "coarse"]
  time = [[0, 12], [12, 0]]

[[work_centres]]
name = "lacquer"

  [[work_centres.machines]]
  name = "booth-1"

  [[work_centres.machines]]
  name = "booth-2"

  [[work_centres.attributes]]
  name = "colour"
  values = ["white", "oak", "grey"]
  time = [[0, 10, 10], [35, 0, 20], [35, 20, 0]]

[[work_centres]]
name = "fitting"

  [[work_centres.machines]]
  name = "bench"

[[products]]
name = "door"

  [[products.operations]]
  name = "cut"
  work_centre = "saw"
  process_time = 14
  setup = { blade = "coarse" }

  [[products.operations]]
  name = "paint"
  work_centre = "lacquer"
  process_time = 30

  [[products.operations]]
  name = "fit"
  work_centre = "fitting"
  process_time = 15

[[products]]
name = "drawer front"

  [[products.operations]]
  name = "trim"
  work_centre = "saw"
  process_time = 8
  setup = { blade = "fine" }

  [[products.operations]]
  name = "paint"
  work_centre = "lacquer"
  process_time = 18

[[options]]
name = "colour"

  [[options.values]]
  name = "white"
  effects = [{ operation = "paint", setup = { colour = "white" } }]

  [[options.values]]
  name = "oak"
  effects = [{ operation = "paint", setup = { colour = "oak" } }]

  [[options.values]]
  name = "grey"
  effects = [{ operation = "paint", setup = { colour = "grey" } }]

[uncertainty]
cv = 0.2

[costs]
tardiness = 12.0
holding = 0.5
"""
"""A factory without a demand: it knows only its order list."""

HEADER = "Auftrag;Kunde;Artikel;Farbe;Freigabe;Liefertermin;Gewicht"
_KINDS = (("door", "white"), ("door", "oak"), ("drawer front", "oak"), ("door", "white"))


def order_lines(count: int = 16) -> list[str]:
    """Return a German order list: semicolons, decimal commas, days before months."""
    lines = []
    for i in range(count):
        product, colour = _KINDS[i % len(_KINDS)]
        release = f"02.03.2026 {6 + i // 4:02d}:{15 * (i % 4):02d}"
        due = f"02.03.2026 {8 + i // 3:02d}:30" if i % 5 else "03.03.2026"
        weight = "2,5" if i % 3 == 0 else "1,0"
        lines.append(f"T-{100 + i};Müller & Söhne;{product};{colour};{release};{due};{weight}")
    return lines


def write_joinery(folder: Path, lines: list[str] | None = None) -> tuple[Path, Path]:
    """Write factory file and order list, which is in the code page of Windows."""
    factory, orders = folder / "joinery.toml", folder / "auftraege.csv"
    factory.write_text(FACTORY_TEXT, encoding="utf-8")
    text = "\n".join([HEADER, *(order_lines() if lines is None else lines)]) + "\n"
    orders.write_bytes(text.encode("cp1252"))
    return factory, orders


@cache
def joinery() -> Factory:
    """Return the factory."""
    return parse_factory(tomllib.loads(FACTORY_TEXT), "joinery.toml")


def read_joinery_orders(folder: Path) -> OrderList:
    """Return the order list as read from its file."""
    _, path = write_joinery(folder)
    return read_order_list(path, joinery(), layout=OrderListLayout(columns={"Artikel": "product"}))


def plan_of_joinery(folder: Path, seconds: float = 0.5) -> PlanData:
    """Return a plan of the order list by rules alone."""
    settings = PlanSettings(seconds=seconds, policies=())
    return make_plant_plan(joinery(), read_joinery_orders(folder), settings=settings)
