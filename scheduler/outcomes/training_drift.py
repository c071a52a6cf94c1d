"""Drift: columns of the observation outside the range that the policy was trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.observation.columns import CANDIDATES, MACHINE_INDEX, MACHINES, SHOP
from envs.observation.tables import Observation
from factory.tick_dates import TickDates
from scheduler.decisions.column_effects import value_text
from scheduler.decisions.column_texts import COLUMN_TEXTS
from scheduler.outcomes.schema import DriftedColumn

MIN_SNAPSHOTS = 50
"""Number of snapshots before single values can count as drifted."""
MAX_SNAPSHOTS = 200
"""Number of the newest snapshots whose single values are looked at."""
MAX_SHARE = 0.5
"""Share of snapshots with a value outside its range from which a column counts as drifted."""
_VALUE_MARGIN, _MEAN_MARGIN = 0.1, 0.5
"""Room on both sides of the range of values, and of that of means, relative to its width."""
_TABLES = {"candidates": CANDIDATES, "machines": MACHINES, "shop": SHOP}
_COLUMNS = [(table, column) for table, listed in _TABLES.items() for column in listed]


class TrainingRanges(NamedTuple):
    """Ranges of a bundle's manifest, with their room; one entry for each column of all tables."""

    window: int  # decisions whose mean is compared
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    room: NDArray[np.float64]
    mean_low: NDArray[np.float64]
    mean_high: NDArray[np.float64]
    mean_room: NDArray[np.float64]  # infinite where the training had one value only


class DriftMonitor:
    """Comparison of observations with the ranges in a bundle's manifest.

    A column has drifted if its values are outside of the range of the training in more than half
    of the newest snapshots, or if its mean over as many snapshots as the manifest says is farther
    outside of the range of such means than half the width of that.

    Parameters
    ----------
    manifest
        Manifest of a bundle; without ranges of this version's columns, nothing is compared.
    dates
        Dates of ticks, for the texts.
    """

    def __init__(self, manifest: Mapping[str, Any], dates: TickDates) -> None:
        self._ranges, self._dates = read_ranges(manifest.get("column_ranges")), dates
        self._outside = deque[NDArray[np.bool_]](maxlen=MAX_SNAPSHOTS)
        window = self._ranges.window if self._ranges is not None else 1
        self._means = deque[NDArray[np.float64]](maxlen=window)
        self._newest = np.zeros(len(_COLUMNS))

    @property
    def is_known(self) -> bool:
        """Return whether the bundle has ranges."""
        return self._ranges is not None

    @property
    def snapshots(self) -> int:
        """Return the number of observations that are compared."""
        return len(self._outside)

    def observe(self, observation: Observation) -> None:
        """Compare the legal rows of one decision, its machines and its shop row."""
        if self._ranges is None:
            return
        mask = np.asarray(observation["action_mask"][0], np.bool_)
        machines = observation["machines"][0]
        shown = (
            observation["candidates"][0][mask],
            machines[machines[:, MACHINE_INDEX["exists"]] > 0],
            observation["shop"][:1],
        )
        low, high, mean = (
            np.concatenate([measure(rows, axis=0) for rows in shown]).astype(np.float64)
            for measure in (np.min, np.max, np.mean)
        )
        ranges = self._ranges
        above, below = high > ranges.high + ranges.room, low < ranges.low - ranges.room
        self._newest = np.where(above, high, np.where(below, low, self._newest))
        self._outside.append(above | below)
        self._means.append(mean)

    def drifted(self) -> tuple[DriftedColumn, ...]:
        """Return the drifted columns, those with values outside first, the most frequent first."""
        ranges = self._ranges
        if ranges is None or len(self._outside) < min(MIN_SNAPSHOTS, ranges.window):
            return ()
        shares = np.mean(self._outside, axis=0)
        if len(self._outside) < MIN_SNAPSHOTS:
            shares = np.zeros(len(_COLUMNS))
        means, is_shifted = np.mean(self._means, axis=0), np.zeros(len(_COLUMNS), np.bool_)
        if len(self._means) == ranges.window:
            beyond = np.maximum(means - ranges.mean_high, ranges.mean_low - means)
            is_shifted = beyond > ranges.mean_room
        return tuple(
            self._describe(i, float(shares[i]), float(means[i]))
            for i in np.argsort(-shares, kind="stable").tolist()
            if shares[i] > MAX_SHARE or is_shifted[i]
        )

    def _describe(self, i: int, share: float, mean: float) -> DriftedColumn:
        assert self._ranges is not None
        (table, column), ranges = _COLUMNS[i], self._ranges
        is_outside = share > MAX_SHARE
        low, high = (ranges.low, ranges.high) if is_outside else (ranges.mean_low, ranges.mean_high)
        value = float(self._newest[i]) if is_outside else mean
        name = COLUMN_TEXTS[column.name] if table == "candidates" else column.meaning
        seen, least, most = (
            value_text(column, number, self._dates) for number in (value, low[i], high[i])
        )
        how = f"{share:.0%} of the snapshots outside, last {seen}" if is_outside else f"mean {seen}"
        return DriftedColumn(
            table=table,
            column=column.name,
            kind="values" if is_outside else "mean",
            share=share,
            low=float(low[i]),
            high=float(high[i]),
            newest=value,
            sentence=f"{name}: {how}; in the training {least} to {most}",
        )


def read_ranges(listed: Any) -> TrainingRanges | None:
    """Return the ranges of a manifest; None if it has none that fit the columns."""
    if not isinstance(listed, dict):
        return None
    window = listed.get("window")
    if type(window) is not int or not 1 <= window <= 10_000:
        return None
    tables = []
    for table, columns in _TABLES.items():
        try:
            bounds = np.array(listed.get(table), np.float64)
        except (TypeError, ValueError):
            return None
        if bounds.shape != (len(columns), 4) or not np.isfinite(bounds).all():
            return None
        if (bounds[:, 0] > bounds[:, 1]).any() or (bounds[:, 2] > bounds[:, 3]).any():
            return None
        tables.append(bounds)
    low, high, mean_low, mean_high = np.concatenate(tables).T
    rounding = 1e-5 * np.maximum(np.abs(low), np.abs(high))  # values have single precision
    varies = high > low
    mean_room = np.where(varies, _MEAN_MARGIN * (mean_high - mean_low) + rounding, np.inf)
    room = _VALUE_MARGIN * (high - low) + rounding
    return TrainingRanges(window, low, high, room, mean_low, mean_high, mean_room)
