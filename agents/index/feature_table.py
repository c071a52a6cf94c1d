"""One table of all features: the inputs of the index and of the network.

A feature has no unit and is about 1 in size. It is a *transform* of columns of
:mod:`envs.observation.columns`, or of *quantities* that several features share. From this table
are made:

- the compiled loops (:mod:`agents.index.transforms`);
- the torch module and thus exported policies (:mod:`agents.network.features_torch`);
- the formulas in words (:func:`formula_of`), which docs/reference/features.md lists;
- the hash in the manifest of a policy (:func:`network_input_hash`).

A scale counted in ``mean p`` (the mean process time of the ready operations here) means the same
in slow and in fast factories, and for any length of the tick.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from envs.observation.candidate_columns import CANDIDATES
from envs.observation.shop_columns import MACHINES, SHOP

ROW_PART, MACHINE_PART, SHOP_PART = "row", "machine", "shop"
"""Parts of the table: features of candidate rows (those of the index), of machines, of the shop."""
ACTION_ROWS, WAIT_ROWS, EVERY_ROW = "action", "wait", "every"
"""Rows that have a feature: job and changeover rows, the wait row, all rows; 0 elsewhere."""

MIN_WEIGHT = 1e-6
MIN_RATE = 1e-9
MIN_TICKS = 1.0
CENT = 0.01
DELAY_SHARE = 0.1

FORMULAS = {
    "one": "1",
    "copy": "{x}",
    "offset": "{x} - {h}",
    "saturate": "s({x}, {h})",
    "saturate_growth": "s({x} / {y} - 1, {h})",
    "ratio": "{x} / {h}",
    "ratio_per_item": "{x} / ({h} max({y}, 1))",
    "ratio_to_mean": f"{{x}} / ({{y}} if {{y}} > 0 else max({{x}}, {MIN_TICKS:g}))",
    "surplus_ratio": "max({x} - {y}, 0) / {h}",
    "log": "log({x})",
    "log_ratio": f"log(max({{x}}, {MIN_WEIGHT:g}) / {{y}})",
    "shortfall": "1 - {y} / {x} if {x} > 0 else 0",
    "is_negative": "1 if {x} < 0 else 0",
    "both": "1 if {x} and {y} else 0",
    "first_only": "1 if {x} and not {y} else 0",
}
"""Transforms: formulas of operands x and y, and of the scale h; s(x, h) is x / (abs(x) + h).

