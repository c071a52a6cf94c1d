"""Texts of a small factory with every kind of entry, and of order books for it."""

from __future__ import annotations

import tomllib

from factory.io.factory_toml import parse_factory
from factory.model import Factory

FACTORY = """
name = "karts"
tick_minutes = 1.0
start_hour = 6
crews = 1

[[work_centres]]
name = "cell"
combine = "max"
longest_wait = 20

  [[work_centres.machines]]
  name = "cell-1"
  speed = 1.0
  idle_power = 0.5
  mean_time_to_failure = 500
  mean_time_to_repair = 30
  initial_setup = { tool = "weld" }

  [[work_centres.machines]]
  name = "cell-2"
  setup_time = { tool = [[0, 4], [5, 0]] }

  [[work_centres.attributes]]
  name = "tool"
  values = ["weld", "fit"]
  time = [[0, 3], [2, 0]]
  cost = [[0, 5], [4, 0]]

[[work_centres]]
name = "paint"

  [[work_centres.machines]]
  name = "booth"

  [[work_centres.attributes]]
  name = "colour"
  values = ["white", "red", "black"]
  time = [[0, 6, 8], [9, 0, 7], [12, 10, 0]]
  waste = [[0, 1, 2], [2, 0, 1], [4, 2, 0]]
  forbidden = [["black", "white"]]

[[products]]
name = "kart"

  [[products.operations]]
  name = "weld"
  work_centre = "cell"
  machine_times = { cell-1 = 4, cell-2 = 5 }
  setup = { tool = "weld" }
  cv = 0.2

  [[products.operations]]
  name = "coat"
  work_centre = "paint"
  process_time = 6
  after = ["weld"]
  needs_material = true

  [[products.operations]]
  name = "fit"
  work_centre = "cell"
  process_time = 5
  setup = { tool = "fit" }

[[products]]
name = "trailer"
launch_date = 600

  [[products.operations]]
  name = "weld"
  work_centre = "cell"
  process_time = 7

[[options]]
name = "colour"
products = ["kart"]

  [[options.values]]
  name = "snow"
  share = 2
  effects = [{ operation = "coat", setup = { colour = "white" } }]

  [[options.values]]
  name = "coal"
  effects = [{ operation = "coat", time = 3, setup = { colour = "black" } }]

[demand]
num_orders = 40
initial_orders = 4
batch = [1, 2]

  [[demand.regimes]]
  name = "calm"
  interarrival_time = 15.0
  mix = { kart = 3.0, trailer = 1.0 }
  duration = 900
  options = { colour = { snow = 1.0, coal = 2.0 } }

  [[demand.regimes]]
  name = "rush"
  interarrival_time = 8
  mix = { kart = 1.0 }
  mix_end = { kart = 1.0, trailer = 2.0 }
  duration = 300
  customers = { club = 2.0 }

  [[demand.customers]]
  name = "club"
  share = 0.7
  weight = 1.0
  allowance = [1.5, 4.0]

  [[demand.customers]]
  name = "racer"
  share = 0.3
  weight = 4
  allowance = [1.2, 2]

[[material]]
name = "steady"
late_probability = 0.05
mean_lateness = 60

[transport]
default = 2
times = [["cell", "paint", 5]]

[tariff]
price = [
  0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2,
  0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3,
]

[uncertainty]
cv = 0.1
rework_probability = 0.02

[costs]
tardiness = 60.0
scale = 100.0
"""

BOOK = """order_id,release_date,due_date,weight,product,colour
A,0,480,1,kart,snow
B,30,20,2.5,trailer,
C,30,900,1,kart,coal
"""
ISO_BOOK = """order_id,release_date,due_date,weight,product,colour
A,2026-03-01T06:00,2026-03-01T14:00,1,kart,snow
B,2026-03-01T06:30,2026-03-01,2.5,trailer,
C,2026-03-01T06:30,2026-03-01T21:00,1,kart,coal
"""


def karts(*edits: tuple[str, str]) -> Factory:
    """Return the factory with some passages (old, new) of its text replaced."""
    text = FACTORY
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_factory(tomllib.loads(text), "karts.toml")
