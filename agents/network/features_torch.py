"""The feature table in torch: what the network reads, and what an exported policy works out.

Most features are saturated columns. They are taken together, as one operation on a slice of the
observation, so that an exported policy has few steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from agents.index.feature_table import (
    ACTION_ROWS,
    CENT,
    DELAY_SHARE,
    EVERY_ROW,
    FEATURE_INDEX,
    FEATURES,
    MACHINE_PART,
    MIN_RATE,
    MIN_TICKS,
    MIN_WEIGHT,
    SHOP_PART,
    WAIT_ROWS,
    Feature,
    part_of,
)
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX

# --- transforms: formulas in agents.index.feature_table.FORMULAS ---------------------------------


def saturate_tensor(value: Tensor, half: Tensor | float) -> Tensor:
    """Return ``value / (|value| + half)``: between -1 and 1, half-way at ``half``."""
    return value / (value.abs() + half)


_Operand = Callable[[int], Tensor]
_TRANSFORMS: dict[str, Callable[[_Operand, Callable[[], Tensor | float]], Tensor]] = {
    "copy": lambda v, h: v(0),
    "offset": lambda v, h: v(0) - h(),
    "saturate": lambda v, h: saturate_tensor(v(0), h()),
    "saturate_growth": lambda v, h: saturate_tensor(v(0) / v(1) - 1.0, h()),
    "ratio": lambda v, h: v(0) / h(),
    "ratio_per_item": lambda v, h: v(0) / (h() * v(1).clamp(min=1.0)),
    "ratio_to_mean": lambda v, h: v(0) / torch.where(v(1) > 0, v(1), v(0).clamp(min=MIN_TICKS)),
    "surplus_ratio": lambda v, h: (v(0) - v(1)).clamp(min=0.0) / h(),
    "log": lambda v, h: torch.log(v(0)),
    "log_ratio": lambda v, h: torch.log(v(0).clamp(min=MIN_WEIGHT) / v(1)),
    "shortfall": lambda v, h: torch.where(
        # the bound keeps the derivative finite where the result is 0
        v(0) > 0, 1.0 - v(1) / v(0).clamp(min=MIN_RATE), torch.zeros_like(v(0))
    ),
    "is_negative": lambda v, h: v(0) < 0,
    "both": lambda v, h: v(0) & v(1),
    "first_only": lambda v, h: v(0) & ~v(1),
}  # fmt: skip
"""Each transform as a function of operands v(0), v(1), and of the scale h()."""


def _column(table: Tensor, index: int | list[int]) -> Tensor:
    """Return one column ``[...]`` of a table ``[..., F]``, or several."""
    return table[:, index] if table.dim() == 2 else table[:, :, index]


class _Columns:
    """Columns of a table, columns of the shop, and quantities, by name.

    Parameters
    ----------
    table
        Rows of a table of observations, ``[..., F]``.
    index
        Index of each of its columns.
    shop
        Row of the shop for each row, ``[..., Fs]``.
    """

    def __init__(self, table: Tensor, index: Mapping[str, int], shop: Tensor) -> None:
        self.table, self.index, self.shop = table, index, shop
        self.kept: dict[str, Tensor] = {}

    def keep(self, name: str, values: Tensor) -> Tensor:
        """Keep a quantity, or a column that several features use."""
        self.kept[name] = values
        return values

    def __getitem__(self, name: str) -> Tensor:
        if name in self.kept:
            return self.kept[name]
        if name.startswith("shop."):
            return _column(self.shop, SHOP_INDEX[name.removeprefix("shop.")])
        if name == "rate":
            return self["tardiness_rate"].clamp(min=MIN_RATE)
        if name == "minute_of_delay":
            return DELAY_SHARE * self["delay"]
        return _column(self.table, self.index[name])

    def scale(self, feature: Feature) -> Tensor | float:
        """Return the half-way constant or divisor of a feature."""
        if feature.per == "one":
            return feature.scale
        return self[feature.per] if feature.scale == 1.0 else self[feature.per] * feature.scale

    def apply(
        self, feature: Feature, reshape: Callable[[Tensor], Tensor] = lambda column: column
    ) -> Tensor:
        """Return a feature of every row, ``[...]``, from operands after ``reshape``."""
        operands = feature.operands
        transform = _TRANSFORMS[feature.transform]
        values = transform(lambda i: reshape(self[operands[i]]), lambda: self.scale(feature))
        return values.to(self.table.dtype) if values.dtype == torch.bool else values


class _Saturated:
    """Columns of one table that are saturated together.

    Parameters
    ----------
    index
        Index of the table's columns.
    features
        Features with the transform ``saturate`` whose scale is a number, or counted in ``mean p``.
    """

    def __init__(self, index: Mapping[str, int], features: Sequence[Feature]) -> None:
        self.columns = [index[feature.operands[0].removeprefix("shop.")] for feature in features]
        self.halves = [0.0 if feature.per == "unit" else feature.scale for feature in features]
        self.halves_in_units = [
            feature.scale if feature.per == "unit" else 0.0 for feature in features
        ]

    def of(self, table: Tensor, unit: Tensor) -> Tensor:
        """Return ``[..., S]`` from ``[..., F]`` and mean process times ``[...]``."""
        values = table[..., self.columns]
        return saturate_tensor(
            values,
            table.new_tensor(self.halves)
            + unit.unsqueeze(-1) * table.new_tensor(self.halves_in_units),
        )


def _is_plain(feature: Feature) -> bool:
    """Tell whether a feature is a saturated column with a scale as :class:`_Saturated` takes it."""
    return feature.transform == "saturate" and feature.per in ("one", "unit")


def time_unit(shop: Tensor) -> Tensor:
    """Return ``mean p`` of each shop, ``[N]`` ticks from ``shop [N, Fs]``."""
    mean, wait = shop[:, SHOP_INDEX["mean_process_time"]], shop[:, SHOP_INDEX["longest_wait"]]
    return torch.where(mean > 0, mean, (0.5 * wait).clamp(min=MIN_TICKS))


# --- candidate rows ------------------------------------------------------------------------------


def _of_rows(rows: str) -> tuple[list[Feature], list[Feature]]:
    """Return the features of such rows: saturated columns, and all others."""
    features = [feature for feature in FEATURES if feature.rows == rows]
    plain = [feature for feature in features if _is_plain(feature)]
    return plain, [feature for feature in features if feature not in plain]


_ACTION_PLAIN, _ACTION_OTHERS = _of_rows(ACTION_ROWS)
# The order of work inside the exported graph: it was exported with these two before the rest of
# the route, and the same policy shall give the same bytes.
_ROUTE = [feature.name for feature in _ACTION_PLAIN].index("next_process_time")
_ACTION_PLAIN[_ROUTE : _ROUTE + 4] = [
    *_ACTION_PLAIN[_ROUTE + 2 : _ROUTE + 4],
    *_ACTION_PLAIN[_ROUTE : _ROUTE + 2],
]
_WAIT_PLAIN, _WAIT_OTHERS = _of_rows(WAIT_ROWS)
_WAIT_SHOP_PLAIN = [feature for feature in _WAIT_PLAIN if feature.operands[0].startswith("shop.")]
_WAIT_ROW_PLAIN = [feature for feature in _WAIT_PLAIN if feature not in _WAIT_SHOP_PLAIN]
_EVERY_PLAIN, _EVERY_OTHERS = _of_rows(EVERY_ROW)
assert [feature.transform for feature in _WAIT_OTHERS] == ["one"]
assert not _EVERY_OTHERS
_ACTION_SATURATED = _Saturated(CANDIDATE_INDEX, _ACTION_PLAIN)
_WAIT_ROW_SATURATED = _Saturated(CANDIDATE_INDEX, _WAIT_ROW_PLAIN)
_WAIT_SHOP_SATURATED = _Saturated(SHOP_INDEX, _WAIT_SHOP_PLAIN)
_EVERY_SATURATED = _Saturated(CANDIDATE_INDEX, _EVERY_PLAIN)
_WORK_ORDER = [
    feature.name
    for group in (
        (_ACTION_PLAIN, _ACTION_OTHERS),
        (_WAIT_OTHERS, _WAIT_ROW_PLAIN, _WAIT_SHOP_PLAIN),
        (_EVERY_PLAIN,),
    )
    for feature in itertools.chain(*group)
]
_KINDS = ("is_changeover", "is_wait", "family_ready")
_POSITIONS = [_WORK_ORDER.index(name) for name in FEATURE_INDEX]
"""Position of each feature among those that are worked out together."""


def row_features(rows: Tensor, shop: Tensor) -> Tensor:
    """Return features ``[R, W]`` of candidate rows ``[R, F]``, each with its shop ``[R, Fs]``."""
    unit = time_unit(shop)
    columns = _Columns(rows, CANDIDATE_INDEX, shop)
    is_wait = _keep_row_quantities(columns, unit)
    others = [columns.apply(feature) for feature in _ACTION_OTHERS]
    of_actions = torch.cat([_ACTION_SATURATED.of(rows, unit), torch.stack(others, dim=1)], dim=1)
    of_waits = torch.cat(
        [
            torch.ones_like(columns["process_time"]).unsqueeze(1),
            _WAIT_ROW_SATURATED.of(rows, unit),
            _WAIT_SHOP_SATURATED.of(shop, unit),
        ],
        dim=1,
    )
    is_wait = is_wait.unsqueeze(1)
    parts = [
        torch.where(is_wait, torch.zeros_like(of_actions), of_actions),
        torch.where(is_wait, of_waits, torch.zeros_like(of_waits)),
        _EVERY_SATURATED.of(rows, unit),
    ]
    return torch.cat(parts, dim=1)[:, _POSITIONS]


def fallback_rows(rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tell which rows ``[..., F]`` are jobs, detours, waits and changeovers ahead, ``[...]``."""
    columns = (rows[..., CANDIDATE_INDEX[name]] for name in _KINDS)
    is_changeover, is_wait, has_ready = (column > 0 for column in columns)
    return (
        ~is_changeover & ~is_wait,
        is_changeover & has_ready,
        is_wait,
        is_changeover & ~has_ready,
    )