Each is written once for Numba and once for torch; a test compares both."""

QUANTITIES = {
    "one": "1",
    "unit": f"mean_process_time if mean_process_time > 0 else max(longest_wait / 2, {MIN_TICKS:g})",
    "relative_time": f"max(process_time, {MIN_TICKS:g}) / mean p",
    "cent": f"{CENT:g} cost_scale",
    "changes": "is_changeover > 0",
    "has_ready": "family_ready > 0",
    "price": f"max(price_now, {MIN_RATE:g})",
    "minute_of_delay": f"{DELAY_SHARE:g} max(tardiness_rate mean p, {MIN_RATE:g})",
    "rate": f"max(tardiness_rate, {MIN_RATE:g})",
}
"""Quantities that features share, with their formulas."""
_WORDS = {"unit": "mean p"}
_READING = {
    "s(x, h)": "x / (abs(x) + h)",
    ROW_PART: "sign(v) log(1 + abs(v))",
    MACHINE_PART: "v",
    SHOP_PART: "v",
}
"""Saturation, and the form in which the network reads a feature v of each part."""


class Feature(NamedTuple):
    """One input of the network; those of candidate rows are the terms of the index."""

    name: str
    part: str
    rows: str
    transform: str
    operands: tuple[str, ...]  # columns of the part's table, ``shop.`` columns, or quantities
    scale: float = 1.0  # half-way constant, or divisor, counted in the quantity ``per``
    per: str = "one"

    @property
    def meaning(self) -> str:
        """Formula in words."""
        return formula_of(self)


def _rows(rows: str, part: str = ROW_PART) -> Callable[..., Feature]:
    """Return a function of name, transform, operands, scale and per that makes a feature."""

    def feature(
        name: str, transform: str, *operands: str, scale: float = 1.0, per: str = "one"
    ) -> Feature:
        return Feature(name, part, rows, transform, operands, float(scale), per)

    return feature


_action, _wait, _every = _rows(ACTION_ROWS), _rows(WAIT_ROWS), _rows(EVERY_ROW)
_machine, _shop = _rows(EVERY_ROW, MACHINE_PART), _rows(EVERY_ROW, SHOP_PART)

FEATURE_TABLE: tuple[Feature, ...] = (
    # --- rows: the kind of action ---
    _action("changeover", "first_only", "changes", "has_ready"),
    _action("detour", "both", "changes", "has_ready"),
    _wait("wait", "one"),
    _wait("wait_ready_in", "saturate", "ready_in", per="unit"),
    _wait("wait_upcoming", "saturate", "family_upcoming", scale=2),
    _wait("wait_queue", "saturate", "shop.ready_here", scale=2),
    _wait("wait_fitting", "saturate", "shop.fitting_ready", scale=1),
    _wait("wait_fitting_upcoming", "saturate", "shop.fitting_upcoming", scale=1),
    _wait("wait_fitting_ready_in", "saturate", "shop.fitting_ready_in", per="unit"),
    _wait("wait_fitting_slack", "saturate", "shop.fitting_slack", scale=10, per="unit"),
    # --- rows: the operation, its setup and its order ---
    _action("value", "log_ratio", "weight", "relative_time"),
    _action("length", "log", "relative_time"),
    _action("allowance", "surplus_ratio", "operation_due_in", "process_time", per="unit"),
    _action("setup_to_mean", "ratio_to_mean", "setup_time", "shop.mean_setup_time"),
    _action("setup", "ratio", "setup_time", per="unit"),
    _action("setup_a_member", "ratio_per_item", "setup_time", "family_ready", per="unit"),
    _action("mounted", "copy", "is_mounted"),
    _action("changeover_cost", "ratio", "setup_cost", per="cent"),
    _action("energy", "ratio", "energy_cost", per="cent"),
    _action("overdue", "is_negative", "due_in"),
    _action("slack", "saturate", "slack", scale=10, per="unit"),
    _action("due_in", "saturate", "due_in", scale=10, per="unit"),
    _action("operation_due_in", "saturate", "operation_due_in", scale=2, per="unit"),
    _action("work_left", "saturate", "work_left", scale=5, per="unit"),
    _action("operations_left", "saturate", "operations_left", scale=4),
    _action("time_in_queue", "saturate", "time_in_queue", scale=5, per="unit"),
    _action("time_in_shop", "saturate", "time_in_shop", scale=20, per="unit"),
    _action("ready_in", "saturate", "ready_in", per="unit"),
    # --- rows: the family of the setup, and other machines ---
    _action("family_ready", "saturate", "family_ready", scale=2),
    _action("family_ready_work", "saturate", "family_ready_work", scale=2, per="unit"),
    _action("family_upcoming", "saturate", "family_upcoming", scale=2),
    _action("family_slack", "saturate", "family_slack", scale=10, per="unit"),
    _action("family_due_in", "saturate", "family_due_in", scale=10, per="unit"),
    _action("family_time_in_queue", "saturate", "family_time_in_queue", scale=5, per="unit"),
    _action("family_critical_ratio", "saturate", "family_critical_ratio", scale=2),
    _action("family_ready_in", "saturate", "family_ready_in", per="unit"),
    _action("twins_in_setup", "saturate", "twins_in_setup", scale=1),
    _action("twin_free_in", "saturate", "twin_free_in", per="unit"),
    _action("slower_here", "shortfall", "process_time", "fastest_time"),
    # --- rows: the next operation, and rework ---
    _action("next_process_time", "saturate", "next_process_time", per="unit"),
    _action("next_queue_work", "saturate", "next_queue_work", scale=5, per="unit"),
    _action("next_fits", "saturate", "next_fits", scale=1),
    _action("next_family_ready", "saturate", "next_family_ready", scale=2),
    _action("unblocks", "copy", "unblocks"),
    _action("attempt", "saturate", "attempt", scale=1),
    _action("rework_probability", "copy", "rework_probability"),
    # --- rows: arrivals; filled for the wait row too ---
    _every("arrivals_meanwhile", "saturate", "arrivals_meanwhile", scale=2),
    _every("fits_meanwhile", "saturate", "fits_meanwhile", scale=1),
    _every("first_arrival_in", "saturate", "first_arrival_in", per="unit"),
    _every("first_arrival_setup_time", "saturate", "first_arrival_setup_time", per="unit"),
    _every("first_arrival_slack", "saturate", "first_arrival_slack", scale=10, per="unit"),
    _every("first_arrival_weight", "saturate", "first_arrival_weight", scale=2),
    _every("second_arrival_in", "saturate", "second_arrival_in", per="unit"),
    _every("second_arrival_setup_time", "saturate", "second_arrival_setup_time", per="unit"),
    _every("onward_setup_time", "saturate", "onward_setup_time", per="unit"),
    # --- rows: parallel machines, and the rest of the route ---
    _action("twin_start_in", "saturate", "twin_start_in", per="unit"),
    _action("path_slack", "saturate", "path_slack", scale=10, per="unit"),
    _action("longer_path", "saturate", "longer_path", scale=2, per="unit"),
    _action("join_in", "saturate", "join_in", scale=2, per="unit"),
    _action("next_start_in", "saturate", "next_start_in", per="unit"),
    _action("next_setup_time", "saturate", "next_setup_time", per="unit"),
    _action("next_upcoming", "saturate", "next_upcoming", scale=4),
    # --- rows: maintenance, closures, runs and people ---
    _action("maintenance", "copy", "is_maintenance"),
    _action("maintenance_left", "saturate", "maintenance_left", scale=1),
    _action("pause", "saturate", "pause", scale=4, per="unit"),
    _action("open_due_in", "saturate", "open_due_in", scale=10, per="unit"),
    _action("run_length", "saturate", "run_length", scale=4),
    _action("run_missing", "copy", "run_missing"),
    _action("run_used", "copy", "run_used"),
    _action("people_spare", "saturate", "people_spare", scale=1),
    # --- machines; 0 in rows without a machine ---
    _machine("exists", "copy", "exists"),
    _machine("is_asked", "copy", "is_asked"),
    _machine("same_centre", "copy", "same_centre"),
    _machine("is_idle", "copy", "is_idle"),
    _machine("is_changing", "copy", "is_changing"),
    _machine("is_processing", "copy", "is_processing"),
    _machine("is_down", "copy", "is_down"),
    _machine("is_waiting", "copy", "is_waiting"),
    _machine("busy_for", "saturate", "busy_for", per="unit"),
    _machine("in_state_for", "saturate", "in_state_for", per="unit"),
    _machine("speed", "offset", "speed", scale=1),
    _machine("queue_length", "saturate", "queue_length", scale=4),
    _machine("queue_fits", "saturate", "queue_fits", scale=2),
    _machine("queue_work", "saturate", "queue_work", scale=4, per="unit"),
    _machine("upcoming_length", "saturate", "upcoming_length", scale=4),
    _machine("is_closed", "copy", "is_closed"),
    _machine("is_paused", "copy", "is_paused"),
    _machine("closing_in", "saturate", "closing_in", scale=8, per="unit"),
    _machine("opening_in", "saturate", "opening_in", scale=8, per="unit"),
    _machine("maintenance_left", "saturate", "maintenance_left", scale=1),
    # --- the shop ---
    _shop("mean_setup_time", "saturate", "mean_setup_time", per="unit"),
    _shop("ready_here", "saturate", "ready_here", scale=4),
    _shop("upcoming_here", "saturate", "upcoming_here", scale=4),
    _shop("hidden_operations", "saturate", "hidden_operations", scale=4),
    _shop("active_orders", "saturate", "active_orders", scale=20),
    _shop("late_orders", "saturate", "late_orders", scale=5),
    _shop("late_weight", "saturate", "late_weight", scale=10),
    _shop("mean_slack", "saturate", "mean_slack", scale=20, per="unit"),
    _shop("recent_interarrival_time", "saturate", "recent_interarrival_time", per="unit"),
    _shop("crews_free", "saturate", "crews_free", scale=1),
    _shop("price_soon", "saturate_growth", "price_soon", "price", scale=0.2),
    # 60 minutes an hour: the column is a cost per hour, so that ticks of any length give the same
    _shop("processing_cost", "saturate", "processing_cost", scale=60, per="minute_of_delay"),
    _shop("hour_sine", "copy", "hour_sine"),
    _shop("hour_cosine", "copy", "hour_cosine"),
    _shop("holding_rate", "saturate", "holding_rate", per="rate"),
    _shop("fitting_ready", "saturate", "fitting_ready", scale=2),
    _shop("fitting_upcoming", "saturate", "fitting_upcoming", scale=2),
    _shop("fitting_ready_in", "saturate", "fitting_ready_in", per="unit"),
    _shop("fitting_slack", "saturate", "fitting_slack", scale=10, per="unit"),
    _shop("closing_in", "saturate", "closing_in", scale=8, per="unit"),
    _shop("closure_time", "saturate", "closure_time", scale=8, per="unit"),
    _shop("open_share_8h", "copy", "open_share_8h"),
    _shop("open_share_24h", "copy", "open_share_24h"),
    _shop("maintenance_left", "saturate", "maintenance_left", scale=1),
)
"""Features of rows, machines and shop, each part in the order of the network's inputs."""


