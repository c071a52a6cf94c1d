"""Arrays of a factory with the hours and people of a snapshot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.reward_scale import measure_cost_scales
from factory.loading.load import load
from factory.loading.operating_tables import operating_tables, staff_groups
from factory.model import Factory, OrderBook
from factory.simulation.arrays import FactoryArrays
from scheduler.snapshot.schema import Snapshot

_Closures = dict[str, tuple[int, int]]
_WEEK_MINUTES = 7 * 24 * 60
_MAX_WEEKS = 520
"""Weeks of a closure; one that is longer counts as so long."""


class FloorHours:
    """Arrays of one factory, whose hours follow the snapshots.

    A machine of a factory with a ``start`` that is out of service is closed until then.

    Parameters
    ----------
    factory, order_book
        As for :class:`scheduler.floor.floor.ShopFloor`.
    rows
        Numbers of rows with which the cost scale is measured.
    """

    def __init__(
        self, factory: Factory, order_book: OrderBook | None, rows: dict[str, int]
    ) -> None:
        self._factory = factory
        self._books = [order_book if factory.demand is None else None]
        self._closures: _Closures = {}
        self.arrays = load([factory], self._books)
        measure_cost_scales(self.arrays, [factory.name], rows, np.float32)
        self.group_names = [group.name for group in staff_groups(factory)]
        self._counts = self.arrays.groups.count[0].copy()

    @property
    def closes_machines(self) -> bool:
        """Return whether a machine out of service is closed; otherwise locks hold it."""
        return self._factory.start is not None

    def arrays_of(self, snapshot: Snapshot) -> FactoryArrays:
        """Return the arrays for a snapshot, the same as before if its hours are the same."""
        closures = self._closures_of(snapshot) if self.closes_machines else {}
        if closures != self._closures:
            scale = self.arrays.plant.cost_scale.copy()
            tables = operating_tables(self._factory, closures)
            self.arrays = load([self._factory], self._books, [tables])
            self.arrays.plant.cost_scale[:] = scale
            self._closures = closures
        if len(self.group_names):
            self.arrays.groups.count[0] = self._present(snapshot)
        return self.arrays

    def _closures_of(self, snapshot: Snapshot) -> _Closures:
        longest = int(_MAX_WEEKS * _WEEK_MINUTES / self._factory.tick_minutes)
        clock = snapshot.clock
        return {
            name: (clock, min(state.out_of_service_until, clock + longest))
            for name, state in snapshot.machines.items()
            if state.out_of_service_until is not None and state.out_of_service_until > clock
        }

    def _present(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the number of people of each group that are present."""
        present = self._counts.copy()
        if snapshot.crews is not None and not self._factory.staff:
            present[0] = snapshot.crews
        for group, number in (snapshot.staff or {}).items():
            present[self.group_names.index(group)] = number
        return present