def _keep_row_quantities(columns: _Columns, unit: Tensor) -> Tensor:
    """Keep the quantities of candidate rows; return which rows are waits, ``[R]``."""
    columns.keep("unit", unit)
    time = columns.keep("process_time", columns["process_time"])
    columns.keep("setup_time", columns["setup_time"])
    columns.keep("relative_time", time.clamp(min=MIN_TICKS) / unit)
    columns.keep("cent", CENT * columns["shop.cost_scale"])
    columns.keep("shop.mean_setup_time", columns["shop.mean_setup_time"])
    is_wait = columns["is_wait"] != 0
    columns.keep("changes", columns["is_changeover"] != 0)
    columns.keep("has_ready", columns["family_ready"] > 0)
    return is_wait


# --- machines and shop ---------------------------------------------------------------------------


class _Runs:
    """Features of a part in runs of the same kind: saturated columns, copies, and others.

    Parameters
    ----------
    features
        Features of the part.
    index
        Index of the columns of the part's table.
    """

    def __init__(self, features: Sequence[Feature], index: Mapping[str, int]) -> None:
        runs = [list(run) for _, run in itertools.groupby(features, _is_plain)]
        self.index = index
        self.runs: list[_Saturated | list[Feature]] = [
            _Saturated(index, run) if _is_plain(run[0]) else run for run in runs
        ]

    def of(self, columns: _Columns, unit: Tensor) -> Tensor:
        """Return ``[..., W]`` from columns of ``[..., F]`` and mean process times ``[...]``."""
        others = {
            i: self._others_of(run, columns)
            for i, run in enumerate(self.runs)
            if not isinstance(run, _Saturated)
        }
        parts = [
            run.of(columns.table, unit) if isinstance(run, _Saturated) else _joined(others[i])
            for i, run in enumerate(self.runs)
        ]
        return torch.cat(parts, dim=unit.dim())

    def _others_of(self, run: list[Feature], columns: _Columns) -> list[Tensor]:
        """Return a run of features that are no saturated columns: all as one, or one by one."""
        if all(feature.transform == "copy" for feature in run):
            return [_column(columns.table, [self.index[copy.operands[0]] for copy in run])]
        if len(run) == 1:
            return [columns.apply(run[0], lambda column: column.unsqueeze(column.dim()))]
        return [columns.apply(feature) for feature in run]