def part_of(part: str, table: Sequence[Feature] = FEATURE_TABLE) -> tuple[Feature, ...]:
    """Return the features of one part, in order."""
    return tuple(feature for feature in table if feature.part == part)


FEATURES = part_of(ROW_PART)
"""Terms of the evolved index, in the order of its weights.

The wait row has only the features that are named for the wait, those about arrivals and
``onward_setup_time``; all its other features are 0.
"""
FEATURE_INDEX = {feature.name: index for index, feature in enumerate(FEATURES)}


def formula_of(feature: Feature) -> str:
    """Return the formula in words, such as ``s(slack, 10 mean p)``."""
    x, y, *_ = *(word_of(name) for name in feature.operands), "", ""
    scale = repr(feature.scale).removesuffix(".0")
    if feature.per != "one":
        per = word_of(feature.per)
        scale = per if feature.scale == 1.0 else f"{scale} {per}"
    return FORMULAS[feature.transform].format(x=x, y=y, h=scale)


def word_of(operand: str) -> str:
    """Return the name of an operand in formulas."""
    return _WORDS.get(operand, operand.removeprefix("shop."))


def definition_of(feature: Feature) -> str:
    """Return everything that decides the feature's value: rows, formula, quantities used."""
    used = {name: None for name in (*feature.operands, feature.per) if name in QUANTITIES}
    used.pop("one", None)
    if any("mean p" in QUANTITIES[name] for name in used):
        used["unit"] = None
    quantities = (f"{word_of(name)} = {QUANTITIES[name]}" for name in used)
    return "; ".join([f"{feature.rows} rows: {formula_of(feature)}", *quantities])


def definitions(table: Sequence[Feature] = FEATURE_TABLE) -> dict[str, list[tuple[str, str]]]:
    """Return name and definition of every feature, by part, as a policy's manifest keeps them."""
    return {
        part: [(feature.name, definition_of(feature)) for feature in part_of(part, table)]
        for part in (ROW_PART, MACHINE_PART, SHOP_PART)
    }


def network_input_hash(table: Sequence[Feature] = FEATURE_TABLE) -> str:
    """Hash columns, and names, order, transforms and constants of all features.

    A network understands only inputs with the hash that it was trained with.
    """
    columns = [[column.name for column in part] for part in (CANDIDATES, MACHINES, SHOP)]
    content = [columns, definitions(table), _READING]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
