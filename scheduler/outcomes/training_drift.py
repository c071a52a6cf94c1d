"""Drift: columns of the observation outside the range that the policy was trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.observation.columns import CANDIDATES, MACHINE_INDEX, MACHINES, SHOP
from envs.observation.tables import Observation
from scheduler.outcomes.schema import DriftedColumn

MIN_SNAPSHOTS = 50
"""Number of snapshots before a column can count as drifted."""
MAX_SNAPSHOTS = 200
"""Number of the newest snapshots that are looked at."""
MAX_SHARE = 0.2
"""Share of snapshots with a column outside its range from which it counts as drifted."""
_MARGIN = 0.1
"""Room on both sides of a range, relative to its width."""
_TABLES = {"candidates": CANDIDATES, "machines": MACHINES, "shop": SHOP}


class _Bounds(NamedTuple):
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    room: NDArray[np.float64]  # on both sides


class DriftMonitor:
    """Comparison of observations with the ranges in a bundle's manifest.

    Parameters
    ----------
    manifest
        Manifest of a bundle; without ranges of this version's columns, nothing is compared.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._bounds = _read_bounds(manifest.get("column_ranges"))
        self._outside = deque[NDArray[np.bool_]](maxlen=MAX_SNAPSHOTS)
        self._newest = np.zeros(sum(map(len, _TABLES.values())))

    @property
    def is_known(self) -> bool:
        """Return whether the bundle has ranges."""
        return self._bounds is not None

    @property
    def snapshots(self) -> int:
        """Return the number of observations that are compared."""
        return len(self._outside)

    def observe(self, observation: Observation) -> None:
        """Compare the legal rows of one decision, its machines and its shop row."""
        if self._bounds is None:
            return
        mask = np.asarray(observation["action_mask"][0], np.bool_)
        machines = observation["machines"][0]
        shown = (
            observation["candidates"][0][mask],
            machines[machines[:, MACHINE_INDEX["exists"]] > 0],
            observation["shop"][:1],
        )
        parts = []
        for table, rows in zip(_TABLES, shown, strict=True):
            bounds = self._bounds[table]
            beyond = np.maximum(rows - bounds.high, bounds.low - rows) - bounds.room
            parts.append((beyond > 0).any(axis=0))
            self._note_newest(table, rows, beyond)
        self._outside.append(np.concatenate(parts))

    def drifted(self) -> tuple[DriftedColumn, ...]:
        """Return the columns that are outside too often, the most frequent first."""
        if self._bounds is None or len(self._outside) < MIN_SNAPSHOTS:
            return ()
        shares = np.mean(self._outside, axis=0)
        columns = [(table, i) for table, listed in _TABLES.items() for i in range(len(listed))]
        return tuple(
            self._describe(columns[i], float(shares[i]), float(self._newest[i]))
            for i in np.argsort(-shares, kind="stable").tolist()
            if shares[i] > MAX_SHARE
        )

    def _note_newest(self, table: str, rows: NDArray[Any], beyond: NDArray[np.float64]) -> None:
        names = list(_TABLES)
        first = sum(len(_TABLES[name]) for name in names[: names.index(table)])
        farthest = beyond.argmax(axis=0)
        for i in np.flatnonzero((beyond > 0).any(axis=0)):
            self._newest[first + i] = rows[farthest[i], i]

    def _describe(self, place: tuple[str, int], share: float, newest: float) -> DriftedColumn:
        assert self._bounds is not None
        table, i = place
        bounds = self._bounds[table]
        return DriftedColumn(
            table=table,
            column=_TABLES[table][i].name,
            share=share,
            low=float(bounds.low[i]),
            high=float(bounds.high[i]),
            newest=newest,
        )


def _read_bounds(listed: Any) -> dict[str, _Bounds] | None:
    """Return the ranges of a manifest with their margin; None if it has none that fit."""
    if not isinstance(listed, dict):
        return None
    bounds = {}
    for table, columns in _TABLES.items():
        try:
            pairs = np.array(listed.get(table), np.float64)
        except (TypeError, ValueError):
            return None
        if pairs.shape != (len(columns), 2) or not np.isfinite(pairs).all():
            return None
        rounding = 1e-6 * np.abs(pairs).max(axis=1)  # values have single precision
        room = _MARGIN * (pairs[:, 1] - pairs[:, 0]) + rounding
        bounds[table] = _Bounds(pairs[:, 0], pairs[:, 1], room)
    return bounds
