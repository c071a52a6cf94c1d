"""Three small plants that are not shipped, as users write them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from factory.io.factory_toml import parse_factory
from factory.model import Factory

BAKERY = """
name = "bakery"
tick_minutes = 5.0
crews = 1
[[work_centres]]
name = "mixer"
longest_wait = 6
  [[work_centres.machines]]
  name = "mixer-1"
  [[work_centres.machines]]
  name = "mixer-2"
  [[work_centres.attributes]]
  name = "allergen"
  values = ["none", "nuts", "milk"]
  time = [[0, 3, 3], [9, 0, 6], [9, 4, 0]]
  cost = [[0, 5.0, 5.0], [20.0, 0, 8.0], [20.0, 8.0, 0]]
  forbidden = [["nuts", "milk"]]
[[work_centres]]
name = "oven"
  [[work_centres.machines]]
  name = "oven-1"
  processing_power = 40.0
  idle_power = 5.0
[[products]]
name = "bread"
  [[products.operations]]
  name = "mix"
  work_centre = "mixer"
  process_time = 6
  [[products.operations]]
  name = "bake"
  work_centre = "oven"
  process_time = 4
[[products]]
name = "cake"
  [[products.operations]]
  name = "mix"
  work_centre = "mixer"
  process_time = 8
  [[products.operations]]
  name = "bake"
  work_centre = "oven"
  process_time = 5
[[options]]
name = "allergen"
  [[options.values]]
  name = "none"
  share = 0.5
  effects = [{ operation = "mix", setup = { allergen = "none" } }]
  [[options.values]]
  name = "nuts"
  share = 0.25
  effects = [{ operation = "mix", setup = { allergen = "nuts" } }]
  [[options.values]]
  name = "milk"
  share = 0.25
  effects = [{ operation = "mix", setup = { allergen = "milk" } }]
[demand]
num_orders = 10
  [[demand.regimes]]
  name = "day"
  interarrival_time = 6.0
  mix = { bread = 0.6, cake = 0.4 }
  [[demand.customers]]
  name = "shop"
  share = 0.7
  weight = 1.0
  allowance = [3.0, 8.0]
  [[demand.customers]]
  name = "hotel"
  share = 0.3
  weight = 3.0
  allowance = [2.0, 4.0]
[tariff]
price = [
  0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3,
  0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1,
]
[uncertainty]
cv = 0.1
[costs]
tardiness = 12.0
changeover = 1.0
energy = 1.0
"""
"""Several attributes' values, a forbidden changeover, a tariff, ticks of five minutes."""

SAWS = """
name = "saws"
tick_minutes = 0.5
crews = 1
changeover_ahead = false

[[work_centres]]
name = "saw"

  [[work_centres.machines]]
  name = "saw-1"
  mean_time_to_failure = 400
  mean_time_to_repair = 40

[[products]]
name = "plank"

  [[products.operations]]
  name = "cut"
  work_centre = "saw"
  process_time = 20

[demand]
num_orders = 12

  [[demand.regimes]]
  name = "steady"
  interarrival_time = 30.0
  mix = { plank = 1.0 }

  [[demand.customers]]
  name = "shop"
  share = 1.0
  weight = 1.0
  allowance = [40.0, 60.0]

[costs]
tardiness = 20.0
holding = 1.0
scale = 50.0
"""
"""One machine without changeovers, failures, loose due dates, a stated cost scale."""

PRESS = """
name = "press"
[[work_centres]]
name = "press"
  [[work_centres.machines]]
  name = "p1"
  [[work_centres.machines]]
  name = "p2"
  speed = 0.7
  [[work_centres.attributes]]
  name = "die"
  values = ["a", "b", "c", "d"]
  time = [[0,30,30,30],[30,0,30,30],[30,30,0,30],[30,30,30,0]]
[[work_centres]]
name = "wash"
  [[work_centres.machines]]
  name = "w1"
[[products]]
name = "lid"
  [[products.operations]]
  name = "press"
  work_centre = "press"
  process_time = 20
  [[products.operations]]
  name = "wash"
  work_centre = "wash"
  process_time = 8
[[options]]
name = "die"
  [[options.values]]
  name = "a"
  effects = [{ operation = "press", setup = { die = "a" } }]
  [[options.values]]
  name = "b"
  effects = [{ operation = "press", setup = { die = "b" } }]
  [[options.values]]
  name = "c"
  effects = [{ operation = "press", setup = { die = "c" } }]
  [[options.values]]
  name = "d"
  effects = [{ operation = "press", setup = { die = "d" } }]
[costs]
tardiness = 30.0
holding = 0.5
"""
"""No demand: it needs an order book."""

OWN_FACTORIES = {"bakery": BAKERY, "saws": SAWS, "press": PRESS}


def own_factory(name: str) -> Factory:
    """Return one of the factories."""
    return parse_factory(tomllib.loads(OWN_FACTORIES[name]), name)


def write_own_factory(name: str, folder: Path) -> Path:
    """Write the file of one of the factories, and return its path."""
    path = folder / f"{name}.toml"
    path.write_text(OWN_FACTORIES[name], encoding="utf-8")
    return path


def write_press_orders(folder: Path, count: int = 12) -> Path:
    """Write an order book for the press, and return its path."""
    lines = ["order_id,release_date,due_date,weight,product,die"]
    lines += [f"L{i},{20 * i},{20 * i + 150},1,lid,{'abcd'[i * i % 4]}" for i in range(count)]
    path = folder / "orders.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
