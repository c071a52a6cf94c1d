"""Transforms of the feature table, compiled, and the functions that fill features with them.

The fill functions are generated from the rows of the table, one statement per feature, such as
``out[20] = saturate(np.float64(row[10]), 10.0 * unit)``. Loops over a table of codes would take
about twice the time of such statements.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agents.index.feature_table import (
    ACTION_ROWS,
    CENT,
    EVERY_ROW,
    FEATURES,
    MIN_TICKS,
    MIN_WEIGHT,
    WAIT_ROWS,
    Feature,
)
from envs.observation.candidate_columns import CANDIDATE_INDEX
from envs.observation.shop_columns import SHOP_INDEX
from factory.jit.compile import compiled

# --- transforms: formulas in agents.index.feature_table.FORMULAS ---------------------------------


@compiled
def saturate(value, half):
    """Return ``value / (|value| + half)``: between -1 and 1, half-way at ``half``."""
    return value / (abs(value) + half)


@compiled
def saturate_growth(value, base, half):
    """Return the saturated growth of ``value`` over ``base``."""
    return saturate(value / base - 1.0, half)


@compiled
def ratio_to_mean(value, mean):
    """Return ``value`` over a mean; over itself where the mean is 0."""
    return value / (mean if mean > 0.0 else max(value, MIN_TICKS))


@compiled
def log_ratio(value, base):
    """Return the logarithm of ``value / base``, with a lower bound on ``value``."""
    return math.log(max(value, MIN_WEIGHT) / base)


@compiled
def shortfall(value, least):
    """Return by which share ``least`` is below ``value``; 0 where ``value`` is 0."""
    return 1.0 - least / value if value > 0.0 else 0.0


_STATEMENTS = {
    "one": "1.0",
    "copy": "{x}",
    "offset": "{x} - {h}",
    "saturate": "saturate({x}, {h})",
    "saturate_growth": "saturate_growth({x}, {y}, {h})",
    "ratio": "{x} / {h}",
    "ratio_per_item": "{x} / ({h} * max({y}, 1.0))",
    "ratio_to_mean": "ratio_to_mean({x}, {y})",
    "surplus_ratio": "max({x} - {y}, 0.0) / {h}",
    "log": "math.log({x})",
    "log_ratio": "log_ratio({x}, {y})",
    "shortfall": "shortfall({x}, {y})",
    "is_negative": "1.0 if {x} < 0.0 else 0.0",
    "both": "1.0 if {x} and {y} else 0.0",
    "first_only": "1.0 if {x} and not {y} else 0.0",
}
"""Each transform as an expression of operands x and y, and of the scale h."""
_NAMES = {
    "math": math,
    "np": np,
    "saturate": saturate,
    "saturate_growth": saturate_growth,
    "ratio_to_mean": ratio_to_mean,
    "log_ratio": log_ratio,
    "shortfall": shortfall,
}
"""Names that the expressions use."""

# --- quantities that features share --------------------------------------------------------------

_MEAN_PROCESS_TIME, _LONGEST_WAIT = SHOP_INDEX["mean_process_time"], SHOP_INDEX["longest_wait"]
_COST_SCALE = SHOP_INDEX["cost_scale"]


@compiled
def unit_of(shop_row):
    """Return ``mean p``: mean process time of the ready operations here, in ticks.

    With nothing ready it is half the longest wait.
    """
    unit = np.float64(shop_row[_MEAN_PROCESS_TIME])
    return unit if unit > 0.0 else max(0.5 * np.float64(shop_row[_LONGEST_WAIT]), MIN_TICKS)


@compiled
def cent_of(shop_row):
    """Return a hundredth of the scenario's cost scale."""
    return CENT * np.float64(shop_row[_COST_SCALE])


# --- fill functions ------------------------------------------------------------------------------


def feature_filler(
    name: str,
    features: Iterable[tuple[int, Feature]],
    columns: Mapping[str, int],
    quantities: Sequence[str],
) -> Any:
    """Return a compiled function ``name(row, shop, *quantities, out)`` that fills features.

    Parameters
    ----------
    name
        Unique name of the function.
    features
        Features of one part of the table, with their position in ``out``.
    columns
        Index of each column of the part's observation table, which ``row`` is a row of.
    quantities
        Names of the quantities that the function gets.
    """
    lines = [f"def {name}(row, shop, {', '.join(quantities)}, out):"]
    for position, feature in features:
        operands = [_operand(name, columns, quantities) for name in feature.operands]
        x, y, *_ = *operands, "", ""
        scale = repr(feature.scale)
        if feature.per != "one":
            scale = feature.per if feature.scale == 1.0 else f"{scale} * {feature.per}"
        statement = _STATEMENTS[feature.transform].format(x=x, y=y, h=scale)
        lines.append(f"    out[{position}] = {statement}")
    # the name of an importable module lets Numba cache the function
    names = {"__name__": __name__, **_NAMES}
    exec(compile("\n".join(lines), __file__, "exec"), names)
    return compiled(names[name])


def _operand(name: str, columns: Mapping[str, int], quantities: Sequence[str]) -> str:
    """Return the expression of an operand of the feature table."""
    if name in quantities:
        return name
    if name.startswith("shop."):
        return f"np.float64(shop[{SHOP_INDEX[name.removeprefix('shop.')]}])"
    return f"np.float64(row[{columns[name]}])"


# --- features of candidate rows ------------------------------------------------------------------

_IS_WAIT, _IS_CHANGEOVER = CANDIDATE_INDEX["is_wait"], CANDIDATE_INDEX["is_changeover"]
_PROCESS_TIME, _FAMILY_READY = CANDIDATE_INDEX["process_time"], CANDIDATE_INDEX["family_ready"]


def _row_filler(name: str, rows: str, *quantities: str) -> Any:
    """Return a compiled function that fills the features of such rows."""
    features = [(index, feature) for index, feature in enumerate(FEATURES) if feature.rows == rows]
    return feature_filler(name, features, CANDIDATE_INDEX, quantities)


_fill_every_row = _row_filler("fill_every_row", EVERY_ROW, "unit")
_fill_wait_row = _row_filler("fill_wait_row", WAIT_ROWS, "unit")
_fill_action_row = _row_filler(
    "fill_action_row", ACTION_ROWS, "unit", "relative_time", "cent", "changes", "has_ready"
)


@compiled
def fill_row_features(row, shop_row, out):
    """Fill features ``out [W]`` of a candidate row ``row [F]``, in the shop ``shop_row [Fs]``."""
    out[:] = 0.0
    unit = unit_of(shop_row)
    _fill_every_row(row, shop_row, unit, out)
    if row[_IS_WAIT] != 0.0:
        _fill_wait_row(row, shop_row, unit, out)
        return
    relative_time = max(np.float64(row[_PROCESS_TIME]), MIN_TICKS) / unit
    changes, has_ready = row[_IS_CHANGEOVER] != 0.0, row[_FAMILY_READY] > 0.0
    _fill_action_row(row, shop_row, unit, relative_time, cent_of(shop_row), changes, has_ready, out)