def _joined(values: list[Tensor]) -> Tensor:
    """Return values of features as columns ``[..., W]``."""
    return values[0] if len(values) == 1 else torch.stack(values, dim=values[0].dim())


_MACHINE_RUNS = _Runs(part_of(MACHINE_PART), MACHINE_INDEX)
_SHOP_RUNS = _Runs(part_of(SHOP_PART), SHOP_INDEX)


def machine_features(machines: Tensor, shop: Tensor) -> Tensor:
    """Return features ``[N, M, MACHINE_FEATURES]`` of machines ``[N, M, Fm]``.

    They are 0 in rows without a machine.
    """
    unit = time_unit(shop).unsqueeze(1).expand(-1, machines.shape[1])
    features = _MACHINE_RUNS.of(_Columns(machines, MACHINE_INDEX, shop), unit)
    return features * machines[:, :, MACHINE_INDEX["exists"]].unsqueeze(2)


def shop_features(shop: Tensor) -> Tensor:
    """Return features ``[N, SHOP_FEATURES]`` of shops ``[N, Fs]``."""
    unit = time_unit(shop)
    columns = _Columns(shop, SHOP_INDEX, shop)
    columns.keep("unit", unit)
    columns.keep("price", columns["price_now"].clamp(min=MIN_RATE))
    columns.keep("delay", (columns["tardiness_rate"] * unit).clamp(min=MIN_RATE))
    return _SHOP_RUNS.of(columns, unit)
